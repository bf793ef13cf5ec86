"""What `rsppc docs` reads, and how the folder of a site is exchanged.

A site is written beside its place and then put there as a whole, so that nobody reads half of one, and no page of an
earlier one stays. Only a folder that is empty, or that holds a site, is replaced.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import Any

from rsppc.cli.entry import compile_released
from rsppc.cli.session import fault, usage
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.driver import open_workspace
from rsppc.emit.artifacts import artifacts as emitted
from rsppc.lowering.artifacts import Artifact, Artifacts
from rsppc.model.kinds import KINDS
from rsppc.resources import folder
from rsppc.version import VERSION
from rsppc.workspace import Workspace

MARK = ".rsppc-docs"
"""A file that says that a folder is ours to replace."""


def artifacts_in_sight(artifacts: Artifacts) -> tuple[list[Artifact], list[Diagnostic]]:
    """All artifacts of the workspace and of the shipped library, and what is wrong with files of the workspace."""
    known: list[Artifact] = []
    found: list[Diagnostic] = []
    for path in artifacts.paths():
        artifact, diagnostics = artifacts.at(path)
        found.extend(diagnostics)
        if artifact is not None:
            known.append(artifact)
    for kind in KINDS:
        known.extend(artifacts.of_kind(kind.name)[1])
    return known, found


def compiled(artifacts: Artifacts) -> dict[tuple[bool, str, str], Any]:
    """The ResolvedSpec of every pipeline and bundle that compiles, by whether it ships, its kind and its reference."""
    library = open_workspace(Workspace(root=folder("pipelines"), sources="."), DiagnosticSink())
    made: dict[tuple[bool, str, str], Any] = {}
    for ships, known in ((False, artifacts), (True, library)):  # what ships is compiled with the assets beside it
        for path in known.paths():
            artifact, _ = known.at(path)
            if artifact is not None and artifact.kind.name in ("pipeline", "bundle"):
                compilation = compile_released(known, artifact)
                if compilation.ok and compilation.program is not None:
                    spec = emitted(compilation.program, compiler=f"rsppc {VERSION}").resolved_spec
                    made[ships, artifact.kind.name, artifact.ref] = spec
    return made


def shipped_pages(name: str) -> dict[str, str]:
    """Markdown pages that ship, by name without the ending."""
    place = folder(name)
    return {file.removesuffix(".md"): _text(place, file) for file in _listed(place, ".md")}


def shipped_schemas() -> dict[str, bytes]:
    """The JSON Schemas that ship."""
    place = folder("schemas")
    return {file: _text(place, file).encode() for file in _listed(place, ".schema.json")}


def _listed(place: str, ending: str) -> list[str]:
    return sorted(file for file in os.listdir(place) if file.endswith(ending))


def _text(place: str, file: str) -> str:
    with open(os.path.join(place, file), encoding="utf-8") as opened:
        return opened.read()


def refuse_foreign_folder(output: str, workspace: Workspace) -> None:
    """End the command where the folder holds what no site would, or stands among the sources."""
    place = os.path.realpath(output)
    sources = os.path.realpath(os.path.join(workspace.root, workspace.sources))
    if place == sources or place.startswith(sources + os.sep):
        usage(f"`{output}` lies among the sources", "choose a folder beside them with `--output`")
    try:
        if not os.path.lexists(place) or (os.path.isdir(place) and not os.listdir(place)):
            return
    except OSError as error:
        fault(f"cannot read `{output}`: {(error.strerror or 'input/output error').lower()}")
    if not os.path.isfile(os.path.join(place, MARK)):
        usage(f"`{output}` is there, and no earlier site", "choose another folder with `--output`, or empty this one")


def write_site(output: str, files: Mapping[str, bytes]) -> None:
    """Make a folder hold a site and nothing else."""
    place = os.path.realpath(output)
    beside, earlier = f"{place}.{os.getpid()}.tmp", f"{place}.{os.getpid()}.old"
    try:
        try:
            for path, data in {**files, MARK: b"Replaced as a whole by `rsppc docs`.\n"}.items():
                full = os.path.join(beside, path)
                os.makedirs(os.path.dirname(full), exist_ok=True)
                with open(full, "wb") as file:
                    file.write(data)
            if os.path.lexists(place):
                os.rename(place, earlier)
            os.rename(beside, place)
        except OSError:
            if os.path.lexists(earlier) and not os.path.lexists(place):
                os.rename(earlier, place)
            raise
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        shutil.rmtree(earlier, ignore_errors=True)
    except OSError as error:
        fault(f"cannot write `{output}`: {(error.strerror or 'input/output error').lower()}")
