"""Artifacts and nodes of a whole workspace, by a part of their names."""

from __future__ import annotations

from rsppc.base.record import Record
from rsppc.base.source import Span
from rsppc.ide.project import Project

FOUND_MAX = 256


class Found(Record):
    """Something with a name somewhere."""

    name: str
    kind: str
    container: str
    at: Span


def FEATURE(project: Project, query: str) -> list[Found]:
    """What has these letters in its name, in their order; artifacts first."""  # the module's one member
    wanted = query.lower()
    artifacts: list[Found] = []
    inside: list[Found] = []
    for artifact in project.own_artifacts():
        if _has(artifact.ref, wanted):
            artifacts.append(
                Found(name=artifact.ref, kind="artifact", container=artifact.kind.title, at=artifact.item_span())
            )
        if not wanted or len(inside) >= FOUND_MAX:
            continue
        for node in artifact.root.get("nodes") or ():
            name = node.get("node_id")
            if name is not None and _has(name, wanted):
                inside.append(Found(name=name, kind="node", container=artifact.ref, at=node.value_span("node_id")))
    return [*artifacts, *inside][:FOUND_MAX]


def _has(name: str, letters: str) -> bool:
    rest = iter(name.lower())
    return all(letter in rest for letter in letters)
