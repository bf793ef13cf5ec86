"""`rsppc distribution check`: the load matrix of the runtime, a row at a time.

Each row changes one value of a distribution without findings, and expects one finding, at that value.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rsppc.base.canonical_json import readable
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.distribution import check as checking
from rsppc.distribution.check import check_distribution
from rsppc.distribution.check_validity import point_in_time
from rsppc.distribution.merge import Canary, merge
from rsppc.importing.replay_mode import todays_mode
from rsppc.model.distribution import SECTIONS
from workspaces import make, rsppc, rsppc_here

RECORDED = Path(__file__).parents[2] / "golden" / "identity" / "vectors.json"
VECTORS: list[dict[str, Any]] = json.loads(RECORDED.read_text("utf-8"))["vectors"]


def _built() -> dict[str, Any]:
    """What a build gives, with the one kind of setting that the small workspace does not have."""
    with tempfile.TemporaryDirectory() as folder:
        assert rsppc_here(make(Path(folder)), "build").returncode == 0
        value: dict[str, Any] = json.loads((Path(folder) / "build/line_bundle/v1/distribution.json").read_bytes())
    queue = value["policy"]["default"]["edge_buffer_policies"]["default"]
    group = {"policy": "drop_with_discontinuity", "scope": "plan_wide", "group_by": "sync_id", "sync_domain": "av"}
    queue |= {"sync_drop_policy": group, "fairness_key": "session"}
    queue.pop("max_block_time_ms")
    return value


ONE = _built()
V1 = "line_bundle/v1"
V2 = "line_bundle/v2"
EDGE = ("policy", "default", "edge_buffer_policies", "default")

Change = Callable[[dict[str, Any]], object]


def _second() -> dict[str, Any]:
    value: dict[str, Any] = json.loads(json.dumps(ONE).replace(V1, V2))
    return value


def clean() -> dict[str, Any]:
    """A distribution with two versions, a canary, tenants and retention, and no findings."""
    canary = Canary(version=V2, percentage=5, tenants=("acme",))
    value = merge({V1: ONE, V2: _second()}, V1, canary=canary, requested={"next": V2}).value
    for section in ("policy", "admission"):
        value[section]["by_tenant"] = {"acme": value[section]["default"]}
    keep = {"default_retention_ms": 1000, "pii_retention_limit_ms": 500, "max_retention_by_class_ms": {"PII": 500}}
    value["retention"] = {"default_policy": keep, "tenant_policies": {"acme": {**keep, "tenant_id": "acme"}}}
    unshared: dict[str, Any] = json.loads(json.dumps(value))
    return unshared


def findings(data: bytes | dict[str, Any], now: str | None = None) -> tuple[Diagnostic, ...]:
    sink = DiagnosticSink()
    bytes_ = data if isinstance(data, bytes) else readable(data)
    check_distribution("d.json", bytes_, sink, now=point_in_time(now) if now else None)
    return sink.sorted()


def codes(data: bytes | dict[str, Any], now: str | None = None) -> list[str]:
    return [found.name for found in findings(data, now)]


def at(value: dict[str, Any], *keys: str) -> Any:
    for key in keys:
        value = value[key]
    return value


def put(*path: Any) -> Change:
    """Write the last of some words under the others."""
    *keys, last, new = path
    return lambda value: at(value, *keys).__setitem__(last, new)


def cut(*path: str) -> Change:
    *keys, last = path
    return lambda value: at(value, *keys).pop(last)


BAD_QUEUE = (*EDGE[:2], "edge_buffer_policies", "default")
LEASE_END = ("lease", "default", "lease_expires_at_utc")

ROWS: dict[str, tuple[Change, str, str]] = {
    # what is changed, which finding, and the text at its place
    **{
        f"no {section}": (cut(section), "missing-key", "{")
        for section in ("registry", "routing_view", "policy", "provider_health", "graph_compiler", "admission", "lease")
    },
    "no schema version": (cut("schema_version"), "missing-key", "{"),
    "another schema version": (put("schema_version", "cp-snapshot-distribution/v2"), "not-a-choice", '"cp-snapshot'),
    "unknown key": (put("polices", {}), "unknown-key", '"polices"'),
    "unknown key inside": (put("policy", "default", "streaming_handoff", {}), "unknown-key", '"streaming_handoff"'),
    "unknown key for a tenant": (put("policy", "by_tenant", "acme", "more", 1), "unknown-key", '"more"'),
    "unknown key of a version": (put("lease", "by_pipeline", V2, "more", 1), "unknown-key", '"more"'),
    "section of another kind": (put("policy", []), "wrong-type", "["),
    "text for a number": (put("policy", "by_tenant", "acme", "budgets", "turn_budget_ms", "x"), "wrong-type", '"x"'),
    "percentage of 101": (put("rollout", "canary_percentage", 101), "out-of-bounds", "101"),
    "negative percentage": (put("rollout", "canary_percentage", -1), "out-of-bounds", "-1"),
    "percentage without version": (
        cut("rollout", "canary_pipeline_version"),
        "percentage-without-version",
        '"canary_percentage"',
    ),
    "profile with version": (
        put("registry", "records", V1, "execution_profile", "simple/v1"),
        "not-canonical",
        '"simple/v1"',
    ),
    "another profile": (put("registry", "records", V1, "execution_profile", "advanced"), "not-a-choice", '"advanced"'),
    "mode audit": (
        put("policy", "default", "recording_policy", "allowed_replay_modes", ["audit"]),
        "not-canonical",
        '"audit"',
    ),
    "mode regression": (
        put("policy", "default", "recording_policy", "allowed_replay_modes", ["regression"]),
        "not-canonical",
        '"regression"',
    ),
    "no replay mode": (put("policy", "default", "recording_policy", "allowed_replay_modes", []), "empty-list", "[]"),
    "mode twice": (
        put("policy", "default", "recording_policy", "allowed_replay_modes", ["replay_decisions"] * 2),
        "repeated-item",
        '"replay_decisions"',
    ),
    **{
        f"no {key} in {section}": (cut(section, "default", *inside, key), "missing-key", "{")
        for section, inside, keys in (
            (
                "policy",
                (),
                "allowed_adaptive_actions provider_bindings edge_buffer_policies flow_control recording_policy",
            ),
            ("policy", ("recording_policy",), "recording_level allowed_replay_modes"),
            ("policy", ("edge_buffer_policies", "default"), "strategy watermarks lane_handling defaulting_source"),
            ("admission", (), "outcome_kind scope reason"),
        )
        for key in keys.split()
    },
    "recording level": (put("policy", "default", "recording_policy", "recording_level", "L3"), "not-a-choice", '"L3"'),
    "defaulting source": (put(*EDGE, "defaulting_source", "profile"), "not-a-choice", '"profile"'),
    **{
        f"strategy {word}": (put(*EDGE, "strategy", word), "not-canonical", f'"{word}"')
        for word in ("drop_newest", "drop_oldest", "coalesce")
    },
    "unknown strategy": (put(*EDGE, "strategy", "spill"), "not-a-choice", '"spill"'),
    "lane drops the newest": (put(*EDGE, "lane_handling", "DataLane", "drop_newest"), "not-canonical", '"drop_newest"'),
    "control lane may not wait": (put(*EDGE, "lane_handling", "ControlLane", "block"), "not-a-choice", '"block"'),
    "unknown action": (put("policy", "default", "allowed_adaptive_actions", ["guess"]), "not-a-choice", '"guess"'),
    "action twice": (
        put("policy", "default", "allowed_adaptive_actions", ["retry", "retry"]),
        "repeated-item",
        '"retry"',
    ),
    **{
        f"no {budget}": (cut("policy", "default", "budgets", budget), "missing-key", "{")
        for budget in ("turn_budget_ms", "node_budget_ms_default", "path_budget_ms_default", "edge_budget_ms_default")
    },
    "budget of 0": (put("policy", "default", "budgets", "turn_budget_ms", 0), "out-of-bounds", "0"),
    "no budget": (put("policy", "default", "budgets", "turn_budget_ms", None), "null-value", "null"),
    "no budgets": (cut("policy", "default", "budgets"), "missing-key", "{"),
    "stale": (put("stale", True), "stale-distribution", "true"),
    **{
        f"stale {section}": (put(section, "stale", True), "stale-distribution", "true")
        for section in (*SECTIONS, "registry", "rollout", "retention")
    },
    "unknown default": (put("registry", "default_pipeline_version", "x"), "unknown-pipeline-version", '"x"'),
    "unknown default of the rollout": (
        put("rollout", "default_pipeline_version", "x"),
        "unknown-pipeline-version",
        '"x"',
    ),
    "unknown canary": (put("rollout", "canary_pipeline_version", "x"), "some-turns-suffer", '"x"'),
    "unknown requested version": (put("rollout", "by_requested_version", "next", "x"), "some-turns-suffer", '"x"'),
    "record of another version": (
        put("registry", "records", V1, "pipeline_version", V2),
        "record-of-another-version",
        f'"{V2}"',
    ),
    "graph of the default": (cut("graph_compiler", "by_pipeline", V2), "some-turns-suffer", f'"graph:{V2}'),
    "another graph": (
        put("graph_compiler", "default", "graph_definition_ref", "graph/x"),
        "graph-of-another-version",
        f'"graph:{V1}',
    ),
    **{
        f"nothing for the default in {section}": (cut(section, "default"), "no-entry-for-version", f'"{V1}"')
        for section in SECTIONS
    },
    "entry of no version": (put("lease", "by_pipeline", "x", ONE["lease"]["default"]), "entry-without-record", '"x"'),
    "no records": (put("registry", "records", {}), "empty-list", "{}"),
    "epoch not valid": (put("lease", "default", "authority_epoch_valid", False), "authority-denied", "false"),
    "not authorized": (put("lease", "default", "authority_authorized", False), "authority-denied", "false"),
    "no authority": (cut("lease", "default", "authority_authorized"), "missing-key", "{"),
    "negative epoch": (put("lease", "default", "authority_epoch", -1), "out-of-bounds", "-1"),
    "no default queue": (cut(*EDGE), "no-default-queue", '"edge_buffer_policies"'),
    "no queue": (put("policy", "default", "edge_buffer_policies", {}), "empty-list", "{}"),
    "blank edge": (put("policy", "default", "edge_buffer_policies", " ", ONE["policy"]), "blank-text", '" "'),
    "block without time": (put(*EDGE, "strategy", "block"), "block-without-time", '"block"'),
    "no watermarks": (put(*EDGE, "watermarks", {}), "empty-list", "{}"),
    "watermark without low": (cut(*EDGE, "watermarks", "queue_items", "low"), "missing-key", "{"),
    "watermarks alike": (put(*EDGE, "watermarks", "queue_items", "low", 48), "watermarks-reversed", "48"),
    "high of 0": (put(*EDGE, "watermarks", "queue_items", {"high": 0, "low": 0}), "out-of-bounds", "0"),
    "watermark of null": (put(*EDGE, "watermarks", "queue_ms", None), "null-value", "null"),
    "lane watermarks alike": (
        put("policy", "default", "flow_control", "watermarks", "DataLane", "low", 100),
        "watermarks-reversed",
        "100",
    ),
    "lane without watermarks": (
        cut("policy", "default", "flow_control", "watermarks", "DataLane"),
        "missing-key",
        "{",
    ),
    "queue of 0": (put(*EDGE, "max_queue_items", 0), "out-of-bounds", "0"),
    "queue without bound": (cut(*EDGE, "max_queue_bytes"), "missing-key", "{"),
    "blank fairness key": (put(*EDGE, "fairness_key", ""), "blank-text", '""'),
    "group without name": (
        put(*EDGE, "sync_drop_policy", {"policy": "atomic_drop", "scope": "edge_local"}),
        "incomplete-sync-drop",
        '"atomic_drop"',
    ),
    "group without domain": (cut(*EDGE, "sync_drop_policy", "sync_domain"), "incomplete-sync-drop", '"drop_with'),
    "no providers": (put("policy", "default", "provider_bindings", {}), "empty-list", "{}"),
    "blank modality": (put("policy", "default", "provider_bindings", "", "x"), "blank-text", '""'),
    "blank provider": (put("policy", "default", "provider_bindings", "stt", " "), "blank-text", '" "'),
    "negative limit": (
        put("policy", "default", "node_execution_policies", "llm", "concurrency_limit", -1),
        "out-of-bounds",
        "-1",
    ),
    "unknown outcome": (put("admission", "default", "outcome_kind", "maybe"), "not-a-choice", '"maybe"'),
    "tenant twice": (put("rollout", "tenant_allowlist", ["a", "a"]), "repeated-item", '"a"'),
    "retention of 0": (put("retention", "default_policy", "default_retention_ms", 0), "out-of-bounds", "0"),
    "retention of an unknown class": (
        put("retention", "default_policy", "max_retention_by_class_ms", "voice", 1),
        "not-a-choice",
        '"voice"',
    ),
    "retention over the limit": (
        put("retention", "default_policy", "max_retention_by_class_ms", "PII", 501),
        "retention-contradiction",
        "501",
    ),
    "retention of another tenant": (
        put("retention", "tenant_policies", "acme", "tenant_id", "b"),
        "retention-contradiction",
        '"b"',
    ),
    "tenant without budgets": (cut("policy", "by_tenant", "acme", "budgets"), "some-turns-suffer", "{"),
    "tenant of null": (put("policy", "by_tenant", "acme", None), "some-turns-suffer", "null"),
    "blank tenant": (put("policy", "by_tenant", " ", ONE["policy"]["default"]), "some-turns-suffer", '" "'),
    "version without lease": (
        put("lease", "by_pipeline", V2, "authority_authorized", False),
        "some-turns-suffer",
        "false",
    ),
    "old word for a version": (
        put("policy", "by_pipeline", V2, "edge_buffer_policies", "default", "strategy", "coalesce"),
        "some-turns-suffer",
        '"coalesce"',
    ),
}


def test_the_distribution_that_rows_change_has_no_findings() -> None:
    assert findings(clean()) == ()


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["pipeline_version"])
def test_what_the_runtime_opened_turns_from_passes(vector: dict[str, Any]) -> None:
    assert findings(json.dumps(vector["distribution"]).encode()) == ()


@pytest.mark.parametrize("row", ROWS)
def test_each_row_of_the_load_matrix_is_one_finding_at_its_place(row: str) -> None:
    change, name, text = ROWS[row]
    value = clean()
    change(value)
    found = findings(value)
    assert [one.name for one in found] == [name], [one.message() for one in found]
    assert found[0].at.source.text[found[0].at.start :].startswith(text)


@pytest.mark.parametrize("written", ["1.0", "1e3", "2000.5", "-0", "9007199254740992"])
def test_numbers_are_integers_and_a_refused_one_is_not_called_missing(written: str) -> None:
    data = readable(clean()).replace(b'"turn_budget_ms": 2000', f'"turn_budget_ms": {written}'.encode(), 1)
    found = findings(data)
    assert [one.code for one in found] in (["RSP0303"], ["RSP0306"], [found[0].code])
    assert found[0].at.text == written


@pytest.mark.parametrize(
    ("end", "now", "name"),
    [
        ("2099-01-01T00:00:00Z", "2098-12-31T23:59:59Z", None),
        ("2099-01-01T00:00:00Z", "2099-01-01T00:00:00Z", "lease-expired"),
        ("2099-01-01T00:00:00.5Z", "2099-01-01T00:00:00Z", None),
        ("2099-01-01T02:00:00+02:00", "2099-01-01T00:00:00Z", "lease-expired"),
        ("2099-02-30T00:00:00Z", "2000-01-01T00:00:00Z", "malformed-time"),
        ("2099-01-01 00:00:00", "2000-01-01T00:00:00Z", "malformed-time"),
        ("20990101T000000Z", "2000-01-01T00:00:00Z", "malformed-time"),
        ("2099-01-01T00:00:00Z\n", "2000-01-01T00:00:00Z", "malformed-time"),
        ("soon", "2000-01-01T00:00:00Z", "malformed-time"),
        ("soon", None, None),
        ("1999-01-01T00:00:00Z", None, None),
    ],
)
def test_leases_are_judged_as_of_a_time_and_not_without_one(end: str, now: str | None, name: str | None) -> None:
    value = clean()
    put(*LEASE_END, end)(value)
    found = findings(value, now)
    assert [one.name for one in found if one.name != "some-turns-suffer"] == ([name] if name else [])


def test_a_lease_that_only_a_version_has_is_a_warning() -> None:
    value = clean()
    put("lease", "by_pipeline", V2, "lease_expires_at_utc", "2001-01-01T00:00:00Z")(value)
    (found,) = findings(value, "2002-01-01T00:00:00Z")
    assert (found.name, found.severity) == ("some-turns-suffer", "warning")
    assert V2 in found.message() and "lease-expired" in " ".join(found.notes)


def test_a_canary_that_everybody_gets_makes_errors_of_warnings() -> None:
    value = clean()
    put("rollout", "canary_percentage", 100)(value)
    cut("policy", "by_pipeline", V2, "budgets")(value)
    assert codes(value) == ["missing-key"]


def test_a_canary_needs_an_entry_or_a_default_in_every_section() -> None:
    for section in SECTIONS:
        value = clean()
        cut(section, "by_pipeline", V2)(value)
        if section != "graph_compiler":
            assert codes(value) == []
        own = value[section].pop("default")
        value[section]["by_pipeline"][V1] = own
        (found,) = (one for one in findings(value) if f"`{section}` holds nothing" in one.message())
        assert (found.name, found.severity, found.at.text) == ("some-turns-suffer", "warning", f'"{V2}"')


@pytest.mark.parametrize("word", ["drop_newest", "drop_oldest", "coalesce"])
def test_a_word_of_elsewhere_comes_with_the_one_to_write_as_json(word: str) -> None:
    value = clean()
    put(*EDGE, "strategy", word)(value)
    (found,) = findings(value)
    canonical = "merge" if word == "coalesce" else "drop"
    assert found.next_step() == f"write `{canonical}`"
    assert found.fixes[0].edits[0].text == f'"{canonical}"'


def test_replay_modes_are_those_that_an_import_gives() -> None:
    for earlier, canonical in checking._CANONICAL["allowed_replay_modes"].items():
        assert todays_mode(earlier) == canonical


def test_a_slip_of_the_pen_is_one_finding_with_a_fix_that_is_json() -> None:
    value = clean()
    rollout = value["rollout"]
    rollout["canary_pipeline_versoin"] = rollout.pop("canary_pipeline_version")
    (found,) = findings(value)
    assert found.name == "unknown-key" and found.fixes[0].edits[0].text == '"canary_pipeline_version"'


def test_all_problems_of_all_files_are_told_in_one_run(tmp_path: Path) -> None:
    value = clean()
    for row in ("stale", "percentage of 101", "strategy coalesce", "no providers", "not authorized"):
        ROWS[row][0](value)
    (tmp_path / "a.json").write_bytes(readable(value))
    (tmp_path / "b").write_bytes(b'{"schema_version": 1}')
    done = rsppc_here(tmp_path, "distribution", "check", "a.json", "b", "--format", "json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert {one["name"] for one in lines if one["primary"]["file"] == "a.json"} == {
        "stale-distribution",
        "out-of-bounds",
        "not-canonical",
        "empty-list",
        "authority-denied",
    }
    assert {one["primary"]["file"] for one in lines} == {"a.json", "b"}


# --- The command ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("format", "word"), [("text", "RSP7410"), ("json", "RSP7410"), ("sarif", "RSP7410")])
def test_findings_come_in_every_format(format: str, word: str, tmp_path: Path) -> None:
    (tmp_path / "d.json").write_bytes(readable({**clean(), "stale": True}))
    done = rsppc_here(tmp_path, "distribution", "check", "d.json", "--format", format)
    assert done.returncode == 1 and word in done.stdout.decode()
    github = rsppc_here(tmp_path, "distribution", "check", "d.json", "--format", "github")
    assert github.stdout.startswith(b"::error file=d.json,line=")


def test_warnings_alone_are_no_failure_unless_strict(tmp_path: Path) -> None:
    value = clean()
    cut("policy", "by_tenant", "acme", "budgets")(value)
    (tmp_path / "d.json").write_bytes(readable(value))
    assert rsppc_here(tmp_path, "distribution", "check", "d.json").returncode == 0
    assert rsppc_here(tmp_path, "distribution", "check", "d.json", "--strict").returncode == 1


def test_standard_input_is_checked(tmp_path: Path) -> None:
    done = rsppc(tmp_path, "distribution", "check", "-", stdin=readable(clean()))
    assert (done.returncode, done.stdout) == (0, b"checked 1 file: no findings\n")


WRONG = {
    "nothing": [],
    "no such file": ["none.json"],
    "a folder": ["."],
    "standard input twice": ["-", "-"],
    "no time": ["d.json", "--now", "tomorrow"],
    "a day that there is not": ["d.json", "--now", "2026-02-30T00:00:00Z"],
    "a time without a zone": ["d.json", "--now", "2026-01-01T00:00:00"],
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_use_is_told_from_findings(name: str, tmp_path: Path) -> None:
    (tmp_path / "d.json").write_bytes(readable(clean()))
    done = rsppc_here(tmp_path, "distribution", "check", *WRONG[name])
    assert (done.returncode, done.stdout) == (2, b"") and done.stderr


HOSTILE = {
    "empty": b"",
    "blank": b" \n",
    "no mapping": b"[1]",
    "a text": b'"x"',
    "not closed": b'{"registry": {',
    "deep": b'{"policy": ' + b"[" * 100_000,
    "NUL": b'{"a": "\0"}',
    "binary": bytes(range(256)),
    "not UTF-8": b'{"a": "\xff"}',
    "wide": '{"a": 1}'.encode("utf-16"),
    "too large": b" " * (8 * 1024 * 1024 + 1),
    "huge number": b'{"canary_percentage": ' + b"9" * 10_000 + b"}",
    "same key twice": b'{"stale": false, "stale": true}',
    "override": '{"registry": "\u202e"}'.encode(),
    "odd keys": json.dumps({"__proto__": 1, "{0}": {"{x}": 1}, "%s": [], "registry": {"records": {"{}": {}}}}).encode(),
    "many keys": json.dumps({"registry": {"records": {str(one): 1 for one in range(20_000)}}}).encode(),
}


def test_a_file_in_which_every_version_is_wrong_is_refused_in_time() -> None:
    value = clean()
    record = value["registry"]["records"][V1]
    value["registry"]["records"] = {f"one/v{number}": record for number in range(1000)}
    for section in SECTIONS:
        value[section]["by_pipeline"] = {f"other/v{number}": {} for number in range(1000)}
    started = process_time()
    found = findings(value)
    assert process_time() - started < 20
    assert len(found) > 6000


def test_a_version_that_was_nearly_named_is_suggested() -> None:
    value = clean()
    put("rollout", "default_pipeline_version", "line_bundel/v1")(value)
    assert [found.next_step() for found in findings(value)] == [f"did you mean `{V1}`?"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_with_their_place(name: str, tmp_path: Path) -> None:
    (tmp_path / "d.json").write_bytes(HOSTILE[name])
    done = rsppc(tmp_path, "distribution", "check", "d.json", "--no-color")
    assert done.returncode == 1
    assert b"  d.json:" in done.stdout


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "d.json")
    assert rsppc(tmp_path, "distribution", "check", "d.json", seconds_max=20).returncode == 2


# --- Properties -------------------------------------------------------------------------------------------------------

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 200) | st.text(max_size=5) | st.sampled_from([V1, V2, "block"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a value, from the outside to the inside."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, one in inside for place in places(one, (*path, key)))][0 if path else 1 :]


PLACES = places(clean())


@settings(max_examples=150, deadline=None)
@given(changes=st.lists(st.tuples(st.sampled_from(PLACES), st.none() | ANYTHING, st.booleans()), max_size=4))
def test_no_change_of_a_distribution_makes_the_check_fail(changes: list[tuple[tuple[Any, ...], Any, bool]]) -> None:
    value = clean()
    for path, new, remove in changes:
        inner: Any = value
        try:
            for key in path[:-1]:
                inner = inner[key]
            if remove:
                del inner[path[-1]]
            else:
                inner[path[-1]] = new
        except (KeyError, IndexError, TypeError):  # an earlier change took the place away
            continue
    for found in findings(json.dumps(value).encode(), "2026-01-01T00:00:00Z"):
        assert found.message() and found.at.source.path == "d.json"
