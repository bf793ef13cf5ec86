"""Whether a ReplayManifest can be meant: its fields exist, its order is total, its judgement is strict enough.

Judged from sources alone; whether its fixtures are sound and agree with a bundle is for `rsppc replay report`.
"""

from __future__ import annotations

from rsppc.base.names import near_miss, version_key
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Edit, Fix
from rsppc.lowering.artifacts import Artifact, Artifacts
from rsppc.model.contract_observability import KNOWN, MANDATORY, SCHEMA_VERSION
from rsppc.replay.levels import LEVELS
from rsppc.replay.manifest import (
    CLASSES,
    FIXTURES,
    LENIENCE,
    MILDEST,
    SORT_KEYS,
    TIME_KEYS,
    UNIQUE_KEYS,
    parse_fixture,
    parse_turn_ref,
)
from rsppc.syntax.document import Mapping, Sequence

PAYLOAD_DAYS_MAX = 30
"""Longest time, in days, for which recordings above L0 are kept: they hold what people said."""


class UnknownEvidenceField(Diagnostic):
    """Evidence has the fields of OR-02 and no others. A field that nobody records makes every turn incomplete."""

    code = "RSP9201"
    name = "unknown-evidence-field"
    headline = "OR-02 evidence has no field `{subject}`"
    hint = "{advice}"
    advice: str


class EvidenceFieldLeftOut(Diagnostic):
    """The evidence of level L0 is mandatory for every accepted turn at any level of recording. A manifest may ask for
    more, and never for less; what only cancelled turns have is asked of cancelled turns only."""

    code = "RSP9202"
    name = "evidence-field-left-out"
    headline = "`required_fields` leaves out {fields}"
    hint = "add what is missing: every field of L0 is mandatory"
    fields: str


class ModeNotAllowed(Diagnostic):
    """The way of replaying that is used when none is named must be one of those that are allowed."""

    code = "RSP9203"
    name = "mode-not-allowed"
    headline = "the default mode `{subject}` is not among `allowed_replay_modes`"
    hint = "allow it, or choose one of {allowed}"
    allowed: str


class ClassNotJudged(Diagnostic):
    """A manifest that judges differences says of each class how. What it forgot would be judged by a default that
    nobody reads."""

    code = "RSP9204"
    name = "class-not-judged"
    headline = "`divergence_policy` does not say how `{subject}` is judged"
    hint = "add `{subject}: {wanted}`"
    wanted: str


class JudgedTooMildly(Diagnostic):
    """A difference in authority always fails. Differences in plan, outcome and provider fail unless they were expected,
    another order needs somebody's approval, and times beyond the tolerance fail. A manifest may be stricter."""

    code = "RSP9205"
    name = "judged-too-mildly"
    headline = "`{subject}` cannot be judged with `{written}`"
    hint = "write {wanted}"
    written: str
    wanted: str


class UnknownSortKey(Diagnostic):
    """Events are ordered by what every event has."""

    code = "RSP9206"
    name = "unknown-sort-key"
    headline = "events are not ordered by `{subject}`"
    hint = "{advice}keys are {known}"
    known: str
    advice: str = ""


class UnorderedCursor(Diagnostic):
    """A replay that is stepped through and one that runs through must meet the same events in the same order. That
    takes an order in which no two events are equal, and which follows the time."""

    code = "RSP9207"
    name = "unordered-cursor"
    headline = "`stable_sort_keys` {problem}"
    hint = "write `[{known}]`"
    problem: str
    known: str


class ContradictorySampling(Diagnostic):
    """Sampling says how many sessions are recorded above L0. Evidence at L0 is never sampled: each accepted turn leaves
    it."""

    code = "RSP9208"
    name = "contradictory-sampling"
    headline = "`sampling_milli: {milli}` contradicts `recording_level: {recorded}`"
    hint = "{advice}"
    milli: int
    recorded: str
    advice: str


class RetentionOutOfBounds(Diagnostic):
    """Recordings above L0 hold what people said, and are let go after a month at most. Evidence at L0 holds no payload,
    but a release rests on it, so that it must be kept for a day at least."""

    code = "RSP9209"
    name = "retention-out-of-bounds"
    headline = "{problem}"
    hint = "{advice}"
    problem: str
    advice: str


class MalformedTurnRef(Diagnostic):
    """A manifest speaks of the turns of a bundle, of those of a plan, or of a single turn. Words lead nowhere."""

    code = "RSP9210"
    name = "malformed-turn-ref"
    headline = "`{subject}` names no turn"
    hint = "write `bundle:ID/VERSION`, `plan:rtp-` and the 64 digits of a plan's hash, or `turn:SESSION/TURN`"


class MissingFixture(Diagnostic):
    """A fixture is a recording that replays are held against. One that is not there is never replayed, and nobody would
    notice."""

    code = "RSP9211"
    name = "missing-fixture"
    headline = "there is no fixture `{subject}`"
    hint = "{advice}"
    advice: str


class FixtureDiffers(Diagnostic):
    """A fixture with a digest is the recording that was reviewed. Another one under its name proves something else."""

    code = "RSP9212"
    name = "fixture-differs"
    headline = "the fixture `{subject}` is {found}"
    hint = "put the recording back that the digest names, or review the new one and write its digest"
    found: str


class ModeNeedsPayload(Diagnostic):
    """What a provider answered is payload, and at L0 no payload is kept. It cannot be played back."""

    code = "RSP9213"
    name = "mode-needs-payload"
    headline = "`{subject}` needs payloads, which L0 does not keep"
    hint = "record at L1 or above, or remove the mode"


class UnknownEvidenceVersion(Diagnostic):
    """The list of fields belongs to a version of the evidence. Of another version nobody knows what is mandatory."""

    code = "RSP9214"
    name = "unknown-evidence-version"
    headline = "there is no OR-02 evidence of version `{subject}`"
    hint = "write `{known}`"
    known: str


class LevelNotRecorded(Diagnostic):
    """How much is recorded is decided by the profile that a bundle runs by. A manifest that counts on more would wait
    for recordings that nobody makes."""

    code = "RSP9215"
    name = "level-not-recorded"
    headline = "`recording_level: {asked}` is more than `{subject}` records, which is {recorded}"
    hint = "write `{recorded}`, or record more in the profile of `{bundle}`"
    asked: str
    recorded: str
    bundle: str


def check_artifact(artifacts: Artifacts, artifact: Artifact, sink: DiagnosticSink) -> None:
    """Report whatever a sound manifest says that cannot be meant."""
    root = artifact.root
    if "turn_ref" in root:
        _check_turn_ref(root, artifacts, sink)
    if "or02_evidence_schema_version" in root:
        _check_version(root, sink)
    if "required_fields" in root:
        _check_fields(root, sink)
    _check_modes(root, sink)
    if "stable_sort_keys" in (root.get("cursor") or ()):
        _check_order(root["cursor"]["stable_sort_keys"], root["cursor"], sink)
    if "divergence_policy" in root:
        _check_policy(root, sink)
    _check_sampling(root, sink)
    _check_retention(root, sink)
    _check_fixtures(root.get("fixtures") or Sequence(), artifacts, sink)


def _check_turn_ref(root: Mapping, artifacts: Artifacts, sink: DiagnosticSink) -> None:
    text, at = root["turn_ref"], root.value_span("turn_ref")
    ref = parse_turn_ref(text)
    if ref is None:
        sink.report(MalformedTurnRef(at=at, subject=text))
    elif ref.bundle is not None:
        bundle = artifacts.resolve("bundle", ref.bundle, at, sink)
        if bundle is not None:
            _check_level(root, bundle, artifacts, sink)


def _check_level(root: Mapping, bundle: Artifact, artifacts: Artifacts, sink: DiagnosticSink) -> None:
    """Whether the profile of a bundle records what the manifest counts on; what is wrong with either is said there."""
    asked, profile_ref = root.get("recording_level"), bundle.root.get("profile_ref")
    if asked is None or profile_ref is None:
        return
    profile = artifacts.resolve("profile", profile_ref, root.value_span("turn_ref"), DiagnosticSink())
    recorded = (profile.root.get("recording") or {}).get("recording_level") if profile is not None else None
    if profile is not None and recorded is not None and LEVELS.index(asked) > LEVELS.index(recorded):
        at = root.value_span("recording_level")
        found = LevelNotRecorded(at=at, subject=profile.ref, asked=asked, recorded=recorded, bundle=bundle.ref)
        sink.report(found)


def _check_version(root: Mapping, sink: DiagnosticSink) -> None:
    version = root["or02_evidence_schema_version"]
    if version_key(version) != version_key(SCHEMA_VERSION):
        at = root.value_span("or02_evidence_schema_version")
        sink.report(UnknownEvidenceVersion(at=at, subject=version, known=SCHEMA_VERSION))


def _check_fields(root: Mapping, sink: DiagnosticSink) -> None:
    written, meant = root["required_fields"], set(root["required_fields"])
    for index, name in enumerate(written):
        if name in KNOWN:
            continue
        at = written.value_span(index)
        guess = near_miss(name, [one for one in KNOWN if one not in meant])
        meant.add(guess)
        advice = f"did you mean `{guess}`?" if guess else f"its fields are {_names(KNOWN)}"
        fixes = (Fix(title=f"write `{guess}`", edits=(Edit(at=at, text=guess),)),) if guess else ()
        sink.report(UnknownEvidenceField(at=at, subject=name, advice=advice, fixes=fixes))
    missing = [name for name in MANDATORY if name not in meant]
    if missing:
        at = root.key_span("required_fields")
        sink.report(EvidenceFieldLeftOut(at=at, fields=_names(missing)))


def _check_modes(root: Mapping, sink: DiagnosticSink) -> None:
    allowed, default = root.get("allowed_replay_modes"), root.get("default_mode")
    if allowed is not None and default is not None and default not in allowed:
        at = root.value_span("default_mode")
        sink.report(ModeNotAllowed(at=at, subject=default, allowed=_names(allowed)))
    mode = "playback_recorded_provider_outputs"
    if root.get("recording_level") == "L0" and mode in (*(allowed or ()), default):
        at = root.value_span("default_mode")
        if allowed is not None and mode in allowed:
            at = allowed.value_span(allowed.index(mode))
        sink.report(ModeNeedsPayload(at=at, subject=mode))


def _check_order(keys: Sequence, cursor: Mapping, sink: DiagnosticSink) -> None:
    unknown = [key for key in keys if key not in SORT_KEYS]
    for index, key in enumerate(keys):
        if key in unknown:
            guess = near_miss(key, SORT_KEYS)
            advice = f"did you mean `{guess}`? " if guess else ""
            at = keys.value_span(index)
            sink.report(UnknownSortKey(at=at, subject=key, known=_names(SORT_KEYS), advice=advice))
    if unknown:
        return
    known, at = ", ".join(SORT_KEYS), cursor.value_span("stable_sort_keys")
    if not any(key in UNIQUE_KEYS for key in keys):
        sink.report(UnorderedCursor(at=at, problem="leaves events of one millisecond in no order", known=known))
    elif keys[0] not in TIME_KEYS:
        sink.report(UnorderedCursor(at=at, problem=f"begins with `{keys[0]}`, which follows no time", known=known))


def _check_policy(root: Mapping, sink: DiagnosticSink) -> None:
    policy = root["divergence_policy"]
    for name in CLASSES:
        written, wanted = policy.get(name), MILDEST[name]
        if written is None:
            at = root.key_span("divergence_policy")
            sink.report(ClassNotJudged(at=at, subject=name, wanted=wanted))
        elif LENIENCE.index(written) > LENIENCE.index(wanted):
            at, stricter = policy.value_span(name), LENIENCE[: LENIENCE.index(wanted) + 1]
            advice = " or ".join(f"`{one}`" for one in reversed(stricter))
            sink.report(JudgedTooMildly(at=at, subject=name, written=written, wanted=advice))


def _check_sampling(root: Mapping, sink: DiagnosticSink) -> None:
    level, milli = root.get("recording_level"), root.get("sampling_milli")
    if level is None or milli is None or (milli > 0) == (level != "L0"):
        return
    advice = "write 0, or record at L1 or L2" if level == "L0" else "record at L0, or say how many sessions are kept"
    at = root.value_span("sampling_milli")
    sink.report(ContradictorySampling(at=at, milli=milli, recorded=level, advice=advice))


def _check_retention(root: Mapping, sink: DiagnosticSink) -> None:
    level, days = root.get("recording_level"), root.get("retention_days")
    if days == 0:
        problem, advice = "evidence that is kept for no day proves nothing", "write at least 1"
    elif level in ("L1", "L2") and days is None:
        problem = f"recordings at {level} hold what people said, and nothing says how long they are kept"
        advice = f"add `retention_days`, at most {PAYLOAD_DAYS_MAX}"
    elif level in ("L1", "L2") and days is not None and days > PAYLOAD_DAYS_MAX:
        problem = f"recordings at {level} hold what people said, and are kept for {days} days"
        advice = f"write at most {PAYLOAD_DAYS_MAX}, or record at L0"
    else:
        return
    at = root.value_span("retention_days" if days is not None else "recording_level")
    sink.report(RetentionOutOfBounds(at=at, problem=problem, advice=advice))


def _check_fixtures(fixtures: Sequence, artifacts: Artifacts, sink: DiagnosticSink) -> None:
    for index, text in enumerate(fixtures):
        at, fixture = fixtures.value_span(index), parse_fixture(text)
        if fixture is None:
            advice = f"write a path below `{FIXTURES}/`, as in `replay/calm.jsonl`, and perhaps `@sha256:…`"
            sink.report(MissingFixture(at=at, subject=text, advice=advice))
            continue
        digest = artifacts.workspace.asset_digest(fixture.path)
        if digest is None:
            where = f"{artifacts.workspace.sources}/{FIXTURES}/{fixture.path}"
            advice = f"record it: `rsppc simulate BUNDLE --timeline {where}`"
            sink.report(MissingFixture(at=at, subject=fixture.path, advice=advice))
        elif fixture.digest not in (None, digest):
            sink.report(FixtureDiffers(at=at, subject=fixture.path, found=digest))


def _names(names: tuple[str, ...] | list[str] | Sequence) -> str:
    return ", ".join(f"`{name}`" for name in names)
