"""A turn simulator: a compiled plan, run event by event on a virtual clock.

    outcome = simulate(bundle, control_plane, turns=100, seed=7, scenario="barge_in")

`run.py` is the file to open first. The same bundle, control plane, scenario and seed give the same bytes: there is no
clock here, no files, no environment and no chance but the seeded one of `chance.py`. What is measured is the plan: its
graph, bounds, budgets and rules. Latencies that nobody has measured are assumptions, and are listed as such.
"""

from __future__ import annotations

from rsppc.simulate.invariants import Violation
from rsppc.simulate.run import Outcome, simulate
from rsppc.simulate.scenarios import SCENARIOS, Scenario

__all__ = ["SCENARIOS", "Outcome", "Scenario", "Violation", "simulate"]
