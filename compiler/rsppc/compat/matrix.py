"""Whether a runtime, a control plane and a schema go together: yes only where a policy says so.

A combination that nobody declared is refused. That it is probably fine is what everybody believes of the combination
that stops the calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from rsppc.base.names import version_key
from rsppc.base.record import Record

PARTS = ("runtime", "control_plane", "schema")

Version = tuple[int, int, int]


class Cell(Record):
    """One combination, by versions as they compare: `v1` and `v1.0` are one."""

    runtime: Version
    control_plane: Version
    schema: Version


class Matrix(Record):
    """The combinations of a policy: which are allowed, and which its tests expect to be refused."""

    allowed: frozenset[Cell]
    refused: frozenset[Cell]


class Answer(Record):
    """Whether a combination may run, and why."""

    state: Literal["allowed", "refused", "undeclared"]
    reason: str

    @property
    def allowed(self) -> bool:
        return self.state == "allowed"


def cell_of(written: Mapping[str, Any]) -> Cell:
    """The combination that an item of `allowed_cells` or of `matrix_tests` speaks of."""
    runtime, control_plane, schema = (version_key(written[part]) for part in PARTS)
    return Cell(runtime=runtime, control_plane=control_plane, schema=schema)


def is_whole(written: Mapping[str, Any]) -> bool:
    """Whether an item names all three versions; what it lacks has been reported otherwise."""
    return written.keys() >= set(PARTS)


def matrix_of(policy: Mapping[str, Any]) -> Matrix:
    """The matrix that a policy declares."""
    cells = [cell_of(one) for one in policy.get("allowed_cells") or () if is_whole(one)]
    tests = [one for one in policy.get("matrix_tests") or () if is_whole(one)]
    refused = [cell_of(one) for one in tests if one.get("allowed") is False]
    return Matrix(allowed=frozenset(cells), refused=frozenset(refused))


def answer(matrix: Matrix, cell: Cell) -> Answer:
    """Whether the policy lets a combination run."""
    if cell in matrix.allowed:
        return Answer(state="allowed", reason="the combination is declared")
    if cell in matrix.refused:
        return Answer(state="refused", reason="the combination is tested as one that is refused")
    return Answer(state="undeclared", reason="nobody declared the combination")


def shown(version: Version) -> str:
    """A version in its shortest form."""
    major, minor, patch = version
    return f"v{major}.{minor}.{patch}" if patch else f"v{major}.{minor}" if minor else f"v{major}"
