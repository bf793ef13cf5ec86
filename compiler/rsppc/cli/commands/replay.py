"""`rsppc replay`: recorded turns checked, compared, stepped through, and replayed against a bundle."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from rsppc.base.canonical_json import canonical
from rsppc.base.digest import digest_chunks
from rsppc.base.record import replace
from rsppc.cli.clock import now_option, time_given
from rsppc.cli.evidencing import evidence_options, release_of, write_evidence
from rsppc.cli.exits import FINDINGS, OK
from rsppc.cli.replaying import (
    PLAIN,
    by_class,
    expectations_in,
    found_in,
    left_out,
    manifest_named,
    opened,
    replay_of,
    tell,
    told_of,
)
from rsppc.cli.session import Options, exit_code, finding_options, report, usage
from rsppc.cli.turns import bundle_named, snapshot_named
from rsppc.evidence.envelope import sealed, together
from rsppc.evidence.moment import moment_text
from rsppc.gates.outcome import Outcome
from rsppc.gates.replays import MODES, read_through
from rsppc.replay.compare import compared, other_session
from rsppc.replay.cursor import Event, Place, events, place_of
from rsppc.replay.judge import Judge
from rsppc.replay.keeping import retention_ends
from rsppc.replay.recording import Recording

_MANIFEST = "ReplayManifest: a reference in the workspace, or what ships."
_FORMAT = click.option(
    "--format", default="text", type=click.Choice(["text", "json"]), show_default=True, help="How to print."
)


@click.group(
    "replay",
    epilog="Examples: `rsppc replay check calm.jsonl`, `rsppc replay compare before.jsonl after.jsonl`.",
)
def COMMAND() -> None:
    """Check recorded turns, compare two recordings, and replay them against a bundle.

    Recordings are what `rsppc simulate --timeline FILE` writes.
    """


@COMMAND.command(
    "check",
    epilog="Examples: `rsppc replay check calm.jsonl`, `rsppc replay check *.jsonl --manifest or02_baseline/v1`.",
)
@click.argument("files", nargs=-1, required=True)
@click.option("--manifest", metavar="REF", help=_MANIFEST)
@finding_options
def check(
    files: tuple[str, ...],
    manifest: str | None,
    format: str,
    reports: tuple[str, ...],
    strict: bool,
    color: bool | None,
) -> int:
    """Report whatever is wrong with the recordings in FILES.

    Whether each is whole, whether its turns lived as the contract says, and whether every accepted turn left complete
    evidence that says what the lines say.
    """
    asked = manifest_named(manifest).manifest if manifest is not None else None
    recordings = []
    for path in files:
        with opened(path) as file:
            recordings.append(Recording(path, file.readline))
            read_through(recordings[-1], asked)
    options = Options(format=format, reports=reports, strict=strict, color=color)
    made = report(found_in(recordings), files, options)
    if format == "text":
        for recording in recordings:
            click.echo(told_of(recording))
            if (more := left_out(recording)) is not None:
                click.echo(more)
    return exit_code(made)


@COMMAND.command(
    "compare",
    epilog="Examples: `rsppc replay compare before.jsonl after.jsonl`, "
    "`rsppc replay compare before.jsonl after.jsonl --manifest or02_baseline/v1 --expected expected.yaml`.",
)
@click.argument("recorded")
@click.argument("replayed")
@click.option("--manifest", default="or02_baseline/v1", show_default=True, metavar="REF", help=_MANIFEST)
@click.option("--expected", metavar="FILE", help="Differences that are expected or approved, in YAML or JSON.")
@_FORMAT
def compare(recorded: str, replayed: str, manifest: str, expected: str | None, format: str) -> int:
    """Compare two recordings of one session, turn by turn, and judge how they differ.

    Differences in authority always fail. Those in plan, outcome and provider fail unless they were expected, another
    order needs an approval, and times may differ as far as the manifest tolerates. What was expected must occur.
    """
    asked = manifest_named(manifest).manifest
    judge = Judge(asked.policy, expectations_in(expected)[0])
    with opened(recorded) as one, opened(replayed) as other:
        first, second = Recording(recorded, one.readline), Recording(replayed, other.readline)
        if other_session(first, second):
            return exit_code(report(found_in((second,)), (recorded, replayed), _printed(format)))
        found = [judge.judge(each) for each in compared(first, second, tolerance_ms=asked.tolerance_ms)]
    missing = judge.missing()
    is_sound = not (first.findings.errors or second.findings.errors)
    if not is_sound:
        report(found_in((first, second)), (recorded, replayed), _printed(format))
    tell(found, missing, format=format, tags={"mode": "compare", "fixture": recorded})
    if format == "text":
        click.echo(told_of(first))
        click.echo(told_of(second))
        end = f"{judge.failing_count} fail" if is_sound else "a recording is not sound, so that this is no comparison"
        click.echo(f"{by_class(judge.counts)}; {end}")
    return OK if is_sound and not judge.failing_count else FINDINGS


@COMMAND.command(
    "step",
    epilog="Examples: `rsppc replay step calm.jsonl --from turn-3 --steps 10`, "
    "`rsppc replay step calm.jsonl --steps 10 --resume rc1.10.…`.",
)
@click.argument("file")
@click.option("--manifest", default="or02_baseline/v1", show_default=True, metavar="REF", help=_MANIFEST)
@click.option("--from", "start", metavar="TURN|SEQ", help="Begin with this turn, or with this runtime sequence.")
@click.option("--steps", type=click.IntRange(1, 1_000_000), metavar="N", help="How many events; all where left out.")
@click.option("--resume", metavar="TOKEN", help="Go on where the call that printed this token ended.")
@_FORMAT
def step(file: str, manifest: str, start: str | None, steps: int | None, resume: str | None, format: str) -> int:
    """Step through the events of a recording, in the order of the manifest's cursor.

    The last line is a token; the next call takes it with `--resume`. It is bound to the recording and the order.
    """
    if start is not None and resume is not None:
        usage("`--from` and `--resume` both say where to begin", "give one of them")
    keys = manifest_named(manifest).manifest.sort_keys
    with opened(file) as data:
        digest = digest_chunks(iter(lambda: data.read(1 << 20), b""))
    behind = _behind(resume, digest, keys)
    count, has_begun = 0, start is None
    with opened(file) as data:
        recording = Recording(file, data.readline)
        for number, event in enumerate(events(recording, keys)):
            has_begun = has_begun or start in (event.turn_id, str(event.runtime_sequence))
            if number < behind or not has_begun:
                behind = max(behind, number + 1)
                continue
            if count == steps:
                break
            count, behind = count + 1, number + 1
            click.echo(canonical(event.value()) if format == "json" else _told(event))
    if not has_begun:
        usage(f"`{file}` has no turn and no runtime sequence `{start}`")
    if recording.findings.count:
        report(recording.findings.placed(), (file,), _printed(format))
    token = Place(behind=behind, digest=digest, keys=keys).token()
    click.echo(canonical({"resume": token}) if format == "json" else f"resume  {token}")
    return FINDINGS if recording.findings.count else OK


def _printed(format: str) -> Options:
    """Findings as everything else is printed."""
    return replace(PLAIN, format=format)


def _behind(token: str | None, digest: str, keys: tuple[str, ...]) -> int:
    if token is None:
        return 0
    place = place_of(token, digest, keys)
    if place is None:
        usage(
            f"`{token[:60]}` names no place in this recording",
            "a token goes with the recording and the manifest that it was printed for; begin again with `--from`",
        )
    return place.behind


def _told(event: Event) -> str:
    when = f"{event.runtime_timestamp_ms:>10} ms {event.runtime_sequence:>8}"
    return f"{when}  {event.turn_id or '':<10} {event.kind} {event.what}".rstrip()


@COMMAND.command(
    "report",
    epilog="Examples: `rsppc replay report or02_baseline/v1 --bundle build/demo_bundle/v1 --recording calm.jsonl`, "
    "`rsppc replay report my_replay/v1 --bundle demo_bundle/v1 --mode re_simulate_nodes --evidence replay.json`.",
)
@click.argument("manifest", metavar="MANIFEST")
@click.option("--mode", type=click.Choice(MODES), help="How to replay; the manifest's default where left out.")
@click.option("--snapshot", default="local/v1", metavar="REF", help="ControlPlaneSnapshot: a reference or a file.")
@click.option("--recording", "named", multiple=True, metavar="FILE", help="A recording besides the fixtures.")
@click.option("--expected", metavar="FILE", help="Differences that are expected or approved, in YAML or JSON.")
@_FORMAT
@evidence_options
def report_command(
    manifest: str,
    mode: str | None,
    snapshot: str,
    named: tuple[str, ...],
    expected: str | None,
    format: str,
    evidence: str | None,
    bundle: str | None,
    now: str | None,
) -> int:
    """Replay every fixture of MANIFEST against a bundle, and judge how it differs.

    A manifest without fixtures, and without `--recording`, was not run: that is no pass.
    """
    asked = manifest_named(manifest)
    chosen = mode or asked.manifest.default_mode
    if chosen not in asked.manifest.modes:
        usage(f"`{manifest}` does not allow `{chosen}`", f"it allows {', '.join(asked.manifest.modes)}")
    if bundle is None:
        usage("a replay needs a bundle", "name the folder that `rsppc build` wrote with `--bundle build/ID/VERSION`")
    loaded = bundle_named(bundle)
    prepared = replay_of(asked, loaded, snapshot_named(snapshot), mode=chosen, named=named, expected=expected)
    outcome, judge = prepared.made(), prepared.replay.judge
    tags: dict[str, Any] = {"mode": chosen}
    tell(prepared.replay.judged, judge.missing(), format=format, tags=tags)
    status = together(one.status for one in outcome.checks)
    if format == "text":
        _summarize(outcome, status)
    else:
        click.echo(canonical({**tags, "status": status, "figures": outcome.figures}))
    if evidence is not None:
        made = sealed(
            "replay_regression",
            release_of(loaded),
            made_at=moment_text(time_given(now)),
            checks=outcome.checks,
            inputs=outcome.inputs,
            figures=outcome.figures,
        )
        write_evidence(evidence, made)
    return OK if status == "pass" else FINDINGS


def _summarize(outcome: Outcome, status: str) -> None:
    figures = outcome.figures
    for one in outcome.checks:
        message = f": {one.message}" if one.message else ""
        click.echo(f"{one.status:<8} {one.check} of {one.subject}{message}")
    click.echo(f"{status:<8} {figures['mode']}: {by_class(figures['divergences'])}; {figures['failing_count']} fail")


@COMMAND.command(
    "retention",
    epilog="Example: `rsppc replay retention calm.jsonl --manifest or02_baseline/v1 --now 2026-03-01T00:00:00Z`.",
)
@click.argument("files", nargs=-1, required=True)
@click.option("--manifest", default="or02_baseline/v1", show_default=True, metavar="REF", help=_MANIFEST)
@now_option
def retention(files: tuple[str, ...], manifest: str, now: str | None) -> int:
    """Say which recordings are past the time for which the manifest keeps them. Nothing is deleted.

    Recordings that are past it, or of which nobody can say, give exit code 1.
    """
    days, moment = manifest_named(manifest).manifest.retention_days, time_given(now)
    if days is None:
        usage(f"`{manifest}` does not say how long recordings are kept", "add `retention_days`")
    code = OK
    for path in files:
        with opened(path) as file:
            recording = Recording(path, file.readline)
        if recording.header is None:
            click.echo(f"{path}  no recording: nobody can say from when it is")
            code = FINDINGS
            continue
        recorded = datetime.fromtimestamp(min(recording.header.value["start_ms"], 2**37 * 1000) // 1000, UTC)
        ends = retention_ends(recorded, days)
        is_over = ends <= moment
        code = FINDINGS if is_over else code
        click.echo(f"{path}  {'past since' if is_over else 'kept until'} {moment_text(ends)}")
    return code
