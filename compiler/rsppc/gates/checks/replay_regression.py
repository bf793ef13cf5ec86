"""Whether recorded turns come out of this bundle as they were recorded."""

from __future__ import annotations

from rsppc.gates.context import Context
from rsppc.gates.engine import Check
from rsppc.gates.outcome import Outcome, not_run


def run(context: Context) -> Outcome:
    if context.replay is None:
        why = "no ReplayManifest was named, so that there is nothing to replay"
        return not_run("replay_regression", context.release.bundle_ref, why)
    return context.replay.made()


CHECK = Check(run=run)
