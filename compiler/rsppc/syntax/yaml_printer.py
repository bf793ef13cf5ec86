"""Any artifact as YAML that people like to read: short mappings on one line, quotes only where our rules need them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from rsppc.syntax.document import Comment
from rsppc.syntax.rspp_printer import NEEDS_ESCAPE, quoted

_WIDTH = 120


def print_yaml(root: dict[str, Any], comments: Sequence[Comment] = ()) -> str:
    """The YAML text of an artifact. `comments` stand above it: YAML has no other place that is sure to be theirs."""
    lines = [f"#{comment.text.rstrip()}" for comment in comments]
    for key, value in root.items():
        lines += _entry_lines(key, value, "")
    return "\n".join(lines) + "\n" if lines else "{}\n"


# Without quotes only what no reader of YAML could take for something else: it begins with a letter, and holds none of
# the signs that mean something to YAML.
_PLAIN = re.compile(r"[A-Za-z_/(][^\x00-\x20\x7f\"'#:,\[\]{}&*!|%@`]*")
_PLAIN_IN_BLOCK = re.compile(r"[A-Za-z_/(](?:[^\x00-\x1f\x7f#:]|:(?=[^\s])|(?<=[^\s])#)*(?<=[^\s:])")
_PLAIN_IN_FLOW = re.compile(r"[A-Za-z_/(](?:[^\x00-\x1f\x7f#:,\[\]{}\"]|:(?=[^\s,\[\]{}])|(?<=[^\s])#)*(?<=[^\s:])")
_CONSTANTS = frozenset(("true", "True", "TRUE", "false", "False", "FALSE", "null", "Null", "NULL"))


def _scalar(value: Any, *, flow: bool) -> str:
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    plain = _PLAIN_IN_FLOW if flow else _PLAIN_IN_BLOCK
    if value not in _CONSTANTS and plain.fullmatch(value) is not None and value.isascii():
        return str(value)
    if '"' in value and "'" not in value and NEEDS_ESCAPE.search(value.replace('"', "").replace("\\", "")) is None:
        return f"'{value}'"
    return _double_quoted(value)


def _double_quoted(value: str) -> str:
    """As in JSON, but for characters beyond U+FFFF, which YAML escapes with eight digits."""
    written = quoted(value)
    return _SURROGATES.sub(_long_escape, written) if "\\ud" in written else written


_SURROGATES = re.compile(r"\\\\|\\u(d[89ab][0-9a-f]{2})\\u(d[c-f][0-9a-f]{2})")


def _long_escape(found: re.Match[str]) -> str:
    if found[1] is None:
        return found[0]
    return f"\\U{0x10000 + ((int(found[1], 16) & 0x3FF) << 10) + (int(found[2], 16) & 0x3FF):08x}"


def _key(key: str) -> str:
    if _PLAIN.fullmatch(key) is not None and key not in _CONSTANTS and key.isascii() and len(key) < 100:
        return key
    return _double_quoted(key)


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)}: {_flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(one) for one in value) + "]"
    return _scalar(value, flow=True)


def _entry_lines(key: str, value: Any, indent: str) -> list[str]:
    head = f"{indent}{_key(key)}:"
    if isinstance(value, str):
        block = _block_text(value, indent)
        return [f"{head} {_scalar(value, flow=False)}"] if block is None else [f"{head} {block[0]}", *block[1:]]
    if not isinstance(value, dict | list) or not value:
        return [f"{head} {_flow(value)}"]
    if not _is_long_list(value) and not _has_lines(value):
        line = f"{head} {_flow(value)}"
        if len(line) <= _WIDTH:
            return [line]
    return [head, *_lines(value, indent + "  ")]


def _lines(value: Any, indent: str) -> list[str]:
    """A list or mapping that is not empty, with a line for each item or key."""
    lines: list[str] = []
    if isinstance(value, dict):
        for key, one in value.items():
            lines += _entry_lines(key, one, indent)
        return lines
    for one in value:
        lines += _item_lines(one, indent)
    return lines


def _item_lines(value: Any, indent: str) -> list[str]:
    if isinstance(value, str):
        block = _block_text(value, indent)
        return [f"{indent}- {_scalar(value, flow=False)}"] if block is None else [f"{indent}- {block[0]}", *block[1:]]
    line = f"{indent}- {_flow(value)}"
    if not isinstance(value, dict | list) or not value or (len(line) <= _WIDTH and not _has_lines(value)):
        return [line]
    first, *more = _lines(value, indent + "  ")
    return [f"{indent}- {first.lstrip(' ')}", *more]


def _is_long_list(value: Any) -> bool:
    """Lists of mappings get a line for each."""
    return isinstance(value, list) and any(isinstance(one, dict) for one in value)


def _has_lines(value: Any) -> bool:
    if isinstance(value, str):
        return _block_text(value, "") is not None
    if isinstance(value, dict):
        return any(_has_lines(one) for one in value.values())
    return isinstance(value, list) and any(_has_lines(one) for one in value)


def _block_text(value: str, indent: str) -> list[str] | None:
    """A text of several lines as a block; None where it is better quoted."""
    body = value.removesuffix("\n")
    if "\n" not in value or not body or body[0] in " \n\t" or body.endswith("\n"):
        return None
    lines = body.split("\n")
    if any(line != line.rstrip() for line in lines) or NEEDS_ESCAPE.search(re.sub(r'["\\\n]', "", body)) is not None:
        return None
    return ["|" if value.endswith("\n") else "|-", *(f"{indent}  {line}" if line else "" for line in lines)]
