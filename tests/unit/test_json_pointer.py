"""JSON Pointers, and the paths of settings that stand for them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import rsppc
from hypothesis import given
from hypothesis import strategies as st
from rsppc.base.json_pointer import pointer_of, steps_of
from rsppc.ir.effective_path import path_of, steps_to


@given(st.lists(st.text(alphabet="ab~/01.-> "), max_size=5).map(tuple))
def test_a_pointer_leads_where_it_was_made(steps: tuple[str, ...]) -> None:
    assert steps_of(pointer_of(steps)) == steps


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("nodes", "/effective_nodes"),
        ("nodes.llm.config.language", "/effective_nodes/llm/config/language"),
        ("nodes.hear/stt.config.language", "/effective_nodes/hear~1stt/config/language"),
        ("edges.tts.audio->speaker.audio.buffer", "/effective_edges/tts.audio->speaker.audio/buffer"),
        ("edges.a.x -> h/b.y", "/effective_edges/a.x->h~1b.y"),
        ("edges.unknown", "/effective_edges/unknown"),
        ("budgets.turn_budget_ms", "/budgets/turn_budget_ms"),
    ],
)
def test_paths_of_settings(path: str, pointer: str) -> None:
    assert pointer_of(steps_to(path)) == pointer
    assert path_of(steps_of(pointer)) == path.replace(" ", "")


def test_nobody_else_writes_or_reads_the_escapes_of_a_pointer() -> None:
    """One place, so that a key with a slash is the same key wherever somebody points at it."""
    top = Path(rsppc.__file__).parent
    escapes = re.compile(r"""(["'])~[01]\1""")
    found = {path.relative_to(top).as_posix() for path in top.rglob("*.py") if escapes.search(path.read_text("utf-8"))}
    assert found - {"store/manifest.py"} == {"base/json_pointer.py"}
