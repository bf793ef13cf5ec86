"""What holds for every rollout and every session."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from rsppc.base.canonical_json import canonical
from rsppc.contracts.canary import version_of
from rsppc.diagnostics import DiagnosticSink
from rsppc.driver import open_workspace
from rsppc.rollout.assign import CLOSED, Asking, Traffic, assign
from rsppc.rollout.carry import Carried, carried
from rsppc.rollout.check import check_artifact
from rsppc.rollout.plan import Cohort, Plan, Target, plan_of
from rsppc.rollout.steps import Step, step_forward
from rsppc.workspace import Workspace

NEW, OLD = "line_bundle/v2", "line_bundle/v1"
TENANTS = st.sampled_from(["", "acme", "lab", "bank", "a:b"])
SESSIONS = st.text(min_size=1, max_size=20).filter(lambda text: text.strip() != "")
SHARES = st.integers(0, 100)
REGIONS = st.sampled_from(["", "eu", "us"])


def _cohort(name: str, *, moves: bool, share: int | None = None, tenants: frozenset[str] = frozenset()) -> Cohort:
    return Cohort(name=name, moves=moves, percentage=share, tenants=tenants, regions=frozenset())


def _plan(cohorts: tuple[Cohort, ...]) -> Plan:
    return Plan(
        ref="line_canary/v1",
        digest="",
        bundle=Target(name=NEW, digest=None),
        rollback=Target(name=OLD, digest=None),
        strategy="canary",
        cohorts=cohorts,
        phases=(5, 100),
        denied=frozenset(),
        session_limit=None,
        token_limit=None,
    )


LISTS = st.frozensets(st.sampled_from(["acme", "lab", "a:b"]))


@st.composite
def plans(draw: st.DrawFn, *, in_distribution: bool = False) -> Plan:
    """Plans; on wish only what a distribution can say: one list, one share."""
    cohorts = [_cohort("pilots", moves=True, tenants=draw(LISTS)), _cohort("canary", moves=True, share=5)]
    if not in_distribution:
        cohorts.append(_cohort("held", moves=False, tenants=frozenset({"bank"})))
        regions = frozenset(draw(st.lists(st.sampled_from(["eu", "us"]), max_size=1)))
        cohorts = [
            Cohort(name=one.name, moves=one.moves, percentage=one.percentage, tenants=one.tenants, regions=regions)
            for one in cohorts
        ]
    return _plan(tuple(cohorts))


def _rollout(said: Carried) -> dict[str, Any]:
    """The section of the distribution."""
    return {
        "default_pipeline_version": said.default,
        "canary_pipeline_version": said.canary,
        "canary_percentage": said.percentage,
        "tenant_allowlist": list(said.tenants),
        "by_requested_version": said.requested,
    }


@given(plan=plans(), session=SESSIONS, tenant=TENANTS, region=REGIONS, shares=st.tuples(SHARES, SHARES))
def test_a_session_keeps_the_bundle_while_its_share_grows(
    plan: Plan, session: str, tenant: str, region: str, shares: tuple[int, int]
) -> None:
    """R-001-54: whoever came to the bundle stays with it when more follow."""
    asking = Asking(session_id=session, tenant_id=tenant, region=region)
    before, after = (assign(plan, Traffic(is_open=True, share=share), asking) for share in sorted(shares))
    assert before.bundle_ref == OLD or after.bundle_ref == NEW


@given(
    plan=plans(in_distribution=True),
    session=SESSIONS,
    tenant=TENANTS,
    traffic=st.one_of(st.just(CLOSED), SHARES.map(lambda share: Traffic(is_open=True, share=share))),
    requested=st.sampled_from([None, OLD, NEW, "nightly"]),
)
def test_the_runtime_gives_the_same_answer_from_the_distribution(
    plan: Plan, session: str, tenant: str, traffic: Traffic, requested: str | None
) -> None:
    """R-002-30: what the manifest and its journal say is what the runtime does."""
    said = carried(plan, traffic)
    assert said.left_out == ()
    answer = assign(plan, traffic, Asking(session_id=session, tenant_id=tenant, requested=requested))
    assert answer.bundle_ref == version_of(_rollout(said), session, tenant, requested)


@given(
    plan=plans(),
    session=SESSIONS,
    tenant=TENANTS,
    region=REGIONS,
    traffic=SHARES.map(lambda share: Traffic(is_open=True, share=share)),
)
def test_a_distribution_gives_the_bundle_to_nobody_who_is_kept_from_it(
    plan: Plan, session: str, tenant: str, region: str, traffic: Traffic
) -> None:
    """R-002-14: what the file cannot say is left out on the side of the bundle that served before."""
    answer = assign(plan, traffic, Asking(session_id=session, tenant_id=tenant, region=region))
    assert answer.bundle_ref == NEW or version_of(_rollout(carried(plan, traffic)), session, tenant) == OLD


WORDS = st.sampled_from(["", "acme", "lab", " lab", "a:b", "größe", "\u200b", "x" * 200])
BUNDLES = st.sampled_from(["simple_bundle/v1", "voice_assistant_bundle/v1", "voice_assistant_bundle/v1.0"])
COHORTS = st.fixed_dictionaries(
    {"name": st.sampled_from(["canary", "stable", "pilots"])},
    optional={
        "bundle_ref": BUNDLES,
        "percentage": st.one_of(st.sampled_from([0, 5, 95, 100]), st.integers(-1, 101)),
        "tenant_allowlist": st.lists(WORDS, max_size=3),
        "regions": st.lists(st.sampled_from(["eu", "us"]), max_size=2),
    },
)
MANIFESTS = st.fixed_dictionaries(
    {
        "schema_version": st.just("rspp.rollout.manifest.v1"),
        "rollout_id": st.just("any"),
        "version": st.just("v1"),
        "bundle_ref": BUNDLES,
        "strategy": st.sampled_from(["immediate", "phased", "percentage", "canary", "tenant_allowlist"]),
        "cohorts": st.lists(COHORTS, max_size=3),
        "rollback_ref": BUNDLES,
    },
    optional={
        "phases": st.one_of(st.sampled_from([[5, 25, 100], [100]]), st.lists(st.integers(0, 100), max_size=4)),
        "admission_constraints": st.fixed_dictionaries({"tenants_denied": st.lists(WORDS, max_size=2)}),
    },
)


@given(manifest=MANIFESTS, session=SESSIONS, tenant=TENANTS)
def test_a_manifest_without_findings_can_be_followed_to_its_end(
    manifest: dict[str, Any], session: str, tenant: str
) -> None:
    """R-001-79: what passes the check has steps that ascend to everybody, and an answer for every session."""
    sink = DiagnosticSink()
    artifacts = open_workspace(Workspace(root="/nowhere", scanned=False), sink)
    artifacts.add("any_v1.json", canonical(manifest))
    artifact, _ = artifacts.at("any_v1.json")
    assert artifact is not None
    check_artifact(artifacts, artifact, sink)
    if sink.has_errors or artifact.diagnostics:
        return
    plan = plan_of(artifact)
    assert list(plan.phases) == sorted(set(plan.phases)) and plan.phases[-1] == 100
    assert step_forward(plan, (), None) == Step(action="start", share=plan.phases[0])
    for share in plan.phases:
        answer = assign(plan, Traffic(is_open=True, share=share), Asking(session_id=session, tenant_id=tenant))
        assert answer.outcome_kind == ("reject" if tenant in plan.denied else "admit")
        assert answer.bundle_ref in (None, plan.bundle.name, plan.rollback.name)
