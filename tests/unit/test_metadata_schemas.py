"""Schemas of metadata: registered once, enforced, and unable to do harm, whatever they say (R-004-10)."""

from __future__ import annotations

import json
import resource
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rsppc.store import manifest, transfer
from rsppc.store.config import Config
from rsppc.store.json_text import object_of
from rsppc.store.metadata_schemas import (
    check_metadata,
    read_schema,
    register_schema,
    registered_schema,
    registered_schemas,
    schema_faults,
)
from rsppc.store.patterns import pattern_fault, pattern_size
from rsppc.store.problems import StoreProblem
from rsppc.store.registry import Registry, init_store, opened
from rsppc.store.request import PackageRequest
from rsppc.store.schema_engine import bounded_violations, instance_violations
from rsppc.store.transfer import export_package, header_of, import_package
from rsppc.store.violations import Violations

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HEAD = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "example.v1"}
REFUSED_IN_S = 2.0


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    init_store(str(tmp_path / "store"), Config())
    with opened(str(tmp_path / "store")) as found:
        yield found


def written(**keys: Any) -> bytes:
    return json.dumps(HEAD | keys).encode()


def refusal(data: bytes) -> StoreProblem:
    """Why a schema is refused, which is known quickly."""
    before = time.monotonic()
    with pytest.raises(StoreProblem) as found:
        read_schema(data)
    assert time.monotonic() - before < REFUSED_IN_S
    assert found.value.kind == "malformed"
    return found.value


# --- Registration ----------------------------------------------------------------------------------------------------


def test_a_schema_is_registered_once_and_the_same_again_does_nothing(registry: Registry) -> None:
    schema = read_schema(written(type="object"))
    assert register_schema(registry.log, "default", schema).fresh
    spread = json.dumps({"type": "object", **HEAD}, indent=4).encode()
    assert not register_schema(registry.log, "default", read_schema(spread)).fresh, "layout is no content"
    assert registered_schemas(registry.log, "default") == [schema]
    assert registry.log.head().seq == 0, "registering is no event"


def test_other_content_under_the_same_id_is_refused_with_both_digests(registry: Registry) -> None:
    first, second = read_schema(written(type="object")), read_schema(written(type="object", required=["a"]))
    register_schema(registry.log, "default", first)
    with pytest.raises(StoreProblem) as found:
        register_schema(registry.log, "default", second)
    assert found.value.kind == "conflict"
    assert first.digest in found.value.what and second.digest in found.value.what
    assert registered_schema(registry.log, "default", "example.v1") == first


def test_tenants_have_schemas_of_their_own(registry: Registry) -> None:
    register_schema(registry.log, "here", read_schema(written()))
    register_schema(registry.log, "there", read_schema(written(type="object")))
    assert registered_schemas(registry.log, "default") == []
    with pytest.raises(StoreProblem, match="there is no metadata schema"):
        check_metadata(registry.log, "default", "example.v1", {})


def test_a_package_names_the_schema_that_its_metadata_keep(registry: Registry) -> None:
    schema = read_schema(written(required=["colour"], properties={"colour": {"enum": ["red", "green"]}}))
    register_schema(registry.log, "default", schema)
    request = PackageRequest(
        producer="p", run_id="r", subject="s", metadata={"colour": "red"}, metadata_schema="example.v1"
    )
    package = registry.create_package(request, NOW).package
    described = registry.manifest_value(package.package_id)["package"]
    assert described["metadata_schema"] == {"schema_id": "example.v1", "digest": schema.digest}


def test_all_that_is_wrong_with_metadata_is_said_at_once_and_nothing_is_written(registry: Registry) -> None:
    form = {
        "required": ["size", "colour"],
        "properties": {
            "colour": {"enum": ["red"]},
            "list": {"type": "array", "items": {"type": "integer"}},
            "a/b": {"type": "string"},
        },
        "additionalProperties": False,
    }
    register_schema(registry.log, "default", read_schema(written(**form)))
    metadata = {"colour": "blue", "list": [1, "two"], "a/b": 1, "new": 1}
    request = PackageRequest(producer="p", run_id="r", subject="s", metadata=metadata, metadata_schema="example.v1")
    with pytest.raises(Violations) as found:
        registry.create_package(request, NOW)
    assert [one.pointer for one in found.value.violations] == ["", "", "/a~1b", "/colour", "/list/1"]
    assert "`size` is missing" in found.value.what and "`new` cannot stand here" in found.value.what
    assert registry.log.head().seq == 0


def test_metadata_that_no_schema_should_see_are_refused(registry: Registry) -> None:
    register_schema(registry.log, "default", read_schema(written()))
    deep: dict[str, Any] = {}
    for _ in range(20_000):
        deep = {"a": deep}
    for metadata in (deep, {"a": float("nan")}, {"a": 2**53 + 1}, {"a": "\ud800"}, {"a": "x" * 2**21}):
        with pytest.raises(StoreProblem) as found:
            check_metadata(registry.log, "default", "example.v1", metadata)
        assert found.value.kind == "malformed"
    while deep:  # a nest so deep is taken apart by hand, not by the interpreter's own recursion
        deep = deep["a"]


def test_a_schema_whose_row_was_changed_is_noticed(registry: Registry) -> None:
    register_schema(registry.log, "default", read_schema(written(required=["a"])))
    registry.log.database.execute("UPDATE metadata_schemas SET body = ?", (b"{}",))
    with pytest.raises(StoreProblem, match="not what its digest says"):
        check_metadata(registry.log, "default", "example.v1", {})


def test_a_verification_notices_schemas_that_were_exchanged(registry: Registry) -> None:
    """The chain of events does not cover them; the packages that name them do."""
    schema = read_schema(written())
    register_schema(registry.log, "default", schema)
    request = PackageRequest(producer="p", run_id="r", subject="s", metadata={"a": 1}, metadata_schema="example.v1")
    registry.create_package(request, NOW)
    assert schema_faults(registry.log) == ()
    other = read_schema(written(type="object"))
    database = registry.log.database
    database.execute("UPDATE metadata_schemas SET body = ?", (other.body,))
    assert schema_faults(registry.log) == ("the schema `example.v1` of `default` is not what its digest says",)
    database.execute("UPDATE metadata_schemas SET digest = ?", (other.digest,))
    assert schema_faults(registry.log) == ("`example.v1` of `default` is not the schema that its packages name",)


def test_what_a_refusal_quotes_cannot_drive_a_terminal(registry: Registry) -> None:
    register_schema(registry.log, "default", read_schema(written(additionalProperties=False)))
    with pytest.raises(Violations) as found:
        check_metadata(registry.log, "default", "example.v1", {"\x1b[31m": 1, "\u202e": 2})
    assert found.value.what.isprintable()


# --- Hostile schemas -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "pointer", "said"),
    [
        ({"$ref": "#"}, "", "refers to itself"),
        ({"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}, "/$defs/a", "refers to itself"),
        ({"properties": {"a": {"$ref": "#"}}}, "", "refers to itself"),
        ({"$ref": "#/$defs/none"}, "/$ref", "leads to no schema in here"),
        ({"$ref": "#/properties/a/const", "properties": {"a": {"const": {}}}}, "/$ref", "leads to no schema"),
        ({"$ref": "other.json"}, "/$ref", "leads out of the schema"),
        ({"$ref": "file:///etc/passwd"}, "/$ref", "leads out of the schema"),
        ({"properties": {"a": {"$dynamicRef": "#x"}}}, "/properties/a/$dynamicRef", "is refused"),
        ({"properties": {"a": {"enum": list(range(1_001))}}}, "/properties/a/enum", "more than 1000 values"),
        ({"$dynamicAnchor": "x"}, "/$dynamicAnchor", "is refused"),
        ({"$recursiveRef": "#"}, "/$recursiveRef", "is refused"),
        ({"$vocabulary": {}}, "/$vocabulary", "is refused"),
        ({"items": {"$id": "other"}}, "/items/$id", "at the top"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, "/$schema", "draft-07"),
        ({"$schema": "https://example.org/mine"}, "/$schema", "example.org"),
        ({"$id": "a name"}, "/$id", "it names the schema"),
        ({"pattern": "^(a+)+$"}, "/pattern", "repeats a repetition"),
        ({"patternProperties": {"^(a*)*$": {}}}, "/patternProperties/^(a*)*$", "repeats a repetition"),
        ({"pattern": "(((a{1,100}){1,100}){1,100})"}, "/pattern", "parts once"),
        ({"pattern": "[ab]*a[ab]{5000}c"}, "/pattern", "more than 1000 parts"),
        ({"pattern": "(?:[ab]?){1000}c"}, "/pattern", "more than 1000 parts"),
        ({"pattern": "a{99999999999999999999}"}, "/pattern", "more than 1000 parts"),
        ({"pattern": "a(?=b)"}, "/pattern", "look-around"),
        ({"pattern": "(a)\\1"}, "/pattern", "back-references"),
        ({"pattern": "a" * 1001}, "/pattern", "1000 characters"),
        ({"pattern": "("}, "/pattern", "regex"),
        ({"type": "strin"}, "/type", "strin"),
        ({"required": 3}, "/required", "array"),
        ({"multipleOf": 0.5}, "/multipleOf", "integer"),
    ],
)
def test_a_schema_that_could_do_harm_is_refused_with_its_place(keys: dict[str, Any], pointer: str, said: str) -> None:
    found = refusal(written(**keys))
    assert found.pointer == pointer
    assert any(word in found.what for word in said.split("|"))


def test_a_schema_without_dialect_or_name_is_refused_for_both() -> None:
    found = refusal(b"{}")
    assert isinstance(found, Violations)
    assert [one.pointer for one in found.violations] == ["/$schema", "/$id"]


def test_what_only_looks_like_a_keyword_is_none() -> None:
    named = {"$ref": {"type": "string"}, "$dynamicRef": {}, "pattern": {"type": "string"}}
    read_schema(written(properties=named, const={"$ref": "http://example.org", "pattern": "^(a+)+$"}))
    read_schema(written(**{"$defs": {"a": {"type": "string"}}, "items": {"$ref": "#/$defs/a"}, "$ref": "#/$defs/a"}))


@pytest.mark.parametrize(
    "data",
    [
        b'{"properties":{"a":' * 10_000 + b"{}" + b"}}" * 10_000,
        b'{"$id":"a"' + b" " * 50_000_000 + b"}",
        b'{"allOf":[' + b"{}," * 20_000 + b"{}]}",
        b"\xff\xfe{}",
        b'{"a":"\xc3"}',
        b'{"a": NaN}',
        b'{"a": 9007199254740993}',
        b'{"a": 1, "a": 2}',
        b"[]",
        b"",
    ],
    ids=["deep", "50 MB", "wide", "utf-16", "utf-8", "nan", "large", "twice", "list", "empty"],
)
def test_a_schema_that_is_hard_to_read_is_refused_quickly(data: bytes) -> None:
    refusal(data)


def test_a_schema_that_grows_when_it_is_written_out_is_refused() -> None:
    steps = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(60)}
    assert "written out" in refusal(written(**{"$defs": {**steps, "d60": {}}, "$ref": "#/$defs/d0"})).what


@pytest.mark.parametrize("levels", [110, 1_000])
@pytest.mark.parametrize("keys", [{}, {"unevaluatedProperties": False}], ids=["plain", "unevaluated"])
def test_a_chain_of_references_that_would_overflow_the_engine_is_refused(levels: int, keys: dict[str, Any]) -> None:
    """A thousand levels end the process where the engine calls itself for each."""
    steps = {f"d{n}": {**keys, "anyOf": [{"$ref": f"#/$defs/d{n + 1}"}]} for n in range(levels)}
    said = refusal(written(**{"$defs": {**steps, f"d{levels}": {}}, "$ref": "#/$defs/d0"})).what
    assert "100 deep" in said


def test_what_is_unevaluated_lies_in_itself_so_often() -> None:
    """Each level has everything below it judged again, several times over."""
    schema: dict[str, Any] = {}
    for _ in range(4):
        schema = {"anyOf": [schema], "unevaluatedProperties": False}
    read_schema(written(**schema))
    assert "more than 4 `unevaluated…`" in refusal(written(anyOf=[schema], unevaluatedItems=False)).what


@pytest.mark.parametrize(
    ("pattern", "size"),
    [
        ("", 0),
        ("abc", 3),
        ("^[a-z]{3}$", 5),
        ("a{2,5}b{3,}c*d+?", 10),
        ("(ab{3}){2}x", 9),
        ("((a|b){2}c){3}", 21),
        (r"\w\({2}[)(]{2}", 5),
        ("(ab", 2),
        ("a)", 2),
        ("{3}", 0),
    ],
)
def test_the_parts_of_a_pattern_are_counted(pattern: str, size: int) -> None:
    assert pattern_size(pattern) == size


def _levels(keyword: str) -> dict[str, Any]:
    """A schema of forty places that, written out, is laid on a value seven thousand times."""
    steps: dict[str, Any] = {f"d{n}": {keyword: [{"$ref": f"#/$defs/d{n + 1}"}] * 9} for n in range(4)}
    return {"$defs": {**steps, "d4": {"const": 1}}, "properties": {"a": {"items": {"$ref": "#/$defs/d0"}}}}


MUCH = {f"k{n:05}": "v" for n in range(6_000)}


@pytest.mark.parametrize(
    ("keys", "instance"),
    [
        (_levels("anyOf"), {"a": [0] * 1_000}),
        (_levels("allOf"), {"a": [0] * 1_000}),
        (_levels("oneOf"), {"a": [0] * 1_000}),
        ({"required": [f"r{n}" for n in range(2_000)]}, MUCH),
        ({"dependentRequired": {"k00000": [f"r{n}" for n in range(2_000)]}}, MUCH),
        ({"anyOf": [{"type": "string"}] * 2_000}, MUCH),
        ({"propertyNames": {"enum": ["x"]}}, MUCH),
        ({"additionalProperties": {"enum": [f"z{n}" for n in range(1_000)]}}, MUCH),
        ({"additionalProperties": {"const": "x" * 500_000}}, MUCH),
        ({"patternProperties": {f"^k.*{n}$": {} for n in range(200)}}, MUCH),
        ({"properties": {"a": {"pattern": "[ab]*a[ab]{900}c"}}}, {"a": "ab" * 400_000}),
    ],
    ids=["anyOf", "allOf", "oneOf", "missing", "together", "wide", "names", "choices", "large", "patterns", "pattern"],
)
def test_a_schema_that_is_too_much_work_on_metadata_is_refused(keys: dict[str, Any], instance: dict[str, Any]) -> None:
    """Both are small. Without a bound each of these takes seconds to minutes, and gigabytes for its complaints."""
    schema = read_schema(written(**keys))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    (said,) = bounded_violations(schema.body, instance)
    assert said.pointer == "" and "too m" in said.problem
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024


def test_large_metadata_that_keep_a_plain_schema_are_taken() -> None:
    """What nothing is wrong with needs no complaints: a thousand files, or all that a document can hold."""
    file = {"type": "object", "required": ["path", "size"], "properties": {"path": {"pattern": "^[a-z0-9./]{1,200}$"}}}
    schema = read_schema(written(properties={"files": {"items": file}}, additionalProperties={"type": "string"}))
    files = [{"path": f"raw/{n:05}.json", "size": n} for n in range(1_000)]
    assert bounded_violations(schema.body, {"files": files, **MUCH}) == []
    files[3]["path"] = "RAW"
    assert [one.pointer for one in bounded_violations(schema.body, {"files": files})] == ["/files/3/path"]
    many = {f"k{n:05}": "v" for n in range(79_000)}
    assert bounded_violations(schema.body, many) == []
    (said,) = bounded_violations(schema.body, {**many, "bad": 1, **{f"b{n}": 1 for n in range(60_000)}})
    assert "too many values to say what" in said.problem


def test_of_a_document_with_very_much_wrong_the_first_of_it_is_told() -> None:
    """Each complaint holds a copy of what it complains of; three hundred thousand of them filled a gigabyte."""
    form = json.dumps({"properties": {"files": {"items": {"properties": {"path": {"type": "string"}}}}}}).encode()
    files = [{"path": 1}] * 80_000
    assert len(instance_violations(form, {"files": files[:900]})) == 900
    assert [one.pointer for one in instance_violations(form, {"files": files})] == ["/files/0/path"]
    assert instance_violations(form, {"files": [{"path": "x"}] * 80_000}) == []


def test_nothing_is_ever_fetched(registry: Registry) -> None:
    """A schema cannot make the store call anybody: somebody listens, and nobody comes."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.setblocking(False)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/schema.json"
        for keys in (
            {"$ref": address},
            {"$schema": address},
            {"properties": {"a": {"$ref": f"{address}#/a"}}},
            {"$ref": "schema.json", "$id": address},
        ):
            refusal(written(**keys))
        # With such a name the engine could look for the rest of the schema there.
        register_schema(registry.log, "default", read_schema(written(**{"$id": address, "required": ["a"]})))
        with pytest.raises(Violations):
            check_metadata(registry.log, "default", address, {})
        with pytest.raises(BlockingIOError):
            server.accept()


def test_patterns_run_in_linear_time_also_where_they_were_let_in() -> None:
    body = json.dumps({"properties": {"a": {"pattern": "^(a|a)*$|^(a+)+$"}}}).encode()
    before = time.monotonic()
    assert len(instance_violations(body, {"a": "a" * 200_000 + "!"})) == 1
    assert time.monotonic() - before < REFUSED_IN_S


@pytest.mark.parametrize(
    ("pattern", "sound"),
    [
        ("^[a-z][a-z0-9_]*$", True),
        ("^(ab)+$", True),
        ("^a+b+$", True),
        ("^(a+)?b$", True),
        ("^(a{1,3}){2}$", True),
        ("^[(+]+$", True),
        (r"^\(a+\)+$", True),
        ("^(?:[a-z]+,){3}$", True),
        ("^(a+)+$", False),
        ("(a*)*", False),
        ("(a|b+)*c", False),
        ("(?:x+y)+", False),
        ("((a+)?){2,}", False),
        ("(?P<n>a+){50}", False),
        ("([)]+)+", False),
        ("((a)(b+))*", False),
    ],
)
def test_a_repetition_of_a_repetition_is_found(pattern: str, sound: bool) -> None:
    assert (pattern_fault(pattern) is None) == sound


# --- Instances as text -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "pointer"),
    [
        (b'{"a": {"b": [1, NaN]}}', "/a/b/1"),
        (b'{"a": {"b": 1, "b": 2}}', "/a/b"),
        (b'{"a": [9007199254740993]}', "/a/0"),
        (b'{"a/b": {"~": 1.5}}', "/a~1b/~0"),
        (b'{"a": "\\ud800"}', "/a"),
        (b'{"a": "\xff"}', ""),
        (b'{"a": [1, 2', "/a/2"),
        (b'{"a":' * 20_000 + b"1" + b"}" * 20_000, "/a" * 64),
        (b"3", ""),
    ],
    ids=["nan", "twice", "large", "fraction", "surrogate", "utf-8", "open", "deep", "number"],
)
def test_json_from_outside_is_refused_with_a_pointer(data: bytes, pointer: str) -> None:
    with pytest.raises(Violations) as found:
        object_of("the body", data)
    assert found.value.violations[0].pointer == pointer


def test_sound_json_comes_back_as_it_was() -> None:
    assert object_of("the body", b'{"a": [1, {"b": null}], "c": "\xc3\xa4"}') == {"a": [1, {"b": None}], "c": "ä"}


# --- Another implementation ------------------------------------------------------------------------------------------

_SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["", "a", "ab", "b"])
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
)
_LEAVES = st.sampled_from(
    [
        {},
        {"type": "integer"},
        {"type": ["string", "null"]},
        {"minimum": 0},
        {"maxLength": 1},
        {"pattern": "^a"},
        {"const": 1},
        {"enum": ["a", 2, None]},
        {"uniqueItems": True},
        {"minItems": 1},
        {"required": ["a"]},
    ]
)
_SCHEMAS = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda one: {"not": one}, inner),
        st.builds(lambda one: {"items": one}, inner),
        st.builds(lambda one: {"additionalProperties": one}, inner),
        st.builds(lambda one, two: {"properties": {"a": one}, "additionalProperties": two}, inner, inner),
        st.builds(
            lambda key, some: {key: some},
            st.sampled_from(["allOf", "anyOf", "oneOf"]),
            st.lists(inner, min_size=1, max_size=3),
        ),
    ),
    max_leaves=5,
)


@settings(max_examples=60, deadline=None)
@given(schema=_SCHEMAS, instance=st.dictionaries(st.sampled_from("abc"), _VALUES, max_size=3))
def test_another_implementation_judges_the_same(schema: dict[str, Any], instance: dict[str, Any]) -> None:
    sound = read_schema(written(**schema))
    judged = jsonschema.Draft202012Validator(json.loads(sound.body)).is_valid(instance)
    assert (instance_violations(sound.body, instance) == []) == judged


# --- Packages from elsewhere -----------------------------------------------------------------------------------------


def exported(folder: Path, schema: bytes, metadata: dict[str, Any]) -> str:
    """A package in a file, from a store that registered a schema of its own."""
    init_store(str(folder), Config())
    with opened(str(folder)) as store:
        register_schema(store.log, "default", read_schema(schema))
        request = PackageRequest(producer="p", run_id="r", subject="s", metadata=metadata, metadata_schema="example.v1")
        package_id = store.create_package(request, NOW).package.package_id
        store.finalize_package(package_id, NOW)
        export_package(store, package_id, str(folder / "run.tar"), lambda _: None)
    return str(folder / "run.tar")


def test_a_package_from_elsewhere_keeps_the_schema_that_is_known_here(registry: Registry, tmp_path: Path) -> None:
    """Else whoever brings one could make every later look at the store fail."""
    anything, numbers = written(), written(properties={"n": {"type": "integer"}})
    other = exported(tmp_path / "other", anything, {"n": "x"})
    register_schema(registry.log, "default", read_schema(numbers))
    with pytest.raises(StoreProblem, match=r"names another schema `example\.v1`") as refused:
        import_package(registry, other, NOW, lambda _: None)
    assert refused.value.kind == "conflict" and read_schema(anything).digest in refused.value.what
    same = exported(tmp_path / "same", numbers, {"n": 1})
    import_package(registry, same, NOW, lambda _: None)
    assert schema_faults(registry.log) == ()


def test_a_package_that_says_it_keeps_a_schema_and_does_not_is_refused(registry: Registry, tmp_path: Path) -> None:
    schema = read_schema(written(required=["n"]))
    path = exported(tmp_path / "other", written(required=["n"]), {"n": 1})
    data = Path(path).read_bytes()
    with opened(str(tmp_path / "other")) as store:
        package = store.packages()[0]
        value = store.manifest_value(package.package_id)
        old = store.manifest_bytes(package.package_id)
    new = manifest.encode({**value, "package": {**value["package"], "metadata": {}}})
    index = transfer._index_of(manifest.digest(new), [])
    members = ((transfer.MANIFEST, new), (transfer.INDEX, index))
    forged = b"".join(header_of(name, len(one)) + one + bytes(-len(one) % 512) for name, one in members) + transfer.END
    assert old in data
    Path(path).write_bytes(forged)
    register_schema(registry.log, "default", schema)
    with pytest.raises(Violations, match="`n` is missing"):
        import_package(registry, path, NOW, lambda _: None)


def test_the_schema_that_packages_were_brought_with_is_the_one_that_can_be_registered(
    registry: Registry, tmp_path: Path
) -> None:
    anything, numbers = read_schema(written()), read_schema(written(required=["n"]))
    import_package(registry, exported(tmp_path / "other", written(), {}), NOW, lambda _: None)
    with pytest.raises(StoreProblem, match=f"{anything.digest}, and this one has {numbers.digest}"):
        register_schema(registry.log, "default", numbers)
    assert register_schema(registry.log, "default", anything).fresh
    assert register_schema(registry.log, "another", numbers).fresh
    assert schema_faults(registry.log) == ()
