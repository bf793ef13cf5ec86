"""Diagnostics are data.

A kind of diagnostic is a class that stands beside the check that reports it: its code, its permanent name, its prose as
class attributes; the facts of one finding are its fields. `headline` and `hint` are templates over the fields. The
docstring says why the compiler insists; it becomes the generated page of the code. Renderers turn the record into text,
JSON lines, SARIF, annotations of a code host, or JUnit; nothing else formats a message.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

from rsppc.base.record import Record, replace
from rsppc.base.source import Place, Span

Severity = Literal["error", "warning", "note"]


class Side(Record):
    """One of the parties to a disagreement, with its own place and what it says there."""

    role: str
    """A verb that fits between the name and the type: `produces`, `accepts`."""
    at: Span
    type: str


class Related(Record):
    """Another place that helps to understand the problem."""

    at: Span
    text: str


class Edit(Record):
    """Replace the text of a span."""

    at: Span
    text: str


class NodeToInsert(Record):
    """A node that a repair puts on an edge, with the one config field that it needs."""

    node_id: str
    node_type: str
    field: str
    value: str | int
    port: str = "audio"
    """Name of its input and of its output."""


class Fix(Record):
    """A repair. `verified` means: applied in memory and compiled again, which took its finding away, brought no error,
    and found nothing wrong where the repair stands."""

    title: str
    edits: tuple[Edit, ...] = ()
    inserts: tuple[NodeToInsert, ...] = ()
    """Nodes to put on the edge that begins at `edge`; how that is written is known to `syntax/edits.py`."""
    edge: Place | None = None
    verified: bool = False
    plan_changes: bool = True
    """Whether the repaired source compiles to another plan than the author's text could have meant."""


class Diagnostic(Record):
    """Base of all kinds of diagnostics; abstract."""

    code: ClassVar[str] = ""
    name: ClassVar[str] = ""
    severity: ClassVar[Severity] = "error"
    headline: ClassVar[str] = ""
    hint: ClassVar[str] = ""
    moot_beside_errors: ClassVar[bool] = False
    """Whether findings of this kind say nothing as long as something else is wrong, since that may be their cause."""

    at: Span
    level: Severity | None = None
    """The severity that the workspace gives to findings of this kind; None leaves it at the kind's own."""
    subject: str = ""
    """What the finding is about. A pipeline and a setting path, with a blank between, lead to `rsppc why`."""
    sides: tuple[Side, ...] = ()
    related: tuple[Related, ...] = ()
    notes: tuple[str, ...] = ()
    fixes: tuple[Fix, ...] = ()

    def message(self) -> str:
        """The headline with the facts filled in."""
        return self.headline.format_map(_Facts(self))

    def next_step(self) -> str:
        """What to try, with the facts filled in; empty where the headline says it all."""
        return self.hint.format_map(_Facts(self))


class _Facts(dict[str, Any]):
    """The fields of a diagnostic, as a template sees them."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__()
        self._diagnostic = diagnostic

    def __missing__(self, key: str) -> Any:
        return getattr(self._diagnostic, key)


def moved(diagnostic: Diagnostic, to: Callable[[Span], Span]) -> Diagnostic:
    """A finding in a part of something, with its places in the whole. Repairs that are not mere edits are left out, as
    they speak of the part."""
    fixes = (fix for fix in diagnostic.fixes if fix.edits)
    return replace(
        diagnostic,
        at=to(diagnostic.at),
        sides=tuple(replace(one, at=to(one.at)) for one in diagnostic.sides),
        related=tuple(replace(one, at=to(one.at)) for one in diagnostic.related),
        fixes=tuple(
            replace(fix, edits=tuple(replace(one, at=to(one.at)) for one in fix.edits), inserts=(), edge=None)
            for fix in fixes
        ),
    )


def kinds() -> tuple[type[Diagnostic], ...]:
    """Every kind of diagnostic whose module has been imported, by code."""
    found: list[type[Diagnostic]] = []
    waiting = list(Diagnostic.__subclasses__())
    while waiting:
        kind = waiting.pop()
        waiting.extend(kind.__subclasses__())
        if kind.code:
            found.append(kind)
    return tuple(sorted(found, key=lambda kind: kind.code))
