"""What a JSON Schema accepts and what the check of documents accepts are the same (R-001-87)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError, validators
from rsppc.base.source import Source
from rsppc.diagnostics import DiagnosticSink
from rsppc.lowering.check_shape import sound_mapping
from rsppc.model import shape as m
from rsppc.model.forms import FORMS
from rsppc.model.json_schema import schema_of, schema_of_shape
from rsppc.model.kinds import BY_SCHEMA_VERSION, KINDS
from rsppc.resources import folder
from rsppc.syntax.json_reader import read_json
from rsppc.syntax.reader import read


def _whole_pattern(_validator: Any, pattern: str, value: Any, _schema: Any) -> Iterator[ValidationError]:
    # In the dialect of JSON Schema `$` is the end of the text; in Python it also stands before a last line break.
    if isinstance(value, str) and re.search(pattern.removesuffix("$") + r"\Z", value) is None:
        yield ValidationError(f"{value!r} does not match")


Validator = validators.extend(Draft202012Validator, {"pattern": _whole_pattern})

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=6)
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,3}", fullmatch=True)
LONG_NAMES = st.sampled_from(("a" * 200, "a" * 201))
ENDS = st.from_regex(r"[a-z]{1,2}(/[a-z]{1,2})?(\.[a-z]{1,2})?", fullmatch=True)
NUMBERS = st.integers(-12, 12) | st.sampled_from((2**53 - 1, -(2**53) + 1))
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS | NAMES
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=5
)
PATHS = st.one_of(
    st.sampled_from(("nodes.*.config.*", "edges.*.type", "buffers.*.*", "buffers.DataLane.*.x", "budgets.*", "*")),
    st.builds("nodes.{}.config.{}".format, ENDS, NAMES),
    st.builds("edges.{}{}->{}.buffer.{}".format, ENDS, st.sampled_from(("", " ")), ENDS, NAMES),
    st.builds("buffers.{}.{}".format, st.sampled_from(("ControlLane", "DataLane", "DataLane.additive")), NAMES),
    st.builds("config.{}".format, NAMES),
    st.builds("budgets.{}".format, NAMES),
)
VERSIONS = st.sampled_from(("v1", "v1.2", "v0.0.1", "v01", "v1.2.3.4", "1", "latest"))
REFS = st.builds(
    "{}{}/{}{}".format,
    st.sampled_from(("", "module:", "profile:")),
    NAMES,
    VERSIONS,
    st.sampled_from(("", "@sha256:" + "0" * 64, "@sha256:" + "A" * 64)),
)

SHAPES: list[m.Shape] = []
"""Keeps shapes alive: the check of documents knows a shape by its identity."""
NUMBER = count()

LEAVES: st.SearchStrategy[m.FieldType] = st.one_of(
    st.builds(m.Text, length_max=st.integers(0, 5)),
    st.builds(m.Identifier, form=st.sampled_from(sorted(FORMS))),
    st.builds(m.Integer, minimum=st.integers(-9, 0), maximum=st.integers(0, 9), unit=st.sampled_from(("", "ms"))),
    st.just(m.Flag()),
    st.builds(m.Choice, values=st.sampled_from((("a",), ("a", "b"), ("drop", True)))),
    st.builds(m.Reference, kind=st.sampled_from(("module", "profile"))),
    st.builds(m.SettingPath, pattern=st.booleans()),
    st.just(m.TypeText()),
    st.just(m.Expression(environment="edge")),
    st.just(m.Anything()),
)


def _wrapped(inner: st.SearchStrategy[m.FieldType]) -> st.SearchStrategy[m.FieldType]:
    keys = st.sampled_from((m.Text(), m.Identifier(form="id"), m.Choice(values=("a", "b")), m.SettingPath()))
    return st.one_of(
        st.builds(m.Listing, item=inner, length_min=st.integers(0, 2)),
        st.builds(m.Listing, item=st.just(m.Identifier(form="id")), unique=st.just(True)),
        st.builds(m.Table, value=inner, key=keys, length_min=st.integers(0, 1)),
        st.builds(m.OneOf, options=st.lists(inner, min_size=1, max_size=2).map(tuple)),
        _shapes(inner).map(lambda shape: m.Nested(shape=shape)),
    )


@st.composite
def _shapes(draw: st.DrawFn, types: st.SearchStrategy[m.FieldType]) -> m.Shape:
    fields = tuple(
        m.field(name, draw(types), "A key.", required=draw(st.booleans()), nullable=draw(st.booleans()))
        for name in draw(st.lists(st.sampled_from("abcd"), unique=True, min_size=1, max_size=3))
    )
    groups = (tuple(one.name for one in fields),) if len(fields) > 1 and draw(st.booleans()) else ()
    shape = m.Shape(name=f"shape_{next(NUMBER)}", doc="A mapping.", fields=fields, one_of=groups)
    SHAPES.append(shape)
    return shape


@st.composite
def values(draw: st.DrawFn, type_: m.FieldType) -> Any:
    """Mostly what a type asks for, sometimes anything."""
    if draw(st.integers(0, 9)) == 0:
        return draw(ANYTHING)
    match type_:
        case m.Text(length_max=most):
            return "x" * (most + draw(st.integers(-1, 1)))
        case m.TypeText() | m.Expression():
            return draw(TEXTS)
        case m.Identifier(form=form):
            return draw(st.from_regex(FORMS[form].pattern, fullmatch=True) | ENDS | VERSIONS | LONG_NAMES)
        case m.Integer(minimum=low, maximum=high):
            return draw(NUMBERS | st.sampled_from((low - 1, low, high, high + 1)))
        case m.Flag():
            return draw(st.booleans())
        case m.Choice(values=words):
            return draw(st.sampled_from(words))
        case m.Reference():
            return draw(REFS)
        case m.SettingPath():
            return draw(PATHS)
        case m.Listing(item=item):
            return draw(st.lists(values(item), max_size=3))
        case m.Table(key=key, value=value):
            return draw(
                st.dictionaries(values(key).filter(lambda one: isinstance(one, str)), values(value), max_size=3)
            )
        case m.Nested(shape=shape):
            return draw(mappings(shape))
        case m.OneOf(options=options):
            return draw(values(draw(st.sampled_from(options))))
        case _:
            return draw(ANYTHING)


@st.composite
def mappings(draw: st.DrawFn, shape: m.Shape) -> dict[str, Any]:
    written: dict[str, Any] = {}
    for field in shape.fields:
        if draw(st.integers(0, 4)):
            written[field.name] = None if draw(st.integers(0, 6)) == 0 else draw(values(field.type))
    if draw(st.integers(0, 9)) == 0:
        written["unknown"] = 1
    return written


def is_sound(value: dict[str, Any], shape: m.Shape) -> bool:
    sink = DiagnosticSink()
    text = json.dumps(value)
    document = read_json(Source("a.json", text, text.encode()), sink)
    assert document.root is not None and not len(sink), [one.message() for one in sink.sorted()]
    sound_mapping(document.root, shape, sink)
    return not len(sink)


ONE_BY_ONE: tuple[m.FieldType, ...] = (
    m.Text(length_max=2),
    *(m.Identifier(form=form) for form in sorted(FORMS)),
    m.Integer(minimum=-2, maximum=2),
    m.Flag(),
    m.Choice(values=("only",)),
    m.Choice(values=("drop", True)),
    m.Reference(kind="module"),
    m.SettingPath(),
    m.SettingPath(pattern=True),
    m.Anything(),
    m.Listing(item=m.Integer(maximum=2), length_min=1, unique=True),
    m.Table(value=m.Anything(), key=m.SettingPath()),
    m.Table(value=m.Flag(), key=m.Choice(values=("a", "b")), length_min=1),
    m.OneOf(options=(m.Integer(maximum=2), m.Choice(values=("all",)))),
)


@pytest.mark.parametrize("type_", ONE_BY_ONE, ids=str)
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_schema_and_check_agree_on_each_type(type_: m.FieldType, data: st.DataObject) -> None:
    shape = m.Shape(name="one", doc="One key.", fields=(m.field("key", type_, "The key."),))
    SHAPES.append(shape)
    value = {"key": data.draw(values(type_) | ANYTHING)}
    assert Validator(schema_of_shape(shape)).is_valid(value) == is_sound(value, shape)


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_schema_and_check_agree_on_values_of_any_shape(data: st.DataObject) -> None:
    shape = data.draw(_shapes(st.recursive(LEAVES, _wrapped, max_leaves=3)))
    schema = schema_of_shape(shape)
    Draft202012Validator.check_schema(schema)
    for _ in range(4):
        value = data.draw(mappings(shape))
        assert Validator(schema).is_valid(value) == is_sound(value, shape), (shape, value)


LIBRARY = Path(folder("pipelines"))
SHIPPED = (
    "specs/voice_assistant_v1.yaml",
    "profiles/simple_v1.yaml",
    "modules/transcription_normalize_v1.yaml",
    "policies/default_voice_policy_v1.yaml",
    "policies/gold_tenant_v1.yaml",
    "bundles/voice_assistant_bundle_v1.json",
    "rollouts/canary_10pct_v1.yaml",
    "rollouts/local_v1.yaml",
    "extensions/custom_sentiment_node_v1.yaml",
    "replay/or02_baseline_v1.yaml",
    "compat/version_skew_policy_v1.yaml",
    "compat/rspp_go_v1.yaml",
    "tests/mvp_gates_manifest_v1.yaml",
)
VALIDATORS = {kind.schema_version: Validator(schema_of(kind)) for kind in KINDS}


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container with each of its keys or indexes."""
    found: list[tuple[Any, Any]] = []
    for key, one in value.items() if isinstance(value, dict) else enumerate(value):
        found.append((value, key))
        if isinstance(one, dict | list):
            found += places(one)
    return found


@pytest.mark.parametrize("path", SHIPPED)
@settings(deadline=None, max_examples=25)
@given(data=st.data())
def test_schema_and_check_agree_on_shipped_artifacts_with_one_slip(path: str, data: st.DataObject) -> None:
    document = read(path, (LIBRARY / path).read_bytes(), DiagnosticSink())
    assert document is not None
    artifact = json.loads(json.dumps(document.root))
    container, key = data.draw(st.sampled_from(places(artifact)))
    slip = data.draw(st.sampled_from(("replace", "remove", "add")))
    if slip == "replace":
        container[key] = data.draw(ANYTHING | PATHS | REFS)
    elif slip == "remove":
        del container[key]
    elif isinstance(container, dict):
        container[data.draw(NAMES)] = data.draw(ANYTHING)
    schema_version = document.root["schema_version"] if document.root is not None else ""
    shape = BY_SCHEMA_VERSION[schema_version].shape
    assert VALIDATORS[schema_version].is_valid(artifact) == is_sound(artifact, shape)
