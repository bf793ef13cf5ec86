"""JUnit output in the hands of a library that servers and plugins use to read it."""

from __future__ import annotations

import json
from pathlib import Path

from checks.findings import reports
from checks.outcome import Outcome, outcome
from checks.packages import call, environment_with

NAME = "junit"
NEEDS = ("pypi",)

_PACKAGE = "junitparser==5.0.3"
_FINDINGS_MIN = 200
_READ = """
import json, sys
from pathlib import Path
from junitparser import JUnitXml, Failure
seen = {}
for path in sorted(Path("reports").iterdir()):
    xml = JUnitXml.fromfile(str(path))
    said = [xml.tests, xml.failures]
    failed = [[suite.name, case.name.split()[0]] for suite in xml for case in suite
              if any(isinstance(one, Failure) for one in case.result)]
    xml.update_statistics()
    seen[path.stem] = {"said": said, "counted": [xml.tests, xml.failures], "failed": failed}
print(json.dumps(seen))
"""


def run(folder: Path) -> Outcome:
    (folder / "reports").mkdir()
    for name, printed in reports("junit"):
        (folder / "reports" / f"{name}.xml").write_bytes(printed)
    python = environment_with(folder / "environment", [_PACKAGE])
    seen = json.loads(call([str(python), "-c", _READ], folder))
    problems, failures = [], 0
    for name, printed in reports("json"):
        found = [json.loads(line) for line in printed.splitlines()]
        errors = sorted({(one["primary"]["file"], one["code"]) for one in found if one["severity"] == "error"})
        failures += len(errors)
        read = seen[name]
        if read["said"] != read["counted"]:
            problems.append(f"{name}: the totals say {read['said']}, counted are {read['counted']}")
        if sorted(map(tuple, read["failed"])) != errors:
            problems.append(f"{name}: read as {read['failed']}, found were {errors}")
    if failures < _FINDINGS_MIN:
        problems.append(f"only {failures} failed cases: nothing is proved")
    return outcome(problems, f"{len(seen)} reports with {failures} failed cases read as they are meant")
