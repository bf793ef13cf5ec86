"""Another name for what stands under the cursor, everywhere; refused where the name is taken, with the place."""

from __future__ import annotations

import re

from rsppc.base.names import DOTTED_ID, ID, PROVIDER_ID
from rsppc.base.record import Record
from rsppc.base.source import Span
from rsppc.diagnostics import Edit
from rsppc.ide.declared import SHIPPED, Refusal, declared_at, taken, uses_of, written_as
from rsppc.ide.names import Name, names_in, ref_name_span
from rsppc.ide.occurrences import Subject, occurrences, subject_at
from rsppc.ide.project import Project
from rsppc.lowering.artifacts import Artifact


class Renaming(Record):
    """The edits, and files that get another name with what they hold."""

    edits: tuple[Edit, ...]
    files: tuple[tuple[str, str], ...] = ()


_ID = (ID, "lower-case letters, digits and `_`, a letter first")
_FORMS: dict[str, tuple[re.Pattern[str], str]] = {
    "node": _ID,
    "artifact": _ID,
    "exposed": _ID,
    "provider": (PROVIDER_ID, "parts of lower-case letters and digits, joined by `-`"),
    "node_type": (DOTTED_ID, "parts of lower-case letters, digits and `_`, joined by dots"),
}


NO_NAME = Refusal(text="there is no name here that could be another one")
_DECLARED = ("port", "config", "type_port", "type_field", "served_port", "served_field")
"""What a node type declares, wherever it is named."""


def FEATURE(project: Project, path: str, offset: int, new: str) -> Renaming | Refusal:
    """Rename what stands at an offset."""  # the module's one member, found by this name
    found = subject_at(project, path, offset)
    if found is None:
        return NO_NAME
    subject, name = found
    if subject.what in _DECLARED:
        return _declared_renamed(project, path, name, new)
    refused = _unchangeable(subject) or _malformed(_FORMS[subject.what], new) or _collision(project, subject, new)
    if refused is not None:
        return refused
    edits = tuple(Edit(at=one.at, text=new) for one in occurrences(project, subject))
    files = _renamed_file(subject.home, new) if subject.what == "artifact" and subject.home is not None else ()
    return Renaming(edits=edits, files=files)


def prepared(project: Project, path: str, offset: int) -> Span | Refusal:
    """The stretch of the text that a rename would change."""
    found = subject_at(project, path, offset)
    if found is None:
        return NO_NAME
    subject, name = found
    if subject.what in _DECLARED:
        declared = declared_at(project, path, name)
        return declared if isinstance(declared, Refusal) else name.at
    refused = _unchangeable(subject)
    if refused is not None:
        return refused
    return _changed_part(name)


def _declared_renamed(project: Project, path: str, name: Name, new: str) -> Renaming | Refusal:
    """Another name for a port or a config field of a node type, in its manifest and wherever nodes of it stand."""
    declared = declared_at(project, path, name)
    if isinstance(declared, Refusal):
        return declared
    refused = _malformed(_ID, new) or (taken(declared, new) if new != declared.text else None)
    if refused is not None:
        return refused
    edits = []
    for use in uses_of(project, declared):
        text = use.problem or written_as(use.at, declared.text, new)
        if isinstance(text, Refusal):
            return text
        edits.append(Edit(at=use.at, text=text))
    return Renaming(edits=tuple(edits))


def _changed_part(name: Name) -> Span:
    return ref_name_span(name) if name.what == "reference" else name.at


def _unchangeable(subject: Subject) -> Refusal | None:
    """Why a thing has the name that it has."""
    if subject.what not in _FORMS:
        return NO_NAME
    if subject.home is not None and subject.home.shipped:
        return Refusal(text=f"`{subject.text}` ships with the compiler")
    if subject.what == "node" and "/" in subject.text:
        return Refusal(text="a node inside a module is renamed in the module")
    return None


def _malformed(wanted: tuple[re.Pattern[str], str], new: str) -> Refusal | None:
    form, said = wanted
    return None if form.fullmatch(new) else Refusal(text=f"`{new}` is no name: {said}")


def _collision(project: Project, subject: Subject, new: str) -> Refusal | None:
    if new == subject.text:
        return None
    home = subject.home
    match subject.what:
        case "artifact":
            assert home is not None
            taken = project.artifacts.own(home.kind.name, new, home.version)
            if taken is not None:
                return Refusal(text=f"there is a {home.kind.name} `{taken.ref}`", at=taken.item_span())
            ((_, file),) = _renamed_file(home, new) or (("", ""),)
            return Refusal(text=f"there is a file `{file}`") if file in project.artifacts.paths() else None
        case "exposed":
            assert home is not None
            names = names_in(home.document.root or home.root, home.kind)
            same = (one for one in names if (one.what, one.text, one.side) == ("exposed", new, subject.side))
            taken_by = next(same, None)
            return Refusal(text=f"there is a port `{new}`", at=taken_by.at) if taken_by is not None else None
        case "node":
            assert home is not None
            return _taken_node(project, home, subject.text, new)
        case _:
            return _taken_declaration(project, subject, new)


def _taken_node(project: Project, home: Artifact, old: str, new: str) -> Refusal | None:
    for artifact in (home, *project.governing(home)):
        for one in names_in(artifact.document.root or artifact.root, artifact.kind):
            if one.declares and one.what in ("node", "module_use") and one.text == new:
                return Refusal(text=f"there is a node `{new}`", at=one.at)
    for artifact in project.governing(home):  # what governs several pipelines speaks of nodes of all of them
        for other in project.specs_using(artifact):
            if other.path == home.path or artifact.path == home.path:
                continue
            theirs = names_in(other.document.root or other.root, other.kind)
            declared = next((one for one in theirs if one.declares and one.what == "node" and one.text == old), None)
            spoken = names_in(artifact.document.root or artifact.root, artifact.kind)
            if declared is not None and any(one.what == "node" and one.text == old for one in spoken):
                return Refusal(
                    text=f"`{artifact.ref}` speaks of `{old}`, and governs `{other.ref}`, which has one, too",
                    at=declared.at,
                )
    return None


def _taken_declaration(project: Project, subject: Subject, new: str) -> Refusal | None:
    catalog = project.catalog()
    known = catalog.node_types if subject.what == "node_type" else catalog.providers
    own = known.get(subject.text)
    if own is None:
        return Refusal(text=f"nothing declares `{subject.text}`")
    if own.place.span().source.path.startswith(SHIPPED):
        return Refusal(text=f"`{subject.text}` ships with the compiler")
    taken = known.get(new)
    return Refusal(text=f"there is a `{new}`", at=taken.place.span()) if taken is not None else None


def _renamed_file(home: Artifact, new: str) -> tuple[tuple[str, str], ...]:
    """The file with its name after the renaming, where it is named as it should be."""
    folder, slash, name = home.path.rpartition("/")
    stem, dot, suffix = name.rpartition(".")
    if not stem.startswith(f"{home.id}_v"):
        return ()
    return ((home.path, f"{folder}{slash}{new}{stem.removeprefix(home.id)}{dot}{suffix}"),)
