"""What the checks of a release know: the bundle, the workspace that it was built from, and what earlier checks left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Protocol

from rsppc.compat.inspection import Asked
from rsppc.driver import Compilation, compile_bundle, entries
from rsppc.emit.artifacts import artifacts as emitted
from rsppc.evidence.envelope import Release
from rsppc.gates.baselines import Baseline
from rsppc.gates.replays import Prepared
from rsppc.lowering.artifacts import Artifact, Artifacts
from rsppc.turnplan import ControlPlane, LoadedBundle


class Fixtures(Protocol):
    """Objects that the contracts are held against: what lies in a folder, by paths below it."""

    @property
    def root(self) -> str: ...

    @property
    def files(self) -> Mapping[str, bytes]: ...

    @property
    def folders(self) -> tuple[str, ...]: ...


class Context:
    """The state of one run of the engine. Everything but `files` and `baselines` is given and stays as it is."""

    def __init__(
        self,
        *,
        bundle: LoadedBundle,
        artifacts: Artifacts,
        plane: ControlPlane,
        gate_manifest: Artifact,
        replay: Prepared | None,
        fixtures: Fixtures,
        asked: Asked,
        asked_inputs: Mapping[str, str],
        made_at: str,
        turns: int,
        seed: int,
        language: str = "",
    ) -> None:
        self.bundle = bundle
        self.release = Release(bundle_ref=bundle.pipeline_version, bundle_digest=bundle.digest)
        self.artifacts = artifacts
        self.plane = plane
        self.gate_manifest = gate_manifest
        self.replay = replay
        """The recordings to replay, where some were named."""
        self.fixtures = fixtures
        self.asked = asked
        """What is asked about compatibility, and what the answers rest on."""
        self.asked_inputs = asked_inputs
        self.made_at = made_at
        self.turns = turns
        """Turns that each simulated run proposes."""
        self.seed = seed
        self.language = language
        """Language of the sessions that are played."""
        self.files: dict[str, bytes] = {}
        """Files that checks leave beside their evidence: recordings and baselines."""
        self.baselines: list[Baseline] = []
        """The runs whose figures are judged."""

    @property
    def gates(self) -> Sequence[Mapping[str, Any]]:
        gates: Sequence[Mapping[str, Any]] = self.gate_manifest.root["gates"]
        return gates

    @property
    def gate_manifest_digest(self) -> str:
        return self.gate_manifest.meaning_digest

    @cached_property
    def compilation(self) -> Compilation | str:
        """The bundle, compiled again from the workspace; or why that is not the bundle that was built."""
        entry = self._entry()
        if entry is None:
            return f"the workspace has no bundle `{self.release.bundle_ref}`"
        compilation = compile_bundle(self.artifacts, entry, purpose="build")
        if not compilation.ok or compilation.program is None:
            return f"`{entry.ref}` does not compile any more"
        digest = emitted(compilation.program).bundle_digest
        if digest != self.release.bundle_digest:
            return f"the workspace builds `{entry.ref}` to {digest}, which is another bundle"
        return compilation

    def _entry(self) -> Artifact | None:
        ref = self.release.bundle_ref
        of_workspace = next((one for one in entries(self.artifacts) if one.ref == ref), None)
        if of_workspace is not None:
            return of_workspace
        _, shipped = self.artifacts.of_kind("bundle")
        return next((one for one in shipped if one.ref == ref), None)
