"""The text form (`.rspp`) to the `Document` that the same artifact in YAML would give.

The grammar stands in `grammar/rspp.lark`; this module runs its parse tables over the tokens. Values are built while the
text is read, on a stack of our own, so no depth of nesting can exhaust Python's. A mistake costs the statement that it
stands in: what was read of it is dropped, reading goes on where the next statement or field begins, and the place is
noted as a gap.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import msgspec

from rsppc.base.names import near_miss
from rsppc.base.source import Source, Span, file_span
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.syntax import rspp_tables
from rsppc.syntax.document import Comment, Document, Mapping
from rsppc.syntax.limits import DEPTH_MAX, NODES_MAX, TooDeep, TooManyNodes, shortened
from rsppc.syntax.rspp_actions import ACTIONS, Context
from rsppc.syntax.rspp_tokens import (
    ARROW,
    CONDITION,
    CONSTANT_KINDS,
    END,
    EQUALS,
    FINDINGS_MAX,
    KEYWORDS,
    KIND_NAMES,
    LBRACE,
    LBRACKET,
    LONG_STRING,
    NUMBER,
    PUNCTUATION,
    QUANTITY,
    RBRACE,
    STRING,
    WORD,
    NotAWholeNumber,
    Tokens,
    UnknownCharacter,
    comment_places,
    tokens_of,
)


class TextFormSyntax(Diagnostic):
    """The text form says what may follow what; here something else follows.

    The statement or field is skipped and the rest of the file is read. A keyword that is meant as a name stands in
    quotes where it could be taken for the keyword.
    """

    code = "RSP0401"
    name = "text-form-syntax"
    headline = "{found} is not expected here"
    hint = "{remedy}"

    found: str
    remedy: str


class NoTextForm(Diagnostic):
    """Some kinds of artifacts are written by tools or hold tables; they are YAML or JSON only."""

    code = "RSP0403"
    name = "no-text-form"
    headline = "a {subject} has no text form"
    hint = (
        "write YAML or JSON; `pipeline`, `module`, `profile`, `policy`, `layer`, `nodes` and `bundle` have a text form"
    )


class NothingWritten(Diagnostic):
    """One file holds one artifact; a file with nothing in it holds none."""

    code = "RSP0411"
    name = "nothing-written"
    headline = "this file {what}; it should hold one artifact"
    hint = "begin with its kind, name and version, for instance `pipeline voice_assistant v1 {{ … }}`"

    what: str


class SecondArtifact(Diagnostic):
    """One file holds one artifact, so that its name tells what is in it and versions can be kept apart."""

    code = "RSP0412"
    name = "behind-the-artifact"
    headline = "{found} stands behind the end of the artifact"
    hint = "one file holds one artifact: move it into the braces, or to a file of its own"

    found: str


class TooManyMistakes(Diagnostic):
    """After 100 mistakes, those that follow are hardly the author's."""

    code = "RSP0413"
    name = "too-many-mistakes"
    headline = "there are more than 100 mistakes in this file; the rest of it is not read"
    hint = "repair the first ones and check again; is this a text form at all?"


def read_rspp(source: Source, sink: DiagnosticSink) -> Document:
    """The document that a text form states. Problems go to the sink; what they concern is missing from the document."""
    tokens = tokens_of(source)
    refused = _not_a_text_form(tokens)
    if refused is not None:
        sink.report(refused)
        return Document(source=source, root=None)
    root, recovery = parse(tokens, Recovery)
    if root is not None and (tokens.deepest > DEPTH_MAX - 4 or len(tokens.kinds) > NODES_MAX):
        too_large = _too_large(root)
        if too_large is not None:
            tokens.findings.append(too_large)
            root = None
    for found in tokens.findings[: FINDINGS_MAX + 1]:
        if not recovery.explains(found):
            sink.report(found)
    if len(tokens.findings) > FINDINGS_MAX:
        sink.report(TooManyMistakes(at=tokens.findings[FINDINGS_MAX].at))
    broken = [(tokens.starts[token], tokens.ends[token]) for token in tokens.broken]
    return Document(source=source, root=root, gaps=tuple(sorted(recovery.gaps + broken)))


def rspp_comments(source: Source) -> tuple[Comment, ...]:
    """The comments of a text form, in source order."""
    return tuple(Comment(start=start, text=source.text[start + 1 : end]) for start, end in comment_places(source))


_WITHOUT_TEXT_FORM: dict[str, str] = {
    "rollout": "RolloutManifest",
    "snapshot": "ControlPlaneSnapshot",
    "replay": "ReplayManifest",
    "compat": "CompatPolicy",
    "runtime": "RuntimeCapability",
    "gate": "GateManifest",
    "gates": "GateManifest",
}
_KINDS = ("pipeline", "module", "profile", "policy", "layer", "nodes", "bundle")


def _not_a_text_form(tokens: Tokens) -> Diagnostic | None:
    """Why a file is not even the beginning of an artifact."""
    if tokens.kinds[0] == END:
        if tokens.findings:
            return tokens.findings[0]
        what = "holds only comments" if tokens.text.strip() else "is empty"
        return NothingWritten(at=file_span(tokens.source), what=what)
    written = tokens.written(0)
    if written in _WITHOUT_TEXT_FORM:
        return NoTextForm(at=tokens.span(0), subject=_WITHOUT_TEXT_FORM[written])
    if written in _KINDS:
        return None
    meant = near_miss(written, (*_KINDS, *_WITHOUT_TEXT_FORM)) if tokens.kinds[0] == WORD else None
    guess = f"did you mean `{meant}`? " if meant else ""
    remedy = f"{guess}A file begins with `{'`, `'.join(_KINDS[:-1])}` or `{_KINDS[-1]}`".lstrip()
    return TextFormSyntax(at=tokens.span(0), found=_shown(tokens, 0), remedy=remedy[0].lower() + remedy[1:])


class Tables:
    """The parse tables, decoded, with the functions that build values."""

    __slots__ = ("actions", "bodies", "gotos", "keyword", "openings", "rules")

    def __init__(self) -> None:
        decode = msgspec.json.decode
        nonterminals = decode(rspp_tables.NONTERMINALS, type=list[str])
        self.actions = decode(rspp_tables.ACTIONS, type=list[dict[int, int]])
        self.gotos = decode(rspp_tables.GOTOS, type=list[dict[int, int]])
        self.rules: list[tuple[int, int, Callable[..., Any] | None]] = [
            (nonterminal, length, ACTIONS[action] if action else None)
            for nonterminal, length, action in decode(rspp_tables.RULES, type=list[tuple[int, int, str]])
        ]
        bodies = {number for number, name in enumerate(nonterminals) if name.endswith("_body") or name == "entries"}
        self.keyword = nonterminals.index("keyword")
        # Where a statement or a field may begin; and the states behind an opening brace, where a body is still to come.
        self.bodies = {state for row in self.gotos for number, state in row.items() if number in bodies}
        self.openings = {
            state: target for state, row in enumerate(self.gotos) for number, target in row.items() if number in bodies
        }

    def takes_for_name(self, state: int) -> bool:
        """Whether the keyword that leads to a state may be a key there, as any word may in an object."""
        numbers = [self.rules[-code - 1][0] for code in self.actions[state].values() if code < 0]
        return any(number == self.keyword for number in numbers)


@cache
def parse_tables() -> Tables:
    return Tables()


AnyRecovery = TypeVar("AnyRecovery", bound="Recovery")


def parse(tokens: Tokens, make_recovery: type[AnyRecovery]) -> tuple[Mapping | None, AnyRecovery]:
    """The root mapping, and what was skipped on the way. One loop on purpose: it runs several times per token."""
    tables = parse_tables()
    actions, gotos, rules = tables.actions, tables.gotos, tables.rules
    kinds = tokens.kinds
    context = Context(tokens)
    recovery = make_recovery(context, tables)
    states = [0]
    values: list[Any] = []
    firsts: list[int] = []
    state = token = 0
    while True:
        code = actions[state].get(kinds[token])
        if code is None:
            after = recovery.resume(states, values, firsts, token)
            if after is None:
                return None, recovery
            token = after
            state = states[-1]
        elif code > 0:
            state = code - 1
            states.append(state)
            values.append(token)
            firsts.append(token)
            token += 1
        elif code < 0:
            nonterminal, length, action = rules[-code - 1]
            if length == 1:
                if action is not None:
                    values[-1] = action(context, values[-1])
                states[-1] = state = gotos[states[-2]][nonterminal]
                continue
            assert action is not None  # only a rule of one part may take over that part's value
            if length == 0:
                values.append(action(context))
                firsts.append(token)
            else:
                value = action(context, *values[-length:])
                del values[-length:], states[-length:], firsts[1 - length :]
                values.append(value)
            state = gotos[states[-1]][nonterminal]
            states.append(state)
        else:
            return values[0], recovery


class Recovery:
    """Finds, after a mistake, where reading can go on; keeps what was skipped as gaps."""

    __slots__ = ("_context", "_tables", "_tokens", "_unread", "gaps")

    def __init__(self, context: Context, tables: Tables) -> None:
        self._context = context
        self._tokens = context.tokens
        self._tables = tables
        self.gaps: list[tuple[int, int]] = []
        self._unread: list[tuple[int, int]] = []

    def explains(self, found: Diagnostic) -> bool:
        """Whether a finding about a single token stands where, after a mistake, nothing was read any more."""
        if not isinstance(found, UnknownCharacter | NotAWholeNumber):
            return False
        return any(start < found.at.start < end for start, end in self._unread)

    def resume(self, states: list[int], values: list[Any], firsts: list[int], token: int) -> int | None:
        """Report the token, cut the stacks back to the body around it; the token to go on with, None if there is none.

        Afterwards the state expects a statement or the end of the body, and the token is one of the two or lies beyond.
        """
        tokens = self._tokens
        # A bracket that we added ourselves has been reported as missing.
        if tokens.ends[token] > tokens.starts[token] or tokens.kinds[token] == END:
            self._report(states, values, firsts, token)
        last = len(tokens.kinds) - 1
        if self.accepts(states, END):
            self._skip(token, last)
            return last
        if token == last:
            return None
        if len(tokens.findings) > FINDINGS_MAX:
            self._skip(firsts[-1] if firsts else token, last)
            return self._give_up(states, values, firsts)
        depth = self.body_around(states, values)
        if depth == 0:
            return self._skip_to_brace(states, values, firsts, token)
        if states[depth] not in self._tables.bodies:
            _cut(states, values, firsts, depth)
            states.append(self._tables.openings[states[-1]])
            values.append(ACTIONS["body"](self._context))
            firsts.append(token)
            depth += 1
        begun = firsts[depth] if depth < len(firsts) else token
        _cut(states, values, firsts, depth)
        after = self._next_statement(states, begun, token)
        self._skip(begun, after)
        self._unread.append((tokens.starts[token], tokens.ends[after - 1]))
        return after

    def body_around(self, states: list[int], values: list[Any]) -> int:
        """Where the innermost open body stands on the stack, or the brace behind which one is to come; 0 if nowhere."""
        depth = len(states) - 1
        while depth and not self._is_open(states[depth], values[depth] if depth < len(values) else None):
            depth -= 1
        return depth

    def _is_open(self, state: int, behind: Any) -> bool:
        """Whether a body is being read in a state; `behind` is what follows it on the stack, None at its top."""
        if behind.__class__ is int and self._tokens.kinds[behind] == RBRACE:
            return False
        return state in self._tables.bodies or (behind is None and state in self._tables.openings)

    def _skip(self, begun: int, after: int) -> None:
        if after > begun:
            self.gaps.append((self._tokens.starts[begun], self._tokens.ends[after - 1]))

    def _skip_to_brace(self, states: list[int], values: list[Any], firsts: list[int], token: int) -> int | None:
        """A mistake in the first line: go on with what stands in the braces."""
        kinds, depths = self._tokens.kinds, self._tokens.depths
        while states and not self.accepts(states, LBRACE):
            if not values:
                return None
            _cut(states, values, firsts, len(states) - 2)
        after = token
        while kinds[after] != LBRACE or depths[after]:
            if kinds[after] == END:
                return None
            after += 1
        self._skip(token, after)
        return after

    def _next_statement(self, states: list[int], begun: int, token: int) -> int:
        tokens = self._tokens
        depths = tokens.depths
        depth = depths[begun]
        column = tokens.column(begun) if tokens.is_first_on_line(begun) else -1
        after = token if token > begun else token + 1
        last = len(tokens.kinds) - 1
        while after < last:
            if depths[after] < depth:
                return after
            if depths[after] == depth and self._may_begin(states, after, column, is_mistake=after == token):
                return after
            after += 1
        return last

    def _may_begin(self, states: list[int], token: int, column: int, *, is_mistake: bool) -> bool:
        tokens = self._tokens
        kind = tokens.kinds[token]
        accepted = self.accepts(states, kind)
        if tokens.is_first_on_line(token):
            return accepted or tokens.column(token) <= column
        if kind in (WORD, STRING):
            between = tokens.text[tokens.ends[token] : tokens.starts[token + 1]]
            return accepted and tokens.kinds[token + 1] in (EQUALS, ARROW) and not between.strip()
        # In the middle of a line the misplaced token itself was hardly meant to begin anything.
        return accepted and kind in _KEYWORD_KINDS and kind not in CONSTANT_KINDS and not is_mistake

    def _give_up(self, states: list[int], values: list[Any], firsts: list[int]) -> int | None:
        """Close everything that is open, so that what has been read is kept."""
        last = len(self._tokens.kinds) - 1
        depth = len(states) - 1
        while depth and (states[depth] not in self._tables.bodies or self._tokens.depths[firsts[depth - 1]] != 1):
            depth -= 1
        if depth == 0:
            return None
        _cut(states, values, firsts, depth)
        return last - 1 if self._tokens.kinds[last - 1] == PUNCTUATION["}"] else None

    def accepts(self, states: list[int], kind: int) -> bool:
        """Whether a token of a kind may come next; the reductions before it are tried on a copy of the stack's top."""
        actions, gotos, rules = self._tables.actions, self._tables.gotos, self._tables.rules
        added: list[int] = []
        kept = len(states)
        while True:
            code = actions[added[-1] if added else states[kept - 1]].get(kind)
            if code is None:
                return False
            if code >= 0:
                return True
            nonterminal, length, _ = rules[-code - 1]
            dropped = min(length, len(added))
            if dropped:
                del added[-dropped:]
            kept -= length - dropped
            added.append(gotos[added[-1] if added else states[kept - 1]][nonterminal])

    def _report(self, states: list[int], values: list[Any], firsts: list[int], token: int) -> None:
        tokens = self._tokens
        if len(tokens.findings) > FINDINGS_MAX:
            return
        found = _shown(tokens, token)
        if self.accepts(states, END):
            tokens.findings.append(SecondArtifact(at=tokens.span(token), found=found))
            return
        expected = [kind for kind in range(len(KIND_NAMES)) if self.accepts(states, kind)]
        begun = self._begins_with(states, values, firsts, token)
        if token == begun + 1 and tokens.is_first_on_line(token) and not tokens.is_first_on_line(begun):
            # One word too many at the end of a line is taken for the beginning of a statement.
            remedy = "remove it, or begin a statement on a line of its own"
            tokens.findings.append(TextFormSyntax(at=tokens.span(begun), found=_shown(tokens, begun), remedy=remedy))
            return
        remedy = _remedy(tokens, token, expected, begun)
        tokens.findings.append(TextFormSyntax(at=_visible(tokens, token), found=found, remedy=remedy))

    def _begins_with(self, states: list[int], values: list[Any], firsts: list[int], token: int) -> int:
        """The first token of the statement in which a token stands."""
        depth = self.body_around(states, values)
        return firsts[depth] if depth < len(firsts) else token


def _cut(states: list[int], values: list[Any], firsts: list[int], depth: int) -> None:
    """Keep `depth` values, and the states before and behind each."""
    del states[depth + 1 :], values[depth:], firsts[depth:]


_KEYWORD_KINDS = frozenset(KEYWORDS.values())
_NAME_KINDS = frozenset((WORD, STRING))
_VALUE_KINDS = frozenset((NUMBER, LONG_STRING, QUANTITY, *CONSTANT_KINDS))
_DESCRIPTIONS = {CONDITION: "a condition in parentheses", LBRACE: "`{`", LBRACKET: "a list", END: "the end of the file"}
_OPEN_PARENTHESIS = PUNCTUATION["("]
_SIGNS = {kind: f"`{sign}`" for sign, kind in PUNCTUATION.items()}


def _visible(tokens: Tokens, token: int) -> Span:
    """The place of a token; of what precedes it where the token itself is the end of the file or was added by us."""
    if tokens.ends[token] > tokens.starts[token] or token == 0:
        return tokens.span(token)
    return tokens.span(token - 1)


def _shown(tokens: Tokens, token: int) -> str:
    kind = tokens.kinds[token]
    if kind == END:
        return "the end of the file"
    if tokens.starts[token] == tokens.ends[token]:
        return f"the end behind `{shortened(tokens.written(token - 1))}`" if token else "the end"
    return f"`{shortened(tokens.written(token))}`"


def _remedy(tokens: Tokens, token: int, expected: list[int], begun: int) -> str:
    """What to try, as one clause."""
    kind = tokens.kinds[token]
    written = tokens.written(token)
    if kind in _KEYWORD_KINDS and STRING in expected and kind not in expected:
        return f'{_expected(expected)}; a name that is also a keyword stands in quotes: `"{written}"`'
    words = [KIND_NAMES[known].lower() for known in expected if known in _KEYWORD_KINDS]
    if begun != token and tokens.kinds[begun] == WORD and _no_field(tokens, begun):
        starters = [word for word in KEYWORDS if KEYWORDS[word] not in CONSTANT_KINDS]
        meant = near_miss(tokens.written(begun), starters)
        if meant is not None:
            return f"did you mean `{meant}` in place of `{shortened(tokens.written(begun))}`? {_expected(expected)}"
    if kind == WORD and words:
        meant = near_miss(written, words)
        if meant is not None:
            return f"did you mean `{meant}`? {_expected(expected)}"
    return _expected(expected)


def _no_field(tokens: Tokens, begun: int) -> bool:
    return tokens.kinds[begun + 1] not in (EQUALS, ARROW, LBRACE)


def _expected(expected: list[int]) -> str:
    listed: list[str] = []
    if _NAME_KINDS.issuperset(expected) or (not _VALUE_KINDS.intersection(expected) and WORD in expected):
        listed.append("a name")
    elif WORD in expected or NUMBER in expected:
        listed.append("a value")
    elif QUANTITY in expected:
        listed.append("a number with a unit, as in `400ms`")
    elif STRING in expected:
        listed.append("a text in quotes")
    signs = [kind for kind in expected if kind in _SIGNS or kind in _DESCRIPTIONS]
    if len(signs) > 1:
        signs = [kind for kind in signs if kind != _OPEN_PARENTHESIS]
    if "a value" in listed:
        signs = [kind for kind in signs if kind not in (CONDITION, LBRACE, LBRACKET)]
    listed += [_DESCRIPTIONS.get(kind) or _SIGNS[kind] for kind in signs]
    words = [f"`{KIND_NAMES[kind].lower()}`" for kind in expected if kind in _KEYWORD_KINDS]
    if "a value" not in listed and len(words) <= 40:
        listed += [word for word in words if word not in ("`true`", "`false`")]
    if not listed:
        return "remove it"
    if len(listed) > 1:
        return f"expected {', '.join(listed[:-1])} or {listed[-1]}"
    return f"expected {listed[0]}"


def _too_large(root: Mapping) -> Diagnostic | None:
    """Why a document is too deep or too large to be walked safely; without recursion."""
    waiting: list[tuple[Any, int]] = [(root, 1)]
    count = 1
    while waiting:
        container, depth = waiting.pop()
        if depth > DEPTH_MAX:
            return TooDeep(at=Span(source=container.source, start=container.start, end=container.start + 1))
        count += len(container)
        if count > NODES_MAX:
            return TooManyNodes(at=Span(source=container.source, start=container.start, end=container.start + 1))
        children = container.values() if container.__class__ is Mapping else container
        waiting += [(child, depth + 1) for child in children if isinstance(child, dict | list)]
    return None
