"""`rsppc contracts`: what is checked, what is told of it, and what is left as evidence (R-002-04, R-002-50)."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import contract_fixtures as made
import pytest
from click.testing import CliRunner, Result
from rsppc.base.canonical_json import canonical
from rsppc.cli.main import cli
from rsppc.contracts.surface import LOCK, surface_of
from rsppc.diagnostics import DiagnosticSink
from rsppc.evidence.reading import Wanted, read_evidence
from rsppc.model.contracts import ALIASES, CONTRACTS, contract_named
from rsppc.resources import folder
from simulated import build_folder

NOW = "2026-01-01T00:00:00Z"


def rsppc(*arguments: str, data: bytes = b"") -> Result:
    return CliRunner().invoke(cli, ["contracts", *arguments], standalone_mode=False, input=data)


def write(root: Path, **files: Any) -> str:
    """A folder with fixtures; `kind__direction__name` stands for `kind/direction/name.json`."""
    for name, value in files.items():
        path = root / (name.replace("__", "/") + ".json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return str(root)


def bundle() -> str:
    return str(build_folder() / "simple_bundle" / "v1")


def test_what_ships_passes_and_leaves_evidence_that_a_release_can_read(tmp_path: Path) -> None:
    """R-002-50: the envelope that is written is the one that is read."""
    file = tmp_path / "contracts.json"
    result = rsppc("check", "--bundle", bundle(), "--evidence", str(file), "--now", NOW)
    assert result.return_value == 0, result.output
    sink = DiagnosticSink()
    evidence = read_evidence("contracts.json", file.read_bytes(), Wanted(evidence="contracts"), sink)
    assert evidence is not None, [found.message() for found in sink.sorted()]
    assert evidence.status == "pass" and evidence.figures["kinds_without_fixtures"] == []
    assert {(one.check, one.subject) for one in evidence.checks} == {
        *((f"{direction}_fixtures", contract.name) for contract in CONTRACTS for direction in ("valid", "invalid")),
        ("fixtures", "fixtures"),
    }
    assert file.read_bytes() == canonical(json.loads(file.read_bytes())) + b"\n"
    again = rsppc("check", "--bundle", bundle(), "--evidence", str(tmp_path / "b.json"), "--now", NOW)
    assert again.return_value == 0 and (tmp_path / "b.json").read_bytes() == file.read_bytes()


def status_of(tmp_path: Path, fixtures: str) -> tuple[int, str, dict[str, str]]:
    file = tmp_path / "evidence.json"
    result = rsppc("check", fixtures, "--bundle", bundle(), "--evidence", str(file), "--now", NOW)
    evidence = json.loads(file.read_bytes())
    statuses = {f"{one['check']} {one['subject']}": one["status"] for one in evidence["checks"]}
    return result.return_value, evidence["status"], statuses


RIGHT = made.MINIMAL["turn_transition"]
WRONG = {**RIGHT, "to_state": "Active"}


def test_a_fixture_in_the_wrong_folder_fails_the_evidence(tmp_path: Path) -> None:
    fixtures = write(tmp_path / "f", transition__valid__a=WRONG, transition__invalid__b=RIGHT)
    code, status, statuses = status_of(tmp_path, fixtures)
    assert (code, status) == (1, "fail")
    assert statuses["valid_fixtures turn_transition"] == statuses["invalid_fixtures turn_transition"] == "fail"


def test_a_direction_without_fixtures_was_not_run_and_is_no_pass(tmp_path: Path) -> None:
    code, status, statuses = status_of(tmp_path, write(tmp_path / "f", transition__valid__a=RIGHT))
    assert (code, status) == (1, "fail")
    assert statuses["invalid_fixtures turn_transition"] == "not_run"


def test_no_fixtures_at_all_are_no_pass(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    code, status, _ = status_of(tmp_path, str(tmp_path / "f"))
    assert (code, status) == (1, "fail")
    assert "there are no fixtures in" in rsppc("check", str(tmp_path / "f")).output


@pytest.mark.parametrize("alias", sorted(ALIASES))
def test_folders_may_have_the_names_that_kinds_have_elsewhere(alias: str, tmp_path: Path) -> None:
    contract = contract_named(alias)
    assert contract is not None
    files = {f"{alias}__valid__a": made.MINIMAL[contract.name], f"{alias}__invalid__b": {}}
    result = rsppc("check", write(tmp_path, **files))
    assert result.return_value == 0, result.output
    assert f"  {contract.name}  " in result.output


def test_the_folder_of_one_kind_is_enough(tmp_path: Path) -> None:
    write(tmp_path, turn_transition__valid__a=RIGHT, turn_transition__invalid__b=WRONG)
    result = rsppc("check", str(tmp_path / "turn_transition"))
    assert result.return_value == 0 and "checked 2 fixtures of 1 contract" in result.output


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_fixture_that_cannot_be_read_is_a_finding(tmp_path: Path) -> None:
    write(tmp_path, turn_transition__valid__a=RIGHT, turn_transition__invalid__b=WRONG)
    (tmp_path / "turn_transition/valid/a.json").chmod(0)
    assert rsppc("check", str(tmp_path)).return_value == 4


def test_what_is_no_file_is_told_and_not_waited_for(tmp_path: Path) -> None:
    write(tmp_path, turn_transition__valid__a=RIGHT, turn_transition__invalid__b=WRONG)
    os.mkfifo(tmp_path / "turn_transition/valid/pipe.json")
    (tmp_path / "turn_transition/valid/gone.json").symlink_to("nowhere")
    result = rsppc("check", str(tmp_path))
    assert result.return_value == 4
    assert "pipe.json` cannot be read: it is no file" in result.output
    assert "gone.json` cannot be read: no such file" in result.output


def test_a_name_that_is_not_utf8_is_a_finding(tmp_path: Path) -> None:
    write(tmp_path, turn_transition__valid__a=RIGHT, turn_transition__invalid__b=WRONG)
    os.mkdir(os.fsencode(tmp_path) + b"/\xfe")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/turn_transition/valid/\xff.json")).write_text("{}")
    result = rsppc("check", str(tmp_path))
    assert result.return_value == 4 and "cannot be read: its name is not utf-8" in result.output
    assert "there is no contract `\\udcfe`" in result.output


def test_hostile_fixtures_are_refused_and_nothing_falls_over(tmp_path: Path) -> None:
    write(tmp_path, event__valid__a=made.EVENT)
    texts = (b"\0", b"\xff", b"[" * 100_000, b'{"a":' * 5000, b'{"runtime_sequence": 1e999}', b'{"lane": "\\ud800"}')
    for number, data in enumerate((*texts, b'"' + b"x" * 9_000_000 + b'"', b"9" * 5000)):
        path = tmp_path / "event" / "invalid" / f"{number}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    result = rsppc("check", str(tmp_path))
    assert result.return_value == 0 and "checked 9 fixtures" in result.output, result.output


def test_a_finding_keeps_the_name_of_its_rule_for_machines(tmp_path: Path) -> None:
    file = write(tmp_path, signal={**made.MINIMAL["control_signal"], "emitted_by": "RK-03"}) + "/signal.json"
    result = rsppc("check", file, "--kind", "control_signal", "--format", "json")
    (found,) = map(json.loads, result.output.splitlines())
    assert found["code"] == "RSP7501" and found["headline"].endswith("(signal-connected)")


def test_objects_come_from_standard_input_one_or_many() -> None:
    one = json.dumps(made.EVENT).encode()
    assert rsppc("check", "-", "--kind", "event", data=one).return_value == 0
    many = rsppc("check", "-", "--kind", "event", "--lines", data=one + b"\n" + one + b"\n{}\n")
    assert many.return_value == 1 and "<stdin>:3:1" in many.output and "checked 3 event_records" in many.output


def test_a_plan_of_another_bundle_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path, plan=made.PLAN) + "/plan.json"
    alone = rsppc("check", file, "--kind", "resolved_turn_plan")
    assert alone.return_value == 0, alone.output
    result = rsppc("check", file, "--kind", "resolved_turn_plan", "--bundle", bundle())
    assert result.return_value == 1
    assert "`parrot_bundle/v1` is no version of `simple_bundle/v1`" in result.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("check", "no/such/folder"), "there is no file or folder `no/such/folder`"),
        (("check", "here.json"), "files do not say what they hold"),
        (("check", ".", "--kind", "event"), "`.` is a folder"),
        (("check", "none.json", "--kind", "event"), "there is no file `none.json`"),
        (("check", "none.jsonl", "--kind", "event"), "there is no file `none.jsonl`"),
        (("check", "--kind", "event"), "name a file to check"),
        (("check", "here.json", "--kind", "evnt_record"), "did you mean `event_record`?"),
        (("check", "-", "-", "--kind", "event"), "`-` stands for standard input, once"),
        (("check", "--evidence", "out.json"), "evidence speaks of a bundle"),
        (("diff", "none.json"), "there is no file `none.json`"),
    ],
)
def test_wrong_use_is_told_with_what_to_do(
    arguments: tuple[str, ...], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, here={})
    result = CliRunner().invoke(cli, ["contracts", *arguments])
    assert result.exit_code == 2 and words in result.output


def test_evidence_is_not_written_where_the_use_was_wrong(tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    CliRunner().invoke(cli, ["contracts", "check", "--evidence", str(file), "--bundle", str(tmp_path / "none")])
    assert not file.exists()


def test_the_declarations_keep_what_was_published(tmp_path: Path) -> None:
    """R-002-06"""
    result = rsppc("diff")
    assert (result.return_value, result.output) == (0, "nothing was changed\n")
    theirs = json.loads((Path(folder("schemas")) / LOCK).read_bytes())
    theirs["objects"]["event_record"]["keys"]["gone"] = {"required": False, "nullable": False, "type": {"kind": "flag"}}
    (tmp_path / "theirs.json").write_text(json.dumps(theirs), encoding="utf-8")
    result = rsppc("diff", str(tmp_path / "theirs.json"))
    assert result.return_value == 1 and "the key `event_record.gone` was removed" in result.output
    assert json.loads(canonical(surface_of(CONTRACTS)))["version"] == "v1"
