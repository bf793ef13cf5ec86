"""Paths of settings: `nodes.llm.config.language`, `edges.mic.audio->vad.audio.buffer.strategy`, `budgets.FIELD`.

`FROM->TO` with its dots is one step; `*` in a pattern stands for one step. One syntax serves `set`, `overridable`,
`forbid`, the settings of modules, and `rsppc why`.
"""

from __future__ import annotations

import re
from typing import NewType

Steps = NewType("Steps", tuple[str, ...])

_NODE = r"[a-z][a-z0-9_]*(?:/[a-z][a-z0-9_]*)*"
_END = rf"{_NODE}(?:\.[a-z][a-z0-9_]*)?"
_FIELD = r"(?:[a-z][a-z0-9_]*|\*)"
_LANE = r"(?:DataLane\.(?:additive|replaceable|\*)|ControlLane|TelemetryLane|\*)"
_PATH = re.compile(
    rf"""
    nodes \. (?P<node>{_NODE}|\*) \. (?P<of_node>config\.{_FIELD}|budget_ms|provider|\*)
  | edges \. (?P<edge>{_END}\s*->\s*{_END}|\*)
    \. (?P<of_edge>buffer\.{_FIELD}|type|delivery|at_most_once|pre_roll_ms|\*)
  | budgets \. (?P<budget>{_FIELD})
  | buffers \. (?P<lane>{_LANE}) \. (?P<of_lane>{_FIELD})
    """,
    re.VERBOSE,
)


def parse_steps(text: str) -> Steps | None:
    """The steps of a path, or None where the text is none."""
    found = _PATH.fullmatch(text)
    if found is None:
        return None
    if found["node"]:
        return Steps(("nodes", found["node"], *found["of_node"].split(".")))
    if found["edge"]:
        return Steps(("edges", re.sub(r"\s+", "", found["edge"]), *found["of_edge"].split(".")))
    if found["budget"]:
        return Steps(("budgets", found["budget"]))
    return Steps(("buffers", *found["lane"].split("."), found["of_lane"]))


def print_steps(steps: Steps) -> str:
    """Inverse of `parse_steps`, without blanks."""
    return ".".join(steps)


def matches(pattern: Steps, steps: Steps) -> bool:
    """Whether a path fits a pattern; a pattern that is shorter than the path covers everything below it."""
    if len(pattern) > len(steps):
        return False
    return all(wanted in ("*", step) for wanted, step in zip(pattern, steps, strict=False))
