"""What stands at an offset: the way from the root of a document to the innermost key or value, with its declaration.

Works on what was written, sound or not. In the text form the parts of a list lie between each other (`node`, an edge,
another `node`), so that the innermost part is found by trying all that hold the offset.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from rsppc.base.record import Record
from rsppc.base.source import Span
from rsppc.model import shape as m
from rsppc.model.shape import ArtifactKind
from rsppc.syntax.document import Item, Mapping, Sequence


class Step(Record):
    """One step of the way: a container, the key or index there, and how the value under it is declared."""

    container: Any
    key: str | int
    type: m.FieldType | None
    field: m.Field | None = None

    @property
    def value(self) -> Any:
        return self.container[self.key]

    def value_span(self) -> Span:
        found: Span = self.container.value_span(self.key)
        return found

    def item(self) -> Item:
        return Item(container=self.container, key=self.key)


class Spot(Record):
    """Where an offset is. Without steps it is in the root, at none of its keys."""

    root: Mapping
    steps: tuple[Step, ...]
    part: Literal["key", "value", "inside"]
    """On the last step's key, on its scalar value, or inside its container and at none of the keys there."""

    @property
    def last(self) -> Step | None:
        return self.steps[-1] if self.steps else None

    @property
    def route(self) -> tuple[str | int, ...]:
        return tuple(step.key for step in self.steps)

    def container(self) -> Any:
        """The innermost container."""
        if self.part == "inside":
            return self.steps[-1].value if self.steps else self.root
        return self.steps[-1].container

    def container_type(self, kind: ArtifactKind | None) -> m.FieldType | None:
        """How the innermost container is declared."""
        steps = self.steps if self.part == "inside" else self.steps[:-1]
        if steps:
            return chosen(steps[-1].type, steps[-1].value)
        return m.Nested(shape=kind.shape) if kind is not None else None

    def span(self) -> Span:
        """The key or the value."""
        step = self.steps[-1]
        if self.part == "key":
            found: Span = step.container.key_span(step.key)
            return found
        return step.value_span()


def spot_at(root: Mapping, kind: ArtifactKind | None, offset: int) -> Spot:
    """The innermost place at an offset."""
    type_ = m.Nested(shape=kind.shape) if kind is not None else None
    best: tuple[int, int, Spot] | None = None
    waiting: list[tuple[Any, m.FieldType | None, tuple[Step, ...]]] = [(root, type_, ())]
    while waiting:
        container, declared, steps = waiting.pop()
        inside = Spot(root=root, steps=steps, part="inside")
        found = [(len(steps), -(container.end - container.start), inside)]
        for step, part, width in _at(container, declared, offset):
            here = (*steps, step)
            if part == "value" and isinstance(step.value, Mapping | Sequence):
                waiting.append((step.value, chosen(step.type, step.value), here))
            found.append((len(here), -width, Spot(root=root, steps=here, part=part)))
        for one in found:
            if best is None or one[:2] > best[:2]:
                best = one
    assert best is not None
    spot = best[2]
    if spot.part == "value" and isinstance(spot.steps[-1].value, Mapping | Sequence):
        return Spot(root=root, steps=spot.steps, part="inside")
    return spot


def _at(container: Any, declared: m.FieldType | None, offset: int) -> Iterator[tuple[Step, Any, int]]:
    """Entries of a container that hold an offset."""
    at = container.at
    if isinstance(container, Mapping):
        for index, key in enumerate(container):
            key_start, key_end, start, end = at[4 * index : 4 * index + 4]
            if start <= offset <= end:
                yield _step(container, key, declared), "value", end - start
            if key_start <= offset <= key_end and not (start <= offset <= end and end - start < key_end - key_start):
                yield _step(container, key, declared), "key", key_end - key_start
        return
    for index in range(len(container)):
        start, end = at[2 * index : 2 * index + 2]
        if start <= offset <= end:
            yield _step(container, index, declared), "value", end - start


def _step(container: Any, key: str | int, declared: m.FieldType | None) -> Step:
    field = field_of(declared, key)
    return Step(container=container, key=key, type=type_of(declared, key, field), field=field)


def field_of(declared: m.FieldType | None, key: str | int) -> m.Field | None:
    """The declaration of a key."""
    if isinstance(declared, m.Nested):
        return next((one for one in declared.shape.fields if one.name == key), None)
    return None


def type_of(declared: m.FieldType | None, key: str | int, field: m.Field | None) -> m.FieldType | None:
    """How the value under a key or index is declared."""
    match declared:
        case m.Nested():
            return field.type if field is not None else None
        case m.Listing(item=item):
            return item
        case m.Table(value=value):
            return value
        case _:
            return None


def chosen(declared: m.FieldType | None, value: Any) -> m.FieldType | None:
    """The option that is meant by a kind of value, where there are several."""
    if not isinstance(declared, m.OneOf):
        return declared
    fitting = [
        option
        for option in declared.options
        if isinstance(value, dict) == isinstance(option, m.Nested | m.Table)
        and isinstance(value, list) == isinstance(option, m.Listing)
    ]
    for option in fitting:
        if isinstance(option, m.Nested) and value and not any(field_of(option, key) for key in value):
            continue  # its keys are the author's own, as those of a latency for each port
        return option
    return fitting[0] if fitting else declared.options[0]


class Leaf(Record):
    """A scalar value of a document with its declaration; `shape` is that of the mapping around it."""

    container: Any
    key: str | int
    type: m.FieldType | None
    shape: str
    parents: tuple[Any, ...]
    """Containers from the root on, the leaf's own last."""

    @property
    def value(self) -> Any:
        return self.container[self.key]

    def item(self) -> Item:
        return Item(container=self.container, key=self.key)


def leaves(root: Mapping, kind: ArtifactKind) -> Iterator[Leaf]:
    """All scalar values of a document, in the order written."""
    yield from _leaves(root, m.Nested(shape=kind.shape), kind.shape.name, (root,))


def _leaves(container: Any, declared: m.FieldType | None, shape: str, parents: tuple[Any, ...]) -> Iterator[Leaf]:
    keys = list(container) if isinstance(container, dict) else range(len(container))
    for key in keys:
        value, field = container[key], field_of(declared, key)
        inner = chosen(type_of(declared, key, field), value)
        if isinstance(value, Mapping | Sequence):
            name = inner.shape.name if isinstance(inner, m.Nested) else shape if isinstance(inner, m.Listing) else ""
            yield from _leaves(value, inner, name, (*parents, value))
        else:
            yield Leaf(container=container, key=key, type=inner, shape=shape, parents=parents)
