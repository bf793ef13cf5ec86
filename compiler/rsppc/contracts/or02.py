"""Whether the OR-02 record of an accepted turn is complete: pure, over plain values, for whoever writes or reads one.

All gaps of a record are found in one go, each with the field that it is about. A record may be any JSON value; nothing
here raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from rsppc.base.names import version_key
from rsppc.base.record import Record
from rsppc.model.contract_observability import (
    COMPLETED,
    OR02_EVIDENCE,
    PRECEDENCE,
    SCHEMA_VERSION,
    WHEN_CANCELLED,
)
from rsppc.model.distribution import PAYLOAD_CLASS
from rsppc.model.fit import field_fits

_HASH = re.compile(r"[0-9a-f]{64}")
_DOCS = {one.name: one.doc for one in OR02_EVIDENCE.fields}
_FITS = field_fits(OR02_EVIDENCE)
_REQUIRED = tuple(one.name for one in OR02_EVIDENCE.fields if one.required)


class Gap(Record):
    """What a record lacks, or says and cannot mean."""

    field: str
    problem: str
    advice: str

    def sentence(self) -> str:
        return f"`{self.field}` {self.problem}"


def incomplete(record: Any) -> list[Gap]:
    """The gaps of a record; none where it is complete."""
    if not isinstance(record, Mapping):
        return [Gap(field="or02", problem="is no record", advice="write an object with the fields of OR-02")]
    return [*_unfit(record), *contradictions(record)]


def contradictions(record: Mapping[str, Any]) -> Iterator[Gap]:
    """What the fields of a record, each as it should be, do not say together."""
    sound = {name: value for name, value in record.items() if (fits := _FITS.get(name)) is not None and fits(value)}
    for rule in (_plan, _evidence_version, _redactions, _times, _cancel, _terminal, _authority, _markers):
        yield from rule(sound)


def _unfit(record: Mapping[str, Any]) -> Iterator[Gap]:
    """Fields that are missing, unknown, or of another form than declared."""
    for name in _REQUIRED:
        if record.get(name) is None:
            yield Gap(field=name, problem="is missing", advice=f"record it: {_DOCS[name]}")
    for name, value in record.items():
        fits = _FITS.get(name)
        if fits is None:
            yield Gap(field=str(name), problem="is no field of OR-02 evidence", advice="leave it out")
        elif value is not None and not fits(value):
            yield Gap(field=name, problem="is not of its declared form", advice=_DOCS[name])
        elif value is None and name not in _REQUIRED:
            yield Gap(field=name, problem="is null", advice="leave it out where there is nothing to say")


def _plan(record: dict[str, Any]) -> Iterator[Gap]:
    hashed, plan = record.get("plan_hash"), record.get("resolved_turn_plan_id")
    if hashed is not None and _HASH.fullmatch(hashed) is None:
        yield Gap(field="plan_hash", problem="is no hash", advice="write the 64 lower-case hexadecimal digits")
    elif None not in (hashed, plan) and plan != f"rtp-{hashed}":
        yield Gap(
            field="resolved_turn_plan_id",
            problem="is not that of `plan_hash`",
            advice="record both from the plan that the turn ran by",
        )


def _evidence_version(record: dict[str, Any]) -> Iterator[Gap]:
    version = record.get("or02_evidence_schema_version")
    if version is not None and version_key(version) != version_key(SCHEMA_VERSION):
        yield Gap(
            field="or02_evidence_schema_version",
            problem=f"is not `{SCHEMA_VERSION}`",
            advice=f"write `{SCHEMA_VERSION}`",
        )


def _redactions(record: dict[str, Any]) -> Iterator[Gap]:
    said = record.get("redaction_decisions")
    missing = [name for name in PAYLOAD_CLASS.values if said is not None and name not in said]
    if missing:
        yield Gap(
            field="redaction_decisions",
            problem=f"decides nothing about {', '.join(f'`{name}`' for name in missing)}",
            advice="decide once about each class of payload",
        )


_IN_ORDER = (
    ("turn_open_timestamp_ms", "terminal_timestamp_ms"),
    ("terminal_timestamp_ms", "turn_close_timestamp_ms"),
    ("turn_open_timestamp_ms", "cancel_accepted_timestamp_ms"),
    ("cancel_accepted_timestamp_ms", "cancel_fence_timestamp_ms"),
    ("cancel_fence_timestamp_ms", "terminal_timestamp_ms"),
)
"""Moments, each of which is not after the other."""


def _times(record: dict[str, Any]) -> Iterator[Gap]:
    for earlier, later in _IN_ORDER:
        first, last = record.get(earlier), record.get(later)
        if first is not None and last is not None and last < first:
            yield Gap(field=later, problem=f"is before `{earlier}`", advice="record moments as they happen")
    for name in ("rejections", "post_cancel_rejections"):
        if any(one["last_at_us"] < one["first_at_us"] for one in record.get(name) or ()):
            yield Gap(field=name, problem="ends before it begins", advice="record moments as they happen")


def _cancel(record: dict[str, Any]) -> Iterator[Gap]:
    """A cancelled turn says how far the cancel reached, when it was accepted, when it held, and what came too late."""
    if record.get("terminal_reason") != "cancel" and not any(name in record for name in WHEN_CANCELLED):
        return
    for name in WHEN_CANCELLED:
        if name not in record:
            yield Gap(field=name, problem="is missing, and the turn was cancelled", advice=f"record it: {_DOCS[name]}")
    if "rejections" in record:
        yield Gap(
            field="rejections",
            problem="is of turns that nobody cancelled",
            advice="write it under `post_cancel_rejections`",
        )


def _terminal(record: dict[str, Any]) -> Iterator[Gap]:
    outcome, reason = record.get("terminal_outcome"), record.get("terminal_reason")
    if outcome is None or reason is None:
        return
    if (outcome == "commit") != (reason == COMPLETED):
        yield Gap(
            field="terminal_reason",
            problem=f"is `{reason}`, and the turn ended with `{outcome}`",
            advice=f"a commit is `{COMPLETED}`, an abort says why",
        )
    elif reason not in (COMPLETED, *PRECEDENCE):
        known = ", ".join(f"`{one}`" for one in PRECEDENCE)
        yield Gap(field="terminal_reason", problem=f"cannot be `{reason}`", advice=f"it is one of {known}")


def _authority(record: dict[str, Any]) -> Iterator[Gap]:
    """A turn that outlived its lease says so: it was drained, and aborted for that reason."""
    opened, ended = record.get("lease_epoch_at_turn_open"), record.get("lease_epoch_at_terminal")
    if opened is None or ended is None:
        return
    if ended < opened:
        yield Gap(
            field="lease_epoch_at_terminal",
            problem="is before the epoch at which the turn opened",
            advice="epochs only grow",
        )
    decisions = record.get("decision_outcomes") or ()
    is_drained = any(one["outcome_kind"] == "deauthorized_drain" for one in decisions)
    is_lost = record.get("terminal_reason") == "authority_loss"
    if ended > opened and "terminal_reason" in record and not is_lost:
        yield Gap(
            field="terminal_reason",
            problem=f"does not say that the authority was lost: the epoch went from {opened} to {ended}",
            advice="a turn that loses its lease ends with `authority_loss`",
        )
    if (ended > opened or is_lost) and "decision_outcomes" in record and not is_drained:
        yield Gap(
            field="decision_outcomes",
            problem="holds no `deauthorized_drain`, and the authority was lost",
            advice="record the decision to drain the turn",
        )


def _markers(record: dict[str, Any]) -> Iterator[Gap]:
    events = [one["event_id"] for one in record.get("decision_outcomes") or ()]
    if len(set(events)) != len(events):
        yield Gap(field="decision_outcomes", problem="holds one `event_id` twice", advice="give each event its own")
