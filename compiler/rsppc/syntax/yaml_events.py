"""YAML 1.2 to a `Document`, with the place of every key and value: the careful way, for whatever a file may hold.

libyaml finds the tokens and reports them one event at a time; everything else is decided here: what a plain scalar
means (the 1.2 core schema, and less than that where people misread it), the limits, duplicate keys, aliases. libyaml
speaks YAML 1.1 and is lenient; `yaml_guard` refuses what it would read differently from YAML 1.2, so a file is read as
YAML 1.2 reads it or it is refused.

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
    KEYS_MAX,
    NODES_MAX,
    SCALAR_CHARACTERS_MAX,
    DuplicateKey,
    EmptyFile,
    RootNotAMapping,
    ScalarTooLong,
    TooDeep,
    TooManyKeys,
    TooManyNodes,
    shortened,
)
from rsppc.syntax.yaml_anchors import Watch
from rsppc.syntax.yaml_mistake import Mistake, item_around, mistake_of
from rsppc.syntax.yaml_scalars import DROPPED, NOTHING, UNKNOWN, Dropped, Findings, KeyNotText, plain_key, plain_value

_ATTEMPTS_MAX = 20
_REREAD_CHARACTERS_MAX = 8 * 1024 * 1024
# Below this size a text cannot exceed a limit without aliases: every key takes two characters at least.
_SMALL_CHARACTERS = 2 * KEYS_MAX


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


def read_events(source: Source, text: str, sink: DiagnosticSink) -> Document:
    """The document that a text states; `text` is the source's, with its last line ended.

    Problems go to the sink; what they concern is missing from the document.
    """
    gaps: list[tuple[int, int]] = []
    attempts = min(_ATTEMPTS_MAX, 2 + _REREAD_CHARACTERS_MAX // (len(text) + 1))
    while True:
        findings = Findings()
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
    if root is NOTHING and not gaps:
        sink.report(_empty_file(source))
    elif root is not DROPPED and not gaps:
        sink.report(_root_not_a_mapping(source, root))
    return Document(source=source, root=None, gaps=tuple(sorted(gaps)))


def _compose(source: Source, text: str, findings: Findings) -> Any:
    """Build mappings and sequences from events; the root, or `NOTHING`. Raises `Mistake` at what cannot be read.

    One long loop on purpose: it runs once per event, and a call per event would double the time of
    reading a file.
    """
    next_event: Any = CParser(text).get_event
    suspicious = yaml_guard.is_suspicious(text)
    watch: Watch | None = None
    if suspicious or "&" in text or "!" in text or "*" in text:
        watch = Watch(source, text, findings, with_spans=suspicious)
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
                        key = plain_key(value, source, start, end, findings)
                        if key.__class__ is str:
                            plain_keys[value] = key
                        else:
                            dropped += 1
                else:
                    key = value
                if key in container:
                    if not findings.are_enough:
                        findings.append(_duplicate_key(container, key, source, start, end))
                    key = Dropped()
                    dropped += 1
                key_start = start
                key_end = end
                continue
            if plain:
                resolved = plain_values.get(value, UNKNOWN)
                if resolved is UNKNOWN:
                    resolved = plain_value(value, source, start, end, findings)
                    if resolved is DROPPED:
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
                key = Dropped()
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
            if value is DROPPED:
                dropped += 1
            if not in_mapping:
                container.append(value)
                at += (start, end)
            elif key is None:
                findings.append(_alias_key(source, start, end))
                key = Dropped()
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
            return DROPPED
    is_nothing = not container or (container[0] is None and at[0] == at[1])
    return NOTHING if is_nothing else container[0]


def _over_limit(source: Source, start: int, end: int, length: int) -> Mistake:
    """The limit that a value exceeds: its own length, or the number of values before it."""
    at = Span(source=source, start=start, end=end)
    if length > SCALAR_CHARACTERS_MAX:
        return Mistake(start, ScalarTooLong(at=at, what="value", length=length))
    return Mistake(start, TooManyNodes(at=Span(source=source, start=start, end=start + 1)), final=True)


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
            if key.__class__ is str and value is not DROPPED:
                container[key] = value
                kept += at[4 * index : 4 * index + 4]
    else:
        values = list(container)
        container.clear()
        for index, value in enumerate(values):
            if value is not DROPPED:
                container.append(value)
                kept += at[2 * index : 2 * index + 2]
    at[:] = kept


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


def _check_directives(source: Source, text: str, start: int, end: int, findings: Findings) -> None:
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
