"""Waivers: findings that somebody lets pass, each for one change and for some time.

A waiver names a finding by code, subject and the digests before and after. It silences that one and no other: the next
change of the same thing has other digests, and is looked at anew.
"""

from __future__ import annotations

from collections.abc import Sequence

from rsppc.base.names import near_miss
from rsppc.base.record import Record
from rsppc.changes.breaking import KINDS
from rsppc.changes.finding import LEVELS, Breaking, Level
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.lowering.check_shape import sound_mapping
from rsppc.model.change import WAIVER, WAIVERS
from rsppc.syntax.document import Mapping
from rsppc.syntax.reader import read

FILE = "waivers.yaml"


class ExpiredWaiver(Diagnostic):
    """A waiver is a debt with a date. After it the finding counts again, and whoever let it pass is asked."""

    code = "RSP9751"
    name = "expired-waiver"
    headline = "the waiver of `{subject}` held until {expires}"
    hint = "settle it with {owner}, or remove it"
    expires: str
    owner: str


class UnusedWaiver(Diagnostic):
    """A waiver that silences nothing hides what comes next, and nobody remembers what it was for."""

    code = "RSP9752"
    name = "unused-waiver"
    headline = "the waiver of `{waived}` for `{subject}` silences nothing"
    hint = "remove it"
    waived: str


class WaiverOfOtherChange(Diagnostic):
    """A waiver speaks of one change, by the digests before and after. What was changed since was not looked at."""

    code = "RSP9753"
    name = "waiver-of-other-change"
    headline = "the waiver of `{subject}` speaks of another change"
    hint = "look at the change, then write its digests: before {before}, after {after}"
    before: str
    after: str


class Waiver(Record):
    """A waiver that was read."""

    code: str
    subject: str
    owner: str
    expires: str
    before: str
    after: str
    written: Mapping


def read_waivers(path: str, data: bytes, sink: DiagnosticSink) -> tuple[Waiver, ...]:
    """The waivers of a workspace. What is wrong with the file goes to the sink, and is no waiver."""
    reading = DiagnosticSink()
    document = read(path, data, reading)
    root = document.root if document is not None else None
    sound = sound_mapping(root, WAIVERS, reading) if root is not None else None
    for found in reading.sorted():
        sink.report(found)
    entries = sound.get("waivers") or () if sound is not None else ()
    required = {one.name for one in WAIVER.fields}
    return tuple(
        Waiver(
            code=one["code"],
            subject=one["subject"],
            owner=one["owner"],
            expires=one["expires"],
            before=one["before"] or "",
            after=one["after"] or "",
            written=one,
        )
        for one in entries
        if required <= one.keys()
    )


def waived(
    found: Sequence[Breaking],
    waivers: Sequence[Waiver],
    *,
    today: str,
    level: Level,
    complete: bool,
    sink: DiagnosticSink,
) -> tuple[Breaking, ...]:
    """The findings that no waiver silences. What is wrong with waivers goes to the sink.

    Whether a waiver is used can only be said where everything was looked at: `complete` says so of the bundles, `level`
    of the rules.
    """
    left = list(found)
    unjudged = _codes(LEVELS[: LEVELS.index(level)])
    for waiver in waivers:
        named = [one for one in found if waiver.code in (one.code, one.name) and waiver.subject == one.subject]
        exact = [one for one in named if (one.before_digest, one.after_digest) == (waiver.before, waiver.after)]
        matching = [one for one in exact if one in left]
        at, subject = waiver.written.value_span("subject"), waiver.subject
        if waiver.expires < today:
            at = waiver.written.value_span("expires")
            sink.report(ExpiredWaiver(at=at, subject=subject, expires=waiver.expires, owner=waiver.owner))
        elif matching:
            left.remove(matching[0])
        elif named and not exact:
            sink.report(
                WaiverOfOtherChange(
                    at=waiver.written.value_span("after"),
                    subject=subject,
                    before=named[0].before_digest or "null",
                    after=named[0].after_digest or "null",
                )
            )
        elif waiver.code not in _codes(LEVELS):
            at = waiver.written.value_span("code")
            sink.report(UnusedWaiver(at=at, subject=subject, waived=waiver.code, notes=(_no_finding(waiver.code),)))
        elif exact or (complete and waiver.code not in unjudged):
            sink.report(UnusedWaiver(at=at, subject=subject, waived=waiver.code))
    return tuple(left)


def _no_finding(code: str) -> str:
    guess = near_miss(code, sorted(_codes(LEVELS)))
    return f"no finding is called `{code}`" + (f": did you mean `{guess}`?" if guess else "")


def _codes(levels: Sequence[Level]) -> set[str]:
    """Codes and names of the findings of some levels."""
    return {text for kind in KINDS for text in (kind.code, kind.name) if kind.audience in levels}
