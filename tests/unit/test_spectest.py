"""Tests in Markdown pages: what is a test, where failures stand, what `--update` writes, and how long it all takes."""

from __future__ import annotations

import json
import shutil
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


def test_a_branch_of_a_select_is_exercised_by_an_event_that_it_lets_through(tmp_path: Path) -> None:
    for folder in ("specs", "modules", "bundles", "policies", "assets"):
        shutil.copytree(ROOT / "pipelines" / folder, tmp_path / "pipelines" / folder)
    (tmp_path / "rsppc.toml").write_text("")
    page = (
        "```yaml test\nuses: workspace\n```\n"
        "```yaml plan\nbundle: multilingual_bundle/v1\nsession: {language: LANGUAGE}\n"
        "takes:\n  - {at: answer, to: answer.WAY}\n  - {at: vad.speech, to: WAY/stt.audio}\n```\n"
    )

    def missed(*ways: tuple[str, str]) -> tuple[int, set[str]]:
        blocks = "".join(page.replace("LANGUAGE", language).replace("WAY", way) for language, way in ways)
        done = run(tmp_path, f"# A\n{blocks}", "--coverage", "--format", "json")
        items = json.loads(done.stdout)["coverage"]["missed"]
        of_it = {one["name"].partition(" ")[2] for one in items if one["name"].startswith("multilingual/v1 ")}
        return done.returncode, {one for one in of_it if "->" in one or one.startswith("answer.")}

    english = {"answer.english", "vad.speech->english/stt.audio"}
    german = {"answer.german", "vad.speech->german/stt.audio"}
    assert missed(("de-AT", "german")) == (0, english)
    assert missed(("en-US", "english")) == (0, german)
    assert missed(("de-AT", "german"), ("en-US", "english")) == (0, set())
    assert missed(("en-US", "german")) == (1, german)


FINAL_ONLY = SPEC.replace("to: llm.prompt}", "to: llm.prompt, when: event.mode == 'final', otherwise: drop}")


def test_the_way_of_an_event_leads_over_what_a_rule_put_there(tmp_path: Path) -> None:
    policy = POLICY + (
        "insert_rules:\n  - id: tidy\n    when: tenant.id == 'a'\n"
        "    insert: {node_id: tidied, node_type: text.normalizer}\n"
        "    between: {from: stt.text, to: llm.prompt}\n"
    )
    bundle = BUNDLE.replace("profile_ref: simple/v1\n", "profile_ref: simple/v1\npolicy_refs: [rules/v1]\n")
    plan = "session: {tenant: TENANT}\ntakes:\n"
    plan += "  - {at: stt.text, event: {mode: final}, to: WAY}\n  - {at: stt.text, event: {mode: partial}, to: drop}\n"
    page = "# Line\n\n" + block(PROVIDERS) + block(FINAL_ONLY) + block(policy) + block(bundle)
    page += "".join(
        block(plan.replace("TENANT", tenant).replace("WAY", way), "yaml plan")
        for tenant, way in (("a", "tidied.text"), ("b", "llm.prompt"))
    )
    found = json.loads(run(tmp_path, page, "--coverage", "--format", "json").stdout)
    assert [one["message"] for test in found["tests"] for one in test["failures"]] == []
    assert [one for one in found["coverage"]["missed"] if one["kind"] == "branch"] == []


@pytest.mark.parametrize(
    ("way", "code", "marked"),
    [
        ("{at: stt.txt, event: {mode: final}, to: llm.prompt}", "RSP9528", "stt.txt"),
        ("{at: stt.text, event: {mod: final}, to: llm.prompt}", "RSP9528", "mod"),
        ("{at: stt.text, to: llm.prompt}", "RSP9529", "at"),
        ("{at: stt.text, event: {mode: final}, to: llm.promt}", "RSP9525", "llm.promt"),
    ],
)
def test_a_way_that_cannot_be_taken_is_marked_in_the_page(tmp_path: Path, way: str, code: str, marked: str) -> None:
    page = f"# L\n{block(PROVIDERS)}{block(FINAL_ONLY)}{block(BUNDLE)}" + block(f"takes:\n  - {way}\n", "yaml plan")
    done = run(tmp_path, page, "--format", "json")
    (failure,) = json.loads(done.stdout)["tests"][0]["failures"]
    (line, start), (_, end) = failure["primary"]["start"], failure["primary"]["end"]
    assert failure["code"] == code
    assert (tmp_path / "page.md").read_text().splitlines()[line - 1][start - 1 : end - 1] == marked


@pytest.mark.parametrize(
    ("wrong", "line", "code"),
    [
        ("```proofs\n# e2e p95 <= 1 s\n```\n", 1, "RSP9507"),
        ("```yaml plan\napplies: []\napplies_not: []\n```\n", 1, "RSP9507"),
        ("\n## Deeper\n\n```yaml test\nstrict: true\n```\n", 4, "RSP9509"),
        (
            "```yaml\nschema_version: rspp.config.layer.v1\nlayer_id: a\nversion: v1  # error RSP1001\n```\n",
            4,
            "RSP9502",
        ),
        ("> - ~~~yaml plan\n>   applise: [a/v1]\n>   ~~~\n", 2, "RSP1101"),
        ("```yaml\n# file: pipelines/../x.yaml\na: 1\n```\n", 1, "RSP9503"),
    ],
)
def test_what_tests_nothing_is_an_error_where_it_stands(wrong: str, line: int, code: str) -> None:
    sink = DiagnosticSink()
    read_suite("page.md", f"{BASE}\n{wrong}".encode(), sink)
    assert [(one.code, one.at.location()[1] - BASE.count("\n") - 1) for one in sink.sorted()] == [(code, line)]


def test_what_passes_on_an_edge_is_what_artifacts_say_of_it(tmp_path: Path) -> None:
    """The recogniser also says what it only believes so far; the language model takes what is final."""
    edge = "{from: stt.text, to: llm.prompt}"
    spec = SPEC.replace(edge, f"{edge}  # reveal: text<final, lang=en-US>")
    spec += "# reveal: stt.text = text<partial|final, lang=en-US>\n"
    done = run(tmp_path, f"# Line\n\n{block(PROVIDERS)}{block(spec)}{block(BUNDLE)}")
    assert done.returncode == 0, done.stdout.decode()


def test_a_page_with_a_slip_is_not_called_one_without_tests_as_well() -> None:
    _, wrong = suite("# A\n```YAML plan\nvalues: {a: 1}\n```\n")
    assert wrong == ["RSP9503"]


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
