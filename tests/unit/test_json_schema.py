"""The JSON Schemas accept what ships and refuse what a slip of the pen makes of it (R-001-87)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from rsppc.diagnostics import DiagnosticSink
from rsppc.model.common import MS_FROM_1
from rsppc.model.features import features_of
from rsppc.model.json_schema import file_name, schema_of, schema_of_shape
from rsppc.model.kinds import BY_SCHEMA_VERSION, KINDS
from rsppc.model.shape import Anything, Integer, Listing, Nested, Shape, Text, field
from rsppc.resources import folder
from rsppc.syntax.reader import SUFFIXES, read

LIBRARY = Path(folder("pipelines"))
SHIPPED = sorted(
    str(file.relative_to(LIBRARY))
    for file in LIBRARY.rglob("*")
    if file.suffix in SUFFIXES and "assets" not in file.parts
)
VALIDATORS = {kind.schema_version: Draft202012Validator(schema_of(kind)) for kind in KINDS}


def shipped(path: str) -> Any:
    """A shipped artifact as plain values, free to be changed."""
    sink = DiagnosticSink()
    document = read(path, (LIBRARY / path).read_bytes(), sink)
    assert document is not None and not len(sink)
    return json.loads(json.dumps(document.root))


def refusals(artifact: Any) -> list[str]:
    return [error.message for error in VALIDATORS[artifact["schema_version"]].iter_errors(artifact)]


def mappings(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for one in value.values():
            yield from mappings(one)
    elif isinstance(value, list):
        for one in value:
            yield from mappings(one)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_each_schema_is_one(kind: Any) -> None:
    schema = schema_of(kind)
    Draft202012Validator.check_schema(schema)
    assert json.loads((Path(folder("schemas")) / file_name(kind)).read_bytes()) == schema
    assert schema["x-features"] == list(features_of(kind.folder)) != []


@pytest.mark.parametrize("path", SHIPPED)
def test_what_ships_is_accepted(path: str) -> None:
    assert refusals(shipped(path)) == []


@pytest.mark.parametrize("path", SHIPPED)
def test_a_shipped_artifact_with_a_slip_is_refused(path: str) -> None:
    unknown = {**shipped(path), "timeout": 5}
    assert "'timeout' was unexpected" in refusals(unknown)[0]
    wrong_type = {**shipped(path), "version": 1}
    assert refusals(wrong_type)
    incomplete = shipped(path)
    del incomplete[BY_SCHEMA_VERSION[incomplete["schema_version"]].id_field]
    assert "is a required property" in refusals(incomplete)[0]


@pytest.mark.parametrize("path", SHIPPED)
def test_a_key_that_nobody_knows_is_refused_however_deep(path: str) -> None:
    artifact = shipped(path)
    for key in ("nodes", "edges", "gates", "node_types", "providers", "rules", "cohorts", "provider_rules"):
        for one in artifact.get(key) or ():
            if isinstance(one, dict):
                one["no_such_key"] = 1
                assert refusals(artifact)
                del one["no_such_key"]
    assert refusals(artifact) == []


def test_a_number_out_of_bounds_is_refused() -> None:
    profile = shipped("profiles/simple_v1.yaml")
    for one in mappings(profile):
        for key, value in list(one.items()):
            if key.endswith("_ms") and key != "pre_roll_ms":
                for wrong in (-1, MS_FROM_1.maximum + 1, "5 s", True, None, 1.5):
                    one[key] = wrong
                    assert refusals(profile), (key, wrong)
                one[key] = value
    assert refusals(profile) == []


def test_exactly_one_key_of_a_group_is_written() -> None:
    policy = shipped("policies/default_voice_policy_v1.yaml")
    rule = policy["provider_rules"][0]
    assert refusals(policy) == []
    rule["modality"], rule["node"] = "stt", "stt"
    assert refusals(policy)
    del rule["modality"], rule["node"]
    assert refusals(policy)


def test_null_stands_only_where_it_is_allowed() -> None:
    spec = shipped("specs/simple_v1.yaml")
    spec["nodes"][0]["provider"] = None
    assert refusals(spec) == []
    spec["profile"] = None
    assert refusals(spec)


def test_a_schema_carries_docs_units_and_bounds() -> None:
    shape = Shape(name="wait", doc="A pause.", fields=(field("wait_ms", MS_FROM_1, "How long.", nullable=True),))
    assert schema_of_shape(shape) == {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "description": "A pause.",
        "properties": {
            "wait_ms": {
                "description": "How long. Unit: ms.",
                "anyOf": [{"type": "integer", "minimum": 1, "maximum": 86_400_000, "x-unit": "ms"}, {"type": "null"}],
            }
        },
        "additionalProperties": False,
    }


def test_two_shapes_of_one_name_are_a_mistake_of_ours() -> None:
    def nested(doc: str) -> Nested:
        return Nested(shape=Shape(name="twice", doc=doc, fields=(field("a", Anything(), doc),)))

    shape = Shape(
        name="outer", doc="", fields=(field("x", nested("one"), ""), field("y", Listing(item=nested("two")), ""))
    )
    with pytest.raises(ValueError, match="twice"):
        schema_of_shape(shape)


def test_integers_and_texts_are_bounded_in_every_schema() -> None:
    assert Integer().maximum == 2**53 - 1
    for kind in KINDS:
        for one in mappings(schema_of(kind)):
            if one.get("type") == "integer":
                assert {"minimum", "maximum"} <= one.keys()
    assert Text().length_max == 65536
