"""The reference bundles, built once, and runs of them."""

from __future__ import annotations

import contextlib
import gc
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from click.testing import CliRunner
from rsppc.base.record import replace
from rsppc.cli.main import cli
from rsppc.diagnostics import DiagnosticSink
from rsppc.simulate import SCENARIOS
from rsppc.simulate.run import Outcome, Run
from rsppc.syntax.reader import read
from rsppc.turnplan import ControlPlane, LoadedBundle, Session, load_bundle, read_snapshot

ROOT = Path(__file__).parents[2]
BUNDLES = (
    "simple_bundle/v1",
    "voice_assistant_bundle/v1",
    "telephony_bundle/v1",
    "multilingual_bundle/v1",
    "speech_to_speech_bundle/v1",
)
_KEPT: list[tempfile.TemporaryDirectory[str]] = []


@cache
def build_folder() -> Path:
    """Where the bundles of the repository are built."""
    _KEPT.append(tempfile.TemporaryDirectory())
    folder = Path(_KEPT[-1].name)
    with contextlib.chdir(ROOT):
        done = CliRunner().invoke(cli, ["build", "--no-color", "--output", str(folder)], standalone_mode=False)
    gc.enable()
    assert done.exception is None, done.output
    return folder


@cache
def bundle(name: str = "simple_bundle/v1") -> LoadedBundle:
    loaded = load_bundle(build_folder() / name)
    assert isinstance(loaded, LoadedBundle), loaded
    return loaded


def with_buffers(loaded: LoadedBundle, buffers: dict[str, dict[str, Any]]) -> LoadedBundle:
    """A bundle with other values in the buffers of some edges; its digests are those of before."""
    spec = msgspec.json.decode(msgspec.json.encode(loaded.spec))
    for edge_id, values in buffers.items():
        spec["effective_edges"][edge_id]["buffer"] |= values
    return replace(loaded, spec=spec)


@cache
def control_plane() -> ControlPlane:
    """`local/v1`."""
    content = (ROOT / "pipelines" / "rollouts" / "local_v1.yaml").read_bytes()
    document = read("local_v1.yaml", content, DiagnosticSink())
    assert document is not None and document.root is not None
    plane = read_snapshot(msgspec.json.decode(msgspec.json.encode(document.root)))
    assert isinstance(plane, ControlPlane)
    return plane


class Ran:
    """A run with its timeline, ready to be run or to be broken first."""

    def __init__(
        self,
        name: str = "simple_bundle/v1",
        *,
        turns: int = 4,
        seed: int = 7,
        scenario: str = "calm",
        language: str = "",
        loaded: LoadedBundle | None = None,
    ) -> None:
        self.written: list[bytes] = []
        session = Session(session_id=f"sim-{seed}", language=language)
        self.run = Run(
            loaded or bundle(name),
            control_plane(),
            turns=turns,
            seed=seed,
            scenario=SCENARIOS[scenario],
            session=session,
            write=self.written.append,
        )

    def outcome(self) -> Outcome:
        return self.run.outcome()

    def totals(self) -> dict[str, Any]:
        totals: dict[str, Any] = self.outcome().baseline["totals"]
        return totals

    def timeline(self) -> bytes:
        return b"".join(self.written)

    def lines(self, kind: str) -> list[dict[str, Any]]:
        return [line for line in map(msgspec.json.decode, self.written) if line["line"] == kind]

    def signals(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.lines("signal") if line["signal"] == name]
