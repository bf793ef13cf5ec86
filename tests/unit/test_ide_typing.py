"""Typing never breaks anything: half-typed texts, and many edits in a row, after which the editor says what
`rsppc check` says."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from editing import opened, settle
from rsppc.ide.features import completion, hover
from rsppc.ide.project import Stopped, loose_project
from typing_through import ask_everything, checked, reference_project, said, type_through
from workspaces import BUNDLE, BUNDLE_PATH, PROVIDERS_PATH, SPEC, SPEC_PATH

SAMPLES = 3
"""Places in each file; `tests/all/run.py half-typed` takes all."""


def test_half_typed_reference_pipelines_break_nothing(tmp_path: Path) -> None:
    project = reference_project(tmp_path)
    before = said(project)
    chance = random.Random(7)
    for path in project.artifacts.paths():
        length = (tmp_path / path).stat().st_size
        assert type_through(project, path, [chance.randrange(length) for _ in range(SAMPLES)])
    settle(project)
    assert said(project) == before


@pytest.mark.parametrize("seed", range(4))
def test_after_many_edits_the_editor_says_what_a_check_says(tmp_path: Path, seed: int) -> None:
    project = reference_project(tmp_path)
    chance = random.Random(seed)
    texts = {path: (tmp_path / path).read_text("utf-8") for path in project.artifacts.paths()}
    for _ in range(25):
        path = chance.choice(sorted(texts))
        now = _edited(texts[path], chance)
        full = tmp_path / path
        if now is None:
            full.unlink(missing_ok=True)
        else:
            full.write_text(now, "utf-8")
        project.reload(path)
        for _ in range(chance.randrange(4)):
            project.work()
    settle(project)
    assert said(project) == checked(tmp_path)


def _edited(text: str, chance: random.Random) -> str | None:
    """A text with something else in it; None for a file that is deleted."""
    match chance.randrange(6):
        case 0:
            return None
        case 1:
            return text
        case 2:
            lines = text.splitlines(keepends=True)
            del lines[chance.randrange(len(lines))]
            return "".join(lines)
        case 3:
            return text.replace("v1", "v2", 1 + chance.randrange(3))
        case 4:
            return text[: chance.randrange(len(text))]
        case _:
            at = chance.randrange(len(text))
            return text[:at] + chance.choice(["x", "\n", " ", "{", ":", "🎧"]) + text[at:]


def test_an_empty_workspace_and_one_with_odd_files(tmp_path: Path) -> None:
    odd = {
        "pipelines/specs/empty_v1.yaml": "",
        "pipelines/specs/list_v1.yaml": "- a\n- b\n",
        "pipelines/specs/text_v1.json": '"a"',
        "pipelines/specs/null_v1.yaml": "\0",
        "pipelines/specs/none_v1.rspp": "pipeline",
        "pipelines/specs/wrong_v1.yml": "a: b\n",
        "pipelines/specs/cyclic_v1.yaml": "a: &a [*a]\n",
        "pipelines/specs/wide_v1.yaml": "\ufeffschema_version: rspp.pipeline.spec.v1\r\npipeline_id: \U0001f3a7\r\n",
    }
    project = opened(tmp_path, **odd)
    assert set(odd) <= set(project.files_with_findings())
    for path in odd:
        for offset in (0, 3, 10**9):
            ask_everything(project, path, offset)
    assert project.diagnostics(SPEC_PATH) == ()


def test_files_outside_of_a_workspace_are_judged_by_themselves(tmp_path: Path) -> None:
    project = loose_project(str(tmp_path))
    project.open("line_v1.yaml", SPEC.replace("speech.vad}", "speech.vadd}").encode())
    settle(project)
    assert project.files_with_findings() == ["line_v1.yaml"]
    assert hover.FEATURE(project, "line_v1.yaml", SPEC.index("llm-house")) is None
    project.close("line_v1.yaml")
    settle(project)
    assert project.files_with_findings() == []


def test_who_does_not_want_an_answer_any_more_is_not_kept_waiting(tmp_path: Path) -> None:
    project = opened(tmp_path)

    def stop() -> None:
        raise Stopped

    project.checkpoint = stop
    with pytest.raises(Stopped):
        list(project.own_artifacts())


def test_a_spec_that_a_bundle_does_not_release_any_more_is_judged_alone(tmp_path: Path) -> None:
    project = opened(tmp_path)
    project.open(SPEC_PATH, SPEC.replace("profile: simple/v1\n", "").encode())
    settle(project)
    assert project.diagnostics(SPEC_PATH) == ()  # the bundle names the profile
    project.open(BUNDLE_PATH, BUNDLE.replace("line/v1", "other/v1").encode())
    settle(project)
    assert [one.code for one in project.diagnostics(SPEC_PATH)] == ["RSP2103"]
    assert PROVIDERS_PATH not in project.files_with_findings()


def test_a_comment_that_allows_nothing_is_found_once_all_is_examined(tmp_path: Path) -> None:
    project = opened(tmp_path)
    comment = "# rsppc: allow double-detector — the second one only counts speakers\n"
    project.open(SPEC_PATH, SPEC.replace("nodes:\n", comment + "nodes:\n").encode())
    settle(project)
    assert [one.code for one in project.diagnostics(SPEC_PATH)] == ["RSP9605"]
    project.open(SPEC_PATH, SPEC.encode())
    settle(project)
    assert project.files_with_findings() == []


def test_a_large_file_is_read_in_the_end_and_the_others_are_there_at_once(tmp_path: Path) -> None:
    project = opened(tmp_path)
    filling = "".join(f"  label_{number}: {'x' * 180}\n" for number in range(25_000))
    text = SPEC.replace("nodes:\n", f"metadata:\n  labels:\n{filling.replace('  label', '    label')}nodes:\n", 1)
    assert len(text) > 4_500_000
    project.open(SPEC_PATH, text.encode())
    settle(project)
    assert project.diagnostics(BUNDLE_PATH) == ()
    assert completion.FEATURE(project, SPEC_PATH, text.index("node_type: speech.vad") + 13) != []
