"""Paths of settings in a ResolvedSpec: `nodes.llm.config.language` stands at `/effective_nodes/llm/config/language`."""

from __future__ import annotations

import re

SECTIONS = {"nodes": "effective_nodes", "edges": "effective_edges"}
"""Sections that a path calls by a shorter name."""

_SHORT = {long: short for short, long in SECTIONS.items()}
_EDGE = re.compile(r"([a-z0-9_/]+\.[a-z0-9_]+)\s*->\s*([a-z0-9_/]+\.[a-z0-9_]+)(?:\.(.*))?", re.DOTALL)


def steps_to(path: str) -> tuple[str, ...]:
    """The keys that lead to a setting; names of edges have dots in them."""
    section, _, rest = path.partition(".")
    ends = _EDGE.fullmatch(rest) if section == "edges" else None
    if ends is not None:
        return (SECTIONS[section], f"{ends[1]}->{ends[2]}", *(ends[3].split(".") if ends[3] else ()))
    return (SECTIONS.get(section, section), *(rest.split(".") if rest else ()))


def short(steps: tuple[str, ...]) -> tuple[str, ...]:
    """The keys with the name by which a path calls their section."""
    return (*(_SHORT.get(step, step) for step in steps[:1]), *steps[1:])


def path_of(steps: tuple[str, ...]) -> str:
    """The path by which `set`, `forbid` and `rsppc why` know what stands there."""
    return ".".join(short(steps))
