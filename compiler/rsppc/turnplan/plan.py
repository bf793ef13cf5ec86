"""The frozen plan of one turn: the closed object that the runtime loads, in an envelope of ours.

A plan is bytes. Values are made anew when asked for, so that nobody can change a plan under a turn that runs by it.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec

from rsppc.base.canonical_json import canonical
from rsppc.base.record import Record
from rsppc.contracts.plan_identity import determinism_of
from rsppc.turnplan.bundle import LoadedBundle
from rsppc.turnplan.moment import Moment
from rsppc.turnplan.snapshot import Turn
from rsppc.turnplan.variant import Variant


class ResolvedTurnPlan(Record):
    """What a turn runs by from its opening to its end (R-001-33, R-001-55)."""

    plan_hash: str
    bundle_id: str
    lease_epoch: int
    routing_snapshot_ref: str
    contract_json: bytes
    """The runtime's `resolved_turn_plan`, canonical: the one part that is given to the runtime."""
    determinism_json: bytes
    resolved_spec_id: str
    variant: Variant

    @property
    def resolved_turn_plan_id(self) -> str:
        return f"rtp-{self.plan_hash}"

    @property
    def contract(self) -> dict[str, Any]:
        """The runtime's `resolved_turn_plan` as plain values."""
        value: dict[str, Any] = msgspec.json.decode(self.contract_json)
        return value

    @property
    def determinism_context(self) -> dict[str, Any]:
        value: dict[str, Any] = msgspec.json.decode(self.determinism_json)
        return value

    @property
    def node_provider_bindings(self) -> dict[str, str]:
        """The provider of every node; the contract carries one for each modality."""
        value: dict[str, str] = msgspec.json.decode(self.variant.node_provider_bindings)
        return value

    @property
    def selection(self) -> dict[str, Any]:
        """Layers and rules that hold, and the patches that they apply to the ResolvedSpec."""
        value: dict[str, Any] = msgspec.json.decode(self.variant.selection)
        return value

    @property
    def effective(self) -> dict[str, Any]:
        """`effective_nodes`, `effective_edges` and `budgets` of the ResolvedSpec as they hold in this turn."""
        value: dict[str, Any] = msgspec.json.decode(self.variant.effective)
        return value

    def encode(self) -> bytes:
        """The envelope with the contract in it, canonical JSON."""
        return _object(
            {
                "bundle_id": canonical(self.bundle_id),
                "contract": self.contract_json,
                "determinism_context": self.determinism_json,
                "lease_epoch": b"%d" % self.lease_epoch,
                "node_provider_bindings": self.variant.node_provider_bindings,
                "plan_hash": canonical(self.plan_hash),
                "resolved_spec_id": canonical(self.resolved_spec_id),
                "resolved_turn_plan_id": canonical(self.resolved_turn_plan_id),
                "routing_snapshot_ref": canonical(self.routing_snapshot_ref),
                "selection": self.variant.selection,
            }
        )


def plan_of(bundle: LoadedBundle, variant: Variant, turn: Turn, moment: Moment) -> ResolvedTurnPlan:
    """The plan of a turn that may open, under a variant of its bundle."""
    lease, routing = moment.plane.lease, moment.plane.routing
    assert lease is not None and routing is not None
    epoch = lease.authority_epoch
    hashed = sha256(variant.material.complete(turn.turn_id, epoch, moment.snapshots_hashed)).hexdigest()
    determinism = canonical(determinism_of(hashed, epoch))
    return ResolvedTurnPlan(
        plan_hash=hashed,
        bundle_id=bundle.bundle_id,
        lease_epoch=epoch,
        routing_snapshot_ref=routing.routing_view_snapshot,
        contract_json=variant.frame.filled(
            (b"%d" % epoch, determinism, b'"%b"' % hashed.encode(), moment.snapshots, canonical(turn.turn_id))
        ),
        determinism_json=determinism,
        resolved_spec_id=bundle.resolved_spec_id,
        variant=variant,
    )


def _object(members: dict[str, bytes]) -> bytes:
    """A JSON object of members that are encoded already. Names are plain ASCII without escapes."""
    return b"{%b}" % b",".join([b'"%b":%b' % (name.encode(), members[name]) for name in sorted(members)])
