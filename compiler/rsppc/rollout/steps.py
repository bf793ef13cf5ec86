"""What the next change of traffic may be."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rsppc.base.record import Record
from rsppc.base.source import Span
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.evidence.envelope import Evidence
from rsppc.evidence.moment import moment_text
from rsppc.rollout.journal import Change, ClockWentBack, traffic_of
from rsppc.rollout.plan import Plan


class OldEvidence(Diagnostic):
    """Traffic was taken back from this bundle for a reason that the evidence from before did not see. To try again
    needs evidence that was made since."""

    code = "RSP7651"
    name = "old-evidence"
    headline = "traffic was rolled back here; the evidence of {made_at} is not newer than that of {before}"
    hint = "make the release evidence again, and advance with it"
    made_at: str
    before: str


class EvidenceOfAnotherRollout(Diagnostic):
    """A bundle is released for one rollout, whose strategy and way back were part of what was judged. Under another
    manifest traffic would move as nobody looked at."""

    code = "RSP7652"
    name = "evidence-of-another-rollout"
    headline = "the bundle was released for the rollout of digest {found}, and `{subject}` has {wanted}"
    hint = "release the bundle for this rollout with `rsppc release publish`"
    found: str
    wanted: str


class Step(Record):
    """A change that may be made."""

    action: str
    share: int


class NoStep(Record):
    """Why traffic cannot move as it was asked to, and what to do."""

    problem: str
    advice: str


def step_forward(plan: Plan, changes: Sequence[Change], wanted: int | None) -> Step | NoStep:
    """The next phase, or the share that is wanted. Shares grow; the way back is a rollback."""
    traffic = traffic_of(changes)
    if not traffic.is_open:
        return Step(action="start", share=plan.phases[0] if wanted is None else wanted)
    if traffic.share == 100:
        return NoStep(problem=f"`{plan.ref}` is complete: everybody gets `{plan.bundle.name}`", advice="")
    share = next(phase for phase in (*plan.phases, 100) if phase > traffic.share) if wanted is None else wanted
    if share <= traffic.share:
        problem = f"`{plan.ref}` is at {traffic.share} percent, which `--to {share}` does not go beyond"
        return NoStep(
            problem=problem, advice="return with `rsppc rollout rollback`; shares are never taken back one by one"
        )
    return Step(action="complete" if share == 100 else "advance", share=share)


def step_back(plan: Plan, changes: Sequence[Change]) -> Step | NoStep:
    """Everybody back to the bundle that served before."""
    if not traffic_of(changes).is_open:
        problem = f"nobody gets `{plan.bundle.name}` through `{plan.ref}`, so that there is nothing to roll back"
        return NoStep(problem=problem, advice=f"see `rsppc rollout show {plan.ref}`")
    return Step(action="rollback", share=0)


def check_clock(changes: Sequence[Change], now: datetime, sink: DiagnosticSink) -> None:
    """Report a time that lies before the last change."""
    if changes and moment_text(now) < changes[-1].at:
        sink.report(ClockWentBack(at=changes[-1].place, now=moment_text(now), before=changes[-1].at))


def check_evidence(plan: Plan, changes: Sequence[Change], evidence: Evidence, at: Span, sink: DiagnosticSink) -> None:
    """Report evidence of another rollout, and such from before a rollback where traffic was rolled back."""
    released_for = dict(evidence.inputs).get("rollout", plan.digest)
    if released_for != plan.digest:
        sink.report(EvidenceOfAnotherRollout(at=at, subject=plan.ref, found=released_for, wanted=plan.digest))
    if not changes or changes[-1].action != "rollback":
        return
    before = max((one.made_at for change in changes for one in change.evidence), default="")
    if evidence.made_at <= before:
        sink.report(OldEvidence(at=changes[-1].place, made_at=evidence.made_at, before=before))
