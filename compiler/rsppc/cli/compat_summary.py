"""What `rsppc compat check` prints for people: the matrix, what is on its way out, and what was asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from rsppc.compat.deprecation import next_step, state_at, window_of
from rsppc.compat.matrix import PARTS, Cell, Matrix, Version, answer, cell_of, is_whole, matrix_of, shown
from rsppc.evidence.envelope import Checked
from rsppc.evidence.moment import moment_text
from rsppc.lowering.artifacts import Artifact
from rsppc.syntax.document import Mapping

_STEPS = {"warning": "a warning", "enforce": "an error", "remove": "gone"}


def policies_lines(policies: Sequence[Artifact], now: datetime) -> Iterator[str]:
    """Each policy: its matrix per schema, its deprecations at a point in time, its conformance profiles."""
    for policy in policies:
        yield from _policy(policy, now)


def _policy(policy: Artifact, now: datetime) -> Iterator[str]:
    yield f"{policy.ref}{'  shipped' if policy.shipped else ''}"
    yield from _matrix(policy.root)
    deprecations = policy.root.get("deprecations") or ()
    if deprecations:
        yield f"  deprecations at {moment_text(now)}"
        yield from (f"    {line}" for line in _columns([_deprecation(one, now) for one in deprecations]))
    for profile in policy.root.get("conformance_profiles") or ():
        mandatory = profile.get("mandatory") or ()
        yield f"  conformance {profile.get('profile_id')}: {', '.join(mandatory)}"


def _matrix(root: Mapping) -> Iterator[str]:
    matrix, cells = matrix_of(root), _spoken_of(root)
    for schema in sorted({one.schema for one in cells}):
        of_schema = [one for one in cells if one.schema == schema]
        runtimes, control_planes = (sorted({getattr(one, part) for one in of_schema}) for part in PARTS[:2])
        yield f"  schema {shown(schema)}: rows are runtimes, columns are control planes"
        rows = [["", *(shown(one) for one in control_planes)]]
        rows += [[shown(one), *_row(one, control_planes, schema, matrix)] for one in runtimes]
        yield from (f"    {line}" for line in _columns(rows))


def _row(runtime: Version, control_planes: Sequence[Version], schema: Version, matrix: Matrix) -> list[str]:
    cells = (Cell(runtime=runtime, control_plane=one, schema=schema) for one in control_planes)
    return [answer(matrix, cell).state for cell in cells]


def _spoken_of(root: Mapping) -> set[Cell]:
    """All combinations that stand somewhere in a policy."""
    lists = (root.get("allowed_cells"), root.get("matrix_tests"))
    return {cell_of(one) for items in lists for one in items or () if is_whole(one)}


def _deprecation(deprecation: Mapping, now: datetime) -> list[str]:
    window = window_of(deprecation)
    if window is None:
        return ["unsound", "", str(deprecation.get("feature", ""))]
    coming = next_step(window, now)
    left = "" if coming is None else f"{_STEPS[coming.step]} in {coming.days_left} day{'s'[: coming.days_left != 1]}"
    return [state_at(window, now), left, str(deprecation.get("feature", ""))]


def check_lines(checks: Sequence[Checked]) -> Iterator[str]:
    """What was asked, with the answers."""
    rows = [
        [one.status.replace("_", " "), one.check, one.message if one.status == "not_run" else one.subject]
        for one in checks
    ]
    yield from _columns(rows)


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as text, each column as wide as it must be."""
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
