"""What a reader makes of some bytes, in a form that can be compared with what others make of them."""

from __future__ import annotations

import json
from typing import Any

from rsppc.base.record import Record
from rsppc.diagnostics import DiagnosticSink
from rsppc.syntax.reader import read


class Accepted(Record, kw_only=False):
    value: str
    """The value as JSON with sorted keys, which tells `1` from `1.0` and from `true`."""


class Refused(Record, kw_only=False):
    codes: tuple[str, ...]


class Crashed(Record, kw_only=False):
    error: str


Reading = Accepted | Refused | Crashed


def reading(path: str, data: bytes) -> Reading:
    """Read bytes as the file of that name. Every finding can be said, or the reader counts as crashed."""
    sink = DiagnosticSink()
    try:
        document = read(path, data, sink)
        findings = sink.sorted()
        for found in findings:
            assert found.message() and str(found.at)
    except Exception as error:  # whatever it is, it must not happen
        return Crashed(f"{type(error).__name__}: {error}")
    if sink.has_errors:
        return Refused(tuple(found.code for found in findings))
    if document is None or document.root is None:
        return Crashed("refused without a finding")
    return Accepted(same_form(document.root))


def same_form(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=True)
