"""Decides whether conditions always hold, exclude each other or leave a gap, and gives an example where they do not.

A condition is unfolded into alternatives (and/or/not over comparisons of one value with literals, `in`,
`startsWith`), each a set of values per term. What is not of this form counts as a term of its own about which
nothing is known: then "cannot be" is still certain, while "can be" is only claimed for alternatives that do
without it. Beyond 4,096 alternatives the answer is *undecided*.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

from rsppc.base.record import Record
from rsppc.conditions.check import Condition
from rsppc.conditions.environment import INT_MAX, INT_MIN, Choices, Environment, Range
from rsppc.conditions.nodes import Tree
from rsppc.conditions.printing import print_tree, quote

__all__ = ["Assignment", "Coverage", "Overlap", "Verdict", "always", "covers", "example", "exclusive", "witness"]

Verdict: TypeAlias = Literal["always", "never", "sometimes", "undecided"]
Overlap: TypeAlias = Literal["exclusive", "overlap", "undecided"]
Coverage: TypeAlias = Literal["covers", "gaps", "undecided"]

ALTERNATIVES_MAX = 4096
MERGES_MAX = 20_000


def always(condition: Condition) -> Verdict:
    """Whether the condition holds for all values, for none, or for some."""
    holds, fails = possible([condition], []), possible([], [condition])
    if holds == "no":
        return "never"
    if fails == "no" and not _may_fail(condition.tree):
        return "always"
    return "sometimes" if holds == fails == "yes" else "undecided"


def exclusive(first: Condition, second: Condition) -> Overlap:
    """Whether both can hold at once."""
    both = possible([first, second], [])
    return "exclusive" if both == "no" else "overlap" if both == "yes" else "undecided"


def covers(conditions: Sequence[Condition]) -> Coverage:
    """Whether at least one of the conditions holds, whatever the values."""
    gap = possible([], conditions)
    if gap == "yes":
        return "gaps"
    if gap == "maybe" or any(_may_fail(condition.tree) for condition in conditions):
        return "undecided"
    return "covers"


class Assignment(Record):
    """A value that a term has in an example. The term is a name, `map["key"]`, or `"key" in map`."""

    term: str
    value: str | int | bool


def example(holds: Sequence[Condition], fails: Sequence[Condition] = ()) -> tuple[Assignment, ...] | None:
    """Values for which all of `holds` hold and none of `fails` does, sorted by term; None where none is known."""
    alternatives = _alternatives(holds, fails)
    sure = next((each for each in alternatives or () if _is_sure(each)), None)
    if sure is None:
        return None
    picked = [(term, _pick(limit)) for term, limit in sorted(sure.items(), key=lambda item: item[0].text)]
    absent = {term.key_of for term, value in picked if term.key_of and value is False}
    return tuple(Assignment(term=term.text, value=value) for term, value in picked if term.text not in absent)


def witness(holds: Sequence[Condition], fails: Sequence[Condition] = ()) -> str | None:
    """The example as text for a message: `event.confidence_milli = 600, session.language = "de"`."""
    found = example(holds, fails)
    if found is None:
        return None
    return ", ".join(_assignment_text(each) for each in found) or "any values"


def _assignment_text(assignment: Assignment) -> str:
    value = assignment.value
    if assignment.term.startswith('"'):
        return assignment.term if value else f"!({assignment.term})"
    if isinstance(value, bool):
        return f"{assignment.term} = {'true' if value else 'false'}"
    return f"{assignment.term} = {quote(value) if isinstance(value, str) else value}"


class _Term(Record):
    """Something that has a value: what it is called, and whether its value is free of all other terms.

    `key_of` says for `"key" in map` how `map["key"]` is called.
    """

    text: str
    free: bool
    key_of: str = ""


class _Numbers(Record):
    """Whole numbers: disjoint intervals with both ends, ascending."""

    intervals: tuple[tuple[int, int], ...]


class _Texts(Record):
    """Texts: exactly `only` if given; else all that begin with `prefix` and are not barred."""

    only: frozenset[str] | None = None
    prefix: str = ""
    barred: frozenset[str] = frozenset()
    barred_prefixes: frozenset[str] = frozenset()


_Limit: TypeAlias = "_Numbers | _Texts | bool"
_Alternative: TypeAlias = "dict[_Term, _Limit]"


class _TooManyAlternatives(Exception):
    """The unfolding has passed its bound."""


class _Budget:
    """Counts the merges of one question."""

    def __init__(self) -> None:
        self.left = MERGES_MAX

    def spend(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise _TooManyAlternatives


def possible(holds: Sequence[Condition], fails: Sequence[Condition]) -> Literal["yes", "no", "maybe"]:
    """Whether all of `holds` can hold while none of `fails` does."""
    alternatives = _alternatives(holds, fails)
    if alternatives is None:
        return "maybe"
    if not alternatives:
        return "no"
    return "yes" if any(_is_sure(each) for each in alternatives) else "maybe"


def _is_sure(alternative: _Alternative) -> bool:
    return all(term.free for term in alternative)


def _alternatives(holds: Sequence[Condition], fails: Sequence[Condition]) -> list[_Alternative] | None:
    """All ways in which `holds` hold and `fails` do not; None beyond the bound."""
    budget = _Budget()
    wanted = [(condition, True) for condition in holds] + [(condition, False) for condition in fails]
    try:
        parts = (_unfold(condition.tree, outcome, condition.environment, budget) for condition, outcome in wanted)
        return _all_of(parts, budget)
    except _TooManyAlternatives:
        return None


def _unfold(tree: Tree, outcome: bool, environment: Environment, budget: _Budget) -> list[_Alternative]:
    """The alternatives under which `tree` has this outcome."""
    function = tree.get("call")
    args: list[Tree] = tree.get("args", [])
    if "const" in tree:
        return [{}] if tree["const"].get("bool") == outcome else []
    if function == "!_":
        return _unfold(args[0], not outcome, environment, budget)
    if function in ("_&&_", "_||_"):
        parts = (_unfold(argument, outcome, environment, budget) for argument in args)
        return _all_of(parts, budget) if (function == "_&&_") == outcome else _any_of(parts, budget)
    if function == "_?_:_":
        ways = (
            _all_of(
                (_unfold(args[0], taken, environment, budget), _unfold(branch, outcome, environment, budget)),
                budget,
            )
            for taken, branch in ((True, args[1]), (False, args[2]))
        )
        return _any_of(ways, budget)
    if function in ("_==_", "_!=_"):
        for constant, other in ((args[0], args[1]), (args[1], args[0])):
            if "const" in constant and "bool" in constant["const"]:
                same = (function == "_==_") == outcome
                return _unfold(other, constant["const"]["bool"] == same, environment, budget)
    return _atom(tree, outcome, environment)


def _any_of(parts: Iterable[list[_Alternative]], budget: _Budget) -> list[_Alternative]:
    found = [alternative for part in parts for alternative in part]
    if len(found) > ALTERNATIVES_MAX:
        raise _TooManyAlternatives
    return found


def _all_of(parts: Iterable[list[_Alternative]], budget: _Budget) -> list[_Alternative]:
    found: list[_Alternative] = [{}]
    for part in parts:
        merged: dict[frozenset[tuple[_Term, _Limit]], _Alternative] = {}
        for left in found:
            for right in part:
                budget.spend()
                both = _merge(left, right)
                if both is not None:
                    merged.setdefault(frozenset(both.items()), both)
        found = list(merged.values())
        if len(found) > ALTERNATIVES_MAX:
            raise _TooManyAlternatives
    return found


def _merge(left: _Alternative, right: _Alternative) -> _Alternative | None:
    """Both at once; None if some term is left without a value."""
    both = dict(left)
    for term, limit in right.items():
        common = _intersect(both[term], limit) if term in both else limit
        if common is None:
            return None
        both[term] = common
    return both


def _atom(tree: Tree, outcome: bool, environment: Environment) -> list[_Alternative]:
    """The alternatives of a comparison, or of a part that is only known to be true or false."""
    limited = _limited(tree, outcome)
    if limited is None:
        return [{_term(tree): outcome}]
    subject, limit = limited
    if limit is None:
        return []
    if "const" in subject:
        return [{}] if _contains(limit, _literal(subject)) else []
    within = _intersect(limit, _domain(subject, limit, environment))
    return [] if within is None else [{_term(subject): within}]


def _term(tree: Tree) -> _Term:
    text = print_tree(tree)
    if "name" in tree:
        return _Term(text=text, free=True)
    function, args = tree.get("call"), tree.get("args", ())
    on_map = function in ("_[_]", "@in") and "name" in args[function == "@in"]
    if not on_map or "string" not in args[function == "_[_]"].get("const", ()):
        return _Term(text=text, free=False)
    if function == "_[_]":
        return _Term(text=text, free=True)
    return _Term(text=text, free=True, key_of=f"{print_tree(args[1])}[{print_tree(args[0])}]")


FLIPPED = {"_<_": "_>_", "_>_": "_<_", "_<=_": "_>=_", "_>=_": "_<=_", "_==_": "_==_", "_!=_": "_!=_"}
OPPOSITE = {"_<_": "_>=_", "_>=_": "_<_", "_>_": "_<=_", "_<=_": "_>_", "_==_": "_!=_", "_!=_": "_==_"}


def _limited(tree: Tree, outcome: bool) -> tuple[Tree, _Limit | None] | None:
    """What a comparison limits, and to which values (None: to no value); None if it is no such comparison."""
    function = tree.get("call")
    if function in FLIPPED:
        left, right = tree["args"]
        if _literal(right) is None:
            left, right, function = right, left, FLIPPED[function]
        literal = _literal(right)
        if literal is None:
            return None
        return left, _comparison(function if outcome else OPPOSITE[function], literal)
    if function == "@in" and "list" in tree["args"][1]:
        subject, items = tree["args"][0], [_literal(item) for item in tree["args"][1]["list"]]
        if not items or any(item is None or isinstance(item, bool) for item in items):
            return None
        return subject, _membership([item for item in items if item is not None], outcome)
    if function == "startsWith":
        prefix = _literal(tree["args"][0])
        if not isinstance(prefix, str):
            return None
        if outcome:
            return tree["target"], _Texts(prefix=prefix)
        return tree["target"], _normal(_Texts(barred_prefixes=frozenset({prefix})))
    return None


def _literal(tree: Tree) -> str | int | None:
    constant = tree.get("const", {})
    if "int" in constant:
        return int(constant["int"])
    text = constant.get("string")
    return text if isinstance(text, str) else None


def _comparison(function: str, literal: str | int) -> _Limit | None:
    if isinstance(literal, str):
        return _membership([literal], function == "_==_")
    bounds = {
        "_==_": [(literal, literal)],
        "_!=_": [(INT_MIN, literal - 1), (literal + 1, INT_MAX)],
        "_<_": [(INT_MIN, literal - 1)],
        "_<=_": [(INT_MIN, literal)],
        "_>_": [(literal + 1, INT_MAX)],
        "_>=_": [(literal, INT_MAX)],
    }
    return _numbers(bounds[function])


def _membership(literals: Sequence[str | int], inside: bool) -> _Limit | None:
    texts = frozenset(literal for literal in literals if isinstance(literal, str))
    if texts:
        return _Texts(only=texts) if inside else _Texts(barred=texts)
    points = sorted({literal for literal in literals if isinstance(literal, int)})
    if inside:
        return _numbers((point, point) for point in points)
    starts = [INT_MIN, *(point + 1 for point in points)]
    ends = [*(point - 1 for point in points), INT_MAX]
    return _numbers(zip(starts, ends, strict=True))


def _numbers(intervals: Iterable[tuple[int, int]]) -> _Numbers | None:
    kept = tuple((low, high) for low, high in intervals if low <= high)
    return _Numbers(intervals=kept) if kept else None


def _domain(subject: Tree, limit: _Limit, environment: Environment) -> _Limit:
    """All values that the subject can have, as far as that is known."""
    if "name" in subject:
        known = environment.find(subject["name"])
        match known.domain if known else None:
            case Range(low=low, high=high):
                return _Numbers(intervals=((low, high),))
            case Choices(texts=texts):
                return _Texts(only=frozenset(texts))
    if subject.get("call") == "size":
        return _Numbers(intervals=((0, INT_MAX),))
    return _Texts() if isinstance(limit, _Texts) else _Numbers(intervals=((INT_MIN, INT_MAX),))


def _intersect(left: _Limit, right: _Limit) -> _Limit | None:
    if isinstance(left, _Numbers) and isinstance(right, _Numbers):
        return _numbers(
            (max(low, other_low), min(high, other_high))
            for low, high in left.intervals
            for other_low, other_high in right.intervals
        )
    if isinstance(left, _Texts) and isinstance(right, _Texts):
        return _common_texts(left, right)
    return left if left is right else None


def _common_texts(left: _Texts, right: _Texts) -> _Texts | None:
    longer, shorter = (left, right) if len(left.prefix) >= len(right.prefix) else (right, left)
    if not longer.prefix.startswith(shorter.prefix):
        return None
    only = left.only if right.only is None else right.only
    if left.only is not None and right.only is not None:
        only = left.only & right.only
    return _normal(
        _Texts(
            only=only,
            prefix=longer.prefix,
            barred=left.barred | right.barred,
            barred_prefixes=left.barred_prefixes | right.barred_prefixes,
        )
    )


def _normal(texts: _Texts) -> _Texts | None:
    """The same texts said in one way; None if there are none."""
    if texts.only is not None:
        kept = frozenset(text for text in texts.only if _allows(texts, text))
        return _Texts(only=kept) if kept else None
    if any(texts.prefix.startswith(barred) for barred in texts.barred_prefixes):
        return None
    # Always inhabited: finitely many texts and longer prefixes never bar every way to go on.
    return texts


def _allows(texts: _Texts, text: str) -> bool:
    return (
        text.startswith(texts.prefix)
        and text not in texts.barred
        and not any(text.startswith(barred) for barred in texts.barred_prefixes)
    )


def _contains(limit: _Limit, value: str | int | None) -> bool:
    if isinstance(limit, _Numbers):
        return isinstance(value, int) and any(low <= value <= high for low, high in limit.intervals)
    if isinstance(limit, _Texts):
        return isinstance(value, str) and (value in limit.only if limit.only is not None else _allows(limit, value))
    return value == limit


def _pick(limit: _Limit) -> str | int | bool:
    """One value of the limit, always the same."""
    if isinstance(limit, bool):
        return limit
    if isinstance(limit, _Numbers):
        low, high = limit.intervals[0]
        return low if low > INT_MIN else high if high < INT_MAX else 0
    if limit.only is not None:
        return min(limit.only)
    candidate = limit.prefix or "other"
    letter = ord("a")
    while not _allows(limit, candidate):
        candidate = limit.prefix + chr(letter)
        letter += 1
    return candidate


# Operations that give a value for all values of their operands (entries of maps are guarded, see rules.py).
TOTAL_OPERATIONS = """
    _&&_ _||_ !_ _?_:_ _==_ _!=_ _<_ _<=_ _>_ _>=_ @in all contains endsWith exists exists_one filter lowerAscii
    map matches reverse size startsWith string trim upperAscii
"""
NEVER_FAILING = frozenset(TOTAL_OPERATIONS.split())


def _may_fail(tree: Tree) -> bool:
    pending: list[Tree] = [tree]
    while pending:
        inner = pending.pop()
        function = inner.get("call")
        if function == "_[_]":
            if "string" not in inner["args"][1].get("const", ()):
                return True
        elif function is not None and function not in NEVER_FAILING:
            return True
        pending.extend(inner.get("args", ()))
        pending.extend(inner.get("list", ()))
        pending.extend(part for entry in inner.get("map", ()) for part in entry)
        if "target" in inner:
            pending.append(inner["target"])
    return False
