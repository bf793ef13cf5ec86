"""Whether a release may run where it is to run: its bundle's window, and the combination of versions."""

from __future__ import annotations

from rsppc.base.names import in_range
from rsppc.base.record import Record
from rsppc.compat.check_matrix import named
from rsppc.compat.matrix import Matrix, answer, cell_of, matrix_of, shown
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.lowering.artifacts import Artifact
from rsppc.syntax.document import Mapping


class CombinationRefused(Diagnostic):
    """Runtime, control plane and schema go together only where a policy says so. What was never declared was never
    tested either, and shows on calls what it breaks."""

    code = "RSP7741"
    name = "combination-refused"
    headline = "`{policy}` does not allow {combination}: {reason}"
    hint = "{advice}"
    combination: str
    policy: str
    reason: str
    advice: str


class NoMatrix(Diagnostic):
    """A policy without cells allows nothing: which versions go together is declared, never assumed."""

    code = "RSP7742"
    name = "no-matrix"
    headline = "`{subject}` does not say which versions go together"
    hint = "add `allowed_cells` and `matrix_tests`, or name a policy that has them"


class OutsideWindow(Diagnostic):
    """A bundle says for which versions it was released. Outside of them nobody has tried it, and runtimes refuse to
    open its turns."""

    code = "RSP7743"
    name = "outside-window"
    headline = "`{subject}` was released for {part} versions {oldest} to {newest}, and this is {version}"
    hint = "use a {part} of these versions, or release a bundle with a wider `compat_window`"
    part: str
    oldest: str
    newest: str
    version: str


class NoWindow(Diagnostic):
    """A bundle that does not say for which versions it was released is loaded by all of them, the wrong ones
    included."""

    code = "RSP7744"
    name = "no-window"
    headline = "`{subject}` does not say for which {part} versions it was released"
    hint = "add `compat_window: {{{key}: {{min: {version}, max: {version}}}}}` to the bundle, and build it again"
    part: str
    key: str
    version: str


class Versions(Record):
    """What meets in production."""

    runtime: str
    control_plane: str
    schema: str

    def words(self) -> str:
        return named(cell_of(self.written()))

    def written(self) -> dict[str, str]:
        return {"runtime": self.runtime, "control_plane": self.control_plane, "schema": self.schema}


def check_combination(policies: list[Artifact], versions: Versions, sink: DiagnosticSink) -> None:
    """Report each policy that does not allow a combination; all of them must."""
    cell = cell_of(versions.written())
    for policy in policies:
        matrix = matrix_of(policy.root)
        if not matrix.allowed:
            sink.report(NoMatrix(at=policy.item_span(), subject=policy.ref))
            continue
        found = answer(matrix, cell)
        if not found.allowed:
            sink.report(
                CombinationRefused(
                    at=policy.root.key_span("allowed_cells"),
                    combination=versions.words(),
                    policy=policy.ref,
                    reason=found.reason,
                    advice=_advice(matrix, versions),
                )
            )


def _advice(matrix: Matrix, versions: Versions) -> str:
    cell = cell_of(versions.written())
    fitting = sorted(
        one.runtime for one in matrix.allowed if (one.control_plane, one.schema) == (cell.control_plane, cell.schema)
    )
    if fitting:
        known = ", ".join(shown(one) for one in fitting)
        return f"with this control plane and schema use a runtime {known}, or declare the cell with a test of it"
    known = "; ".join(named(one) for one in sorted(matrix.allowed, key=_order)[-4:])
    return f"declare the cell with a test of it, or use one that is allowed: {known}"


def _order(cell: object) -> tuple[object, ...]:
    return tuple(getattr(cell, part) for part in ("control_plane", "runtime", "schema"))


def check_window(bundle: str, root: Mapping, versions: Versions, sink: DiagnosticSink) -> None:
    """Report where a built bundle's window does not hold the runtime or the control plane; `root` is its manifest."""
    window = root.get("compat_window") or Mapping()
    for key, version in (("runtime", versions.runtime), ("control_plane", versions.control_plane)):
        part, range_ = key.replace("_", " "), window.get(key)
        if not range_:
            at = root.key_span("compat_window") if window else root.value_span("bundle_id")
            sink.report(NoWindow(at=at, subject=bundle, part=part, key=key, version=version))
        elif not in_range(version, range_["min"], range_["max"]):
            sink.report(
                OutsideWindow(
                    at=window.value_span(key),
                    subject=bundle,
                    part=part,
                    oldest=range_["min"],
                    newest=range_["max"],
                    version=version,
                )
            )
