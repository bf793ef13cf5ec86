"""Whether objects of the runtime are what the contracts say: the fixtures, and the plan that this very bundle gives."""

from __future__ import annotations

from rsppc.base.canonical_json import canonical
from rsppc.conformance.against_bundle import check_plan
from rsppc.conformance.check import check_object
from rsppc.conformance.fixtures import judge, sorted_out
from rsppc.conformance.report import answers, figures, inputs
from rsppc.diagnostics import DiagnosticSink
from rsppc.evidence.envelope import Checked
from rsppc.gates.context import Context
from rsppc.gates.engine import Check
from rsppc.gates.outcome import Outcome
from rsppc.model.contracts import contract_named
from rsppc.turnplan import DecisionOutcome, Session, Turn, TurnPlanResolver

PLAN = "resolved_turn_plan"


def run(context: Context) -> Outcome:
    sink, given = DiagnosticSink(), context.fixtures
    fixtures = sorted_out(given.files, given.folders, given.root, sink)
    complete = not sink.has_errors
    judged = judge(fixtures, given.root, sink)
    return Outcome(
        checks=(*answers(judged, complete=complete), _own_plan(context)),
        inputs={**inputs(fixtures), "bundle": context.release.bundle_digest},
        figures=figures(judged),
    )


def _own_plan(context: Context) -> Checked:
    """The plan that the bundle gives a first turn, held against the contract and against the bundle."""
    session = Session(session_id=f"sim-{context.seed}", language=context.language)
    plan = TurnPlanResolver(context.bundle).resolve(session, Turn(turn_id="turn-1"), context.plane)
    subject = f"{PLAN} of {context.release.bundle_ref}"
    if isinstance(plan, DecisionOutcome):
        message = f"the bundle opens no turn with this snapshot: {plan.outcome_kind}, {plan.reason}"
        return Checked(check="own_plan", subject=subject, status="not_run", message=message)
    sink, contract = DiagnosticSink(), contract_named(PLAN)
    assert contract is not None
    root = check_object(contract, f"{PLAN}.json", canonical(plan.contract), sink)
    if root is not None:
        check_plan(root, context.bundle.pipeline_version, context.bundle.spec, sink)
    message = "; ".join(f"{one.code} {one.message()}" for one in sink.sorted()[:3])
    return Checked(check="own_plan", subject=subject, status="fail" if sink.has_errors else "pass", message=message)


CHECK = Check(run=run)
