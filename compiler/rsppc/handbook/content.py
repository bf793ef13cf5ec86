"""What an artifact says, as tables: one for its simple keys, one for each mapping or list in it.

The tables follow the declaration of the kind, so that a key that is added there is shown here without another line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rsppc.base.canonical_json import readable
from rsppc.base.record import Record
from rsppc.handbook.things import Mention, mention
from rsppc.model import shape as m
from rsppc.model.reference_page import anchor

_LONG = 160
"""From here on a value is shown as a block of its own."""


class Piece(Record):
    """A value, or one of several: its text, and what it names, so that it can be a link."""

    text: str
    names: Mention | None = None
    is_block: bool = False


class Row(Record):
    """A key with its value. `key` is the path inside its table."""

    key: str
    declared: str
    """Anchor of its declaration on the page of its kind; empty where the author chose the key."""
    value: tuple[Piece, ...]
    doc: str


class Facts(Record):
    """Keys with their values, one below the other."""

    title: str
    anchor: str
    doc: str
    rows: tuple[Row, ...]


class Items(Record):
    """A list of mappings, one in each line."""

    title: str
    anchor: str
    doc: str
    columns: tuple[tuple[str, str], ...]
    """Keys, each with the anchor of its declaration."""
    rows: tuple[tuple[tuple[Piece, ...], ...], ...]


_HEADER = ("schema_version", "version", "metadata")


def content(root: Mapping[str, Any], kind: m.ArtifactKind, *, left_out: tuple[str, ...] = ()) -> list[Facts | Items]:
    """The tables of an artifact, without what its page says anyway."""
    shape = kind.shape
    shown = [one for one in shape.fields if one.name in root and one.name not in (*_HEADER, kind.id_field, *left_out)]
    simple = [field for field in shown if _is_simple(root[field.name])]
    tables: list[Facts | Items] = []
    if simple:
        rows = tuple(_row(field.name, root[field.name], field, shape, top=shape) for field in simple)
        tables.append(Facts(title="Keys", anchor="keys", doc="", rows=rows))
    tables += [_table(field, root[field.name], shape) for field in shown if field not in simple]
    return tables


def _table(field: m.Field, value: Any, top: m.Shape) -> Facts | Items:
    item = _nested(field.type.item) if isinstance(field.type, m.Listing) else None
    if item is not None and isinstance(value, list):
        columns = tuple(one for one in item.fields if any(one.name in row for row in value if isinstance(row, Mapping)))
        return Items(
            title=field.name,
            anchor=field.name,
            doc=field.doc,
            columns=tuple((one.name, declared(item, one.name, top)) for one in columns),
            rows=tuple(
                tuple(
                    _pieces(row[one.name], one.type, f"{item.name}.{one.name}") if one.name in row else ()
                    for one in columns
                )
                for row in value
                if isinstance(row, Mapping)
            ),
        )
    return Facts(
        title=field.name, anchor=field.name, doc=field.doc, rows=tuple(_rows(value, field.type, "", top, field))
    )


def _rows(value: Any, type_: m.FieldType, path: str, top: m.Shape, field: m.Field) -> Iterator[Row]:
    """Keys inside a value, those of mappings inside it with the way to them."""
    shape = _nested(type_)
    if isinstance(value, Mapping) and shape is not None:
        for one in shape.fields:
            if one.name in value:
                inner, inside = value[one.name], f"{path}.{one.name}" if path else one.name
                if isinstance(inner, Mapping) and inner:
                    yield from _rows(inner, one.type, inside, top, one)
                else:
                    yield _row(inside, inner, one, shape, top=top)
    elif isinstance(value, Mapping) and isinstance(type_, m.Table):
        for name, inner in value.items():
            inside = f"{path}.{name}" if path else str(name)
            if isinstance(inner, Mapping) and _nested(type_.value) is not None:
                yield from _rows(inner, type_.value, inside, top, field)
            else:
                yield Row(key=inside, declared="", value=_pieces(inner, type_.value, ""), doc="")
    else:
        yield Row(key=path or field.name, declared="", value=_pieces(value, type_, ""), doc="")


def _row(key: str, value: Any, field: m.Field, shape: m.Shape, *, top: m.Shape) -> Row:
    pieces = _pieces(value, field.type, f"{shape.name}.{field.name}")
    return Row(key=key, declared=declared(shape, field.name, top), value=pieces, doc=field.doc)


def declared(shape: m.Shape, key: str, top: m.Shape) -> str:
    """Anchor of a key on the page of its kind."""
    return f"{anchor(shape.name if shape is not top else top.name)}.{key}"


def _nested(type_: m.FieldType) -> m.Shape | None:
    match type_:
        case m.Nested(shape=shape):
            return shape
        case m.OneOf(options=options):
            return next((found for option in options if (found := _nested(option)) is not None), None)
        case _:
            return None


def _is_simple(value: Any) -> bool:
    if isinstance(value, list):
        return not any(isinstance(one, Mapping | list) for one in value)
    return not isinstance(value, Mapping)


def _pieces(value: Any, type_: m.FieldType, key: str) -> tuple[Piece, ...]:
    if isinstance(value, list) and value and _is_simple(value):
        item = type_.item if isinstance(type_, m.Listing) else type_
        return tuple(Piece(text=flow(one), names=mention(one, item, key)) for one in value)
    text = flow(value)
    if isinstance(value, str) and "\n" in value:
        return (Piece(text=value, is_block=True),)
    if len(text) > _LONG and not isinstance(value, str):
        return (Piece(text=readable(value).decode().rstrip(), is_block=True),)
    return (Piece(text=text, names=mention(value, type_, key)),)


def flow(value: Any) -> str:
    """A value as one writes it in one line of YAML."""
    match value:
        case bool():
            return "true" if value else "false"
        case None:
            return "null"
        case Mapping():
            return "{" + ", ".join(f"{key}: {flow(one)}" for key, one in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(flow, value)) + "]"
        case _:
            return str(value)
