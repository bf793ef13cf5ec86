"""The life of a turn, ready to be looked up."""

from __future__ import annotations

from rsppc.model.contract_controlplane import TRANSITIONS as TABLE

TRANSITIONS = {(before, trigger): after for before, trigger, after in TABLE}
"""By state and trigger, the next state. Nothing else moves a turn."""
REFUSALS = tuple(trigger for before, trigger, after in TABLE if (before, after) == ("Opening", "Idle"))
"""What is decided in the place of a turn that does not open."""
