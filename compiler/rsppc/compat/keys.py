"""Keys of artifacts by kind and path, as in `pipeline.edges.at_most_once`. Lists and tables of the author's own names
are no steps of a path: what stands under any of their items is meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rsppc.base.record import Record
from rsppc.base.source import Span
from rsppc.model import shape as m
from rsppc.model.kinds import BY_NAME
from rsppc.syntax.document import Mapping, Sequence

KINDS = frozenset(BY_NAME)


class WrongStep(Record):
    """The first step of a path that leads nowhere: what it names, and what could stand in its place."""

    step: str
    problem: str
    known: tuple[str, ...]


def wrong_step(path: str) -> WrongStep | None:
    """Where a path leaves the declarations of its kind; None where it leads to a key."""
    kind, *steps = path.split(".")
    if kind not in KINDS:
        return WrongStep(step=kind, problem=f"`{kind}`, which is no kind of artifact", known=tuple(BY_NAME))
    shapes: list[m.Shape] = [BY_NAME[kind].shape]
    where = f"a {BY_NAME[kind].title}"
    if not steps:
        return WrongStep(step=kind, problem="a kind of artifact, and no key of it", known=_names(shapes, kind))
    for step in steps:
        fields = [field for shape in shapes for field in shape.fields if field.name == step]
        if not fields:
            return WrongStep(step=step, problem=f"`{step}`, which {where} does not have", known=_names(shapes))
        shapes = [shape for field in fields for shape in _shapes(field.type)]
        where = f"`{step}`"
    return None


def _names(shapes: list[m.Shape], prefix: str = "") -> tuple[str, ...]:
    start = f"{prefix}." if prefix else ""
    return tuple(f"{start}{field.name}" for shape in shapes for field in shape.fields)


def _shapes(type_: m.FieldType) -> list[m.Shape]:
    """The mappings that may stand under a key, through lists, tables and choices of types."""
    match type_:
        case m.Nested(shape=shape):
            return [shape]
        case m.Listing(item=item):
            return _shapes(item)
        case m.Table(value=value):
            return _shapes(value)
        case m.OneOf(options=options):
            return [shape for option in options for shape in _shapes(option)]
        case _:
            return []


def uses_of_key(root: Mapping, steps: tuple[str, ...], shape: m.Shape) -> Iterator[Span]:
    """Where a key is written in an artifact."""
    yield from _written(root, steps, m.Nested(shape=shape))


def _written(value: Any, steps: tuple[str, ...], type_: m.FieldType) -> Iterator[Span]:
    match type_:
        case m.Nested(shape=shape) if isinstance(value, Mapping):
            step, *rest = steps
            for field in shape.fields:
                if field.name != step or step not in value:
                    continue
                if rest:
                    yield from _written(value[step], tuple(rest), field.type)
                else:
                    yield value.key_span(step)
        case m.Listing(item=item) if isinstance(value, Sequence):
            for one in value:
                yield from _written(one, steps, item)
        case m.Table(value=inner) if isinstance(value, Mapping):
            for one in value.values():
                yield from _written(one, steps, inner)
        case m.OneOf(options=options):
            for option in options:
                yield from _written(value, steps, option)
        case _:
            return
