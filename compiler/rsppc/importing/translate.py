"""From earlier artifacts to today's: the whole import on one page.

    documents ─recognise─▶ Earlier ─hold against its shape─▶ EarlierSet ─translate each─▶ Targets ─one of each─▶

All problems of all files are reported. Whether anything is written is for the caller to decide, who writes all targets
or none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from rsppc.base.names import near_miss
from rsppc.base.record import Record
from rsppc.base.source import Span, file_span
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Related
from rsppc.importing.bundle import BUNDLE, translate_bundle
from rsppc.importing.compatibility import COMPATIBILITY, translate_compatibility
from rsppc.importing.conformance import CONFORMANCE, translate_conformance
from rsppc.importing.deploy_rollout import DEPLOY_ROLLOUT, translate_deploy_rollout
from rsppc.importing.deprecation import DEPRECATION, translate_deprecation
from rsppc.importing.earlier import Earlier, EarlierKind, Target
from rsppc.importing.extensions import EXTENSIONS, translate_extensions
from rsppc.importing.fields import report_unsound
from rsppc.importing.findings import LeftOut, NotEarlier, SameTarget
from rsppc.importing.linking import EarlierSet
from rsppc.importing.naming import named, report_renamed
from rsppc.importing.policy import POLICY, translate_policy
from rsppc.importing.profile import PROFILE, translate_profile
from rsppc.importing.replay import REPLAY, translate_replay
from rsppc.importing.rollout import ROLLOUT, translate_rollout
from rsppc.importing.spec import SPEC, translate_spec
from rsppc.importing.version_skew import VERSION_SKEW, translate_version_skew
from rsppc.model.kinds import BY_SCHEMA_VERSION
from rsppc.syntax.document import Document

Translator: TypeAlias = Callable[[Earlier, EarlierSet, DiagnosticSink], list[Target]]

KINDS: tuple[tuple[EarlierKind, Translator], ...] = (
    (SPEC, translate_spec),
    (PROFILE, translate_profile),
    (POLICY, translate_policy),
    (BUNDLE, translate_bundle),
    (ROLLOUT, translate_rollout),
    (DEPLOY_ROLLOUT, translate_deploy_rollout),
    (EXTENSIONS, translate_extensions),
    (REPLAY, translate_replay),
    (COMPATIBILITY, translate_compatibility),
    (VERSION_SKEW, translate_version_skew),
    (DEPRECATION, translate_deprecation),
    (CONFORMANCE, translate_conformance),
)
_BY_SCHEMA_VERSION = {kind.schema_version: kind for kind, _ in KINDS}
_TRANSLATORS = {kind.name: translator for kind, translator in KINDS}


class Given(Record):
    """A document that was given to the import."""

    document: Document
    asked_for: bool = True
    """Whether the file was named; one that was found in a folder may be something else."""
    broken: bool = False
    """Whether reading it went wrong, which has been reported."""


class Translation(Record):
    """What an import makes of its sources."""

    earlier: tuple[Earlier, ...]
    """The sources that are earlier artifacts, sound or not."""
    targets: tuple[Target, ...]
    """The artifacts to be written, by path. Without meaning where the sink has errors."""


def translate(given: Iterable[Given], sink: DiagnosticSink) -> Translation:
    """What becomes of a set of earlier artifacts. Every translation and every loss goes to the sink."""
    all_ = EarlierSet(found for one in given if (found := _recognised(one, sink)) is not None)
    targets: list[Target] = []
    for earlier in all_.members:
        if earlier.sound and earlier.id:
            made = _TRANSLATORS[earlier.kind.name](earlier, all_, sink)
            if any(one.id == earlier.id for one in made):
                report_renamed(earlier, sink)
            targets += made
    return Translation(earlier=all_.members, targets=_one_of_each(targets, sink))


def _recognised(given: Given, sink: DiagnosticSink) -> Earlier | None:
    """An earlier artifact with its findings; None, and a finding, where a document is none."""
    document = given.document
    refusal = _refusal(document)
    if refusal is not None:
        at = file_span(document.source) if document.root is None else document.root.value_span("schema_version")
        if not given.broken:
            sink.report(_finding(refusal, at, asked_for=given.asked_for))
        return None
    root = document.root
    assert root is not None
    kind = _BY_SCHEMA_VERSION[root["schema_version"]]
    checked = DiagnosticSink()
    if not given.broken:
        report_unsound(root, kind.shape, checked)
    for finding in checked.sorted():
        sink.report(finding)
    sound = not given.broken and not checked.has_errors
    id_, version = named(kind, document, root, sink if sound else DiagnosticSink())
    return Earlier(kind=kind, document=document, root=root, sound=sound, id=id_, version=version)


def _refusal(document: Document) -> tuple[str, str] | None:
    """Why a document is no earlier artifact, and what to do; None where it is one."""
    if not document.path.endswith(".json"):
        return "earlier artifacts are JSON files, and this is none", "name files that end in `.json`"
    root = document.root
    written = root.get("schema_version") if root is not None else None
    if root is None or not isinstance(written, str):
        return "the file does not say what it is", "earlier artifacts have a `schema_version`"
    if written in BY_SCHEMA_VERSION and (written not in _BY_SCHEMA_VERSION or "version" in root):
        return "this is an artifact of today's form already", "leave it out; `rsppc check` checks it"
    if written in _BY_SCHEMA_VERSION:
        return None
    guess = near_miss(written, _BY_SCHEMA_VERSION)
    advice = f"did you mean `{guess}`?" if guess else "known are " + ", ".join(f"`{one}`" for one in _BY_SCHEMA_VERSION)
    return f"no earlier artifact has the schema version `{written[:80]}`", advice


def _finding(refusal: tuple[str, str], at: Span, *, asked_for: bool) -> Diagnostic:
    problem, advice = refusal
    return NotEarlier(at=at, problem=problem, advice=advice) if asked_for else LeftOut(at=at, reason=problem)


def _one_of_each(targets: list[Target], sink: DiagnosticSink) -> tuple[Target, ...]:
    """The targets by path. Two of one path are refused, unless they say the same."""
    by_path: dict[str, Target] = {}
    for one in targets:
        first = by_path.setdefault(one.path, one)
        if first is not one and _meaning(first) != _meaning(one):
            related = (Related(at=first.earlier.start(), text="the other one"),)
            at, other = one.earlier.start(), first.earlier.path
            sink.report(SameTarget(at=at, subject=one.path, other=other, related=related))
    return tuple(by_path[path] for path in sorted(by_path))


def _meaning(one: Target) -> dict[str, object]:
    return {key: value for key, value in one.content.items() if key != "metadata"}
