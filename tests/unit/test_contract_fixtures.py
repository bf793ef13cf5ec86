"""Our fixtures of the contracts: complete, fresh, each refused for what it shows and nothing else (R-002-04, R-002-56).

R-001-24 and R-001-50: what a runtime emits is held against the Event ABI and the other contracts by these rules.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import contract_fixtures
import pytest
from jsonschema import Draft202012Validator
from rsppc.conformance.check import check_object, rule_of
from rsppc.contracts.rules import COMPLETE
from rsppc.contracts.v1 import Model, decode, encode
from rsppc.diagnostics import DiagnosticSink
from rsppc.model.contract import Contract
from rsppc.model.contract_controlplane import TRANSITIONS
from rsppc.model.contract_eventabi import EMITTER, SIGNALS
from rsppc.model.contracts import BY_NAME, CONTRACTS
from rsppc.model.json_schema import schema_of_contract

TEXTS = contract_fixtures.fixtures()
PATHS = sorted(TEXTS)
RULES = [(contract, rule.name) for contract in CONTRACTS for rule in contract.rules]

each_contract = pytest.mark.parametrize("contract", CONTRACTS, ids=[contract.name for contract in CONTRACTS])


def found_in(contract: Contract, text: str) -> list[str]:
    sink = DiagnosticSink()
    check_object(contract, "fixture.json", text.encode(), sink)
    assert all(found.at.source.path == "fixture.json" for found in sink.sorted())
    return sorted({rule_of(found) for found in sink.sorted()})


def test_the_committed_fixtures_are_those_of_the_script() -> None:
    folder = contract_fixtures.FOLDER
    files = {file.relative_to(folder).as_posix(): file.read_text("utf-8") for file in folder.glob("*/*/*.json")}
    assert files == TEXTS, "run `python tests/contract_fixtures.py`, then `make generate`"


@pytest.mark.parametrize(("contract", "rule"), RULES, ids=[f"{contract.name}/{rule}" for contract, rule in RULES])
def test_every_rule_has_a_valid_and_an_invalid_fixture(contract: Contract, rule: str) -> None:
    assert f"{contract.name}/valid/{rule}.json" in TEXTS
    names = [
        path.split("/")[-1].removesuffix(".json").partition("--")[0] for path in PATHS if f"{contract.name}/inv" in path
    ]
    assert rule in names


def fixtures_of(contract: Contract) -> Iterator[tuple[str, str, str, str]]:
    """Path, direction, name and text of each fixture of a contract."""
    for path in PATHS:
        kind, direction, name = path.removesuffix(".json").split("/")
        if kind == contract.name:
            yield path, direction, name, TEXTS[path]


@each_contract
def test_a_fixture_is_what_its_folder_and_its_name_say(contract: Contract) -> None:
    for path, direction, name, text in fixtures_of(contract):
        assert found_in(contract, text) == ([] if direction == "valid" else [name.partition("--")[0]]), path


@each_contract
def test_models_take_and_refuse_what_the_check_takes_and_refuses(contract: Contract) -> None:
    """R-002-02, R-002-07: nothing of a valid object is lost on the way through a model."""
    for path, direction, _, text in fixtures_of(contract):
        made = decode(contract.name, text.encode())
        if direction == "valid":
            assert isinstance(made, Model), (path, made)
            assert json.loads(encode(made)) == json.loads(text)
            assert decode(contract.name, encode(made)) == made
        else:
            assert isinstance(made, tuple) and made, path


SCHEMAS: dict[str, Any] = {contract.name: schema_of_contract(contract) for contract in CONTRACTS}
UNSAID = {"watermarks-in-order", "seq-range-forward", "replayed-as-asked", COMPLETE}
"""Rules that compare two values of one object, which no schema can."""
LOOSER = {"not-an-integer", "plan-hash-form--line-break", "schema-version-form--line-break"}
"""To a schema `1.0` is an integer, and to the patterns of Python `$` stands before a last line break."""


@each_contract
def test_the_schema_takes_every_valid_fixture_and_refuses_every_invalid_one(contract: Contract) -> None:
    schema = Draft202012Validator(SCHEMAS[contract.name])
    for path, direction, name, text in fixtures_of(contract):
        is_looser = bool({name, name.partition("--")[0]} & (UNSAID | LOOSER))
        assert schema.is_valid(json.loads(text)) == (direction == "valid" or is_looser), path


@each_contract
def test_a_schema_is_one(contract: Contract) -> None:
    Draft202012Validator.check_schema(SCHEMAS[contract.name])


def test_the_emitter_table_is_the_one_of_the_runtime() -> None:
    """R-002-03: 43 signals of 18 emitters; each emitter gives some, and each signal has a row."""
    assert (len(SIGNALS), len(EMITTER.values)) == (43, 18)
    assert {emitter for row in SIGNALS for emitter in row.emitters} == set(EMITTER.values)
    assert max(Counter(row.name for row in SIGNALS).values()) == 1


def test_a_turn_goes_one_way() -> None:
    """R-001-56, R-001-57: an accepted turn ends with commit or abort, and then closes; what is decided before the turn
    leads back to where it was, and never to an end."""
    ends = {trigger for before, trigger, after in TRANSITIONS if after == "Terminal"}
    assert ends == {"commit", "abort"}
    assert [row for row in TRANSITIONS if row[0] == "Terminal"] == [("Terminal", "close", "Closed")]
    refused = {(before, after) for before, trigger, after in TRANSITIONS if trigger in ("reject", "defer")}
    assert refused == {("Opening", "Idle")}


def test_rules_ask_for_no_key_that_the_shape_asks_for() -> None:
    """One missing key is one finding."""
    for contract in CONTRACTS:
        required = {field.name for field in contract.shape.fields if field.required}
        asked = {key for rule in contract.rules if rule.at == ("",) for key in rule.requires}
        assert not asked & required, contract.name
        names = [rule.name for rule in contract.rules]
        assert len(set(names)) == len(names)


def test_an_event_names_its_envelope_and_its_version() -> None:
    """R-002-05: the fields of the envelope, and the version of the schema, must be there."""
    for kind in ("event_record", "control_signal"):
        required = {field.name for field in BY_NAME[kind].shape.fields if field.required}
        assert required >= {"schema_version", "event_scope", "session_id", "pipeline_version", "event_id", "lane"}
        assert required >= {"transport_sequence", "runtime_sequence", "runtime_timestamp_ms", "payload_class"}


PAGE = (Path(__file__).parents[2] / "docs" / "contracts.md").read_text("utf-8")


def test_the_page_shows_every_object_every_signal_and_every_transition() -> None:
    for contract in CONTRACTS:
        assert f"| `{contract.name}` | `{contract.package}` | {contract.shape.doc} |\n" in PAGE
    for row in SIGNALS:
        needs = ", ".join(f"`{key}`" for key in row.requires)
        assert f"| `{row.name}` | {', '.join(row.emitters)} | {row.scope or 'either'} | {needs} |\n" in PAGE
    for before, trigger, after in TRANSITIONS:
        assert f"| {before} | `{trigger}` | {after} |\n" in PAGE
