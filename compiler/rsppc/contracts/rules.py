"""What a value breaks of a contract's rules. Plain values in, breaches out; no places in files, no reading.

A value is judged as far as it is sound: what is of another kind than its shape says is passed over here, since whoever
holds values against shapes has said so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from rsppc.base.record import Record
from rsppc.contracts.or02 import contradictions
from rsppc.model import shape as m
from rsppc.model.contract import Condition, Contract, Rule
from rsppc.model.contract_observability import OR02_EVIDENCE

Path = tuple[str | int, ...]
COMPLETE = "or02-complete"
"""Name of the one rule that stands in code: that evidence is complete, and does not contradict itself."""


class Broken(Record):
    """A rule that does not hold: where, which, what was found, and what to do."""

    path: Path
    """Keys and indices from the root to the value that is wrong, or to the key that is not there."""
    rule: str
    message: str
    advice: str
    absent: bool = False
    """Whether the last key of the path is one that is not there."""

    @property
    def place(self) -> str:
        """The path in one text, as in `$.determinism.seed`."""
        return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)


def broken(contract: Contract, value: Any) -> tuple[Broken, ...]:
    """Every breach of the contract's rules in a value, in the order of the rules."""
    found = _broken(contract, value)
    return (*found, *_incomplete(value)) if contract.shape is OR02_EVIDENCE else found


def _incomplete(value: Any) -> Iterator[Broken]:
    """What a record of evidence contradicts itself in. That takes more than rules between keys can say."""
    plain = msgspec.json.decode(msgspec.json.encode(value))  # a document's containers are their own classes
    for gap in contradictions(plain) if isinstance(plain, dict) else ():
        message, absent = gap.sentence(), gap.field not in value
        yield Broken(path=(gap.field,), rule=COMPLETE, message=message, advice=gap.advice, absent=absent)


def _broken(contract: Contract, value: Any) -> tuple[Broken, ...]:
    return tuple(
        breach
        for ready in _READY.get(id(contract)) or _made_ready(contract)
        for steps in ready.places
        for path, mapping in _mappings(value, steps, ())
        if all(_holds(condition, mapping) for condition in ready.rule.when)
        for breach in _breaches(ready, mapping, path)
    )


def repeated(shape: m.Shape, value: Any) -> tuple[Broken, ...]:
    """Items that stand twice in lists whose items must differ: what neither types nor rules say."""
    return tuple(_repeated(m.Nested(shape=shape), value, ()))


_MISSING = object()


def _mappings(value: Any, steps: Sequence[str], path: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The mappings at a place, `*` being every key or item."""
    if not steps:
        if isinstance(value, Mapping):
            yield path, value
        return
    step, rest = steps[0], steps[1:]
    if step == "*":
        for key, one in _entries(value):
            yield from _mappings(one, rest, (*path, key))
    elif isinstance(value, Mapping) and step in value:
        yield from _mappings(value[step], rest, (*path, step))


def _entries(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, list | tuple):
        yield from enumerate(value)


def _at(mapping: Any, key: str) -> Any:
    """What stands under a key, with dots into nested mappings; `_MISSING` where nothing does."""
    for step in key.split("."):
        if not isinstance(mapping, Mapping) or step not in mapping:
            return _MISSING
        mapping = mapping[step]
    return mapping


def _holds(condition: Condition, mapping: Mapping[str, Any]) -> bool:
    found = _at(mapping, condition.key)
    if found is _MISSING:
        return False
    # Python takes 1 for True, and a contract does not.
    return not condition.values or (type(found) in (str, bool) and found in condition.values)


def _breaches(ready: _Ready, mapping: Mapping[str, Any], path: Path) -> Iterator[Broken]:
    rule = ready.rule
    for judge in ready.judges:
        for found in judge(rule, mapping):
            place = (*path, *found.key.split(".")) if found.key else path
            message = found.message + _because(rule)
            yield Broken(path=place, rule=rule.name, message=message, advice=found.advice, absent=found.absent)


class _Found(Record, kw_only=False):
    """A breach within one mapping; the key is empty where the mapping itself is wrong."""

    key: str
    message: str
    advice: str
    absent: bool = False


_Findings = Iterator[_Found]


def _missing(rule: Rule, mapping: Mapping[str, Any]) -> _Findings:
    for key in rule.requires:
        if key not in mapping:
            yield _Found(key, f"`{key}` is missing", f"add `{key}`: {rule.doc}", absent=True)


def _not_allowed(rule: Rule, mapping: Mapping[str, Any]) -> _Findings:
    for allowed in rule.allows:
        value = _at(mapping, allowed.key)
        if value is not _MISSING and not _holds(allowed, mapping):
            message = f"`{allowed.key}` cannot be `{_word(value)}`"
            yield _Found(allowed.key, message, f"it must be {_words(allowed.values)}")


def _none_of_some(rule: Rule, mapping: Mapping[str, Any]) -> _Findings:
    if not any(_holds(one, mapping) for one in rule.some_of):
        said = [_said(one) for one in rule.some_of]
        yield _Found("", f"neither {' nor '.join(said)} holds", f"write {' or '.join(said)}")


def _not_one(rule: Rule, mapping: Mapping[str, Any]) -> _Findings:
    written = [key for key in rule.exactly_one if key in mapping]
    keys = " and ".join(f"`{key}`" for key in rule.exactly_one)
    if len(written) > 1:
        yield _Found(written[1], f"there are both {keys}", f"remove all but one of {keys}")
    elif not written:
        yield _Found("", f"there is none of {keys}", f"add one of {keys}")


def _misshapen(rule: Rule, mapping: Mapping[str, Any]) -> _Findings:
    for form in rule.matches:
        text = mapping.get(form.key)
        # A `$` would also match before a last line break, which the runtime refuses.
        if isinstance(text, str) and re.fullmatch(form.pattern, text) is None:
            yield _Found(form.key, f"`{form.key}` has another form than it must", f"write it as in `{form.example}`")


def _too_many(rule: Rule, mapping: Mapping[str, Any]) -> _Findings:
    for key, most in rule.at_most:
        items = mapping.get(key)
        if isinstance(items, list | tuple) and len(items) > most:
            yield _Found(key, f"`{key}` holds {len(items)} items, and {most} are the most", rule.doc)


def _out_of_order(rule: Rule, mapping: Mapping[str, Any]) -> _Findings:
    assert rule.in_order is not None
    low, high = rule.in_order
    first, second = mapping.get(low), mapping.get(high)
    if type(first) is int and type(second) is int and first > second:
        yield _Found(low, f"`{low}` is {first}, above `{high}`, which is {second}", f"write at most {second}")


def _different(rule: Rule, mapping: Mapping[str, Any]) -> _Findings:
    assert rule.same is not None
    one, other = rule.same
    first, second = _at(mapping, one), _at(mapping, other)
    if first is not _MISSING and second is not _MISSING and first != second:
        message = f"`{other}` is `{_word(second)}`, but `{one}` is `{_word(first)}`"
        yield _Found(other, message, "write the same in both places")


_Judge = Callable[[Rule, Mapping[str, Any]], _Findings]
_JUDGES: dict[str, _Judge] = {
    "requires": _missing,
    "allows": _not_allowed,
    "some_of": _none_of_some,
    "exactly_one": _not_one,
    "matches": _misshapen,
    "at_most": _too_many,
    "in_order": _out_of_order,
    "same": _different,
}
"""Who judges each of the demands that a rule may make."""


class _Ready(Record):
    """A rule, the steps that lead to its places, and those who judge what it demands."""

    rule: Rule
    places: tuple[tuple[str, ...], ...]
    judges: tuple[_Judge, ...]


_READY: dict[int, tuple[_Ready, ...]] = {}
"""Contracts are constants of `model/`, so that their identity serves as key."""


def _made_ready(contract: Contract) -> tuple[_Ready, ...]:
    made = _READY[id(contract)] = tuple(
        _Ready(
            rule=rule,
            places=tuple(tuple(at.split(".")) if at else () for at in rule.at),
            judges=tuple(judge for demand, judge in _JUDGES.items() if getattr(rule, demand)),
        )
        for rule in contract.rules
    )
    return made


def _because(rule: Rule) -> str:
    """The conditions of a rule, as the end of a sentence."""
    return f" where {' and '.join(_said(one) for one in rule.when)}" if rule.when else ""


def _said(condition: Condition) -> str:
    return f"`{condition.key}` is {_words(condition.values)}" if condition.values else f"`{condition.key}`"


def _words(values: Sequence[str | bool]) -> str:
    return " or ".join(f"`{_word(value)}`" for value in values)


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)[:60]


def _repeated(type_: m.FieldType, value: Any, path: Path) -> Iterator[Broken]:
    match type_:
        case m.Nested(shape=shape) if isinstance(value, Mapping):
            for field in shape.fields:
                if field.name in value:
                    yield from _repeated(field.type, value[field.name], (*path, field.name))
        case m.Table(value=inner) if isinstance(value, Mapping):
            for key, one in value.items():
                yield from _repeated(inner, one, (*path, key))
        case m.Listing(item=item, unique=unique) if isinstance(value, list | tuple):
            seen: list[Any] = []
            for index, one in enumerate(value):
                if unique and one in seen:
                    advice = "remove one of the two"
                    yield Broken(
                        path=(*path, index),
                        rule="repeated-item",
                        message=f"`{_word(one)}` stands twice",
                        advice=advice,
                    )
                seen.append(one)
                yield from _repeated(item, one, (*path, index))
