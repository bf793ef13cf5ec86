"""What a file holds, as a tree of names."""

from __future__ import annotations

from typing import Any, Literal

from rsppc.base.record import Record
from rsppc.base.source import Span
from rsppc.ide.project import Project
from rsppc.syntax.document import Mapping, Sequence

SymbolKind = Literal["artifact", "node", "edge", "module", "type", "provider", "rule", "port", "field", "section"]


class Symbol(Record):
    """Something with a name, and what is in it."""

    name: str
    kind: SymbolKind
    detail: str
    whole: Span
    at: Span
    children: tuple[Symbol, ...] = ()


_NAMED: tuple[tuple[str, SymbolKind, str], ...] = (
    ("node_id", "node", "node_type"),
    ("provider_id", "provider", "modality"),
    ("node_type", "type", "role"),
    ("schema_id", "type", ""),
    ("module", "module", "module"),
    ("name", "port", "type"),
    ("id", "rule", "modality"),
    ("policy_plugin", "type", ""),
    ("runtime_adapter", "type", ""),
)
"""Keys that name an item of a list, what it is then, and the key that says more."""


def FEATURE(project: Project, path: str) -> list[Symbol]:
    """The artifact of a file, with its parts."""  # the module's one member, found by this name
    document, artifact = project.document(path), project.artifact(path)
    if document is None or document.root is None or not document.root:
        return []
    root = document.root
    children = tuple(_parts(root))
    if artifact is None:
        return list(children)
    at = root.value_span(artifact.kind.id_field)
    return [
        Symbol(
            name=artifact.ref,
            kind="artifact",
            detail=artifact.kind.title,
            whole=_around(root.span(), at),
            at=at,
            children=children,
        )
    ]


def _parts(root: Mapping) -> list[Symbol]:
    found = []
    for key, value in root.items():
        if not isinstance(value, Mapping | Sequence) or key == "metadata":
            continue
        at, span = root.key_span(key), root.value_span(key)
        items = value if isinstance(value, Sequence) else ()
        inner = tuple(one for index, item in enumerate(items) if (one := _item(value, index, item)) is not None)
        whole = Span(source=at.source, start=min(at.start, span.start), end=max(at.end, span.end))
        found.append(Symbol(name=key, kind="section", detail="", whole=whole, at=at, children=inner))
    return found


def _item(container: Any, index: int, item: Any) -> Symbol | None:
    if not isinstance(item, Mapping):
        return None
    whole = container.value_span(index)
    if isinstance(item.get("from"), str) and isinstance(item.get("to"), str):
        at = item.value_span("from")
        name = f"{item['from']} → {item['to']}"
        return Symbol(name=name, kind="edge", detail=str(item.get("when") or ""), whole=_around(whole, at), at=at)
    for key, kind, more in _NAMED:
        named, detail = item.get(key), item.get(more)
        if isinstance(named, str) and named:
            at = item.value_span(key)
            shown = detail if isinstance(detail, str) else ""
            return Symbol(name=named, kind=kind, detail=shown, whole=_around(whole, at), at=at)
    return None


def _around(whole: Span, at: Span) -> Span:
    """A stretch that holds its name, as editors demand."""
    return Span(source=whole.source, start=min(whole.start, at.start), end=max(whole.end, at.end))
