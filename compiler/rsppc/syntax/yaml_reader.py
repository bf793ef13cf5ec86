"""YAML 1.2 to a `Document`, with the place of every key and value.

libyaml finds the tokens and reports them one event at a time; everything else is decided here: what a plain scalar
means (the 1.2 core schema, and less than that where people misread it), the limits, duplicate keys, aliases. libyaml
speaks YAML 1.1 and is lenient; `yaml_guard` refuses what it would read differently from YAML 1.2, so a file is read as
YAML 1.2 reads it or it is refused.

Two loops read the events. The first is made for speed and knows only what nearly every file is made of; where anything
else turns up it gives up without a word, and the second one, which knows everything, begins again. What the first one
accepts, the second would read in the same way.

A syntax error does not hide the rest of the file: the smallest item around it is blanked out, with spaces, so that
places stay right, and the text is read again.
"""

from __future__ import annotations

import re
from typing import Any

from yaml._yaml import CParser
from yaml.error import MarkedYAMLError, YAMLError
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from rsppc.base.source import Source, Span
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Related
from rsppc.syntax import yaml_guard
from rsppc.syntax.document import Document, Mapping, Sequence
from rsppc.syntax.limits import (
    DEPTH_MAX,
    INTEGER_MAX,
    KEYS_MAX,
    NODES_MAX,
    SCALAR_CHARACTERS_MAX,
    DuplicateKey,
    EmptyFile,
    IntegerOutOfRange,
    RootNotAMapping,
    ScalarTooLong,
    TooDeep,
    TooManyKeys,
    TooManyNodes,
    shortened,
)
from rsppc.syntax.yaml_mistake import Mistake, item_around, mistake_of

_ATTEMPTS_MAX = 20
_FINDINGS_MAX = 200
_REREAD_CHARACTERS_MAX = 8 * 1024 * 1024
# Below this size a text cannot exceed a limit without aliases: every key takes two characters at least.
_SMALL_CHARACTERS = 2 * KEYS_MAX
# Up to this size it cannot have too many values or too long ones: every value takes a character or a sign of its own.
_ORDINARY_CHARACTERS = NODES_MAX
_REMEMBERED_MAX = 4096
_REMEMBERED_CHARACTERS_MAX = 64


class MergeKey(Diagnostic):
    """`<<` is not part of YAML 1.2, and a few lines of it can stand for gigabytes."""

    code = "RSP0210"
    name = "merge-key"
    headline = "merge keys (`<<`) are not supported"
    hint = "write the keys out, or put what is shared into a profile or a module"


class TagNotAllowed(Diagnostic):
    """Tags make a reader build something else than what is written. The schema alone decides what a value means."""

    code = "RSP0211"
    name = "tag-not-allowed"
    headline = "tag not allowed: `{subject}`"
    hint = "remove the tag; quote the value if it is meant as text"


class KeyNotText(Diagnostic):
    """Every key is text. `1`, `true` and `null` are not text until they are quoted, and no list or mapping is."""

    code = "RSP0212"
    name = "key-not-text"
    headline = "a key must be text, and this one is {what}"
    hint = "{remedy}"

    what: str
    remedy: str


class AmbiguousScalar(Diagnostic):
    """YAML readers disagree about such values: some read a number, some text, some another number."""

    code = "RSP0213"
    name = "ambiguous-scalar"
    headline = "`{subject}` is {what}, which this file may not hold unquoted"
    hint = "quote it or write the decimal number{suggestion}"

    what: str
    suggestion: str = ""


class TildeForNull(Diagnostic):
    """`~` is easily taken for a home folder or for text. `null` says what it means."""

    code = "RSP0214"
    name = "tilde-for-null"
    headline = "`~` means null in YAML and looks like text"
    hint = "write `null`, or quote it"


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


class SeveralDocuments(Diagnostic):
    """One file holds one artifact, so that its name, its version and its digest are those of one thing."""

    code = "RSP0218"
    name = "several-documents"
    headline = "a second document begins here; one file holds one artifact"
    hint = "move it to a file of its own, and remove the `---` line"


class Directive(Diagnostic):
    """Directives change how the rest of the file is read. YAML 1.2 without them is what every file is."""

    code = "RSP0219"
    name = "directive-not-allowed"
    headline = "the directive `{subject}` is not supported"
    hint = "remove the line; files are read as YAML 1.2"


def read_yaml(source: Source, sink: DiagnosticSink) -> Document:
    """The document that a text states. Problems go to the sink; what they concern is missing from the document."""
    text = yaml_guard.readable(source.text)
    ordinary = _compose_ordinary(source, text)
    if ordinary is not None:
        return Document(source=source, root=ordinary)
    gaps: list[tuple[int, int]] = []
    attempts = min(_ATTEMPTS_MAX, 2 + _REREAD_CHARACTERS_MAX // (len(text) + 1))
    while True:
        findings = _Findings()
        try:
            root = _compose(source, text, findings)
            break
        except Mistake as mistake:
            start, end = item_around(text, mistake.offset)
            end = max(end, min(mistake.end, len(text)))
            if not _overlaps(gaps, start, end):
                # Otherwise an item above had to be skipped too for the same mistake.
                sink.report(mistake.found)
            attempts -= 1
            if attempts == 0:
                # Too much is wrong below: read at least what stands above.
                end = len(text)
            if mistake.final or attempts < 0 or start >= end:
                for found in findings.kept:
                    sink.report(found)
                return Document(source=source, root=None, gaps=tuple(sorted([*gaps, (0, len(source.text))])))
            gaps.append((start, end))
            text = text[:start] + _blank(text[start:end]) + text[end:]
    for found in findings.kept:
        sink.report(found)
    if root.__class__ is Mapping:
        return Document(source=source, root=root, gaps=tuple(sorted(gaps)))
    if root is _NOTHING and not gaps:
        sink.report(_empty_file(source))
    elif root is not _DROPPED and not gaps:
        sink.report(_root_not_a_mapping(source, root))
    return Document(source=source, root=None, gaps=tuple(sorted(gaps)))


class _NotOrdinary(Exception):
    """Something stands in the text that only the careful reader knows."""


def _compose_ordinary(source: Source, text: str) -> Mapping | None:
    """The root of a text in which nothing is rare, large or wrong; None for every other text."""
    if len(text) > _ORDINARY_CHARACTERS or yaml_guard.is_suspicious(text):
        return None
    next_event: Any = CParser(text).get_event
    try:
        next_event()  # the stream begins
        opening = next_event()
        if type(opening) is not DocumentStartEvent or opening.version is not None or opening.tags:
            return None
        root = _compose_root(source, text, next_event)
        next_event()  # the document ends
        return root if type(next_event()) is StreamEndEvent and type(root) is Mapping else None
    except (_NotOrdinary, Mistake, YAMLError):
        return None


def _compose_root(source: Source, text: str, next_event: Any) -> Any:
    """The one value of a document, made of its events. Raises, whatever is not as usual.

    Each line of this loop is dear: beside it, the time of reading a file is spent in the parser alone. A value that is
    as long as its place is plain, on one line, without anchor and tag: all else takes more room than what it means.
    """
    stack: list[tuple[Any, list[int], Any, int, int]] = []
    # The root is composed like the one item of a sequence.
    container: Any = _new_container(Sequence, source, 0)
    at: list[int] = container.at
    in_mapping = False
    key: Any = None
    key_start = key_end = last_end = 0
    keys, meanings = _KEYS, _MEANINGS
    while True:
        event = next_event()
        kind = type(event)
        if in_mapping:
            if kind is ScalarEvent:
                key = event.value
                key_start = event.start_mark.index
                key_end = event.end_mark.index
                if key_end - key_start == len(key):
                    key = keys[key]
                else:
                    nesting = yaml_guard.Nesting(stack, container, container.start)
                    key, key_end = _long_scalar(event, source, text, nesting, keys)
                event = next_event()
                kind = type(event)
            elif kind is not MappingEndEvent:
                raise _NotOrdinary  # a key that is no scalar
        if kind is ScalarEvent:
            value = event.value
            start = event.start_mark.index
            last_end = event.end_mark.index
            if last_end - start == len(value):
                value = meanings[value]
            else:
                nesting = yaml_guard.Nesting(stack, container, key_start)
                value, last_end = _long_scalar(event, source, text, nesting, meanings)
            if in_mapping:
                container[key] = value
                at.extend((key_start, key_end, start, last_end))
            else:
                container.append(value)
                at.extend((start, last_end))
        elif kind is MappingStartEvent or kind is SequenceStartEvent:
            if event.anchor is not None or event.tag is not None or len(stack) == DEPTH_MAX:
                raise _NotOrdinary
            stack.append((container, at, key, key_start, key_end))
            key_start = event.start_mark.index
            in_mapping = kind is MappingStartEvent
            container = Mapping() if in_mapping else Sequence()
            container.at = at = []
            container.source = source
            container.start = key_start
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            if in_mapping and (4 * len(container) != len(at) or len(container) > KEYS_MAX):
                raise _NotOrdinary  # a key stands there twice, or there are too many
            complete = container
            start = complete.start
            container, at, key, key_start, key_end = stack.pop()
            in_mapping = type(container) is Mapping
            end = event.end_mark.index
            if end > event.start_mark.index:
                last_end = end
                _check_lines_in_brackets(source, text, start, last_end, yaml_guard.Nesting(stack, container, key_start))
            elif last_end < start:
                last_end = start
            complete.end = last_end
            if in_mapping:
                container[key] = complete
                at.extend((key_start, key_end, start, last_end))
            elif stack:
                container.append(complete)
                at.extend((start, last_end))
            else:
                return complete
        else:
            raise _NotOrdinary


def _long_scalar(
    event: Any, source: Source, text: str, nesting: yaml_guard.Nesting, plain: dict[str, Any]
) -> tuple[Any, int]:
    """A value that is shorter than its place, and the end of that place: it is in quotes or has several lines."""
    if event.anchor is not None or event.tag is not None:
        raise _NotOrdinary
    value = event.value
    start = event.start_mark.index
    end = event.end_mark.index
    if event.implicit[0]:
        yaml_guard.check_lines(source, text, start, end, nesting)
        return plain[value], end
    if text.find("\n", start, end) >= 0:
        end = _end_of_lines(source, text, start, end, nesting)
    return value, end


class _Meanings(dict[str, Any]):
    """What unquoted values mean. The short ones are remembered: the same few stand in every file."""

    __slots__ = ()

    def __missing__(self, value: str) -> Any:
        meaning = _meaning(value)
        if meaning is _UNKNOWN:
            raise _NotOrdinary
        if len(self) < _REMEMBERED_MAX and len(value) <= _REMEMBERED_CHARACTERS_MAX:
            self[value] = meaning
        return meaning


class _Keys(dict[str, Any]):
    """Unquoted keys that are text, remembered likewise."""

    __slots__ = ()

    def __missing__(self, value: str) -> Any:
        if value == "<<" or type(_meaning(value)) is not str:
            raise _NotOrdinary
        if len(self) < _REMEMBERED_MAX and len(value) <= _REMEMBERED_CHARACTERS_MAX:
            self[value] = value
        return value


_MEANINGS = _Meanings()
_KEYS = _Keys()


class _Findings:
    """What was found wrong in one reading of the text; no more than anybody would read."""

    __slots__ = ("kept",)

    def __init__(self) -> None:
        self.kept: list[Diagnostic] = []

    @property
    def are_enough(self) -> bool:
        return len(self.kept) >= _FINDINGS_MAX

    def append(self, found: Diagnostic) -> None:
        if len(self.kept) < _FINDINGS_MAX:
            self.kept.append(found)


class _Dropped:
    """Stands where a key or value was refused, until its container is complete and can do without it."""

    __slots__ = ()


_DROPPED = _Dropped()
_NOTHING = _Dropped()
_UNKNOWN = object()


def _compose(source: Source, text: str, findings: _Findings) -> Any:
    """Build mappings and sequences from events; the root, or `_NOTHING`. Raises `Mistake` at what cannot be read.

    The careful reader. One long loop on purpose: it runs once per event, and a call per event would double the time of
    reading a file.
    """
    next_event: Any = CParser(text).get_event
    suspicious = yaml_guard.is_suspicious(text)
    watch: _Watch | None = None
    if suspicious or "&" in text or "!" in text or "*" in text:
        watch = _Watch(source, text, findings, with_spans=suspicious)
    is_large = len(text) > _SMALL_CHARACTERS
    nodes = 0
    plain_keys: dict[str, str] = {}
    plain_values: dict[str, Any] = {}
    dropped = 0
    stack: list[tuple[Any, list[int], Any, int, int]] = []
    # The root is composed like the one item of a sequence.
    container: Any = _new_container(Sequence, source, 0)
    at: list[int] = container.at
    in_mapping = False
    key: Any = None
    key_start = key_end = last_end = 0
    documents = 0
    while True:
        try:
            event = next_event()
        except MarkedYAMLError as error:
            flow_start = yaml_guard.Nesting(stack, container, key_start).flow_start(text)
            raise mistake_of(error, source, text, flow_start) from None
        except YAMLError as error:
            raise yaml_guard.unreadable(error, source) from None
        kind = event.__class__
        if kind is ScalarEvent:
            value = event.value
            start = event.start_mark.index
            end = event.end_mark.index
            plain = event.implicit[0]
            if is_large:
                nodes += 1
                if nodes > NODES_MAX or len(value) > SCALAR_CHARACTERS_MAX:
                    raise _over_limit(source, start, end, len(value))
                if in_mapping and key is None and len(container) >= KEYS_MAX:
                    at_start = Span(source=source, start=container.start, end=container.start + 1)
                    raise Mistake(start, TooManyKeys(at=at_start), final=True)
            if watch is not None:
                start, plain = watch.scalar(event, start, end)
            if not plain:
                if text.find("\n", start, end) >= 0:
                    nesting = yaml_guard.Nesting(stack, container, key_start)
                    end = _end_of_lines(source, text, start, end, nesting)
            elif end - start != len(value):
                yaml_guard.check_lines(source, text, start, end, yaml_guard.Nesting(stack, container, key_start))
            if key is None and in_mapping:
                if plain:
                    key = plain_keys.get(value)
                    if key is None:
                        key = _plain_key(value, source, start, end, findings)
                        if key.__class__ is str:
                            plain_keys[value] = key
                        else:
                            dropped += 1
                else:
                    key = value
                if key in container:
                    if not findings.are_enough:
                        findings.append(_duplicate_key(container, key, source, start, end))
                    key = _Dropped()
                    dropped += 1
                key_start = start
                key_end = end
                continue
            if plain:
                resolved = plain_values.get(value, _UNKNOWN)
                if resolved is _UNKNOWN:
                    resolved = _plain_value(value, source, start, end, findings)
                    if resolved is _DROPPED:
                        dropped += 1
                    else:
                        plain_values[value] = resolved
                value = resolved
            last_end = end
            if in_mapping:
                container[key] = value
                at += (key_start, key_end, start, end)
                key = None
            else:
                container.append(value)
                at += (start, end)
        elif kind is MappingStartEvent or kind is SequenceStartEvent:
            start = event.start_mark.index
            nodes += 1
            if nodes > NODES_MAX:
                raise _over_limit(source, start, start + 1, 0)
            if len(stack) == DEPTH_MAX:
                raise Mistake(start, TooDeep(at=Span(source=source, start=start, end=start + 1)))
            if watch is not None:
                start = watch.collection(event, start, len(stack) + 1)
            if key is None and in_mapping:
                findings.append(_structured_key("a mapping" if kind is MappingStartEvent else "a list", source, start))
                key_start = key_end = start
            stack.append((container, at, key, key_start, key_end))
            in_mapping = kind is MappingStartEvent
            container = _new_container(Mapping if in_mapping else Sequence, source, start)
            at = container.at
            key = None
            key_start = start
        elif kind is MappingEndEvent or kind is SequenceEndEvent:
            start = container.start
            end = event.end_mark.index
            in_brackets = end > event.start_mark.index
            if not in_brackets:
                # The event stands at the next token, behind blank lines and comments.
                end = last_end if last_end > start else start
            container.end = last_end = end
            if dropped:
                _drop(container)
            complete = container
            container, at, key, key_start, key_end = stack.pop()
            in_mapping = container.__class__ is Mapping
            if in_brackets:
                _check_lines_in_brackets(source, text, start, end, yaml_guard.Nesting(stack, container, key_start))
            if watch is not None:
                watch.complete(complete, len(stack) + 1)
            if not in_mapping:
                container.append(complete)
                at += (start, end)
            elif key is None:
                # The key itself was a list or a mapping; that has been reported.
                key = _Dropped()
                dropped += 1
            else:
                container[key] = complete
                at += (key_start, key_end, start, end)
                key = None
        elif kind is AliasEvent:
            start = event.start_mark.index
            end = last_end = event.end_mark.index
            assert watch is not None  # there is a `*` in the text
            value = watch.alias(event.anchor, start, end, len(stack))
            if value is _DROPPED:
                dropped += 1
            if not in_mapping:
                container.append(value)
                at += (start, end)
            elif key is None:
                findings.append(_alias_key(source, start, end))
                key = _Dropped()
                key_start = start
                key_end = end
                dropped += 1
            else:
                container[key] = value
                at += (key_start, key_end, start, end)
                key = None
        elif kind is DocumentStartEvent:
            documents += 1
            start = event.start_mark.index
            if documents > 1:
                findings.append(SeveralDocuments(at=Span(source=source, start=start, end=event.end_mark.index)))
                break
            if event.version is not None or event.tags:
                _check_directives(source, text, start, event.end_mark.index, findings)
        elif kind is StreamEndEvent:
            break
    if watch is not None and watch.spans is not None:
        yaml_guard.check_between(source, text, watch.spans)
    if dropped:
        _drop(container)
        if not container:
            return _DROPPED
    is_nothing = not container or (container[0] is None and at[0] == at[1])
    return _NOTHING if is_nothing else container[0]


def _over_limit(source: Source, start: int, end: int, length: int) -> Mistake:
    """The limit that a value exceeds: its own length, or the number of values before it."""
    at = Span(source=source, start=start, end=end)
    if length > SCALAR_CHARACTERS_MAX:
        return Mistake(start, ScalarTooLong(at=at, what="value", length=length))
    return Mistake(start, TooManyNodes(at=Span(source=source, start=start, end=start + 1)), final=True)


class _Watch:
    """What need be looked at only in texts that have anchors, aliases, tags or odd characters."""

    __slots__ = ("_anchors", "_deepest", "_findings", "_nodes", "_open", "_source", "_text", "spans")

    def __init__(self, source: Source, text: str, findings: _Findings, *, with_spans: bool) -> None:
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
                    anchor.value = _plain_value(event.value, self._source, start, end, _Findings())
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
        """The value that an alias repeats, or `_DROPPED`."""
        at = Span(source=self._source, start=start, end=end)
        if self.spans is not None:
            self.spans += (start, end)
        yaml_guard.check_anchor_name(self._source, self._text, start, end)
        anchor = self._anchors.get(name)
        if anchor is None:
            self._findings.append(UndefinedAlias(at=at, subject=name))
            return _DROPPED
        if anchor.value is _UNKNOWN:
            self._findings.append(RecursiveAlias(at=at, subject=name))
            return _DROPPED
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
        self.value: Any = _UNKNOWN
        self.nodes = 0
        self.levels = 0


# An anchor or tag with the spaces, line ends and comments behind it. Like others below, this pattern is compiled only
# when a text needs it; `re` keeps it then.
_PROPERTY = r"((?:![^\s<]*<[^>\n]*>|[&!][^\s,\[\]{}]*))(?:\s+(?:#[^\n]*)?)*"


def _new_container(kind: Any, source: Source, start: int) -> Any:
    container = kind()
    container.at = []
    container.source = source
    container.start = container.end = start
    return container


def _end_of_lines(source: Source, text: str, start: int, end: int, nesting: yaml_guard.Nesting) -> int:
    """The end of a quoted or block text of several lines, without the blank lines behind it."""
    if text[start] in "|>":
        yaml_guard.check_block_text(source, text, start, end, nesting)
        return start + len(text[start:end].rstrip())
    yaml_guard.check_lines(source, text, start, end, nesting)
    return end


def _check_lines_in_brackets(source: Source, text: str, start: int, end: int, nesting: yaml_guard.Nesting) -> None:
    """The outermost brackets are looked at, once for all that stand inside."""
    if text.find("\n", start, end) >= 0 and nesting.flow_start(text) is None:
        yaml_guard.check_brackets(source, text, start, end, nesting)


def _drop(container: Any) -> None:
    """Remove the entries that were refused, with their places."""
    at = container.at
    kept: list[int] = []
    if container.__class__ is Mapping:
        entries = list(container.items())
        container.clear()
        for index, (key, value) in enumerate(entries):
            if key.__class__ is str and value is not _DROPPED:
                container[key] = value
                kept += at[4 * index : 4 * index + 4]
    else:
        values = list(container)
        container.clear()
        for index, value in enumerate(values):
            if value is not _DROPPED:
                container.append(value)
                kept += at[2 * index : 2 * index + 2]
    at[:] = kept


_TEXT_FIRST = frozenset("abcdeghijklmopqrsuvwxyzABCDEGHIJKLMOPQRSUVWXYZ_/$(")
_CONSTANTS: dict[str, bool | None] = {
    "": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_DECIMAL = re.compile(r"0|-?[1-9][0-9]*")
_NUMBER_LIKE = (
    r"(?P<octal>[-+]?0o[0-7]+)|(?P<hex>[-+]?0x[0-9a-fA-F]+)|(?P<special>[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))"
    r"|(?P<zeros>[-+]?0[0-9]+)|(?P<signed>[-+][0-9]+)"
    r"|(?P<decimal>[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)"
)
_NUMBER_FORMS = {
    "octal": "an octal number",
    "hex": "a hexadecimal number",
    "special": "a number that is not finite",
    "zeros": "a number with leading zeros",
    "signed": "a number with a sign that it does not need",
    "decimal": "a number with a fraction or an exponent",
}


def _plain_value(value: str, source: Source, start: int, end: int, findings: _Findings) -> Any:
    """What an unquoted value means by the core schema, or `_DROPPED` where people and readers disagree about it."""
    meaning = _meaning(value)
    if meaning is not _UNKNOWN:
        return meaning
    at = Span(source=source, start=start, end=end)
    if value == "~":
        findings.append(TildeForNull(at=at))
        return _DROPPED
    if _DECIMAL.fullmatch(value) is not None:
        # The digits are counted first: Python refuses to convert very many of them.
        if len(value) <= 17 and -INTEGER_MAX <= int(value) <= INTEGER_MAX:
            return int(value)
        findings.append(IntegerOutOfRange(at=at, subject=shortened(value)))
        return _DROPPED
    number = re.fullmatch(_NUMBER_LIKE, value)
    if number is None:
        findings.append(yaml_guard.BareSignInBrackets(at=at, subject="-"))
        return _DROPPED
    form = str(number.lastgroup)
    suggestion = _as_decimal(value, form)
    what = _NUMBER_FORMS[form]
    findings.append(AmbiguousScalar(at=at, subject=shortened(value), what=what, suggestion=suggestion))
    return _DROPPED


def _meaning(value: str) -> Any:
    """What an unquoted value means where that is beyond doubt, or `_UNKNOWN`."""
    if value[:1] in _TEXT_FIRST:
        return value
    if value in _CONSTANTS:
        return _CONSTANTS[value]
    if _DECIMAL.fullmatch(value) is not None and len(value) < 16:
        return int(value)
    if value in ("~", "-") or value[:2] == "- " or re.fullmatch(_NUMBER_LIKE, value) is not None:
        return _UNKNOWN
    return value


def _as_decimal(value: str, form: str) -> str:
    if form in ("special", "decimal") or len(value) > 12:
        return ""
    digits = value.lstrip("+-")
    base = {"octal": 8, "hex": 16}.get(form, 10)
    sign = "-" if value[0] == "-" and int(digits, base) else ""
    return f", `{sign}{int(digits, base)}`"


def _plain_key(value: str, source: Source, start: int, end: int, findings: _Findings) -> Any:
    """The text of an unquoted key, or a `_Dropped` where it means something else than text."""
    if value == "<<":
        findings.append(MergeKey(at=Span(source=source, start=start, end=end)))
        return _Dropped()
    if value == "-" or value[:2] == "- ":
        findings.append(yaml_guard.BareSignInBrackets(at=Span(source=source, start=start, end=end), subject="-"))
        return _Dropped()
    if _meaning(value).__class__ is str:
        return value
    if value == "":
        what, remedy = "missing", "write a key before the `:`"
    else:
        shown = shortened(value)
        what, remedy = f"`{shown}`, which YAML does not read as text", f'quote it: `"{shown}"`'
    at = Span(source=source, start=start, end=end)
    findings.append(KeyNotText(at=at, what=what, remedy=remedy))
    return _Dropped()


def _structured_key(what: str, source: Source, start: int) -> KeyNotText:
    at = Span(source=source, start=start, end=start + 1)
    return KeyNotText(at=at, what=what, remedy="quote it if it is meant as text; `{` and `[` begin a mapping or a list")


def _alias_key(source: Source, start: int, end: int) -> KeyNotText:
    at = Span(source=source, start=start, end=end)
    return KeyNotText(at=at, what="an alias", remedy="write the key out, or quote it if it is meant as text")


def _duplicate_key(mapping: Mapping, key: str, source: Source, start: int, end: int) -> DuplicateKey:
    first = mapping.key_span(key)
    line, column = source.location(first.start)
    return DuplicateKey(
        at=Span(source=source, start=start, end=end),
        subject=shortened(key),
        first_line=line,
        first_column=column,
        related=(Related(at=first, text="first written here"),),
    )


def _check_directives(source: Source, text: str, start: int, end: int, findings: _Findings) -> None:
    """Report every directive but `%YAML 1.2`, which says what holds anyway."""
    for found in re.compile(_DIRECTIVE).finditer(text, start, end):
        if re.fullmatch(_YAML_12, found[0]) is None:
            at = Span(source=source, start=found.start(), end=found.end())
            findings.append(Directive(at=at, subject=shortened(found[0])))


_DIRECTIVE = r"(?m)^%[^\r\n#]*[^\s#]"
_YAML_12 = r"%YAML[ \t]+1\.2"


def _empty_file(source: Source) -> EmptyFile:
    what = "is empty" if not source.text.strip() else "holds only comments"
    return EmptyFile(at=Span(source=source, start=0, end=0), what=what)


def _root_not_a_mapping(source: Source, root: Any) -> RootNotAMapping:
    if root.__class__ is Sequence:
        what, start = "a list", root.start
    else:
        what, start = "a single value", len(source.text) - len(source.text.lstrip())
    return RootNotAMapping(at=Span(source=source, start=start, end=min(start + 1, len(source.text))), what=what)


def _overlaps(gaps: list[tuple[int, int]], start: int, end: int) -> bool:
    return any(start < gap_end and gap_start < end for gap_start, gap_end in gaps)


def _blank(text: str) -> str:
    return re.sub(r"[^\r\n]", " ", text)
