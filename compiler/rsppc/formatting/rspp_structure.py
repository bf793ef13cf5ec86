"""What in a text form begins a statement, an entry, an item of a list or an attribute: its grammar says so.

The parse tables are run over the tokens, and rules that end such a part note where it began. Runs on a text in which
the reader found nothing wrong.
"""

from __future__ import annotations

from functools import cache

import msgspec

from rsppc.base.source import Source
from rsppc.syntax import rspp_tables
from rsppc.syntax.rspp_tokens import COMMA, END, LBRACE, LBRACKET, LPAR, RBRACE, RBRACKET, RPAR, Tokens, tokens_of

OPENING = frozenset((LBRACE, LBRACKET, LPAR))
_CLOSING = frozenset((RBRACE, RBRACKET, RPAR))


class Structure:
    """The tokens of a text without the commas that only separate entries or items, and what begins at which of them."""

    __slots__ = ("attributes", "closing", "ends", "items", "kinds", "starts", "text")

    def __init__(self, source: Source) -> None:
        tokens = tokens_of(source)
        begins, attributes, commas = _parsed(tokens)
        self.text = source.text
        self.kinds: list[int] = []
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.items: set[int] = set()
        """Tokens that begin a statement, an entry of a mapping, or an item of a list."""
        self.attributes: dict[int, int] = {}
        """Tokens that begin an attribute, and how many statements deep it stands in its line: 1, or 2 in a rule."""
        self.closing: dict[int, int] = {}
        """For each opening bracket the one that closes it."""
        self._fill(tokens, begins, attributes, commas)

    def _fill(self, tokens: Tokens, begins: set[int], attributes: dict[int, int], commas: set[int]) -> None:
        open_brackets: list[int] = []
        begins_item = False
        for token, kind in enumerate(tokens.kinds):
            in_list = bool(open_brackets) and self.kinds[open_brackets[-1]] == LBRACKET
            if kind == COMMA and (in_list or token in commas):
                begins_item = in_list
                continue
            place = len(self.kinds)
            if kind in _CLOSING:
                self.closing[open_brackets.pop()] = place
            elif begins_item or token in begins:
                self.items.add(place)
            if token in attributes:
                self.attributes[place] = attributes[token]
            begins_item = kind == LBRACKET
            if kind in OPENING:
                open_brackets.append(place)
            self.kinds.append(kind)
            self.starts.append(tokens.starts[token])
            self.ends.append(tokens.ends[token])


_ATTRIBUTES = frozenset(
    (
        *("record_attribute", "record_with", "record_object", "edge_attribute", "edge_fields", "place_after"),
        *("place_unless", "use_requires", "rule_set", "port_optional"),
    )
)
"""Actions of rules that put an attribute, their second part, behind what there is."""


class _Tables:
    __slots__ = ("actions", "gotos", "rules")

    def __init__(self) -> None:
        decode = msgspec.json.decode
        self.actions = decode(rspp_tables.ACTIONS, type=list[dict[int, int]])
        self.gotos = decode(rspp_tables.GOTOS, type=list[dict[int, int]])
        self.rules = decode(rspp_tables.RULES, type=list[tuple[int, int, str]])


@cache
def _tables() -> _Tables:
    return _Tables()


def _parsed(tokens: Tokens) -> tuple[set[int], dict[int, int], set[int]]:
    """Tokens that begin statements and entries, those that begin attributes, and commas between entries."""
    tables = _tables()
    actions, gotos, rules = tables.actions, tables.gotos, tables.rules
    begins: set[int] = set()
    attributes: dict[int, int] = {}
    commas: set[int] = set()
    states, firsts = [0], list[int]()
    token = 0
    while True:
        code = actions[states[-1]][tokens.kinds[token]]
        if code > 0:
            states.append(code - 1)
            firsts.append(token)
            token += 1
            if tokens.kinds[token - 1] == END:
                break
        elif code == 0:
            break
        else:
            nonterminal, length, action = rules[-code - 1]
            first = firsts[-length] if length else token
            if action == "body_with":
                begins.add(firsts[-1])
            elif action in _ATTRIBUTES:
                attributes[firsts[1 - length]] = 1
            elif action == "insert_rule":
                node, between = firsts[-5], firsts[-4]
                attributes.update({one: 2 for one in attributes if node < one < between})
                attributes.update({node: 1, between: 1})
            elif action == "first" and length == 2:
                commas.add(firsts[-1])
            if length:
                del states[-length:], firsts[-length:]
            states.append(gotos[states[-1]][nonterminal])
            firsts.append(first)
    return begins, attributes, commas
