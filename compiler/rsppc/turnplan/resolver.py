"""From a bundle and the moment to the plan of a turn, or to the outcome in its place."""

from __future__ import annotations

from rsppc.turnplan.admit import refusal
from rsppc.turnplan.bundle import LoadedBundle
from rsppc.turnplan.choose import Choices, Selection, Undecided, choices_of, select
from rsppc.turnplan.moment import Moment, moment_of
from rsppc.turnplan.outcome import DecisionOutcome, outcome
from rsppc.turnplan.plan import ResolvedTurnPlan, plan_of
from rsppc.turnplan.snapshot import (
    Admission,
    Capabilities,
    ControlPlane,
    Lease,
    Pressure,
    ProviderHealth,
    Routing,
    Session,
    SnapshotFault,
    Turn,
)
from rsppc.turnplan.variant import Variant, variant_of

_VARIANTS_MAX = 256
_ANY = Capabilities()


class TurnPlanResolver:
    """Resolves the turns of one bundle. What the bundle leaves to decide is read once, and each combination of what can
    hold is encoded when it first turns up; beyond 256 combinations the oldest is made anew when it returns.

    The answer depends on the arguments alone: no clock, no files, no chance.
    """

    __slots__ = ("_choices", "_moment", "_variants", "bundle")

    def __init__(self, bundle: LoadedBundle) -> None:
        self.bundle = bundle
        self._choices: Choices = choices_of(bundle)
        self._variants: dict[Selection, Variant] = {}
        self._moment: Moment | None = None

    def resolve(
        self,
        session: Session,
        turn: Turn,
        plane: ControlPlane | SnapshotFault,
        capabilities: Capabilities = _ANY,
    ) -> ResolvedTurnPlan | DecisionOutcome:
        """The plan of a turn, or what is decided in its place. A snapshot that could not be read is no snapshot."""
        if isinstance(plane, SnapshotFault):
            return outcome("defer", f"snapshot_unreadable:{plane.path}", session, turn, detail=plane.message)
        refused = refusal(session, turn, self.bundle, plane, capabilities)
        if refused is not None:
            return refused
        moment = self._moment
        if moment is None or moment.plane is not plane:
            moment = self._moment = moment_of(self.bundle, plane)
        selection = select(self._choices, session, turn, moment, capabilities)
        if isinstance(selection, Undecided):
            return outcome("defer", selection.reason, session, turn, detail=selection.detail)
        variant = self.variant(selection)
        if not variant.constant["provider_bindings"]:
            return outcome("reject", "no_provider_bindings", session, turn)  # the runtime takes no plan without any
        return plan_of(self.bundle, variant, turn, moment)

    def variant(self, selection: Selection) -> Variant:
        """The bundle under a selection."""
        known = self._variants.get(selection)
        if known is None:
            if len(self._variants) >= _VARIANTS_MAX:
                del self._variants[next(iter(self._variants))]
            known = self._variants[selection] = variant_of(self.bundle, self._choices, selection)
        return known


_latest: list[TurnPlanResolver] = []
"""The resolver of the bundle that was asked for last; at most one entry."""


def resolve_turn_plan(
    session: Session,
    turn: Turn,
    bundle: LoadedBundle,
    lease: Lease | None,
    routing: Routing | None,
    capabilities: Capabilities = _ANY,
    *,
    policy: Pressure | None,
    provider_health: ProviderHealth | None,
    admission: Admission | None,
) -> ResolvedTurnPlan | DecisionOutcome:
    """The plan of a turn (R-001-19) from snapshots one by one; `policy` is the pressure that rules ask about."""
    if not _latest or _latest[0].bundle is not bundle:
        _latest[:] = [TurnPlanResolver(bundle)]
    plane = ControlPlane(
        routing=routing, provider_health=provider_health, admission=admission, lease=lease, pressure=policy
    )
    return _latest[0].resolve(session, turn, plane, capabilities)
