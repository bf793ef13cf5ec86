"""Read a file of expectations: YAML or JSON, of the shape in `model/replay_expectations.py`."""

from __future__ import annotations

from typing import Any

from rsppc.diagnostics import DiagnosticSink
from rsppc.lowering.check_shape import sound_mapping
from rsppc.model.replay_expectations import EXPECTATIONS
from rsppc.replay.judge import Expectations, Expected
from rsppc.syntax.reader import read


def read_expectations(path: str, data: bytes, sink: DiagnosticSink) -> Expectations | None:
    """What a file expects and approves; None, with findings, where it cannot be relied on."""
    reading = DiagnosticSink()
    document = read(path, data, reading)
    root = document.root if document is not None else None
    if root is not None:
        sound_mapping(root, EXPECTATIONS, reading)
    for found in reading.sorted():
        sink.report(found)
    if root is None or reading.has_errors:
        return None
    return Expectations(
        expected=tuple(_expected(one) for one in root.get("expected") or ()),
        approvals=tuple(_expected(one) for one in root.get("approvals") or ()),
    )


def _expected(said: dict[str, Any]) -> Expected:
    return Expected(
        turn_id=said["turn"], kind=said["class"], field=said.get("field"), approved_by=said.get("approved_by")
    )
