"""Tests in Markdown pages: what is a test, where failures stand, what `--update` writes, and how long it all takes."""

from __future__ import annotations

import json
import subprocess
import time
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest
from rsppc.base.source import Source
from rsppc.diagnostics import DiagnosticSink
from rsppc.spectest.fragment import differences
from rsppc.spectest.page import sections_of
from rsppc.spectest.suite import Suite, is_suite, read_suite
from turns import POLICY, TWO_RECOGNISERS
from workspaces import BUNDLE, CLEAN, PROVIDERS, SPEC, make, rsppc_here

ROOT = Path(__file__).parent.parent.parent


def block(text: str, words: str = "yaml") -> str:
    return f"```{words}\n{text}```\n"


BASE = "# Line\n\n" + block(PROVIDERS) + block(SPEC) + block(BUNDLE)


def run(folder: Path, page: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    (folder / "page.md").write_text(page)
    return rsppc_here(folder, "test", "page.md", *arguments)


def suite(page: str) -> tuple[Suite, list[str]]:
    sink = DiagnosticSink()
    found = read_suite("page.md", page.encode(), sink)
    assert found is not None
    return found, [one.code for one in sink.sorted()]


# --- What is a test


def test_a_section_inherits_files_and_overrides_those_of_the_same_name() -> None:
    policy = block(POLICY + TWO_RECOGNISERS)
    page = f"{BASE}## One\n{policy}### Deeper\n```proofs\ne2e is proved\n```\n## Two\n{block(SPEC)}"
    found, wrong = suite(page)
    assert wrong == []
    assert [one.name for one in found.tests] == ["Line / One / Deeper", "Line / Two"]
    deeper, two = found.tests
    assert "pipelines/policies/rules_v1.yaml" in deeper.sources and deeper.own == ()
    assert two.sources["pipelines/specs/line_v1.yaml"].line > deeper.sources["pipelines/specs/line_v1.yaml"].line


def test_fences_inside_of_fences_and_headings_inside_of_blocks_are_text() -> None:
    page = Source("page.md", "# A\n~~~~md\n# B\n```yaml\n~~~~\n- list\n  ```yaml ignore\n  a: 1\n  ```\n", b"")
    sink = DiagnosticSink()
    sections = sections_of(page, sink)
    assert len(sink) == 0
    assert [one.titles for one in sections] == [(), ("A",)]
    assert [one.text for one in sections[1].blocks] == ["# B\n```yaml\n", "a: 1\n"]


def test_a_finding_in_an_indented_block_points_at_the_right_column(tmp_path: Path) -> None:
    indented = "".join(f"   {line}\n" for line in block(SPEC.replace("speech.vad", "speech.vat")).splitlines())
    done = run(tmp_path, f"# A\n\n1. like this\n\n{indented}", "--format", "json")
    (failure, *_) = json.loads(done.stdout)["tests"][0]["failures"]
    line, column = failure["primary"]["start"]
    assert (tmp_path / "page.md").read_text().splitlines()[line - 1][column - 1 :].startswith("speech.vat")


def test_a_page_that_nobody_named_is_a_suite_where_it_expects_something() -> None:
    assert not is_suite("a.md", block("a: 1\n").encode())
    assert not is_suite("a.md", block("a: 1 # error: RSP1101\n", "yaml ignore").encode())
    assert is_suite("a.md", block("a: 1 # error: RSP1101\n").encode())
    assert is_suite("a.md", b"```yaml test\nuses: workspace\n```\n")
    assert not is_suite("a.md", b"\xff")


def test_a_page_of_other_bytes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_bytes(b"# A\n\xff\n")
    done = rsppc_here(tmp_path, "test", "page.md")
    assert done.returncode == 1 and b"RSP0102" in done.stdout


# --- What is held against what


def test_files_without_expectations_must_be_without_findings(tmp_path: Path) -> None:
    assert run(tmp_path, BASE).returncode == 0
    done = run(tmp_path, BASE.replace("speech.vad}", "speech.vat}"))
    assert done.returncode == 1 and b"unexpected-finding" in done.stdout


def test_a_line_break_of_windows_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_bytes(f"{BASE}```proofs\ne2e is proved\n```\n".replace("\n", "\r\n").encode())
    assert rsppc_here(tmp_path, "test", "page.md").returncode == 0


def test_a_workspace_stands_behind_the_blocks_and_its_errors_fail_a_test(tmp_path: Path) -> None:
    page = "# A\n```yaml test\nuses: workspace\n```\n```yaml plan\nvalues: {nodes.vad.budget_ms: 800}\n```\n"
    make(tmp_path, CLEAN)
    assert run(tmp_path, page).returncode == 0
    make(tmp_path, CLEAN, **{"pipelines/specs/line_v1.yaml": SPEC.replace("speech.vad}", "speech.vat}")})
    done = run(tmp_path, page)
    assert done.returncode == 1 and b"does not compile" in done.stdout


@pytest.mark.parametrize(
    ("fragment", "whole", "paths"),
    [
        ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}, []),
        ({"a!exact": {"b": 1}}, {"a": {"b": 1, "c": 2}}, ["a.c"]),
        ({"a": None}, {}, []),
        ({"a": None}, {"a": 1}, ["a"]),
        ({"a": True}, {"a": 1}, ["a"]),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 2, "c": 3}]}, []),
        ({"a": [1]}, {"a": [1, 2]}, ["a"]),
        ({"a": {}}, {"b": 1}, ["a"]),
    ],
)
def test_a_fragment_must_be_there(fragment: object, whole: object, paths: list[str]) -> None:
    assert [one.path for one in differences(fragment, whole)] == paths


# --- Formats, update, coverage


def test_junit_has_a_case_for_every_test(tmp_path: Path) -> None:
    page = f"{BASE}## Good\n```proofs\ne2e is proved\n```\n## <Bad>\n```proofs\ne2e is unproved\n```\n"
    tree = xml.fromstring(run(tmp_path, page, "--format", "junit").stdout)
    cases = {case.attrib["name"]: len(case) for case in tree.iter("testcase")}
    assert cases == {"Line / Good": 0, "Line / <Bad>": 1}


def test_an_update_leaves_what_it_cannot_say_and_makes_up_nothing(tmp_path: Path) -> None:
    page = BASE + "```proofs\ne3e is proved\n```\n# Prose\n"
    assert run(tmp_path, page, "--update").returncode == 1
    assert (tmp_path / "page.md").read_text() == page


def test_an_update_expects_what_is_found(tmp_path: Path) -> None:
    page = BASE.replace("speech.vad}", "speech.vat}")
    assert run(tmp_path, page, "--update").returncode == 0
    assert "speech.vat}  # error: RSP" in (tmp_path / "page.md").read_text()


def test_the_defaults_of_a_profile_of_ones_own_are_counted(tmp_path: Path) -> None:
    """Those that decide something in a tested program; those of edges that there are not never do."""
    profile = (ROOT / "pipelines/profiles/simple_v1.yaml").read_text().replace("profile_id: simple", "profile_id: mine")
    page = "# A\n" + block(PROVIDERS) + block(SPEC.replace("simple/v1", "mine/v1")) + block(profile)
    page += "```yaml plan\nvalues: {nodes.vad.budget_ms: null}\n```\n"
    done = run(tmp_path, page, "--coverage", "--format", "json")
    found = json.loads(done.stdout)["coverage"]
    covered, missed = ({one["name"] for one in found[key]} for key in ("covered", "missed"))
    assert {"mine/v1 budget_defaults.turn_budget_ms", "mine/v1 buffer_defaults.DataLane.additive.watermarks"} <= covered
    assert "mine/v1 buffer_defaults.DataLane.replaceable.strategy" in missed


def test_a_hundred_small_tests_take_less_than_three_seconds(tmp_path: Path) -> None:
    page = "# A\n" + block(PROVIDERS) + block(SPEC.replace("silence_ms: 400", "silence_ms: 299")) + block(BUNDLE)
    for number in range(100):
        page += f"## {number}\n" + block(SPEC.replace("silence_ms: 400", f"silence_ms: {300 + number}"))
    begin = time.perf_counter()
    done = run(tmp_path, page)
    assert done.returncode == 0, done.stdout.decode()[:2000]
    assert time.perf_counter() - begin < 3


# --- The pages that ship


def test_the_page_about_tests_passes_its_own() -> None:
    done = rsppc_here(ROOT, "test", "docs/testing.md", "--coverage-min", "100")
    assert done.returncode == 0, done.stdout.decode()


def test_the_example_is_a_workspace_with_a_suite() -> None:
    done = rsppc_here(ROOT / "pipelines/examples/simple_livekit_voice_v1", "test", "--coverage-min", "100")
    assert done.returncode == 0, done.stdout.decode()
