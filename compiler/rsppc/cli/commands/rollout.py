"""`rsppc rollout`: see where traffic would go, move it to a bundle by evidence, and back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import click

from rsppc.base.canonical_json import canonical
from rsppc.cli.clock import now_option, time_given
from rsppc.cli.distributing import read_input
from rsppc.cli.exits import OK
from rsppc.cli.rolling import (
    STRICT,
    Place,
    Rollout,
    append,
    changing,
    others_in_motion,
    read_changes,
    rollout_named,
    stop_on_errors,
    store_named,
)
from rsppc.cli.session import Options, exit_code, finding_options, report, usage
from rsppc.diagnostics import DiagnosticSink
from rsppc.evidence.envelope import Release
from rsppc.evidence.reading import Wanted, read_evidence
from rsppc.rollout.assign import Asking, Assigned, Load, Traffic, as_written, assign
from rsppc.rollout.journal import Change, Ground, next_record, traffic_of
from rsppc.rollout.plan import Plan
from rsppc.rollout.sessions import read_sessions
from rsppc.rollout.steps import NoStep, Step, check_clock, check_evidence, step_back, step_forward
from rsppc.rollout.targets import check_pinned, check_published, check_way_back

_STORE = click.option("--store", metavar="DIR", help="Where bundles are published; `store` below the workspace.")
_BY = click.option("--by", required=True, metavar="WHO", help="Who makes the change; it stays in the journal.")


@click.group(
    "rollout",
    epilog="Examples: `rsppc rollout check demo_canary/v1`, `rsppc rollout show demo_canary/v1`.",
)
def COMMAND() -> None:
    """Move traffic to a bundle, and back; every change is kept in a journal."""


# --- Looking ---------------------------------------------------------------------------------------------------------


@COMMAND.command("check", epilog="Example: `rsppc rollout check demo_canary/v1 --store /srv/store`.")
@click.argument("rollout")
@_STORE
@finding_options
def check(
    rollout: str, store: str | None, format: str, reports: tuple[str, ...], strict: bool, color: bool | None
) -> int:
    """Report whatever keeps the traffic of ROLLOUT, a reference or a file, from being moved.

    Beyond `rsppc check`: every bundle is pinned by digest, and published as that very build; the journal is whole.
    Warnings count as errors.
    """
    found = rollout_named(rollout)
    sink = DiagnosticSink(strict=True)
    changes = _checked(found, store_named(store, found), sink)
    options = Options(format=format, reports=reports, strict=True, color=color)
    made = report(sink.sorted(), (found.manifest.path,), options)
    if format == "text" and not made.diagnostics:
        phases = " → ".join(map(str, _plan(found).phases))
        click.echo(f"checked {found.manifest.ref}: no findings")
        click.echo(f"  phases   {phases} percent")
        click.echo(f"  traffic  {_state(traffic_of(changes))}")
    return exit_code(made)


def _checked(found: Rollout, place: Place, sink: DiagnosticSink) -> tuple[Change, ...]:
    """Everything that must hold before traffic moves forward; the changes so far."""
    found.check(sink)
    if any(one.severity == "error" for one in found.manifest.diagnostics):
        return ()
    root = found.manifest.root
    check_pinned(root, found.manifest.ref, sink)
    check_published(root, place.store.get_bundle, sink)
    return read_changes(place, _plan(found), sink)


def _plan(found: Rollout) -> Plan:
    sink = DiagnosticSink()
    plan = found.plan(sink)
    stop_on_errors(sink)
    assert plan is not None
    return plan


def _state(traffic: Traffic) -> str:
    return f"{traffic.share} percent get the bundle" if traffic.is_open else "nobody gets the bundle"


@COMMAND.command("show", epilog="Example: `rsppc rollout show demo_canary/v1`.")
@click.argument("rollout")
@_STORE
@click.option(
    "--format", type=click.Choice(["text", "json"]), default="text", help="`json`: the records of the journal."
)
def show(rollout: str, store: str | None, format: str) -> int:
    """Show how far ROLLOUT has come, and every change with who made it, when, why, and on what evidence."""
    found = rollout_named(rollout)
    plan, sink = _plan(found), DiagnosticSink()
    changes = read_changes(store_named(store, found), plan, sink)
    stop_on_errors(sink)
    if format == "json":
        for change in changes:
            click.echo(canonical(_value(change)))
        return OK
    click.echo(f"{plan.ref}  {plan.rollback.name} → {plan.bundle.name}: {_state(traffic_of(changes))}")
    for change in changes:
        share = f"{change.before} → {change.after} percent"
        click.echo(f"  {change.number:3}  {change.at}  {change.action:8}  {share:20}  {change.by}")
        for label, text in (("reason", change.reason), *(("on", _ground(one)) for one in change.evidence)):
            if text:
                click.echo(f"       {label:6}  {' '.join(text.split())}")
    return OK


def _ground(one: Ground) -> str:
    return f"{one.evidence} evidence of {one.made_at}, {one.digest}"


def _value(change: Change) -> dict[str, Any]:
    return {
        "sequence": change.number,
        "at": change.at,
        "by": change.by,
        "action": change.action,
        "from": change.before,
        "to": change.after,
        "bundle_ref": change.bundle_ref,
        "rollback_ref": change.rollback_ref,
        "evidence": [
            {"evidence": one.evidence, "digest": one.digest, "made_at": one.made_at} for one in change.evidence
        ],
        "reason": change.reason,
        "digest": change.digest,
    }


# --- Asking who gets what --------------------------------------------------------------------------------------------


@COMMAND.command(
    "assign",
    epilog="Examples: `rsppc rollout assign demo_canary/v1 --session sess-1 --tenant acme`, "
    "`rsppc rollout assign demo_canary/v1 --sessions sessions.tsv --store store`.",
)
@click.argument("rollout")
@click.option("--session", metavar="ID", help="The session.")
@click.option("--tenant", default="", metavar="ID", help="Its tenant.")
@click.option("--region", default="", metavar="NAME", help="Its region.")
@click.option("--requested", metavar="REF", help="The bundle that it asks for.")
@click.option("--sessions", metavar="FILE", help="Many sessions: a line each, the four of them with tabs between.")
@click.option("--sessions-per-min", type=click.IntRange(0), metavar="N", help="New sessions in the last minute.")
@click.option("--tokens-per-min", type=click.IntRange(0), metavar="N", help="Tokens in the last minute.")
@click.option(
    "--store", metavar="DIR", help="Answer as the journal in this store says, not as the manifest is written."
)
@click.option(
    "--format", type=click.Choice(["text", "json"]), default="text", help="`json`: one line for each session."
)
def assign_(
    rollout: str,
    session: str | None,
    tenant: str,
    region: str,
    requested: str | None,
    sessions: str | None,
    sessions_per_min: int | None,
    tokens_per_min: int | None,
    store: str | None,
    format: str,
) -> int:
    """Say which bundle a session gets from ROLLOUT, and why.

    Without a store the answer is that of the manifest as it is written, in its first phase.
    """
    if (session is None) == (sessions is None):
        usage("say which session is meant", "with `--session ID`, or with `--sessions FILE` for many")
    found = rollout_named(rollout)
    sink = DiagnosticSink()
    found.check(sink)
    stop_on_errors(sink)
    plan = _plan(found)
    traffic = as_written(plan) if store is None else _traffic(store_named(store, found), plan)
    asking = (
        _many(sessions)
        if sessions is not None
        else [Asking(session_id=session or "", tenant_id=tenant, region=region, requested=requested)]
    )
    load = Load(sessions_per_min=sessions_per_min, tokens_per_min=tokens_per_min)
    answers = [assign(plan, traffic, one, load) for one in asking]
    if format == "json":
        for one, answer in zip(asking, answers, strict=True):
            click.echo(canonical(_line(one, answer)))
    elif sessions is None:
        _tell(plan, traffic, answers[0])
    else:
        _tell_all(answers, traffic)
    return OK


def _traffic(place: Place, plan: Plan) -> Traffic:
    sink = DiagnosticSink()
    changes = read_changes(place, plan, sink)
    stop_on_errors(sink)
    return traffic_of(changes)


def _many(path: str) -> list[Asking]:
    sink = DiagnosticSink()
    found = read_sessions("<stdin>" if path == "-" else path, read_input(path), sink)
    stop_on_errors(sink)
    return found


def _line(one: Asking, answer: Assigned) -> dict[str, Any]:
    return {
        "session_id": one.session_id,
        "tenant_id": one.tenant_id,
        "region": one.region,
        "requested": one.requested,
        "outcome_kind": answer.outcome_kind,
        "scope": answer.scope,
        "reason": answer.reason,
        "bundle_ref": answer.bundle_ref,
        "cohort": answer.cohort,
        "bucket": answer.bucket,
    }


def _tell(plan: Plan, traffic: Traffic, answer: Assigned) -> None:
    click.echo(f"outcome  {answer.outcome_kind}, {answer.reason}")
    click.echo(f"bundle   {answer.bundle_ref or 'none'}")
    click.echo(f"cohort   {answer.cohort or 'none'}")
    if answer.bucket is not None:
        click.echo(f"bucket   {answer.bucket} of 100; below {traffic.share} get {plan.bundle.name}")


def _tell_all(answers: Sequence[Assigned], traffic: Traffic) -> None:
    click.echo(f"{len(answers)} sessions, where {_state(traffic)}")
    counted = Counter((one.bundle_ref or "", one.cohort or "", one.outcome_kind, one.reason) for one in answers)
    for (bundle, cohort, kind, reason), count in sorted(counted.items()):
        permille = count * 1000 // len(answers)
        share = f"{permille // 10}.{permille % 10} %"
        click.echo(f"  {count:8}  {share:>7}  {kind:6}  {bundle or 'none':30}  {cohort or '-':15}  {reason}")


# --- Moving ----------------------------------------------------------------------------------------------------------


@COMMAND.command(
    "advance",
    epilog="Example: `rsppc rollout advance demo_canary/v1 --by ada --release build/release.json --to 25`.",
)
@click.argument("rollout")
@_BY
@click.option("--release", metavar="FILE", help="The release evidence of the bundle; nothing moves without it.")
@click.option(
    "--to", type=click.IntRange(0, 100), metavar="N", help="The share in percent; else that of the next phase."
)
@click.option("--reason", default="", metavar="TEXT", help="Why.")
@_STORE
@now_option
def advance(
    rollout: str, by: str, release: str | None, to: int | None, reason: str, store: str | None, now: str | None
) -> int:
    """Give the bundle of ROLLOUT to more sessions: the first time as its first phase says, then phase by phase."""
    _said(by, reason)
    if release is None:
        usage("traffic moves by evidence only", "name the release evidence of the bundle with `--release FILE`")
    found = rollout_named(rollout)
    place, moment = store_named(store, found), time_given(now)
    sink = DiagnosticSink(strict=True)
    plan = _plan(found)
    with changing(place, plan):
        changes = _checked(found, place, sink)
        check_clock(changes, moment, sink)
        wanted = Wanted(
            evidence="release",
            release=_release(plan),
            now=moment,
            age_max=None,  # the release was judged when it was made; what happened since is what the phases are for
        )
        evidence = read_evidence(release, read_input(release), wanted, sink)
        if evidence is not None:
            check_evidence(plan, changes, evidence, found.manifest.item_span(), sink)
        stop_on_errors(sink, options=STRICT)
        assert evidence is not None
        ground = Ground(evidence=evidence.evidence, digest=evidence.digest, made_at=evidence.made_at)
        others = others_in_motion(place, plan)
        if others and not traffic_of(changes).is_open:
            usage(f"`{others[0]}` is in motion", "complete it or roll it back first; two would move the same traffic")
        step = _step(step_forward(plan, changes, to))
        record = next_record(
            plan, changes, action=step.action, share=step.share, at=moment, by=by, reason=reason, evidence=(ground,)
        )
        append(place, plan, changes, record)
    _tell_change(plan, record)
    return OK


@COMMAND.command(
    "rollback", epilog="Example: `rsppc rollout rollback demo_canary/v1 --by ada --reason 'calls are dropped'`."
)
@click.argument("rollout")
@_BY
@click.option("--reason", required=True, metavar="TEXT", help="Why.")
@_STORE
@now_option
def rollback(rollout: str, by: str, reason: str, store: str | None, now: str | None) -> int:
    """Give everybody the bundle back to which ROLLOUT returns, at once.

    Nothing is asked but that this bundle is there: the one that is rolled out may well be damaged or gone.
    """
    _said(by, reason, needs_reason=True)
    found = rollout_named(rollout)
    place, moment = store_named(store, found), time_given(now)
    plan, sink = _plan(found), DiagnosticSink()
    with changing(place, plan):
        changes = read_changes(place, plan, sink)
        check_way_back(found.manifest.root, place.store.get_bundle, sink)
        check_clock(changes, moment, sink)
        stop_on_errors(sink)
        step = _step(step_back(plan, changes))
        record = next_record(plan, changes, action=step.action, share=step.share, at=moment, by=by, reason=reason)
        append(place, plan, changes, record)
    _tell_change(plan, record)
    return OK


def _release(plan: Plan) -> Release | None:
    """The release that evidence must speak of; None where the bundle is not pinned, which is reported."""
    digest = plan.bundle.digest
    return None if digest is None else Release(bundle_ref=plan.bundle.name, bundle_digest=digest)


def _said(by: str, reason: str, *, needs_reason: bool = False) -> None:
    """Who and why, as they can stand in a journal."""
    for option, text, length_max in (("--by", by, 200), ("--reason", reason, 2000)):
        is_needed = option == "--by" or needs_reason
        if is_needed and not text.strip():
            usage(f"`{option}` must say something")
        if len(text) > length_max or not text.isprintable():
            usage(f"`{option}` must be a line of at most {length_max} characters that can be printed")


def _step(found: Step | NoStep) -> Step:
    if isinstance(found, NoStep):
        usage(found.problem, found.advice)
    return found


def _tell_change(plan: Plan, record: dict[str, Any]) -> None:
    click.echo(f"{record['action']} {plan.ref}: {record['from']} → {record['to']} percent get {plan.bundle.name}")
    click.echo(f"  recorded as change {record['sequence']} by {record['by']}")
