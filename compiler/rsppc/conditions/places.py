"""Where a part of the expression stands in its text.

The parser ties each part to one code point (the operator's mark, the parenthesis of a call). From there the
tokens give the whole stretch: the words that belong to the mark, the stretches of the parts, and brackets
completed to pairs.
"""

from __future__ import annotations

from typing import TypeAlias

from rsppc.conditions.nodes import Node
from rsppc.conditions.tokens import Scan

__all__ = ["Stretch", "chain_at", "stretch_of", "token_at"]

Stretch: TypeAlias = tuple[int, int]


def stretch_of(node: Node, scan: Scan) -> Stretch:
    """Start and end of a node's text, in code points."""
    first, last = _tokens_of(node, scan)
    return scan.tokens[first].start, scan.tokens[last].end


def token_at(at: int, scan: Scan) -> int | None:
    """The index of the token that covers this code point."""
    low, high = 0, len(scan.tokens)
    while low < high:
        middle = (low + high) // 2
        if scan.tokens[middle].end <= at:
            low = middle + 1
        else:
            high = middle
    return low if low < len(scan.tokens) and scan.tokens[low].start <= at else None


def chain_at(index: int, scan: Scan) -> tuple[int, int]:
    """First and last token of the dotted name around a token, without the method that a call may end it with."""
    first, last = index, index
    while _joins(first - 1, scan):
        first -= 1
    while _joins(last + 1, scan):
        last += 1
    if last + 1 < len(scan.tokens) and scan.tokens[last + 1].text == "(" and last - 2 >= first:
        last -= 2
    return first, last


def _joins(index: int, scan: Scan) -> bool:
    if not 0 <= index < len(scan.tokens):
        return False
    token = scan.tokens[index]
    if token.text == ".":
        return index > 0 and scan.tokens[index - 1].kind == "word" and scan.tokens[index - 1].text != "in"
    if token.kind != "word" or token.text == "in":
        return False
    # A word belongs to the chain only next to a dot, and the dot itself must belong to a name.
    after_dot = index > 1 and scan.tokens[index - 1].text == "." and _joins(index - 1, scan)
    before_dot = index + 1 < len(scan.tokens) and scan.tokens[index + 1].text == "."
    return after_dot or before_dot


def _tokens_of(node: Node, scan: Scan) -> tuple[int, int]:
    first, last = _own_tokens(node, scan)
    for child in node.children():
        child_first, child_last = _tokens_of(child, scan)
        first, last = min(first, child_first), max(last, child_last)
    return _with_whole_brackets(first, last, scan)


def _own_tokens(node: Node, scan: Scan) -> tuple[int, int]:
    index = token_at(node.at, scan)
    if index is None:
        return 0, len(scan.tokens) - 1
    token = scan.tokens[index]
    if node.kind == "name":
        return _name_tokens(str(node.value), index, scan)
    if node.kind == "const" and token.text == "-":
        return index, min(index + 1, len(scan.tokens) - 1)
    if token.text == ".":
        return index, min(index + 1, len(scan.tokens) - 1)
    if token.text == "(" and node.kind in ("call", "macro", "has"):
        return max(index - 1, 0), scan.partners[index]
    return index, index


def _name_tokens(name: str, index: int, scan: Scan) -> tuple[int, int]:
    dots = name.count(".")
    if scan.tokens[index].text != ".":
        return index, min(index + 2 * dots, len(scan.tokens) - 1)
    return max(index - 2 * dots + 1, 0), min(index + 1, len(scan.tokens) - 1)


def _with_whole_brackets(first: int, last: int, scan: Scan) -> tuple[int, int]:
    """The same tokens, and as many more as it takes to hold both ends of every bracket among them."""
    at = first
    seen_to = at - 1
    while at <= last:
        partner = scan.partners[at]
        last = max(last, partner)
        if 0 <= partner < first:
            first, at, seen_to = partner, partner, last
        at += 1
    return first, max(last, seen_to)
