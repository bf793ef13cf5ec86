"""From the bytes of a file to its text, or the reason why it is not one.

Whatever a later reader sees has been through here: it is UTF-8, no larger than 8 MiB, and holds no character that a
person reading the file would not see. A refused character is replaced by U+FFFD in the text that is handed on, so that
the rest of the file is still read, places stay right, and no renderer prints the character itself.
"""

from __future__ import annotations

import re

from rsppc.base.source import Source, Span, file_span
from rsppc.diagnostics import Diagnostic, DiagnosticSink

SOURCE_BYTES_MAX = 8 * 1024 * 1024
_REPORTED_CHARACTERS_MAX = 20


class FileTooLarge(Diagnostic):
    """A source file is at most 8 MiB, so that one file cannot exhaust the memory of the machine that checks it."""

    code = "RSP0101"
    name = "file-too-large"
    headline = "this file has {size} bytes; a source file has at most 8388608"
    hint = "split the artifact, or keep recordings and other data under `assets/`"

    size: int


class NotUtf8(Diagnostic):
    """Source files are UTF-8. Guessing another encoding would give the same bytes two meanings."""

    code = "RSP0102"
    name = "not-utf8"
    headline = "this file is not UTF-8: the byte {byte} at offset {offset} cannot stand there"
    hint = "save the file as UTF-8"

    byte: str
    offset: int


class WideEncoding(Diagnostic):
    """Source files are UTF-8. Some editors save UTF-16 or UTF-32 by default."""

    code = "RSP0103"
    name = "wide-encoding"
    headline = "this file is {encoding}, not UTF-8 (seen at byte offset 0)"
    hint = "save the file as UTF-8"

    encoding: str


class BinaryFile(Diagnostic):
    """A NUL byte never stands in text: this file is something else under a source file's name."""

    code = "RSP0104"
    name = "binary-file"
    headline = "this is not a text file: there is a NUL byte at offset {offset}"
    hint = "move recordings and other binary files to `assets/`, or save the file as UTF-8 text"

    offset: int


class MarkInsideText(Diagnostic):
    """A byte order mark may begin a file. Anywhere else it is an invisible character that changes what a name is."""

    code = "RSP0105"
    name = "byte-order-mark-inside"
    headline = "there is a byte order mark (U+FEFF) inside the file, at byte offset {offset}"
    hint = "delete it; it often comes from gluing two files together"

    offset: int


class ControlCharacter(Diagnostic):
    """Control characters and odd line ends look like nothing in one editor and like a new line in another."""

    code = "RSP0106"
    name = "control-character"
    headline = "the character {character} ({meaning}) cannot stand in a source file (byte offset {offset})"
    hint = "{remedy}"

    character: str
    meaning: str
    remedy: str
    offset: int


class InvisibleCharacter(Diagnostic):
    """Such a character lets a file read differently from what it says: reviewers see one text, the compiler another.

    It is refused in keys, in values and in comments alike. A quoted value may spell one out as an escape.
    """

    code = "RSP0107"
    name = "invisible-character"
    headline = "the invisible character {character} ({meaning}) stands here (byte offset {offset})"
    hint = "delete it, or write it as an escape inside a double-quoted value"

    character: str
    meaning: str
    offset: int


def read_source(path: str, data: bytes, sink: DiagnosticSink) -> Source | None:
    """The text of a file; None where there is none to speak of. Problems go to the sink."""
    refusal = _refusal(path, data)
    if refusal is not None:
        sink.report(refusal)
        return None
    text = data.decode("utf-8")
    if text[:1] == "\ufeff":
        text = text[1:]
    if _is_clean(text, data):
        return Source(path, text, data)
    return _without_refused_characters(Source(path, text, data), sink)


def _refusal(path: str, data: bytes) -> Diagnostic | None:
    """Why the bytes are no text at all, if they are not."""
    if len(data) > SOURCE_BYTES_MAX:
        return FileTooLarge(at=file_span(Source(path, "", b"")), size=len(data))
    wide = _wide_encoding(data)
    if wide is not None:
        return WideEncoding(at=file_span(Source(path, "", data)), encoding=wide)
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return _not_utf8(path, data, error.start)
    return _binary(path, data, data.index(0)) if 0 in data else None


# Every ASCII control but tab, line feed and carriage return; the last is looked at together with its line feed.
_ASCII_CONTROLS = bytes(code for code in (*range(0x20), 0x7F) if code not in b"\t\n\r")

_BIDIRECTIONAL = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_ZERO_WIDTH = "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2060-\u2065\u206a-\u206f\u3164"
_ZERO_WIDTH_TOO = "\ufe00-\ufe0e\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
_CONTROLS = "\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufdd0-\ufdef\ufffe\uffff"
# U+FE0F only asks for the coloured form of the sign before it; it is refused where no such sign precedes.
# Compiled when a text needs it, that is, when it is not ASCII; `re` keeps it then.
_REFUSED = (
    f"[{_CONTROLS}{_BIDIRECTIONAL}{_ZERO_WIDTH}{_ZERO_WIDTH_TOO}\ufeff]|\r(?!\n)"
    "|(?<![\u2000-\u2bff\u3030-\u32ff\U0001f000-\U0001faff])\ufe0f"
)
_CONTROL = f"[{_CONTROLS}\r]"


def _is_clean(text: str, data: bytes) -> bool:
    if len(data.translate(None, _ASCII_CONTROLS)) != len(data):
        return False
    if b"\r" in data and data.count(b"\r") != data.count(b"\r\n"):
        return False
    return text.isascii() or re.search(_REFUSED, text) is None


def _wide_encoding(data: bytes) -> str | None:
    if data[:4] in (b"\xff\xfe\0\0", b"\0\0\xfe\xff"):
        return "UTF-32"
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "UTF-16"
    # Without a mark, mostly-ASCII text in UTF-16 has a NUL in every second place.
    first, second = data[0:4:2], data[1:4:2]
    if (first == b"\0\0" and 0 not in second) or (second == b"\0\0" and 0 not in first):
        return "UTF-16"
    return None


def _not_utf8(path: str, data: bytes, offset: int) -> NotUtf8:
    before = Source(path, data[:offset].decode("utf-8").removeprefix("\ufeff"), data)
    place = len(before.text)
    return NotUtf8(at=Span(source=before, start=place, end=place), byte=f"0x{data[offset]:02X}", offset=offset)


def _binary(path: str, data: bytes, offset: int) -> BinaryFile:
    # Only the line with the NUL byte is kept: the rest need not be fit to print.
    before = data[:offset].decode("utf-8").removeprefix("\ufeff")
    source = Source(path, re.sub(_REFUSED, "\ufffd", before), data)
    return BinaryFile(at=Span(source=source, start=len(before), end=len(before)), offset=offset)


def _without_refused_characters(raw: Source, sink: DiagnosticSink) -> Source:
    # A lone carriage return ends a line in YAML and for the person at the editor, so it becomes one that we count.
    cleaned = re.sub(_REFUSED, lambda found: "\n" if found[0] == "\r" else "\ufffd", raw.text)
    source = Source(raw.path, cleaned, raw.data)
    byte_offset = len(raw.data) - len(raw.text.encode("utf-8"))
    place = 0
    for count, found in enumerate(re.finditer(_REFUSED, raw.text)):
        if count == _REPORTED_CHARACTERS_MAX:
            break
        byte_offset += len(raw.text[place : found.start()].encode("utf-8"))
        place = found.start()
        sink.report(_refused_character(found[0], Span(source=source, start=place, end=place + 1), byte_offset))
    return source


def _refused_character(character: str, at: Span, offset: int) -> Diagnostic:
    if character == "\ufeff":
        return MarkInsideText(at=at, offset=offset)
    shown, meaning = f"U+{ord(character):04X}", _meaning(character)
    if re.fullmatch(_CONTROL, character) is None:
        return InvisibleCharacter(at=at, character=shown, meaning=meaning, offset=offset)
    if character == "\r":
        remedy = "save the file with line feeds, or with carriage return and line feed together, as line ends"
    elif character in "\u0085\u2028\u2029":
        remedy = "use an ordinary line end"
    else:
        remedy = "delete it, or write it as an escape inside a double-quoted value"
    return ControlCharacter(at=at, character=shown, meaning=meaning, remedy=remedy, offset=offset)


def _meaning(character: str) -> str:
    import unicodedata  # only when something is wrong

    named = {"\r": "carriage return without line feed", "\u0085": "next line", "\x1b": "escape", "\x7f": "delete"}
    return named.get(character) or unicodedata.name(character, "unnamed").lower()
