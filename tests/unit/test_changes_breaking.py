"""`rsppc breaking`: for each rule the smallest change that it is about, and one beside it that breaks nobody."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from rsppc.changes.breaking import KINDS, counterparts
from rsppc.changes.finding import LEVELS
from rsppc.changes.rules.port import is_narrower
from rsppc.changes.versions import BUMPS, bumped, largest, says_enough
from rsppc.model.change import WAIVERS
from workspaces import make, rsppc_here

BASE = Path(__file__).parents[2] / "golden/diff/reviewed_change/input/before"
OWN_TYPE = """\
schema_version: rspp.extension.manifest.v1
extension_id: own
version: v1
type: node
api_version: v1
records:
  - {schema_id: own.note.v1, schema: {type: object}}
node_types:
  - node_type: own.filter
    role: processor
    execution_mode: in_process
    impl_ref: own:filter
    ports:
      - {name: text, direction: in, type: "text<segment|final>", lane: DataLane}
      - {name: hint, direction: in, type: "text<final>", lane: DataLane, required: false}
      - {name: text, direction: out, type: "text<segment>", lane: DataLane}
      - {name: seen, direction: out, type: "control<seen>", lane: ControlLane, required: false}
    config:
      - {name: strength, type: int, default: 5, min: 1, max: 10}
      - {name: mode, type: enum, default: soft, values: [soft, hard]}
    cancel: {mode: preemptible, cancel_latency_ms: 0, style: hard}
    state: none
    scope: inherit
    latency: {p50_ms: 1, p95_ms: 3}
    timeout_ms: 100
    resource_limits: {cpu_milli: 50, memory_bytes: 16777216, max_concurrency: 256}
"""
OWN_MODULE = """\
schema_version: rspp.graph.module.v1
module_id: own_hearing
version: v1
exposes:
  inputs: [{name: audio, port: stt.audio}]
  outputs: [{name: text, port: norm.text}, {name: seen, port: filter.seen}]
  settings: [{name: language, sets: nodes.stt.config.language}]
nodes:
  - {node_id: stt, node_type: speech.stt}
  - {node_id: norm, node_type: text.normalizer}
  - {node_id: filter, node_type: own.filter}
edges:
  - {from: stt.text, to: norm.text}
"""
SPEC = "pipelines/specs/support_v1.yaml"
POLICY = "pipelines/policies/support_policy_v1.yaml"
PROFILE = "pipelines/profiles/house_v1.yaml"
BUNDLE = "pipelines/bundles/support_bundle_v1.yaml"
MODULE = "pipelines/modules/own_hearing_v1.yaml"
OWN = "pipelines/extensions/own_v1.yaml"
FIGURES = "pipelines/extensions/measured_v1.yaml"
NOW = ("--now", "2026-01-01T00:00:00Z")


def base() -> dict[str, str]:
    files = {path.relative_to(BASE).as_posix(): path.read_text("utf-8") for path in BASE.rglob("*") if path.is_file()}
    files |= {OWN: OWN_TYPE, MODULE: OWN_MODULE}  # what no pipeline here uses, and others may
    # Two providers in one rule, so that there is one to lose, and figures with room below the budgets.
    files[FIGURES] += NARROW
    files[POLICY] = files[POLICY].replace("{id: any_llm, modality: llm, use: [llm-big]}", LLM_RULE)
    return files


NARROW = """\
  - provider_id: stt-16k
    modality: stt
    modes: [partial, final]
    refines: {audio: "audio<codec=pcm_s16le, rate_hz=16000, channels=1>"}
    confidence: true
    latency: {p50_ms: 150, p95_ms: 300}
"""
LLM_RULE = "{id: any_llm, modality: llm, use: [llm-big, llm-small]}"


def edited(path: str, old: str, new: str, files: Mapping[str, str] | None = None) -> dict[str, str]:
    """The workspace with one text exchanged."""
    changed = dict(files or base())
    assert old in changed[path], f"{path} has no {old!r}"
    changed[path] = changed[path].replace(old, new)
    return changed


def findings(
    folder: Path, after: Mapping[str, str], *options: str, before: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    make(folder / "before", before or base())
    make(folder / "after", after)
    done = rsppc_here(folder / "after", "breaking", "--against", "../before", "--format", "json", *NOW, *options)
    assert done.stderr == b"", done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    found = [one for one in found if "code" in one]
    assert done.returncode == (1 if found else 0)
    return found


def names(found: list[dict[str, Any]]) -> set[str]:
    return {one["name"] for one in found}


def _row(name: str, path: str, old: str, breaks: str, harmless: str) -> Any:
    return pytest.param(name, path, old, breaks, harmless, id=name + "--" + path.split("/")[1])


BUFFER = "{max_queue_items: 16, max_queue_ms: 200}"
HINT = '      - {name: hint, direction: in, type: "text<final>", lane: DataLane, required: false}\n'
STRENGTH = "      - {name: strength, type: int, default: 5, min: 1, max: 10}\n"
CONTROL = "max_queue_ms: 75, max_queue_bytes: 65536, max_latency_contribution_ms: 5"
SETTING = "{name: keyterms, sets: nodes.stt.config.keyterms}"
GERMAN, AMERICAN = "config: {language: de}}", "config: {language: en-US}}"
EXTRA = "      - {name: extra, type: int, required: true}\n"

RULES = (
    _row("removed-port", MODULE, "{name: text,", "{name: words,", "{name: raw, port: stt.text}, {name: text,"),
    _row("removed-port", OWN, HINT, "", HINT + HINT.replace("hint", "hint_two")),
    _row("removed-field", MODULE, "[{name: language,", "[{name: tongue,", f"[{SETTING}, {{name: language,"),
    _row("removed-field", OWN, STRENGTH, "", STRENGTH + STRENGTH.replace("strength", "weight")),
    _row("removed-field", PROFILE, "[budgets.*, ", "[budgets.turn_budget_ms, ", '[budgets.*, "edges.*.*", '),
    _row("removed-name", MODULE, "node_id: norm,", "node_id: normal,", "node_id: norm, config: {lower_case: true},"),
    _row("removed-name", POLICY, "id: privacy", "id: discretion", "id: privacy"),
    _row("removed-name", OWN, "schema_id: own.note.v1", "schema_id: own.memo.v1", "schema_id: own.note.v1"),
    _row("narrower-bound", OWN, "min: 1, max: 10", "min: 1, max: 9", "min: 0, max: 11"),
    _row("narrower-bound", OWN, "values: [soft, hard]", "values: [soft]", "values: [soft, hard, off]"),
    _row(
        "new-requirement", OWN, HINT, HINT.replace(", required: false", ""), HINT.replace("<final>", "<final|segment>")
    ),
    _row("new-requirement", OWN, STRENGTH, STRENGTH + EXTRA, STRENGTH + EXTRA.replace("required: true", "default: 1")),
    _row("narrower-input", OWN, "text<segment|final>", "text<segment>", "text<segment|final|delta>"),
    _row("wider-output", OWN, '"text<segment>"', '"text<segment|final>"', '"text<segment, lang=en>"'),
    _row("other-lane", OWN, HINT, HINT.replace("Data", "Telemetry"), HINT.replace("lane:", "doc: A hint., lane:")),
    _row("narrower-input", MODULE, "speech.stt}", "speech.stt, provider: stt-16k}", "speech.stt, provider: stt-one}"),
    _row("wider-output", MODULE, "speech.stt}", f"speech.stt, {GERMAN}", f"speech.stt, {AMERICAN}"),
    _row("other-lane", MODULE, "port: filter.seen", "port: filter.text", "port: filter.seen"),
    _row("narrower-input", SPEC, "rate_hz: 16000", "rate_hz: 8000", "rate_hz: 16000, jitter_buffer_ms: 19"),
    _row(
        "wider-output", SPEC, ".egress", ".egress, config: {rate_hz: 48000}", ".egress, config: {playout_delay_ms: 19}"
    ),
    _row("removed-end", SPEC, "speaker", "loudspeaker", "speaker"),
    _row("other-graph", SPEC, "silence_ms: 400}", "silence_ms: 400, max_turn_ms: 30000}", "silence_ms: 401}"),
    _row(
        "other-contract-field",
        PROFILE,
        "[replay_decisions]",
        "[recompute_decisions]",
        "[replay_decisions, recompute_decisions]",
    ),
    _row("other-contract-field", PROFILE, "events: drop", "events: pass_through", "events: drop"),
    _row("narrower-window", BUNDLE, "{min: v1, max: v1.4}", "{min: v1, max: v1.3}", "{min: v1, max: v1.5}"),
    _row("later-first-output", FIGURES, "p95_ms: 180", "p95_ms: 181", "p95_ms: 179"),
    _row("larger-budget", PROFILE, "path_budget_ms: 1800", "path_budget_ms: 1801", "path_budget_ms: 1799"),
    _row("weaker-bound", SPEC, BUFFER, BUFFER.replace("200", "201"), BUFFER.replace("200", "199")),
    _row("weaker-bound", PROFILE, "delivery: ordered", "delivery: unordered", "delivery: ordered"),
    _row(
        "slower-cancel", PROFILE, CONTROL, CONTROL.replace("n_ms: 5", "n_ms: 6"), CONTROL.replace("n_ms: 5", "n_ms: 4")
    ),
    _row("removed-fallback", SPEC, "[timeout, error, budget]", "[timeout, error]", "[budget, timeout, error]"),
    _row("removed-fallback", POLICY, "use: [llm-big, llm-small]", "use: [llm-big]", "use: [llm-big, llm-small]"),
)


@pytest.mark.parametrize(("name", "path", "old", "breaks", "harmless"), RULES)
def test_a_rule_finds_what_it_is_about_and_nothing_beside_it(
    name: str, path: str, old: str, breaks: str, harmless: str, tmp_path: Path
) -> None:
    found = findings(tmp_path / "breaks", edited(path, old, breaks))
    assert name in names(found), found
    assert all(one["primary"]["file"] for one in found)
    assert name not in names(findings(tmp_path / "harmless", edited(path, old, harmless)))


def test_every_kind_of_finding_is_tried() -> None:
    tried = {row.values[0] for row in RULES}
    assert {kind.name for kind in KINDS} - tried == {"changed-under-version", "removed-artifact"}
    assert len({kind.code for kind in KINDS}) == len(KINDS)
    assert all(kind.audience in LEVELS for kind in KINDS)


def test_equal_workspaces_have_no_findings(tmp_path: Path) -> None:
    assert findings(tmp_path, base()) == []


def test_a_changed_version_is_the_first_finding_of_all(tmp_path: Path) -> None:
    """R-001-53: what was published under a version never changes."""
    found = findings(tmp_path, edited(SPEC, "silence_ms: 400", "silence_ms: 500"))
    changed = [one for one in found if one["name"] == "changed-under-version"]
    # The layer sets the silence, so that nothing that is compiled differs but for the digest of the spec.
    assert {one["subject"] for one in changed} == {"support/v1", "support_bundle/v1"}


def test_the_level_says_for_whom_to_look(tmp_path: Path) -> None:
    after = edited(
        OWN, "min: 1, max: 10", "min: 1, max: 9", edited(PROFILE, "turn_budget_ms: 2000", "turn_budget_ms: 2500")
    )
    after = edited(POLICY, "id: privacy", "id: discretion", after)
    after = edited(
        "pipelines/policies/kiosk_v1.yaml", "budgets.turn_budget_ms: 1900", "budgets.turn_budget_ms: 1950", after
    )
    for number, level in enumerate(LEVELS):
        found = findings(tmp_path / level, after, "--level", level)
        allowed = {kind.name for kind in KINDS if kind.audience in LEVELS[number:]}
        assert names(found) <= allowed, level
        assert "larger-budget" in names(found)


# --- Versions


def _published_as(version: str, after: Mapping[str, str]) -> dict[str, str]:
    files = dict(after)
    text = files.pop(BUNDLE)
    files[BUNDLE.replace("_v1.", f"_{version}.")] = text.replace("version: v1\n", f"version: {version}\n")
    return files


def test_a_version_that_says_enough_lets_findings_pass(tmp_path: Path) -> None:
    after = edited("pipelines/policies/kiosk_v1.yaml", "budgets.turn_budget_ms: 1900", "budgets.turn_budget_ms: 1950")
    budget = ("--level", "budget")
    assert "larger-budget" in names(findings(tmp_path / "same", after, *budget))
    assert "larger-budget" in names(findings(tmp_path / "minor", _published_as("v1.1", after), *budget))
    assert findings(tmp_path / "major", _published_as("v2", after), *budget) == []


@pytest.mark.parametrize(
    ("path", "old", "new", "version"),
    [
        (SPEC, "node_type: speech.vad", "node_type: speech.vad", "v1"),
        ("pipelines/assets/prompts/support.txt", "You", "We", "v1.0.1"),
        (SPEC, "max_context_turns: 8", "max_context_turns: 7", "v1.1"),
        ("pipelines/policies/kiosk_v1.yaml", "budgets.turn_budget_ms: 1900", "budgets.turn_budget_ms: 1950", "v2"),
    ],
    ids=["nothing", "prompt", "graph", "budget"],
)
def test_the_next_version_is_the_smallest_that_says_enough(
    path: str, old: str, new: str, version: str, tmp_path: Path
) -> None:
    make(tmp_path / "before", base())
    make(tmp_path / "after", edited(path, old, new))
    done = rsppc_here(tmp_path / "after", "breaking", "--against", "../before", "--next-version")
    assert (done.stdout.decode(), done.returncode) == (f"{version}\n", 0)


def test_steps_of_versions() -> None:
    assert [bumped("v1", bump) for bump in BUMPS] == ["v1", "v1.0.1", "v1.1", "v2"]
    assert [bumped("v2.3.4", bump) for bump in BUMPS] == ["v2.3.4", "v2.3.5", "v2.4", "v3"]
    assert largest() == "none" and largest("patch", "major", "minor") == "major"
    assert says_enough("v1", "v1.1", "minor") and not says_enough("v1", "v1.0.9", "minor")


def test_a_version_that_is_gone_is_a_finding_that_no_version_lets_pass(tmp_path: Path) -> None:
    after = base()
    del after[OWN]
    found = findings(tmp_path, after)
    assert names(found) == {"removed-artifact"}
    assert found[0]["primary"]["file"] == f"../before/{OWN}"


def test_a_version_follows_the_one_before_it() -> None:
    class One:
        def __init__(self, version: str) -> None:
            self.version = version

    def pairs(before: str, after: str) -> list[tuple[str, str]]:
        found = counterparts(map(One, before.split()), map(One, after.split()))  # type: ignore[arg-type]
        return [(left.version if left else "", right.version if right else "") for left, right in found]

    assert pairs("v1", "v1.0.0") == [("v1", "v1.0.0")]
    assert pairs("v1", "v1 v2") == [("v1", "v1"), ("v1", "v2")]
    assert pairs("v1", "v2") == [("v1", "v2")]
    assert pairs("v1 v2", "v2") == [("v2", "v2"), ("v1", "")]
    assert pairs("", "v1") == [("", "v1")]
    assert pairs("v1", "") == [("v1", "")]


@pytest.mark.parametrize("against", ["../before", "../before/build/support_bundle/v1", f"../before/{BUNDLE}"])
def test_a_bundle_goes_against_a_workspace_a_built_folder_or_a_file(against: str, tmp_path: Path) -> None:
    make(tmp_path / "before", base())
    make(tmp_path / "after", edited(PROFILE, "path_budget_ms: 1800", "path_budget_ms: 1801"))
    assert rsppc_here(tmp_path / "before", "build").returncode == 0
    done = rsppc_here(tmp_path / "after", "breaking", "support_bundle/v1", "--against", against, *NOW)
    assert done.returncode == 1
    said = done.stdout.decode()
    assert "larger-budget" in said and "bundle support_bundle v1 → v1: " in said
    assert ("rules for authors were not asked" in said) == ("build" in against)


def test_a_bundle_that_was_not_there_before_breaks_nobody(tmp_path: Path) -> None:
    files = base()
    make(tmp_path / "before", files)
    files["pipelines/bundles/second_v1.yaml"] = files[BUNDLE].replace("support_bundle", "second")
    make(tmp_path / "after", files)
    done = rsppc_here(tmp_path / "after", "breaking", "--against", "../before")
    assert (done.returncode, done.stdout.decode().splitlines()) == (
        0,
        ["bundle support_bundle v1 → v1: nothing changed", "bundle second/v1 is new"],
    )
    alone = rsppc_here(tmp_path / "after", "breaking", "second/v1", "--against", "../before")
    assert alone.returncode == 2 and b"has no earlier version" in alone.stderr
    back = rsppc_here(tmp_path / "before", "breaking", "--against", "../after", "--level", "budget")
    assert back.returncode == 1 and b"`second/v1` is gone" in back.stdout


def test_one_bundle_is_asked_for_its_next_version(tmp_path: Path) -> None:
    files = base()
    files["pipelines/bundles/second_v1.yaml"] = files[BUNDLE].replace("support_bundle", "second")
    make(tmp_path, files)
    done = rsppc_here(tmp_path, "breaking", "--against", ".", "--next-version")
    assert done.returncode == 2 and b"`--next-version` speaks of one bundle" in done.stderr
    assert rsppc_here(tmp_path, "breaking", "second/v1", "--against", ".", "--next-version").stdout == b"v1\n"


def test_a_module_that_nobody_touched_breaks_with_a_node_inside_it(tmp_path: Path) -> None:
    files = edited(OWN, '"control<seen>", lane: ControlLane', '"control<seen|lost>", lane: ControlLane')
    found = findings(tmp_path, files, "--level", "port")
    assert [one["subject"] for one in found if one["name"] == "wider-output"] == ["own.filter.seen", "own_hearing.seen"]
    said = rsppc_here(tmp_path / "after", "breaking", "--against", "../before", "--level", "port").stdout.decode()
    assert "module own_hearing v1 → v1: 1 finding; publish it as v2 (major)" in said


def test_narrower_types() -> None:
    assert is_narrower("audio<rate_hz=8000|16000>", "audio<rate_hz=16000>")
    assert not is_narrower("audio<rate_hz=16000>", "audio<rate_hz=8000|16000>")
    assert not is_narrower("text<final, lang=en-US>", "text<final, lang=en>")
    assert is_narrower("text<final>", "record<own.note.v1>")


@pytest.mark.parametrize("broken", ["before", "after"])
def test_a_side_that_does_not_compile_is_told_in_the_format_that_was_asked_for(broken: str, tmp_path: Path) -> None:
    for side in ("before", "after"):
        files = edited(SPEC, "node_type: speech.vad", "node_type: speech.wad") if side == broken else base()
        make(tmp_path / side, files)
    place = f"{'../before/' if broken == 'before' else ''}{SPEC}"

    def told(*words: str) -> str:
        done = rsppc_here(tmp_path / "after", *words, "--against", "../before", "--level", "budget")
        assert done.returncode == 1 and b"does not compile, so that nothing can be compared" in done.stderr
        return done.stdout.decode()

    assert told("breaking", "--format", "github").startswith(f"::error file={place},line=")
    found = [json.loads(line) for line in told("breaking", "--format", "json").splitlines()]
    assert [one["primary"]["file"] for one in found if "code" in one] == [place]
    assert f"  {place}:" in told("breaking")
    said = rsppc_here(tmp_path / "after", "diff", "../before", "support_bundle/v1", "--format", "markdown").stdout
    where = " of `../before`" if broken == "before" else ""
    head = f"`support_bundle/v1`{where} does not compile, so that nothing can be compared\n\n| finding"
    assert said.decode().startswith(head)


def _with_a_second_bundle(files: dict[str, str]) -> dict[str, str]:
    second = {
        SECOND_SPEC: files[SPEC].replace("pipeline_id: support", "pipeline_id: second"),
        SECOND_BUNDLE: files[BUNDLE]
        .replace("support_bundle", "second_bundle")
        .replace("spec_ref: support/", "spec_ref: second/"),
    }
    return {**files, **second}


SECOND_SPEC = "pipelines/specs/second_v1.yaml"
SECOND_BUNDLE = "pipelines/bundles/second_bundle_v1.yaml"


@pytest.mark.parametrize("format", ["text", "json", "sarif", "github", "junit", "markdown"])
@pytest.mark.parametrize("broken", ["before", "after"])
def test_a_bundle_that_does_not_compile_keeps_no_other_from_being_compared(
    broken: str, format: str, tmp_path: Path
) -> None:
    slip = edited(SPEC, "node_type: speech.vad", "node_type: speech.wad")
    sides = {"before": base(), "after": base(), broken: slip}
    sides = {side: _with_a_second_bundle(files) for side, files in sides.items()}
    for files in sides.values():
        files[SECOND_SPEC] = _with_a_second_bundle(base())[SECOND_SPEC]
    sides["after"][SECOND_SPEC] = sides["after"][SECOND_SPEC].replace("rate_hz: 16000", "rate_hz: 8000")
    for side, files in sides.items():
        make(tmp_path / side, files)
    done = rsppc_here(tmp_path / "after", "breaking", "--against", "../before", "--format", format)
    where = " of `../before`" if broken == "before" else ""
    said = f"`support_bundle/v1`{where} does not compile, so that nothing can be compared\n"
    assert done.returncode == 1 and done.stderr.decode() == f"rsppc: {said}"
    told = done.stdout.decode()
    assert "speech.wad" in told and f"{'../before/' if where else ''}{SPEC}" in told
    assert "narrower-input" in told or "RSP9721" in told
    if format == "markdown":
        assert told.startswith(said)
    if format == "text":
        assert "bundle second_bundle v1 → v1: " in told and "bundle support_bundle" not in told
    next_one = rsppc_here(tmp_path / "after", "breaking", "--against", "../before", "--next-version")
    assert next_one.returncode == 1 and next_one.stderr.decode() == f"rsppc: {said}"
    second = rsppc_here(tmp_path / "after", "breaking", "second_bundle/v1", "--against", "../before", "--next-version")
    assert second.stdout == b"v2\n"


def test_what_cannot_be_read_is_not_gone(tmp_path: Path) -> None:
    make(tmp_path / "before", _with_a_second_bundle(base()))
    half = "nodes: {id: [\n"
    make(tmp_path / "after", {**_with_a_second_bundle(base()), SECOND_BUNDLE: half, MODULE: half})
    done = rsppc_here(tmp_path / "after", "breaking", "--against", "../before")
    assert done.returncode == 1 and b"removed-artifact" not in done.stdout
    assert b"bundle support_bundle v1 \xe2\x86\x92 v1: nothing changed" in done.stdout
    assert [line.split(", ")[0] for line in done.stderr.decode().splitlines()] == [
        "rsppc: `second_bundle/v1` cannot be read",
        "rsppc: `own_hearing/v1` cannot be read",
    ]
    lines = base()[MODULE].splitlines(keepends=True)
    make(tmp_path / "after", {SECOND_BUNDLE: _with_a_second_bundle(base())[SECOND_BUNDLE]})
    make(tmp_path / "after", {MODULE: "".join(lines).replace("exposes:\n", "exposes: [\n", 1)})
    done = rsppc_here(tmp_path / "after", "breaking", "--against", "../before")
    assert done.returncode == 1 and b"removed-" not in done.stdout
    assert b"rsppc: `own_hearing/v1` cannot be read" in done.stderr


def test_a_waiver_of_what_could_not_be_compared_is_not_unused(tmp_path: Path) -> None:
    make(tmp_path / "before", base())
    slip = edited(SPEC, "node_type: speech.vad", "node_type: speech.wad")
    make(tmp_path / "after", {**slip, "waivers.yaml": _waivers(before=None, after=None)})
    done = rsppc_here(tmp_path / "after", "breaking", "--against", "../before", "--level", "budget", *NOW)
    assert done.returncode == 1 and b"waiver" not in done.stdout


# --- Waivers


PROMPT = edited("pipelines/assets/prompts/support.txt", "You", "We")


def _waivers(**changes: Any) -> str:
    said = {
        "code": "RSP9701",
        "subject": "support_bundle/v1",
        "owner": "voice team",
        "reason": "not published yet",
        "expires": "2026-01-01",
        **changes,
    }
    return json.dumps({"schema_version": "rspp.change.waivers.v1", "waivers": [said]})


@pytest.fixture
def digests(tmp_path: Path) -> dict[str, str]:
    make(tmp_path / "before", base())
    make(tmp_path / "after", PROMPT)
    said = rsppc_here(tmp_path / "after", "breaking", "--against", "../before", *NOW).stdout.decode()
    lines = [line.split() for line in said.splitlines() if line.startswith(("  before:", "  after:"))]
    return {key.rstrip(":"): digest for key, digest in lines}


def test_a_waiver_silences_its_finding_until_its_last_day(digests: dict[str, str], tmp_path: Path) -> None:
    after = {**PROMPT, "waivers.yaml": _waivers(**digests)}
    assert findings(tmp_path / "held", after) == []
    assert (
        findings(tmp_path / "named", {**after, "waivers.yaml": _waivers(**digests, code="changed-under-version")}) == []
    )
    late = {**after, "waivers.yaml": _waivers(**digests, expires="2025-12-31")}
    assert names(findings(tmp_path / "late", late)) == {"changed-under-version", "expired-waiver"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"code": "RSP9742"}, {"changed-under-version", "unused-waiver"}),
        ({"code": "RSP0000"}, {"changed-under-version", "unused-waiver"}),
        ({"subject": "another/v1"}, {"changed-under-version", "unused-waiver"}),
        ({"before": "sha256:" + "0" * 64}, {"changed-under-version", "waiver-of-other-change"}),
        ({"after": None}, {"changed-under-version", "waiver-of-other-change"}),
        ({"expires": "soon"}, {"changed-under-version", "malformed-name"}),
    ],
    ids=["other code", "no code", "other subject", "other change", "gone", "no date"],
)
def test_a_waiver_of_anything_else_is_a_finding_itself(
    changes: dict[str, Any], expected: set[str], digests: dict[str, str], tmp_path: Path
) -> None:
    after = {**PROMPT, "waivers.yaml": _waivers(**{**digests, **changes})}
    assert names(findings(tmp_path / "tried", after)) == expected


def test_a_second_waiver_of_one_finding_is_unused(digests: dict[str, str], tmp_path: Path) -> None:
    twice = json.loads(_waivers(**digests))
    twice["waivers"] *= 2
    assert names(findings(tmp_path / "tried", {**PROMPT, "waivers.yaml": json.dumps(twice)})) == {"unused-waiver"}


def test_a_waiver_of_what_is_no_finding_says_what_was_meant(digests: dict[str, str], tmp_path: Path) -> None:
    files = {**PROMPT, "waivers.yaml": _waivers(**digests, code="larger-buget")}
    (found,) = (one for one in findings(tmp_path / "one", files, "support_bundle/v1") if one["name"] == "unused-waiver")
    assert found["notes"] == ["no finding is called `larger-buget`: did you mean `larger-budget`?"]


def test_a_waiver_of_a_level_that_was_not_asked_is_left_alone(digests: dict[str, str], tmp_path: Path) -> None:
    files = {**PROMPT, "waivers.yaml": _waivers(**digests, code="removed-port", subject="x")}
    assert "unused-waiver" not in names(findings(tmp_path / "budget", files, "--level", "budget"))
    assert "unused-waiver" in names(findings(tmp_path / "source", files))


@pytest.mark.parametrize(
    "text", ["", "[]", "waivers: {}", "waivers: [1]", "\x00", "waivers: [{code: RSP9701}]", "a: &a [*a]"]
)
def test_whatever_stands_in_the_file_is_answered(text: str, tmp_path: Path) -> None:
    found = findings(tmp_path, {**base(), "waivers.yaml": text})
    assert found
    assert {one["primary"]["file"] for one in found} == {"waivers.yaml"}


def test_the_shape_of_waivers_names_what_is_read() -> None:
    assert [field.name for field in WAIVERS.fields] == ["schema_version", "waivers"]
