"""Schemas of records: what is one, what fits one, and examples that fit. Held against the jsonschema library."""

from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rsppc.base.canonical_json import readable
from rsppc.diagnostics import DiagnosticSink
from rsppc.extensions.record_schema import KEYWORDS, instance_problem, schema_problems, unjudged
from rsppc.extensions.synthetic import CannotFeed, example
from rsppc.simulate.chance import Chance
from rsppc.syntax.reader import read

SMALL = st.integers(0, 4)
PLAIN = st.sampled_from(["a", "b", 1, 2, True, None, [], {"a": 1}])


def leaves() -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        st.fixed_dictionaries(
            {"type": st.just("string")}, optional={"minLength": SMALL, "maxLength": st.integers(4, 9)}
        ),
        st.fixed_dictionaries(
            {"type": st.just("integer")},
            optional={"minimum": st.integers(-5, 0), "maximum": st.integers(0, 5), "multipleOf": st.integers(1, 3)},
        ),
        st.just({"type": "boolean"}),
        st.just({"type": ["string", "null"]}),
        st.fixed_dictionaries({"enum": st.lists(st.sampled_from(["a", "b", 1, 2]), min_size=1, unique=True)}),
        st.just({"type": "string", "pattern": "^[a-z][a-z0-9_]*$"}),
    )


def grown(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        st.fixed_dictionaries(
            {"type": st.just("array"), "items": inner},
            optional={"minItems": st.integers(0, 2), "maxItems": st.integers(2, 4)},
        ),
        objects(inner),
        st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=2)}),
    )


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    properties = st.dictionaries(st.sampled_from("abcd"), inner, max_size=3)
    return properties.flatmap(
        lambda made: st.fixed_dictionaries(
            {
                "type": st.just("object"),
                "properties": st.just(made),
                "required": st.lists(st.sampled_from(sorted(made)), unique=True) if made else st.just([]),
            },
            optional={"additionalProperties": st.booleans()},
        )
    )


SCHEMAS = objects(st.recursive(leaves(), grown, max_leaves=6))


def problems(schema: Any) -> list[str]:
    sink = DiagnosticSink()
    document = read("schema.json", readable(schema), sink)
    assert document is not None and document.root is not None and not sink.has_errors
    return [found.problem for found in schema_problems(document.root)]


@settings(max_examples=150, deadline=None)
@given(schema=SCHEMAS, value=st.recursive(PLAIN, lambda inner: st.dictionaries(st.sampled_from("abcde"), inner)))
def test_what_fits_is_what_the_library_says_fits(schema: dict[str, Any], value: Any) -> None:
    assert (instance_problem(schema, value) is None) == jsonschema.Draft202012Validator(schema).is_valid(value)


@settings(max_examples=150, deadline=None)
@given(schema=SCHEMAS, seed=st.integers(0, 2**32))
def test_examples_fit_by_the_word_of_the_library(schema: dict[str, Any], seed: int) -> None:
    assert problems(schema) == []
    made = example(schema, Chance(seed, "x"))
    if not isinstance(made, CannotFeed):
        jsonschema.Draft202012Validator(schema).validate(made)


def test_every_keyword_of_the_vocabularies_is_known() -> None:
    resolver = jsonschema.Draft202012Validator.META_SCHEMA
    known = {"$anchor", "$comment", "$defs", "$id", "$ref", "$schema"} | set(jsonschema.Draft202012Validator.VALIDATORS)
    assert resolver["$id"].endswith("2020-12/schema")
    assert known - KEYWORDS - {"$dynamicRef"} == set()


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "array"}, "a record is a mapping"),
        ({"properties": {}}, "a record is a mapping"),
        ({"type": "object", "propertys": {}}, "`propertys` is no keyword"),
        ({"type": "object", "properties": {"a": {"type": "text"}}}, "`type` in a schema must be one of"),
        ({"type": "object", "properties": {"a": {"type": []}}}, "`type` in a schema must be one of"),
        ({"type": "object", "properties": {"a": {}}}, "says what kind of value"),
        ({"type": "object", "properties": []}, "must be a mapping"),
        ({"type": "object", "properties": {"a": 3}}, "must be a schema"),
        ({"type": "object", "properties": {"a": {"anyOf": [3]}}}, "must be a schema"),
        ({"type": "object", "properties": {"a": {"anyOf": []}}}, "must be a list of schemas"),
        ({"type": "object", "properties": {"a": {"type": "array", "items": {}}}}, "says what kind of value"),
        ({"type": "object", "required": ["a"]}, "`a` is required and not declared"),
        ({"type": "object", "required": [3]}, "`3` is required and not declared"),
        ({"type": "object", "required": "a"}, "must be a list"),
        ({"type": "object", "properties": {"a": {"type": "string", "minLength": -1}}}, "whole number from 0 on"),
        ({"type": "object", "properties": {"a": {"type": "string", "minLength": 3, "maxLength": 2}}}, "no value fits"),
        ({"type": "object", "properties": {"a": {"type": "string", "pattern": "("}}}, "the pattern is none"),
        ({"type": "object", "properties": {"a": {"$ref": "#/$defs/b"}}}, "`$ref` leads nowhere"),
        ({"type": "object", "properties": {"a": {"$ref": "other.json"}}}, "`$ref` leads nowhere"),
        ({"type": "object", "properties": {"a": {"enum": []}}}, "`enum` allows nothing"),
        ({"type": "object", "properties": {"a": {"type": "integer", "default": "x"}}}, "a value under `default`"),
        (
            {"type": "object", "properties": {"a": {"type": "integer", "maximum": 3, "const": 4}}},
            "a value under `const`",
        ),
        ({"type": "object", "additionalProperties": "no"}, "must be a schema"),
        ({"type": "object", "uniqueItems": 1}, "must be true or false"),
    ],
)
def test_what_is_no_schema_is_said(schema: Any, said: str) -> None:
    """R-001-46: the schema of what goes in and out is one."""
    assert any(said in problem for problem in problems(schema)), problems(schema)


def test_what_refers_to_itself_comes_to_an_end() -> None:
    tree = {
        "type": "object",
        "properties": {"left": {"$ref": "#"}, "right": {"$ref": "#/$defs/leaf"}},
        "$defs": {"leaf": {"type": "string"}, "round": {"$ref": "#/$defs/round"}},
    }
    assert problems(tree) == []
    assert not isinstance(example(tree, Chance(1, "x")), CannotFeed)
    assert instance_problem(tree, {"left": {"left": {"right": 3}}}) == (
        "is wrong at `left`: it is wrong at `left`: it is wrong at `right`: it must be `string`"
    )
    assert instance_problem({"$ref": "#/$defs/round", **tree}, {}) is None


def test_what_is_not_judged_is_named() -> None:
    schema = {"type": "object", "properties": {"a": {"if": {"const": 1}}}, "patternProperties": {"^x": True}}
    assert unjudged(schema) == ("if", "patternProperties")


def test_an_example_of_a_pattern_may_be_given() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^[0-9]{7}-x$"}}, "required": ["a"]}
    found = example(schema, Chance(0, "x"))
    assert isinstance(found, CannotFeed) and "examples" in found.reason
    schema["properties"]["a"]["examples"] = ["1234567-x"]  # type: ignore[index]
    assert re.fullmatch(r"[0-9]{7}-x", example(schema, Chance(0, "x"))["a"])
