"""Generated files are committed and fresh, and what they are made from is complete (R-001-87)."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from rsppc import generate
from rsppc.diagnostics import Diagnostic
from rsppc.diagnostics.pages import RANGES, why
from rsppc.model.kinds import KINDS
from rsppc.model.reference_page import anchor

ROOT = Path(__file__).parent.parent
KINDS_OF_DIAGNOSTICS = generate.diagnostic_kinds()


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return generate.generated_files(ROOT)


def test_every_generated_file_is_fresh_and_none_is_left_over(files: dict[str, bytes]) -> None:
    assert generate.outdated(ROOT, files) == ([], []), "run `make generate` and read the diff"


def test_a_second_run_makes_the_same_bytes(files: dict[str, bytes]) -> None:
    assert generate.generated_files(ROOT) == files


def test_codes_and_names_of_diagnostics_are_unique() -> None:
    for of in (lambda kind: kind.code, lambda kind: kind.name):
        assert [one for one, times in Counter(map(of, KINDS_OF_DIAGNOSTICS)).items() if times > 1] == []


@pytest.mark.parametrize("kind", KINDS_OF_DIAGNOSTICS, ids=lambda kind: kind.name)
def test_each_kind_of_diagnostic_is_complete(kind: type[Diagnostic]) -> None:
    assert re.fullmatch(r"RSP[0-9]{4}", kind.code)
    assert kind.code[3] in {digit for digit, _ in RANGES}
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", kind.name)
    assert kind.headline and not kind.headline.endswith(".")
    assert "__doc__" in vars(kind) and why(kind).endswith("."), f"{kind.__name__} does not say why"


def test_the_reference_page_shows_every_key_and_leads_nowhere_else(files: dict[str, bytes]) -> None:
    page = files["docs/reference.md"].decode()
    headings = [anchor(one) for one in re.findall(r"^#+ (.*)$", page, re.MULTILINE)]
    assert [one for one, times in Counter(headings).items() if times > 1] == []
    assert set(re.findall(r"\]\(#([^)]*)\)", page)) <= set(headings)
    for kind in KINDS:
        assert f"## {kind.title}\n\n{kind.shape.doc}\n" in page
        for field in kind.shape.fields:
            assert f"| `{field.name}` |" in page
    assert "| `turn_budget_ms` | integer | ms | 1 to 86400000 | yes | Most time from" in page
    assert "### speech.stt" in page and "### stt-deepgram" in page


def test_every_table_of_the_reference_page_is_rectangular(files: dict[str, bytes]) -> None:
    width = 0
    for line in files["docs/reference.md"].decode().split("\n"):
        if not line.startswith("|"):
            width = 0
            continue
        columns = len(re.findall(r"(?<!\\)\|", line))
        assert columns == (width or columns), line
        width = columns


def test_an_example_shows_what_cannot_be_seen_and_not_more_than_a_page(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfa:\t\xff\n" + b"b: 1\n" * 200 + b"c" * 500)
    shown = generate._example(tmp_path, "a.yaml").text.split("\n")
    assert shown[0] == "<U+FEFF>a:<U+0009>\\xff"
    assert len(shown) == generate.LINES_MAX + 1 and shown[-1] == "…"


def test_check_lists_what_is_stale_and_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas" / "gone.schema.json").write_text("{}")
    assert generate.outdated(tmp_path, {"schemas/new.schema.json": b"{}"}) == (
        ["schemas/new.schema.json"],
        ["schemas/gone.schema.json"],
    )
    monkeypatch.setattr(generate, "repository", lambda: tmp_path)
    monkeypatch.setattr(generate, "generated_files", lambda _: {"schemas/new.schema.json": b"{}"})
    assert generate.main(["--check"]) == 1
    assert [file.name for file in (tmp_path / "schemas").iterdir()] == ["gone.schema.json"]
    assert generate.main([]) == 0
    assert [file.name for file in (tmp_path / "schemas").iterdir()] == ["new.schema.json"]
    assert generate.main(["--what"]) == 2


def test_an_example_is_the_file_that_the_first_finding_points_at(tmp_path: Path) -> None:
    kind = next(kind for kind in KINDS_OF_DIAGNOSTICS if kind.name == "edge-format")
    assert generate.examples(kind, tmp_path) == (None, None)
    finding = "error[RSP3104 edge-format]: no\n  pipelines/specs/b_v1.yaml:1:1"
    for path, text in (
        ("input/pipelines/modules/a_v1.yaml", "a: 1"),
        ("input/pipelines/specs/b_v1.yaml", "b: 1"),
        ("passing/pipelines/modules/a_v1.yaml", "a: 2"),
        ("expected/diagnostics.txt", f"error[RSP1101 unknown-key]: no\n  x:1:1\n\n{finding}\n\n1 error\n"),
    ):
        file = tmp_path / "golden/errors/edge-format--deep" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    failing, passing = generate.examples(kind, tmp_path)
    assert failing is not None and passing is not None
    assert (failing.path, failing.text, failing.said) == ("pipelines/specs/b_v1.yaml", "b: 1", finding)
    assert (passing.path, passing.text) == ("pipelines/modules/a_v1.yaml", "a: 2")
