"""`rsppc fix`: which repairs are applied, and that none of them makes things worse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from killed import killed_at_each_step
from rsppc.base.source import Source, Span
from rsppc.cli import fixing
from rsppc.cli.exits import FINDINGS, OK, USAGE
from rsppc.cli.gathering import Outcome
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Edit, Fix
from rsppc.workspace import find_workspace
from workspaces import CLEAN, SPEC, SPEC_PATH, make, rsppc_here

LAYER = "pipelines/policies/kiosk_v1.yaml"
LAYER_TEXT = (
    "schema_version: rspp.config.layer.v1\nlayer_id: kiosk\nversion: v1\nscope: environment\n"
    "set: {budgets.turn_budget_ms: 1500}\n"
)


def workspace(folder: Path, *changes: tuple[str, str], **more: str) -> Path:
    text = SPEC
    for before, after in changes:
        assert before in text
        text = text.replace(before, after, 1)
    return make(folder, {**CLEAN, SPEC_PATH: text, **more})


def test_repairs_follow_each_other_until_none_is_left(tmp_path: Path) -> None:
    """A wrong key hides what is wrong below it, so that one round is not enough."""
    workspace(tmp_path, ("nodes:", "ndoes:"), ("speech.tts", "speech.tss"), ("speech.llm", "speech.lllm"))
    done = rsppc_here(tmp_path, "fix")
    assert done.returncode == OK, done.stdout.decode()
    assert (tmp_path / SPEC_PATH).read_text() == SPEC
    assert done.stdout.decode().splitlines()[-1].startswith("3 findings fixed in 1 file; left: ")
    assert "line_v1.yaml:5: RSP1101 unknown-key: write `nodes`" in done.stdout.decode()


def test_only_files_that_are_named_change(tmp_path: Path) -> None:
    workspace(tmp_path, ("nodes:", "ndoes:"), **{LAYER: LAYER_TEXT.replace("scope", "scoope")})
    rsppc_here(tmp_path, "fix", LAYER)
    assert (tmp_path / LAYER).read_text() == LAYER_TEXT
    assert "ndoes" in (tmp_path / SPEC_PATH).read_text()
    assert rsppc_here(tmp_path, "fix", "none.yaml").returncode == USAGE


INSERTED = ("node_type: transport.ingress}", "node_type: transport.ingress, config: {rate_hz: 44100}}")


def test_line_ends_and_a_byte_order_mark_stay_as_they_were(tmp_path: Path) -> None:
    """A repair adds lines, which end as the others do."""
    text = SPEC.replace(*INSERTED).replace("\n", "\r\n")
    make(tmp_path, CLEAN)
    (tmp_path / SPEC_PATH).write_bytes(b"\xef\xbb\xbf" + text.encode())
    done = rsppc_here(tmp_path, "fix", "--plan-changes")
    assert b"1 finding fixed" in done.stdout, done.stdout.decode()
    written = (tmp_path / SPEC_PATH).read_bytes()
    assert written.startswith(b"\xef\xbb\xbfschema_version")
    assert b"mic_resampled" in written and written.count(b"\n") == written.count(b"\r\n") > text.count("\n")


def test_what_was_changed_meanwhile_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace(tmp_path, ("nodes:", "ndoes:"))
    repaired = fixing.repaired

    def slow(*wanted: Any, **more: Any) -> fixing.Repaired:
        made = repaired(*wanted, **more)
        (tmp_path / SPEC_PATH).write_text("somebody: else\n")
        return made

    monkeypatch.setattr("rsppc.cli.commands.fix.repaired", slow)
    done = rsppc_here(tmp_path, "fix")
    assert done.returncode == FINDINGS
    assert b"was changed meanwhile" in done.stderr and b"0 findings fixed" in done.stdout
    assert (tmp_path / SPEC_PATH).read_text() == "somebody: else\n"


def test_a_run_that_is_killed_leaves_each_file_as_it_was_or_repaired(tmp_path: Path) -> None:
    layers = {
        f"pipelines/policies/kiosk{number}_v1.yaml": LAYER_TEXT.replace("kiosk", f"kiosk{number}")
        for number in (1, 2, 3)
    }
    broken = {path: text.replace("scope", "scoope") for path, text in layers.items()}
    make(tmp_path, {**CLEAN, **broken})

    def look() -> None:
        for path, text in layers.items():
            assert (tmp_path / path).read_text() in (text, broken[path])
        make(tmp_path, broken)

    assert killed_at_each_step(tmp_path, "fix", look=look) >= 2 * len(layers)
    rsppc_here(tmp_path, "fix")
    assert all((tmp_path / path).read_text() == text for path, text in layers.items())


def test_a_diff_writes_nothing(tmp_path: Path) -> None:
    workspace(tmp_path, ("nodes:", "ndoes:"))
    before = (tmp_path / SPEC_PATH).read_text()
    done = rsppc_here(tmp_path, "fix", "--diff")
    assert done.returncode == FINDINGS
    assert b"-ndoes:\n+nodes:\n" in done.stdout and b"would fix" in done.stderr
    assert (tmp_path / SPEC_PATH).read_text() == before


@pytest.mark.parametrize("formatted", [True, False])
def test_what_was_formatted_stays_so_and_nothing_else_is(tmp_path: Path, formatted: bool) -> None:
    blanks = "" if formatted else "  "
    workspace(tmp_path, ("pipeline_id: line", f"pipeline_id: {blanks}line"), ("nodes:", "ndoes:"))
    rsppc_here(tmp_path, "fix")
    assert (tmp_path / SPEC_PATH).read_text() == SPEC.replace("pipeline_id: line", f"pipeline_id: {blanks}line")


def test_a_file_with_refused_characters_is_not_written(tmp_path: Path) -> None:
    """In the text that was read something else stands in their place."""
    workspace(tmp_path, ("nodes:", "ndoes: # \u202e"))
    before = (tmp_path / SPEC_PATH).read_bytes()
    assert rsppc_here(tmp_path, "fix", "--unverified", "--plan-changes").returncode == FINDINGS
    assert (tmp_path / SPEC_PATH).read_bytes() == before


def test_repairs_that_touch_are_not_applied_together() -> None:
    source = Source("a.yaml", "one two three", b"one two three")

    def repair(start: int, end: int) -> fixing.Applied:
        at = Span(source=source, start=start, end=end)
        fix = Fix(title="write", edits=(Edit(at=at, text="x"),))
        return fixing.Applied(found=Diagnostic(at=at), fix=fix, changes_plan=False)

    first, beside, apart = repair(0, 3), repair(3, 7), repair(8, 13)
    assert fixing._apart([first, beside, apart]) == [first, apart]


def test_what_makes_a_new_finding_is_not_kept(tmp_path: Path) -> None:
    """The name that is nearest is taken already."""
    workspace(tmp_path, ("provider: tts-house", "provider: tts-house, budget_mss: 800, budget_ms: 900"))
    text = (tmp_path / SPEC_PATH).read_text()
    done = rsppc_here(tmp_path, "fix", "--unverified", "--plan-changes")
    assert done.returncode == FINDINGS
    assert (tmp_path / SPEC_PATH).read_text() == text


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [("silence_ms: 400", "silence_ms: 600", True), ("version: v1\n", "version: v1 # x\n", False)],
)
def test_whether_the_plan_changes_is_found_out(tmp_path: Path, before: str, after: str, changes: bool) -> None:
    """What compiles is compiled with and without the repair."""
    workspace(tmp_path)
    found_workspace = find_workspace(str(tmp_path), DiagnosticSink())
    assert found_workspace is not None
    state = fixing._checked(found_workspace, {}, strict=False)
    artifact, _ = state.artifacts.at(SPEC_PATH)
    assert artifact is not None
    start = SPEC.index(before)
    at = Span(source=artifact.document.source, start=start, end=start + len(before))
    fix = Fix(title="write", edits=(Edit(at=at, text=after),))
    outcome = Outcome(path=SPEC_PATH, diagnostics=(), ok=True)
    assert fixing._changes_plan(fix, Diagnostic(at=at), outcome, state) is changes
