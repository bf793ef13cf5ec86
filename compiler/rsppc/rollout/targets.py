"""Whether the bundles that a rollout points to are there: pinned by digest, and published as exactly that build.

Asked when traffic is about to move; a manifest may well be written before its bundle is built.
"""

from __future__ import annotations

from collections.abc import Callable

from rsppc.base.source import Span
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Related
from rsppc.rollout.check import bundle_references
from rsppc.rollout.plan import target
from rsppc.store.protocols import Stored, StoreFault
from rsppc.syntax.document import Mapping

GetBundle = Callable[[str], Stored | StoreFault]


class MutableTarget(Diagnostic):
    """A version without a digest stands for whatever is built under it next. Traffic moves to what was reviewed, and to
    nothing else."""

    code = "RSP7631"
    name = "mutable-target"
    headline = "`{subject}` is not pinned: another build of it would be served without anybody noticing"
    hint = "build the bundle, and run `rsppc pin {rollout}`"
    rollout: str


class NeverPublished(Diagnostic):
    """Traffic can only go where something is. A bundle to return to that was never published is found missing on the
    evening when it is needed."""

    code = "RSP7632"
    name = "never-published"
    headline = "{role} `{subject}` was never published: the store has no such bundle"
    hint = "publish it with `rsppc release publish`, or name a bundle that is published"
    role: str


class OtherBuildPublished(Diagnostic):
    """What was published under a version never changes. A rollout that is pinned to another build of it was written for
    something that cannot be served."""

    code = "RSP7633"
    name = "other-build-published"
    headline = "{role} `{subject}` was published as another build than the rollout is pinned to"
    hint = "publish the build that you mean under a new version, or pin the rollout to {published}"
    role: str
    published: str


class DamagedBundle(Diagnostic):
    """The store keeps every bundle under the digest of its bytes. Where the two differ, the bytes are not those that
    were published."""

    code = "RSP7634"
    name = "damaged-bundle"
    headline = "{role} `{subject}` is damaged in the store: {reason}"
    hint = "publish the same build again, which repairs it"
    role: str
    reason: str


class CollectedBundle(Diagnostic):
    """A bundle is kept for as long as its retention class says. What was collected since is known by name and digest,
    and can be served to nobody."""

    code = "RSP7636"
    name = "collected-bundle"
    headline = "{role} `{subject}` is not kept any more: {reason}"
    hint = "publish the bundle under a new version, and pin the rollout to that"
    role: str
    reason: str


class UnreadableStore(Diagnostic):
    """A store that does not answer says nothing about what it holds, and traffic does not move on a guess."""

    code = "RSP7635"
    name = "unreadable-store"
    headline = "the store cannot be asked for `{subject}`: {reason}"
    hint = "see that the folder can be read, and try again"
    reason: str


def check_pinned(root: Mapping, rollout: str, sink: DiagnosticSink) -> None:
    """Report every bundle of a manifest of which some reference does not say which build it means."""
    unpinned: dict[str, list[Span]] = {}
    for text, at in bundle_references(root):
        if target(text).digest is None:
            unpinned.setdefault(target(text).name, []).append(at)
    for name, (at, *others) in unpinned.items():
        related = tuple(Related(at=other, text="nor here") for other in others)
        sink.report(MutableTarget(at=at, subject=name, rollout=rollout, related=related))


def check_published(root: Mapping, get_bundle: GetBundle, sink: DiagnosticSink) -> None:
    """Report the bundle that is rolled out, and the one to return to, where a store does not have that very build."""
    _check_one("the bundle", root["bundle_ref"], root.value_span("bundle_ref"), get_bundle, sink)
    check_way_back(root, get_bundle, sink)


def check_way_back(root: Mapping, get_bundle: GetBundle, sink: DiagnosticSink) -> None:
    """Report the bundle to return to, where a store does not have that very build."""
    _check_one("the rollback target", root["rollback_ref"], root.value_span("rollback_ref"), get_bundle, sink)


def _check_one(role: str, text: str, at: Span, get_bundle: GetBundle, sink: DiagnosticSink) -> None:
    name, digest = target(text).name, target(text).digest
    found = get_bundle(name)
    if isinstance(found, Stored):
        if digest is not None and found.digest != digest:
            sink.report(OtherBuildPublished(at=at, subject=name, role=role, published=f"`{found.digest}`"))
    elif found.kind == "missing":
        sink.report(NeverPublished(at=at, subject=name, role=role))
    elif found.kind == "environment":
        sink.report(UnreadableStore(at=at, subject=name, reason=found.reason))
    elif found.kind == "refused":  # of what is read, the one rule is that what was collected is gone
        sink.report(CollectedBundle(at=at, subject=name, role=role, reason=found.reason))
    else:
        sink.report(DamagedBundle(at=at, subject=name, role=role, reason=found.reason))
