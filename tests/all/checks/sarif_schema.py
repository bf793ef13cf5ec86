"""SARIF output against the JSON Schema of SARIF 2.1.0, for findings of every kind."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jsonschema import Draft4Validator

from checks.findings import reports
from checks.outcome import Outcome, outcome
from checks.packages import npm_package

NAME = "sarif-schema"
NEEDS = ("npm",)

_PACKAGE = ("@microsoft/jest-sarif", "1.0.0-beta.0")
_SCHEMA = "lib/schemas/sarif-2.1.0-rtm.5.json"
_RESULTS_MIN = 200

MUTATIONS: dict[str, Callable[[dict[str, Any]], object]] = {
    "another version": lambda log: log.update(version="2.2.0"),
    "a level that does not exist": lambda log: _result(log).update(level="fatal"),
    "a line before the first": lambda log: _region(log).update(startLine=0),
    "a message that is no message": lambda log: _result(log).update(message="text"),
    "no tool": lambda log: log["runs"][0].pop("tool"),
    "a property that nobody knows": lambda log: _result(log).update(severity="error"),
}
"""Each must be refused, which proves that the schema looks at what it is shown."""


def run(folder: Path) -> Outcome:
    schema = json.loads((npm_package(*_PACKAGE, folder) / _SCHEMA).read_text(encoding="utf-8"))
    Draft4Validator.check_schema(schema)
    validator = Draft4Validator(schema)
    problems: list[str] = []
    logs: list[dict[str, Any]] = []
    for name, printed in reports("sarif"):
        log = json.loads(printed)
        logs.append(log)
        problems += [f"{name}: {error.json_path}: {error.message[:300]}" for error in validator.iter_errors(log)]
    results = sum(len(log["runs"][0]["results"]) for log in logs)
    if results < _RESULTS_MIN:
        problems.append(f"only {results} findings: nothing is proved")
    problems += _unnoticed(next(log for log in logs if log["runs"][0]["results"]), validator)
    return outcome(problems, f"{len(logs)} logs with {results} findings valid, {len(MUTATIONS)} broken ones refused")


def _unnoticed(log: dict[str, Any], validator: Draft4Validator) -> list[str]:
    problems = []
    for name, mutate in MUTATIONS.items():
        broken = copy.deepcopy(log)
        mutate(broken)
        if validator.is_valid(broken):
            problems.append(f"the schema does not notice {name}")
    return problems


def _result(log: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = log["runs"][0]["results"][0]
    return found


def _region(log: dict[str, Any]) -> dict[str, Any]:
    region: dict[str, Any] = _result(log)["locations"][0]["physicalLocation"]["region"]
    return region
