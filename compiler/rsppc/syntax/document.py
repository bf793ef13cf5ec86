"""Document: what was written. YAML, JSON and `.rspp` all end here.

Values are plain Python values (text, int, bool, None), so that reading them costs nothing; their places stand beside
them in the container that holds them. A place becomes a `Span` only when a diagnostic or a provenance file asks.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from rsppc.base.record import Record
from rsppc.base.source import Source, Span

Scalar: TypeAlias = str | int | bool | None

_KEYS_COUNTED_MAX = 64
"""Up to here finding a key by counting is quicker than remembering where each one is."""


class Mapping(dict[str, Any]):
    """Keys with values, in the order written.

    `at` holds four offsets per entry, in the same order: start and end of the key, start and end of the value.
    `start` and `end` are the mapping's own offsets.
    """

    __slots__ = ("at", "end", "indices", "source", "start")

    at: list[int]
    start: int
    end: int
    source: Source
    indices: dict[str, int]
    """Index of each key in the order written; made where many keys would be counted again and again."""

    def span(self) -> Span:
        return Span(source=self.source, start=self.start, end=self.end)

    def key_span(self, key: str) -> Span:
        """Place of a key; the mapping's own start where the key is absent."""
        return self._span(key, 0)

    def value_span(self, key: str) -> Span:
        """Place of a key's value; the mapping's own start where the key is absent."""
        return self._span(key, 2)

    def item(self, key: str) -> Item:
        """The place of a value, to be looked up later."""
        return Item(container=self, key=key)

    def _span(self, key: str, part: int) -> Span:
        index = self._index(key)
        if index is None:
            return Span(source=self.source, start=self.start, end=min(self.end, self.start + 1))
        start, end = self.at[4 * index + part : 4 * index + part + 2]
        return Span(source=self.source, start=start, end=end)

    def _index(self, key: str) -> int | None:
        if len(self) <= _KEYS_COUNTED_MAX:
            return next((index for index, candidate in enumerate(self) if candidate == key), None)
        indices: dict[str, int] = getattr(self, "indices", {})
        if len(indices) != len(self):
            indices = self.indices = {candidate: index for index, candidate in enumerate(self)}
        return indices.get(key)


class Sequence(list[Any]):
    """Values in the order written. `at` holds two offsets per value: its start and end."""

    __slots__ = ("at", "end", "source", "start")

    at: list[int]
    start: int
    end: int
    source: Source

    def span(self) -> Span:
        return Span(source=self.source, start=self.start, end=self.end)

    def value_span(self, index: int) -> Span:
        start, end = self.at[2 * index : 2 * index + 2]
        return Span(source=self.source, start=start, end=end)

    def item(self, index: int) -> Item:
        return Item(container=self, key=index)


class Item(Record):
    """The place of one value: a container and the key or index under which it stands there."""

    container: Any
    key: str | int

    def span(self) -> Span:
        found: Span = self.container.value_span(self.key)
        return found

    def within(self, start: int, end: int) -> Span:
        """Place of a stretch of the text that stands here, given in code points of the text as it was read."""
        span = self.span()
        if span.text == self.container[self.key]:  # written as it is, without quotes
            return Span(source=span.source, start=span.start + start, end=span.start + end)
        from rsppc.syntax.scalar_offsets import offset_in_source  # only where something is wrong

        first = offset_in_source(span.source, span.start, span.end, start)
        last = offset_in_source(span.source, span.start, span.end, end - 1) + 1 if end > start else first
        return Span(source=span.source, start=first, end=last)


class Key(Record):
    """The place of a key, where what stands under it is too much to point at."""

    container: Any
    key: str

    def span(self) -> Span:
        found: Span = self.container.key_span(self.key)
        return found


class Comment(Record):
    """A comment, without its `#`, and the offset of that sign."""

    start: int
    text: str


class Document(Record):
    """One parsed source file. `root` is None where nothing could be saved from it.

    What was refused with a diagnostic is missing from the mappings and sequences. `gaps` holds start and end of what
    was skipped as unreadable; where there are gaps, or the sink has errors, a missing key need not have been forgotten.
    """

    source: Source
    root: Mapping | None
    gaps: tuple[tuple[int, int], ...] = ()

    @property
    def path(self) -> str:
        return self.source.path
