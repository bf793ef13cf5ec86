"""The API of a served store under requests that are made from its own description, by schemathesis.

It sends what the description allows and what it does not, follows from what is made to what can be asked of it, and
holds every answer against the description. One of its checks is left out: that whatever the description allows is
taken. It cannot say that a path must mean one file on every system, which retention classes a store has, or what a
registered schema asks of metadata.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from serving_process import serving

from checks.outcome import Failed, Outcome, Passed
from checks.packages import environment_with

NAME = "store-api"
NEEDS = ("pypi", "starlette")

_SECONDS_MAX = 900
_CASES_MIN = 500
_LEFT_OUT = "positive_data_acceptance"


def run(folder: Path) -> Outcome:
    (folder / "schemathesis.toml").write_text("parameters = { wait = 0 }\n")  # half a minute each would take long
    python = environment_with(folder / "venv", ["schemathesis>=4.32,<5"])
    with serving(folder, "--dev") as one:
        words = [str(python.with_name("st")), "run", f"{one.address}/openapi.json"]
        words += ["-H", f"Authorization: Bearer {one.token}", "--checks", "all", "--exclude-checks", _LEFT_OUT]
        words += ["--max-examples", "40", "--seed", "1", "--continue-on-failure", "--request-timeout", "60"]
        words += ["--generation-database", "none", "--no-color"]
        done = subprocess.run(
            words, cwd=folder, capture_output=True, text=True, timeout=_SECONDS_MAX, check=False, errors="replace"
        )
        alive = one.ask("GET", "/health/ready")[0]
        bugs = one.said_wrong()
    found = re.search(r"(\d+) generated", done.stdout)
    cases = int(found[1]) if found is not None else 0
    if done.returncode != 0 or bugs or alive != 200 or cases < _CASES_MIN:
        said = f"schemathesis ends with {done.returncode} after {cases} cases, the server is {alive}"
        return Failed(said, f"{done.stdout[-6000:]}\n{bugs[-3000:]}")
    return Passed(f"{cases} requests made from the description, every answer as it says")
