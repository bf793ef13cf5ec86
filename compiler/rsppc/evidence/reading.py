"""Read evidence: whole, sealed, of the release that is meant, young enough, and passed. Everything else is refused.

What a later gate asks of it stands in `Wanted`; each question that is not answered as it should be is a finding with a
place in the file.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from rsppc.base.record import Record
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.evidence.envelope import Checked, Evidence, Release, seal_of, together
from rsppc.evidence.moment import moment_text, read_moment
from rsppc.lowering.check_shape import sound_mapping
from rsppc.model.evidence import EVIDENCE
from rsppc.model.shape import Shape
from rsppc.syntax.document import Mapping
from rsppc.syntax.json_reader import read_json
from rsppc.syntax.limits import EmptyFile, RootNotAMapping
from rsppc.syntax.source_text import read_source

AGE_MAX = timedelta(hours=24)
AHEAD_MAX = timedelta(minutes=5)
"""How far a clock elsewhere may be ahead of ours."""


class EmptyEvidence(Diagnostic):
    """A file that was to hold evidence holds none; nothing can rest on it."""

    code = "RSP9101"
    name = "empty-evidence"
    headline = "`{subject}` holds no evidence"
    hint = "make it again with the command that writes it"


class BrokenSeal(Diagnostic):
    """Evidence carries the digest of everything that it says. Where the two differ, somebody or something changed it
    after it was made."""

    code = "RSP9102"
    name = "broken-seal"
    headline = "the evidence was changed after it was made: its digest is {found}"
    hint = "make it again with the command that writes it; evidence is never edited"
    found: str


class OtherEvidence(Diagnostic):
    """Each step of a release asks for one kind of evidence; another kind answers another question."""

    code = "RSP9103"
    name = "other-evidence"
    headline = "this is evidence of `{found}`, and `{wanted}` is asked for"
    hint = "name the file that holds evidence of `{wanted}`"
    found: str
    wanted: str


class OtherRelease(Diagnostic):
    """Evidence speaks of one bundle, down to its digest. What was found about another one, or about an earlier build,
    says nothing about this one."""

    code = "RSP9104"
    name = "other-release"
    headline = "the evidence speaks of {found}, and {wanted} is released"
    hint = "make the evidence again from the bundle that is released"
    found: str
    wanted: str


class StaleEvidence(Diagnostic):
    """Evidence counts for a day. After that too much may have changed around the bundle: providers, runtimes, load."""

    code = "RSP9105"
    name = "stale-evidence"
    headline = "the evidence was made at {made_at}, more than {hours} hours before {now}"
    hint = "make it again"
    made_at: str
    hours: int
    now: str


class FutureEvidence(Diagnostic):
    """Evidence from the future comes from a wrong clock, so that its age cannot be judged either."""

    code = "RSP9106"
    name = "future-evidence"
    headline = "the evidence was made at {made_at}, which is after {now}"
    hint = "set the clock right on the machine that made it, and make it again"
    made_at: str
    now: str


class NotPassed(Diagnostic):
    """A gate opens only for evidence that passed. What failed and what was not run are alike in that."""

    code = "RSP9107"
    name = "not-passed"
    headline = "`{check}` of {what} is `{status}`{why}"
    hint = "mend what it names, and make the evidence again"
    check: str
    what: str
    status: str
    why: str = ""


class ContradictoryStatus(Diagnostic):
    """The status of evidence follows from its checks: one failure fails all, and without a check there is no pass."""

    code = "RSP9108"
    name = "contradictory-status"
    headline = "the status is `{written}`, but the checks together are `{found}`"
    hint = "make the evidence again with the command that writes it; evidence is never edited"
    written: str
    found: str


class MalformedMoment(Diagnostic):
    """Points in time are written in one way, in UTC, so that all readers read the same from them."""

    code = "RSP9109"
    name = "malformed-moment"
    headline = "`{written}` is no point in time"
    hint = "write it as in `2026-01-01T00:00:00Z`"
    written: str


class Wanted(Record):
    """What evidence must be to count."""

    evidence: str | None = None
    release: Release | None = None
    now: datetime | None = None
    """When it is read; None where its age does not matter at all."""
    age_max: timedelta | None = AGE_MAX
    """How old it may be; None where any age will do, as long as it is not from the future."""
    passed: bool = True
    """Whether it must have passed."""
    checks: tuple[str, ...] = ()
    """Questions to which it must have an answer."""


def read_evidence(path: str, data: bytes, wanted: Wanted, sink: DiagnosticSink) -> Evidence | None:
    """The evidence in a file; None, with findings, where it is not what is wanted."""
    judging = DiagnosticSink()
    root = sealed_root(path, data, EVIDENCE, judging)
    if root is not None:
        _judge(root, wanted, judging)
    for found in judging.sorted():
        sink.report(found)
    return None if root is None or judging.has_errors else _evidence(root)


def sealed_root(path: str, data: bytes, shape: Shape, sink: DiagnosticSink) -> Mapping | None:
    """The content of a sealed file of some shape; None, with findings, where it is cut, malformed or was changed."""
    reading = DiagnosticSink()
    source = read_source(path, data, reading)
    root = read_json(source, reading).root if source is not None else None
    if root is not None and not reading.has_errors:  # of a damaged file nobody knows what is missing
        sound_mapping(root, shape, reading)
    if root is not None and not reading.has_errors and root["digest"] != (seal := seal_of(root)):
        reading.report(BrokenSeal(at=root.value_span("digest"), found=seal))
    for found in reading.sorted():
        # What the reader says of artifacts is not meant here.
        is_other = isinstance(found, RootNotAMapping | EmptyFile)
        sink.report(EmptyEvidence(at=found.at, subject=path) if is_other else found)
    return None if reading.has_errors else root


def _judge(root: Mapping, wanted: Wanted, sink: DiagnosticSink) -> None:
    _check_status(root, wanted, sink)
    if wanted.evidence is not None and root["evidence"] != wanted.evidence:
        at = root.value_span("evidence")
        sink.report(OtherEvidence(at=at, found=root["evidence"], wanted=wanted.evidence))
    if wanted.release is not None:
        _check_release(root["release"], wanted.release, sink)
    _check_age(root, wanted, sink)


def _check_status(root: Mapping, wanted: Wanted, sink: DiagnosticSink) -> None:
    found = together(one["status"] for one in root["checks"])
    if found != root["status"]:
        sink.report(ContradictoryStatus(at=root.value_span("status"), written=root["status"], found=found))
    if not wanted.passed:
        return
    if root["status"] == "pass":
        if wanted.evidence == root["evidence"]:  # another kind answers other questions
            _check_answers(root, wanted, sink)
        return
    for one in root["checks"]:
        if one["status"] != "pass":
            why = f": {one['message']}" if one.get("message") else ""
            at = one.value_span("status")
            sink.report(NotPassed(at=at, check=one["check"], what=one["subject"], status=one["status"], why=why))
    if not root["checks"]:
        at = root.value_span("checks")
        sink.report(NotPassed(at=at, check="checks", what=f"`{root['evidence']}`", status="not_run"))


def _check_answers(root: Mapping, wanted: Wanted, sink: DiagnosticSink) -> None:
    answered = {one["check"] for one in root["checks"]}
    for check in wanted.checks:
        if check not in answered:
            at, what = root.value_span("checks"), f"`{root['evidence']}`"
            sink.report(NotPassed(at=at, check=check, what=what, status="not_run", why=": nothing here answers it"))


def _check_release(found: Mapping, wanted: Release, sink: DiagnosticSink) -> None:
    for key, meant in (("bundle_ref", wanted.bundle_ref), ("bundle_digest", wanted.bundle_digest)):
        if found[key] != meant:
            sink.report(OtherRelease(at=found.value_span(key), found=f"`{found[key]}`", wanted=f"`{meant}`"))


def _check_age(root: Mapping, wanted: Wanted, sink: DiagnosticSink) -> None:
    at, written, now = root.value_span("made_at"), root["made_at"], wanted.now
    made_at = read_moment(written)
    if made_at is None:
        sink.report(MalformedMoment(at=at, written=written))
    elif now is not None and made_at - now > AHEAD_MAX:
        sink.report(FutureEvidence(at=at, made_at=written, now=moment_text(now)))
    elif now is not None and wanted.age_max is not None and now - made_at > wanted.age_max:
        hours = int(wanted.age_max.total_seconds()) // 3600
        sink.report(StaleEvidence(at=at, made_at=written, hours=hours, now=moment_text(now)))


def _evidence(root: Mapping) -> Evidence:
    return Evidence(
        evidence=root["evidence"],
        release=Release(**root["release"]),
        made_at=root["made_at"],
        status=root["status"],
        checks=tuple(Checked(**one) for one in root["checks"]),
        inputs=tuple((one["name"], one["digest"]) for one in root["inputs"]),
        figures=root["figures"],
        digest=root["digest"],
    )
