"""`rsppc diff` on changes as they come in reviews: which source is named, where, and what class the change has."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from rsppc.changes.leaves import changed_leaves
from rsppc.changes.renames import NAME, without_renames
from workspaces import make, rsppc_here

BASE = Path(__file__).parents[2] / "golden/diff/reviewed_change/input/before"
SPEC = "pipelines/specs/support_v1.yaml"
POLICY = "pipelines/policies/support_policy_v1.yaml"
KIOSK = "pipelines/policies/kiosk_v1.yaml"
GOLD = "pipelines/policies/gold_v1.yaml"
PROFILE = "pipelines/profiles/house_v1.yaml"
MODULE = "pipelines/modules/hearing_v1.yaml"
FIGURES = "pipelines/extensions/measured_v1.yaml"
BUNDLE = "pipelines/bundles/support_bundle_v1.yaml"
PROMPT = "pipelines/assets/prompts/support.txt"

Files = dict[str, str]


def base() -> Files:
    return {path.relative_to(BASE).as_posix(): path.read_text("utf-8") for path in BASE.rglob("*") if path.is_file()}


def edit(path: str, old: str, new: str) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        assert old in files[path]
        files[path] = files[path].replace(old, new)

    return change


def together(*changes: Callable[[Files], None]) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        for one in changes:
            one(files)

    return change


def upgrade(files: Files) -> None:
    text = files.pop(PROFILE).replace("version: v1\n", "version: v2\n").replace("_ms: 300", "_ms: 350")
    files[PROFILE.replace("_v1", "_v2")] = text
    for path in (SPEC, BUNDLE):
        files[path] = files[path].replace("house/v1", "house/v2")


LOUDER = "  - {node_id: loud, node_type: audio.resample, config: {rate_hz: 16000}}\n"
LOUD_EDGES = "  - {from: tts.audio, to: loud.audio}\n  - {from: loud.audio, to: speaker.audio}\n"
WORDING = """\
  - id: wording
    insert: {node_id: wording, node_type: text.normalizer}
    between: {from: sentences.text, to: tts.text}
"""
WORDED = "rule `wording` of the policy `support_policy`"
NO_WORDING = edit(POLICY, WORDING, "")
RENAMED = together(edit(SPEC, "sentences", "pieces"), edit(POLICY, "sentences", "pieces"))
BUFFER = "{max_queue_items: 16, max_queue_ms: 2"

CHANGES: dict[str, tuple[Callable[[Files], None], str, str, str, str]] = {
    # the change: what is done; the sentence; where; a value that changed, and its class
    "provider": (
        edit(POLICY, "llm, use: [llm-big]", "llm, use: [llm-small]"),
        "rule `any_llm` of the policy `support_policy/v1` says something else",
        f"{POLICY}:12:",
        "nodes.llm.provider",
        "quality",
    ),
    "sample rate": (
        edit(SPEC, "rate_hz: 16000", "rate_hz: 8000"),
        "the spec says something else of `nodes.mic`",
        f"{SPEC}:9:86",
        "nodes.mic.config.rate_hz",
        "wire",
    ),
    "default of the profile": (
        edit(PROFILE, "max_queue_ms: 300", "max_queue_ms: 310"),
        "the profile `house/v1` has another default",
        f"{PROFILE}:16:",
        "default_buffer.max_queue_ms",
        "latency",
    ),
    "layer": (
        edit(KIOSK, "silence_ms: 300", "silence_ms: 250"),
        "the environment layer `kiosk/v1` says something else",
        f"{KIOSK}:6:",
        "nodes.endpoint.config.silence_ms",
        "latency",
    ),
    "layer that is gone": (
        edit(BUNDLE, "kiosk/v1, ", ""),
        "the environment layer `kiosk/v1` no longer decides",
        f"{KIOSK}:6:",
        "budgets.turn_budget_ms",
        "latency",
    ),
    "condition of a layer": (
        edit(GOLD, 'when: tenant.id == "gold"', 'when: tenant.id == "platinum"'),
        "the tenant layer `gold/v1` says something else",
        f"{GOLD}:",
        "layers.tenant.gold/v1.when",
        "policy",
    ),
    "upgrade of the profile": (
        upgrade,
        "the profile `house/v1` gives way to `house/v2`",
        "",
        "execution_profile",
        "latency",
    ),
    "inside a module": (
        edit(MODULE, "speech.stt}", "speech.stt, config: {model: big}}"),
        "the module `hearing/v1` decides now",
        f"{MODULE}:10:59",
        "nodes.hear/stt.config.model",
        "quality",
    ),
    "retry": (
        edit(POLICY, "backoff_ms: 20", "backoff_ms: 10"),
        "rule `german` of the policy `support_policy/v1` says something else",
        f"{POLICY}:6:9",
        "rules.provider.support_policy/v1/german.retry.backoff_ms",
        "policy",
    ),
    "node inserted": (
        together(
            edit(SPEC, "  - {node_id: speaker", LOUDER + "  - {node_id: speaker"),
            edit(SPEC, "  - {from: tts.audio, to: speaker.audio}\n", LOUD_EDGES),
        ),
        "the spec changes the graph: 2 edges added, 1 edge removed, 1 node added",
        f"{SPEC}:20:",
        "nodes.loud.node_type",
        "quality",
    ),
    "edge by hand": (
        edit(SPEC, f"{BUFFER}00}}", f"{BUFFER}50}}"),
        "the spec says something else of `edges.sentences.text->wording.text`",
        f"{SPEC}:27:",
        "edges.sentences.text->wording.text.buffer.max_queue_ms",
        "latency",
    ),
    "node with another name": (
        RENAMED,
        "the spec changes the graph: 1 node renamed",
        f"{SPEC}:18:",
        "nodes.pieces.(name)",
        "wire",
    ),
    "rule that inserts is gone": (
        NO_WORDING,
        f"{WORDED} changes the graph: 1 edge added, 2 edges removed, 1 node removed",
        f"{POLICY}:22:",
        "edges.sentences.text->tts.text.from",
        "wire",
    ),
    "figures of a provider": (
        edit(FIGURES, "p95_ms: 550", "p95_ms: 560"),
        "the manifest `measured/v1` has other figures",
        "",
        "analysis.latency.e2e.p95_ms",
        "latency",
    ),
    "file": (
        edit(PROMPT, "You", "We"),
        "the file `prompts/support.txt` says something else",
        "",
        "assets.prompts/support.txt",
        "quality",
    ),
}


def told(folder: Path, change: Callable[[Files], None]) -> tuple[dict[str, Any], str]:
    """The difference that a change makes, as a document and as text."""
    files = base()
    make(folder / "before", files)
    change(files)
    make(folder / "after", files)
    found = rsppc_here(folder, "diff", "before", "after", "--format", "json")
    said = rsppc_here(folder, "diff", "before", "after")
    assert (found.stderr, found.returncode, said.returncode) == (b"", 1, 1), found.stdout
    return json.loads(found.stdout), said.stdout.decode()


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_told_by_its_cause(name: str, tmp_path: Path) -> None:
    change, sentence, place, path, impact = CHANGES[name]
    found, said = told(tmp_path, change)
    first = found["causes"][0]
    assert first["text"] == sentence
    assert [one["impact"] for one in first["changes"] if one["path"] == path] == [impact]
    (line,) = (line for line in said.splitlines() if line.startswith(sentence))
    assert line.removeprefix(sentence).strip(" ()").startswith(place)
    # Nothing else was done, so that nothing else is a cause.
    assert {one["kind"] for one in found["causes"][1:]} <= {"follows", "sources"}


def test_comments_are_no_difference(tmp_path: Path) -> None:
    files = base()
    make(tmp_path / "before", files)
    make(tmp_path / "after", {path: f"# new\n{text}" for path, text in files.items() if path != PROMPT})
    make(tmp_path / "after", {PROMPT: files[PROMPT]})
    assert rsppc_here(tmp_path, "diff", "before", "after").stdout == b"before \xe2\x86\x92 after: nothing differs\n"


def test_a_name_alone_is_one_difference(tmp_path: Path) -> None:
    """A node under another name is one change of class wire, and no change of any time."""
    found, said = told(tmp_path, RENAMED)
    assert set(found["impact"]) <= {"wire", "policy"}
    assert "wire    = node pieces  was called sentences\n" in said


@pytest.mark.parametrize(
    "beside",
    [
        edit(SPEC, "text.segmenter}", "text.segmenter, config: {min_partial_chars: 30}}"),
        edit(SPEC, "buffer: {max_queue_items: 16", "buffer: {max_queue_items: 15"),
    ],
    ids=["the node", "an edge"],
)
def test_a_node_that_is_not_quite_the_same_is_another_one(beside: Callable[[Files], None], tmp_path: Path) -> None:
    found, _ = told(tmp_path, together(RENAMED, beside))
    assert "1 node added, 1 node removed" in found["causes"][0]["text"]


def _graph(nodes: str, edges: str) -> dict[str, Any]:
    """A ResolvedSpec as far as names go: `name:type` of nodes, `a.x->b.y` of edges."""
    named = dict(one.split(":") for one in nodes.split())
    ends = {edge: dict(zip(("from", "to"), edge.split("->"), strict=True)) for edge in edges.split()}
    return {"effective_nodes": {name: {"node_type": kind} for name, kind in named.items()}, "effective_edges": ends}


@pytest.mark.parametrize(
    ("before", "after", "renamed"),
    [
        (("a:x b:y", "a.o->b.i"), ("a:x c:y", "a.o->c.i"), {"c"}),
        (("a:x h/a:y", "a.o->h/a.i"), ("b:x h/a:y", "b.o->h/a.i"), {"b"}),
        (("h/a:x h/b:y", "h/a.o->h/b.i"), ("k/a:x k/b:y", "k/a.o->k/b.i"), {"k/a", "k/b"}),
        (("a:x b:x c:z", "a.o->c.i"), ("d:x e:x c:z", "d.o->c.i"), set()),  # which of two became which, nobody can say
        (("a:x b:y", "a.o->b.i"), ("a:x c:y", "c.o->a.i"), set()),  # the other way round
        (("a:x b:y", "a.o->b.i"), ("a:x c:y", ""), set()),
        (("a:x b:y", "a.o->b.i"), ("a:x c:z", "a.o->c.i"), set()),
    ],
)
def test_who_has_another_name(before: tuple[str, str], after: tuple[str, str], renamed: set[str]) -> None:
    leaves = changed_leaves(_graph(*before), _graph(*after))
    found = without_renames(leaves)
    assert {leaf.path[1] for leaf in found if leaf.path[-1] == NAME} == renamed
    assert set(found) == set(leaves) if not renamed else all(leaf.path[-1] == NAME for leaf in found)


def test_a_default_is_no_consequence_of_a_graph_that_changed_as_well(tmp_path: Path) -> None:
    """The queue beside a node that a rule would insert has another default, and stands somewhere else as well."""
    found, _ = told(tmp_path, together(NO_WORDING, edit(PROFILE, "max_queue_ms: 300", "max_queue_ms: 310")))
    causes = {change["path"]: cause["kind"] for cause in found["causes"] for change in cause["changes"]}
    queue = "rules.insert.support_policy/v1/privacy.out_of.buffer.max_queue_ms"
    assert causes[queue] == "profile"
    assert causes["rules.insert.support_policy/v1/privacy.out_of.to"] == "graph"


def test_long_graphs_are_cut(tmp_path: Path) -> None:
    count = 20
    more = "".join(f"  - {{node_id: talk_{number}, node_type: text.normalizer}}\n" for number in range(count))
    chain = [f"talk_{number}.text" for number in range(count)]
    edges = "".join(f"  - {{from: {one}, to: {other}}}\n" for one, other in pairwise(["hear.text", *chain]))
    change = together(
        edit(SPEC, "  - {node_id: speaker", f"{more}  - {{node_id: speaker"),
        edit(SPEC, "  - {from: hear.text", f"{edges}  - {{from: {chain[-1]}"),
        edit(PROFILE, "path_budget_ms: 1800", "path_budget_ms: 9800"),
        edit(PROFILE, "turn_budget_ms: 2000", "turn_budget_ms: 9000"),
        edit(KIOSK, "turn_budget_ms: 1900", "turn_budget_ms: 8900"),
    )
    _, said = told(tmp_path, change)
    assert "+ node talk_0  text.normalizer" in said and "more; `--all` shows them" in said
