"""Report: what a run found, ready to be rendered.

The findings are in source order and the severities are those of this run, so a renderer only decides how things look.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from itertools import count
from typing import TYPE_CHECKING

from rsppc.base.record import Record
from rsppc.diagnostics import renderers
from rsppc.diagnostics.diagnostic import Diagnostic, Severity
from rsppc.diagnostics.sink import severity_in, sort_diagnostics

if TYPE_CHECKING:
    # Runs that write no report need not load it.
    from pathlib import Path


class Report(Record):
    """The findings of one run."""

    diagnostics: tuple[Diagnostic, ...]
    """In source order, each once: what `DiagnosticSink.sorted` gives."""
    strict: bool = False
    files: tuple[str, ...] = ()
    """Paths of the files that were checked, those without findings too."""
    version: str = ""
    """Version of rsppc."""

    def severity(self, diagnostic: Diagnostic) -> Severity:
        """Severity of a finding in this run."""
        return severity_in(diagnostic, strict=self.strict)

    def counts(self) -> dict[Severity, int]:
        """How many findings there are of each severity, the gravest first."""
        found: dict[Severity, int] = {"error": 0, "warning": 0, "note": 0}
        for diagnostic in self.diagnostics:
            found[self.severity(diagnostic)] += 1
        return found

    def all_files(self) -> tuple[str, ...]:
        """The checked files and those with findings, by path, each once."""
        return tuple(sorted({*self.files, *(found.at.source.path for found in self.diagnostics)}))


def report_of(found: Iterable[Diagnostic], *, strict: bool = False, files: Iterable[str], version: str) -> Report:
    """A report of findings that come in any order and perhaps twice."""
    return Report(diagnostics=sort_diagnostics(list(found)), strict=strict, files=tuple(files), version=version)


def render_report(report: Report, format: str, *, color: bool = False) -> bytes:
    """The report in a format, as UTF-8; colour only where the format has it."""
    renderer = renderers.find(format)
    if renderer is None:
        raise ValueError(f"no renderer is named {format!r}; there are {', '.join(renderers.names())}")
    rendered = renderer.render(report, color=True) if color and renderer.has_color else renderer.render(report)
    return rendered if isinstance(rendered, bytes) else rendered.encode()


def write_report(report: Report, format: str, path: Path) -> None:
    """Write the report to a file: afterwards it holds the old bytes or the new ones, never a part."""
    rendered = render_report(report, format)
    # A symbolic link stays one: the file it leads to is replaced.
    target = path.resolve()
    if target.exists() and not stat.S_ISREG(target.stat().st_mode):
        # Pipes and devices are written to, not replaced.
        target.write_bytes(rendered)
        return
    beside = _write_beside(target, rendered)
    try:
        beside.replace(target)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    _sync_folder(target.parent)


def _write_beside(target: Path, data: bytes) -> Path:
    beside, handle = _create_beside(target)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(handle)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return beside


def _create_beside(target: Path) -> tuple[Path, int]:
    # A left-over file of a killed run is stepped around, not trusted.
    for attempt in count():
        beside = target.parent / f".rsppc-report.{os.getpid()}.{attempt}.tmp"
        try:
            return beside, os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            continue
    raise AssertionError("count() ended")


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
