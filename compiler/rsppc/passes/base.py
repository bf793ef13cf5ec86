"""What a pass is."""

from __future__ import annotations

from collections.abc import Callable

from rsppc.base.record import Record
from rsppc.diagnostics import DiagnosticSink
from rsppc.ir.program import Program


class Pass(Record):
    """A step from Program to Program. It reports what it finds and keeps what is sound."""

    name: str
    run: Callable[[Program, DiagnosticSink], Program]
    needs: frozenset[str] = frozenset()
    """Facts that are true of the Program on entry."""
    gives: frozenset[str] = frozenset()
    """Facts that are true of it on exit."""


def facts(*names: str) -> frozenset[str]:
    """Facts by name; the names are declared in `passes/order.py`."""
    return frozenset(names)
