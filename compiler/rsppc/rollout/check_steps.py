"""Whether the strategy, the phases and the approval of a rollout fit what its cohorts say."""

from __future__ import annotations

from rsppc.diagnostics import Diagnostic, DiagnosticSink, Related
from rsppc.rollout.plan import first_share, moves, phases
from rsppc.syntax.document import Mapping

APPROVED_FROM = 50
"""A first step that is larger than this, in percent, is a decision that somebody must have agreed to."""


class StrategyDoesNotFit(Diagnostic):
    """The strategy is what people expect of a rollout; cohorts and phases are what happens. Where the two differ, the
    expectation is wrong on the evening when it matters."""

    code = "RSP7614"
    name = "strategy-does-not-fit"
    headline = "the strategy is `{subject}`, but {problem}"
    hint = "{remedy}"
    problem: str
    remedy: str


class PhasesDoNotAscend(Diagnostic):
    """Each phase gives the bundle to more sessions than the one before. The way back is a rollback, and no phase."""

    code = "RSP7615"
    name = "phases-do-not-ascend"
    headline = "the phase of {later} percent follows one of {earlier}"
    hint = "write the phases in ascending order, each once"
    earlier: int
    later: int


class PhasesEndEarly(Diagnostic):
    """A rollout ends with everybody on its bundle. One that stops before leaves two bundles in service for good, and
    nobody knows which of them is meant."""

    code = "RSP7616"
    name = "phases-end-early"
    headline = "the last phase is {last} percent"
    hint = "let the phases end with 100"
    last: int


class ShareIsNotFirstPhase(Diagnostic):
    """A rollout begins with its first phase. A cohort that says another share describes traffic that never is."""

    code = "RSP7617"
    name = "share-is-not-first-phase"
    headline = "cohort `{subject}` takes {share} percent, but the first phase is {first} percent"
    hint = "write the same in both places"
    share: int
    first: int


class NoApproval(Diagnostic):
    """A first step to more than half of all sessions is a change that cannot be watched before it is felt. Who agreed
    to it belongs into the manifest."""

    code = "RSP7618"
    name = "no-approval"
    severity = "warning"
    headline = "the first step gives the bundle to {first} percent of the sessions, and nobody is named who agreed"
    hint = "add `change_approval`, or begin with a smaller share"
    first: int


def check_steps(root: Mapping, sink: DiagnosticSink) -> None:
    """Report steps that nobody can follow, or that nobody agreed to."""
    _check_strategy(root, sink)
    _check_phases(root, sink)
    first = phases(root)[0]
    if first > APPROVED_FROM and "change_approval" not in root:
        sink.report(NoApproval(at=root.value_span("strategy"), first=first))


def _check_strategy(root: Mapping, sink: DiagnosticSink) -> None:
    mine = [cohort for cohort in root["cohorts"] if moves(cohort, root["bundle_ref"])]
    has_share = any("percentage" in cohort for cohort in mine)
    has_list = any(cohort.get("tenant_allowlist") or cohort.get("regions") for cohort in mine)
    has_tenants = any(cohort.get("tenant_allowlist") for cohort in mine)
    is_all = "phases" not in root and (not has_share or first_share(root) == 100)
    strategy = root["strategy"]
    fits, problem, remedy = {
        "immediate": (
            is_all,
            "not everybody gets the bundle at once",
            "name the strategy `phased`, or let the share be 100 without `phases`",
        ),
        "phased": ("phases" in root, "there are no phases", "add `phases`, as in `phases: [5, 25, 50, 100]`"),
        "percentage": (
            has_share,
            "no cohort takes a share of the sessions for the bundle",
            "add a cohort with a `percentage`",
        ),
        "canary": (
            has_share or has_list,
            "no cohort gets the bundle first",
            "add a cohort with a `percentage`, a `tenant_allowlist` or `regions`",
        ),
        "tenant_allowlist": (
            has_tenants and not has_share,
            "a cohort takes a share of the sessions" if has_share else "no cohort lists tenants that get the bundle",
            "name the strategy `canary`" if has_share else "add a cohort with a `tenant_allowlist`",
        ),
    }[strategy]
    if not fits:
        at = root.value_span("strategy")
        sink.report(StrategyDoesNotFit(at=at, subject=strategy, problem=problem, remedy=remedy))


def check_phase_order(root: Mapping, sink: DiagnosticSink) -> None:
    """Report phases that do not ascend. What stands there is judged even where something else of the file is not."""
    written = root.get("phases")
    if not written:
        return
    for index in range(1, len(written)):
        earlier, later = written[index - 1], written[index]
        if later <= earlier:
            sink.report(PhasesDoNotAscend(at=written.value_span(index), earlier=earlier, later=later))


def _check_phases(root: Mapping, sink: DiagnosticSink) -> None:
    written = root.get("phases")
    if not written:
        return
    check_phase_order(root, sink)
    last = len(written) - 1
    if written[last] != 100:
        sink.report(PhasesEndEarly(at=written.value_span(last), last=written[last]))
    for cohort in root["cohorts"]:
        share = cohort.get("percentage")
        if share is not None and moves(cohort, root["bundle_ref"]) and share != written[0]:
            at, related = cohort.value_span("percentage"), (Related(at=written.value_span(0), text="the first phase"),)
            sink.report(
                ShareIsNotFirstPhase(at=at, subject=cohort["name"], share=share, first=written[0], related=related)
            )
