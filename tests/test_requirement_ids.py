"""Every demand that this part of the product answers to has a test that says so.

A test proves a demand by citing its id in its docstring, or in that of its module. An id in the list below that nobody
cites is a promise that nobody checks.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

PROMISED = {
    "R-001": "1-9 11-18 20-32 34-37 39-40 42-53 58-60 65-71 73 77-88",
    "R-002": "1-9 11-14 16-37 48 50-59 61-62",
    "R-004": "1-37",
}
"""By document, the numbers of its demands; `1-5` is five of them."""

ID = r"R-\d{3}-\d{2}"


def promised() -> list[str]:
    """The ids one by one, in order."""
    found = []
    for document, written in PROMISED.items():
        for part in written.split():
            first, _, last = part.partition("-")
            found += [f"{document}-{number:02d}" for number in range(int(first), int(last or first) + 1)]
    return found


def ids(words: str) -> set[str]:
    """All ids in a text; `R-001-12 to R-001-15` is four."""
    found = set(re.findall(ID, words))
    for first, last in re.findall(rf"({ID}) to ({ID})", words):
        document = first[:5]
        assert last[:5] == document, f"{first} to {last}"
        found |= {f"{document}-{number:02d}" for number in range(int(first[6:]), int(last[6:]) + 1)}
    return found


def docstrings(text: str) -> Iterator[str]:
    """Docstrings of a module of tests and of the tests in it; helpers prove nothing."""
    module = ast.parse(text)
    tests = [one for one in ast.walk(module) if isinstance(one, ast.FunctionDef) and one.name.startswith("test_")]
    for one in (module, *tests):
        yield ast.get_docstring(one) or ""


def cited() -> set[str]:
    """The ids that some test cites."""
    return {
        one
        for file in sorted(TESTS.rglob("test_*.py"))
        if file != Path(__file__)
        for text in docstrings(file.read_text(encoding="utf-8"))
        for one in ids(text)
    }


def test_every_promise_is_cited_by_a_test() -> None:
    known = cited()
    missing = [one for one in promised() if one not in known]
    assert missing == [], "cite the id in the docstring of the test that fails when the demand is broken"


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("R-001-12: one", {"R-001-12"}),
        ("R-001-12, R-002-09.", {"R-001-12", "R-002-09"}),
        ("R-001-12 to R-001-14: some", {"R-001-12", "R-001-13", "R-001-14"}),
        ("R-001 and R-1-2 and R-001-7 are none", set()),
    ],
)
def test_ids_are_found_in_words(words: str, found: set[str]) -> None:
    assert ids(words) == found


def test_a_test_cites_in_its_docstring_and_nowhere_else() -> None:
    helper, test = 'def helper():\n    """R-001-03"""\n', 'def test_it():\n    """R-001-04"""\n    "R-001-05"\n'
    text = f'"""R-001-01"""\n# R-001-02\n{helper}{test}'
    assert {one for words in docstrings(text) for one in ids(words)} == {"R-001-01", "R-001-04"}
