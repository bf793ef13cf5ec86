"""The checks of a release in the one order in which they run: contracts first, publishing last.

A check that needs what an earlier one found stands behind it.
"""

from __future__ import annotations

CHECKS = {
    "contracts": "objects of the runtime are what the contracts say",
    "governance": "versions go together, nothing that has gone away is used, conformance is proved",
    "latency_proof": "the compiler proves that the answer comes in time",
    "cancel_proof": "the compiler proves that an interrupted voice falls silent in time",
    "replay_regression": "recorded turns come out as they were recorded",
    "smoke": "the bundle plays calm calls to their end",
    "authority_failover": "the bundle survives that its authority goes to another runtime",
    "slo_gates": "the figures of the turns stay within their limits",
}
"""Name → the question that it answers."""
