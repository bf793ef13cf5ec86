"""What holds of every difference: none to itself, the same both ways, and each changed leaf once."""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from rsppc.changes.compare import Comparison, compared
from rsppc.changes.leaves import ABSENT, ORDER, Leaf, changed_leaves, same
from rsppc.changes.side import Side
from rsppc.cli.session import Options
from rsppc.cli.sides import Sources, compiled, only_entry
from rsppc.diagnostics import DiagnosticSink
from rsppc.driver import open_workspace
from rsppc.workspace import Workspace
from workspaces import make

_SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "(absent)"])
_KEYS = st.sampled_from(["a", "b", "from", "policy", "rule", "text", "tree", "/~"])
VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4), max_leaves=14
)
DOCUMENTS = st.dictionaries(_KEYS, VALUES, max_size=4)


@given(DOCUMENTS)
def test_nothing_differs_from_itself(value: dict[str, Any]) -> None:
    assert changed_leaves(value, json.loads(json.dumps(value))) == ()


@given(DOCUMENTS, DOCUMENTS)
def test_the_way_back_has_the_same_leaves(before: dict[str, Any], after: dict[str, Any]) -> None:
    there, back = changed_leaves(before, after), changed_leaves(after, before)
    assert [(leaf.path, leaf.before, leaf.after) for leaf in there] == [
        (leaf.path, leaf.after, leaf.before) for leaf in back
    ]
    assert bool(there) == (not same(before, after))


@given(DOCUMENTS, DOCUMENTS)
def test_every_leaf_that_differs_lies_below_one_change_and_no_other_does(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    found = [leaf for leaf in changed_leaves(before, after) if leaf.path[-1:] != (ORDER,)]
    assert len({leaf.path for leaf in found}) == len(found)
    for key in ("before", "after"):
        told = [getattr(leaf, f"{key}_pointer") for leaf in found if getattr(leaf, key) is not ABSENT]
        # A change never lies inside of another one.
        assert not [(one, two) for one in told for two in told if two.startswith(f"{one}/")]
    for leaf in found:
        assert leaf.before is ABSENT or leaf.after is ABSENT or not same(leaf.before, leaf.after)


@given(st.lists(st.sampled_from("abcdef"), unique=True), st.permutations("abcdef"))
def test_rules_are_known_by_their_names(names: list[str], order: list[str]) -> None:
    kept = [name for name in order if name in names]
    sides: tuple[Any, Any] = tuple(
        {"rules": [{"policy": "p/v1", "rule": name, "use": [name]} for name in some]} for some in (names, kept)
    )
    found = changed_leaves(*sides)
    moved = [Leaf(path=("rules", ORDER), before=_named(names), after=_named(kept)).path] if names != kept else []
    assert [leaf.path for leaf in found] == moved


def _named(names: list[str]) -> list[str]:
    return [f"p/v1/{name}" for name in names]


# --- Of compiled bundles

BASE = Path(__file__).parents[2] / "golden/diff/reviewed_change/input/before"
EDITS = (
    ("pipelines/policies/kiosk_v1.yaml", "silence_ms: 300", "silence_ms: 500"),
    ("pipelines/policies/kiosk_v1.yaml", "scope: environment\n", 'scope: environment\nwhen: environment == "hall"\n'),
    ("pipelines/policies/support_policy_v1.yaml", "id: german", "id: swiss"),
    ("pipelines/policies/support_policy_v1.yaml", "use: [stt-one]", "use: [stt-two, stt-one]"),
    ("pipelines/policies/support_policy_v1.yaml", ">= 800", ">= 700"),
    ("pipelines/profiles/house_v1.yaml", "max_queue_ms: 300", "max_queue_ms: 310"),
    ("pipelines/profiles/house_v1.yaml", "cancel_grace_ms: 75", "cancel_grace_ms: 70"),
    ("pipelines/modules/hearing_v1.yaml", "text.normalizer", "text.normalizer, config: {lower_case: true}"),
    ("pipelines/extensions/measured_v1.yaml", "p95_ms: 180", "p95_ms: 170"),
    ("pipelines/specs/support_v1.yaml", "rate_hz: 16000", "rate_hz: 8000"),
    ("pipelines/specs/support_v1.yaml", "node_type: speech.tts", "node_type: speech.tts, config: {voice: nova}"),
    ("pipelines/assets/prompts/support.txt", "You", "We"),
)


@cache
def side(edits: frozenset[int]) -> Side:
    """The base with some edits."""
    files = {path.relative_to(BASE).as_posix(): path.read_text("utf-8") for path in BASE.rglob("*") if path.is_file()}
    for number in edits:
        path, old, new = EDITS[number]
        assert old in files[path], old
        files[path] = files[path].replace(old, new, 1)
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), files)
        sink = DiagnosticSink()
        sources = Sources(name="side", artifacts=open_workspace(Workspace(root=folder), sink))
        return compiled(sources, only_entry(sources), Options(format="text", reports=(), strict=False, color=None))


CHOSEN = st.frozensets(st.integers(0, len(EDITS) - 1), max_size=3)


@settings(max_examples=40, deadline=None)
@given(CHOSEN, CHOSEN)
def test_bundles_differ_alike_both_ways_and_each_change_has_one_cause(
    first: frozenset[int], second: frozenset[int]
) -> None:
    before, after = side(first), side(second)
    there, back = compared(before, after), compared(after, before)
    assert bool(there.groups) == (first != second)
    assert _told(there) == {(path, right, left) for path, left, right in _told(back)}
    paths = [change.path for group in there.groups for change in group.changes]
    assert len(set(paths)) == len(paths) == len(changed_leaves(before.value(), after.value()))
    # The causes are the same, too: what belongs together one way belongs together the other way.
    assert _partition(there) == _partition(back)
    assert all(group.cause.kind != "unexplained" for group in there.groups)


def _told(found: Comparison) -> set[tuple[Any, ...]]:
    return {
        (change.path, _key(change.before), _key(change.after)) for group in found.groups for change in group.changes
    }


def _key(value: Any) -> str:
    return "absent" if value is ABSENT else json.dumps(value, sort_keys=True)


def _partition(found: Comparison) -> set[tuple[str, frozenset[tuple[str, ...]]]]:
    return {(group.cause.kind, frozenset(change.path for change in group.changes)) for group in found.groups}
