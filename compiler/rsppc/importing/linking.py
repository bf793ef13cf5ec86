"""Where the paths of earlier artifacts lead. They are looked up among the sources of the import and never opened."""

from __future__ import annotations

from collections.abc import Iterable

from rsppc.diagnostics import DiagnosticSink
from rsppc.importing.earlier import Earlier
from rsppc.importing.findings import EarlierReference, NotCarried, PipelineVersionDiffers, WithoutBundle


class EarlierSet:
    """All earlier artifacts of one import."""

    def __init__(self, members: Iterable[Earlier]) -> None:
        self.members = tuple(members)
        self.bundles = tuple(one for one in self.members if one.kind.name == "bundle")
        self._by_file: dict[str, list[Earlier]] = {}
        for one in self.members:
            self._by_file.setdefault(one.file_name, []).append(one)
        self._users: dict[tuple[str, str], list[Earlier]] | None = None

    def find(self, path: str) -> tuple[Earlier, ...]:
        """The artifacts that a path of the earlier repository can mean: those whose own path ends most like it."""
        wanted = path.split("/")
        candidates = [(_common_end(wanted, one.path.split("/")), one) for one in self._by_file.get(wanted[-1], ())]
        longest = max((length for length, _ in candidates), default=0)
        return tuple(one for length, one in candidates if length == longest)

    def bundles_naming(self, key: str, member: Earlier) -> tuple[Earlier, ...]:
        """The bundles whose field leads to an artifact."""
        if self._users is None:
            self._users = {}
            for bundle in self.bundles:
                for field, path in bundle.root.items():
                    for found in self.find(path) if field.endswith("_ref") and isinstance(path, str) else ():
                        self._users.setdefault((field, found.path), []).append(bundle)
        return tuple(self._users.get((key, member.path), ()))


def followed(earlier: Earlier, key: str, kind: str, all_: EarlierSet, sink: DiagnosticSink) -> Earlier | None:
    """The artifact to which a path leads; refused and None where it leads nowhere or to something else."""
    path: str = earlier.root[key]
    found = all_.find(path)
    problem = _problem(found, kind)
    if not problem:
        return found[0] if found[0].id else None  # one without a name was refused for that
    advice = "name only the sources that belong together" if found else "name the file as a source as well"
    at = earlier.root.value_span(key)
    sink.report(EarlierReference(at=at, subject=key, target=path, problem=problem, advice=advice))
    return None


def followed_if_there(earlier: Earlier, key: str, kind: str, all_: EarlierSet, sink: DiagnosticSink) -> Earlier | None:
    """The artifact to which a path leads, if the field is there and it leads to one; else that is said."""
    if key not in earlier.root:
        return None
    path: str = earlier.root[key]
    found = all_.find(path)
    problem = _problem(found, kind)
    if not problem:
        return found[0] if found[0].id else None
    sink.report(NotCarried(at=earlier.root.value_span(key), subject=key, reason=f"`{path}` is {problem}"))
    return None


def bundle_of(
    earlier: Earlier, ref_key: str, version_key: str, all_: EarlierSet, sink: DiagnosticSink
) -> Earlier | None:
    """The bundle to which an artifact belongs: the one that names it, else the one of its `pipeline_version`."""
    at, written = earlier.root.value_span(version_key), earlier.root[version_key]
    naming = all_.bundles_naming(ref_key, earlier)
    fitting = [one for one in naming or all_.bundles if one.root.get("pipeline_version") == written]
    if len(fitting) == 1:
        return fitting[0] if fitting[0].id else None
    if len(naming) == 1 and isinstance(naming[0].root.get("pipeline_version"), str):
        expected = naming[0].root["pipeline_version"]
        other = f"the bundle `{naming[0].file_name}`"
        sink.report(PipelineVersionDiffers(at=at, subject=version_key, written=written, other=other, expected=expected))
        return None
    if any(not one.sound for one in all_.bundles):
        return None  # a consequence of what was said about the bundle
    how_many, advice = "no bundle", "name the bundle as a source as well"
    if fitting:
        how_many, advice = "more than one bundle", f"name the file in the `{ref_key}` of one of them"
    sink.report(
        WithoutBundle(
            at=at,
            subject=version_key,
            problem=f"{how_many} among the sources has the `pipeline_version` `{written}`",
            advice=advice,
        )
    )
    return None


def _problem(found: tuple[Earlier, ...], kind: str) -> str:
    if not found:
        return "not among the sources of this import"
    if len(found) > 1:
        return "among the sources more than once"
    return "" if found[0].kind.name == kind else f"an earlier {found[0].kind.shape.name}"


def _common_end(one: list[str], other: list[str]) -> int:
    length = 0
    for left, right in zip(reversed(one), reversed(other), strict=False):
        if left != right:
            break
        length += 1
    return length
