"""Bundles and sources before and after, for `rsppc breaking`: which stands for which, and where their values stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rsppc.base.names import version_key
from rsppc.base.record import Record, replace
from rsppc.base.source import Span
from rsppc.changes.breaking import ChangedUnderVersion, Subject, counterparts, of_artifact, of_bundle, of_removed
from rsppc.changes.finding import Breaking, Level, Pair, Place
from rsppc.changes.side import Side
from rsppc.cli.session import Options, usage
from rsppc.cli.sides import Named, Sources, compiled
from rsppc.driver import entries, signature
from rsppc.lowering.artifacts import Artifact, Artifacts

_SHARED = ("module", "policy", "layer", "profile", "extension", "pipeline")
"""Kinds of artifacts that others refer to, by their name or by names in them."""


class Looked(Record):
    """What was compared, what is gone altogether, and what could not be looked at."""

    subjects: tuple[Subject, ...]
    removed: tuple[Breaking, ...] = ()
    notes: tuple[str, ...] = ()


def look(
    against: Named, here: Sources, chosen: Sequence[Artifact], level: Level, options: Options, *, everything: bool
) -> Looked:
    """Hold bundles against what they were; with `everything`, also what authors refer to, and what is gone."""
    if isinstance(against, Side):
        return _built(against, here, chosen, level, options)
    if against.entry is not None:
        earlier, chosen = [against.entry], [one for one in chosen if one.id == against.entry.id]
    else:
        earlier = list(entries(against.artifacts))
    bundles = _bundles(against, earlier, here, chosen, level, options)
    if not bundles.subjects and not everything:
        usage(f"`{against.name}` has no earlier version of what is named", "name what was there before")
    if not everything or against.entry is not None or level not in ("source", "port"):
        return bundles if everything else replace(bundles, removed=())
    shared = _sources(against, here, level)
    return Looked(
        subjects=(*bundles.subjects, *shared.subjects),
        removed=(*bundles.removed, *shared.removed),
        notes=bundles.notes,
    )


def _built(against: Side, here: Sources, chosen: Sequence[Artifact], level: Level, options: Options) -> Looked:
    bundle_id = against.bundle["bundle_id"]
    known = [one for one in chosen if one.id == bundle_id]
    if not known:
        usage(f"`{against.name}` holds `{bundle_id}`, which is not here", "name a bundle that is here as well")
    entry = max(known, key=lambda one: version_key(one.version))
    pair = _pair(against, None, compiled(here, entry, options), here, entry)
    notes = ("what was built holds no sources, so that rules for authors were not asked",) if level == "source" else ()
    return Looked(subjects=(of_bundle(pair, level, against=_at(against)),), notes=notes)


def _bundles(
    against: Sources,
    earlier: Sequence[Artifact],
    here: Sources,
    chosen: Sequence[Artifact],
    level: Level,
    options: Options,
) -> Looked:
    subjects: list[Subject] = []
    removed: list[Breaking] = []
    notes: list[str] = []
    for bundle_id in sorted({one.id for one in (*earlier, *chosen)}):
        for before, after in counterparts(_of(earlier, bundle_id), _of(chosen, bundle_id)):
            if before is not None and after is not None:
                pair = _pair(compiled(against, before, options), against, compiled(here, after, options), here, after)
                subjects.append(of_bundle(pair, level, against=_at(against)))
            elif after is not None:
                notes.append(f"{after.kind.name} {after.ref} is new")
            elif before is not None and against.entry is None:
                removed.append(of_removed(before, at_before=against.place))
    return Looked(subjects=tuple(subjects), removed=tuple(removed), notes=tuple(notes))


def _sources(against: Sources, here: Sources, level: Level) -> Looked:
    """What authors refer to. A spec that is a bundle of its own has been told of as one."""
    subjects: list[Subject] = []
    removed: list[Breaking] = []
    alone = {one.path for one in entries(here.artifacts) if one.kind.name == "pipeline"}
    for before, after in _shared(against.artifacts, here.artifacts):
        if before is not None and after is not None:
            modules = before.kind.name == "module"
            signatures = (
                (signature(against.artifacts, before), signature(here.artifacts, after)) if modules else ({}, {})
            )
            subject = of_artifact(
                before, after, level, at_before=against.place, signatures=signatures, against=_at(against)
            )
            if after.path in alone:
                own = tuple(one for one in subject.found if not isinstance(one, ChangedUnderVersion))
                subject = replace(subject, found=own)
            if subject.found or (subject.differs and after.path not in alone):
                subjects.append(subject)
        elif before is not None and level == "source" and before.kind.name != "pipeline":
            removed.append(of_removed(before, at_before=against.place))
    return Looked(subjects=tuple(subjects), removed=tuple(removed))


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
