"""What a workspace still uses of what is on its way out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from rsppc.base.names import parse_ref, version_key
from rsppc.base.record import Record
from rsppc.base.source import Span
from rsppc.compat.deprecation import State, Window, state_at, window_of
from rsppc.compat.keys import uses_of_key, wrong_step
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Related
from rsppc.lowering.artifacts import Artifact
from rsppc.lowering.references import references_of
from rsppc.syntax.document import Mapping, Sequence


class DeprecatedInUse(Diagnostic):
    """Something that goes away is told of while there is time to change over: until the day from which it is an
    error."""

    code = "RSP7751"
    name = "deprecated-in-use"
    severity = "warning"
    headline = "`{subject}` is deprecated, and an error from {day} on"
    hint = "{advice}"
    day: str
    advice: str


class EnforcedInUse(Diagnostic):
    """The time to change over has passed. What is used all the same will stop working on the day of its removal."""

    code = "RSP7752"
    name = "enforced-in-use"
    headline = "`{subject}` is deprecated, an error since {since}, and gone from {day} on"
    hint = "{advice}"
    since: str
    day: str
    advice: str


class RemovedInUse(Diagnostic):
    """What has been removed is not there any more: runtimes and control planes of today do without it."""

    code = "RSP7753"
    name = "removed-in-use"
    headline = "`{subject}` is gone since {day}"
    hint = "{advice}"
    day: str
    advice: str


class Deprecated(Record):
    """Something on its way out that can be searched for."""

    policy: str
    written: Mapping
    window: Window
    state: State


def deprecated(policies: Iterable[Artifact], now: datetime) -> list[Deprecated]:
    """Everything in some policies that has days, and how far it is at a point in time."""
    found = []
    for policy in policies:
        for one in policy.root.get("deprecations") or Sequence():
            window = window_of(one)
            if window is not None and "feature" in one:
                found.append(Deprecated(policy=policy.ref, written=one, window=window, state=state_at(window, now)))
    return found


def check_usage(known: list[Deprecated], used: list[Artifact]) -> tuple[Diagnostic, ...]:
    """Each use of what is deprecated, as a warning or as an error by how far it is on its way out."""
    sink = DiagnosticSink()
    due = [one for one in known if one.state != "upcoming" and one.written.get("applies_to")]
    for artifact in used if due else ():
        for one in due:
            for at in _uses(one.written["applies_to"], artifact):
                sink.report(_finding(one, at))
    return sink.sorted()


def _finding(one: Deprecated, at: Span) -> Diagnostic:
    subject, window, replacement = _subject(one.written["applies_to"]), one.window, one.written.get("replacement")
    advice = f"use in its place: {replacement}" if replacement else "do without it"
    related = (Related(at=one.written.value_span("feature"), text=f"deprecated by `{one.policy}`"),)
    enforce, remove = window.enforce.isoformat(), window.remove.isoformat()
    match one.state:
        case "removed":
            return RemovedInUse(at=at, subject=subject, day=remove, advice=advice, related=related)
        case "enforced":
            return EnforcedInUse(at=at, subject=subject, since=enforce, day=remove, advice=advice, related=related)
        case _:
            return DeprecatedInUse(at=at, subject=subject, day=enforce, advice=advice, related=related)


def _subject(use: Mapping) -> str:
    return str(next(iter(use.values()), ""))


def _uses(use: Mapping, artifact: Artifact) -> Iterator[Span]:
    if "artifact" in use:
        yield from _references_to(use["artifact"], artifact)
    elif "node_type" in use:
        yield from (
            node.value_span("node_type") for node in _nodes(artifact) if node.get("node_type") == use["node_type"]
        )
    elif "provider" in use:
        yield from (at for name, at in _providers(artifact) if name == use["provider"])
    elif "key" in use:
        kind, *steps = use["key"].split(".")
        if kind == artifact.kind.name and wrong_step(use["key"]) is None:
            yield from uses_of_key(artifact.root, tuple(steps), artifact.kind.shape)


def _references_to(text: str, artifact: Artifact) -> Iterator[Span]:
    wanted = parse_ref(text)
    if wanted is None:
        return
    for kind, written, at in references_of(artifact):
        ref = parse_ref(written)
        if kind != wanted.kind or ref is None or ref.id != wanted.id:
            continue
        if version_key(ref.version) == version_key(wanted.version):
            yield at


def _nodes(artifact: Artifact) -> Iterator[Mapping]:
    """The nodes of a spec or a module, and those that a policy inserts."""
    root = artifact.root
    if artifact.kind.name in ("pipeline", "module"):
        yield from root.get("nodes") or ()
    if artifact.kind.name == "policy":
        yield from (rule["insert"] for rule in root.get("insert_rules") or () if rule.get("insert"))


def _providers(artifact: Artifact) -> Iterator[tuple[str, Span]]:
    """The providers that nodes, rules and settings name."""
    root = artifact.root
    for node in _nodes(artifact):
        if node.get("provider") is not None:
            yield node["provider"], node.value_span("provider")
    for rule in root.get("provider_rules") or () if artifact.kind.name == "policy" else ():
        names = rule.get("use") or Sequence()
        yield from ((name, names.value_span(index)) for index, name in enumerate(names))
    for settings in _settings(artifact):
        for path, value in settings.items():
            if path.startswith("nodes.") and path.endswith(".provider") and isinstance(value, str):
                yield value, settings.value_span(path)


def _settings(artifact: Artifact) -> Iterator[Mapping]:
    """What layers and degrade rules set."""
    tables = [artifact.root] if artifact.kind.name == "layer" else []
    if artifact.kind.name == "policy":
        tables = list(artifact.root.get("degrade_rules") or ())
    yield from (table["set"] for table in tables if table.get("set"))
