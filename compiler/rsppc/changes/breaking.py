"""Changes that break somebody, and the version that would say so.

A finding counts as long as the new version does not say enough. Levels include each other as those of a wire format do:
`source` asks all rules, `port` leaves out those for authors, `budget` asks only what a caller can feel.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from rsppc.base.names import version_key
from rsppc.base.record import Record, replace
from rsppc.base.source import Span
from rsppc.changes.finding import LEVELS, Breaking, Level, Pair
from rsppc.changes.rules import budget, plan, port, source
from rsppc.changes.versions import Bump, bumped, largest, says_enough
from rsppc.lowering.artifacts import Artifact


class ChangedUnderVersion(Breaking):
    """What was published under a version never changes: whoever pinned it, cached it or recorded a turn with it would
    have something else under the same name."""

    code = "RSP9701"
    name = "changed-under-version"
    audience = "budget"
    headline = "{kind} `{subject}` says something else than it did {against}, under the same version"
    hint = "publish it as {advice}"
    kind: str
    against: str


KINDS: tuple[type[Breaking], ...] = (
    ChangedUnderVersion,
    *(source.RemovedArtifact, source.RemovedPort, source.RemovedField, source.RemovedName),
    *(source.NarrowerBound, source.NewRequirement),
    *(port.NarrowerInput, port.WiderOutput, port.RemovedEnd, port.OtherLane),
    *(plan.OtherGraph, plan.OtherContractField, plan.NarrowerWindow),
    *(budget.LaterFirstOutput, budget.LargerBudget, budget.WeakerBound, budget.SlowerCancel, budget.RemovedFallback),
)
"""All kinds of findings."""


class Subject(Record):
    """What carries a version: a bundle, or an artifact that others refer to."""

    kind: str
    id: str
    before: str
    """Version before."""
    after: str
    at: Span
    before_digest: str
    after_digest: str
    found: tuple[Breaking, ...] = ()
    grown: bool = False
    """Whether it offers something that it did not offer."""

    @property
    def artifact(self) -> str:
        return f"{self.kind}:{self.id}"

    @property
    def differs(self) -> bool:
        return self.before_digest != self.after_digest

    @property
    def needs(self) -> Bump:
        """The step of the version that says everything that changed."""
        least: Bump = ("minor" if self.grown else "patch") if self.differs else "none"
        return largest(least, *(one.needs for one in self.found))

    @property
    def next_version(self) -> str:
        """The smallest version that may be published."""
        return bumped(self.before, self.needs)


def of_bundle(pair: Pair, level: Level, *, against: str) -> Subject:
    """A bundle with what breaks somebody in what is compiled of it."""
    found: list[Breaking] = []
    for one, rules in (("port", port), ("plan", plan), ("budget", budget)):
        if _asks(level, one):
            found.extend(rules.find(pair))
    bundles = pair.before.bundle, pair.after.bundle
    subject = Subject(
        kind="bundle",
        id=bundles[1]["bundle_id"],
        before=bundles[0]["version"],
        after=bundles[1]["version"],
        at=pair.at,
        before_digest=pair.before.digest,
        after_digest=pair.after.digest,
        found=tuple(found),
    )
    return _complete(subject, against)


def of_artifact(
    before: Artifact,
    after: Artifact,
    level: Level,
    *,
    at_before: source.AtBefore,
    signatures: tuple[port.Signature, port.Signature],
    against: str,
) -> Subject:
    """An artifact that others refer to, with what breaks them. Signatures are those of modules on both sides."""
    subject = Subject(
        kind=after.kind.name,
        id=after.id,
        before=before.version,
        after=after.version,
        at=after.root.value_span("version"),
        before_digest=_digest(before),
        after_digest=_digest(after),
    )

    def facts(needs: Bump) -> dict[str, Any]:
        return {
            "needs": needs,
            "artifact": subject.artifact,
            "before_digest": subject.before_digest,
            "after_digest": subject.after_digest,
        }

    def same(at: Span) -> Span:
        return at

    found = list(_of_sources(before, after, signatures, level, facts, at_before))
    grown = any(True for _ in _of_sources(after, before, (signatures[1], signatures[0]), "source", facts, same))
    return _complete(replace(subject, found=tuple(found), grown=grown), against)


def of_removed(artifact: Artifact, *, at_before: source.AtBefore) -> Breaking:
    """The finding about an artifact of which no version is left, or which was taken back."""
    digest = _digest(artifact)

    def facts(needs: Bump) -> dict[str, Any]:
        return {"needs": needs, "artifact": f"{artifact.kind.name}:{artifact.id}", "before_digest": digest}

    return source.removed(artifact, facts, at_before)


def _of_sources(
    before: Artifact,
    after: Artifact,
    signatures: tuple[port.Signature, port.Signature],
    level: Level,
    facts: source.Facts,
    at_before: source.AtBefore,
) -> Iterator[Breaking]:
    if _asks(level, "source"):
        yield from source.find(before, after, facts, at_before)
    if not _asks(level, "port"):
        return
    if before.kind.name == "extension":
        for name, old, new in source.node_types_of_both(before, after):
            ports = port.ports_of_node_type(old), port.ports_of_node_type(new)
            yield from port.of_ports(*ports, owner=name, facts=facts("major"))
    if before.kind.name == "module":
        ports = port.ports_of_module(signatures[0]), port.ports_of_module(signatures[1])
        yield from port.of_ports(*ports, owner=before.id, facts=facts("major"))


def _digest(artifact: Artifact) -> str:
    """Digest of what an artifact says; its version is part of it only where it says nothing else."""
    return artifact.meaning_digest


def _asks(level: Level, one: str) -> bool:
    return one in LEVELS[LEVELS.index(level) :]


def _complete(subject: Subject, against: str) -> Subject:
    """The subject with what is wrong with its version, and with the version that each finding asks for."""
    found = subject.found
    same_version = version_key(subject.before) == version_key(subject.after)
    if subject.differs and same_version:
        found = (
            ChangedUnderVersion(
                at=subject.at,
                subject=f"{subject.id}/{subject.after}",
                kind=subject.kind,
                against=against,
                needs=subject.needs,
                artifact=subject.artifact,
                before_digest=subject.before_digest,
                after_digest=subject.after_digest,
            ),
            *found,
        )
    advised = (_advised(one, subject) for one in found)
    return replace(subject, found=tuple(advised))


def _advised(finding: Breaking, subject: Subject) -> Breaking:
    return replace(finding, advice=f"`{subject.id}/{bumped(subject.before, finding.needs)}`")


def counting(subject: Subject) -> tuple[Breaking, ...]:
    """The findings that the new version does not say."""
    return tuple(
        one
        for one in subject.found
        if isinstance(one, ChangedUnderVersion)
        or one.needs == "none"
        or not says_enough(subject.before, subject.after, one.needs)
    )


def verdict(subject: Subject) -> str:
    """What came of a subject, in one line, and below it the digests that a waiver names."""
    count = sum(1 for one in subject.found if not isinstance(one, ChangedUnderVersion))
    name = f"{subject.kind} {subject.id} {subject.before} → {subject.after}"
    if not subject.differs and not subject.found:
        return f"{name}: nothing changed"
    told = f"{count} finding{'' if count == 1 else 's'}" if count else "nothing breaks"
    if says_enough(subject.before, subject.after, subject.needs):
        return f"{name}: {told}; {subject.next_version} is enough"
    digests = f"  before: {subject.before_digest}\n  after:  {subject.after_digest}"
    return f"{name}: {told}; publish it as {subject.next_version} ({subject.needs})\n{digests}"


def counterparts(
    before: Iterable[Artifact], after: Iterable[Artifact]
) -> Iterator[tuple[Artifact | None, Artifact | None]]:
    """Artifacts of one kind and id, before and after: the same version, else the one that a new version follows.

    A version that is gone stands alone, unless a new one has taken its place.
    """
    old = {version_key(one.version): one for one in before}
    new = {version_key(one.version): one for one in after}
    followed = set()
    for version, artifact in sorted(new.items()):
        earlier = [one for one in old if one <= version]
        base = max(earlier, default=None)
        if base is not None:
            followed.add(base)
        yield (old[base] if base is not None else None), artifact
    for version, artifact in sorted(old.items()):
        if version not in followed:
            yield artifact, None
