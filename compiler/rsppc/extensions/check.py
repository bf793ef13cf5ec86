"""What a manifest says that cannot be meant: records that are none, ports that nobody can wire, plugins that break
what they were hired for.

Its form, its guards (limits, time-outs, trust) and what is declared twice are judged where manifests are lowered; here
stands what concerns nobody but the author of the extension.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from rsppc.base.names import near_miss, version_key
from rsppc.base.source import Span
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Edit, Fix, Related
from rsppc.extensions.papers import reference_fault
from rsppc.extensions.record_schema import schema_problems
from rsppc.extensions.streaming import contradiction
from rsppc.ir.catalog import Catalog
from rsppc.ir.types import PortType, Product, Values, config_fields
from rsppc.lowering.artifacts import Artifact, Artifacts
from rsppc.lowering.extension import PLUGINS, STRICTNESS, TIMES, latencies_in, name_key, port_type_at, strictest
from rsppc.lowering.lower import catalog
from rsppc.model.extension import ADAPTER_PROMISES
from rsppc.syntax.document import Mapping, Sequence

API_VERSIONS = ("v1",)
"""Versions of the interface of plugins that this toolchain knows."""
EVENT_ABI_VERSIONS = ("v1",)
"""Versions of the Event ABI that runtime adapters can be held against."""


class StricterThanItsContent(Diagnostic):
    """A manifest names the strictest kind of extension that it holds. A stricter name sets off reviews that nothing in
    it needs, and soon nobody believes it."""

    code = "RSP8401"
    name = "stricter-manifest-type"
    severity = "warning"
    headline = "manifest type `{written}` is stricter than its content, which is of type `{held}`"
    hint = "write `type: {held}`"
    written: str
    held: str


class UndeclaredRecord(Diagnostic):
    """Who receives a record has to know what is in it, so that a manifest declares every record that a port carries."""

    code = "RSP8402"
    name = "undeclared-record"
    headline = "port `{port}` of `{subject}` carries the record `{record}`, which no manifest declares"
    hint = "{advice}"
    port: str
    record: str
    advice: str


class UnsoundRecord(Diagnostic):
    """A record's schema is what the other side of an edge is written against; one that cannot be meant binds nobody."""

    code = "RSP8403"
    name = "unsound-record"
    headline = "record `{subject}`: {problem}"
    hint = "{advice}"
    problem: str
    advice: str


class StreamingContradictsPorts(Diagnostic):
    """Whether a node streams follows from what its ports carry. What is stated beside them must agree, or the runtime
    would wait for a whole text where pieces come, or hand on pieces to somebody who waits for the whole."""

    code = "RSP8404"
    name = "streaming-contradicts-ports"
    headline = "`{subject}` cannot stream as `{written}`: {reason}"
    hint = "leave `streaming` out, or correct the types of the ports"
    written: str
    reason: str


class BoundaryWithoutCancel(Diagnostic):
    """Code in another process goes on until it is told to stop. Without a stated way and time to stop it, a cancelled
    turn may still be heard."""

    code = "RSP8405"
    name = "boundary-without-cancel"
    headline = "`{subject}` runs outside of the runtime and states no {missing}"
    hint = "add {missing}"
    missing: str


class UnsupportedInterface(Diagnostic):
    """Plugins are written for one version of an interface. One for another version may load and misunderstand every
    call."""

    code = "RSP8406"
    name = "unsupported-interface"
    headline = "`{key}` is `{written}`; this toolchain knows {known}"
    hint = "write the extension for {known}, or use a toolchain that knows `{written}`"
    key: str
    written: str
    known: str


class BrokenAdapterPromise(Diagnostic):
    """An adapter carries everything between a caller and the runtime. Control signals before data, epochs checked on
    the way in and out, silence after a cancel, turns that open and close in order, and the evidence of it hold
    whatever the transport is."""

    code = "RSP8407"
    name = "broken-adapter-promise"
    headline = "runtime adapter `{subject}` does not preserve {missing}"
    hint = "make the adapter keep it and list it under `preserves`; there is no adapter that keeps less"
    missing: str


class MutableReference(Diagnostic):
    """A bill of materials or a proof of origin is worth something only if it is the one that was reviewed: the
    reference fixes a version or a digest."""

    code = "RSP8408"
    name = "mutable-reference"
    headline = "`{key}` of `{subject}` {problem}"
    hint = "write `package:NAME==VERSION`, `asset:PATH`, `oci:REPOSITORY@sha256:…` or `https://…#sha256:…`"
    key: str
    problem: str


class RepeatedPart(Diagnostic):
    """A port or a config field means one thing; of two with one name the second silently wins."""

    code = "RSP8409"
    name = "repeated-part"
    headline = "`{subject}` declares its {what} `{part}` twice"
    hint = "rename one of them, or remove one"
    what: str
    part: str


class UnknownConfigInPort(Diagnostic):
    """A type that reads `config.FIELD` is settled by that field; one that nobody can set leaves the type open for
    ever."""

    code = "RSP8410"
    name = "unknown-config-in-port"
    headline = "port `{port}` of `{subject}` reads `config.{field}`, which is no config field"
    hint = "{advice}"
    port: str
    field: str
    advice: str


class UnknownTimeInLatency(Diagnostic):
    """A latency that counts the milliseconds of `config.FIELD` is known as soon as that field is; one that nobody can
    set, or that is no time, leaves every proof that rests on it open for ever."""

    code = "RSP8411"
    name = "unknown-time-in-latency"
    headline = "the latency of `{subject}` counts `config.{field}`, {problem}"
    hint = "{advice}"
    field: str
    problem: str
    advice: str


def check_artifact(artifacts: Artifacts, artifact: Artifact, sink: DiagnosticSink) -> None:
    """Report what one manifest of the workspace says that cannot be meant."""
    known = catalog(artifacts, DiagnosticSink())  # what is wrong with it has been reported
    check_manifest(artifact.root, known, known.records.keys(), sink)


def check_manifest(root: Mapping, known: Catalog, records: Collection[str], sink: DiagnosticSink) -> None:
    """Report what a manifest of sound form says that cannot be meant, by what is `known` beside it; `records` are all
    that are in sight."""
    _check_type(root, sink)
    _check_version(root, "api_version", API_VERSIONS, sink)
    for record in root.get("records") or ():
        if isinstance(record.get("schema"), Mapping):
            for found in schema_problems(record["schema"]):
                name = record.get("schema_id", "?")
                sink.report(UnsoundRecord(at=found.at, subject=name, problem=found.problem, advice=found.advice))
    for item in root.get("node_types") or ():
        if "node_type" in item:
            _check_node_type(item, records, sink)
    for item in root.get("providers") or ():
        if "provider_id" not in item or "modality" not in item:
            continue
        served = [one for one in known.node_types.values() if one.modality == item["modality"]]
        if served:
            fields = {name: field.type.name for one in served for name, field in one.config.items()}
            _check_latencies(item["provider_id"], item, fields, f"a node type of `{item['modality']}`", sink)
    for key, name, _ in PLUGINS:
        for item in root.get(key) or ():
            if name in item:
                _check_papers(item, sink)
    for item in root.get("runtime_adapters") or ():
        if "runtime_adapter" in item:
            _check_adapter(item, sink)


def _check_type(root: Mapping, sink: DiagnosticSink) -> None:
    written, held = root.get("type"), strictest(root)
    if written is not None and held is not None and STRICTNESS.index(written) > STRICTNESS.index(held):
        sink.report(StricterThanItsContent(at=root.value_span("type"), written=written, held=held))


def _check_version(mapping: Mapping, key: str, known: tuple[str, ...], sink: DiagnosticSink) -> None:
    written = mapping.get(key)
    if written is not None and version_key(written) not in map(version_key, known):
        words = ", ".join(f"`{one}`" for one in known)
        sink.report(UnsupportedInterface(at=mapping.value_span(key), key=key, written=written, known=words))


def _check_node_type(item: Mapping, records: Collection[str], sink: DiagnosticSink) -> None:
    name = item["node_type"]
    _check_names(item, sink)
    inputs: list[PortType] = []
    outputs: list[PortType] = []
    for port, port_type in _typed_ports(item):
        (inputs if port.get("direction") == "in" else outputs).append(port_type)
        _check_port(name, port, port_type, item, records, sink)
    if "streaming" in item:
        reason = contradiction(item["streaming"], inputs, outputs)
        if reason is not None:
            at = item.value_span("streaming")
            sink.report(StreamingContradictsPorts(at=at, subject=name, written=item["streaming"], reason=reason))
    if item.get("execution_mode") in ("external", "sandbox"):
        missing = missing_cancel(item)
        if missing is not None:
            sink.report(BoundaryWithoutCancel(at=item.value_span("node_type"), subject=name, missing=missing))
    fields = {one["name"]: one["type"] for one in item.get("config") or () if one.keys() >= {"name", "type"}}
    _check_latencies(name, item, fields, "`config`", sink)
    _check_papers(item, sink)


def _check_latencies(subject: str, item: Mapping, fields: dict[str, str], where: str, sink: DiagnosticSink) -> None:
    """Report config fields that latencies count and that are not there, or are no times; `fields` with their types."""
    for entry in latencies_in(item):
        for key in ("plus", "at_least"):
            paths = entry.get(key) or Sequence()
            for index, path in enumerate(paths):
                field = path.removeprefix("config.")
                if fields.get(field) not in TIMES:
                    at = paths.value_span(index)
                    sink.report(_unknown_time(subject, field, fields, where, at))


def _unknown_time(subject: str, field: str, fields: dict[str, str], where: str, at: Span) -> Diagnostic:
    written = fields.get(field)
    guess = near_miss(field, (name for name, type_ in fields.items() if type_ in TIMES))
    advice = f"did you mean `config.{guess}`?" if guess else f"declare `{field}` under {where}, as a `duration_ms`"
    fixes = (Fix(title=f"write `config.{guess}`", edits=(Edit(at=at, text=f"config.{guess}"),)),) if guess else ()
    problem = f"which is a `{written}` and no time" if written else "which is no config field"
    return UnknownTimeInLatency(at=at, subject=subject, field=field, problem=problem, advice=advice, fixes=fixes)


def missing_cancel(item: Mapping) -> str | None:
    """What a node type leaves out of how it stops, in words; None where it says all of it."""
    cancel = item.get("cancel")
    if not cancel:
        return "`cancel`"
    if cancel.get("mode") == "cooperative" and "cancel_latency_ms" not in cancel:
        return "`cancel_latency_ms` in `cancel`"
    return None


def _typed_ports(item: Mapping) -> Iterator[tuple[Mapping, PortType]]:
    for port in item.get("ports") or ():
        port_type = port_type_at(port, "type", DiagnosticSink()) if "type" in port else None
        if port_type is not None:
            yield port, port_type


def _check_names(item: Mapping, sink: DiagnosticSink) -> None:
    """Report ports and config fields that are declared twice."""
    first: dict[tuple[str, str], Span] = {}
    for key, what in (("ports", "port"), ("config", "config field")):
        for one in item.get(key) or ():
            if "name" not in one:
                continue
            at = one.value_span("name")
            words = f"{what} ({one['direction']})" if "direction" in one else what
            known = first.setdefault((words, one["name"]), at)
            if known is not at:
                related = (Related(at=known, text="the first one is here"),)
                sink.report(
                    RepeatedPart(at=at, subject=item["node_type"], what=what, part=one["name"], related=related)
                )


def _check_port(
    node_type: str, port: Mapping, port_type: PortType, item: Mapping, records: Collection[str], sink: DiagnosticSink
) -> None:
    at = port.value_span("type")
    for record in _records_of(port_type):
        if record not in records:
            guess = near_miss(record, records)
            advice = f"did you mean `{guess}`?" if guess else "declare it under `records` of a manifest"
            sink.report(
                UndeclaredRecord(at=at, subject=node_type, port=port.get("name", "?"), record=record, advice=advice)
            )
    fields = {one["name"] for one in item.get("config") or () if "name" in one}
    named_by = (port["named_by"].removeprefix("config."),) if "named_by" in port else ()
    for place, names in (("type", config_fields(port_type)), ("named_by", named_by)):
        for name in names:
            if name not in fields:
                guess = near_miss(name, fields)
                advice = f"did you mean `config.{guess}`?" if guess else f"declare `{name}` under `config`"
                sink.report(
                    UnknownConfigInPort(
                        at=port.value_span(place),
                        subject=node_type,
                        port=port.get("name", "?"),
                        field=name,
                        advice=advice,
                    )
                )


def _records_of(port_type: PortType) -> Iterator[str]:
    for product in port_type.alternatives:
        schema = _schema_term(product)
        if schema is not None:
            yield from (str(one) for one in schema.values)


def _schema_term(product: Product) -> Values | None:
    term = product.terms[0] if product.kind == "record" and product.terms else None
    return term if isinstance(term, Values) else None


def _check_papers(item: Mapping, sink: DiagnosticSink) -> None:
    for key in ("sbom_ref", "attestation_ref"):
        problem = reference_fault(item[key]) if key in item else None
        if problem is not None:
            sink.report(
                MutableReference(at=item.value_span(key), subject=item[name_key(item)], key=key, problem=problem)
            )


def _check_adapter(item: Mapping, sink: DiagnosticSink) -> None:
    name = item["runtime_adapter"]
    _check_version(item, "event_abi", EVENT_ABI_VERSIONS, sink)
    if "preserves" in item:
        missing = [f"`{one}`" for one in ADAPTER_PROMISES if one not in item["preserves"]]
        if missing:
            at = item.value_span("preserves")
            sink.report(BrokenAdapterPromise(at=at, subject=name, missing=", ".join(missing)))
