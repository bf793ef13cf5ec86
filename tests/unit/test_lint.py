"""What holds for all rules: levels, comments that allow a finding, baselines, and that they cost next to nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from rsppc.base.source import Source, Span
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.driver import compile_bundle, entries, open_workspace
from rsppc.lint import registry
from rsppc.lint.allow import allow, unused
from rsppc.lint.example import HEAD, workspace_of
from rsppc.lint.view import View
from rsppc.workspace import Workspace
from workspaces import BUNDLE, BUNDLE_PATH, CLEAN, SPEC, SPEC_PATH, environment, make, rsppc_here

ROOT = Path(__file__).parent.parent.parent
HASTY = SPEC.replace(", min_speech_ms: 300", "")
RULE = "barge-in-at-any-sound"


def check(folder: Path, *options: str) -> tuple[int, str]:
    """Exit code and output of `rsppc check`."""
    done = rsppc_here(folder, "check", "--no-color", *options)
    return done.returncode, (done.stdout + done.stderr).decode()


def hasty(folder: Path, spec: str = HASTY, **more: str) -> Path:
    """A workspace with one finding."""
    return make(folder, {**CLEAN, SPEC_PATH: spec}, **more)


# --- The registry ----------------------------------------------------------------------------------------------------


def test_a_rule_is_named_like_its_module_and_its_code_is_its_own() -> None:
    rules = [registry.rule(name) for name in registry.names()]
    assert [rule.name for rule in rules] == list(registry.names())
    codes = [rule.finding.code for rule in rules]
    assert len(set(codes)) == len(codes) and all("RSP9611" <= code <= "RSP9699" for code in codes)


def test_every_rule_cites_a_public_failure_or_says_what_callers_hear() -> None:
    whys = {name: registry.rule(name).finding.__doc__ or "" for name in registry.names()}
    assert [name for name, why in whys.items() if "https://" not in why and "caller" not in why] == []


def test_occasions_are_attributes_of_a_view_and_belong_to_rules() -> None:
    assert sorted(registry.OCCASIONS.keys() - set(registry.names())) == []
    assert sorted(set(registry.OCCASIONS.values()) - set(View.__slots__)) == []


def test_the_page_lists_the_rules_with_their_levels() -> None:
    page = (ROOT / "docs" / "lint.md").read_text("utf-8")
    for name in registry.names():
        rule = registry.rule(name)
        about = (sys.modules[rule.check.__module__].__doc__ or "").partition("\n")[0]
        row = f"| [`{name}`](diagnostics/{rule.finding.code}.md) | {rule.finding.severity} | {about} |"
        assert row in page, row
    assert page.count("](diagnostics/RSP96") == len(registry.names())


def test_an_ordinary_pipeline_imports_no_rule(tmp_path: Path) -> None:
    script = (
        "import sys; sys.argv = ['rsppc', 'check']\nfrom rsppc.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print([name for name in sys.modules if name.startswith('rsppc.lint.')], file=sys.stderr)"
    )
    arguments = [sys.executable, "-c", script]
    done = subprocess.run(arguments, cwd=make(tmp_path), env=environment(), capture_output=True, text=True, check=True)
    assert "rsppc.lint.view" in done.stderr
    assert "rsppc.lint.rules" not in done.stderr and "rsppc.lint.allow" not in done.stderr, done.stderr


def test_rules_give_up_on_a_graph_that_is_made_to_be_walked_for_ever(tmp_path: Path) -> None:
    """A chain of detectors, each of which hears what the last one left."""
    count = 600
    nodes = "".join(f"  - {{node_id: v{index}, node_type: speech.vad}}\n" for index in range(count))
    edges = "".join(f"  - {{from: v{index}.speech, to: v{index + 1}.audio}}\n" for index in range(count - 1))
    spec = SPEC.replace(
        "  - {node_id: vad, node_type: speech.vad}\n", "  - {node_id: vad, node_type: speech.vad}\n" + nodes
    )
    spec = spec.replace(
        "  - {from: vad.speech, to: stt.audio}\n",
        f"  - {{from: vad.speech, to: v0.audio}}\n{edges}  - {{from: v{count - 1}.speech, to: stt.audio}}\n",
    )
    sink = DiagnosticSink()
    artifacts = open_workspace(Workspace(root=str(make(tmp_path, {**CLEAN, SPEC_PATH: spec}))), sink)
    program = compile_bundle(artifacts, next(iter(entries(artifacts))), after="check_buffers").program
    assert program is not None
    view = View(program)
    found = list(registry.rule("double-detector").check(view))
    assert 0 < len(found) < count and view.into("v5") == []


# --- Levels ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "code", "said"),
    [
        ("error", 1, "error[RSP9611"),
        ("warning", 0, "warning[RSP9611"),
        ("note", 0, "note[RSP9611"),
        ("off", 0, "no findings"),
    ],
)
def test_the_workspace_says_how_grave_a_finding_is(level: str, code: int, said: str, tmp_path: Path) -> None:
    hasty(tmp_path, **{"rsppc.toml": f'[lint]\n{RULE} = "{level}"\n'})
    got, output = check(tmp_path)
    assert (got, said in output) == (code, True), output


def test_a_strict_run_makes_errors_of_warnings_and_leaves_notes(tmp_path: Path) -> None:
    hasty(tmp_path)
    assert check(tmp_path, "--strict")[0] == 1
    make(tmp_path, {"rsppc.toml": f'[lint]\n{RULE} = "note"\n'})
    assert check(tmp_path, "--strict")[0] == 0


def test_rules_are_silent_beside_errors_and_speak_beside_warnings(tmp_path: Path) -> None:
    broken = HASTY.replace("speech.stt", "speech.sst")
    assert "RSP9611" not in check(hasty(tmp_path / "broken", broken))[1]
    warned = HASTY.replace(", provider: llm-house", "")
    output = check(hasty(tmp_path / "warned", warned))[1]
    assert "RSP2301" in output and "RSP9611" in output
    assert "error[RSP9611" in check(tmp_path / "warned", "--strict")[1]


# --- Comments that allow a finding -----------------------------------------------------------------------------------

ON_THE_LINE = HASTY.replace(
    "{from: vad.barge_in}", f"{{from: vad.barge_in}}  # rsppc: allow {RULE} — callers press a key"
)
ABOVE = HASTY.replace("    - {from: vad.barge_in}", f"    # rsppc: allow {RULE}: keys\n    - {{from: vad.barge_in}}")
FAR_ABOVE = HASTY.replace("turns:", f"# rsppc: allow {RULE} — keys\nturns:")
IN_A_TEXT = HASTY.replace("version: v1\n", f"version: v1\nmetadata: {{title: '# rsppc: allow {RULE} — no'}}\n", 1)


@pytest.mark.parametrize("spec", [ON_THE_LINE, ABOVE, ABOVE.replace(": keys", ", double-detector - keys")])
def test_a_comment_on_the_line_or_above_it_allows_a_finding(spec: str, tmp_path: Path) -> None:
    assert "RSP9611" not in check(hasty(tmp_path, spec))[1]


@pytest.mark.parametrize("spec", [FAR_ABOVE, IN_A_TEXT, ON_THE_LINE.replace(RULE, "no-filler")])
def test_other_comments_allow_nothing(spec: str, tmp_path: Path) -> None:
    assert "RSP9611" in check(hasty(tmp_path, spec))[1]


def test_a_comment_in_the_text_form_allows_as_well(tmp_path: Path) -> None:
    hasty(tmp_path)
    done = rsppc_here(tmp_path, "convert", SPEC_PATH, "--to", "rspp")
    lines = done.stdout.decode().splitlines()
    index = next(index for index, line in enumerate(lines) if "vad.barge_in" in line)
    lines.insert(index, f"  # rsppc: allow {RULE} — keys")
    (tmp_path / SPEC_PATH).unlink()
    (tmp_path / "pipelines/specs/line_v1.rspp").write_text("\n".join(lines) + "\n")
    assert "no findings" in check(tmp_path)[1]


def test_an_unused_comment_is_a_finding_only_where_the_whole_workspace_is_judged(tmp_path: Path) -> None:
    unneeded = ABOVE.replace("{from: vad.barge_in}", "{from: vad.barge_in, min_speech_ms: 300}")
    hasty(tmp_path, unneeded)
    assert "RSP9605" in check(tmp_path)[1]
    assert "RSP9605" not in check(tmp_path, SPEC_PATH)[1]
    make(tmp_path, {"pipelines/specs/broken_v1.yaml": HEAD.replace("line", "broken")})
    assert "RSP9605" not in check(tmp_path)[1]


def test_a_comment_that_one_of_two_bundles_needs_is_used(tmp_path: Path) -> None:
    layer = (
        "schema_version: rspp.config.layer.v1\nlayer_id: calm\nversion: v1\nscope: environment\n"
        "set:\n  # rsppc: allow patch-without-effect — the other bundle needs it\n"
        "  nodes.endpoint.config.silence_ms: 400\n"
    )
    other = SPEC.replace("pipeline_id: line", "pipeline_id: slow").replace("silence_ms: 400", "silence_ms: 300")
    bundles = {
        BUNDLE_PATH: BUNDLE + "layer_refs: [calm/v1]\n",
        "pipelines/bundles/slow_bundle_v1.yaml": BUNDLE.replace("line_bundle", "slow_bundle").replace(
            "line/v1", "slow/v1"
        )
        + "layer_refs: [calm/v1]\n",
    }
    make(
        tmp_path, {**CLEAN, **bundles, "pipelines/specs/slow_v1.yaml": other, "pipelines/policies/calm_v1.yaml": layer}
    )
    assert check(tmp_path)[1] == "checked 6 files: no findings\n"
    assert check(tmp_path, "--jobs", "2")[1] == "checked 6 files: no findings\n"


def test_comments_are_matched_by_file_line_and_rule() -> None:
    source = Source("a.yaml", "x: 1  # rsppc: allow no-filler — short\ny: 2\nz: 3\n", b"")

    class Found(Diagnostic):
        name = "no-filler"

    findings = [
        Found(at=Span(source=source, start=at, end=at + 1))
        for at in (0, source.text.index("y"), source.text.index("z"))
    ]
    left, allowances = allow(findings, [source])
    assert [one.at.text for one in left] == ["z"]
    assert unused(allowances) == []
    assert [one.name for one in unused(allow([], [source])[1])] == ["unused-allowance"]


# --- Baselines -------------------------------------------------------------------------------------------------------


def test_a_baseline_hides_what_is_known_and_fails_at_what_is_new(tmp_path: Path) -> None:
    hasty(tmp_path)
    assert check(tmp_path, "--baseline", "lint.json", "--update-baseline")[0] == 0
    written = json.loads((tmp_path / "lint.json").read_text())
    assert written == {"findings": {RULE: {SPEC_PATH: 1}}, "schema_version": "rspp.lint.baseline.v1"}
    assert "RSP96" not in check(tmp_path, "--baseline", "lint.json")[1]
    another = HASTY.replace("provider: tts-house}", "provider: tts-house, config: {language: de}}")
    make(tmp_path, {SPEC_PATH: another})
    code, output = check(tmp_path, "--baseline", "lint.json")
    assert code == 1 and "RSP9606" in output and "RSP9622" in output and "RSP9611" not in output


def test_a_baseline_falls_by_itself_and_rises_on_demand_only(tmp_path: Path) -> None:
    hasty(tmp_path)
    update = ("--baseline", "lint.json", "--update-baseline")
    check(tmp_path, *update)
    make(tmp_path, {SPEC_PATH: SPEC})
    assert "RSP9607" in check(tmp_path, "--baseline", "lint.json")[1]
    assert check(tmp_path, *update)[0] == 0
    assert json.loads((tmp_path / "lint.json").read_text())["findings"] == {}
    make(tmp_path, {SPEC_PATH: HASTY})
    assert check(tmp_path, *update)[0] == 1
    assert json.loads((tmp_path / "lint.json").read_text())["findings"] == {}
    assert check(tmp_path, *update, "--allow-more")[0] == 0
    assert json.loads((tmp_path / "lint.json").read_text())["findings"] == {RULE: {SPEC_PATH: 1}}


def test_a_baseline_is_left_alone_where_errors_silence_rules(tmp_path: Path) -> None:
    hasty(tmp_path)
    update = ("--baseline", "lint.json", "--update-baseline")
    check(tmp_path, *update)
    before = (tmp_path / "lint.json").read_bytes()
    make(tmp_path, {SPEC_PATH: HASTY.replace("speech.stt", "speech.sst")})
    code, output = check(tmp_path, *update)
    assert code == 1 and "left alone" in output and (tmp_path / "lint.json").read_bytes() == before
    assert "RSP9607" not in check(tmp_path, "--baseline", "lint.json")[1]


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", "nul", "[" * 5000, "\udcff", '{"findings": [], "schema_version": 1}'),
        '{"schema_version": "rspp.lint.baseline.v1"}',
        '{"findings": {"a": {"b": -1}}, "schema_version": "rspp.lint.baseline.v1"}',
        '{"findings": {"a": 3}, "schema_version": "rspp.lint.baseline.v1"}',
    ],
)
def test_what_is_no_baseline_is_wrong_use(text: str, tmp_path: Path) -> None:
    hasty(tmp_path)
    (tmp_path / "lint.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    code, output = check(tmp_path, "--baseline", "lint.json")
    assert code == 2 and "is no baseline" in output


# --- Examples --------------------------------------------------------------------------------------------------------


def test_an_example_changes_the_ordinary_line_and_nothing_else() -> None:
    (spec,) = (text for path, text in workspace_of("").items() if path.endswith("line_v1.yaml"))
    assert spec.replace("barge_in: [{from: vad.barge_in, min_speech_ms: 300}]", "") == SPEC.replace(
        "barge_in:\n    - {from: vad.barge_in, min_speech_ms: 300}", ""
    )
