"""Whether the runtime can open turns from a distribution: every problem of one file, with its place.

Errors are what makes the runtime refuse the file or defer every turn; what harms only some turns is a warning. Which of
the two a problem is depends on where it stands: a missing budget under `default` stops everybody, the same under
`by_tenant` one tenant.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime

from rsppc.base.record import replace
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Edit, Fix
from rsppc.distribution.check_policies import BlockWithoutTime, NoDefaultQueue, check_policies
from rsppc.distribution.check_validity import check_validity
from rsppc.distribution.check_versions import (
    EntryWithoutRecord,
    NoEntryForVersion,
    PercentageWithoutVersion,
    UnknownPipelineVersion,
    check_versions,
)
from rsppc.distribution.walk import parts_of_few
from rsppc.lowering.check_shape import (
    EmptyList,
    MissingKey,
    NotAChoice,
    UnknownKey,
    WrongType,
    WrongUnit,
    sound_mapping,
)
from rsppc.lowering.check_values import IncompleteSyncDrop
from rsppc.model.distribution import DISTRIBUTION
from rsppc.syntax.document import Mapping
from rsppc.syntax.edits import as_json
from rsppc.syntax.json_reader import read_json
from rsppc.syntax.source_text import read_source


class NotCanonical(Diagnostic):
    """Specs, profiles and earlier artifacts have words of their own for what the runtime knows under one name only. The
    runtime defers turns rather than guess what another word means."""

    code = "RSP7415"
    name = "not-canonical"
    headline = "`{key}` cannot be `{written}` in a distribution"
    hint = "write `{canonical}`"
    key: str
    written: str
    canonical: str


class SomeTurnsSuffer(Diagnostic):
    """What stands under a single version or tenant is read for its turns only. Everybody else is served, which is why
    this goes unnoticed for long."""

    code = "RSP7416"
    name = "some-turns-suffer"
    severity = "warning"
    headline = "turns of {whose} suffer: {problem}"
    hint = "{remedy}"
    whose: str
    problem: str
    remedy: str


_STRATEGIES = {"drop_newest": "drop", "drop_oldest": "drop", "coalesce": "merge"}
_CANONICAL = {
    "strategy": _STRATEGIES,
    "DataLane": _STRATEGIES,
    "TelemetryLane": _STRATEGIES,
    "execution_profile": {"simple/v1": "simple"},
    "allowed_replay_modes": {"audit": "replay_decisions", "regression": "recompute_decisions"},
}
"""By key: words that are right elsewhere, and what the runtime calls the same."""

_REFUSED_AT_LOADING = (UnknownKey, WrongType, WrongUnit)
"""What the runtime's decoder stumbles over, wherever it stands, so that nobody is served."""

_OF_ABSENCE = (
    MissingKey,
    EmptyList,
    IncompleteSyncDrop,
    BlockWithoutTime,
    NoDefaultQueue,
    UnknownPipelineVersion,
    EntryWithoutRecord,
    PercentageWithoutVersion,
    NoEntryForVersion,
)
"""What may seem to be missing only because the reader refused it."""


def check_distribution(path: str, data: bytes, sink: DiagnosticSink, *, now: datetime | None = None) -> Mapping | None:
    """The root of a distribution, whose problems go to the sink; None where nothing of it can be read."""
    reading = DiagnosticSink()
    source = read_source(path, data, reading)
    root = read_json(source, reading).root if source is not None else None
    for found in reading.sorted():
        sink.report(found)
    if root is None:
        return None
    checking = DiagnosticSink()
    sound_mapping(root, DISTRIBUTION, checking)
    check_versions(root, checking)
    check_policies(root, checking)
    check_validity(root, now, checking)
    parts = parts_of_few(root)
    for found in checking.sorted():
        if not (reading.has_errors and isinstance(found, _OF_ABSENCE)):
            sink.report(_judged(_in_runtime_words(found), parts))
    return root


def _in_runtime_words(found: Diagnostic) -> Diagnostic:
    """The finding, with fixes that are JSON, and with the word to write where another one means the same."""
    if isinstance(found, NotAChoice):
        canonical = _CANONICAL.get(found.key, {}).get(found.written)
        if canonical is not None:
            fix = Fix(title=f"write `{canonical}`", edits=(as_json(Edit(at=found.at, text=canonical)),))
            return NotCanonical(at=found.at, key=found.key, written=found.written, canonical=canonical, fixes=(fix,))
    fixes = tuple(replace(fix, edits=tuple(map(as_json, fix.edits))) for fix in found.fixes)
    return replace(found, fixes=fixes) if fixes else found


def _judged(found: Diagnostic, parts: list[tuple[int, int, str]]) -> Diagnostic:
    """The finding, or a warning in its place where only some turns come to harm."""
    if found.severity != "error" or isinstance(found, _REFUSED_AT_LOADING):
        return found
    index = bisect_right(parts, found.at.start, key=lambda part: part[0]) - 1
    if index < 0 or found.at.start >= parts[index][1]:
        return found
    return SomeTurnsSuffer(
        at=found.at,
        whose=parts[index][2],
        problem=found.message(),
        remedy=found.next_step(),
        related=found.related,
        notes=(*found.notes, f"found as {found.code} {found.name}"),
        fixes=found.fixes,
    )
