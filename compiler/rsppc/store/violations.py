"""What is wrong with a JSON document, all of it at once: each problem with a JSON Pointer to where it is."""

from __future__ import annotations

from collections.abc import Sequence

from rsppc.base.record import Record
from rsppc.diagnostics.visible import visible
from rsppc.store.problems import StoreProblem

SHOWN_MAX = 50


class Violation(Record):
    """One problem. `pointer` is empty where it is the document as a whole."""

    pointer: str
    problem: str

    def said(self) -> str:
        shown = self.pointer if len(self.pointer) <= 200 else f"{self.pointer[:200]}…"
        return visible(f"`{shown or '/'}`: {self.problem}")


class Violations(StoreProblem):
    """A document that is refused; `pointer` leads to the first of its problems."""

    def __init__(self, what: str, violations: Sequence[Violation], advice: str = "") -> None:
        more = f"; and {len(violations) - SHOWN_MAX} more" if len(violations) > SHOWN_MAX else ""
        said = "; ".join(one.said() for one in violations[:SHOWN_MAX])
        super().__init__("malformed", f"{what}: {said}{more}", advice, pointer=violations[0].pointer)
        self.violations = tuple(violations)
