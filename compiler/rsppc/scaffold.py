"""The compiler as a service: values in, values out, without a folder of sources.

Implements `store.protocols.ScaffoldCompiler` on the same straight line as the command line: the values become the
files of a workspace in memory, behind which stands the shipped library.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rsppc.base.canonical_json import readable
from rsppc.base.record import Record
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.driver import Compilation, Purpose, compile_bundle, open_workspace
from rsppc.emit.artifacts import Artifacts as Emitted
from rsppc.emit.artifacts import artifacts as emitted
from rsppc.model.kinds import BY_NAME
from rsppc.workspace import Workspace

Value = Mapping[str, Any]


class Unsound(Exception):
    """The values do not compile; `diagnostics` says why."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__("; ".join(str(found.message()) for found in diagnostics[:5]))
        self.diagnostics = tuple(diagnostics)


class Compiler(Record):
    """Compiles values. `root` is a folder whose `pipelines/assets` the values may refer to; empty for none."""

    root: str = ""

    def validate_spec(self, spec: Value) -> tuple[Diagnostic, ...]:
        """Everything that is wrong with a spec, of form and of meaning."""
        return self._compiled({"pipeline": [spec]}, "pipeline", spec, "check")[1]

    def normalize(self, spec: Value, profile: Value, overlays: Sequence[Value]) -> dict[str, Any]:
        """The ResolvedSpec of a sound spec; raises `Unsound` otherwise."""
        return self._emitted(spec, profile, overlays).resolved_spec

    def build_bundle(self, spec: Value, profile: Value, overlays: Sequence[Value]) -> dict[str, Any]:
        """The PipelineBundle of a sound spec; raises `Unsound` otherwise."""
        return self._emitted(spec, profile, overlays).bundle

    def _emitted(self, spec: Value, profile: Value, overlays: Sequence[Value]) -> Emitted:
        bundle: dict[str, Any] = {
            "schema_version": BY_NAME["bundle"].schema_version,
            "bundle_id": spec.get("pipeline_id"),
            "version": spec.get("version"),
            "spec_ref": f"{spec.get('pipeline_id')}/{spec.get('version')}",
            "profile_ref": f"{profile.get('profile_id')}/{profile.get('version')}",
            "policy_refs": [f"{one.get('policy_id')}/{one.get('version')}" for one in overlays],
        }
        values: dict[str, list[Value]] = {
            "pipeline": [spec],
            "profile": [profile],
            "policy": list(overlays),
            "bundle": [bundle],
        }
        compilation, diagnostics = self._compiled(values, "bundle", bundle, "build")
        if compilation is None or compilation.program is None or not compilation.ok:
            raise Unsound([found for found in diagnostics if found.severity == "error"])
        return emitted(compilation.program)

    def _compiled(
        self, values: Mapping[str, Sequence[Value]], kind: str, entry: Value, purpose: Purpose
    ) -> tuple[Compilation | None, tuple[Diagnostic, ...]]:
        sink = DiagnosticSink()
        artifacts = open_workspace(Workspace(root=self.root, scanned=False), sink)
        for name, some in values.items():
            for value in some:
                artifacts.add(_path(name, value), readable(value))
        artifact, diagnostics = artifacts.at(_path(kind, entry))
        if artifact is None:
            return None, diagnostics
        compilation = compile_bundle(artifacts, artifact, purpose=purpose)
        return compilation, compilation.diagnostics


def _path(kind: str, value: Value) -> str:
    """Where a value would stand in a workspace."""
    declared = BY_NAME[kind]
    return f"pipelines/{declared.folder}/{value.get(declared.id_field)}_{value.get('version')}.json"
