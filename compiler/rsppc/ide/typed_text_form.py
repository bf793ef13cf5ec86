"""What is being typed in the text form: told by the words before the cursor, whatever follows."""

from __future__ import annotations

import re
from typing import Literal

from rsppc.base.record import Record
from rsppc.base.source import Source
from rsppc.syntax.rspp_tokens import LBRACE, RBRACE, tokens_of

Wanted = Literal[
    "statement",
    "node_type",
    "output",
    "input",
    "reference",
    "provider",
    "node",
    "config",
    "cause",
    "condition",
    "section",
]
_WORD_BEFORE = re.compile(r"[\w./@-]*\Z")
_WORD_AFTER = re.compile(r"[\w./@-]*")

STATEMENTS: dict[str, tuple[str, ...]] = {
    "pipeline": ("profile", "meta", "unknown_events", "use", "node", "turns"),
    "module": ("meta", "use", "node", "exposes"),
    "profile": ("meta", "overridable", "unknown_events"),
    "policy": ("meta", "provider", "degrade", "insert", "forbid", "allowed_actions"),
    "layer": ("meta", "set"),
    "bundle": ("meta", "spec", "profile", "policies", "layers", "modules"),
    "nodes": ("meta", "node_type", "record", "provider"),
    "turns": ("owner", "barge_in", "cancel_from"),
    "exposes": ("in", "out", "setting"),
    "": ("pipeline", "module", "profile", "policy", "layer", "bundle", "nodes"),
}
_REFERENCES = {
    "profile": "profile",
    "spec": "pipeline",
    "policies": "policy",
    "layers": "layer",
    "modules": "module",
}


class TypingText(Record):
    """What is wanted at the cursor, and the stretch of the text that a completion replaces."""

    wanted: Wanted
    start: int
    end: int
    written: str
    subject: str = ""
    """Of a config key the node type, of a reference its kind, of statements the block that they stand in."""
    known: tuple[str, ...] = ()
    """Keys that are there already."""


def typing_text_at(source: Source, offset: int) -> TypingText | None:
    """What is being typed at an offset."""
    text = source.text
    line_start = text.rfind("\n", 0, offset) + 1
    if "#" in re.sub(r"\"[^\"]*\"", "", text[line_start:offset]):
        return None
    found = _WORD_BEFORE.search(text[line_start:offset])
    start = offset - (len(found[0]) if found is not None else 0)
    behind = _WORD_AFTER.match(text, offset)
    end = behind.end() if behind is not None else offset
    words, blocks = _before(source, start)
    wanted, subject = _wanted(words, blocks, text[line_start:start])
    known = _known_keys(text, start) if wanted == "config" else ()
    return TypingText(wanted=wanted, start=start, end=end, written=text[start:offset], subject=subject, known=known)


def _before(source: Source, start: int) -> tuple[list[str], list[list[str]]]:
    """Words of the line before the cursor, and for each open block the words that led to it, outermost first."""
    tokens = tokens_of(Source(source.path, source.text[:start], b""))
    blocks: list[list[str]] = []
    words: list[str] = []
    line, at = -1, 0
    for index in range(len(tokens.kinds) - 1):
        if tokens.starts[index] >= start or tokens.starts[index] == tokens.ends[index]:
            continue
        here = max(line, 0) + source.text.count("\n", at, tokens.starts[index])
        at = tokens.starts[index]
        if here != line and not _goes_on(tokens.written(index)):
            words = []
        line = here
        if tokens.kinds[index] == LBRACE:
            blocks.append(words)
            words = []
        elif tokens.kinds[index] == RBRACE and blocks:
            words = blocks.pop()
        else:
            words = [*words, tokens.written(index)]
    return (words if line == source.text.count("\n", 0, start) else []), blocks


def _goes_on(word: str) -> bool:
    """Whether a word at the beginning of a line belongs to the statement before it."""
    return word in (
        "budget",
        "fallback",
        "provider",
        "lifecycle",
        "when",
        "otherwise",
        "with",
        "use",
        "retry",
        "between",
        "->",
    )


def _wanted(words: list[str], blocks: list[list[str]], line: str) -> tuple[Wanted, str]:
    if re.search(r"when[ \t]*\([^)]*\Z", line) is not None:
        return "condition", ""
    around = blocks[-1] if blocks else []
    if len(around) >= 4 and around[0] == "node" and around[2] == ":":
        return "config", around[3]
    block = around[0] if around else ""
    if not words:
        return "statement", block
    last = words[-1]
    if words[0] == "node" and last == ":":
        return "node_type", ""
    if last == "->" or last == "to":
        return "input", ""
    if last in ("owner", "barge_in", "cancel_from"):
        return "output", ""
    if last == "provider" and words[0] == "node":
        return "provider", words[3] if len(words) > 3 else ""
    if last == "use" and "provider" in words:
        return "provider", ""
    if last == "fallback" or last == "unless":
        return "node", ""
    if last == "on" or (last == "," and "on" in words):
        return "cause", ""
    if words[0] == "use" and last == "=":
        return "reference", "module"
    if words[0] in _REFERENCES and (len(words) == 1 or last == ","):
        return "reference", _REFERENCES[words[0]]
    return "section", words[0]


def _known_keys(text: str, start: int) -> tuple[str, ...]:
    opening = text.rfind("{", 0, start)
    closing = text.find("}", start)
    inside = text[opening + 1 : closing if closing >= 0 else start]
    return tuple(re.findall(r"(\w+)[ \t]*=", inside))
