"""`rsppc schema`: the shipped JSON Schemas (R-001-87)."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner
from rsppc.cli.commands import schema
from rsppc.model.contract import Contract
from rsppc.model.contracts import CONTRACTS
from rsppc.model.documents import DOCUMENTS, DocumentKind
from rsppc.model.json_schema import schema_of, schema_of_contract, schema_of_document
from rsppc.model.kinds import KINDS


def printed(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(schema.COMMAND, arguments)
    assert result.exit_code == code, result.output
    return result.output


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_each_kind_has_a_schema_under_each_of_its_names(kind: object) -> None:
    texts = {printed(name) for name in (kind.name, kind.title, kind.title.lower(), kind.schema_version)}  # type: ignore[attr-defined]
    assert [json.loads(text) for text in texts] == [schema_of(kind)]  # type: ignore[arg-type]


@pytest.mark.parametrize("arguments", [(), ("--list",), ("--list", "pipeline")])
def test_the_kinds_are_listed(arguments: tuple[str, ...]) -> None:
    lines = printed(*arguments).splitlines()
    kinds = [[kind.name, kind.schema_version] for kind in KINDS]
    documents = [[document.name, document.schema_version] for document in DOCUMENTS]
    contracts = [[contract.name, "v1"] for contract in CONTRACTS]
    assert [line.split()[:2] for line in lines] == kinds + documents + contracts


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_each_document_has_a_schema_under_its_name_and_its_announcement(document: DocumentKind) -> None:
    """R-002-50: readers elsewhere hold reports against the same declaration."""
    texts = {printed(name) for name in (document.name, document.schema_version)}
    assert [json.loads(text) for text in texts] == [schema_of_document(document)]


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.name)
def test_each_contract_has_a_schema_under_its_name(contract: Contract) -> None:
    """R-002-01: what ships is what is declared."""
    assert json.loads(printed(contract.name)) == schema_of_contract(contract)


def test_a_contract_is_found_under_a_name_that_it_has_elsewhere() -> None:
    assert printed("event") == printed("event_record")


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ("pipline", "did you mean `pipeline`?"),
        ("rspp.policy.overlay.v2", "did you mean `rspp.policy.overlay.v1`?"),
        ("evnt_record", "did you mean `event_record`?"),
        ("zzz", "there are pipeline, profile, module, "),
        ("../pyproject", "there are pipeline, profile, module, "),
    ],
)
def test_an_unknown_kind_is_wrong_use_with_a_guess(written: str, advice: str) -> None:
    assert advice in printed(written, code=2)


def test_it_works_from_the_command_line_without_a_workspace(tmp_path: object) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "rsppc", "schema", "bundle"], cwd=str(tmp_path), capture_output=True, text=True
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert json.loads(run.stdout)["title"] == "PipelineBundle"
