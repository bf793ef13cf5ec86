"""What the commands of `rsppc replay` have in common: recordings opened, the manifest, judged differences in words."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from typing import Any

import click
import msgspec

from rsppc.base.canonical_json import canonical, digest_value
from rsppc.base.digest import Digest, digest_bytes
from rsppc.base.record import Record
from rsppc.cli.distributing import read_input
from rsppc.cli.exits import FINDINGS, USAGE
from rsppc.cli.governing import artifacts_here, sound_artifact
from rsppc.cli.session import Options, exit_code, fault, report, usage
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.gates.replays import Asked, Prepared, Replay
from rsppc.replay.expectations import read_expectations
from rsppc.replay.judge import NOTHING, Expectations, Expected, Judge, Judged
from rsppc.replay.manifest import CLASSES, FIXTURES, Manifest, manifest_of
from rsppc.replay.recording import Recording
from rsppc.turnplan import ControlPlane, LoadedBundle
from rsppc.workspace import Workspace

PLAIN = Options(format="text", reports=(), strict=False, color=None)
SHOWN_MAX = 20
"""Differences that are shown to people; whoever wants all of them takes JSON."""


class NamedManifest(Record):
    """A manifest with its digest and the folder that its fixtures lie in."""

    manifest: Manifest
    digest: Digest
    workspace: Workspace


@contextmanager
def opened(path: str) -> Iterator[BufferedReader]:
    """A file to be read from its beginning; ends the command where there is none."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would be waited for, for ever, and is read once only
            usage(f"`{path}` is no file")
        file = open(path, "rb")  # noqa: SIM115
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG):
            usage(f"there is no file `{path}`", "record one with `rsppc simulate BUNDLE --timeline FILE`")
        fault(f"cannot read `{path}`: {(error.strerror or 'input/output error').lower()}")
    with file:
        yield file


def manifest_named(name: str) -> NamedManifest:
    """The ReplayManifest of a reference in the workspace or in what ships; ends the command where none can be used."""
    sink = DiagnosticSink()
    artifacts = artifacts_here(sink)
    found = sound_artifact(artifacts, "replay", name, sink)
    if found is None or sink.has_errors:
        raise click.exceptions.Exit(exit_code(report(sink.sorted(), (), PLAIN)))
    return NamedManifest(manifest=manifest_of(found.root), digest=found.meaning_digest, workspace=artifacts.workspace)


def expectations_in(path: str | None) -> tuple[Expectations, Digest | None]:
    """What a file expects and approves, with its digest; ends the command where it cannot be relied on."""
    if path is None:
        return NOTHING, None
    sink, data = DiagnosticSink(), read_input(path)
    found = read_expectations(path, data, sink)
    if found is None:
        report(sink.sorted(), (path,), PLAIN)
        raise click.exceptions.Exit(FINDINGS if len(sink) else USAGE)
    return found, digest_bytes(data)


def told_of(recording: Recording) -> str:
    """A recording in a line."""
    counts = recording.counts
    if recording.header is None:
        return f"{recording.path}  no recording"
    said = recording.header.value
    end = "" if recording.is_whole else "; it does not come to its end"
    return (
        f"{recording.path}  {said['bundle']}, {said['scenario']}, seed {said['seed']}: {counts.complete} of "
        f"{counts.accepted} accepted turns have complete evidence, {counts.turns} were proposed{end}"
    )


def left_out(recording: Recording) -> str | None:
    """How many findings are not shown."""
    kept = len(recording.findings.placed())
    return (
        None
        if recording.findings.count == kept
        else f"{recording.path}  {recording.findings.count - kept} more findings"
    )


def tell(found: Iterable[Judged], missing: Iterable[Expected], *, format: str, tags: dict[str, Any]) -> None:
    """Print judged differences: those that fail first for people, all of them as JSON lines for programs."""
    if format == "json":
        for one in found:
            click.echo(canonical({**tags, **one.value()}))
        for absent in missing:
            click.echo(canonical({**tags, "class": absent.kind, "turn_id": absent.turn_id, "verdict": "absent"}))
        return
    all_ = list(found)
    ordered = [one for one in all_ if one.verdict == "fail"] + [one for one in all_ if one.verdict != "fail"]
    for one in ordered[:SHOWN_MAX]:
        for line in _in_words(one):
            click.echo(line)
    if len(ordered) > SHOWN_MAX:
        click.echo(f"… and {len(ordered) - SHOWN_MAX} more; `--format json` gives all of them")
    for absent in missing:
        click.echo(f"fail       {absent.sentence()} was expected, and did not occur")


def _in_words(one: Judged) -> Iterator[str]:
    found = one.divergence
    yield f"{one.verdict:<9}  {found.kind} of {found.turn_id}: {found.field} {_shown(found.recorded)} → " + (
        f"{_shown(found.replayed)}; {one.why}"
    )
    places = [str(place) for place in (found.recorded_at, found.replayed_at) if place is not None]
    if places:
        yield f"{'':<9}  at {', '.join(places)}"


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else canonical(value).decode()
    return text if len(text) <= 60 else text[:57] + "…"


def by_class(counts: dict[str, int]) -> str:
    """`2 OUTCOME, 1 TIMING`, or that there is none."""
    return ", ".join(f"{counts[kind]} {kind}" for kind in CLASSES if counts[kind]) or "no differences"


def found_in(recordings: Iterable[Recording]) -> list[Diagnostic]:
    """The findings of some recordings."""
    return [found for recording in recordings for found in recording.findings.placed()]


def replay_of(
    asked: NamedManifest,
    bundle: LoadedBundle,
    plane: ControlPlane,
    *,
    mode: str,
    named: tuple[str, ...] = (),
    expected: str | None = None,
) -> Prepared:
    """A replay, ready to be made."""
    expectations, expected_digest = expectations_in(expected)
    judge = Judge(asked.manifest.policy, expectations)
    return Prepared(
        replay=Replay(asked.manifest, bundle, plane, judge, mode, opened=opened),
        recordings=tuple(_recordings(asked, named)),
        inputs={
            "manifest": asked.digest,
            "bundle": bundle.digest,
            "snapshot": digest_value(msgspec.to_builtins(plane)),
            **({"expected": expected_digest} if expected_digest is not None else {}),
        },
    )


def _recordings(asked: NamedManifest, named: tuple[str, ...]) -> Iterator[Asked]:
    """Each fixture of a manifest, and each recording that was named besides."""
    workspace = asked.workspace
    for fixture in asked.manifest.fixtures:
        path = os.path.join(workspace.root, workspace.sources, FIXTURES, *fixture.path.split("/"))
        yield Asked(path=path, subject=fixture.path, digest=fixture.digest)
    for path in named:
        yield Asked(path=path, subject=path)
