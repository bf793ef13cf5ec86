"""What an editor shows under the cursor, and where it leads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from editing import at_cursor, marked, opened, shown
from rsppc.base.source import Span
from rsppc.ide.features import definition, hover
from typing_through import reference_project
from workspaces import BUNDLE, BUNDLE_PATH, PROVIDERS_PATH, SPEC, SPEC_PATH

WHEN = SPEC.replace("to: llm.prompt}", "to: llm.prompt, when: event.confidence_milli >= 600, otherwise: drop}")


def hovered(folder: Path, before: str, text: str = SPEC, path: str = SPEC_PATH) -> str:
    project = opened(folder)
    found = hover.FEATURE(project, path, at_cursor(project, path, marked(text, before)))
    return found.text if found is not None else ""


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ("node_ty§pe: speech.vad", "What the node is"),
        ("node_type: speech.v§ad", "out `barge_in`"),
        ("silence§_ms: 400", "overriding"),
        ("silence_ms: 4§00", "set by explicit_node_config at pipelines/specs/line_v1.yaml:8"),
        ("{from: vad.sp§eech", "`vad.speech`** — output"),
        ("{from: st§t.text", "served by `stt-house`"),
        ("provider: stt-h§ouse", "p95 300 ms"),
        ("profile: sim§ple/v1", "ExecutionProfile"),
        ("min_speech§_ms", "integer, ms"),
    ],
)
def test_what_is_shown_of_a_spec(tmp_path: Path, before: str, said: str) -> None:
    assert said in hovered(tmp_path, before)


def test_a_name_in_a_condition_is_shown_with_its_range(tmp_path: Path) -> None:
    assert "int, 0 to 1000" in hovered(tmp_path, "event.conf§idence", WHEN)


def test_a_broken_file_is_shown_as_far_as_it_can_be_read(tmp_path: Path) -> None:
    broken = SPEC.replace("{from: vad.activity, to: endpoint.activity}", "{from: vad.activity, to: ")
    assert "served by" in hovered(tmp_path, "{from: st§t.text", broken)


def test_nothing_is_shown_where_nothing_stands(tmp_path: Path) -> None:
    assert hovered(tmp_path, "nodes:\n§") == ""


@pytest.mark.parametrize(
    ("before", "places"),
    [
        ("{from: st§t.text", ["pipelines/specs/line_v1.yaml:9 stt"]),
        ("{from: vad.sp§eech", ["rsppc:extensions/rspp_std_v1.yaml speech"]),
        ("provider: stt-h§ouse", ["pipelines/extensions/house_providers_v1.yaml:7 stt-house"]),
        ("profile: sim§ple/v1", ["rsppc:profiles/simple_v1.yaml simple"]),
        ("node_type: speech.v§ad", ["rsppc:extensions/rspp_std_v1.yaml speech.vad"]),
        (
            "silence_ms: 4§00",
            ["pipelines/specs/line_v1.yaml:8 silence_ms", "rsppc:extensions/rspp_std_v1.yaml default"],
        ),
    ],
)
def test_where_names_and_values_lead(tmp_path: Path, before: str, places: list[str]) -> None:
    project = opened(tmp_path)
    found = definition.FEATURE(project, SPEC_PATH, at_cursor(project, SPEC_PATH, marked(SPEC, before)))
    assert [named(one) for one in found] == places


def named(span: Span) -> str:
    """A place; lines of what ships are not ours to name."""
    return re.sub(r"^(rsppc:[^:]*):[0-9]+", r"\1", shown(span))


LAYER_PATH = "pipelines/policies/kiosk_v1.yaml"
LAYERED = {
    LAYER_PATH: "schema_version: rspp.config.layer.v1\nlayer_id: kiosk\nversion: v1\nscope: environment\nset:\n"
    "  nodes.stt.config.language: de-DE\n  budgets.turn_budget_ms: 1400\n",
    BUNDLE_PATH: BUNDLE + "layer_refs: [kiosk/v1]\n",
}


@pytest.mark.parametrize(
    ("before", "places"),
    [
        ("nodes.st§t", ["pipelines/specs/line_v1.yaml:9 stt"]),
        (
            "config.lang§uage",
            [
                "pipelines/policies/kiosk_v1.yaml:6 nodes.stt.config.language",
                "pipelines/specs/line_v1.yaml:9 language",
                "rsppc:extensions/rspp_std_v1.yaml default",
            ],
        ),
        (
            "budgets.turn§_budget",
            [
                "pipelines/policies/kiosk_v1.yaml:7 budgets.turn_budget_ms",
                "rsppc:profiles/simple_v1.yaml turn_budget_ms",
            ],
        ),
    ],
)
def test_a_path_of_a_setting_leads_to_all_who_gave_it_a_value(tmp_path: Path, before: str, places: list[str]) -> None:
    project = opened(tmp_path, **LAYERED)
    assert project.files_with_findings() == []
    offset = at_cursor(project, LAYER_PATH, marked(LAYERED[LAYER_PATH], before))
    assert [named(one) for one in definition.FEATURE(project, LAYER_PATH, offset)] == places


def test_a_module_is_shown_as_its_first_user_sees_it(tmp_path: Path) -> None:
    project = reference_project(tmp_path)
    path = "pipelines/modules/transcription_normalize_v1.yaml"
    text = (tmp_path / path).read_text("utf-8")
    found = hover.FEATURE(project, path, at_cursor(project, path, marked(text, "node_id: st§t")))
    assert found is not None and "out `text`: `text<" in found.text and "served by" in found.text


def test_a_reference_of_a_bundle_leads_to_the_spec(tmp_path: Path) -> None:
    project = opened(tmp_path)
    found = definition.FEATURE(project, BUNDLE_PATH, at_cursor(project, BUNDLE_PATH, marked(BUNDLE, "spec_ref: li§ne")))
    assert [shown(one) for one in found] == ["pipelines/specs/line_v1.yaml:2 line"]
    assert project.diagnostics(PROVIDERS_PATH) == ()
