"""Turns what the library has against an expression into sentences for the person who wrote the condition."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rsppc.conditions.complaint import Complaint, ComplaintKind, shorten
from rsppc.conditions.environment import (
    AUDIO_EVENT_FIELDS,
    TEXT_EVENT_FIELDS,
    Environment,
    rule_environment,
)
from rsppc.conditions.library import Refusal
from rsppc.conditions.places import chain_at, token_at
from rsppc.conditions.tokens import LEVELS_MAX, MACROS, Scan

__all__ = ["FUNCTIONS", "complaints_of", "describe_type", "nearest"]

# Every function of the portable profile, for "did you mean".
FUNCTION_NAMES = """
    charAt contains endsWith indexOf join lastIndexOf lowerAscii matches replace reverse size split startsWith
    string substring trim upperAscii
"""
FUNCTIONS = tuple(FUNCTION_NAMES.split())


def complaints_of(
    refusals: Iterable[Refusal], text: str, scan: Scan, environment: Environment
) -> tuple[Complaint, ...]:
    """One complaint for each refusal that is not a consequence of another."""
    refusals = tuple(refusals)
    # What has no place ("too many errors") says nothing beside what has one.
    refusals = tuple(each for each in refusals if each.at >= 0) or refusals
    for refusal in refusals:
        if "recursion" in refusal.text:
            message = f"The condition nests more than {LEVELS_MAX} levels deep. Split it into several rules or edges."
            return (_complaint("too-deep", 0, len(text), message),)
    syntax = [each for each in refusals if each.at >= 0 and not _is_about_meaning(each.text)]
    if syntax:
        # Further syntax errors are the parser finding its way back.
        return (_syntax_complaint(syntax[0], text, scan),)
    found: list[Complaint] = []
    for refusal in refusals:
        complaint = _meaning_complaint(refusal, text, scan, environment)
        # The receiver of an unknown `math.abs(…)` is reported with its function: once is enough.
        if all(complaint.start >= known.end or complaint.end <= known.start for known in found):
            found.append(complaint)
    return tuple(found)


UNDECLARED = "undeclared reference to '"
NO_OVERLOAD = re.compile(r"found no matching overload for '(.+?)' applied to '\((.*)\)'")
NOT_A_MAP = re.compile(r"expression of type '(.+?)' cannot be the operand of a select operation")
NOT_A_RANGE = re.compile(r"expression of type '(.+?)' cannot be the range of a comprehension")


def _is_about_meaning(text: str) -> bool:
    return text.startswith((UNDECLARED, "found no matching overload", "expression of type"))


def _complaint(kind: ComplaintKind, start: int, end: int, message: str, suggestion: str | None = None) -> Complaint:
    return Complaint(kind=kind, start=start, end=end, message=message, suggestion=suggestion)


def _syntax_complaint(refusal: Refusal, text: str, scan: Scan) -> Complaint:
    index = token_at(refusal.at, scan)
    said = refusal.text
    if index is None:
        last = scan.tokens[-1]
        message = f"The condition ends after `{shorten(last.text)}`, where more is expected."
        return _complaint("syntax", last.start, last.end, message)
    token = scan.tokens[index]
    if token.kind == "string":
        if "token recognition" in said or "string literal" in said:
            message = "This text contains a backslash escape that CEL does not know; a backslash itself is `\\\\`."
            return _complaint("syntax", token.start, token.end, message)
    elif said.startswith("invalid int literal"):
        return _complaint("syntax", token.start, token.end, f"`{shorten(token.text)}` does not fit into 64 bits.")
    elif said.startswith("reserved identifier"):
        message = f"`{shorten(token.text)}` is a reserved word; no name can be called so."
        return _complaint("syntax", token.start, token.end, message)
    elif "variable name must be" in said:
        message = f"The first argument of a loop is the name of its variable, not `{shorten(token.text)}`."
        return _complaint("syntax", token.start, token.end, message)
    elif said.startswith("has()"):
        message = '`has` is not part of conditions; ask `"key" in map`.'
        return _complaint("has-macro", *_call_around(index, scan), message)
    message = f"`{shorten(token.text)}` cannot stand here."
    if index > 0 and "expecting <EOF>" in said:
        message = f"`{shorten(token.text)}` cannot stand here: an operator such as `&&` or `==` is missing before it."
    return _complaint("syntax", token.start, token.end, message)


def _meaning_complaint(refusal: Refusal, text: str, scan: Scan, environment: Environment) -> Complaint:
    index = token_at(refusal.at, scan)
    if index is None:
        return _complaint("wrong-type", 0, len(text), "The parts of this condition do not fit together.")
    if refusal.text.startswith(UNDECLARED):
        if scan.tokens[index].text == "(":
            return _unknown_function(index, scan)
        return _unknown_name(index, scan, environment)
    token = scan.tokens[index]
    if found := NO_OVERLOAD.match(refusal.text):
        return _no_overload(found.group(1), _split_types(found.group(2)), index, scan)
    if found := NOT_A_RANGE.match(refusal.text):
        message = f"A loop runs over a list or a map, and this is {describe_type(found.group(1))}."
        return _complaint("wrong-type", token.start, token.end, message)
    if found := NOT_A_MAP.match(refusal.text):
        end = scan.tokens[min(index + 1, len(scan.tokens) - 1)].end
        message = f"Only a map has parts; what stands before the dot is {describe_type(found.group(1))}."
        return _complaint("wrong-type", token.start, end, message)
    return _complaint("wrong-type", token.start, token.end, "The parts of this condition do not fit together.")


def _unknown_function(index: int, scan: Scan) -> Complaint:
    name = scan.tokens[max(index - 1, 0)]
    if index > 1 and scan.tokens[index - 2].text == "." and scan.tokens[index - 3].kind == "word":
        known = name.text in FUNCTIONS or name.text in MACROS
    else:
        known = name.text in FUNCTIONS
    if known:
        message = f"`{name.text}` does not take these arguments."
        return _complaint("wrong-type", name.start, scan.tokens[scan.partners[index]].end, message)
    guess = nearest(name.text, (*FUNCTIONS, *sorted(MACROS)))
    hint = f"; did you mean `{guess}`?" if guess else f". There are {', '.join(f'`{each}`' for each in FUNCTIONS)}."
    return _complaint(
        "unknown-function", name.start, name.end, f"There is no function `{shorten(name.text)}`{hint}", guess
    )


def _unknown_name(index: int, scan: Scan, environment: Environment) -> Complaint:
    first, last = chain_at(index, scan)
    start, end = scan.tokens[first].start, scan.tokens[last].end
    name = "".join(token.text for token in scan.tokens[first : last + 1])
    names = [known.name for known in environment.declarations]
    place = "an edge's" if environment.place == "edge" else "a rule's"
    elsewhere = _read_elsewhere(name, environment)
    guess = nearest(name, names) if not elsewhere else None
    if guess:
        message = f"`{shorten(name)}` is not a name that {place} condition can read; did you mean `{guess}`?"
        return _complaint("unknown-name", start, end, message, guess)
    if not elsewhere and first == last and _compared(first, scan):
        message = f"`{shorten(name)}` is not a name that {place} condition can read. A text stands in quotation marks."
        return _complaint("unknown-name", start, end, message, f'"{name}"')
    root = name.partition(".")[0] + "."
    siblings = [known for known in names if known.startswith(root)] or names
    readable = ", ".join(f"`{known}`" for known in siblings)
    message = f"`{shorten(name)}` is not a name that {place} condition can read{elsewhere}. There are {readable}."
    return _complaint("unknown-name", start, end, message)


def _read_elsewhere(name: str, environment: Environment) -> str:
    """Which other conditions can read a name, as the end of a sentence; empty where none can."""
    if environment.place == "rule":
        of_events = name.removeprefix("event.") in (*TEXT_EVENT_FIELDS, *AUDIO_EVENT_FIELDS)
        return ", but those of edges and branches can" if name.startswith("event.") and of_events else ""
    return ", but those of rules and layers can" if rule_environment(()).find(name) is not None else ""


def _compared(index: int, scan: Scan) -> bool:
    around = (index - 1, index + 1)
    return any(0 <= at < len(scan.tokens) and scan.tokens[at].text in ("==", "!=") for at in around)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant, or None."""
    # Imported here: only a mistake needs it.
    from difflib import get_close_matches

    if len(name) > 64:
        return None
    matches = get_close_matches(name, list(known), n=1, cutoff=0.75)
    return matches[0] if matches else None


MARKS = {
    "_==_": "==",
    "_!=_": "!=",
    "_<_": "<",
    "_<=_": "<=",
    "_>_": ">",
    "_>=_": ">=",
    "_+_": "+",
    "_-_": "-",
    "_*_": "*",
    "_/_": "/",
    "_%_": "%",
    "_&&_": "&&",
    "_||_": "||",
    "!_": "!",
    "-_": "-",
    "@in": "in",
}


def _no_overload(function: str, types: list[str], index: int, scan: Scan) -> Complaint:
    token = scan.tokens[index]
    kinds = [describe_type(each) for each in types]
    if token.text == "(" and function in ("_&&_", "_||_", "_?_:_"):
        # The operator is none of the author's: a loop expands to it.
        wrong = next((kind for kind in kinds if kind != PLAIN_TYPES["bool"]), kinds[0])
        message = f"What a loop asks of each entry must be true or false, and this is {wrong}."
        return _complaint("wrong-type", *_call_around(index, scan), message)
    if function in MARKS and len(kinds) == 2:
        message = f"`{MARKS[function]}` does not fit between {kinds[0]} and {kinds[1]}."
        return _complaint("wrong-type", token.start, token.end, message)
    if function in MARKS:
        message = f"`{MARKS[function]}` does not fit before {kinds[0]}."
        return _complaint("wrong-type", token.start, token.end, message)
    if function == "_[_]":
        message = f"`[…]` does not select by {kinds[1]} from {kinds[0]}."
        return _complaint("wrong-type", token.start, scan.tokens[scan.partners[index]].end, message)
    if function == "_?_:_":
        if types[0] != "bool":
            message = f"What stands before `?` is {kinds[0]}, and must be true or false."
        else:
            message = f"Both sides of `:` must be of one kind; here are {kinds[1]} and {kinds[2]}."
        return _complaint("wrong-type", token.start, token.end, message)
    message = f"`{function}` does not take {' and '.join(kinds) or 'no arguments'}."
    return _complaint("wrong-type", *_call_around(index, scan), message)


def _call_around(index: int, scan: Scan) -> tuple[int, int]:
    """The stretch of a call from its name on; `index` is its parenthesis, or something inside."""
    opening = index
    while opening > 0 and scan.tokens[opening].text != "(":
        opening -= 1
    if scan.partners[opening] < 0:
        return scan.tokens[index].start, scan.tokens[index].end
    return scan.tokens[max(opening - 1, 0)].start, scan.tokens[scan.partners[opening]].end


def _split_types(types: str) -> list[str]:
    parts: list[str] = []
    depth = start = 0
    for at, character in enumerate(types):
        if character in "(<":
            depth += 1
        elif character in ")>":
            depth -= 1
        elif character == "," and depth == 0:
            parts.append(types[start:at].strip())
            start = at + 1
    return [part for part in (*parts, types[start:].strip()) if part]


PLAIN_TYPES = {
    "string": "text",
    "int": "a whole number",
    "bool": "true or false",
    "double": "a fraction",
    "uint": "a number without sign",
    "bytes": "bytes",
    "null": "null",
    "null_type": "null",
}
ITEMS = {"string": "texts", "int": "whole numbers", "bool": "trues and falses"}


def describe_type(type_: str) -> str:
    """A CEL type in plain words: `text`, `a list of texts`, `a map of whole numbers`."""
    if type_ in PLAIN_TYPES:
        return PLAIN_TYPES[type_]
    inner = type_[type_.find("(") + 1 : -1] if "(" in type_ else type_[type_.find("<") + 1 : -1]
    if type_.startswith("list"):
        return f"a list of {ITEMS[inner]}" if inner in ITEMS else "a list"
    if type_.startswith("map"):
        value = inner.rpartition(",")[2].strip()
        return f"a map of {ITEMS[value]}" if value in ITEMS else "a map"
    return "a value of another kind"
