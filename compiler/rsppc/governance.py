"""Artifacts that no bundle compiles, and who judges them: rollouts, compatibility, extensions, replay, gates.

`rsppc check` asks here, and imports a room only when it meets an artifact of its kind.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from rsppc.diagnostics import DiagnosticSink
from rsppc.lowering.artifacts import Artifact, Artifacts

Judge = Callable[[Artifacts, Artifact, DiagnosticSink], None]

JUDGES = {
    "rollout": "rsppc.rollout.check",
    "compat": "rsppc.compat.check",
    "extension": "rsppc.extensions.check",
    "replay": "rsppc.replay.check",
    "gate": "rsppc.gates.check",
}
"""Kind of artifact → module whose `check_artifact` says what is wrong with one beyond its form and its references."""


def check_governing(artifacts: Artifacts, artifact: Artifact, sink: DiagnosticSink) -> None:
    """Report what a sound artifact says that cannot be meant. It needs no built bundle, no store and no clock."""
    module = JUDGES.get(artifact.kind.name)
    if module is not None:
        judge: Judge = import_module(module).check_artifact
        judge(artifacts, artifact, sink)
