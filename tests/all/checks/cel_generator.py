"""Expressions of the portable profile, and inputs for them, from a seed: the same seed gives the same ones everywhere.

Expressions are made kind by kind, so that nearly all of them are accepted; `check` has the last word. They are written
in many ways (quotation marks, escapes, hexadecimal numbers, needless parentheses, chains without any), because the text
as it is written and its canonical form have to mean the same. Texts and numbers come from small pools, so that what an
expression asks for is often there, and often just not.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TypeAlias

from rsppc.base.record import Record
from rsppc.conditions import (
    AUDIO_EVENT_FIELDS,
    TEXT_EVENT_FIELDS,
    Condition,
    Environment,
    check,
    edge_environment,
    rule_environment,
)

Values: TypeAlias = dict[str, object]
Scope: TypeAlias = tuple[tuple[str, str], ...]
"""The variables of the loops around a place, with their kinds, innermost last."""
Maker: TypeAlias = Callable[[int, Scope], str]

PROVIDERS = ("stt-deepgram", "tts-b")
ENVIRONMENTS = (
    rule_environment(PROVIDERS),
    edge_environment(TEXT_EVENT_FIELDS),
    edge_environment(AUDIO_EVENT_FIELDS),
    edge_environment(
        {
            "title": "string",
            "score": "int",
            "done": "bool",
            "tags": "list<string>",
            "counts": "list<int>",
            "flags": "list<bool>",
            "labels": "map<string,string>",
            "sizes": "map<string,int>",
            "marks": "map<string,bool>",
        }
    ),
)

INT_MIN, INT_MAX = -(2**63), 2**63 - 1
NUMBERS = (0, 1, 2, 3, 7, 10, 600, 1000, -1, -2, -7, 2**31, 2**53 + 1, -(2**53) - 1, INT_MAX, INT_MAX - 1, INT_MIN)
PLACES = (0, 1, 2, 3, 4, 7, -1, INT_MAX, INT_MIN)
TEXTS = (
    *("", "a", "b", "ab", "abc", "a,b,c", "Agent", "agent", "AGENT please", "gold", "de", "de-DE", " a b ", "\t\n"),
    *("0", "7", "-1", "true", "ä", "a\u0308", "Straße", "ÀÉÎ", "日本語", "한", "שלום", "a\nb", "\u00a0x\u2003"),
    *("\ufeff", "\u200d", "\\", '"', "'"),
)
ASTRAL_TEXTS = ("😀", "a😀b", "👩\u200d👧", "𝒳y", "\U0010ffff")
"""Characters beyond U+FFFF. Whatever counts places in a text is made without them: see `cel_differential`."""
KEYS = ("tier", "a", "", "ä", "constructor", "__proto__", "stt-deepgram")
PATTERNS = (
    *("", "a", "^a", "b+$", "^[a-z]+$", "(?i)agent", "[0-9]{1,3}", r"\d+", r"\bagent\b", "^$", ".", "^.$", r"\pL+"),
    *(r"^\p{Lu}", "[[:alpha:]]", "ä", "(?s)a.b", "a.b", "a|b", r"\s", r"^\w+\s\w+$", "[^a]", "x*$", "(a)(b)?", r"\\"),
    *("[ä-ü]", "^a$|^b$", r"\x{e4}", "(?m)^b$", r"\Aa", r"a\z", r"\Qa,b\E", "a??", "(?U)a+", "(?:ab){2}", "日.語"),
    *(r"\p{Greek}", r"\P{L}"),
)
DEPTH_MAX = 4
_SCALARS = ("string", "int", "bool")
_LISTS = ("list<string>", "list<int>", "list<bool>", "list<list<int>>")
VARIABLES = ("x", "y", "z", "k", "e1")


class Pair(Record):
    """A condition as it was written and as it was checked, and one set of values for its names."""

    written: str
    condition: Condition
    values: Values


class Made(Record):
    """Some pairs, and what became of the expressions they were made of."""

    pairs: tuple[Pair, ...]
    accepted: int
    refused: int


def pairs_of(seed: int, expressions: int, inputs: int) -> Made:
    """So many different accepted expressions, each with so many inputs, in a fixed order."""
    chance = random.Random(seed)
    pairs: list[Pair] = []
    seen: set[tuple[Environment, str]] = set()
    refused = 0
    while len(seen) < expressions:
        environment = chance.choice(ENVIRONMENTS)
        writer = Writer(chance, environment, astral=chance.random() < 0.3)
        written = writer.boolean(chance.randint(1, DEPTH_MAX), ())
        condition = check(written, environment)
        if not isinstance(condition, Condition):
            refused += 1
        elif (environment, condition.text) not in seen:
            seen.add((environment, condition.text))
            for _ in range(inputs):
                pairs.append(
                    Pair(written=written, condition=condition, values=values_for(chance, condition, writer.texts))
                )
    return Made(pairs=tuple(pairs), accepted=len(seen), refused=refused)


def values_for(chance: random.Random, condition: Condition, texts: Sequence[str]) -> Values:
    """A value for each name that the condition reads. Maps over providers have exactly the declared keys."""
    values: Values = {}
    for known in condition.environment.declarations:
        if known.name not in condition.names:
            continue
        kind, _, inner = known.type.partition("<")
        item = inner.rstrip(">").rpartition(",")[2]
        if kind == "list":
            values[known.name] = [_scalar(chance, item, texts) for _ in range(chance.choice((0, 0, 1, 2, 3)))]
        elif kind == "map":
            keys = known.keys if known.keys is not None else chance.sample(KEYS, chance.choice((0, 1, 2, 4)))
            values[known.name] = {key: _scalar(chance, item, texts) for key in keys}
        else:
            values[known.name] = _scalar(chance, kind, texts)
    return values


def _scalar(chance: random.Random, kind: str, texts: Sequence[str]) -> object:
    if kind == "int":
        return chance.choice((*NUMBERS, *PLACES))
    return chance.choice((True, False)) if kind == "bool" else chance.choice(texts)


class Writer:
    """Writes expressions of a wanted kind. `astral` allows characters beyond U+FFFF, and then nothing counts places."""

    def __init__(self, chance: random.Random, environment: Environment, *, astral: bool) -> None:
        self.chance = chance
        self.environment = environment
        self.astral = astral
        self.texts: tuple[str, ...] = (*TEXTS, *ASTRAL_TEXTS) if astral else TEXTS

    def boolean(self, depth: int, scope: Scope) -> str:
        if depth <= 0:
            return self._leaf("bool", scope)
        makers: list[Maker] = [
            *[self._equality, self._order, self._connection, self._membership, self._question] * 2,
            *[self._loop, self._guarded, self._choice("bool"), self._negation, self._pattern],
        ]
        return self.chance.choice(makers)(depth - 1, scope)

    def integer(self, depth: int, scope: Scope) -> str:
        if depth <= 0:
            return self._leaf("int", scope)
        makers: list[Maker] = [self._sum, self._sum, self._chain, self._size, self._minus, self._choice("int")]
        if not self.astral:
            makers.append(self._place_of)
        return self.chance.choice([*makers, self._entry("int")])(depth - 1, scope)

    def text(self, depth: int, scope: Scope) -> str:
        if depth <= 0:
            return self._leaf("string", scope)
        makers: list[Maker] = [self._join_of_two, self._changed, self._replaced, self._printed, self._joined]
        if not self.astral:
            makers += [self._part, self._part]
        return self.chance.choice([*makers, self._choice("string"), self._entry("string")])(depth - 1, scope)

    def of_kind(self, kind: str, depth: int, scope: Scope) -> str:
        if kind.startswith("list<"):
            return self.list_of(kind[5:-1], depth, scope)
        return {"bool": self.boolean, "int": self.integer, "string": self.text}[kind](depth, scope)

    def list_of(self, kind: str, depth: int, scope: Scope) -> str:
        declared = [known.name for known in self.environment.declarations if known.type == f"list<{kind}>"]
        if declared and self.chance.random() < 0.5:
            return self.chance.choice(declared)
        way = self.chance.random()
        if depth > 0 and way < 0.15:
            return f"({self.list_of(kind, depth - 1, scope)} + {self.list_of(kind, depth - 1, scope)})"
        if depth > 0 and way < 0.4:
            return self._made_list(kind, depth - 1, scope)
        if depth > 0 and way < 0.5 and kind == "string":
            return self._split(depth - 1, scope)
        # An empty list alone is of no kind, so literal lists have an entry at least.
        entries = [self.of_kind(kind, depth - 1, scope) for _ in range(self.chance.randint(1, 3))]
        return f"[{', '.join(entries)}]"

    # What needs nothing else.

    def _leaf(self, kind: str, scope: Scope) -> str:
        names = [known.name for known in self.environment.declarations if known.type == kind]
        names += [name for name, known in scope if known == kind] * 4
        if names and self.chance.random() < 0.6:
            return self.chance.choice(names)
        return self._literal(kind)

    def _literal(self, kind: str) -> str:
        if kind == "bool":
            return self.chance.choice(("true", "false"))
        if kind == "int":
            number = self.chance.choice(NUMBERS)
            return hex(number) if self.chance.random() < 0.1 else str(number)
        return self._quoted(self.chance.choice(self.texts))

    def _quoted(self, text: str) -> str:
        way = self.chance.randrange(6)
        if way == 0 and not set(text) & set("\\\"'\n\r\t\ufeff\u200d"):
            return self.chance.choice((f"r'{text}'", f'R"{text}"', f'"""{text}"""', f"'''{text}'''"))
        mark = self.chance.choice("\"'")
        return mark + "".join(quoted_letter(letter, mark, seldom=way != 1) for letter in text) + mark

    # Of truth values.

    def _equality(self, depth: int, scope: Scope) -> str:
        kind = self.chance.choice(("string", "string", "int", "int", "bool", *_LISTS))
        mark = self.chance.choice(("==", "!="))
        if self.chance.random() < 0.08:
            value = self.chance.choice(_SCALARS)
            return f"({self._map_literal(value)} {mark} {self._map_literal(value)})"
        return f"({self.of_kind(kind, depth, scope)} {mark} {self.of_kind(kind, depth, scope)})"

    def _order(self, depth: int, scope: Scope) -> str:
        mark = self.chance.choice(("<", "<=", ">", ">="))
        return f"({self.integer(depth, scope)} {mark} {self.integer(depth, scope)})"

    def _connection(self, depth: int, scope: Scope) -> str:
        parts = [self.boolean(depth, scope) for _ in range(self.chance.choice((2, 2, 3, 4)))]
        marks = [self.chance.choice((" && ", " || ", "&&", "||", " &&\n  // why\n  ")) for _ in parts[1:]]
        if self.chance.random() < 0.5:
            marks = marks[:1] * len(marks)
        return "(" + parts[0] + "".join(mark + part for mark, part in zip(marks, parts[1:], strict=True)) + ")"

    def _membership(self, depth: int, scope: Scope) -> str:
        if self.chance.random() < 0.3:
            total = [known for known in self.environment.declarations if known.keys]
            if total and self.chance.random() < 0.3:
                known = self.chance.choice(total)
                return f"({self._quoted(self.chance.choice(known.keys or ('',)))} in {known.name})"
            return f"({self.text(depth - 1, scope)} in {self._map()[0]})"
        kind = self.chance.choice((*_SCALARS, "list<int>"))
        return f"({self.of_kind(kind, depth, scope)} in {self.list_of(kind, depth, scope)})"

    def _question(self, depth: int, scope: Scope) -> str:
        method = self.chance.choice(("contains", "startsWith", "endsWith"))
        return f"{self.text(depth, scope)}.{method}({self.text(depth, scope)})"

    def _pattern(self, depth: int, scope: Scope) -> str:
        pattern, text = self._quoted(self.chance.choice(PATTERNS)), self.text(depth, scope)
        return f"{text}.matches({pattern})"

    def _negation(self, depth: int, scope: Scope) -> str:
        return self.chance.choice(("!", "!", "!!")) + f"({self.boolean(depth, scope)})"

    def _loop(self, depth: int, scope: Scope) -> str:
        macro = self.chance.choice(("all", "exists", "exists_one"))
        variable = self._variable(scope)
        if self.chance.random() < 0.3:
            name, kind = self._map()
            inner = (*scope, (variable, "string"))
            body = self.boolean(depth - 1, inner)
            if self.chance.random() < 0.5:
                entry = f"{name}[{variable}]"
                body = f"{entry} == {self.of_kind(kind, 0, inner)} || {body}"
            return f"{name}.{macro}({variable}, {body})"
        kind = self.chance.choice(_SCALARS)
        body = self.boolean(depth - 1, (*scope, (variable, kind)))
        return f"{self.list_of(kind, depth - 1, scope)}.{macro}({variable}, {body})"

    def _guarded(self, depth: int, scope: Scope) -> str:
        """A key of an open map, asked for in each of the ways that count as asking."""
        name, kind = self._map()
        wanted = self.chance.choice(KEYS)
        key = self._quoted(wanted)
        entry = f"{name}.{wanted}" if wanted.isidentifier() and wanted.isascii() else f"{name}[{key}]"
        other = self.of_kind(kind, depth - 1, scope)
        claim = f"{entry} {self.chance.choice(('==', '!='))} {other}"
        match self.chance.randrange(5):
            case 0:
                return f"({key} in {name} && {claim})"
            case 1:
                return f"({claim} && {key} in {name})"
            case 2:
                return f"(!({key} in {name}) || {claim})"
            case 3:
                return f"({key} in {name} ? {claim} : {self.boolean(depth - 1, scope)})"
            case _:
                return f"(({key} in {name} ? {entry} : {self._leaf(kind, scope)}) == {other})"

    # Of numbers.

    def _sum(self, depth: int, scope: Scope) -> str:
        mark = self.chance.choice("+-*/%")
        second = self._divisor() if mark == "%" else self.integer(depth, scope)
        return f"({self.integer(depth, scope)} {mark} {second})"

    def _chain(self, depth: int, scope: Scope) -> str:
        """Terms without parentheses: what binds tighter is for the parsers to know."""
        chain = self._leaf("int", scope)
        for _ in range(self.chance.randint(2, 4)):
            mark = self.chance.choice("+-*/%")
            chain += f" {mark} {self._divisor() if mark == '%' else self._leaf('int', scope)}"
        return f"({chain})"

    def _divisor(self) -> str:
        """Of a remainder: a literal, and never -1, for which runtimes answer differently below the smallest number."""
        return str(self.chance.choice([number for number in NUMBERS if number != -1]))

    def _minus(self, depth: int, scope: Scope) -> str:
        # Runtimes fold a minus before a minus, or do not, which differs for the smallest number.
        number = self.integer(depth, scope)
        return number if number.lstrip("(").startswith("-") else f"-({number})"

    def _size(self, depth: int, scope: Scope) -> str:
        way = self.chance.random()
        if way < 0.2:
            value = self._map()[0]
        elif way < 0.6:
            value = self.list_of(self.chance.choice(_SCALARS), depth, scope)
        else:
            value = self.text(depth, scope)
        return f"size({value})" if self.chance.random() < 0.5 else f"{value}.size()"

    def _place_of(self, depth: int, scope: Scope) -> str:
        method = self.chance.choice(("indexOf", "indexOf", "lastIndexOf"))
        return f"{self.text(depth, scope)}.{method}({self.text(depth, scope)})"

    # Of texts.

    def _join_of_two(self, depth: int, scope: Scope) -> str:
        return f"({self.text(depth, scope)} + {self.text(depth, scope)})"

    def _changed(self, depth: int, scope: Scope) -> str:
        return f"{self.text(depth, scope)}.{self.chance.choice(('lowerAscii', 'upperAscii', 'trim'))}()"

    def _replaced(self, depth: int, scope: Scope) -> str:
        old = self._quoted(self.chance.choice([text for text in self.texts if text]))
        times = f", {self.chance.choice((0, 1, 2, 7))}" if self.chance.random() < 0.4 else ""
        return f"{self.text(depth, scope)}.replace({old}, {self.text(depth, scope)}{times})"

    def _printed(self, depth: int, scope: Scope) -> str:
        return f"string({self.of_kind(self.chance.choice(('int', 'bool', 'string')), depth, scope)})"

    def _joined(self, depth: int, scope: Scope) -> str:
        between = self._literal("string") if self.chance.random() < 0.7 else ""
        return f"{self.list_of('string', depth, scope)}.join({between})"

    def _part(self, depth: int, scope: Scope) -> str:
        return f"{self.text(depth, scope)}.{self.chance.choice(('charAt', 'substring'))}({self._place(depth, scope)})"

    def _place(self, depth: int, scope: Scope) -> str:
        near = self.chance.random() < 0.7
        return str(self.chance.choice(PLACES)) if near else self.integer(depth - 1, scope)

    # Of lists, maps and whatever has entries.

    def _made_list(self, kind: str, depth: int, scope: Scope) -> str:
        variable = self._variable(scope)
        source = self.chance.choice(_SCALARS)
        if self.chance.random() < 0.4:
            body = self.boolean(depth - 1, (*scope, (variable, kind)))
            return f"{self.list_of(kind, depth - 1, scope)}.filter({variable}, {body})"
        inner = (*scope, (variable, source))
        only = f"{self.boolean(depth - 1, inner)}, " if self.chance.random() < 0.3 else ""
        body = self.of_kind(kind, depth - 1, inner)
        return f"{self.list_of(source, depth - 1, scope)}.map({variable}, {only}{body})"

    def _split(self, depth: int, scope: Scope) -> str:
        by = self._quoted(self.chance.choice([text for text in self.texts if text]))
        times = f", {self.chance.choice((-1, 0, 1))}" if self.chance.random() < 0.3 else ""
        return f"{self.text(depth, scope)}.split({by}{times})"

    def _entry(self, kind: str) -> Maker:
        def maker(depth: int, scope: Scope) -> str:
            total = [
                known for known in self.environment.declarations if known.keys and known.type.endswith(f",{kind}>")
            ]
            if total and self.chance.random() < 0.5:
                known = self.chance.choice(total)
                return f"{known.name}[{self._quoted(self.chance.choice(known.keys or ('',)))}]"
            return f"{self.list_of(kind, depth, scope)}[{self._place(depth, scope)}]"

        return maker

    def _choice(self, kind: str) -> Maker:
        def maker(depth: int, scope: Scope) -> str:
            yes, no = self.of_kind(kind, depth, scope), self.of_kind(kind, depth, scope)
            return f"({self.boolean(depth, scope)} ? {yes} : {no})"

        return maker

    def _map(self) -> tuple[str, str]:
        """A map that may lack keys, or a literal one, and the kind of its entries."""
        maps = [known for known in self.environment.declarations if known.type.startswith("map") and not known.keys]
        if maps and self.chance.random() < 0.8:
            known = self.chance.choice(maps)
            return known.name, known.type[:-1].rpartition(",")[2]
        kind = self.chance.choice(_SCALARS)
        return self._map_literal(kind), kind

    def _map_literal(self, kind: str) -> str:
        keys = self.chance.sample(KEYS, self.chance.randint(1, 3))
        return "{" + ", ".join(f"{self._quoted(key)}: {self._literal(kind)}" for key in keys) + "}"

    def _variable(self, scope: Scope) -> str:
        """Mostly a new name; sometimes that of a loop outside, which it hides."""
        used = [name for name, _ in scope]
        free = [name for name in VARIABLES if name not in used]
        return self.chance.choice(used if used and self.chance.random() < 0.2 else free)


_NAMED = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\\": "\\\\"}


def quoted_letter(letter: str, mark: str, *, seldom: bool) -> str:
    """A character of a literal; where escapes are not seldom, each character gets one."""
    if letter in _NAMED:
        return _NAMED[letter]
    point = ord(letter)
    hidden = letter in "\ufeff\u200d"
    if seldom and not hidden:
        return f"\\{letter}" if letter == mark else letter
    if point < 0x80 and point % 2:
        return f"\\{point:03o}"
    if point < 0x100:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"
