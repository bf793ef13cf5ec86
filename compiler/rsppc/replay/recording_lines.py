"""The lines of a recording: read one by one, each held against the declaration of its kind.

A line that is sound, and written as the recorder writes it, costs one decoding and one test. Only a line about which
something must be said is read with places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any

import msgspec

from rsppc.base.canonical_json import canonical
from rsppc.base.digest import Digest
from rsppc.base.names import near_miss
from rsppc.base.source import Source, Span, file_span
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.lowering.check_shape import sound_mapping
from rsppc.model.fit import fit_of
from rsppc.model.timeline import LINES
from rsppc.replay.excerpt import Findings
from rsppc.syntax.document import Mapping
from rsppc.syntax.json_reader import read_json
from rsppc.syntax.source_text import read_source

LINE_BYTES_MAX = 1 << 20
INTEGER_MAX = 2**63 - 1

_FITS = {kind: fit_of(shape) for kind, shape in LINES.items()}


class LineTooLong(Diagnostic):
    """A line of a recording is a decision or a record of a turn. One of a megabyte is neither, and where it ends nobody
    can say; what comes after it is not read."""

    code = "RSP9221"
    name = "line-too-long"
    headline = "line {number} is longer than {most} bytes; nothing behind it was read"
    hint = "record it again; payloads do not belong into a recording"
    number: int
    most: int = LINE_BYTES_MAX


class UnknownLine(Diagnostic):
    """Every line says in `line` what it is. What nobody knows nobody can check, and a recorder that is newer than its
    reader must not pass unnoticed."""

    code = "RSP9222"
    name = "unknown-line"
    headline = "there is no line `{written}` in a recording"
    hint = "{advice}"
    written: str
    advice: str


class Line:
    """One line: what it says, and where it stands."""

    __slots__ = ("_root", "_source", "data", "number", "offset", "path", "value")

    def __init__(self, path: str, number: int, offset: int, data: bytes, value: dict[str, Any]) -> None:
        self.path, self.number, self.offset, self.data = path, number, offset, data
        self.value = value
        """Plain values; empty where the line is not sound."""
        self._source: Source | None = None
        self._root: Mapping | None = None

    @property
    def kind(self) -> str:
        return str(self.value.get("line", ""))

    @property
    def at_us(self) -> int:
        at: int = self.value["at_us"]
        return at

    def get(self, key: str) -> Any:
        return self.value.get(key)

    @property
    def source(self) -> Source:
        """The line as a source of its own; `Findings` knows where it belongs."""
        if self._source is None:
            text = self.data.decode("utf-8", "replace").rstrip("\n")
            self._source = Source(self.path, text, self.data)
        return self._source

    def span(self, *route: str | int) -> Span:
        """The place of a value, by the keys that lead to it; as near as there is one."""
        if self._root is None:
            self._root = read_json(self.source, DiagnosticSink(), integer_max=INTEGER_MAX).root
        container: Any = self._root
        found = Span(source=self.source, start=0, end=max(len(self.source.text), 1))
        for step in route:
            if isinstance(container, Mapping) and step in container:
                found = container.value_span(str(step))
            elif isinstance(container, list) and isinstance(step, int) and step < len(container):
                found = container.value_span(step)  # type: ignore[attr-defined]
            else:
                break
            container = container[step]
        return found


class Lines:
    """The lines of one file, in order."""

    def __init__(self, path: str, readline: Callable[[int], bytes], findings: Findings) -> None:
        self._path, self._readline, self._findings = path, readline, findings
        self._hash = sha256()
        self.count = 0
        self.bytes = 0
        self.cut: Line | None = None
        """The last line, where the file ends in the middle of it."""

    @property
    def digest(self) -> Digest:
        """Digest of what was read."""
        return Digest("sha256:" + self._hash.hexdigest())

    def __iter__(self) -> Iterator[Line]:
        while data := self._readline(LINE_BYTES_MAX + 1):
            self._hash.update(data)
            self.count += 1
            line = Line(self._path, self.count, self.bytes, data, {})
            self.bytes += len(data)
            if not data.endswith(b"\n"):
                if len(data) > LINE_BYTES_MAX:
                    line.data = data[:200]
                    self._findings.report(line, LineTooLong(at=line.span(), number=self.count))
                else:
                    self.cut = line
                return
            line.value = self._value(line)
            yield line

    def _value(self, line: Line) -> dict[str, Any]:
        """What a line says; nothing where it is not sound, which is reported."""
        try:
            value = msgspec.json.decode(line.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            value = None
        if value.__class__ is dict:
            said: dict[str, Any] = value
            kind = said.get("line")
            fits = _FITS.get(kind) if isinstance(kind, str) else None
            if fits is not None and fits(said) and canonical(said) == line.data[:-1]:
                return said
        sink = DiagnosticSink()
        root = _sound_root(line, sink)
        for found in sink.sorted():
            self._findings.report(line, found)
        return _plain(root) if root is not None and not sink.has_errors else {}


def _sound_root(line: Line, sink: DiagnosticSink) -> Mapping | None:
    """The line read with places, and everything that is wrong with it."""
    source = read_source(line.path, line.data.rstrip(b"\n"), sink)
    if source is None:
        return None
    line._source = source
    root = read_json(source, sink, integer_max=INTEGER_MAX).root
    if root is None or sink.has_errors:
        return root
    kind = root.get("line")
    if not isinstance(kind, str) or kind not in LINES:
        known = ", ".join(f"`{one}`" for one in LINES)
        guess = near_miss(kind, LINES) if isinstance(kind, str) else None
        advice = f"did you mean `{guess}`?" if guess else f"lines are {known}"
        at = root.value_span("line") if "line" in root else file_span(source)
        sink.report(UnknownLine(at=at, written=str(kind)[:60], advice=advice))
        return root
    sound_mapping(root, LINES[kind], sink)
    return root


def _plain(value: Any) -> Any:
    """Plain values in the place of those that know where they stand."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value
