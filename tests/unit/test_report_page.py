"""`rsppc report`: one page that needs nothing else, is sound whatever things are called, and says what is known.

How it works in a browser is a heavier check: `tests/all/checks/report_page.py`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from rsppc.base.record import replace
from rsppc.diagnostics import DiagnosticSink
from rsppc.diagnostics.diagnostic import kinds
from rsppc.driver import compile_bundle, entries, open_workspace
from rsppc.emit.artifacts import artifacts as emitted
from rsppc.passes.order import JUDGING
from rsppc.pictures.origins import KINDS
from rsppc.pictures.page import Subject, diagnostics_page, report_page
from rsppc.pictures.resolved import Bundle, Provenance, Resolved, Step, read
from rsppc.pictures.resolved import Path as LatencyPath
from rsppc.pictures.waterfall import waterfall
from rsppc.workspace import find_workspace
from workspaces import CLEAN, PROVIDERS, PROVIDERS_PATH, SPEC, SPEC_PATH, make, rsppc_here

ROOT = Path(__file__).parents[2]
VOID = {"meta", "link", "br", "wbr", "input", "hr", "img"}
HOSTILE = ("<script>alert(1)</script>", '"onload="x', "</style><b>", "{{ 7 * 7 }}", "javascript:x", "]]>", "\x00\x1b")


class Page(HTMLParser):
    """A page as a parser sees it: elements, what they lie in, and texts. Insists that everything is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, list[str]] = {}
        self.feed(text)
        self.close()
        assert self.open == [], self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, names)
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, (self.open[-3:], tag, self.getpos())
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.texts.setdefault(self.open[-1] if self.open else "", []).append(data)

    @property
    def ids(self) -> list[str]:
        return [attributes["id"] for _, attributes in self.elements if "id" in attributes]


def check_page(text: str, *, has_script: bool = True) -> Page:
    """What holds of every report."""
    assert text.startswith('<!DOCTYPE html>\n<html lang="en">\n') and text.endswith("</html>\n")
    page = Page(text)
    assert len(page.ids) == len(set(page.ids))
    for tag, attributes in page.elements:
        for name, value in attributes.items():
            assert not name.startswith("on") and name not in ("src", "srcset", "style", "action", "data"), (tag, name)
            assert name not in ("href", "xlink:href") or (value.startswith("#") and value[1:] in page.ids), value
            if name in ("aria-labelledby", "aria-describedby", "for"):
                assert all(one in page.ids for one in value.split()), value
            assert "url(" not in value or re.fullmatch(r"url\(#[a-z-]+\)", value), value
    assert {tag for tag, _ in page.elements} & {"iframe", "object", "embed", "link", "img", "base"} == set()
    assert [tag for tag, _ in page.elements].count("script") == has_script
    assert "@import" not in text and "url(http" not in text
    check_policy(page)
    return page


def check_policy(page: Page) -> None:
    """Nothing is allowed but the page's own style sheet and script, by their digests."""
    policy = next(one["content"] for _, one in page.elements if one.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for tag in {"style", "script"} & page.texts.keys():
        (text,) = page.texts[tag]
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


@cache
def built(folder: Path) -> str:
    make(folder)
    assert rsppc_here(folder, "build").returncode == 0
    return report(folder, "line_bundle/v1")


def report(folder: Path, *words: str) -> str:
    done = rsppc_here(folder, "report", *words)
    assert done.returncode == 0, done.stderr
    text: str = done.stdout.decode()
    return text


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("report")


def section(text: str, name: str) -> str:
    """The text of a section, as a reader reads it."""
    found = re.search(rf'<section aria-labelledby="{name}"[^>]*>(.*?)</section>', text, re.DOTALL)
    assert found is not None
    whole = re.sub(r"</?span class=\"nobr\">|</span><wbr>", "", found[1])
    return " ".join(" ".join(re.split(r"<[^>]*>", whole)).split())


# --- Of what has errors ----------------------------------------------------------------------------------------------


def not_built(folder: Path, *words: str) -> tuple[str, str]:
    """The page of a bundle with errors, and what is said beside it."""
    done = rsppc_here(folder, "report", "line_bundle/v1", *words)
    assert done.returncode == 1
    return done.stdout.decode(), done.stderr.decode()


def test_a_bundle_that_misses_a_budget_has_a_page_that_begins_with_it(tmp_path: Path) -> None:
    make(tmp_path, {**CLEAN, PROVIDERS_PATH: PROVIDERS.replace("p95_ms: 300", "p95_ms: 1900")})
    text, said = not_built(tmp_path)
    page = check_page(text)
    assert "<title>line_bundle/v1, not built</title>" in text and "<svg" in text
    assert page.ids.index("not-built") < page.ids.index("figures") and "diagnostics" not in page.ids
    found = section(text, "not-built")
    assert found.startswith("Not built Errors keep this from being built.") and "RSP5403" in found
    assert "p95 2776 ms at most 1800 ms missed" in section(text, "figures")
    assert '<p class="digest">' not in text and "ResolvedSpec <code>" not in text
    assert "error[RSP5403" in said and "error[" not in text
    again, _ = not_built(tmp_path, "--output", "page.html")
    assert again == "" and (tmp_path / "page.html").read_text() == text


def test_a_bundle_from_which_something_is_missing_has_a_page_of_its_errors_alone(tmp_path: Path) -> None:
    make(tmp_path, {**CLEAN, SPEC_PATH: SPEC.replace("to: vad.audio", "to: vad.nothing")})
    text, said = not_built(tmp_path, "--now", "2026-01-01T00:00:00Z")
    page = check_page(text, has_script=False)
    assert page.ids == ["content", "not-built"] and "2026-01-01T00:00:00Z" in text
    assert "no input `nothing`" in section(text, "not-built") and "something is missing" in section(text, "not-built")
    assert "error[RSP2115" in said


def test_a_level_of_the_workspace_does_not_take_the_graph_away(tmp_path: Path) -> None:
    """What is an error only here is a finding about a program that is whole."""
    double = (ROOT / "golden/errors/double-detector/input" / SPEC_PATH).read_text()
    make(tmp_path, {**CLEAN, SPEC_PATH: double, "rsppc.toml": '[lint]\ndouble-detector = "error"\n'})
    text, _ = not_built(tmp_path)
    assert "double-detector" in section(text, "not-built") and "<svg" in text


def test_whatever_is_wrong_a_program_that_is_called_whole_can_be_shown() -> None:
    """What judges takes nothing from a program, so that `emit` finds all that it relies on."""
    judging = {step.run.__module__ for step in JUDGING}
    judged = {f"error[{kind.code} " for kind in kinds() if kind.__module__ in judging}
    shown = set()
    for path in sorted((ROOT / "golden/errors").glob("*/expected/diagnostics.txt")):
        if not any(one in path.read_text("utf-8") for one in judged):
            continue
        folder = path.parents[1] / "input"
        workspace = find_workspace(str(folder), DiagnosticSink())
        assert workspace is not None
        artifacts = open_workspace(workspace, DiagnosticSink())
        for entry in list(entries(artifacts)):
            compilation = compile_bundle(artifacts, entry)
            if compilation.is_whole and not compilation.ok and compilation.program is not None:
                made = emitted(compilation.program)
                assert made.bundle and made.provenance and read(made.resolved_spec, Resolved)
                shown |= {one.code for one in compilation.diagnostics if one.severity == "error"}
    assert len(shown) >= 15, shown


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_becomes_part_of_the_page_of_errors(text: str) -> None:
    whole = check_page(report_page(replace(hostile(text), is_built=False)))
    assert outline(whole) == outline(check_page(report_page(replace(hostile("name"), is_built=False))))

    def alone(text: str) -> Page:
        found = hostile(text).diagnostics
        assert found is not None
        return check_page(diagnostics_page(text, found, made_at=text, made_by=text), has_script=False)

    assert outline(alone(text)) == outline(alone("name"))


# --- What it says ----------------------------------------------------------------------------------------------------


def test_a_page_is_sound_and_needs_nothing_else(folder: Path) -> None:
    page = check_page(built(folder))
    regions = [one for _, one in page.elements if one.get("role") == "region"]
    assert regions and all(one.get("tabindex") == "0" for one in regions), "what scrolls can be reached by keyboard"
    assert [tag for tag, _ in page.elements].count("h1") == 1
    assert page.elements[[tag for tag, _ in page.elements].index("body") + 1][1]["href"] == "#content"


def test_figures_stand_against_budgets_and_gates(folder: Path) -> None:
    text = built(folder)
    assert "End of speech to first output p95 1246 ms at most 1800 ms kept" in section(text, "figures")
    latency = section(text, "latency")
    assert "budget, p95 1800 ms kept" in latency and "gate, p95 2000 ms kept" in latency
    assert "1 mic.audio 21 ms 25 ms" in latency


def test_every_edge_has_its_bounds(folder: Path) -> None:
    text = section(built(folder), "buffers")
    assert "mic.audio-&gt;vad.audio DataLane audio pcm_s16le 16 kHz merge 64 300 ms 20 ms 256 KiB" in text


def test_every_value_is_there_with_who_set_it(folder: Path) -> None:
    text = built(folder)
    spec = json.loads((folder / "build/line_bundle/v1/resolved_spec.json").read_bytes())
    assert text.count('<li data-kind="') == len(spec["defaulting_sources"])
    assert set(re.findall(r'<li data-kind="(.*?)"', text)) <= set(KINDS)
    story = "nodes.endpoint.config.silence_ms = 400 set by explicit_node_config at pipelines/specs/line_v1.yaml:8:77"
    assert f"{story} overriding 500 from node_type/rspp_std/v1/speech.endpointing at" in section(text, "origins")


def test_the_page_tells_of_values_what_why_tells(folder: Path) -> None:
    text = section(built(folder), "origins")
    for path in ("budgets.turn_budget_ms", "nodes.endpoint.config.silence_ms", "nodes.stt.provider"):
        said = rsppc_here(folder, "why", "line_bundle/v1", path).stdout.decode()
        value, winner = re.search(r"= (.*)\n  set by +(\S+)", said).groups()  # type: ignore[union-attr]
        assert f"{path} = {value.replace(chr(34), '&#34;')} set by {winner}" in text


def test_windows_assets_and_digests_are_named(folder: Path) -> None:
    text = section(built(folder), "identity")
    assert "runtime v1 to v1.1" in text
    bundle = json.loads((folder / "build/line_bundle/v1/bundle.json").read_bytes())
    assert bundle["spec_ref"].partition("@")[2] in text
    assert all(one["digest"] in text for one in bundle["node_digests"])


def test_a_built_folder_gives_the_same_but_for_diagnostics(folder: Path) -> None:
    text = built(folder)
    other = report(folder, "build/line_bundle/v1")
    assert "keeps no diagnostics" in section(other, "diagnostics")
    assert section(text, "diagnostics") != section(other, "diagnostics")
    for name in ("figures", "latency", "buffers", "rules", "origins", "identity"):
        assert section(text, name) == section(other, name)


def test_without_provenance_the_page_says_so(tmp_path: Path) -> None:
    built(tmp_path)
    (tmp_path / "build/line_bundle/v1/provenance.json").unlink()
    text = report(tmp_path, "build/line_bundle/v1")
    check_page(text)
    assert "nobody can say" in section(text, "origins")


def test_diagnostics_stand_with_their_places(tmp_path: Path) -> None:
    make(tmp_path, **{SPEC_PATH: SPEC.replace(", provider: tts-house", ", provider: tts-elevenlabs")})
    text = report(tmp_path, "line_bundle/v1")
    check_page(text)
    assert "warning RSP5401 unproved-latency:" in section(text, "diagnostics")
    assert "Unproved: nobody states a figure for tts.audio." in section(text, "latency")
    assert 'class="b-hatch"' in text
    assert "p95 unknown" in section(text, "figures")


def test_time_stands_on_the_page_only_where_it_is_given(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "<time" not in built(folder)
    assert built(folder) == report(folder, "line_bundle/v1")
    stamped = report(folder, "line_bundle/v1", "--now", "2026-01-01T00:00:00Z")
    assert "As of 2026-01-01T00:00:00Z" in " ".join(re.sub("<[^>]*>", "", stamped).split())
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    assert "1970-01-01T00:00:00Z" in report(folder, "line_bundle/v1")
    assert rsppc_here(folder, "report", "line_bundle/v1", "--now", "soon").returncode == 2


# --- Hostile bundles -------------------------------------------------------------------------------------------------


def hostile(text: str) -> Subject:
    """A bundle in which everything that can be a text is this one."""
    pointer = f"/{text.replace('~', '~0').replace('/', '~1')}"
    node = {
        "node_type": text,
        "provider": text,
        "turn_cancel": text,
        "scope": text,
        "fallback": {"to": text, "on": [text]},
    }
    edge = {"from": f"{text}.a", "to": f"{text}.b", "lane": text, "type": text, "when": {"text": text}}
    edge["buffer"] = {"strategy": text}  # type: ignore[assignment]
    rule = {"policy": text, "rule": text, "when": {"text": text}, "set": {text: text}, "patch": {pointer: text}}
    spec: dict[str, Any] = {
        "bundle_id": text,
        "version": text,
        "effective_nodes": {text: node},
        "effective_edges": {f"{text}.a->{text}.b": edge},
        "unknown_events": text,
        "allowed_adaptive_actions": [text],
        "turns": {"owner": f"{text}.t", "barge_in": [{"from": f"{text}.t", "unless": [text], "when": {"text": text}}]},
        "rules": {
            "degrade": [rule],
            "provider": [rule | {"use": [text], "nodes": [text], "modality": text, "cost_cap": {text: 1}}],
            "insert": [rule | {"node_id": f"i{text}", "node": node, "replaces": text, "into": edge, "out_of": edge}],
        },
        "layers": {text: [rule | {"layer": text}]},
        "analysis": {"latency": {text: {"steps": [{"subject": text}], "unknown": [text]}, f"node/{text}": {}}},
        "graph_definition_refs": {text: text},
        "defaulting_sources": {},
        text: text,
    }
    told = {"label": text, "file": text, "line": 1, "column": 1, "via": [text], "value": text}
    provenance = {
        "origins": [{"winner": told, "overridden": [told]}],
        "leaves": {text: 0, "effective_nodes": 0},
        "sources": {text: {"source_digest": text}},
    }
    finding = {"severity": text, "code": text, "name": text, "headline": text, "notes": [text], "help": text}
    bundle = {"spec_ref": text, "profile_ref": text, "assets": [{"path": text, "digest": text}], "policy_refs": [text]}
    return Subject(
        spec=spec,
        resolved=read(spec, Resolved),
        bundle=read(bundle | {"compat_window": {text: {"min": text, "max": text}}}, Bundle),
        bundle_digest=text,
        provenance=read(provenance, Provenance),
        diagnostics=[finding | {"primary": {"file": text, "start": [1, 1]}}],
        gates={text: {"p95_ms": 5}},
        made_at=text,
        made_by=text,
    )


def outline(page: Page) -> list[str]:
    """Elements in their order, but for those whose number depends on how long texts are."""
    return [tag for tag, _ in page.elements if tag not in ("text", "path")]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_becomes_part_of_the_page(text: str) -> None:
    """Hostile inputs, item 26: names as keys in every generated file."""
    page = check_page(report_page(hostile(text)))
    usual = check_page(report_page(hostile("name")))
    assert outline(page) == outline(usual)
    shown = "".join(part for tag, parts in page.texts.items() if tag not in ("style", "script") for part in parts)
    assert "\x00" not in shown and "\x1b" not in shown
    assert "None" not in shown
    assert text not in HOSTILE[:6] or shown.count(text) > 40


def test_too_many_values_leave_out_what_nobody_chose(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr("rsppc.pictures.origins.LEAVES_MAX", 10)
    built(folder)
    text = report(folder, "line_bundle/v1")
    check_page(text)
    assert "more are defaults that nobody changed" in section(text, "origins")
    assert "nodes.endpoint.config.silence_ms" in section(text, "origins")
    assert 'data-kind="node_type"' not in text and 'data-kind="computed"' not in text


# --- Bars ------------------------------------------------------------------------------------------------------------


def test_bars_follow_each_other_and_limits_lie_on_the_same_scale() -> None:
    steps = (Step(subject="a", p50_ms=100, p95_ms=200), Step(subject="b", p50_ms=300, p95_ms=400))
    found = waterfall("e2e", LatencyPath(steps=steps, p50_ms=400, p95_ms=600, budget_ms=1000), {"p95_ms": 500})
    assert found.rows[1].p50.start == 100 * 1000 // found.end_ms
    assert found.rows[1].p95.start == 200 * 1000 // found.end_ms
    assert [(limit.name, limit.verdict) for limit in found.limits] == [("budget, p95", "kept"), ("gate, p95", "missed")]
    assert found.limits[0].at == 1000 * 1000 // found.end_ms


def test_unknown_figures_take_room_and_are_marked() -> None:
    steps = (Step(subject="a"), Step(subject="b", p50_ms=10, p95_ms=20))
    found = waterfall("e2e", LatencyPath(steps=steps, unknown=("a",)), {})
    assert not found.rows[0].p50.known and found.rows[0].p50.width > 20
    assert found.rows[1].p50.start >= found.rows[0].p50.width - 1
    assert found.unknown == ("a",)


@pytest.mark.parametrize("count", [0, 1, 40])
def test_bars_never_leave_their_scale(count: int) -> None:
    steps = tuple(Step(subject=f"s{index}", p50_ms=7, p95_ms=None if index % 2 else 9) for index in range(count))
    found = waterfall("e2e", LatencyPath(steps=steps), {})
    for row in found.rows:
        for bar in (row.p50, row.p95):
            assert bar.start >= 0 and bar.start + bar.width <= 1000
