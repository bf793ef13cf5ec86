"""Find what a command is asked about: a bundle or a spec, mostly, by reference or by file."""

from __future__ import annotations

import os

from rsppc.base.names import near_miss, parse_ref, version_key
from rsppc.cli.session import refuse_unread, usage
from rsppc.driver import Compilation, compile_bundle, entries
from rsppc.lowering.artifacts import Artifact, Artifacts

_WORDS = {"pipeline": "spec"}


def find_entry(artifacts: Artifacts, name: str, *, kinds: tuple[str, ...] = ("bundle", "pipeline")) -> Artifact:
    """The bundle or spec, or what else is asked for, that is named `id/version` or by its file; ends with a usage
    message where there is none. Of several with one name, the kind that stands first goes first: where a bundle and a
    spec share one, the bundle is what runs."""
    candidates = _named(artifacts, kinds)
    path = os.path.relpath(os.path.realpath(name), artifacts.workspace.root).replace(os.sep, "/")
    ref = parse_ref(name)
    for artifact in candidates:
        if artifact.path == path or (
            ref is not None and artifact.id == ref.id and version_key(artifact.version) == version_key(ref.version)
        ):
            return artifact
    refuse_unread(artifacts.unread())  # where it may be
    known = [artifact.ref for artifact in candidates]
    guess = near_miss(name, known)
    advice = f"did you mean `{guess}`?" if guess else "there are " + (", ".join(sorted(set(known))) or "none")
    usage(f"there is no {' and no '.join(_WORDS.get(kind, kind) for kind in kinds)} `{name}`", advice)


def _named(artifacts: Artifacts, kinds: tuple[str, ...]) -> list[Artifact]:
    found = [
        artifact
        for path in artifacts.paths()
        if (artifact := artifacts.at(path)[0]) is not None and artifact.kind.name in kinds
    ]
    return sorted(found, key=lambda one: kinds.index(one.kind.name))


def compile_released(
    artifacts: Artifacts, entry: Artifact, *, strict: bool = False, after: str | None = None
) -> Compilation:
    """Compile an entry; a spec that one bundle releases is compiled as part of that bundle, as it will run."""
    if entry.kind.name == "pipeline":
        releasing = [one for one in entries(artifacts) if one.kind.name == "bundle" and _releases(one, entry)]
        if len(releasing) == 1:
            entry = releasing[0]
    return compile_bundle(artifacts, entry, strict=strict, after=after)


def _releases(bundle: Artifact, spec: Artifact) -> bool:
    ref = parse_ref(str(bundle.root.get("spec_ref", "")))
    return ref is not None and ref.id == spec.id and version_key(ref.version) == version_key(spec.version)
