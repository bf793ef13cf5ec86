"""The whole site: what is on it, in which order, and how its pages lead to each other.

Three halves make it: what the workspace says (a page for each artifact, node type and provider), what may be said (a
page for each kind of artifact, with an anchor for every key, and for each diagnostic), and the manual. Nothing in it
depends on where or when it was made; links are relative, so that it can be read from a folder.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from rsppc.base.record import Record
from rsppc.handbook import things as t
from rsppc.handbook.content import content
from rsppc.handbook.declared import node_type_values, provider_values
from rsppc.handbook.drawn import drawn_of
from rsppc.handbook.manual import MANUAL, NAMES
from rsppc.handbook.markdown import html_of
from rsppc.handbook.page import Page, spots
from rsppc.handbook.search import FILE as INDEX_FILE
from rsppc.handbook.search import index
from rsppc.handbook.templates import render
from rsppc.lowering.artifacts import Artifact
from rsppc.model.kinds import KINDS
from rsppc.model.reference_page import forms_page, kind_page
from rsppc.pictures.palette import style
from rsppc.resources import read_text


class Subject(Record):
    """What a site is made of."""

    title: str
    artifacts: Sequence[Artifact]
    """Those of the workspace, and those of the shipped library."""
    compiled: Mapping[tuple[bool, str, str], Any]
    """The ResolvedSpec of what compiles, by whether it ships, its kind and its reference."""
    manual: Mapping[str, str]
    """Pages of the manual by name: Markdown."""
    diagnostics: Mapping[str, str]
    """Pages of diagnostics by file name, `README.md` being the one that lists them."""
    schemas: Mapping[str, bytes]
    """JSON Schemas by file name; pages of kinds link to theirs."""
    made_by: str


class Entry(Record):
    """A link in the navigation."""

    path: str
    title: str


class Group(Record):
    """Links under one heading."""

    title: str
    entries: tuple[Entry, ...]


def site(subject: Subject) -> dict[str, bytes]:
    """Every file of the site, by its path."""
    everything = t.Things(subject.artifacts)
    pages = list(_pages(subject, everything))
    navigation = _navigation(subject, everything)
    files = {page.path: _framed(page, subject, navigation).encode("utf-8", "replace") for page in pages}
    files |= {f"schemas/{name}": data for name, data in subject.schemas.items()}
    files["style.css"] = _style().encode()
    files["search.js"] = read_text("templates", "docs/search.js.j2").encode()
    files[INDEX_FILE] = index(pages).encode("utf-8", "replace")
    return files


def _style() -> str:
    # One look for everything that the compiler shows in a browser: what the report says, and what only a site has.
    report = read_text("templates", "report/style.css.j2") + style("auto")
    return report + read_text("templates", "docs/style.css.j2")


def _framed(page: Page, subject: Subject, navigation: Sequence[Group]) -> str:
    contents = [spot for spot in spots(page) if spot.level == 2]
    return str(
        render(
            "frame.html.j2",
            page=page,
            site=subject,
            navigation=navigation,
            contents=contents if len(contents) > 1 else [],
            to=partial(to, page.path),
        )
    )


def to(path: str, target: str) -> str:
    """A link from one page to another."""
    name, hash_, anchor = target.partition("#")
    relative = posixpath.relpath(name, posixpath.dirname(path) or ".") if name else ""
    return f"{relative}{hash_}{anchor}"


# --- Pages ------------------------------------------------------------------------------------------------------------


def _pages(subject: Subject, everything: t.Things) -> Iterator[Page]:
    filled = partial(_filled, subject, everything)
    yield filled("index.html", subject.title, "", "start.html.j2", kinds=KINDS)
    users = _users(everything)
    for artifact in everything.artifacts:
        spec = subject.compiled.get((artifact.shipped, artifact.kind.name, artifact.ref))
        yield filled(
            t.artifact_path(artifact),
            artifact.ref,
            artifact.kind.title,
            "artifact.html.j2",
            artifact=artifact,
            tables=content(artifact.root, artifact.kind, left_out=_LISTED.get(artifact.kind.name, ())),
            users=users.get((artifact.kind.name, artifact.ref), ()),
            drawn=drawn_of(spec) if spec is not None else None,
        )
    yield filled("node_types/index.html", "Node types", "Node types", "node_types.html.j2")
    for one in everything.node_types.values():
        values = node_type_values(one.entry)
        path, used = t.node_type_path(one.name), users.get(("node type", one.name), ())
        yield filled(path, one.name, "Node types", "node_type.html.j2", one=one, users=used, **values)
    yield filled("providers/index.html", "Providers", "Providers", "providers.html.j2")
    for one in everything.providers.values():
        path, used = t.provider_path(one.name), users.get(("provider", one.name), ())
        yield filled(path, one.name, "Providers", "provider.html.j2", one=one, users=used, **provider_values(one.entry))
    for kind in KINDS:
        yield _written(subject, t.kind_path(kind), kind_page(kind), "Kinds of artifacts", of="docs/reference.md")
    yield _written(subject, "kinds/forms.html", forms_page(), "Kinds of artifacts", of="docs/reference.md")
    for name in NAMES:
        if name in subject.manual:
            yield _written(subject, f"manual/{name}.html", subject.manual[name], "Manual", of=f"docs/{name}.md")
    for name, text in sorted(subject.diagnostics.items()):
        yield _written(subject, _diagnostic_path(name), text, "Diagnostics", of=f"docs/diagnostics/{name}")


_LISTED = {"extension": ("node_types", "providers")}
"""By kind, keys whose items have pages of their own, to which the page of the artifact links."""


def _filled(
    subject: Subject, everything: t.Things, path: str, title: str, group: str, template: str, **values: Any
) -> Page:
    body = render(
        template,
        title=title,
        site=subject,
        everything=everything,
        to=partial(to, path),
        address=partial(_address, everything),
        artifact_path=t.artifact_path,
        kind_path=t.kind_path,
        node_type_path=t.node_type_path,
        provider_path=t.provider_path,
        **values,
    )
    return Page(path=path, title=title, group=group, body=body)


def _address(everything: t.Things, mention: t.Mention) -> str:
    """The page of what is mentioned; empty where it has none."""
    if mention.what == "node type":
        return t.node_type_path(mention.name) if mention.name in everything.node_types else ""
    if mention.what == "provider":
        return t.provider_path(mention.name) if mention.name in everything.providers else ""
    found = everything.find(mention.what, mention.name)
    return t.artifact_path(found) if found is not None else ""


def _users(everything: t.Things) -> dict[tuple[str, str], tuple[Artifact, ...]]:
    """By what is used and its name: the artifacts of the workspace that name it."""
    users: dict[tuple[str, str], dict[str, Artifact]] = {}
    for artifact in everything.artifacts:
        for mention in t.mentions(artifact) if not artifact.shipped else ():
            found = everything.find(mention.what, mention.name)
            name = found.ref if found is not None else mention.name
            users.setdefault((mention.what, name), {})[artifact.path] = artifact
    return {used: tuple(by_path.values()) for used, by_path in users.items()}


# --- Pages that are written in Markdown ----------------------------------------------------------------------------


def _written(subject: Subject, path: str, text: str, group: str, *, of: str) -> Page:
    title, body = html_of(text, partial(_resolved, subject, path, of))
    return Page(path=path, title=title, group=group, body=body, code_is_found=group != "Diagnostics")


def _resolved(subject: Subject, path: str, of: str, target: str) -> str | None:
    """Where a link of a file in the repository leads on the site."""
    if "://" in target:
        return target if target.startswith(("https://", "http://")) else None
    name, hash_, anchor = target.partition("#")
    if of == "docs/reference.md" and not name:
        return to(path, f"kinds/forms.html#{anchor}") if anchor == "forms-of-names" else target
    if not name:
        return target
    found = _page_of(subject, posixpath.normpath(posixpath.join(posixpath.dirname(of), name)), anchor)
    return None if found is None else to(path, found + (hash_ + anchor if "#" not in found else ""))


def _page_of(subject: Subject, file: str, anchor: str) -> str | None:
    """The page that a file of the repository became; None where it is not on the site."""
    folder, name = posixpath.split(file)
    stem = name.removesuffix(".md")
    if file == "docs/reference.md":
        kind = next((kind for kind in KINDS if kind.title.lower() == anchor), None)
        return t.kind_path(kind) + "#" + anchor if kind is not None else "index.html#reference"
    if folder == "docs" and stem in NAMES and stem in subject.manual:
        return f"manual/{stem}.html"
    if folder == "docs/diagnostics" and name in subject.diagnostics:
        return _diagnostic_path(name)
    if folder == "schemas" and name in subject.schemas:
        return file
    return None


def _diagnostic_path(file: str) -> str:
    return "diagnostics/index.html" if file == "README.md" else f"diagnostics/{file.removesuffix('.md')}.html"


# --- Navigation -------------------------------------------------------------------------------------------------------


def _navigation(subject: Subject, everything: t.Things) -> list[Group]:
    """What stands beside every page. Artifacts are listed on the first page, however many there are."""
    own = tuple(
        Entry(path=f"index.html#{kind.name}", title=f"{kind.title} ({count})")
        for kind in KINDS
        if (count := len(everything.of_kind(kind.name, shipped=False)))
    )
    groups = [
        Group(title="Workspace", entries=(Entry(path="index.html", title="Overview"), *own)),
        Group(
            title="Reference",
            entries=(
                Entry(path="node_types/index.html", title="Node types"),
                Entry(path="providers/index.html", title="Providers"),
                *(Entry(path=t.kind_path(kind), title=kind.title) for kind in KINDS),
                Entry(path="kinds/forms.html", title="Forms of names"),
                Entry(path="diagnostics/index.html", title="Diagnostics"),
            ),
        ),
    ]
    for title, names in MANUAL:
        there = tuple(
            Entry(path=f"manual/{name}.html", title=_heading(subject.manual[name]))
            for name in names
            if name in subject.manual
        )
        groups.append(Group(title=title, entries=there))
    return [group for group in groups if group.entries]


def _heading(text: str) -> str:
    return next((line[2:].strip() for line in text.splitlines() if line.startswith("# ")), "")
