"""ExtensionManifest → Catalog: node types, providers, records.

Plugins that stand in no graph are guarded like node types, and left out of the catalog.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Literal

from rsppc.base.source import Span
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Edit, Fix, Related
from rsppc.ir.catalog import Cancel, Catalog, ConfigField, ConfigType, Latency, Limits, NodeType, Port, Provider
from rsppc.ir.ports import solver_template
from rsppc.ir.setting import FromNodeType, Setting
from rsppc.ir.types import PortType, Product
from rsppc.syntax.document import Item, Mapping
from rsppc.syntax.type_expr import TypeSyntaxError, parse_type

CONFIG_TYPES = (
    "bool",
    "int",
    "string",
    "enum",
    "duration_ms",
    "size_bytes",
    "rate_hz",
    "secret",
    "asset",
    "language",
)

PluginKind = Literal["policy plugin", "runtime adapter"]
PLUGINS: tuple[tuple[str, str, PluginKind], ...] = (
    ("policy_plugins", "policy_plugin", "policy plugin"),
    ("runtime_adapters", "runtime_adapter", "runtime adapter"),
)
"""Sections of plugins that stand in no graph: key, the key that names an item, and what people call one."""

STRICTNESS = ("provider", "policy", "node", "external_node", "runtime_adapter")
"""Types of manifests, from what is mere data to what carries everything that a call says."""


class DuplicateNodeType(Diagnostic):
    """A node type means one thing in a workspace; the shipped library may be overridden, manifests of one workspace may
    not contradict each other."""

    code = "RSP2204"
    name = "duplicate-declaration"
    headline = "{what} `{subject}` is declared twice"
    hint = "rename one of them, or remove one manifest"
    what: str


class MalformedType(Diagnostic):
    """Port types are written like `audio<codec=pcm_s16le, rate_hz=8000|16000>`, `text<final>`, `control<turn>`."""

    code = "RSP3101"
    name = "malformed-type"
    headline = "{problem}"
    hint = "{advice}"
    problem: str
    advice: str


class MalformedConfigType(Diagnostic):
    """Config fields have a closed set of types, so that every value can be checked and every unit is known."""

    code = "RSP3102"
    name = "malformed-config-type"
    headline = "`{subject}` is no type of a config field"
    hint = (
        "types are bool, int, string, enum, duration_ms, size_bytes, rate_hz, secret, asset, language, `list<T>`, "
        "`map<string,T>`, `record<schema>`"
    )


class UnguardedExtension(Diagnostic):
    """Code outside the runtime's own process, or that nobody vouches for, may only run under limits, with a time-out,
    and with a stated level of trust; without them it does not load."""

    code = "RSP8101"
    name = "unguarded-extension"
    headline = "{mode} {what} `{subject}` states no {missing}"
    hint = "add {missing}"
    mode: str
    missing: str
    what: str = "node type"


class UntrustedInProcess(Diagnostic):
    """Untrusted code beside ours could read every call. It runs in a sandbox or in a process of its own."""

    code = "RSP8102"
    name = "untrusted-in-process"
    headline = "untrusted {what} `{subject}` cannot run in the runtime's own process"
    hint = "use `execution_mode: sandbox` or `external`"
    what: str = "node type"


class AboveCeiling(Diagnostic):
    """A manifest's limits are a ceiling for everything in it; a node type may only lower them."""

    code = "RSP8103"
    name = "above-ceiling"
    headline = "`{limit}` of `{subject}` is {written}, above the manifest's ceiling of {ceiling}"
    hint = "lower it to {ceiling} or less"
    limit: str
    written: int
    ceiling: int


class LooserThanItsManifest(Diagnostic):
    """A manifest names the strictest kind of extension that it holds, so that a reader need not look further."""

    code = "RSP8104"
    name = "looser-manifest-type"
    headline = "manifest type `{written}` is looser than its content, which needs `{needed}`"
    hint = "write `type: {needed}`"
    written: str
    needed: str


class RaisedTrust(Diagnostic):
    """A manifest's trust level is that of its author. A node type may ask for less; nobody vouches for himself."""

    code = "RSP8105"
    name = "raised-trust"
    headline = "{what} `{subject}` calls itself trusted, in a manifest that is not"
    hint = "remove its `trust_level`, or move it into a manifest of its own that somebody vouches for"
    what: str


def lower_catalog(workspace: Iterable[Mapping], shipped: Iterable[Mapping], sink: DiagnosticSink) -> Catalog:
    """All that the manifests declare. Those of the workspace win over the shipped ones of the same name."""
    node_types: dict[str, NodeType] = {}
    providers: dict[str, Provider] = {}
    records: dict[str, dict[str, Any]] = {}
    places: dict[tuple[str, str], Span] = {}
    for root in workspace:
        _add_manifest(root, node_types, providers, records, places, sink)
    for root in shipped:
        _add_manifest(root, node_types, providers, records, None, sink)
    return Catalog(node_types=node_types, providers=providers, records=records)


def _add_manifest(
    root: Mapping,
    node_types: dict[str, NodeType],
    providers: dict[str, Provider],
    records: dict[str, dict[str, Any]],
    places: dict[tuple[str, str], Span] | None,
    sink: DiagnosticSink,
) -> None:
    """Add what is new; `places` remembers what may not be declared again, None where repetition is an override."""
    ref = f"{root['extension_id']}/{root['version']}"

    def is_new(what: str, item: Mapping, key: str, known: dict[str, Any]) -> bool:
        name = item.get(key)
        if name is None:
            return False
        if places is None:
            return name not in known
        at = item.value_span(key)
        first = places.setdefault((what, name), at)
        if first is not at:
            related = (Related(at=first, text="the first one is here"),)
            sink.report(DuplicateNodeType(at=at, what=what, subject=name, related=related))
        return first is at

    for item in root.get("node_types") or ():
        if is_new("node type", item, "node_type", node_types):
            node_types[item["node_type"]] = _node_type(item, root, ref, sink)
    for item in root.get("providers") or ():
        if is_new("provider", item, "provider_id", providers) and "modality" in item:
            providers[item["provider_id"]] = _provider(item, ref, sink)
    for item in root.get("records") or ():
        if is_new("record", item, "schema_id", records) and "schema" in item:
            records[item["schema_id"]] = item["schema"]
    for key, name, what in PLUGINS:
        for item in root.get(key) or ():
            if is_new(what, item, name, {}):
                _check_guards(what, item, root, sink)
    _check_manifest_type(root, sink)


def _node_type(item: Mapping, root: Mapping, ref: str, sink: DiagnosticSink) -> NodeType:
    name = item["node_type"]
    fields = {one["name"]: one for one in item.get("config") or () if one.keys() >= {"name", "type"}}
    inputs, outputs = _ports(item, "in", sink), _ports(item, "out", sink)
    is_dynamic = any(one.named_by for one in (*inputs.values(), *outputs.values()))
    node_type = NodeType(
        name=name,
        manifest=ref,
        role=item.get("role", "processor"),
        execution_mode=item.get("execution_mode", "in_process"),
        impl_ref=item.get("impl_ref", ""),
        digest=item.get("digest"),
        inputs=inputs,
        outputs=outputs,
        config={field: _config_field(one, sink) for field, one in fields.items()},
        defaults={
            field: Setting(
                value=one["default"], origin=FromNodeType(ref=ref, node_type=name, container=one, key="default")
            )
            for field, one in fields.items()
            if "default" in one
        },
        state=item.get("state", "none"),
        scope=item.get("scope", "inherit"),
        place=Item(container=item, key="node_type"),
        latency=_latencies(item),
        cancel=_cancel(item),
        turn_cancel=item.get("turn_cancel", "none"),
        timeout_ms=item.get("timeout_ms"),
        limits=limits_of(item.get("resource_limits") or {}, root.get("resource_limits") or {}),
        trust_level=trust_of(item, root),
        modality=item.get("modality"),
        sbom_ref=item.get("sbom_ref"),
        attestation_ref=item.get("attestation_ref"),
        streaming=item.get("streaming"),
        template=None if is_dynamic else solver_template(inputs, outputs),
    )
    _check_guards("node type", item, root, sink)
    return node_type


def _ports(item: Mapping, direction: str, sink: DiagnosticSink) -> dict[str, Port]:
    ports: dict[str, Port] = {}
    for one in item.get("ports") or ():
        if not one.keys() >= {"name", "direction", "type", "lane"} or one["direction"] != direction:
            continue
        port_type = port_type_at(one, "type", sink)
        if port_type is None:
            port_type = _ANY_TYPE  # the port is there, so that edges to it are not called wrong as well
        ports[one["name"]] = Port(
            name=one["name"],
            direction=one["direction"],
            type=port_type,
            lane=one["lane"],
            required=one.get("required", True),
            place=Item(container=one, key="name"),
            named_by=one["named_by"].removeprefix("config.") if "named_by" in one else None,
        )
    return ports


_ANY_TYPE = PortType(alternatives=(Product(kind="T", terms=()),))


def port_type_at(container: Any, key: Any, sink: DiagnosticSink) -> PortType | None:
    """The port type that is written at a place; reported and None where it is malformed."""
    text = container[key]
    parsed = parse_type(text)
    if not isinstance(parsed, TypeSyntaxError):
        return parsed
    span = container.value_span(key)
    quoted = 1 if span.text[:1] in ("'", '"') else 0
    start = min(span.start + quoted + parsed.start, span.end)
    at = Span(source=span.source, start=start, end=max(start, min(span.start + quoted + parsed.end, span.end)))
    fixes: tuple[Fix, ...] = ()
    if parsed.suggestion:
        fixes = (Fix(title=f"write `{parsed.suggestion}`", edits=(Edit(at=at, text=parsed.suggestion),)),)
    advice = f"did you mean `{parsed.suggestion}`?" if parsed.suggestion else ""
    sink.report(MalformedType(at=at, subject=text[:100], problem=parsed.message, advice=advice, fixes=fixes))
    return None


_CONFIG_TYPE = re.compile(r"(?P<outer>list|map|record)<(?P<inner>.*)>")


def _config_field(item: Mapping, sink: DiagnosticSink) -> ConfigField:
    text = item["type"]
    config_type = parse_config_type(text)
    if config_type is None:
        sink.report(MalformedConfigType(at=item.value_span("type"), subject=text))
        config_type = ConfigType(name="any")
    return ConfigField(
        name=item["name"],
        type=config_type,
        required=item.get("required", False),
        place=Item(container=item, key="name"),
        doc=item.get("doc", ""),
        minimum=item.get("min"),
        maximum=item.get("max"),
        values=tuple(item.get("values") or ()),
    )


def parse_config_type(text: str) -> ConfigType | None:
    """`list<record<rspp.tool.v1>>` as a tree; None where the text is no type. At most four levels."""
    names: list[str] = []
    rest = text.strip()
    while (found := _CONFIG_TYPE.fullmatch(rest)) is not None and len(names) < 4:
        inner = found["inner"].strip()
        if found["outer"] == "record":
            return _wrapped(names, ConfigType(name="record", schema_id=inner))
        if found["outer"] == "map":
            key, _, inner = inner.partition(",")
            if key.strip() != "string":
                return None
        names.append(found["outer"])
        rest = inner.strip()
    return _wrapped(names, ConfigType(name=rest)) if rest in CONFIG_TYPES else None


def _wrapped(outer: list[str], inner: ConfigType) -> ConfigType:
    for name in reversed(outer):
        inner = ConfigType(name=name, item=inner)
    return inner


TIMES = ("duration_ms", "int")
"""Config types whose values a latency can count as milliseconds."""


def latencies_in(item: Mapping) -> list[Mapping]:
    """What a node type or a provider says of its latency: per output, or once for all."""
    latency = item.get("latency")
    if not latency:
        return []
    if _is_per_output(latency):
        return [one for one in latency.values() if isinstance(one, Mapping)]
    return [latency]


def _is_per_output(latency: Mapping) -> bool:
    return any(isinstance(value, Mapping) for value in latency.values())


def _latencies(item: Mapping) -> dict[str, Latency]:
    latency = item.get("latency")
    if not latency:
        return {}
    if _is_per_output(latency):
        return {port: _latency(one, latency, port) for port, one in latency.items() if one is not None}
    return {"*": _latency(latency, item, "latency")}


def _latency(mapping: Mapping, container: Mapping, key: str) -> Latency:
    return Latency(
        p50_ms=mapping.get("p50_ms"),
        p95_ms=mapping.get("p95_ms"),
        plus=tuple(path.removeprefix("config.") for path in mapping.get("plus") or ()),
        at_least=tuple(path.removeprefix("config.") for path in mapping.get("at_least") or ()),
        place=Item(container=mapping, key="p95_ms") if "p95_ms" in mapping else Item(container=container, key=key),
    )


def _cancel(item: Mapping) -> Cancel | None:
    cancel = item.get("cancel")
    if not cancel or not cancel.keys() >= {"mode", "style"}:
        return None
    latency = 0 if cancel["mode"] == "preemptible" else cancel.get("cancel_latency_ms")
    place = Item(container=cancel, key="cancel_latency_ms" if "cancel_latency_ms" in cancel else "mode")
    return Cancel(mode=cancel["mode"], style=cancel["style"], latency_ms=latency, place=place)


def limits_of(own: Any, ceiling: Any) -> Limits:
    """The limits that an item gets: its own, and the manifest's where it states none."""
    return Limits(
        cpu_milli=own.get("cpu_milli", ceiling.get("cpu_milli")),
        memory_bytes=own.get("memory_bytes", ceiling.get("memory_bytes")),
        max_concurrency=own.get("max_concurrency", ceiling.get("max_concurrency")),
    )


def _check_guards(what: str, item: Mapping, root: Mapping, sink: DiagnosticSink) -> None:
    name = item[name_key(item)]
    own, ceiling = item.get("resource_limits") or Mapping(), root.get("resource_limits") or Mapping()
    for limit, written in own.items():
        if written > ceiling.get(limit, written):
            at = own.value_span(limit)
            sink.report(AboveCeiling(at=at, subject=name, limit=limit, written=written, ceiling=ceiling[limit]))
    at = item.value_span(name_key(item))
    mode, trust = item.get("execution_mode", "in_process"), trust_of(item, root)
    if trust == "untrusted" and item.get("trust_level") == "trusted":
        sink.report(RaisedTrust(at=item.value_span("trust_level"), subject=name, what=what))
    if mode == "in_process":
        if trust == "untrusted":
            sink.report(UntrustedInProcess(at=at, subject=name, what=what))
        return
    limits = limits_of(own, ceiling)
    missing = [
        key
        for key, value in (
            ("`resource_limits`", limits.cpu_milli and limits.memory_bytes),
            ("`timeout_ms`", item.get("timeout_ms")),
            ("`trust_level`", trust),
            ("`digest`", item.get("digest")),
        )
        if not value
    ]
    if missing:
        words = "external" if mode == "external" else "sandboxed"
        sink.report(UnguardedExtension(at=at, subject=name, what=what, mode=words, missing=", ".join(missing)))


def trust_of(item: Mapping, root: Mapping) -> Literal["trusted", "untrusted"] | None:
    """The trust that an item gets: what the manifest states, or less."""
    levels = (root.get("trust_level"), item.get("trust_level"))
    return "untrusted" if "untrusted" in levels else "trusted" if "trusted" in levels else None


def name_key(item: Mapping) -> str:
    """The key under which a node type or a plugin says its name."""
    return next(key for key in ("node_type", "policy_plugin", "runtime_adapter") if key in item)


def strictest(root: Mapping) -> str | None:
    """The strictest kind of extension that a manifest holds; None where it holds records only."""
    modes = [one.get("execution_mode") for one in root.get("node_types") or ()]
    held = [
        kind
        for kind, is_held in (
            ("provider", root.get("providers")),
            ("policy", root.get("policy_plugins")),
            ("node", modes),
            ("external_node", "external" in modes or "sandbox" in modes),
            ("runtime_adapter", root.get("runtime_adapters")),
        )
        if is_held
    ]
    return held[-1] if held else None


def _check_manifest_type(root: Mapping, sink: DiagnosticSink) -> None:
    written, needed = root.get("type"), strictest(root)
    if written is None or needed is None:
        return
    if STRICTNESS.index(written) < STRICTNESS.index(needed):
        sink.report(LooserThanItsManifest(at=root.value_span("type"), written=written, needed=needed))


def _provider(item: Mapping, ref: str, sink: DiagnosticSink) -> Provider:
    refines = item.get("refines") or Mapping()
    cost = item.get("cost") or {}
    modes, languages = item.get("modes"), item.get("languages")
    return Provider(
        id=item["provider_id"],
        modality=item["modality"],
        manifest=ref,
        place=Item(container=item, key="provider_id"),
        refines={
            port: (port_type, Item(container=refines, key=port))
            for port in refines
            if (port_type := port_type_at(refines, port, sink)) is not None
        },
        latency=_latencies(item),
        modes=None if modes is None else tuple(modes),
        languages=None if languages is None else tuple(languages),
        confidence=item.get("confidence"),
        cancel=_cancel(item),
        cost_unit=cost.get("unit"),
        cost_micro_usd=cost.get("micro_usd"),
        failure_domain=item.get("failure_domain"),
    )
