"""Recordings for tests: made by the simulator, changed value by value, and read again."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from rsppc.base.canonical_json import canonical
from rsppc.diagnostics import Diagnostic
from rsppc.replay.compare import compared, other_session
from rsppc.replay.divergence import Divergence
from rsppc.replay.recording import Recording
from simulated import Ran

Route = tuple[str | int, ...]


@cache
def recorded(scenario: str = "barge_in", turns: int = 3, seed: int = 7, name: str = "simple_bundle/v1") -> bytes:
    """A recording of the reference bundle."""
    ran = Ran(name, turns=turns, seed=seed, scenario=scenario)
    ran.outcome()
    return ran.timeline()


def lines_of(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.splitlines()]


def written(lines: list[dict[str, Any]]) -> bytes:
    return b"".join(canonical(line) + b"\n" for line in lines)


def read(data: bytes, path: str = "r.jsonl") -> Recording:
    """A recording, read to its end."""
    recording = Recording(path, io.BytesIO(data).readline)
    for _ in recording.turns():
        pass
    return recording


def findings(data: bytes) -> tuple[Diagnostic, ...]:
    return read(data).findings.placed()


def names(data: bytes) -> list[str]:
    return [found.name for found in findings(data)]


def differences(first: bytes, second: bytes, *, tolerance_ms: int = 0) -> list[Divergence]:
    one, other = (Recording(path, io.BytesIO(data).readline) for path, data in (("a", first), ("b", second)))
    return list(compared(one, other, tolerance_ms=tolerance_ms))


def is_other_session(first: bytes, second: bytes) -> bool:
    one, other = (Recording("r", io.BytesIO(data).readline) for data in (first, second))
    return other_session(one, other)


def leaves(value: Any, route: Route = ()) -> Iterator[Route]:
    """Where plain values stand, and empty containers."""
    if isinstance(value, dict) and value:
        for key, one in value.items():
            yield from leaves(one, (*route, key))
    elif isinstance(value, list) and value:
        for index, one in enumerate(value):
            yield from leaves(one, (*route, index))
    else:
        yield route


def at(value: Any, route: Route) -> Any:
    for step in route:
        value = value[step]
    return value


def changed(lines: list[dict[str, Any]], number: int, route: Route, new: Any) -> bytes:
    """The recording with another value at a place of a line."""
    lines = [*lines[:number], copy.deepcopy(lines[number]), *lines[number + 1 :]]
    at(lines[number], route[:-1])[route[-1]] = new
    return written(lines)


def without(lines: list[dict[str, Any]], number: int, route: Route) -> bytes:
    """The recording without a value of a line."""
    lines = [*lines[:number], copy.deepcopy(lines[number]), *lines[number + 1 :]]
    del at(lines[number], route[:-1])[route[-1]]
    return written(lines)
