"""Bundles and sources before and after, for `rsppc breaking`: which stands for which, and where their values stand.

What does not compile, or cannot be read whole, is not compared: what is missing of it is not gone. It keeps nothing
else from being compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rsppc.base.names import name_of_file, version_key
from rsppc.base.record import Record, replace
from rsppc.base.source import Span
from rsppc.changes.breaking import ChangedUnderVersion, Subject, counterparts, of_artifact, of_bundle, of_removed
from rsppc.changes.finding import Breaking, Level, Pair, Place
from rsppc.changes.rules import port
from rsppc.changes.side import Side
from rsppc.cli.session import usage
from rsppc.cli.sides import Named, NotCompared, Sources, attempted, refused
from rsppc.driver import entries, signature
from rsppc.lowering.artifacts import Artifact, Artifacts

_SHARED = ("module", "policy", "layer", "profile", "extension", "pipeline")
"""Kinds of artifacts that others refer to, by their name or by names in them."""


class Looked(Record):
    """What was compared, what is gone altogether, and what could not be looked at."""

    subjects: tuple[Subject, ...]
    removed: tuple[Breaking, ...] = ()
    notes: tuple[str, ...] = ()
    not_compared: tuple[NotCompared, ...] = ()


def look(against: Named, here: Sources, chosen: Sequence[Artifact], level: Level, *, everything: bool) -> Looked:
    """Hold bundles against what they were; with `everything`, also what authors refer to, and what is gone."""
    if isinstance(against, Side):
        return _built(against, here, chosen, level)
    if against.entry is not None:
        earlier, chosen = [against.entry], [one for one in chosen if one.id == against.entry.id]
    else:
        earlier = list(entries(against.artifacts))
    found = list(_bundles(against, earlier, here, chosen, level))
    if not everything and not any(isinstance(one, Subject | NotCompared) for one in found):
        usage(f"`{against.name}` has no earlier version of what is named", "name what was there before")
    if everything and against.entry is None and level in ("source", "port"):
        found += _sources(against, here, level)
    looked = _looked(found)
    return looked if everything else replace(looked, removed=())


_Found = Subject | Breaking | NotCompared | str


def _looked(found: Iterable[_Found]) -> Looked:
    found = list(found)
    return Looked(
        subjects=tuple(one for one in found if isinstance(one, Subject)),
        removed=tuple(one for one in found if isinstance(one, Breaking)),
        notes=tuple(one for one in found if isinstance(one, str)),
        not_compared=tuple(one for one in found if isinstance(one, NotCompared)),
    )


def _built(against: Side, here: Sources, chosen: Sequence[Artifact], level: Level) -> Looked:
    bundle_id = against.bundle["bundle_id"]
    known = [one for one in chosen if one.id == bundle_id]
    if not known:
        usage(f"`{against.name}` holds `{bundle_id}`, which is not here", "name a bundle that is here as well")
    entry = max(known, key=lambda one: version_key(one.version))
    after = attempted(here, entry)
    if isinstance(after, NotCompared):
        return Looked(subjects=(), not_compared=(after,))
    pair = _pair(against, None, after, here, entry)
    notes = ("what was built holds no sources, so that rules for authors were not asked",) if level == "source" else ()
    return Looked(subjects=(of_bundle(pair, level, against=_at(against)),), notes=notes)


def _bundles(
    against: Sources, earlier: Sequence[Artifact], here: Sources, chosen: Sequence[Artifact], level: Level
) -> Iterator[_Found]:
    for bundle_id in sorted({one.id for one in (*earlier, *chosen)}):
        for before, after in counterparts(_of(earlier, bundle_id), _of(chosen, bundle_id)):
            if before is not None and after is not None:
                old, new = attempted(against, before), attempted(here, after)
                if isinstance(old, Side) and isinstance(new, Side):
                    yield of_bundle(_pair(old, against, new, here, after), level, against=_at(against))
                else:
                    yield from (one for one in (old, new) if isinstance(one, NotCompared))
            elif after is not None:
                yield f"{after.kind.name} {after.ref} is new"
            elif before is not None and against.entry is None:
                yield _gone(before, here, against)


def _gone(before: Artifact, here: Sources, against: Sources) -> Breaking | NotCompared:
    """The finding about what is not here any more, unless its file is here and cannot be read."""
    artifacts: Artifacts = here.artifacts
    for path in artifacts.paths():
        name = name_of_file(path)
        if name is None or (name["id"], version_key(name["version"])) != (before.id, version_key(before.version)):
            continue
        artifact, found = artifacts.at(path)
        if artifact is None:
            return refused(here, before.ref, "cannot be read", found)
    return of_removed(before, at_before=against.place)


def _sources(against: Sources, here: Sources, level: Level) -> Iterator[_Found]:
    """What authors refer to. A spec that is a bundle of its own has been told of as one."""
    alone = {one.path for one in entries(here.artifacts) if one.kind.name == "pipeline"}
    for before, after in _shared(against.artifacts, here.artifacts):
        if before is not None and after is not None:
            sides = (against, before), (here, after)
            unread = [(sources, one) for sources, one in sides if one.partial]
            if unread:
                yield from (refused(at, one.ref, "cannot be read whole", one.diagnostics) for at, one in unread)
                continue
            subject = _of_sources(against, before, here, after, level)
            if after.path in alone:
                own = tuple(one for one in subject.found if not isinstance(one, ChangedUnderVersion))
                subject = replace(subject, found=own)
            if subject.found or (subject.differs and after.path not in alone):
                yield subject
        elif before is not None and level == "source" and before.kind.name != "pipeline":
            yield _gone(before, here, against)


def _of_sources(against: Sources, before: Artifact, here: Sources, after: Artifact, level: Level) -> Subject:
    signatures: tuple[port.Signature, port.Signature] = ({}, {})
    if before.kind.name == "module":
        signatures = signature(against.artifacts, before), signature(here.artifacts, after)
    return of_artifact(before, after, level, at_before=against.place, signatures=signatures, against=_at(against))


def _shared(before: Artifacts, after: Artifacts) -> Iterator[tuple[Artifact | None, Artifact | None]]:
    for kind in _SHARED:
        old, new = before.of_kind(kind)[0], after.of_kind(kind)[0]
        for artifact_id in sorted({one.id for one in (*old, *new)}):
            yield from counterparts(_of(old, artifact_id), _of(new, artifact_id))


def _of(artifacts: Sequence[Artifact], artifact_id: str) -> list[Artifact]:
    return [one for one in artifacts if one.id == artifact_id]


def _pair(before: Side, sources: Sources | None, after: Side, here: Sources, entry: Artifact) -> Pair:
    def of_bundle(key: str) -> Span:
        if key == "execution_profile":
            key = "profile_ref"
        return entry.root.value_span(key if key in entry.root else "version")

    return Pair(
        before=before,
        after=after,
        place_before=_places(sources) if sources is not None else _nowhere,
        place_after=_places(here),
        of_bundle=of_bundle,
    )


def _nowhere(_place: str) -> Span | None:
    return None


def _places(sources: Sources) -> Place:
    """The way from `file:line:column` to a place in sources; files that ship are not theirs."""
    artifacts: Artifacts = sources.artifacts

    def place(text: str) -> Span | None:
        path, line, column = text.rsplit(":", 2)
        artifact = artifacts.at(path)[0] if path in artifacts.paths() else None
        if artifact is None:
            return None
        source = artifact.document.source
        start = source.offset(int(line), int(column))
        return sources.place(Span(source=source, start=start, end=_end_of_word(source.text, start)))

    return place


def _end_of_word(text: str, start: int) -> int:
    end = start
    while end < len(text) and text[end] not in " ,]}\n":
        end += 1
    return max(end, start + 1)


HERE = "the workspace"
"""The name of the sources that are looked after."""


def _at(against: Named) -> str:
    """Where the earlier state was found, in words that continue `than it did`."""
    if isinstance(against, Sources) and against.revision:
        return f"at `{against.revision}`"
    return f"in `{against.name}`"
