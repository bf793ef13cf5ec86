"""Contracts with one mutated field each: what must be refused is refused, with a place, by all who judge (R-002-04).

The check, the models and the JSON Schemas are made of the same declarations. The check and the models agree; a schema
accepts whatever the check accepts, and what a schema refuses the check refuses.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import contract_fixtures
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from rsppc.conformance.check import check_object
from rsppc.contracts.v1 import Model, decode
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.model import shape as m
from rsppc.model.contract import Contract
from rsppc.model.contracts import BY_NAME, CONTRACTS
from rsppc.model.json_schema import schema_of_contract

VALID = [
    (path.split("/")[0], json.loads(text))
    for path, text in sorted(contract_fixtures.fixtures().items())
    if "/valid/" in path
]
Path = tuple[str | int, ...]
GONE = object()


def findings(kind: str, value: Any) -> tuple[Diagnostic, ...]:
    sink = DiagnosticSink()
    check_object(BY_NAME[kind], "one.json", json.dumps(value).encode(), sink)
    return sink.sorted()


@cache
def schema(kind: str) -> Draft202012Validator:
    return Draft202012Validator(schema_of_contract(BY_NAME[kind]))


def changed(value: Any, path: Path, new: Any) -> Any:
    """A copy with another value at a path; `GONE` takes the key away."""
    made = copy.deepcopy(value)
    inner = made
    for step in path[:-1]:
        inner = inner[step]
    if new is GONE:
        del inner[path[-1]]
    else:
        inner[path[-1]] = new
    return made


def must_be_refused(type_: m.FieldType, value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Every single change of a value that its declaration does not allow."""
    if path:
        yield path, None
        yield path, [] if not isinstance(value, list) else {}
    match type_:
        case m.Text(length_min=shortest):
            yield path, 7
            if shortest:
                yield from ((path, blank) for blank in ("", " ", "\t\n"))
        case m.Integer(minimum=low, maximum=high):
            yield from ((path, wrong) for wrong in (low - 1, high + 1, str(value), True, 1.0, float(value) + 0.5))
        case m.Flag():
            yield from ((path, wrong) for wrong in (0, 1, "true"))
        case m.Choice():
            yield from ((path, wrong) for wrong in ("no such word", f"{value} ", 1))
        case m.Listing(item=item, length_min=shortest, unique=unique):
            if shortest:
                yield path, []
            if unique and value:
                yield path, [*value, value[0]]
            for index, one in enumerate(value):
                yield from must_be_refused(item, one, (*path, index))
        case m.Table(value=inner, key=key, length_min=shortest):
            if shortest:
                yield path, {}
            for name, one in value.items():
                if isinstance(key, m.Text) and key.length_min:
                    yield (*path, " "), one
                yield from must_be_refused(inner, one, (*path, name))
        case m.Nested(shape=shape):
            yield (*path, "surprise"), "a key that nobody declared"
            for field in shape.fields:
                if field.name in value:
                    if field.required:
                        yield (*path, field.name), GONE
                    yield from must_be_refused(field.type, value[field.name], (*path, field.name))


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
def test_every_mutated_field_is_refused_with_a_place(contract: Contract) -> None:
    seen = 0
    # Objects with the same keys are mutated in the same ways.
    different = {tuple(value): (kind, value) for kind, value in VALID if kind == contract.name}
    for kind, value in different.values():
        for path, new in must_be_refused(m.Nested(shape=contract.shape), value, ()):
            wrong = changed(value, path, new)
            found = findings(kind, wrong)
            assert found and all(one.at.end > one.at.start for one in found), (path, new)
            assert isinstance(decode(kind, json.dumps(wrong).encode()), tuple), (path, new)
            seen += 1
    assert seen > 20


ODD = st.sampled_from(
    (None, True, False, 0, 1, -1, 1.0, 2**63 - 1, 2**63, "", " ", "a", "v1.0", "turn", "session", [], {})
)


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, Any]:
    """A valid object, changed in up to three places: keys taken away, added, or given what stands elsewhere."""
    kind, value = draw(st.sampled_from(VALID))
    made = copy.deepcopy(value)
    for _ in range(draw(st.integers(0, 3))):
        places = list(_places(made))
        container, key = draw(st.sampled_from(places))
        what = draw(st.integers(0, 3))
        if what == 0:
            del container[key]
        elif what == 1:
            container[key] = draw(ODD)
        elif what == 2:
            container[key] = copy.deepcopy(draw(st.sampled_from([one[step] for one, step in places])))
        elif isinstance(container, dict):
            container[draw(st.sampled_from(KEYS[kind]))] = copy.deepcopy(container[key])
        if not made:
            break
    return kind, made


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in entries:
        yield value, key
        yield from _places(one)


KEYS = {contract.name: [field.name for field in contract.shape.fields] for contract in CONTRACTS}


@settings(max_examples=400, deadline=None)
@given(mutated())
def test_whoever_judges_judges_alike(one: tuple[str, Any]) -> None:
    kind, value = one
    accepted = not findings(kind, value)
    made = decode(kind, json.dumps(value).encode())
    assert accepted == isinstance(made, Model), made
    if accepted:
        schema(kind).validate(value)
