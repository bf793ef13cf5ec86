"""Every place of a workspace that names the same thing."""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.base.names import parse_ref, version_key
from rsppc.base.record import Record
from rsppc.base.source import Span
from rsppc.ide.names import Name, What, name_at, names_in, ref_name_span
from rsppc.ide.project import Project
from rsppc.lowering.artifacts import Artifact


class Subject(Record):
    """A thing that has a name."""

    what: What
    text: str
    home: Artifact | None
    """The artifact that it is, or in which it is declared; None where that does not matter or is not known."""
    owner: str = ""
    side: str = ""


class Occurrence(Record):
    """A place where a subject is named."""

    at: Span
    declares: bool


def subject_at(project: Project, path: str, offset: int) -> tuple[Subject, Name] | None:
    """What is named at an offset."""
    document, artifact = project.document(path), project.artifact(path)
    if document is None or document.root is None or artifact is None:
        return None
    name = name_at(document.root, artifact.kind, offset)
    if name is None:
        return None
    match name.what:
        case "artifact":
            return Subject(what="artifact", text=artifact.id, home=artifact), name
        case "reference":
            found = project.referred(name.owner, name.text, name.at)
            return (Subject(what="artifact", text=found.id, home=found), name) if found is not None else None
        case "node" | "module_use":
            return Subject(what="node", text=name.text, home=_home_of_node(project, artifact)), name
        case "exposed":
            return Subject(what="exposed", text=name.text, home=artifact, side=name.side), name
        case "port":
            module = _modules_of(project, artifact).get(name.owner)
            if module is not None:
                return Subject(what="exposed", text=name.text, home=module, side=name.side), name
            home = _home_of_node(project, artifact)
            return Subject(what="port", text=name.text, home=home, owner=name.owner, side=name.side), name
        case "config":
            home = _home_of_node(project, artifact)
            return Subject(what="config", text=name.text, home=home, owner=name.owner), name
        case _:
            return Subject(what=name.what, text=name.text, home=None, owner=name.owner), name


def _home_of_node(project: Project, artifact: Artifact) -> Artifact:
    """The spec or module whose nodes an artifact speaks of: itself, or for a policy or layer the spec that uses it."""
    if artifact.kind.name in ("pipeline", "module"):
        return artifact
    specs = project.specs_using(artifact)
    return specs[0] if specs else artifact


def _modules_of(project: Project, artifact: Artifact) -> dict[str, Artifact]:
    """The modules that an artifact uses, by the names that it gives them."""
    found: dict[str, Artifact] = {}
    for item in artifact.root.get("subgraph_refs") or ():
        if item.keys() >= {"name", "module"}:
            module = project.referred("module", item["module"], item.value_span("module"))
            if module is not None:
                found[item["name"]] = module
    return found


def occurrences(project: Project, subject: Subject) -> Iterator[Occurrence]:
    """All places that name a subject, in the order of files and places."""
    inside = _ids_in_programs(project, subject)
    for artifact in _files_for(project, subject):
        project.checkpoint()
        root = artifact.document.root
        if root is None:
            continue
        is_home = subject.home is not None and artifact.path == subject.home.path
        uses = _uses_of(project, subject, artifact)
        for name in names_in(root, artifact.kind):
            if subject.what == "exposed":
                at = _names_exposed(subject, name, uses, is_home=is_home)
            elif inside is not None and not is_home:
                at = _tail(name) if name.what == "node" and name.text in inside else None
            else:
                at = _named(subject, name, artifact)
            if at is not None:
                yield Occurrence(at=at, declares=name.declares)


def _files_for(project: Project, subject: Subject) -> list[Artifact]:
    home = subject.home
    if home is None:
        return list(project.own_artifacts())
    if subject.what in ("artifact", "exposed") or home.kind.name == "module":
        found = {one.path: one for one in project.users_of(home.id)}
        if subject.what != "artifact":
            found |= {one.path: one for spec in project.specs_using(home) for one in (spec, *project.governing(spec))}
        if not home.shipped:
            found[home.path] = home
        return [found[path] for path in sorted(found)]
    return [home, *(one for one in project.governing(home) if one.path != home.path)]


def _ids_in_programs(project: Project, subject: Subject) -> frozenset[str] | None:
    """What programs call a node of a module; None for a node of a spec."""
    home = subject.home
    if subject.what != "node" or home is None or home.kind.name != "module":
        return None
    found: set[str] = set()
    for spec in project.specs_using(home):
        program = project.program(spec.path)
        nodes = program.nodes.values() if program is not None else ()
        found.update(one.id for one in nodes if one.module == home.ref and one.id.rpartition("/")[2] == subject.text)
    return frozenset(found)


def _tail(name: Name) -> Span:
    """The last part of the path of a node."""
    length = len(name.text.rpartition("/")[2])
    return Span(source=name.at.source, start=name.at.end - length, end=name.at.end)


def _uses_of(project: Project, subject: Subject, artifact: Artifact) -> frozenset[str]:
    """Names under which an artifact uses the module that a subject stands in."""
    if subject.what != "exposed" or subject.home is None:
        return frozenset()
    path = subject.home.document.path
    return frozenset(name for name, one in _modules_of(project, artifact).items() if one.document.path == path)


def _names_exposed(subject: Subject, name: Name, uses: frozenset[str], *, is_home: bool) -> Span | None:
    if (name.text, name.side) != (subject.text, subject.side):
        return None
    return name.at if (is_home and name.what == "exposed") or (name.what == "port" and name.owner in uses) else None


def _named(subject: Subject, name: Name, artifact: Artifact) -> Span | None:
    """The place where a name names the subject; None where it names something else."""
    match subject.what:
        case "artifact":
            return _names_artifact(subject, name, artifact)
        case "node" if name.what == "node" and name.text.startswith(f"{subject.text}/"):
            return Span(source=name.at.source, start=name.at.start, end=name.at.start + len(subject.text))
        case "node":
            return name.at if name.what in ("node", "module_use") and name.text == subject.text else None
        case "port":
            same = (name.what, name.text, name.owner, name.side) == ("port", subject.text, subject.owner, subject.side)
            return name.at if same else None
        case "config":
            return name.at if (name.what, name.text, name.owner) == ("config", subject.text, subject.owner) else None
        case _:
            return name.at if (name.what, name.text) == (subject.what, subject.text) else None


def _names_artifact(subject: Subject, name: Name, artifact: Artifact) -> Span | None:
    home = subject.home
    assert home is not None
    if name.what == "artifact":
        return name.at if artifact.path == home.path else None
    ref = parse_ref(name.text) if name.what == "reference" and name.owner == home.kind.name else None
    if ref is None or ref.id != home.id or version_key(ref.version) != version_key(home.version):
        return None
    return ref_name_span(name)
