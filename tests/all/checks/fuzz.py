"""Property tests with other examples each time, as many as fit into a time.

`RSPPC_FUZZ_SECONDS` is the time for all of them together. `make fuzz` does the same without a limit. Examples that
fail are remembered by hypothesis and shown by the next ordinary run, too.
"""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
from pathlib import Path

from checks.outcome import Failed, Outcome, Passed
from checks.packages import ROOT

NAME = "fuzz"
NEEDS = ()

_SECONDS = 120.0
_SECONDS_OF_START = 600
_SLACK = 3.0
"""How much longer it may take than planned: a test that fails is still made small, and a machine is busy."""
_TEST = re.compile(r"^tests/properties/\S+::\S+", re.MULTILINE)
_STOPPED = re.compile(r"^SKIPPED \[(\d+)\].*time is over", re.MULTILINE)


def run(folder: Path) -> Outcome:
    seconds = float(os.environ.get("RSPPC_FUZZ_SECONDS") or _SECONDS)
    pytest = [sys.executable, "-m", "pytest", "tests/properties", "-p", "no:cacheprovider", "--color=no", "-rs"]
    listed = subprocess.run([*pytest, "--collect-only"], cwd=ROOT, capture_output=True, text=True, check=False)
    tests = len(_TEST.findall(listed.stdout))
    if listed.returncode != 0 or tests == 0:
        return Failed("the property tests cannot be collected", listed.stdout[-3000:] + listed.stderr[-1000:])
    seed = secrets.randbelow(2**32)
    done = subprocess.run(
        [*pytest, "--hypothesis-profile=fuzz", f"--hypothesis-seed={seed}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "RSPPC_FUZZ_SECONDS_EACH": str(seconds / tests)},
        timeout=_SECONDS_OF_START + seconds * _SLACK,
        check=False,
    )
    last = (done.stdout.splitlines() or ["nothing was printed"])[-1]
    if done.returncode != 0:
        return Failed(f"{last} with seed {seed}", done.stdout[-6000:])
    stopped = sum(map(int, _STOPPED.findall(done.stdout)))
    return Passed(f"{tests} tests found nothing, {stopped} of them until their time was over, seed {seed}")
