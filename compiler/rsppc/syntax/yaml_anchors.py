"""What YAML puts in front of values: anchors, which aliases repeat, and tags, which are refused."""

from __future__ import annotations

import re
from typing import Any

from rsppc.base.source import Source, Span
from rsppc.diagnostics import Diagnostic, Related
from rsppc.syntax import yaml_guard
from rsppc.syntax.limits import DEPTH_MAX, NODES_MAX, TooDeep, TooManyNodes, shortened
from rsppc.syntax.yaml_mistake import Mistake
from rsppc.syntax.yaml_scalars import DROPPED, UNKNOWN, Findings, plain_value


class TagNotAllowed(Diagnostic):
    """Tags make a reader build something else than what is written. The schema alone decides what a value means."""

    code = "RSP0211"
    name = "tag-not-allowed"
    headline = "tag not allowed: `{subject}`"
    hint = "remove the tag; quote the value if it is meant as text"


class UndefinedAlias(Diagnostic):
    """An alias repeats a value that was named with an anchor earlier in the file."""

    code = "RSP0215"
    name = "undefined-alias"
    headline = "`*{subject}` repeats a value named `&{subject}`, but none stands before it"
    hint = "name the value with `&{subject}` where it is first written, or quote the text if no alias is meant"


class RecursiveAlias(Diagnostic):
    """A value that contains itself has no end."""

    code = "RSP0216"
    name = "recursive-alias"
    headline = "`*{subject}` stands inside the value that it repeats"
    hint = "write the value out"


class DuplicateAnchor(Diagnostic):
    """An anchor names one value in the file; a second one would silently change what later aliases repeat."""

    code = "RSP0217"
    name = "duplicate-anchor"
    headline = "the anchor `&{subject}` is written twice in this file"
    hint = "give the second one another name"


class Watch:
    """What need be looked at only in texts that have anchors, aliases, tags or odd characters."""

    __slots__ = ("_anchors", "_deepest", "_findings", "_nodes", "_open", "_source", "_text", "spans")

    def __init__(self, source: Source, text: str, findings: Findings, *, with_spans: bool) -> None:
        self._source = source
        self._text = text
        self._findings = findings
        self._nodes = 0
        self._deepest = 0
        self._anchors: dict[str, _Anchor] = {}
        self._open: list[tuple[int, _Anchor, int, int]] = []
        self.spans: list[int] | None = [] if with_spans else None

    def scalar(self, event: Any, start: int, end: int) -> tuple[int, bool]:
        """Where the value itself begins, behind its anchor, and whether it is plain."""
        plain = bool(event.implicit[0])
        if self.spans is not None:
            self.spans += (start, end)
        self._count(1, start)
        if end > start and self._text[start] in "&!":
            start, tagged = self._behind_properties(start, end)
            plain = plain if not tagged else start == end or self._text[start] not in "\"'|>"
            if event.anchor is not None:
                anchor = self._new_anchor(event.anchor, start)
                anchor.nodes = 1
                anchor.value = event.value
                if plain:
                    anchor.value = plain_value(event.value, self._source, start, end, Findings())
        return start, plain

    def collection(self, event: Any, start: int, depth: int) -> int:
        """Where the collection itself begins, behind its anchor."""
        self._count(1, start)
        if self._text[start : start + 1] in ("&", "!"):
            behind, _ = self._behind_properties(start, len(self._text))
            if event.anchor is not None:
                anchor = self._new_anchor(event.anchor, behind)
                self._open.append((depth, anchor, self._nodes - 1, self._deepest))
                self._deepest = depth
            start = behind
        if depth > self._deepest:
            self._deepest = depth
        return start

    def complete(self, container: Any, depth: int) -> None:
        """A collection has been read to its end: from here on aliases may repeat it."""
        if self._open and self._open[-1][0] == depth:
            _, anchor, nodes_before, deepest_before = self._open.pop()
            anchor.value = container
            anchor.nodes = self._nodes - nodes_before
            anchor.levels = self._deepest - depth + 1
            self._deepest = max(self._deepest, deepest_before)

    def alias(self, name: str, start: int, end: int, depth: int) -> Any:
        """The value that an alias repeats, or `DROPPED`."""
        at = Span(source=self._source, start=start, end=end)
        if self.spans is not None:
            self.spans += (start, end)
        yaml_guard.check_anchor_name(self._source, self._text, start, end)
        anchor = self._anchors.get(name)
        if anchor is None:
            self._findings.append(UndefinedAlias(at=at, subject=name))
            return DROPPED
        if anchor.value is UNKNOWN:
            self._findings.append(RecursiveAlias(at=at, subject=name))
            return DROPPED
        if depth + anchor.levels > DEPTH_MAX:
            raise Mistake(start, TooDeep(at=at))
        self._deepest = max(self._deepest, depth + anchor.levels)
        self._count(anchor.nodes, start)
        return anchor.value

    def _count(self, nodes: int, start: int) -> None:
        self._nodes += nodes
        if self._nodes > NODES_MAX:
            at = Span(source=self._source, start=start, end=start + 1)
            remedy = "write the value out instead of repeating it by aliases"
            raise Mistake(start, TooManyNodes(at=at, remedy=remedy), final=True)

    def _behind_properties(self, start: int, end: int) -> tuple[int, bool]:
        tagged = False
        while start < end and self._text[start] in "&!":
            found = re.compile(_PROPERTY).match(self._text, start, end)
            assert found is not None
            if self._text[start] == "!":
                tagged = True
                at = Span(source=self._source, start=start, end=start + len(found[1]))
                self._findings.append(TagNotAllowed(at=at, subject=shortened(found[1])))
            start = found.end()
        return start, tagged

    def _new_anchor(self, name: str, start: int) -> _Anchor:
        known = self._anchors.get(name)
        place = self._text.rfind("&" + name, 0, start)
        yaml_guard.check_anchor_name(self._source, self._text, place, place + 1 + len(name))
        if known is not None:
            at = Span(source=self._source, start=place, end=place + 1 + len(name))
            first = Span(source=self._source, start=known.place, end=known.place + 1 + len(name))
            related = (Related(at=first, text="first written here"),)
            self._findings.append(DuplicateAnchor(at=at, subject=name, related=related))
        anchor = self._anchors[name] = _Anchor(place)
        return anchor


class _Anchor:
    """A named value: itself once it is complete, how many values it stands for, and how many levels it has."""

    __slots__ = ("levels", "nodes", "place", "value")

    def __init__(self, place: int) -> None:
        self.place = place
        self.value: Any = UNKNOWN
        self.nodes = 0
        self.levels = 0


# An anchor or tag with the spaces, line ends and comments behind it. Like others below, this pattern is compiled only
# when a text needs it; `re` keeps it then.
_PROPERTY = r"((?:![^\s<]*<[^>\n]*>|[&!][^\s,\[\]{}]*))(?:\s+(?:#[^\n]*)?)*"
