"""The journal of a rollout: every change of its traffic, read back with suspicion, and the next line made.

One canonical JSON record a line. A record is sealed by its own digest and names that of the record before; the head,
kept in a file beside, names the last one, so that records that were taken off the end are missed as well. What is not
whole is reported and never built upon.
"""

from __future__ import annotations

from collections.abc import Mapping as ReadOnly
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rsppc.base.canonical_json import canonical, digest_value
from rsppc.base.record import Record
from rsppc.base.source import Source, Span, file_span
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.evidence.moment import moment_text, read_moment
from rsppc.evidence.reading import MalformedMoment
from rsppc.lowering.check_shape import sound_mapping
from rsppc.model.rollout_journal import CHANGE, SCHEMA_VERSION
from rsppc.rollout.assign import Traffic
from rsppc.rollout.plan import Plan
from rsppc.syntax.document import Mapping
from rsppc.syntax.json_reader import read_json
from rsppc.syntax.source_text import read_source


class TornRecord(Diagnostic):
    """A record ends with a line break. One without was cut while it was written or copied, and nothing can be built on
    it. Where the head names the record before, the change was never confirmed to anybody."""

    code = "RSP7641"
    name = "torn-record"
    headline = "the last record of the journal is cut off in its middle"
    hint = "{advice}"
    advice: str


class ChangedRecord(Diagnostic):
    """A record carries the digest of everything that it says, and is written in one form. This one was changed by
    somebody or something after it was written."""

    code = "RSP7642"
    name = "changed-record"
    headline = "record {number} was changed after it was written"
    hint = "fetch the journal again from where it is kept; records are never edited"
    number: int


class RecordOutOfSequence(Diagnostic):
    """Records are numbered from 1 without a gap. Another number means that one is missing, was put elsewhere, or is
    forged."""

    code = "RSP7643"
    name = "record-out-of-sequence"
    headline = "record {number} of the journal says that it is number {written}"
    hint = "fetch the journal again from where it is kept"
    number: int
    written: int


class BrokenChain(Diagnostic):
    """Each record names the digest of the record before. Where it names another one, records were exchanged, inserted
    or taken out."""

    code = "RSP7644"
    name = "broken-chain"
    headline = "record {number} does not follow the record before it"
    hint = "fetch the journal again from where it is kept"
    number: int


class ClockWentBack(Diagnostic):
    """Changes of traffic are told in the order in which they happened. A change before the last one comes from a wrong
    clock, here or where the last one was made."""

    code = "RSP7645"
    name = "clock-went-back"
    headline = "it is {now}, and the change before was made at {before}"
    hint = "set the clock right, or say the time with `--now`"
    now: str
    before: str


class ManifestChanged(Diagnostic):
    """What was started under a version of a manifest stays what it is until it is over. Other cohorts, other phases or
    other bundles are another rollout, and get another version."""

    code = "RSP7646"
    name = "manifest-changed"
    headline = "`{subject}` says something else than it did when this change was made"
    hint = "undo the change of the manifest, or publish it under a new version"


class ImpossibleChange(Diagnostic):
    """A record says from where to where traffic moved. One that begins where traffic was not is no record of what
    happened."""

    code = "RSP7647"
    name = "impossible-change"
    headline = "record {number} cannot be: `{action}` from {before} to {after} percent, where traffic was {state}"
    hint = "fetch the journal again from where it is kept"
    number: int
    action: str
    before: int
    after: int
    state: str


class RecordOfAnotherRollout(Diagnostic):
    """A journal speaks of one rollout; a record of another one was copied into it."""

    code = "RSP7648"
    name = "record-of-another-rollout"
    headline = "record {number} is of `{found}`, in the journal of `{subject}`"
    hint = "fetch the journal again from where it is kept"
    number: int
    found: str


class CutJournal(Diagnostic):
    """Beside a journal stands its head, the digest of the last record; a writer that was killed between the two files
    leaves a head that is one record behind. A journal that ends with another record has lost some, or was written
    anew."""

    code = "RSP7649"
    name = "cut-journal"
    headline = "the journal does not end with the record that its head names"
    hint = "fetch the journal and its head again from where they are kept"


class Ground(Record):
    """Evidence on which a change rests."""

    evidence: str
    digest: str
    made_at: str


class Change(Record):
    """One change of traffic; the fields are those of the declaration."""

    number: int
    at: str
    by: str
    action: str
    before: int
    after: int
    bundle_ref: str
    rollback_ref: str
    evidence: tuple[Ground, ...]
    reason: str
    digest: str
    place: Span


def traffic_of(changes: Sequence[Change]) -> Traffic:
    """How far a rollout has come."""
    if not changes or changes[-1].action == "rollback":
        return Traffic(is_open=False, share=0)
    return Traffic(is_open=True, share=changes[-1].after)


def read_journal(path: str, data: bytes, head: str | None, plan: Plan, sink: DiagnosticSink) -> tuple[Change, ...]:
    """The changes in a journal. What is wrong with it goes to the sink; then nothing may be built upon them."""
    reading = DiagnosticSink()
    source = read_source(path, data[: data.rfind(b"\n") + 1], reading)
    changes = _records(source, plan, reading) if source is not None and not reading.has_errors else ()
    is_whole = not reading.has_errors
    is_end = head in [change.digest for change in changes[-2:]] or (head is None and len(changes) <= 1)
    if not data.endswith(b"\n") and data:
        text = data.decode("utf-8", "replace")
        at = Span(source=Source(path, text, data), start=text.rfind("\n") + 1, end=len(text))
        reading.report(TornRecord(at=at, advice=_UNCONFIRMED if is_whole and is_end else _FETCH))
    elif source is not None and is_whole and not is_end:
        reading.report(CutJournal(at=changes[-1].place if changes else file_span(source)))
    for found in reading.sorted():
        sink.report(found)
    return changes


_FETCH = "fetch the journal again from where it is kept"
_UNCONFIRMED = "remove this line: its change was never confirmed"


def _records(source: Source, plan: Plan, sink: DiagnosticSink) -> tuple[Change, ...]:
    """The changes up to the first record that is not sound: what follows it cannot be held against anything."""
    changes: list[Change] = []
    for number, line in enumerate(source.text.split("\n")[:-1], start=1):
        root = _record(source.path, number, line, plan, sink)
        if root is None:
            break
        change = _change(root)
        _check_order(root, change, number, changes, sink)
        if sink.has_errors:
            break
        changes.append(change)
    return tuple(changes)


def _record(path: str, number: int, line: str, plan: Plan, sink: DiagnosticSink) -> Mapping | None:
    """One record that is whole, sealed, and of this rollout."""
    # The lines before are left blank, so that places are those of the file.
    source = Source(path, "\n" * (number - 1) + line, b"")
    reading = DiagnosticSink()
    written = read_json(source, reading).root
    root = sound_mapping(written, CHANGE, reading) if written is not None else None
    if written is None:
        sink.report(ChangedRecord(at=_line(source, number), number=number))
        return None
    if reading.has_errors and written.get("digest") != _seal(written):
        reading.report(ChangedRecord(at=_line(source, number), number=number))
    if root is not None and not reading.has_errors:
        _check_record(root, number, line, plan, reading)
    for found in reading.sorted():
        sink.report(found)
    return root if not reading.has_errors else None


def _check_record(root: Mapping, number: int, line: str, plan: Plan, sink: DiagnosticSink) -> None:
    if root["digest"] != _seal(root) or canonical(root) != line.encode():
        sink.report(ChangedRecord(at=root.value_span("digest"), number=number))
        return
    if root["rollout_ref"] != plan.ref:
        at = root.value_span("rollout_ref")
        sink.report(RecordOfAnotherRollout(at=at, subject=plan.ref, number=number, found=root["rollout_ref"]))
    elif root["manifest_digest"] != plan.digest:
        sink.report(ManifestChanged(at=root.value_span("manifest_digest"), subject=plan.ref))
    for holder in (root, *root["evidence"]):
        key = "at" if holder is root else "made_at"
        if read_moment(holder[key]) is None:
            sink.report(MalformedMoment(at=holder.value_span(key), written=holder[key]))


def _line(source: Source, number: int) -> Span:
    return Span(source=source, start=number - 1, end=len(source.text))


def _change(root: Mapping) -> Change:
    return Change(
        number=root["sequence"],
        at=root["at"],
        by=root["by"],
        action=root["action"],
        before=root["from"],
        after=root["to"],
        bundle_ref=root["bundle_ref"],
        rollback_ref=root["rollback_ref"],
        evidence=tuple(Ground(**one) for one in root["evidence"]),
        reason=root["reason"],
        digest=root["digest"],
        place=root.value_span("at"),
    )


def _check_order(root: Mapping, change: Change, number: int, before: Sequence[Change], sink: DiagnosticSink) -> None:
    if change.number != number:
        at = root.value_span("sequence")
        sink.report(RecordOutOfSequence(at=at, number=number, written=change.number))
    elif root["previous"] != (before[-1].digest if before else None):
        sink.report(BrokenChain(at=root.value_span("previous"), number=number))
    elif before and change.at < before[-1].at:
        sink.report(ClockWentBack(at=change.place, now=change.at, before=before[-1].at))
    elif not _is_possible(change, traffic_of(before)):
        traffic = traffic_of(before)
        sink.report(
            ImpossibleChange(
                at=root.value_span("action"),
                number=number,
                action=change.action,
                before=change.before,
                after=change.after,
                state=f"at {traffic.share} percent" if traffic.is_open else "not moved",
            )
        )


def _is_possible(change: Change, traffic: Traffic) -> bool:
    if change.before != traffic.share or traffic.is_open == (change.action == "start"):
        return False
    match change.action:
        case "start":
            return True
        case "rollback":
            return change.after == 0
    return change.after > change.before and (change.after == 100) == (change.action == "complete")


def next_record(
    plan: Plan,
    changes: Sequence[Change],
    *,
    action: str,
    share: int,
    at: datetime,
    by: str,
    reason: str,
    evidence: Sequence[Ground] = (),
) -> dict[str, Any]:
    """The record of the next change, sealed."""
    body = {
        "schema_version": SCHEMA_VERSION,
        "rollout_ref": plan.ref,
        "sequence": len(changes) + 1,
        "at": moment_text(at),
        "by": by,
        "action": action,
        "from": traffic_of(changes).share,
        "to": share,
        "manifest_digest": plan.digest,
        "bundle_ref": plan.bundle.text,
        "rollback_ref": plan.rollback.text,
        "evidence": [{"evidence": one.evidence, "digest": one.digest, "made_at": one.made_at} for one in evidence],
        "reason": reason,
        "previous": changes[-1].digest if changes else None,
    }
    return {**body, "digest": _seal(body)}


def _seal(record: ReadOnly[str, Any]) -> str:
    return digest_value({key: value for key, value in record.items() if key != "digest"})
