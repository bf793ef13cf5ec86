"""The earlier execution profile: budgets and actions, and nothing about queues.

Its queues were those of the runtime; today they are those of `simple/v1`. Budgets that differ from `simple/v1` become a
layer over it, because what was published as `simple/v1` does not change.
"""

from __future__ import annotations

from rsppc.diagnostics import DiagnosticSink
from rsppc.importing.earlier import Earlier, EarlierKind, Target, target
from rsppc.importing.fields import TEXT
from rsppc.importing.findings import Became, EarlierRefusedProfile
from rsppc.importing.linking import EarlierSet
from rsppc.model.common import ACTIONS, MS_FROM_1
from rsppc.model.governing import CONFIG_LAYER
from rsppc.model.shape import Choice, Listing, Nested, Shape, field

PROFILE_REF = "simple/v1"
SIMPLE_BUDGETS = {"turn_budget_ms": 2000, "node_budget_ms": 800, "path_budget_ms": 1800, "edge_budget_ms": 250}
"""Budgets of `simple/v1` that an earlier profile has as well."""

_TODAY = {
    "turn_budget_ms": "turn_budget_ms",
    "node_budget_ms_default": "node_budget_ms",
    "path_budget_ms_default": "path_budget_ms",
    "edge_budget_ms_default": "edge_budget_ms",
}

ADAPTIVE_ACTIONS = Listing(item=Choice(values=ACTIONS), length_min=1, unique=True)

PROFILE = EarlierKind(
    name="profile",
    schema_version="rspp.execution.profile.v1",
    id_key="profile_id",
    shape=Shape(
        name="execution profile",
        doc="Budgets and actions.",
        fields=(
            field("schema_version", TEXT, "Announces the kind of artifact.", required=True),
            field("profile_id", TEXT, "Name and version of the profile.", required=True),
            field("execution_profile", TEXT, "The profile as the runtime knows it: `simple`.", required=True),
            field("allowed_adaptive_actions", ADAPTIVE_ACTIONS, "What the runtime may do on its own.", required=True),
            field(
                "budgets",
                Nested(
                    shape=Shape(
                        name="budgets",
                        doc="Budgets.",
                        fields=tuple(field(key, MS_FROM_1, "In milliseconds.", required=True) for key in _TODAY),
                    )
                ),
                "The budgets.",
                required=True,
            ),
        ),
    ),
)


def translate_profile(earlier: Earlier, all_: EarlierSet, sink: DiagnosticSink) -> list[Target]:
    """A layer with the budgets, where they are not those of `simple/v1`; a bundle refers to `simple/v1` itself."""
    root = earlier.root
    if root["execution_profile"] != "simple":
        at, written = root.value_span("execution_profile"), root["execution_profile"][:60]
        sink.report(EarlierRefusedProfile(at=at, subject="execution_profile", written=written))
        return []
    outcome = f"becomes `{PROFILE_REF}`, which has the same budgets and bounds for every queue"
    budgets = changed_budgets(earlier)
    if budgets:
        kept = ", ".join(f"{key} {value}" for key, value in budgets.items())
        outcome = f"becomes `{PROFILE_REF}` with the layer `{layer_ref(earlier)}` over it, which keeps {kept}"
    sink.report(Became(at=root.value_span("profile_id"), subject="profile_id", outcome=outcome))
    at = root.value_span("allowed_adaptive_actions")
    outcome = "narrows the actions of the policies that are bundled with it"
    sink.report(Became(at=at, subject="allowed_adaptive_actions", outcome=outcome))
    if not budgets:
        return []
    settings = {f"budgets.{key}": value for key, value in budgets.items()}
    return [target(earlier, CONFIG_LAYER, {"scope": "environment", "set": settings}, id=_layer_id(earlier))]


def layer_ref(profile: Earlier) -> str | None:
    """The layer that goes with a profile; None where `simple/v1` alone says the same."""
    return f"{_layer_id(profile)}/{profile.version}" if changed_budgets(profile) else None


def changed_budgets(profile: Earlier) -> dict[str, int]:
    """The budgets of a profile under today's names, where they are not those of `simple/v1`."""
    written = profile.root["budgets"] if profile.sound else {}
    today = {name: written[key] for key, name in _TODAY.items() if key in written}
    return {name: value for name, value in today.items() if value != SIMPLE_BUDGETS[name]}


def _layer_id(profile: Earlier) -> str:
    return f"{profile.id}_budgets"
