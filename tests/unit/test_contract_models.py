"""The public models `rsppc.contracts.v1`: the declarations in Python, without semantic drift (R-002-01, R-002-02)."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, get_args

import contract_fixtures as made
import msgspec
import pytest
import rsppc.contracts.v1 as v1
from rsppc.contracts.v1 import MODELS, Model, breaches, core, decode, encode
from rsppc.contracts.v1.eventabi import EventRecord
from rsppc.contracts.v1.observability import ReplayDivergence
from rsppc.model import shape as m
from rsppc.model.contracts import CONTRACTS, ENUMERATIONS
from rsppc.model.json_schema import schema_of_contract
from rsppc.model.python_models import class_name

PACKAGES = {"eventabi", "controlplane", "observability", "core"}


def keys_of(model: type[Model]) -> dict[str, bool]:
    """The JSON keys of a model, and whether each must be there."""
    return {field.encode_name: field.required for field in msgspec.structs.fields(model)}


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
def test_models_schemas_and_declarations_have_the_same_keys(contract: Any) -> None:
    """R-002-02, R-002-07: every key, also below, has one name and is required in all three or in none."""
    schema = schema_of_contract(contract)
    model = MODELS[contract.name]
    assert model.__module__ == f"rsppc.contracts.v1.{contract.package}" and contract.package in PACKAGES
    _same_keys(model, contract.shape, schema, schema.get("$defs", {}))


def _same_keys(model: type[Model], shape: m.Shape, schema: Any, definitions: Any) -> None:
    declared = {field.name: field.required for field in shape.fields}
    assert keys_of(model) == declared
    assert {key: key in schema.get("required", ()) for key in schema["properties"]} == declared
    assert schema["additionalProperties"] is False and model.__struct_config__.forbid_unknown_fields
    for field in shape.fields:
        for inner in _shapes(field.type):
            below = getattr(sys.modules[model.__module__], class_name(inner.name), None)
            below = below or getattr(core, class_name(inner.name))
            _same_keys(below, inner, definitions[inner.name], definitions)


def _shapes(type_: m.FieldType) -> list[m.Shape]:
    match type_:
        case m.Nested(shape=shape):
            return [shape]
        case m.Listing(item=inner) | m.Table(value=inner):
            return _shapes(inner)
        case _:
            return []


@pytest.mark.parametrize("name", ENUMERATIONS)
def test_the_words_of_the_models_are_those_of_the_declarations(name: str) -> None:
    """R-002-03"""
    assert get_args(getattr(core, name)) == ENUMERATIONS[name].values


def test_everything_public_is_exported_under_one_name() -> None:
    assert {class_name(contract.name) for contract in CONTRACTS} <= set(v1.__all__)
    assert all(hasattr(v1, name) for name in v1.__all__)


def test_a_model_is_frozen_and_says_what_is_not_there() -> None:
    event = decode("event_record", encode(EventRecord(**made.EVENT)))
    assert isinstance(event, EventRecord)
    assert event.turn_id is msgspec.UNSET and not event.turn_id
    with pytest.raises(AttributeError):
        event.lane = "DataLane"  # type: ignore[misc]


def test_nothing_that_breaks_its_contract_goes_out() -> None:
    """R-001-50: a runtime that writes with these models cannot get round the Event ABI."""
    wrong = EventRecord(**{**made.EVENT, "lane": "ControlLane"})
    assert [one.rule for one in breaches(wrong)] == ["event-off-control-lane"]
    with pytest.raises(ValueError, match=r"^\$\.lane: `lane` cannot be `ControlLane` \(event-off-control-lane\)$"):
        encode(wrong)
    with pytest.raises(ValueError, match=r"^\$\.runtime_sequence: Expected `int` >= 0 \(shape\)$"):
        encode(EventRecord(**{**made.EVENT, "runtime_sequence": -1}))


def test_a_key_with_a_name_that_python_keeps_for_itself_has_its_own_in_json() -> None:
    one = ReplayDivergence(class_="PLAN_DIVERGENCE", scope="turn-1", message="another plan")
    assert encode(one) == b'{"class":"PLAN_DIVERGENCE","message":"another plan","scope":"turn-1"}'


@pytest.mark.parametrize(
    ("data", "place", "words"),
    [
        (b"", "$", "it cannot be read as JSON"),
        (b"[" * 5000, "$", "it cannot be read as JSON"),
        (b"\xff", "$", "it cannot be read as JSON"),
        (b'{"class": NaN}', "$", "it cannot be read as JSON"),
        (b'{"scope": "a", "scope": "b"}', "$", "a key is written twice"),
        (b"[]", "$", "Expected `object`, got `array`"),
        (b'{"class": 3}', "$.class", "Expected `str`, got `int`"),
        (b'{"class": "PLAN"}', "$.class", "Invalid enum value"),
        (b"{}", "$", "Object missing required field `class`"),
    ],
)
def test_what_cannot_be_an_object_is_told_with_its_place(data: bytes, place: str, words: str) -> None:
    found = decode("replay_divergence", data)
    assert isinstance(found, tuple)
    assert found[0].place == place and words in found[0].message


def test_a_place_in_a_list_has_its_number() -> None:
    result = msgspec.json.encode({**made.RESULT, "divergences": [made.TIMING, {**made.TIMING, "diff_ms": "x"}]})
    found = decode("replay_result", result)
    assert isinstance(found, tuple) and found[0].place == "$.divergences[1].diff_ms"


def test_a_runtime_loads_the_models_without_the_compiler() -> None:
    rooms = "{name.split('.')[1] for name in sys.modules if name.startswith('rsppc.')}"
    script = f"import sys, rsppc.contracts.v1; print(*sorted({rooms}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["base", "contracts", "model"]
