"""Any artifact that has a text form, as `.rspp` in one canonical layout; the inverse of `rspp_reader`.

What has a short form is written in it; everything else as `key = value`, so nothing is inexpressible. Which form a
value takes is decided by the declared shape of the artifact and by the value alone, never by how it was written before.
Comments are put before the statement that they stood before.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rsppc.model.common import ACTIONS
from rsppc.model.kinds import BY_SCHEMA_VERSION
from rsppc.model.shape import (
    ArtifactKind,
    Choice,
    Expression,
    FieldType,
    Identifier,
    Listing,
    Nested,
    OneOf,
    Reference,
    SettingPath,
    Shape,
    Table,
    Text,
)
from rsppc.syntax.document import Comment, Mapping
from rsppc.syntax.rspp_actions import without_indentation
from rsppc.syntax.rspp_tokens import KEYWORDS, end_of_condition

_WIDTH = 120
_ALIGNED_MAX = 24
_HEADS = {
    "pipeline": "pipeline",
    "module": "module",
    "profile": "profile",
    "policy": "policy",
    "layer": "layer",
    "extension": "nodes",
    "bundle": "bundle",
}

KIND_OF_HEAD = {head: kind for kind, head in _HEADS.items()}
"""The kind of artifact by the word that a text form begins with."""


def has_statement(kind: str, key: str) -> bool:
    """Whether a key of an artifact, or of the block of a kind, is written as statements with a word of their own."""
    return (kind, key) in _SHORT_STATEMENTS or ("", key) in _SHORT_STATEMENTS or key in _BLOCKS.get(kind, ())


def why_no_text_form(root: dict[str, Any]) -> str | None:
    """Why an artifact cannot be written as a text form; None where it can."""
    kind = BY_SCHEMA_VERSION.get(_text_of(root.get("schema_version")))
    if kind is None:
        return "its `schema_version` announces no kind of artifact"
    if kind.name not in _HEADS:
        return f"a {kind.title} is YAML or JSON only"
    return None


def print_rspp(root: dict[str, Any], comments: Sequence[Comment] = ()) -> str:
    """The text form of an artifact. `comments` are those of the source that `root` was read from, in source order.

    Ask `why_no_text_form` first; an artifact without a text form is a ValueError.
    """
    reason = why_no_text_form(root)
    if reason is not None:
        raise ValueError(reason)
    kind = BY_SCHEMA_VERSION[root["schema_version"]]
    head, rest = _header(kind, root)
    statements = _statements(kind, rest, root)
    before, behind = _comments_by_statement(root, statements, comments)
    lines = [*(_comment_line(comment, "") for comment in before.pop(-1, ())), f"{head} {{"]
    group = ""
    for number, statement in enumerate(statements):
        if statement.group != group and group and not (group in _QUIET and statement.group in _QUIET):
            lines.append("")
        group = statement.group
        lines += [_comment_line(comment, "  ") for comment in before.get(number, ())]
        lines += statement.lines
    lines += [_comment_line(comment, "  ") for comment in behind]
    lines.append("}")
    return "\n".join(lines) + "\n"


# ---- scalars

_WORD = re.compile(
    r"[A-Za-z_]\w*(?:[./\-][\w*]+)*(?:@sha256:[0-9a-f]+)?"
    r"|[a-z_]+:[a-z]\w*/v[0-9][\w.]*(?:@sha256:[0-9a-f]+)?|secret://[\w./\-]+|sha256:[0-9a-f]+",
    re.ASCII,
)
_PLAIN_CONFIG = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_CONSTANTS = frozenset(("true", "false", "null"))
NEEDS_ESCAPE = re.compile(
    '["\\\\\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e'
    "\u2060-\u206f\u3164\ud800-\udfff\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_SHORT_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def quoted(text: str) -> str:
    """A text in double quotes, invisible characters escaped as in JSON."""
    return f'"{NEEDS_ESCAPE.sub(_escape, text)}"'


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    short = _SHORT_ESCAPES.get(character)
    if short is not None:
        return short
    code = ord(character)
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"


def _text_of(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _is_word(text: str) -> bool:
    return _WORD.fullmatch(text) is not None and text not in _CONSTANTS


def name_written(text: str) -> str:
    """A name behind a keyword: in quotes where it could be taken for another keyword."""
    return text if _is_word(text) and text not in KEYWORDS else quoted(text)


def _key(text: str) -> str:
    """A name before `=`, where no word is a keyword."""
    return text if _WORD.fullmatch(text) is not None else quoted(text)


def _condition(text: str) -> str:
    """A condition in parentheses, or in quotes where the reader would not find its end again."""
    written = f"({text})"
    plain = text == text.strip() and text and NEEDS_ESCAPE.search(text.replace('"', "").replace("\\", "")) is None
    if plain and end_of_condition(written, 0) == len(written):
        return written
    return quoted(text)


def _scalar(value: Any, declared: FieldType | None) -> str:
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(declared, Expression):
        return _condition(value)
    if isinstance(declared, Identifier | Choice | Reference | SettingPath):
        return value if _is_word(value) else quoted(value)
    if isinstance(declared, Text) or value in _CONSTANTS or _PLAIN_CONFIG.fullmatch(value) is None:
        return quoted(value)
    return str(value)


# ---- values on one line, and on several


def _inline(value: Any, declared: FieldType | None) -> str:
    if isinstance(value, dict):
        if _is_bounded(value, declared):
            return _bounds(value, lambda rest: _braces(rest, declared))
        return _braces(value, declared)
    if isinstance(value, list):
        item = declared.item if isinstance(declared, Listing) else None
        return "[" + ", ".join(_inline(one, _declared_for(one, item)) for one in value) + "]"
    return _scalar(value, declared)


def _braces(value: dict[str, Any], declared: FieldType | None) -> str:
    if not value:
        return "{ }"
    return "{ " + "  ".join(_entry_inline(key, value, declared) for key in value) + " }"


def _entry_inline(key: str, siblings: dict[str, Any], declared: FieldType | None) -> str:
    value = siblings[key]
    key_and_value = _with_unit(key, value, siblings)
    if key_and_value is not None:
        return " = ".join(key_and_value)
    return f"{_key(key)} = {_inline(value, _declared_at(declared, key, value))}"


def _entry_lines(
    key: str, siblings: dict[str, Any], declared: FieldType | None, indent: str, *, equals: bool = False
) -> list[str]:
    """A field, on one line where it fits. A mapping needs no `=` before its brace, unless `equals` asks for it."""
    line = indent + _entry_inline(key, siblings, declared)
    value = siblings[key]
    declared_value = _declared_at(declared, key, value)
    if isinstance(value, str):
        long = _long_text(value, indent) if not isinstance(declared_value, Expression) else None
        return [line] if long is None else [f"{indent}{_key(key)} = {long[0]}", *long[1:]]
    if isinstance(value, list):
        if not value or (len(line) <= _WIDTH and not _has_lines(value)):
            return [line]
        return _list_lines(f"{indent}{_key(key)} = ", value, declared_value, indent)
    if not isinstance(value, dict) or (_is_bounded(value, declared_value) and len(line) <= _WIDTH):
        return [line]
    # A keyword before a brace would begin a statement of its own.
    head = f"{indent}{_key(key)} {'= ' if equals or key in KEYWORDS else ''}"
    line = f"{head}{_braces(value, declared_value)}"
    if not value or (len(line) <= _WIDTH and not _has_lines(value)):
        return [line]
    return _block(head, value, declared_value, indent)


def _block(head: str, value: dict[str, Any], declared: FieldType | None, indent: str) -> list[str]:
    """A mapping with a line for each field; `head` stands before its brace."""
    lines = [f"{head}{{"]
    for key in value:
        lines += _entry_lines(key, value, declared, indent + "  ")
    return [*lines, f"{indent}}}"]


def _list_lines(head: str, value: list[Any], declared: FieldType | None, indent: str) -> list[str]:
    item = declared.item if isinstance(declared, Listing) else None
    lines = [f"{head}["]
    inside = indent + "  "
    for one in value:
        declared_one = _declared_for(one, item)
        line = f"{inside}{_inline(one, declared_one)},"
        if len(line) <= _WIDTH and not _has_lines(one):
            lines.append(line)
        elif isinstance(one, dict) and one:
            lines += _block(inside, one, declared_one, inside)
            lines[-1] += ","
        elif isinstance(one, list) and one:
            lines += _list_lines(inside, one, declared_one, inside)
            lines[-1] += ","
        else:
            lines.append(line)
    return [*lines, f"{indent}]"]


def _has_lines(value: Any) -> bool:
    """Whether a value holds a text that is better written on several lines."""
    if isinstance(value, str):
        return _long_text(value, "") is not None
    if isinstance(value, dict):
        return any(_has_lines(one) for one in value.values())
    return isinstance(value, list) and any(isinstance(one, dict | list) and _has_lines(one) for one in value)


def _long_text(value: str, indent: str) -> list[str] | None:
    """The lines of a long text, quotes included; None where it is better written on one line."""
    if "\n" not in value.rstrip("\n") or NEEDS_ESCAPE.search(re.sub(r'["\\\n]', "", value)) is not None:
        return None
    written = value.replace("\\", "\\\\")
    if '""' in value or value.endswith('"'):
        written = written.replace('"', '\\"')
    inside = indent + "  "
    lines = [f"{inside}{line}" if line else "" for line in written.split("\n")]
    lines[-1] = f'{lines[-1] or inside}"""'
    whole = "\n" + "\n".join(lines)[:-3]
    if without_indentation(whole) != written:
        return None
    return ['"""', *lines]


_UNITS = (
    ("_ms", (("s", 1000), ("ms", 1))),
    ("_hz", (("kHz", 1000), ("Hz", 1))),
    ("_bytes", (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024), ("B", 1))),
)


def _with_unit(key: str, value: Any, siblings: dict[str, Any]) -> tuple[str, str] | None:
    """A field whose name carries a unit, as short name and number with unit; None where that would be unclear."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        return None
    for suffix, units in _UNITS:
        if key.endswith(suffix):
            short = key[: -len(suffix)]
            if _WORD.fullmatch(short) is None or short.endswith(suffix):
                return None
            if any(other != suffix and short + other in siblings for other in ("", "_ms", "_hz", "_bytes")):
                return None
            return short, _amount(value, units)
    return None


def _amount(value: int, units: tuple[tuple[str, int], ...]) -> str:
    unit, factor = next((unit, factor) for unit, factor in units if value % factor == 0 and (value or factor == 1))
    return f"{value // factor}{unit}"


def _duration(value: int) -> str:
    return _amount(value, _UNITS[0][1])


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


_BOUNDS = ("max_queue_items", "max_queue_ms", "max_queue_bytes")


def _is_bounded(value: dict[str, Any], declared: FieldType | None) -> bool:
    """Whether a mapping can be written as `merge(16 items, 200ms)`."""
    if not isinstance(declared, Nested) or declared.shape.name != "buffer":
        return False
    bounds = [value[key] for key in _BOUNDS if key in value]
    return isinstance(value.get("strategy"), str) and bool(bounds) and all(_is_count(one) for one in bounds)


def _bounds(value: dict[str, Any], braces: Callable[[dict[str, Any]], str]) -> str:
    amounts = []
    if "max_queue_items" in value:
        amounts.append(f"{value['max_queue_items']} items")
    amounts += [_amount(value[key], units) for key, (_, units) in _BOUND_UNITS if key in value]
    rest = {key: one for key, one in value.items() if key not in _BOUNDS and key != "strategy"}
    more = f" {braces(rest)}" if rest else ""
    return f"{name_written(value['strategy'])}({', '.join(amounts)}){more}"


_BOUND_UNITS = (("max_queue_ms", _UNITS[0]), ("max_queue_bytes", _UNITS[2]))


# ---- which declaration a value falls under


def _declared_at(declared: FieldType | None, key: str, value: Any) -> FieldType | None:
    if isinstance(declared, Nested):
        return _declared_in(declared.shape, key, value)
    if isinstance(declared, Table):
        return _declared_for(value, declared.value)
    return None


def _declared_in(shape: Shape, key: str, value: Any) -> FieldType | None:
    for one in shape.fields:
        if one.name == key:
            return _declared_for(value, one.type)
    return None


def _declared_for(value: Any, declared: FieldType | None) -> FieldType | None:
    """The declaration that a value falls under, where several may serve."""
    if not isinstance(declared, OneOf):
        return declared
    for option in declared.options:
        if isinstance(option, Nested) and isinstance(value, dict):
            known = {one.name for one in option.shape.fields}
            if known.issuperset(value):
                return option
        elif isinstance(option, Table if isinstance(value, dict) else Identifier | Choice):
            return option
    return None


def _item_shape(shape: Shape, key: str) -> FieldType | None:
    for one in shape.fields:
        if one.name == key:
            return one.type.item if isinstance(one.type, Listing) else one.type
    return None


# ---- statements


class _Statement:
    """The lines of one statement, and where what it states was written before."""

    __slots__ = ("group", "lines", "start")

    def __init__(self, group: str, lines: list[str], start: int) -> None:
        self.group = group
        self.lines = lines
        self.start = start


def _header(kind: ArtifactKind, root: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The first line without its brace, and what it does not say."""
    rest = {key: value for key, value in root.items() if key != "schema_version"}
    parts = [_HEADS[kind.name]]
    for key in (kind.id_field, "version", "scope"):
        if not isinstance(rest.get(key), str) or (key == "scope" and kind.name != "layer"):
            break
        parts.append(name_written(rest.pop(key)))
    if kind.name == "layer" and isinstance(rest.get("when"), str):
        parts.append(f"when {_condition(rest.pop('when'))}")
    return " ".join(parts), rest


_QUIET = frozenset(("fields", "subgraph_refs"))


def _statements(kind: ArtifactKind, rest: dict[str, Any], root: dict[str, Any]) -> list[_Statement]:
    """All statements, in the order in which the shape declares their keys; unknown keys last."""
    shape = kind.shape
    declared = [one.name for one in shape.fields if one.name in rest]
    statements: list[_Statement] = []
    for key in (*declared, *(key for key in rest if key not in declared)):
        value = rest[key]
        short = _SHORT_STATEMENTS.get((kind.name, key)) or _SHORT_STATEMENTS.get(("", key))
        made = short(value, _item_shape(shape, key)) if short is not None else None
        start = _start_of_value(root, key)
        if made is None:
            group = "fields" if not isinstance(value, dict | list) or key == "metadata" else key
            statements.append(_Statement(group, _entry_lines(key, rest, Nested(shape=shape), "  "), start))
        else:
            for lines, item in made:
                group = "fields" if item is None and len(lines) == 1 and key not in _ALONE else key
                statements.append(_Statement(group, lines, start if item is None else _start_of_item(value, item)))
    return statements


_ALONE = frozenset(("turns", "exposes"))
_Lines = list[tuple[list[str], int | None]]
"""Lines with the number of the list's item that they state; None where they state the whole value."""


def _start_of_value(root: dict[str, Any], key: str) -> int:
    return root.key_span(key).start if isinstance(root, Mapping) else -1


def _start_of_item(value: Any, item: int) -> int:
    at = getattr(value, "at", None)
    return int(at[2 * item]) if at is not None else -1


def _statement_of_name(word: str) -> Callable[..., _Lines | None]:
    def statement(value: Any, declared: FieldType | None) -> _Lines | None:
        return [([f"  {word} {name_written(value)}"], None)] if isinstance(value, str) else None

    return statement


def _statement_of_names(word: str, expected: tuple[str, ...] = ()) -> Callable[..., _Lines | None]:
    """Names behind a keyword; `expected` are keywords that are names here."""

    def statement(value: Any, declared: FieldType | None) -> _Lines | None:
        if not _are_names(value):
            return None
        names = [one if one in expected else name_written(one) for one in value]
        line = f"  {word} {', '.join(names)}"
        if len(line) > _WIDTH:
            line = f"  {word} " + ",\n    ".join(names)
        return [(line.split("\n"), None)]

    return statement


def _are_names(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)


def _statements_of_items(
    required: tuple[str, ...], made: Callable[[dict[str, Any], FieldType | None, int], list[str] | None]
) -> Callable[..., _Lines | None]:
    """A statement for each item of a list; None where one of them has no short form."""

    def statements(value: Any, declared: FieldType | None) -> _Lines | None:
        if not isinstance(value, list) or not value:
            return None
        width = 0
        for one in value:
            if not isinstance(one, dict) or any(not isinstance(one.get(key), str) for key in required):
                return None
            width = max(width, len(name_written(one[required[0]])))
        found: _Lines = []
        for number, one in enumerate(value):
            lines = made(one, declared, width if width <= _ALIGNED_MAX else 0)
            if lines is None:
                return None
            found.append((lines, number))
        return found

    return statements


def _joined(head: str, attributes: Iterable[str], indent: str) -> list[str]:
    """A statement with its attributes, on one line where they fit."""
    attributes = list(attributes)
    line = " ".join((head, *attributes))
    if len(line) <= _WIDTH and "\n" not in line:
        return [line]
    lines = head.split("\n")
    for attribute in attributes:
        lines += f"{indent}  {attribute}".split("\n")
    return lines


def _with_rest(item: dict[str, Any], declared: FieldType | None, known: Iterable[str], indent: str) -> list[str]:
    rest = {key: value for key, value in item.items() if key not in known}
    return [_object(rest, declared, indent, "with ")] if rest else []


def _object(value: dict[str, Any], declared: FieldType | None, indent: str, head: str = "") -> str:
    """A mapping in braces, on one line where it fits; otherwise its lines, joined by line ends."""
    line = f"{head}{_braces(value, declared)}"
    if len(indent) + len(line) <= _WIDTH and not _has_lines(value):
        return line
    return "\n".join(_block(head, value, declared, indent))


def _node_lines(item: dict[str, Any], declared: FieldType | None, width: int) -> list[str] | None:
    head = f"  node {name_written(item['node_id']).ljust(width)} : {name_written(item['node_type'])}"
    return _node(head, item, declared, "  ")


def _node(head: str, item: dict[str, Any], declared: FieldType | None, indent: str) -> list[str]:
    known = {"node_id", "node_type"}
    attributes: list[str] = []
    config = item.get("config")
    if isinstance(config, dict):
        known.add("config")
        declared_config = _declared_at(declared, "config", config)
        inline = f"{head} {_braces(config, declared_config)}"
        if len(inline) <= _WIDTH and not _has_lines(config):
            head = inline
        else:
            head = "\n".join(_block(f"{head} ", config, declared_config, indent))
    for key, attribute in _NODE_ATTRIBUTES:
        if key in item and (written := attribute(item[key])) is not None:
            known.add(key)
            attributes.append(written)
    attributes += _with_rest(item, declared, known, indent + "  ")
    return _joined_behind_block(head, attributes, indent)


def _joined_behind_block(head: str, attributes: list[str], indent: str) -> list[str]:
    """Attributes behind a block stand behind its closing brace where they fit."""
    lines = head.split("\n")
    return [*lines[:-1], *_joined(lines[-1], attributes, indent)]


def _provider_attribute(value: Any) -> str | None:
    return "provider null" if value is None else f"provider {name_written(value)}" if isinstance(value, str) else None


def _budget_attribute(value: Any) -> str | None:
    return "budget null" if value is None else f"budget {_duration(value)}" if _is_count(value) else None


def _fallback_attribute(value: Any) -> str | None:
    if value is None:
        return "fallback null"
    if not isinstance(value, dict) or set(value) != {"to", "on"} or not isinstance(value["to"], str):
        return None
    if not _are_names(value["on"]):
        return None
    return f"fallback {name_written(value['to'])} on {', '.join(_cause(one) for one in value['on'])}"


def _cause(text: str) -> str:
    return text if text == "budget" else name_written(text)


def _lifecycle_attribute(value: Any) -> str | None:
    if not isinstance(value, dict):
        return None
    if (
        not value
        or not {"start_timeout_ms", "stop_timeout_ms"}.issuperset(value)
        or not all(map(_is_count, value.values()))
    ):
        return f"lifecycle {_braces(value, None)}"
    parts = [
        f"{word} {_duration(value[key])}"
        for word, key in (("start", "start_timeout_ms"), ("stop", "stop_timeout_ms"))
        if key in value
    ]
    return f"lifecycle {' '.join(parts)}"


_NODE_ATTRIBUTES = (
    ("provider", _provider_attribute),
    ("budget_ms", _budget_attribute),
    ("fallback", _fallback_attribute),
    ("lifecycle", _lifecycle_attribute),
)


def _use_lines(item: dict[str, Any], declared: FieldType | None, width: int) -> list[str] | None:
    head = f"  use {name_written(item['name']).ljust(width)} = {name_written(item['module'])}"
    known = {"name", "module"}
    settings = item.get("settings")
    if isinstance(settings, dict):
        known.add("settings")
        inline = f"{head} {_braces(settings, _declared_at(declared, 'settings', settings))}"
        if len(inline) <= _WIDTH and not _has_lines(settings):
            head = inline
        else:
            head = "\n".join(_block(f"{head} ", settings, _declared_at(declared, "settings", settings), "  "))
    attributes = []
    requires = item.get("requires")
    if isinstance(requires, dict) and set(requires) == {"min_version"} and isinstance(requires["min_version"], str):
        known.add("requires")
        attributes.append(f"requires {name_written(requires['min_version'])}")
    attributes += _with_rest(item, declared, known, "    ")
    return _joined_behind_block(head, attributes, "  ")


def _edge_statements(value: Any, declared: FieldType | None) -> _Lines | None:
    """Edges one by one; those that only continue the one before are chained to it."""
    if not isinstance(value, list) or not value:
        return None
    found: _Lines = []
    last_end = ""
    for number, one in enumerate(value):
        if not isinstance(one, dict) or not isinstance(one.get("from"), str) or not isinstance(one.get("to"), str):
            return None
        chained = f"{found[-1][0][0]} -> {name_written(one['to'])}" if found and last_end == one["from"] else ""
        if len(one) == 2 and chained and len(chained) <= _WIDTH and "." not in one["from"]:
            found[-1] = [chained], found[-1][1]
        else:
            found.append((_edge_lines(one, declared), number))
        last_end = one["to"] if len(one) == 2 else ""
    return found


def _edge_lines(item: dict[str, Any], declared: FieldType | None) -> list[str]:
    attributes: list[str] = []
    known = {"from", "to"}
    if isinstance(item.get("when"), str):
        known.add("when")
        attributes.append(f"when {_condition(item['when'])}")
    for key in ("otherwise", "priority"):
        if key in item and isinstance(item[key], str | int | None):
            known.add(key)
            attributes.append(f"{key} {_attribute_scalar(item[key])}")
    if item.get("feedback") is True:
        known.add("feedback")
        attributes.append("feedback")
    if "max_rounds" in item and isinstance(item["max_rounds"], str | int | None):
        known.add("max_rounds")
        attributes.append(f"max_rounds {_attribute_scalar(item['max_rounds'])}")
    if isinstance(item.get("type"), str):
        known.add("type")
        attributes.append(f"type {quoted(item['type'])}")
    rest = {key: value for key, value in item.items() if key not in known}
    if rest:
        attributes.append(_object(rest, declared, "    "))
    return _joined(f"  {name_written(item['from'])} -> {name_written(item['to'])}", attributes, "  ")


def _attribute_scalar(value: Any) -> str:
    return name_written(value) if isinstance(value, str) else _scalar(value, None)


def _turns_statement(value: Any, declared: FieldType | None) -> _Lines | None:
    if not isinstance(value, dict) or not value:
        return None
    parts: list[str] = []
    rest = dict(value)
    if isinstance(rest.get("owner"), str):
        parts.append(f"owner {name_written(rest.pop('owner'))}")
    for key in ("barge_in", "cancel_from"):
        places = rest.get(key)
        if isinstance(places, list) and places and all(_is_place(one) for one in places):
            declared_places = _declared_at(declared, key, rest.pop(key))
            item = declared_places.item if isinstance(declared_places, Listing) else None
            parts += ["\n".join(_place_lines(key, one, item)) for one in places]
    parts += ["\n".join(_entry_lines(key, rest, declared, "    ")).strip() for key in rest]
    line = f"  turns {{ {'  '.join(parts)} }}"
    if len(line) <= _WIDTH and "\n" not in line:
        return [([line], None)]
    return [(["  turns {", *(line for part in parts for line in f"    {part}".split("\n")), "  }"], None)]


def _is_place(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("from"), str)


def _place_lines(word: str, item: dict[str, Any], declared: FieldType | None) -> list[str]:
    known = {"from"}
    attributes: list[str] = []
    if _is_count(item.get("min_speech_ms")):
        known.add("min_speech_ms")
        attributes.append(f"after {_duration(item['min_speech_ms'])}")
    if isinstance(item.get("when"), str):
        known.add("when")
        attributes.append(f"when {_condition(item['when'])}")
    if _are_names(item.get("unless")):
        known.add("unless")
        attributes.append(f"unless {', '.join(name_written(one) for one in item['unless'])}")
    attributes += _with_rest(item, declared, known, "      ")
    return _joined(f"{word} {name_written(item['from'])}", attributes, "    ")


def _exposes_statement(value: Any, declared: FieldType | None) -> _Lines | None:
    if not isinstance(value, dict) or not value:
        return None
    lines = ["  exposes {"]
    rest = dict(value)
    for key, word, inside in _EXPOSED:
        items = rest.get(key)
        if isinstance(items, list) and items and all(_is_pair(one, "name", inside) for one in items):
            rest.pop(key)
            lines += [f"    {word} {name_written(one['name'])} = {name_written(one[inside])}" for one in items]
    for key in rest:
        lines += _entry_lines(key, rest, declared, "    ")
    return [([*lines, "  }"], None)]


_EXPOSED = (("inputs", "in", "port"), ("outputs", "out", "port"), ("settings", "setting", "sets"))


def _is_pair(value: Any, first: str, second: str) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == {first, second}
        and isinstance(value[first], str)
        and isinstance(value[second], str)
    )


def _rule_attributes(
    item: dict[str, Any], declared: FieldType | None, keys: tuple[str, ...]
) -> tuple[list[str], set[str]]:
    """The attributes of a rule that have a word of their own."""
    attributes: list[str] = []
    known: set[str] = set()
    for key in keys:
        value = item.get(key)
        if key == "when" and isinstance(value, str):
            attributes.append(f"when {_condition(value)}")
        elif key == "use" and _are_names(value):
            attributes.append(f"use {', '.join(name_written(one) for one in item[key])}")
        elif key not in ("when", "use") and isinstance(value, dict):
            attributes.append(_object(value, _declared_at(declared, key, value), "    ", f"{key} "))
        else:
            continue
        known.add(key)
    return attributes, known


def _provider_rule_lines(item: dict[str, Any], declared: FieldType | None, width: int) -> list[str] | None:
    target = "modality" if isinstance(item.get("modality"), str) else "node"
    if not isinstance(item.get(target), str):
        return None
    shown = name_written(item[target])
    head = f"  provider {name_written(item['id']).ljust(width)} for {f'node {shown}' if target == 'node' else shown}"
    keys = ("when", "use", "retry", "circuit_breaker", "cost_cap")
    attributes, known = _rule_attributes(item, declared, keys)
    return _joined(head, [*attributes, *_with_rest(item, declared, {"id", target, *known}, "    ")], "  ")


def _degrade_rule_lines(item: dict[str, Any], declared: FieldType | None, width: int) -> list[str] | None:
    attributes, known = _rule_attributes(item, declared, ("when", "set"))
    rest = _with_rest(item, declared, {"id", *known}, "    ")
    return _joined(f"  degrade {name_written(item['id'])}", [*attributes, *rest], "  ")


def _insert_rule_lines(item: dict[str, Any], declared: FieldType | None, width: int) -> list[str] | None:
    node, between = item.get("insert"), item.get("between")
    if not _is_pair(between, "from", "to") or not isinstance(node, dict):
        return None
    if not isinstance(node.get("node_id"), str) or not isinstance(node.get("node_type"), str):
        return None
    head = f"  insert {name_written(item['id'])}"
    known = {"id", "insert", "between"}
    if isinstance(item.get("when"), str):
        known.add("when")
        head += f" when {_condition(item['when'])}"
    node_head = f"    node {name_written(node['node_id'])} : {name_written(node['node_type'])}"
    lines = [head, *_node(node_head, node, _declared_at(declared, "insert", node), "    ")]
    lines.append(f"    between {name_written(item['between']['from'])} -> {name_written(item['between']['to'])}")
    for more in _with_rest(item, declared, known, "    "):
        lines += f"    {more}".split("\n")
    return lines


def _set_statement(value: Any, declared: FieldType | None) -> _Lines | None:
    if not isinstance(value, dict) or not value:
        return None
    lines: list[str] = []
    for key, one in value.items():
        first, *more = _entry_lines(key, {key: one}, declared, "  ", equals=True)
        lines += [f"  set {first.strip()}", *more]
    return [(lines, None)]


def _node_type_lines(item: dict[str, Any], declared: FieldType | None, width: int) -> list[str] | None:
    rest = {key: value for key, value in item.items() if key != "node_type"}
    lines = [f"  node_type {name_written(item['node_type'])} {{"]
    for key in rest:
        short = _TYPE_STATEMENTS.get(key)
        made = short(rest[key], _item_of(declared, key)) if short is not None else None
        if made is None:
            lines += _entry_lines(key, rest, declared, "    ")
        else:
            lines += [f"  {line}" for item_lines, _ in made for line in item_lines]
    return [*lines, "  }"]


def _item_of(declared: FieldType | None, key: str) -> FieldType | None:
    return _item_shape(declared.shape, key) if isinstance(declared, Nested) else None


def _port_lines(item: dict[str, Any], declared: FieldType | None, width: int) -> list[str] | None:
    if item["direction"] not in ("in", "out"):
        return None
    head = f"  {item['direction']} {name_written(item['name'])} : {quoted(item['type'])} {name_written(item['lane'])}"
    known = {"name", "direction", "type", "lane"}
    attributes = []
    if item.get("required") is False:
        known.add("required")
        attributes.append("optional")
    rest = {key: value for key, value in item.items() if key not in known}
    if rest:
        attributes.append(_object(rest, declared, "    "))
    return _joined_in(head, attributes)


def _config_field_lines(item: dict[str, Any], declared: FieldType | None, width: int) -> list[str] | None:
    head = f"  config {name_written(item['name'])} : {name_written(item['type'])}"
    known = {"name", "type"}
    if "default" in item:
        known.add("default")
        head += f" = {_inline(item['default'], None)}"
    rest = {key: value for key, value in item.items() if key not in known}
    return _joined_in(head, [_object(rest, declared, "    ")] if rest else [])


def _joined_in(head: str, attributes: list[str]) -> list[str]:
    """As `_joined`, for lines that will be indented by two more."""
    lines = _joined(head, attributes, "  ")
    return lines if len(lines) > 1 or len(lines[0]) <= _WIDTH - 2 else [head, *(f"    {one}" for one in attributes)]


def _record_lines(item: dict[str, Any], declared: FieldType | None, width: int) -> list[str] | None:
    if set(item) != {"schema_id", "schema"} or not isinstance(item["schema"], dict):
        return None
    head = f"  record {name_written(item['schema_id'])} "
    line = f"{head}{_braces(item['schema'], None)}"
    return [line] if len(line) <= _WIDTH else _block(head, item["schema"], None, "  ")


def _provider_lines(item: dict[str, Any], declared: FieldType | None, width: int) -> list[str] | None:
    rest = {key: value for key, value in item.items() if key not in ("provider_id", "modality")}
    head = f"  provider {name_written(item['provider_id'])} for {name_written(item['modality'])} "
    line = f"{head}{_braces(rest, declared)}"
    return [line] if len(line) <= _WIDTH and not _has_lines(rest) else _block(head, rest, declared, "  ")


_TYPE_STATEMENTS: dict[str, Callable[..., _Lines | None]] = {
    "ports": _statements_of_items(("name", "direction", "type", "lane"), _port_lines),
    "config": _statements_of_items(("name", "type"), _config_field_lines),
}
_SHORT_STATEMENTS: dict[tuple[str, str], Callable[..., _Lines | None]] = {
    ("pipeline", "profile"): _statement_of_name("profile"),
    ("pipeline", "unknown_events"): _statement_of_name("unknown_events"),
    ("profile", "unknown_events"): _statement_of_name("unknown_events"),
    ("profile", "overridable"): _statement_of_names("overridable"),
    ("policy", "forbid"): _statement_of_names("forbid"),
    ("policy", "allowed_actions"): _statement_of_names("allowed_actions", ACTIONS),
    ("bundle", "spec_ref"): _statement_of_name("spec"),
    ("bundle", "profile_ref"): _statement_of_name("profile"),
    ("bundle", "policy_refs"): _statement_of_names("policies"),
    ("bundle", "layer_refs"): _statement_of_names("layers"),
    ("bundle", "module_refs"): _statement_of_names("modules"),
    ("pipeline", "subgraph_refs"): _statements_of_items(("name", "module"), _use_lines),
    ("module", "subgraph_refs"): _statements_of_items(("name", "module"), _use_lines),
    ("pipeline", "nodes"): _statements_of_items(("node_id", "node_type"), _node_lines),
    ("module", "nodes"): _statements_of_items(("node_id", "node_type"), _node_lines),
    ("pipeline", "edges"): _edge_statements,
    ("module", "edges"): _edge_statements,
    ("pipeline", "turns"): _turns_statement,
    ("module", "exposes"): _exposes_statement,
    ("policy", "provider_rules"): _statements_of_items(("id",), _provider_rule_lines),
    ("policy", "degrade_rules"): _statements_of_items(("id",), _degrade_rule_lines),
    ("policy", "insert_rules"): _statements_of_items(("id",), _insert_rule_lines),
    ("layer", "set"): _set_statement,
    ("extension", "node_types"): _statements_of_items(("node_type",), _node_type_lines),
    ("extension", "records"): _statements_of_items(("schema_id",), _record_lines),
    ("extension", "providers"): _statements_of_items(("provider_id", "modality"), _provider_lines),
    ("", "metadata"): lambda value, declared: _meta_statement(value, declared),
}

_BLOCKS: dict[str, tuple[str, ...]] = {
    "turns": ("owner", "barge_in", "cancel_from"),
    "exposes": tuple(key for key, _, _ in _EXPOSED),
    "node_type": ("node_type", *_TYPE_STATEMENTS),
}


def _meta_statement(value: Any, declared: FieldType | None) -> _Lines | None:
    if not isinstance(value, dict):
        return None
    return [(f"  {_object(value, declared, '  ', 'meta ')}".split("\n"), None)]


# ---- comments


def _comments_by_statement(
    root: dict[str, Any], statements: list[_Statement], comments: Sequence[Comment]
) -> tuple[dict[int, list[Comment]], list[Comment]]:
    """For each statement the comments that go before it, -1 being the first line; and those behind the last one.

    A comment that has its line for itself belongs to what follows; one behind a statement belongs to that statement.
    """
    if not comments or not isinstance(root, Mapping):
        return {}, list(comments)
    text = root.source.text
    order = sorted((statement.start, number) for number, statement in enumerate(statements))
    first = min((start for start, _ in order if start >= 0), default=root.end)
    before: dict[int, list[Comment]] = {}
    behind: list[Comment] = []
    for comment in comments:
        line_start = text.rfind("\n", 0, comment.start) + 1
        alone = not text[line_start : comment.start].strip()
        following = bisect_right(order, (comment.start, len(order)))
        if comment.start < first and _is_above(text, comment.start, root):
            before.setdefault(-1, []).append(comment)
        elif alone and following == len(order):
            behind.append(comment)
        else:
            number = order[following if alone else max(following - 1, 0)][1] if order else -1
            before.setdefault(number, []).append(comment)
    return before, behind


def _is_above(text: str, start: int, root: Mapping) -> bool:
    """Whether a comment stands above the artifact's name, and so speaks of the artifact as a whole."""
    keys = list(root)
    names = [4 * index for index, key in enumerate(keys) if key == "schema_version" or key.endswith("_id")]
    return any(start < root.at[place + 3] for place in names)


def _comment_line(comment: Comment, indent: str) -> str:
    return f"{indent}#{comment.text.rstrip()}"
