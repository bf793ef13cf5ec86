"""What a policy says of combinations of versions, held against itself: cells, their tests, and N with N-1."""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.compat.matrix import Cell, Version, cell_of, is_whole, shown
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Related
from rsppc.syntax.document import Mapping, Sequence


class MatrixTestDisagrees(Diagnostic):
    """Cells and tests are written apart so that a slip in one of them shows. Where they disagree, nobody can say which
    combinations of versions may meet in production."""

    code = "RSP7701"
    name = "matrix-test-disagrees"
    headline = "the test expects that {combination} is {expected}, and the cells say that it is {found}"
    hint = "{advice}"
    combination: str
    expected: str
    found: str
    advice: str


class UntestedCell(Diagnostic):
    """A combination that is allowed is run by somebody one day. The test says that this was meant, and notices when
    the cell is lost."""

    code = "RSP7702"
    name = "untested-cell"
    headline = "{combination} is allowed, and no test says so"
    hint = "add `{test}` to `matrix_tests`"
    combination: str
    test: str


class UntestedSide(Diagnostic):
    """A matrix that is never asked for a refusal may allow everything, and one that is never asked for a permission may
    refuse everything. Tests of both kinds show that it tells them apart."""

    code = "RSP7703"
    name = "untested-side"
    headline = "cells are declared, and no test speaks of a combination that is {side}"
    hint = "add one to `matrix_tests`, with `allowed: {word}`"
    side: str
    word: str


class MissingSkew(Diagnostic):
    """Control planes are updated before runtimes, one after the other, while calls go on. That needs two combinations:
    N with N, and N-1 behind N. A policy without them allows an update that nobody may begin, or none may end."""

    code = "RSP7704"
    name = "missing-skew"
    headline = "N is {subject}, and no cell allows {missing}"
    hint = "add the cell, as in `{cell}`, and a test of it"
    missing: str
    cell: str


class RepeatedCell(Diagnostic):
    """`v1` and `v1.0` are one version, so that a combination may stand twice under different names. Who removes one of
    them believes to have refused it."""

    code = "RSP7705"
    name = "repeated-cell"
    headline = "`{subject}` holds {cell} twice"
    hint = "remove one of the two"
    cell: str


def check_matrix(root: Mapping, sink: DiagnosticSink) -> None:
    """Report what the matrix of a policy leaves open or contradicts."""
    cells = _by_cell(root, "allowed_cells", sink)
    tests = _by_cell(root, "matrix_tests", sink)
    for cell, test in tests.items():
        _check_test(cell, test, cells, sink)
    if not cells:
        return
    expected = {test["allowed"] for test in tests.values() if "allowed" in test}
    for side, word in (("allowed", True), ("refused", False)):
        if word not in expected:
            at = root.key_span("matrix_tests" if "matrix_tests" in root else "allowed_cells")
            sink.report(UntestedSide(at=at, side=side, word=str(word).lower()))
    if True in expected:
        _check_coverage(cells, tests, sink)
    _check_skew(root, cells, sink)


def _items(root: Mapping, key: str) -> Iterator[Mapping]:
    yield from (one for one in root.get(key) or Sequence() if is_whole(one))


def _by_cell(root: Mapping, key: str, sink: DiagnosticSink) -> dict[Cell, Mapping]:
    """The items of a list by their combination, the first of each."""
    found: dict[Cell, Mapping] = {}
    for item in _items(root, key):
        cell = cell_of(item)
        first = found.setdefault(cell, item)
        if first is not item:
            related = (Related(at=first.span(), text="the first one"),)
            sink.report(RepeatedCell(at=item.span(), subject=key, cell=named(cell), related=related))
    return found


def _check_test(cell: Cell, test: Mapping, cells: dict[Cell, Mapping], sink: DiagnosticSink) -> None:
    if "allowed" not in test or test["allowed"] == (cell in cells):
        return
    declared = cells.get(cell)
    words = ("allowed", "refused") if declared is None else ("refused", "allowed")
    advice = "add it to `allowed_cells`" if declared is None else "remove it from `allowed_cells`"
    sink.report(
        MatrixTestDisagrees(
            at=test.value_span("allowed"),
            combination=named(cell),
            expected=words[0],
            found=words[1],
            advice=f"{advice}, or correct the test",
            related=(Related(at=declared.span(), text="the cell"),) if declared is not None else (),
        )
    )


def _check_coverage(cells: dict[Cell, Mapping], tests: dict[Cell, Mapping], sink: DiagnosticSink) -> None:
    for cell, item in cells.items():
        if cell not in tests:  # a test that expects otherwise has been reported
            test = f"{_flow(item)[:-1]}, allowed: true}}"
            sink.report(UntestedCell(at=item.span(), combination=named(cell), test=test))


def _check_skew(root: Mapping, cells: dict[Cell, Mapping], sink: DiagnosticSink) -> None:
    """N is the newest control plane, since control planes are updated first."""
    newest = max(cell.control_plane for cell in cells)
    beside = {cell.runtime for cell in cells if cell.control_plane == newest}
    schema = max(cell.schema for cell in cells)
    before = _before(newest, cells)
    wanted = [("N with N: a runtime {0} with a control plane {1}", newest)]
    if before is not None:
        wanted.append(("N-1 behind N: a runtime {0} with a control plane {1}", before))
    for words, runtime in wanted:
        if runtime not in beside:
            missing = words.format(shown(runtime), shown(newest))
            cell = f"{{runtime: {shown(runtime)}, control_plane: {shown(newest)}, schema: {shown(schema)}}}"
            at = root.key_span("allowed_cells")
            sink.report(MissingSkew(at=at, subject=shown(newest), missing=missing, cell=cell))


def _before(newest: Version, cells: dict[Cell, Mapping]) -> Version | None:
    """N-1: one minor version before; before the first of a major version the newest other one that is spoken of. None
    where N is the very first release, behind which nothing can be."""
    major, minor, _ = newest
    if minor > 0:
        of_minor = [cell.runtime for cell in cells if cell.runtime[:2] == (major, minor - 1)]
        return max(of_minor, default=(major, minor - 1, 0))
    older = {cell.runtime for cell in cells} | {cell.control_plane for cell in cells}
    return max((one for one in older if one[:2] < newest[:2]), default=None)


def named(cell: Cell) -> str:
    """A combination in words."""
    runtime, control_plane, schema = shown(cell.runtime), shown(cell.control_plane), shown(cell.schema)
    return f"runtime {runtime} with control plane {control_plane} and schema {schema}"


def _flow(item: Mapping) -> str:
    return f"{{runtime: {item['runtime']}, control_plane: {item['control_plane']}, schema: {item['schema']}}}"
