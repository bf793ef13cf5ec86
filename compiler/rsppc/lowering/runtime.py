"""RuntimeCapability → Runtime: what a bundle is held against where a runtime is named."""

from __future__ import annotations

from rsppc.base.source import Source, file_span
from rsppc.diagnostics import DiagnosticSink
from rsppc.ir.program import Runtime, Stated
from rsppc.lowering.artifacts import Artifact, Artifacts
from rsppc.syntax.document import Item, Key, Mapping

_STATED = ("execution_profiles", "transports", "node_types", "providers", "actions", "schemas")


def lower_runtime(artifacts: Artifacts, entry: Artifact, spec: Artifact, sink: DiagnosticSink) -> Runtime | None:
    """The runtime that is named for the workspace, as far as a bundle meets it; None where the name leads nowhere."""
    artifact = _artifact(artifacts, sink)
    if artifact is None:
        return None
    from rsppc.model.distribution import SCHEMA_VERSION  # only where a runtime is named

    root = artifact.root
    named_by, key = (entry.root, "profile_ref") if "profile_ref" in entry.root else (spec.root, "profile")
    window = entry.root.get("compat_window") or Mapping()
    range_ = window.get("runtime")
    return Runtime(
        ref=artifact.ref,
        version=artifact.version,
        stated={
            name: Stated(names=tuple(root[name]), place=Key(container=root, key=name))
            for name in _STATED
            if name in root
        },
        limits={
            name: (root["limits"][name], Item(container=root["limits"], key=name)) for name in root.get("limits", ())
        },
        served_schema=SCHEMA_VERSION,
        profile_place=Item(container=named_by, key=key),
        window=(range_["min"], range_["max"]) if range_ else None,
        window_place=Item(container=window, key="runtime"),
    )


def _artifact(artifacts: Artifacts, sink: DiagnosticSink) -> Artifact | None:
    """The artifact behind the name, looked up once for a workspace; what is wrong with it is said of every bundle."""
    known = artifacts.cache.get("runtime")
    if known is None:
        workspace, looking = artifacts.workspace, DiagnosticSink()
        at = workspace.runtime_at or file_span(Source("rsppc.toml", "", b""))
        artifact = artifacts.resolve("runtime", workspace.runtime, at, looking)
        known = artifacts.cache["runtime"] = (artifact, looking.sorted())
    found: Artifact | None = known[0]
    for diagnostic in known[1]:
        sink.report(diagnostic)
    return found
