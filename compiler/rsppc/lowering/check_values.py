"""Hold values of one artifact against each other, where a shape judges each value alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rsppc.base.names import parse_ref, version_key
from rsppc.base.source import Span
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Related
from rsppc.lowering.check_shape import RepeatedItem
from rsppc.syntax.document import Mapping, Sequence


class ReversedRange(Diagnostic):
    """A range of versions that ends before it begins holds none, so that nothing could load the artifact."""

    code = "RSP1114"
    name = "reversed-range"
    headline = "`{subject}` ends at `{newest}`, before it begins at `{oldest}`"
    hint = "write the older version as `min`"
    oldest: str
    newest: str


class IncompleteSyncDrop(Diagnostic):
    """Events that are dropped together need something that makes them a group, and a discontinuity needs the domain in
    which it is announced."""

    code = "RSP1115"
    name = "incomplete-sync-drop"
    headline = "`sync_drop_policy` with `policy: {policy}` needs the key `{subject}`"
    hint = "add `{subject}`, or choose `policy: no_sync`"
    policy: str


def check_values(kind: str, root: Mapping, sink: DiagnosticSink) -> None:
    """Report values of a sound artifact that contradict each other."""
    for mapping in _sync_drops(kind, root):
        _check_sync_drop(mapping, sink)
    if kind == "bundle":
        for key in ("policy_refs", "layer_refs", "module_refs"):
            _check_spellings(key, root.get(key) or Sequence(), sink)
        window = root.get("compat_window") or Mapping()
        for key in window:
            _check_range(key, window, sink)


def _check_range(key: str, window: Mapping, sink: DiagnosticSink) -> None:
    versions = window[key]
    if not versions or not versions.keys() >= {"min", "max"}:
        return
    oldest, newest = versions["min"], versions["max"]
    if version_key(oldest) > version_key(newest):
        subject = f"compat_window.{key}"
        sink.report(ReversedRange(at=versions.value_span("max"), subject=subject, oldest=oldest, newest=newest))


def _check_spellings(key: str, refs: Sequence, sink: DiagnosticSink) -> None:
    """Report an artifact that a list names twice in different words; equal words are the shape's affair."""
    first: dict[tuple[str, tuple[int, int, int]], tuple[str, Span]] = {}
    for index, text in enumerate(refs):
        ref = parse_ref(text)
        if ref is None:
            continue
        written, at = first.setdefault((ref.id, version_key(ref.version)), (text, refs.value_span(index)))
        if written != text:
            related = (Related(at=at, text="the first one"),)
            sink.report(RepeatedItem(at=refs.value_span(index), key=key, item=ref.name, related=related))


def _sync_drops(kind: str, root: Mapping) -> Iterator[Any]:
    """Whatever is written as a `sync_drop_policy` in an artifact."""
    match kind:
        case "pipeline" | "module":
            buffers = [edge["buffer"] for edge in root.get("edges") or () if edge.get("buffer")]
        case "profile":
            defaults = root.get("buffer_defaults") or Mapping()
            data = defaults.get("DataLane") or Mapping()
            lanes = (
                data.get("additive"),
                data.get("replaceable"),
                *map(defaults.get, ("ControlLane", "TelemetryLane")),
            )
            buffers = [lane for lane in lanes if lane]
        case "layer":
            yield from _set_sync_drops(root.get("set"))
            return
        case "policy":
            for rule in root.get("degrade_rules") or ():
                yield from _set_sync_drops(rule.get("set"))
            return
        case _:
            return
    for buffer in buffers:
        yield buffer.get("sync_drop_policy")


def _set_sync_drops(settings: Mapping | None) -> Iterator[Any]:
    for path, value in (settings or {}).items():
        if path.endswith(".buffer.sync_drop_policy") or (
            path.startswith("buffers.") and path.endswith(".sync_drop_policy")
        ):
            yield value


def _check_sync_drop(written: Any, sink: DiagnosticSink) -> None:
    if not isinstance(written, Mapping):  # whatever else stands there is judged where its type is known
        return
    policy = written.get("policy")
    needed = {"atomic_drop": ("group_by",), "drop_with_discontinuity": ("group_by", "sync_domain")}.get(str(policy), ())
    for key in needed:
        if key not in written:
            sink.report(IncompleteSyncDrop(at=written.value_span("policy"), subject=key, policy=str(policy)))
