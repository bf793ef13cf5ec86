"""JSON that comes from outside: read strictly, whole or not at all, with every problem and its JSON Pointer.

A member that stands twice, `NaN`, a number beyond 2^53 - 1, bytes that are no UTF-8 and nesting without end are read
differently by different readers, so that none of them may stand in what is digested.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from rsppc.base.json_pointer import steps_of
from rsppc.base.source import Span
from rsppc.diagnostics import DiagnosticSink
from rsppc.store.manifest import value_fault
from rsppc.store.violations import Violation, Violations
from rsppc.syntax.document import Mapping, Sequence
from rsppc.syntax.json_reader import read_json
from rsppc.syntax.limits import EmptyFile, RootNotAMapping
from rsppc.syntax.source_text import read_source

SIZE_MAX = 2**20
"""Bytes of a document that describes something; what is described goes into files."""


def object_of(name: str, data: bytes, *, size_max: int = SIZE_MAX) -> dict[str, Any]:
    """The JSON object that bytes state; `Violations` where they state none. `name` is what the message calls it."""
    if len(data) > size_max:
        raise Violations(f"{name} is refused", [Violation(pointer="", problem=f"it has more than {size_max} bytes")])
    quick = _quickly(data)
    if quick is not None:
        return quick
    sink, pointers = DiagnosticSink(), dict[int, str]()
    source = read_source(name, data, sink)
    root = read_json(source, sink, pointers=pointers).root if source is not None else None
    found = [Violation(pointer=pointers.get(one.at.start, ""), problem=_said(one)) for one in sink.sorted()]
    if root is None or found:
        raise Violations(f"{name} is refused", found or [Violation(pointer="", problem="it holds no JSON object")])
    return root


def _quickly(data: bytes) -> dict[str, Any] | None:
    """The object, read by the standard library; None where something may be wrong, which the careful reader then tells
    with its place. That one is some ten times slower."""
    if not data.isascii() or b"\x7f" in data:
        return None  # what may stand in a text is for `read_source` to say
    try:
        value = json.loads(
            data, object_pairs_hook=_once_each, parse_int=_integer, parse_float=_refused, parse_constant=_refused
        )
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and value_fault(value) is None else None


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a member stands twice")
    return made


def _integer(written: str) -> int:
    if len(written) > 17 or written == "-0":
        raise ValueError("no integer that every reader takes for the same")
    return int(written)


def _refused(written: str) -> NoReturn:
    raise ValueError(written)


def _said(found: Any) -> str:
    if isinstance(found, EmptyFile | RootNotAMapping):  # what the reader says of artifacts is not meant here
        return "it holds no JSON object"
    message: str = found.message()
    return message


def span_at(root: Mapping, pointer: str) -> Span:
    """The place of the value that a JSON Pointer leads to, or of what is nearest to it."""
    value: Any = root
    span = Span(source=root.source, start=root.start, end=min(root.end, root.start + 1))
    for step in steps_of(pointer):
        if isinstance(value, Mapping) and step in value:
            span, value = value.value_span(step), value[step]
        elif isinstance(value, Sequence) and step.isdigit() and int(step) < len(value):
            span, value = value.value_span(int(step)), value[int(step)]
        else:
            break
    if isinstance(value, Mapping | Sequence):  # what is wrong with a whole object is said where it begins
        return Span(source=value.source, start=value.start, end=min(value.end, value.start + 1))
    return span
