"""Conditions as artifacts carry them, read back: canonical text and checked tree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rsppc.conditions.check import Condition
from rsppc.conditions.environment import Environment

__all__ = ["read_condition"]


def read_condition(carried: Mapping[str, Any], environment: Environment) -> Condition:
    """The condition in an artifact, whose digest has been checked: what it says was checked when it was compiled."""
    declared = {known.name for known in environment.declarations}
    names = sorted(declared.intersection(_names(carried["tree"])))
    return Condition(text=carried["text"], tree=carried["tree"], names=tuple(names), environment=environment)


def _names(tree: Any) -> Iterator[str]:
    """All names in a tree, those of loop variables included."""
    waiting = [tree]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if isinstance(part.get("name"), str):
                yield part["name"]
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)
