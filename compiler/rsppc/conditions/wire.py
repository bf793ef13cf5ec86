"""Reads the library's checked expression, a protobuf message, without importing protobuf.

Only the dozen messages of `cel/expr/syntax.proto` and `checked.proto` that a portable expression can contain
are read; their field numbers are public and frozen. The library expands macros and keeps no record of the
calls, so `all`, `exists`, `exists_one`, `map` and `filter` are told apart again by the accumulator that each
of them alone starts with.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TypeAlias

from rsppc.conditions.nodes import Node

__all__ = ["read_checked"]

Fields: TypeAlias = dict[int, list["int | bytes"]]


def read_checked(data: bytes) -> Node:
    """The root of a serialized `CheckedExpr`, which comes packed in an `Any`."""
    checked = _fields(_bytes(_fields(data), 2))
    source = _fields(_bytes(checked, 5))
    facts = _Facts(
        overloads=dict(_overloads(checked)),
        types=dict(_types(checked)),
        positions={_int(entry, 1): _int(entry, 2) for entry in _messages(source, 4)},
    )
    return _node(_bytes(checked, 4), facts)


class _Facts:
    """What the checker found, by expression id."""

    __slots__ = ("overloads", "positions", "types")

    def __init__(
        self, *, overloads: dict[int, tuple[str, str]], types: dict[int, str], positions: dict[int, int]
    ) -> None:
        self.overloads = overloads
        self.types = types
        self.positions = positions


def _overloads(checked: Fields) -> Iterator[tuple[int, tuple[str, str]]]:
    for entry in _messages(checked, 2):
        reference = _fields(_bytes(entry, 2))
        ids = sorted(_text_of(each) for each in reference.get(3, []))
        yield _int(entry, 1), (_text(reference, 1), " ".join(ids))


def _types(checked: Fields) -> Iterator[tuple[int, str]]:
    for entry in _messages(checked, 3):
        yield _int(entry, 1), _type(_bytes(entry, 2))


PRIMITIVES = {1: "bool", 2: "int", 3: "uint", 4: "double", 5: "string", 6: "bytes"}


@lru_cache(maxsize=256)
def _type(data: bytes) -> str:
    fields = _fields(data)
    if 3 in fields:
        return PRIMITIVES.get(_int(fields, 3), "other")
    if 6 in fields:
        return f"list<{_type(_bytes(_fields(_bytes(fields, 6)), 1))}>"
    if 7 in fields:
        entry = _fields(_bytes(fields, 7))
        return f"map<{_type(_bytes(entry, 1))},{_type(_bytes(entry, 2))}>"
    if 1 in fields or 10 in fields:
        return "dyn"
    return "null" if 2 in fields else "other"


CONST, IDENT, SELECT, CALL, LIST, STRUCT, COMPREHENSION = 3, 4, 5, 6, 7, 8, 9
FLAT = ("_&&_", "_||_")


def _node(data: bytes, facts: _Facts) -> Node:
    fields = _fields(data)
    id_ = _int(fields, 2)
    type_, at = facts.types.get(id_, "dyn"), facts.positions.get(id_, 0)
    if CONST in fields:
        return _constant(_fields(_bytes(fields, CONST)), type_, at)
    if IDENT in fields:
        name = facts.overloads.get(id_, ("", ""))[0] or _text(_fields(_bytes(fields, IDENT)), 1)
        return Node(kind="name", value=name, type=type_, at=at)
    if SELECT in fields:
        return _select(_fields(_bytes(fields, SELECT)), type_, at, facts)
    if CALL in fields:
        return _call(_fields(_bytes(fields, CALL)), type_, at, facts.overloads.get(id_, ("", ""))[1], facts)
    if LIST in fields:
        items = tuple(_node(item, facts) for item in _all(_fields(_bytes(fields, LIST)), 1))
        return Node(kind="list", type=type_, at=at, args=items)
    if STRUCT in fields:
        return _struct(_fields(_bytes(fields, STRUCT)), type_, at, facts)
    if COMPREHENSION in fields:
        return _comprehension(_fields(_bytes(fields, COMPREHENSION)), type_, at, facts)
    return Node(kind="foreign", type=type_, at=at)


def _constant(fields: Fields, type_: str, at: int) -> Node:
    if 2 in fields:
        return Node(kind="const", value=bool(_int(fields, 2)), type=type_, at=at)
    if 3 in fields:
        number = _int(fields, 3)
        return Node(kind="const", value=number - 2**64 if number >= 2**63 else number, type=type_, at=at)
    if 6 in fields:
        return Node(kind="const", value=_text(fields, 6), type=type_, at=at)
    return Node(kind="foreign", type=type_, at=at)


def _select(fields: Fields, type_: str, at: int, facts: _Facts) -> Node:
    """`m.key` is `m["key"]` written shorter; the canonical form knows only the second."""
    operand = _node(_bytes(fields, 1), facts)
    key = Node(kind="const", value=_text(fields, 2), type="string", at=at)
    if _int(fields, 3):
        return Node(kind="has", type=type_, at=at, target=operand, args=(key,))
    return Node(kind="call", value="_[_]", overload="index_map", type=type_, at=at, args=(operand, key))


def _call(fields: Fields, type_: str, at: int, overload: str, facts: _Facts) -> Node:
    function = _text(fields, 2)
    target = _node(_bytes(fields, 1), facts) if 1 in fields else None
    args: list[Node] = []
    for argument in _all(fields, 3):
        node = _node(argument, facts)
        # `&&` and `||` are commutative and absorb errors, so how a chain of them is bracketed means nothing.
        if function in FLAT and node.kind == "call" and node.value == function:
            args.extend(node.args)
        else:
            args.append(node)
    return Node(kind="call", value=function, overload=overload, type=type_, at=at, target=target, args=tuple(args))


def _struct(fields: Fields, type_: str, at: int, facts: _Facts) -> Node:
    parts: list[Node] = []
    for entry in _messages(fields, 2):
        if 3 not in entry:
            return Node(kind="foreign", type=type_, at=at)
        parts += [_node(_bytes(entry, 3), facts), _node(_bytes(entry, 4), facts)]
    return Node(kind="foreign" if 1 in fields else "map", type=type_, at=at, args=tuple(parts))


def _comprehension(fields: Fields, type_: str, at: int, facts: _Facts) -> Node:
    start = _node(_bytes(fields, 4), facts)
    step = _node(_bytes(fields, 6), facts)
    macro, args = _macro(start, step)
    if macro is None or not step.args or 8 in fields:
        return Node(kind="foreign", type=type_, at=at)
    variable = Node(kind="name", value=_text(fields, 1), type="dyn", at=at)
    if macro == "map" and len(args) == 2 and args[1].kind == "name" and args[1].value == variable.value:
        macro, args = "filter", args[:1]
    return Node(
        kind="macro",
        value=macro,
        type=type_,
        at=at,
        target=_node(_bytes(fields, 2), facts),
        args=(variable, *args),
    )


def _macro(start: Node, step: Node) -> tuple[str | None, tuple[Node, ...]]:
    """Which macro expands to this start and step of the accumulator, and the arguments after its variable."""
    if start.kind == "const" and start.value is True:
        return "all", _rest(step)
    if start.kind == "const" and start.value is False:
        return "exists", _rest(step)
    if start.kind == "const":
        return "exists_one", step.args[:1]
    if start.kind != "list":
        return None, ()
    if step.value == "_?_:_":
        return "map", (step.args[0], step.args[1].args[1].args[0])
    return "map", step.args[1].args[:1]


def _rest(step: Node) -> tuple[Node, ...]:
    """The predicate of `accumulator && predicate`, which flattening may have spread."""
    if len(step.args) == 2:
        return step.args[1:]
    first = step.args[1]
    return (
        Node(kind="call", value=step.value, overload=step.overload, type=step.type, at=first.at, args=step.args[1:]),
    )


def _fields(data: bytes) -> Fields:
    found: Fields = {}
    at, end = 0, len(data)
    while at < end:
        # All numbers of these fields are below 16, so a key is one byte.
        key = data[at]
        at += 1
        value: int | bytes
        match key & 7:
            case 0:
                value, at = _varint(data, at)
            case 2:
                size = data[at]
                at += 1
                if size >= 0x80:
                    size, at = _varint(data, at - 1)
                value, at = data[at : at + size], at + size
            case 1:
                value, at = data[at : at + 8], at + 8
            case _:
                value, at = data[at : at + 4], at + 4
        found.setdefault(key >> 3, []).append(value)
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _all(fields: Fields, number: int) -> list[bytes]:
    return [each for each in fields.get(number, ()) if isinstance(each, bytes)]


def _messages(fields: Fields, number: int) -> list[Fields]:
    return [_fields(each) for each in _all(fields, number)]


def _bytes(fields: Fields, number: int) -> bytes:
    values = _all(fields, number)
    return values[-1] if values else b""


def _int(fields: Fields, number: int) -> int:
    values = [each for each in fields.get(number, ()) if isinstance(each, int)]
    return values[-1] if values else 0


def _text(fields: Fields, number: int) -> str:
    return _bytes(fields, number).decode("utf-8")


def _text_of(value: int | bytes) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else ""
