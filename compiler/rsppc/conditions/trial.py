"""Tries a condition on values made of its own literals, where judging it by its form gives no answer.

`event.text.contains("agent")` is of no form that the judgement decides, yet a text with and a text without the word
show at once that it is an ordinary condition. What no trial shows both to hold and to fail deserves a second look.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice, product

from rsppc.conditions.check import Condition
from rsppc.conditions.environment import INT_MAX, INT_MIN, Choices, Declaration, Range
from rsppc.conditions.evaluate import evaluate
from rsppc.conditions.nodes import Tree

__all__ = ["holds_and_fails"]

TRIALS_MAX = 64
LITERALS_MAX = 6
_WORDS = re.compile(r"\w+")
"""Of a pattern such as `^(yes|no)$` the words are what it matches."""
_LONG = "other words " * 20


def holds_and_fails(condition: Condition) -> bool:
    """Whether trials show that the condition can hold and can fail. False says nothing."""
    texts, numbers = _literals(condition.tree)
    declared = [known for known in condition.environment.declarations if known.name in condition.names]
    values = [_candidates(known, texts, numbers) for known in declared]
    seen: set[bool] = set()
    for chosen in islice(product(*values), TRIALS_MAX):
        outcome = evaluate(condition, {known.name: value for known, value in zip(declared, chosen, strict=True)})
        if isinstance(outcome, bool):
            seen.add(outcome)
        if len(seen) == 2:
            return True
    return False


def _literals(tree: Tree) -> tuple[list[str], list[int]]:
    """The first few texts and numbers that a condition writes out."""
    found = list(_constants(tree))
    texts = dict.fromkeys(str(one["string"]) for one in found if "string" in one)
    numbers = dict.fromkeys(int(one["int"]) for one in found if "int" in one)
    return list(texts)[:LITERALS_MAX], list(numbers)[:LITERALS_MAX]


def _constants(tree: Tree) -> Iterator[dict[str, str]]:
    pending: list[Tree] = [tree]
    while pending:
        inner = pending.pop()
        if "const" in inner:
            yield inner["const"]
        pending.extend(inner.get("args", ()))
        pending.extend(inner.get("list", ()))
        pending.extend(part for entry in inner.get("map", ()) for part in entry)
        if "target" in inner:
            pending.append(inner["target"])


def _candidates(known: Declaration, texts: list[str], numbers: list[int]) -> list[object]:
    """A few values that a name can have."""
    kind, _, inner = known.type.partition("<")
    item = (inner or kind).rstrip(">").rpartition(",")[2]
    values = _scalars(item, known, texts, numbers)
    if kind == "list":
        return [[], *([value] for value in values)]
    if kind == "map":
        keys = known.keys if known.keys is not None else texts
        maps: list[object] = [dict.fromkeys(keys, value) for value in values]
        return maps if known.keys is not None else [{}, *maps]
    return values


def _scalars(type_: str, known: Declaration, texts: list[str], numbers: list[int]) -> list[object]:
    if type_ == "bool":
        return [True, False]
    if isinstance(known.domain, Choices):
        return list(known.domain.texts)
    if type_ == "string":
        words = [word for text in texts for word in _WORDS.findall(text)][:LITERALS_MAX]
        return list(dict.fromkeys(["", "".join(texts), *texts, *words, "other", _LONG]))
    low, high = (known.domain.low, known.domain.high) if isinstance(known.domain, Range) else (INT_MIN, INT_MAX)
    around = [0, 1, *(number + step for number in numbers for step in (0, -1, 1))]
    return [number for number in dict.fromkeys(around) if low <= number <= high] or [low]
