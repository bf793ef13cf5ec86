"""What may come next in a text form that ends in the middle of something: for editors, told by the parse tables.

The beginning is read as ever, mistakes included; where it ends, the stack of the parser says which words may follow.
"""

from __future__ import annotations

from typing import Any

from rsppc.base.source import Source
from rsppc.syntax.rspp_reader import Recovery, Tables, parse, parse_tables
from rsppc.syntax.rspp_tokens import CONSTANT_KINDS, KEYWORDS, LBRACE, RBRACE, RBRACKET, Tokens, tokens_of

_NOWHERE = -2
"""A kind of token that no state expects, so that reading stops in front of it with nothing reduced."""


class Expected:
    """The parser where a text ends."""

    def __init__(self, tables: Tables, states: list[int], body: list[int]) -> None:
        self._tables = tables
        self._states = states
        self._body = body

    @property
    def in_header(self) -> bool:
        """Whether no body has been opened."""
        return not self._body

    def instead(self) -> Expected:
        """The same where what was begun last is left as it is, and a new statement begins."""
        return Expected(self._tables, self._body or self._states, self._body)

    def may_follow(self, kinds: tuple[int, ...]) -> bool:
        """Whether these tokens may come next."""
        return _behind(self._tables, self._states, kinds) is not None

    def closes_behind(self, kinds: tuple[int, ...]) -> bool:
        """Whether these tokens may follow, and what they stand in may end behind them."""
        states = _behind(self._tables, self._states, kinds)
        ends = (RBRACE, RBRACKET, LBRACE) if self.in_header else (RBRACE, RBRACKET)
        return states is not None and any(_behind(self._tables, states, (end,)) is not None for end in ends)

    def is_statement_done(self) -> bool:
        """Whether what was begun may end here."""
        return _behind(self._tables, self._states, (RBRACE,)) is not None

    def begins_statement(self, kind: int) -> bool:
        """Whether a token of a kind may begin a statement of the body around."""
        return bool(self._body) and _behind(self._tables, self._body, (kind,)) is not None

    def keywords(self) -> list[str]:
        """The keywords that may come next, but not where every word is a key."""
        found = []
        for word, kind in KEYWORDS.items():
            states = _behind(self._tables, self._states, (kind,)) if kind not in CONSTANT_KINDS else None
            if states is not None and not self._tables.takes_for_name(states[-1]):
                found.append(word)
        return found


def _behind(tables: Tables, states: list[int], kinds: tuple[int, ...]) -> list[int] | None:
    """The stack behind some more tokens; None where they may not follow."""
    stack = list(states)
    for kind in kinds:
        while (code := tables.actions[stack[-1]].get(kind)) is not None and code < 0:
            nonterminal, length, _ = tables.rules[-code - 1]
            if length:
                del stack[-length:]
            stack.append(tables.gotos[stack[-1]][nonterminal])
        if code is None:
            return None
        if code > 0:
            stack.append(code - 1)
    return stack


class _Halting(Recovery):
    """Remembers the stack at the end of the text."""

    __slots__ = ("body", "states")

    def __init__(self, context: Any, tables: Tables) -> None:
        super().__init__(context, tables)
        self.states: list[int] = []
        self.body: list[int] = []

    def resume(self, states: list[int], values: list[Any], firsts: list[int], token: int) -> int | None:
        if token == len(self._tokens.kinds) - 1:
            self.states = list(states)
            depth = self.body_around(states, values)
            self.body = states[: depth + 1] if depth else []
            if self.body and self.body[-1] not in self._tables.bodies:
                self.body.append(self._tables.openings[self.body[-1]])
            return None
        return super().resume(states, values, firsts, token)


def expected_behind(source: Source) -> Expected:
    """What may follow the text of a source."""
    tokens = _without_added_ends(tokens_of(source))
    _, halted = parse(tokens, _Halting)
    return Expected(parse_tables(), halted.states or [0], halted.body)


def _without_added_ends(tokens: Tokens) -> Tokens:
    """The tokens of a beginning, without the brackets that were added because it is only one."""
    last = len(tokens.kinds) - 1
    while last and tokens.starts[last - 1] == tokens.ends[last - 1]:
        last -= 1
    del tokens.kinds[last:], tokens.starts[last:], tokens.ends[last:]
    tokens.kinds.append(_NOWHERE)
    tokens.starts.append(len(tokens.text))
    tokens.ends.append(len(tokens.text))
    return tokens
