"""Recordings replayed against a bundle in one of the modes: which differences there are, or why they were not replayed.

Recordings are opened by whoever calls, since only they know where files are and what to say where there is none.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import IO, Any, BinaryIO

from rsppc.base.digest import digest_chunks
from rsppc.base.record import Record
from rsppc.diagnostics import Diagnostic
from rsppc.evidence.envelope import Checked, Status
from rsppc.gates.outcome import Outcome
from rsppc.replay.compare import OtherBundle, OtherTurns, compared, other_session
from rsppc.replay.divergence import Divergence
from rsppc.replay.judge import Judge, Judged
from rsppc.replay.manifest import Manifest
from rsppc.replay.recompute import recomputed
from rsppc.replay.recording import Recording
from rsppc.simulate import SCENARIOS, simulate
from rsppc.turnplan import ControlPlane, LoadedBundle, Session

JUDGED_MAX = 10_000
"""Differences of one recording that are kept; they are all counted."""

Replayed = tuple[Status, str]
Open = Callable[[str], AbstractContextManager[BinaryIO]]


class Replay:
    """The replay of several recordings against one bundle."""

    def __init__(
        self,
        manifest: Manifest,
        bundle: LoadedBundle,
        plane: ControlPlane,
        judge: Judge,
        mode: str,
        *,
        opened: Open,
    ) -> None:
        self.manifest, self.bundle, self.plane, self.judge, self.mode = manifest, bundle, plane, judge, mode
        self.opened = opened
        self.judged: list[Judged] = []
        self.recordings: list[Recording] = []

    def run(self, path: str, name: str) -> Replayed:
        """Replay one recording, and say what came of it."""
        with self.opened(path) as file:
            recording = Recording(name, file.readline)
            read_through(recording, self.manifest)
        self.recordings.append(recording)
        if recording.findings.errors:
            return "fail", f"it is not sound: {first_error(recording)}"
        before = self.judge.failing
        problem = _MODES[self.mode](self, path, recording)
        if problem is not None:
            return problem
        failing = self.judge.failing - before
        if failing:
            return "fail", f"{failing} difference{'s' if failing != 1 else ''} that must not be"
        return "pass", ""

    def take(self, found: Iterator[Divergence]) -> None:
        """Judge differences as they come."""
        for one in found:
            judged = self.judge.judge(one)
            if len(self.judged) < JUDGED_MAX:
                self.judged.append(judged)


def first_error(recording: Recording) -> str:
    """The first thing that is wrong with a recording."""
    return next(found.message() for found in recording.findings.placed() if found.severity == "error")


def _decisions(replay: Replay, _path: str, recording: Recording) -> Replayed | None:
    """The decisions are taken as they were recorded; that everything follows from them was checked in reading. They say
    something about a bundle only if they were made by it."""
    assert recording.header is not None
    made_by = recording.header.value["bundle_digest"]
    if made_by != replay.bundle.digest:
        return "fail", f"its decisions were made by another bundle, {made_by}"
    return None


def _recompute(replay: Replay, path: str, recording: Recording) -> Replayed | None:
    with replay.opened(path) as file:
        replay.take(recomputed(Recording(recording.path, file.readline), replay.bundle, replay.plane))
    return None


def _simulate_again(replay: Replay, path: str, recording: Recording) -> Replayed | None:
    assert recording.header is not None
    said = recording.header.value
    if said["scenario"] not in SCENARIOS:
        return "fail", f"there is no scenario `{said['scenario']}` to simulate again"
    with tempfile.TemporaryFile() as again, replay.opened(path) as file:
        _write_again(replay, said, recording.counts.turns, again)
        again.seek(0)
        first, second = Recording(recording.path, file.readline), Recording("(simulated again)", again.readline)
        if other_session(first, second):
            return "fail", first_error(second)
        replay.take(compared(first, second, tolerance_ms=replay.manifest.tolerance_ms))
        if second.findings.errors:
            return "fail", f"what was simulated again is not sound: {first_error(second)}"
    return None


def _write_again(replay: Replay, said: dict[str, Any], turns: int, again: IO[bytes]) -> None:
    simulate(
        replay.bundle,
        replay.plane,
        turns=max(turns, 1),
        seed=said["seed"],
        scenario=said["scenario"],
        session=Session(session_id=said["session_id"], language=said["language"]),
        write=again.write,
    )


def _play_back(_replay: Replay, _path: str, _recording: Recording) -> Replayed | None:
    return "not_run", "what providers answered is payload, which recordings at L0 do not hold"


_MODES: dict[str, Callable[[Replay, str, Recording], Replayed | None]] = {
    "replay_decisions": _decisions,
    "recompute_decisions": _recompute,
    "re_simulate_nodes": _simulate_again,
    "playback_recorded_provider_outputs": _play_back,
}
MODES = tuple(_MODES)
"""The ways to replay, as the runtime's contract names them."""


class Asked(Record):
    """A recording that is to be replayed."""

    path: str
    subject: str
    """What evidence calls it."""
    digest: str | None = None
    """The digest that it must have."""


class Prepared(Record):
    """A replay that is ready to be made, and what it rests on."""

    replay: Replay
    recordings: tuple[Asked, ...]
    inputs: dict[str, str]

    def made(self) -> Outcome:
        """Replay every recording."""
        checks, figures = _replayed(self.replay, self.recordings)
        recorded = {f"recording:{one.path}": one.digest for one in self.replay.recordings}
        return Outcome(checks=tuple(checks), inputs=self.inputs | recorded, figures=figures)


def _replayed(replay: Replay, recordings: Iterable[Asked]) -> tuple[list[Checked], dict[str, Any]]:
    """The checks, and the figures."""
    checks = [_one(replay, asked) for asked in recordings]
    if not checks:
        message = "the manifest names no fixture, and no recording was given"
        checks.append(Checked(check="fixture", subject=replay.manifest.ref, status="not_run", message=message))
    checks += _overall(replay, replay.bundle)
    return checks, _figures(replay, failing_checks=sum(one.status == "fail" for one in checks))


def _one(replay: Replay, asked: Asked) -> Checked:
    if asked.digest is not None:
        with replay.opened(asked.path) as file:
            digest = digest_chunks(iter(lambda: file.read(1 << 20), b""))
        if digest != asked.digest:
            return Checked(check="fixture", subject=asked.subject, status="fail", message=f"it is {digest}")
    status, message = replay.run(asked.path, asked.subject)
    return Checked(check="fixture", subject=asked.subject, status=status, message=message)


def _overall(replay: Replay, bundle: LoadedBundle) -> list[Checked]:
    """What is asked of all recordings together."""
    ref, wanted = replay.manifest.ref, replay.manifest.turn_ref
    accepted = sum(one.counts.accepted for one in replay.recordings)
    complete = sum(one.counts.complete for one in replay.recordings)
    message = f"{complete} of {accepted} accepted turns have complete evidence"
    is_whole = all(one.is_whole for one in replay.recordings)
    status: Any = "not_run" if not accepted else "pass" if complete == accepted and is_whole else "fail"
    checks = [Checked(check="completeness", subject=ref, status=status, message=message)]
    for absent in replay.judge.missing():
        said = f"{absent.sentence()} was expected, and did not occur"
        checks.append(Checked(check="expected", subject=absent.turn_id, status="fail", message=said))
    if wanted.digest is not None and wanted.digest != bundle.digest:
        said = f"the manifest speaks of {wanted.digest}, and the bundle is {bundle.digest}"
        checks.append(Checked(check="turn_ref", subject=ref, status="fail", message=said))
    failovers = sum(one.counts.failovers for one in replay.recordings)
    if failovers:
        lost = replay.judge.counts["AUTHORITY"] or any(one.findings.errors for one in replay.recordings)
        who = "one turn lost its lease" if failovers == 1 else f"{failovers} turns lost their lease"
        said = f"{who}, and nothing was let out after that" if not lost else "see what fails"
        checks.append(Checked(check="authority_failover", subject=ref, status="fail" if lost else "pass", message=said))
    return checks


def _figures(replay: Replay, *, failing_checks: int) -> dict[str, Any]:
    findings = sum(one.findings.errors for one in replay.recordings)
    counts = [one.counts for one in replay.recordings]
    accepted, complete = sum(one.accepted for one in counts), sum(one.complete for one in counts)
    return {
        "mode": replay.mode,
        "recordings": len(counts),
        "turns": sum(one.turns for one in counts),
        "accepted": accepted,
        "complete": complete,
        "completeness_milli": complete * 1000 // accepted if accepted else 0,
        "authority_failovers": sum(one.failovers for one in counts),
        "divergences": dict(replay.judge.counts),
        "findings": findings,
        # Zero where nothing fails, and only there.
        "failing_count": max(replay.judge.failing_count + findings, failing_checks),
    }


def read_through(recording: Recording, manifest: Manifest | None) -> None:
    """Read a recording to its end, so that everything is known of it."""
    spoken_of = 0
    for turn in recording.turns():
        evidence = turn.evidence
        spoken_of += (
            manifest is not None and evidence is not None and manifest.turn_ref.speaks_of(evidence.value["or02"])
        )
    header = recording.header
    if manifest is None or header is None or not recording.counts.accepted or spoken_of:
        return
    ref, at = manifest.turn_ref, header.span("bundle")
    wanted = ref.bundle or ref.plan or f"{ref.session}/{ref.turn}"
    found: Diagnostic = OtherTurns(at=at, subject=manifest.ref, wanted=f"`{wanted}`")
    if ref.bundle is not None:
        found = OtherBundle(at=at, subject=manifest.ref, wanted=wanted, found=header.value["bundle"])
    recording.findings.report(header, found)
