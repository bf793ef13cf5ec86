"""What the statements of the text form mean: each function builds the value of one alternative of the grammar.

The values are those that an author would have written in YAML: a `node` line becomes an entry of `nodes`, an arrow an
entry of `edges`, a field with a unit a field whose name carries the unit. While they are built, values travel with
their places, as `(value, start, end)`; a field is `(key, start, end, value, start, end)`, and what is appended to a
list is `(list key, start, end, items)`. The arguments of a function are the parts of its alternative: numbers of
tokens, and what other functions made.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

from rsppc.base.source import Source, Span
from rsppc.diagnostics import Diagnostic, Related
from rsppc.syntax.document import Mapping, Sequence
from rsppc.syntax.limits import KEYS_MAX, DuplicateKey, TooManyKeys, shortened
from rsppc.syntax.rspp_tokens import FINDINGS_MAX, UNITS, Tokens

Placed: TypeAlias = tuple[Any, int, int]
Field: TypeAlias = tuple[str, int, int, Any, int, int]
Items: TypeAlias = tuple[str, int, int, list[Placed]]


class MisplacedUnit(Diagnostic):
    """A unit is written behind the value of a field, whose full name then carries it: `silence = 400ms`.

    Elsewhere there is no name that could carry the unit.
    """

    code = "RSP0407"
    name = "misplaced-unit"
    headline = "`{subject}` {problem}"
    hint = "{remedy}"

    problem: str
    remedy: str


class AttributesOfChain(Diagnostic):
    """What stands behind a chain of edges could belong to the last one or to all; it is written on one edge alone."""

    code = "RSP0409"
    name = "attributes-of-chain"
    headline = "this stands behind a chain of {count} edges; it could belong to one or to all of them"
    hint = "write the edge that it belongs to on a line of its own"

    count: int


class BadEscape(Diagnostic):
    """Escapes are those of JSON; anything else behind a backslash would be a guess."""

    code = "RSP0410"
    name = "bad-escape"
    headline = "`{subject}` is not an escape"
    hint = (
        'the escapes are `\\"`, `\\\\`, `\\/`, `\\b`, `\\f`, `\\n`, `\\r`, `\\t` and `\\uXXXX`; `\\\\` is a backslash'
    )


class Context:
    """What the actions share during the reading of one source."""

    __slots__ = ("_collected", "closed", "ends", "findings", "source", "starts", "text", "tokens")

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self.source: Source = tokens.source
        self.text = tokens.text
        self.starts = tokens.starts
        self.ends = tokens.ends
        self.findings = tokens.findings
        self.closed: dict[int, int] = {}
        """Where a condition's parenthesis closes, by where the condition itself ends."""
        # Lists that statements append to, by mapping and key: only these may grow. The mapping is kept, so that its
        # identity stays its own.
        self._collected: dict[tuple[int, str], tuple[Sequence, int, Mapping]] = {}

    def report(self, found: Diagnostic) -> None:
        if len(self.findings) <= FINDINGS_MAX:
            self.findings.append(found)

    def span(self, start: int, end: int) -> Span:
        return Span(source=self.source, start=start, end=end)

    def mapping(self, start: int, end: int) -> Mapping:
        made = Mapping()
        made.at = []
        made.source = self.source
        made.start = start
        made.end = end
        return made

    def sequence(self, items: list[Placed], start: int, end: int) -> Sequence:
        made = Sequence()
        made.at = []
        made.source = self.source
        made.start = start
        made.end = end
        self.extend(made, items)
        return made

    def extend(self, sequence: Sequence, items: list[Placed]) -> None:
        for value, start, end in items:
            if value.__class__ is Amount:
                self.report(_unit_without_name(self, value, start, end))
            elif value is not BROKEN:
                sequence.append(value)
                sequence.at += (start, end)

    def put(self, mapping: Mapping, field: Field) -> None:
        """Add a field to a mapping, unless it is there already."""
        key, key_start, key_end, value, start, end = field
        if key in mapping:
            self._report_duplicate(mapping, key, key_start, key_end)
        elif value is not BROKEN:
            if len(mapping) == KEYS_MAX:
                self.report(TooManyKeys(at=self.span(mapping.start, mapping.start + 1)))
            mapping[key] = value
            mapping.at += (key_start, key_end, start, end)

    def append(self, mapping: Mapping, items: Items) -> None:
        """Append to a list that statements make."""
        key, key_start, key_end, values = items
        if not values:
            return
        known = self._collected.get((id(mapping), key))
        if known is not None:
            sequence, index, _ = known
            self.extend(sequence, values)
            sequence.end = mapping.at[4 * index + 3] = values[-1][2]
            return
        if key in mapping:
            self._report_duplicate(mapping, key, key_start, key_end)
            return
        sequence = self.sequence(values, values[0][1], values[-1][2])
        self._collected[id(mapping), key] = sequence, len(mapping), mapping
        self.put(mapping, (key, key_start, key_end, sequence, sequence.start, sequence.end))

    def _report_duplicate(self, mapping: Mapping, key: str, start: int, end: int) -> None:
        if len(self.findings) > FINDINGS_MAX:
            return
        first = mapping.key_span(key)
        line, column = self.source.location(first.start)
        related = (Related(at=first, text="first written here"),)
        self.report(
            DuplicateKey(
                at=self.span(start, end), subject=shortened(key), first_line=line, first_column=column, related=related
            )
        )


class Broken:
    """Stands for a value that has been refused; its field is left out."""

    __slots__ = ()


BROKEN = Broken()


class Amount:
    """A number with a unit, before it is known which field it belongs to."""

    __slots__ = ("suffix", "value")

    def __init__(self, value: int, suffix: str) -> None:
        self.value = value
        self.suffix = suffix


def _unit_without_name(context: Context, amount: Amount, start: int, end: int) -> MisplacedUnit:
    return MisplacedUnit(
        at=context.span(start, end),
        subject=context.text[start:end],
        problem="has a unit, but no field name that carries it",
        remedy=f"write `{amount.value}`",
    )


# ---- scalars, lists and objects


def name(context: Context, token: int) -> Placed:
    start, end = context.starts[token], context.ends[token]
    if context.tokens.broken and token in context.tokens.broken:
        return BROKEN, start, end
    return context.text[start:end], start, end


def text(context: Context, token: int) -> Placed:
    start, end = context.starts[token], context.ends[token]
    if context.tokens.broken and token in context.tokens.broken:
        return BROKEN, start, end
    written = context.text[start + 1 : end - 1]
    return (unescaped(context, written, start + 1) if "\\" in written else written), start, end


_ESCAPE = re.compile(r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.", re.DOTALL)
_SHORT_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def unescaped(context: Context, written: str, offset: int) -> Any:
    """A text with its escapes replaced; `BROKEN` where one is none. `offset` is where the text stands."""
    unknown: list[re.Match[str]] = []

    def replaced(found: re.Match[str]) -> str:
        escape = found[0]
        if len(escape) == 12:
            return chr(0x10000 + ((int(escape[2:6], 16) & 0x3FF) << 10) + (int(escape[8:12], 16) & 0x3FF))
        if len(escape) == 6 and not 0xD800 <= int(escape[2:6], 16) < 0xE000:
            return chr(int(escape[2:6], 16))
        if len(escape) > 2 or escape[1] not in _SHORT_ESCAPES:
            unknown.append(found)
            return ""
        return _SHORT_ESCAPES[escape[1]]

    value = _ESCAPE.sub(replaced, written)
    if not unknown:
        return value
    for found in unknown[:FINDINGS_MAX]:
        at = context.span(offset + found.start(), offset + found.end())
        context.report(BadEscape(at=at, subject=shortened(found[0])))
    return BROKEN


def long_text(context: Context, token: int) -> Placed:
    start, end = context.starts[token], context.ends[token]
    if token in context.tokens.broken:
        return BROKEN, start, end
    written = without_indentation(context.text[start + 3 : end - 3].replace("\r\n", "\n"))
    return (unescaped(context, written, start + 3) if "\\" in written else written), start, end


def without_indentation(written: str) -> str:
    """The lines of a long text without the spaces that all of them begin with.

    A line end directly behind the opening quotes does not count. Lines of spaces alone become empty; the last line,
    where the closing quotes stand, says with its spaces how deep the text is indented.
    """
    if not written.startswith("\n"):
        return written
    lines = written[1:].split("\n")
    blank = [not line.strip(" ") for line in lines]
    counted = [line for line, is_blank in zip(lines, blank, strict=True) if not is_blank]
    if blank[-1]:
        counted.append(lines[-1])
    depth = min((len(line) - len(line.lstrip(" ")) for line in counted if line.strip(" ")), default=0)
    if blank[-1]:
        depth = min(depth, len(lines[-1])) if any(not is_blank for is_blank in blank) else len(lines[-1])
    return "\n".join("" if is_blank else line[depth:] for line, is_blank in zip(lines, blank, strict=True))


def number(context: Context, token: int) -> Placed:
    start, end = context.starts[token], context.ends[token]
    if context.tokens.broken and token in context.tokens.broken:
        return BROKEN, start, end
    return int(context.text[start:end]), start, end


def quantity(context: Context, token: int) -> Placed:
    start, end = context.starts[token], context.ends[token]
    if context.tokens.broken and token in context.tokens.broken:
        return BROKEN, start, end
    written = context.text[start:end]
    digits = written.rstrip("msHzkBKiMG")
    suffix, factor = UNITS[written[len(digits) :]]
    return Amount(int(digits) * factor, suffix), start, end


def condition(context: Context, token: int) -> Placed:
    """The text between the parentheses; its place is its own, so that places inside a condition stay right."""
    start, end = context.starts[token], context.ends[token]
    if token in context.tokens.broken:
        return BROKEN, start, end
    inner = context.text[start + 1 : end - 1]
    value = inner.strip()
    start += 1 + len(inner) - len(inner.lstrip())
    context.closed[start + len(value)] = end
    return value.replace("\r\n", "\n"), start, start + len(value)


def true(context: Context, token: int) -> Placed:
    return True, context.starts[token], context.ends[token]


def false(context: Context, token: int) -> Placed:
    return False, context.starts[token], context.ends[token]


def null(context: Context, token: int) -> Placed:
    return None, context.starts[token], context.ends[token]


def items(context: Context, item: Placed) -> list[Placed]:
    return [item]


def items_more(context: Context, known: list[Placed], comma: int, item: Placed) -> list[Placed]:
    known.append(item)
    return known


names = items
names_more = items_more


def list_empty(context: Context, opening: int, closing: int) -> Placed:
    return list_of(context, opening, [], closing)


def list_of(context: Context, opening: int, values: list[Placed], *closing: int) -> Placed:
    start, end = context.starts[opening], context.ends[closing[-1]]
    return context.sequence(values, start, end), start, end


def _listed(context: Context, values: list[Placed]) -> Placed:
    """A list that is written without brackets."""
    start, end = values[0][1], values[-1][2]
    return context.sequence(values, start, end), start, end


def body(context: Context) -> Mapping:
    return context.mapping(0, 0)


def body_with(context: Context, mapping: Mapping, statement: Field | Items) -> Mapping:
    if len(statement) == 6:
        context.put(mapping, statement)
    else:
        context.append(mapping, statement)
    return mapping


def first(context: Context, value: Any, *_: Any) -> Any:
    return value


def object_of(context: Context, opening: int, mapping: Mapping, closing: int) -> Placed:
    mapping.start = context.starts[opening]
    mapping.end = context.ends[closing]
    return mapping, mapping.start, mapping.end


def bounds(context: Context, strategy: Placed, opening: int, amounts: list[Placed], closing: int) -> Placed:
    """`merge(16 items, 200ms)`: the strategy and the bounds of a queue."""
    mapping = context.mapping(strategy[1], context.ends[closing])
    context.put(mapping, ("strategy", strategy[1], strategy[2], *strategy))
    for value, start, end in amounts:
        if value.__class__ is Amount and value.suffix in _BOUND_KEYS:
            context.put(mapping, (_BOUND_KEYS[value.suffix], start, end, value.value, start, end))
        elif value is not BROKEN:
            subject = context.text[start:end]
            problem, remedy = "bounds no queue", "write `16 items`, `200ms` or `64KiB`"
            context.report(MisplacedUnit(at=context.span(start, end), subject=subject, problem=problem, remedy=remedy))
    return mapping, mapping.start, mapping.end


_BOUND_KEYS = {"items": "max_queue_items", "_ms": "max_queue_ms", "_bytes": "max_queue_bytes"}


def bounds_object(
    context: Context, strategy: Placed, opening: int, amounts: list[Placed], closing: int, more: Placed
) -> Placed:
    mapping, start, _ = bounds(context, strategy, opening, amounts, closing)
    _put_all(context, mapping, more[0])
    mapping.end = more[2]
    return mapping, start, mapping.end


def amount_items(context: Context, token: int, unit: Placed) -> Placed:
    value, start, _ = number(context, token)
    if unit[0] != "items":
        subject = shortened(context.text[start : unit[2]])
        problem, remedy = "bounds no queue", "write `16 items`, `200ms` or `64KiB`"
        at = context.span(start, unit[2])
        context.report(MisplacedUnit(at=at, subject=subject, problem=problem, remedy=remedy))
        return BROKEN, start, unit[2]
    return (value if value is BROKEN else Amount(value, "items")), start, context.ends[token]


def _put_all(context: Context, mapping: Mapping, more: Mapping) -> None:
    """Add all fields of another mapping."""
    for index, (key, value) in enumerate(more.items()):
        key_start, key_end, start, end = more.at[4 * index : 4 * index + 4]
        context.put(mapping, (key, key_start, key_end, value, start, end))


# ---- fields


def field(context: Context, key: Placed, equals: int, value: Placed) -> Field:
    if value[0].__class__ is Amount:
        return _field_with_unit(key, value)
    if key[0] is BROKEN:
        return ("", key[1], key[2], BROKEN, key[1], key[2])
    return (*key, *value)


def _field_with_unit(key: Placed, value: Placed) -> Field:
    written, key_start, key_end = key
    amount, start, end = value
    if written is BROKEN:
        return ("", key_start, key_end, BROKEN, start, end)
    full = written if written.endswith(amount.suffix) else written + amount.suffix
    return (full, key_start, key_end, amount.value, start, end)


def field_section(context: Context, key: Placed, value: Placed) -> Field:
    return field(context, key, 0, value)


def field_condition(context: Context, keyword: int, token: int) -> Field:
    return (*name(context, keyword), *condition(context, token))


def when_condition(context: Context, keyword: int, token: int) -> Field:
    return (*name(context, keyword), *condition(context, token))


def when_text(context: Context, keyword: int, token: int) -> Field:
    value, start, end = text(context, token)
    context.closed[end - 1] = end
    return (*name(context, keyword), value, start + 1, end - 1)


def _keyed(key: str) -> Callable[..., Field]:
    """A keyword with one value behind it."""

    def keyed(context: Context, keyword: int, value: Placed) -> Field:
        return (key, context.starts[keyword], context.ends[keyword], *value)

    return keyed


def _keyed_names(key: str) -> Callable[..., Field]:
    """A keyword with names behind it."""

    def keyed_names(context: Context, keyword: int, values: list[Placed]) -> Field:
        return (key, context.starts[keyword], context.ends[keyword], *_listed(context, values))

    return keyed_names


def _keyed_duration(key: str) -> Callable[..., Field]:
    """A keyword with a duration behind it."""

    def keyed_duration(context: Context, keyword: int, value: Placed) -> Field:
        return (key, context.starts[keyword], context.ends[keyword], *_in_ms(context, value))

    return keyed_duration


def _in_ms(context: Context, value: Placed) -> Placed:
    amount, start, end = value
    if amount.__class__ is not Amount:
        return value
    if amount.suffix == "_ms":
        return amount.value, start, end
    problem, remedy = "is not a duration", "write it in `ms` or `s`"
    subject = context.text[start:end]
    context.report(MisplacedUnit(at=context.span(start, end), subject=subject, problem=problem, remedy=remedy))
    return BROKEN, start, end


def with_object(context: Context, keyword: int, value: Placed) -> Placed:
    return value


def record_with(context: Context, mapping: Mapping, more: Placed) -> Mapping:
    _put_all(context, mapping, more[0])
    mapping.end = more[2]
    return mapping


def record_attribute(context: Context, mapping: Mapping, attribute: Field) -> Mapping:
    context.put(mapping, attribute)
    mapping.end = context.closed.get(attribute[5], attribute[5])
    return mapping


def _record(context: Context, keyword: int, *fields: tuple[str, Placed]) -> Mapping:
    """A mapping of what a statement names without writing a key: each key has the place of its value."""
    mapping = context.mapping(context.starts[keyword], context.ends[keyword])
    for key, placed in fields:
        context.put(mapping, (key, placed[1], placed[2], *placed))
        mapping.end = placed[2]
    return mapping


def _appended(key: str) -> Callable[..., Items]:
    """A statement that adds one mapping to a list; the list's place is that of the statement's first word."""

    def appended(context: Context, mapping: Mapping) -> Items:
        start = mapping.start
        return (key, start, _end_of_word(context, start), [(mapping, start, mapping.end)])

    return appended


_FIRST_WORD = re.compile(r"\w+")


def _end_of_word(context: Context, start: int) -> int:
    found = _FIRST_WORD.match(context.text, start)
    return found.end() if found else start


# ---- pipelines and modules


def use(context: Context, keyword: int, prefix: Placed, equals: int, module_ref: Placed) -> Mapping:
    return _record(context, keyword, ("name", prefix), ("module", module_ref))


def use_settings(context: Context, mapping: Mapping, settings: Placed) -> Mapping:
    return record_attribute(context, mapping, ("settings", settings[1], settings[1] + 1, *settings))


def use_requires(context: Context, mapping: Mapping, keyword: int, version: Placed) -> Mapping:
    needed = _record(context, keyword, ("min_version", version))
    needed.start = version[1]
    start, end = context.starts[keyword], context.ends[keyword]
    return record_attribute(context, mapping, ("requires", start, end, needed, needed.start, needed.end))


def node(context: Context, keyword: int, node_id: Placed, colon: int, node_type: Placed) -> Mapping:
    return _record(context, keyword, ("node_id", node_id), ("node_type", node_type))


def node_config(
    context: Context, keyword: int, node_id: Placed, colon: int, node_type: Placed, config: Placed
) -> Mapping:
    mapping = node(context, keyword, node_id, colon, node_type)
    return record_attribute(context, mapping, ("config", config[1], config[1] + 1, *config))


def fallback_attribute(context: Context, keyword: int, target: Placed, on: int, causes: list[Placed]) -> Field:
    value = _record(context, keyword, ("to", target))
    value.start = target[1]
    context.put(value, ("on", context.starts[on], context.ends[on], *_listed(context, causes)))
    value.end = causes[-1][2]
    return ("fallback", context.starts[keyword], context.ends[keyword], value, value.start, value.end)


def fallback_null(context: Context, keyword: int, token: int) -> Field:
    return ("fallback", context.starts[keyword], context.ends[keyword], *null(context, token))


def lifecycle_start(context: Context, keyword: int, duration: Placed) -> Placed:
    mapping = context.mapping(context.starts[keyword], duration[2])
    context.put(mapping, _start_timeout(context, keyword, duration))
    return mapping, mapping.start, mapping.end


def lifecycle_stop(context: Context, keyword: int, duration: Placed) -> Placed:
    mapping = context.mapping(context.starts[keyword], duration[2])
    context.put(mapping, _stop_timeout(context, keyword, duration))
    return mapping, mapping.start, mapping.end


def lifecycle_both(context: Context, start: int, start_after: Placed, stop: int, stop_after: Placed) -> Placed:
    mapping, first_at, _ = lifecycle_start(context, start, start_after)
    context.put(mapping, _stop_timeout(context, stop, stop_after))
    mapping.end = stop_after[2]
    return mapping, first_at, mapping.end


_start_timeout = _keyed_duration("start_timeout_ms")
_stop_timeout = _keyed_duration("stop_timeout_ms")


class Chain:
    """Edges that stand in one statement: their ends, and what is said of them."""

    __slots__ = ("end", "ends", "fields")

    def __init__(self, ends: list[Placed]) -> None:
        self.ends = ends
        self.end = ends[-1][2]
        self.fields: list[Field] = []


def chain(context: Context, source: Placed, arrow: int, target: Placed) -> Chain:
    return Chain([source, target])


def chain_more(context: Context, known: Chain, arrow: int, target: Placed) -> Chain:
    known.ends.append(target)
    known.end = target[2]
    return known


def edge_attribute(context: Context, known: Chain, attribute: Field) -> Chain:
    known.fields.append(attribute)
    known.end = context.closed.get(attribute[5], attribute[5])
    return known


def edge_fields(context: Context, known: Chain, more: Placed) -> Chain:
    mapping = more[0]
    for index, (key, value) in enumerate(mapping.items()):
        key_start, key_end, start, end = mapping.at[4 * index : 4 * index + 4]
        known.fields.append((key, key_start, key_end, value, start, end))
    known.end = more[2]
    return known


def feedback_attribute(context: Context, keyword: int) -> Field:
    return (*name(context, keyword), True, context.starts[keyword], context.ends[keyword])


def edge_statement(context: Context, known: Chain) -> Items:
    ends = known.ends
    made: list[Placed] = []
    for index in range(len(ends) - 1):
        source, target = ends[index], ends[index + 1]
        mapping = context.mapping(source[1], target[2])
        context.put(mapping, ("from", source[1], source[2], *source))
        context.put(mapping, ("to", target[1], target[2], *target))
        made.append((mapping, mapping.start, mapping.end))
    if known.fields and len(made) > 1:
        _, start, end = known.fields[0][:3]
        context.report(AttributesOfChain(at=context.span(start, end), count=len(made)))
    elif known.fields:
        for attribute in known.fields:
            context.put(mapping, attribute)
        mapping.end = known.end
        made = [(mapping, mapping.start, mapping.end)]
    return ("edges", ends[0][1], ends[0][2], made)


def section_statement(key: str) -> Callable[..., Field]:
    """A keyword with statements in braces behind it."""

    def section(context: Context, keyword: int, opening: int, mapping: Mapping, closing: int) -> Field:
        placed = object_of(context, opening, mapping, closing)
        return (key, context.starts[keyword], context.ends[keyword], *placed)

    return section


def barge_in(context: Context, keyword: int, port_ref: Placed) -> Mapping:
    return _record(context, keyword, ("from", port_ref))


def place_after(context: Context, mapping: Mapping, keyword: int, duration: Placed) -> Mapping:
    return record_attribute(context, mapping, _min_speech(context, keyword, duration))


def place_unless(context: Context, mapping: Mapping, keyword: int, values: list[Placed]) -> Mapping:
    return record_attribute(context, mapping, _unless(context, keyword, values))


def place_statement(context: Context, mapping: Mapping) -> Items:
    start = mapping.start
    end = _end_of_word(context, start)
    return (context.text[start:end], start, end, [(mapping, start, mapping.end)])


_min_speech = _keyed_duration("min_speech_ms")
_unless = _keyed_names("unless")


def _exposed(key: str, value_key: str) -> Callable[..., Items]:
    def exposed(context: Context, keyword: int, public: Placed, equals: int, inside: Placed) -> Items:
        mapping = _record(context, keyword, ("name", public), (value_key, inside))
        start, end = context.starts[keyword], context.ends[keyword]
        return (key, start, end, [(mapping, mapping.start, mapping.end)])

    return exposed


# ---- policies and layers


def rule(context: Context, keyword: int, rule_id: Placed) -> Mapping:
    return _record(context, keyword, ("id", rule_id))


def rule_for_modality(context: Context, keyword: int, rule_id: Placed, for_: int, modality: Placed) -> Mapping:
    return _record(context, keyword, ("id", rule_id), ("modality", modality))


def rule_for_node(
    context: Context, keyword: int, rule_id: Placed, for_: int, node_keyword: int, node_id: Placed
) -> Mapping:
    return _record(context, keyword, ("id", rule_id), ("node", node_id))


def rule_set(context: Context, mapping: Mapping, keyword: int, settings: Placed) -> Mapping:
    return record_attribute(context, mapping, (*name(context, keyword), *settings))


def insert_rule(
    context: Context, mapping: Mapping, inserted: Mapping, between: int, source: Placed, arrow: int, target: Placed
) -> Mapping:
    start = inserted.start
    context.put(mapping, ("insert", start, _end_of_word(context, start), inserted, start, inserted.end))
    edge = context.mapping(source[1], target[2])
    context.put(edge, ("from", source[1], source[2], *source))
    context.put(edge, ("to", target[1], target[2], *target))
    return record_attribute(context, mapping, (*name(context, between), edge, edge.start, edge.end))


def set_statement(context: Context, keyword: int, path: Placed, equals: int, value: Placed) -> Items:
    """`set PATH = VALUE` in a layer; `layer` gathers the paths."""
    return ("set", context.starts[keyword], context.ends[keyword], [(field(context, path, equals, value), 0, 0)])


def set_section(context: Context, keyword: int, settings: Placed) -> Items:
    mapping = settings[0]
    fields: list[Placed] = []
    for index, (key, value) in enumerate(mapping.items()):
        key_start, key_end, start, end = mapping.at[4 * index : 4 * index + 4]
        fields.append(((key, key_start, key_end, value, start, end), 0, 0))
    return ("set", context.starts[keyword], context.ends[keyword], fields)


# ---- extension manifests


def node_type_statement(
    context: Context, keyword: int, node_type: Placed, opening: int, mapping: Mapping, closing: int
) -> Items:
    made = _record(context, keyword, ("node_type", node_type))
    _put_all(context, made, mapping)
    made.end = context.ends[closing]
    start, end = context.starts[keyword], context.ends[keyword]
    return ("node_types", start, end, [(made, made.start, made.end)])


def record_statement(context: Context, keyword: int, schema_id: Placed, schema: Placed) -> Items:
    made = _record(context, keyword, ("schema_id", schema_id))
    context.put(made, ("schema", schema[1], schema[1] + 1, *schema))
    made.end = schema[2]
    start, end = context.starts[keyword], context.ends[keyword]
    return ("records", start, end, [(made, made.start, made.end)])


def provider_statement(
    context: Context, keyword: int, provider_id: Placed, for_: int, modality: Placed, more: Placed
) -> Items:
    made = _record(context, keyword, ("provider_id", provider_id), ("modality", modality))
    record_with(context, made, more)
    start, end = context.starts[keyword], context.ends[keyword]
    return ("providers", start, end, [(made, made.start, made.end)])


def port(context: Context, keyword: int, port_name: Placed, colon: int, type_text: Placed, lane: Placed) -> Mapping:
    made = _record(context, keyword, ("name", port_name))
    start, end = context.starts[keyword], context.ends[keyword]
    context.put(made, ("direction", start, end, context.text[start:end], start, end))
    context.put(made, ("type", type_text[1], type_text[2], *type_text))
    context.put(made, ("lane", lane[1], lane[2], *lane))
    made.end = lane[2]
    return made


def port_optional(context: Context, mapping: Mapping, keyword: int) -> Mapping:
    start, end = context.starts[keyword], context.ends[keyword]
    return record_attribute(context, mapping, ("required", start, end, False, start, end))


def config_field(context: Context, keyword: int, field_name: Placed, colon: int, type_text: Placed) -> Mapping:
    return _record(context, keyword, ("name", field_name), ("type", type_text))


def config_field_default(
    context: Context, keyword: int, field_name: Placed, colon: int, type_text: Placed, equals: int, default: Placed
) -> Mapping:
    made = config_field(context, keyword, field_name, colon, type_text)
    value, start, end = default
    if value.__class__ is Amount:
        value = _default_with_unit(context, field_name[0], default)
    return record_attribute(context, made, ("default", context.starts[equals], context.ends[equals], value, start, end))


def _default_with_unit(context: Context, field_name: Any, default: Placed) -> Any:
    amount, start, end = default
    if field_name.__class__ is str and field_name.endswith(amount.suffix):
        return amount.value
    context.report(_unit_without_name(context, amount, start, end))
    return BROKEN


# ---- whole artifacts


def header_empty(context: Context) -> list[tuple[str, Placed]]:
    return []


def header_name(context: Context, artifact_id: Placed) -> list[tuple[str, Placed]]:
    return [("", artifact_id)]


def header_version(context: Context, artifact_id: Placed, version: Placed) -> list[tuple[str, Placed]]:
    return [("", artifact_id), ("version", version)]


def header_scope(context: Context, artifact_id: Placed, version: Placed, scope: Placed) -> list[tuple[str, Placed]]:
    return [("", artifact_id), ("version", version), ("scope", scope)]


def header_when(context: Context, header: list[Any], when: Field) -> list[Any]:
    header.append(when)
    return header


def _artifact(schema_version: str, id_field: str) -> Callable[..., Mapping]:
    def artifact(
        context: Context, keyword: int, header: list[Any], opening: int, content: Mapping, closing: int
    ) -> Mapping:
        start, end = context.starts[keyword], context.ends[keyword]
        root = context.mapping(start, context.ends[closing])
        context.put(root, ("schema_version", start, end, schema_version, start, end))
        for part in header:
            if len(part) == 6:
                context.put(root, part)
            else:
                key, placed = part
                context.put(root, (key or id_field, placed[1], placed[2], *placed))
        _put_all(context, root, content)
        return root

    return artifact


def layer(context: Context, keyword: int, header: list[Any], opening: int, content: Mapping, closing: int) -> Mapping:
    fields = content.get("set")
    if fields.__class__ is Sequence and fields and all(entry.__class__ is tuple for entry in fields):
        settings = context.mapping(fields[0][1], fields[-1][5])
        for entry in fields:
            context.put(settings, entry)
        content["set"] = settings
        index = list(content).index("set")
        content.at[4 * index + 2 : 4 * index + 4] = settings.start, settings.end
    return _layer(context, keyword, header, opening, content, closing)


_layer = _artifact("rspp.config.layer.v1", "layer_id")

ACTIONS: dict[str, Callable[..., Any]] = {
    **{
        made.__name__: made
        for made in (
            *(name, text, long_text, number, quantity, condition, true, false, null, items, items_more),
            *(list_empty, body, body_with, first, bounds, bounds_object, amount_items, field, field_section),
            *(field_condition, when_condition, when_text, with_object, record_with, record_attribute),
            *(use, use_settings, use_requires, node, node_config, fallback_attribute, fallback_null),
            *(lifecycle_start, lifecycle_stop, lifecycle_both, chain, chain_more, edge_attribute, edge_fields),
            *(feedback_attribute, edge_statement, barge_in, place_after, place_unless, place_statement),
            *(rule, rule_for_modality, rule_for_node, rule_set, insert_rule, set_statement, set_section),
            *(node_type_statement, record_statement, provider_statement, port, port_optional),
            *(config_field, config_field_default, header_empty, header_name, header_version, header_scope),
            *(header_when, layer),
        )
    },
    "list": list_of,
    "object": object_of,
    "names": items,
    "names_more": items_more,
    "record_object": record_with,
    "cancel_from": barge_in,
    "meta_statement": _keyed("metadata"),
    "profile_statement": _keyed("profile"),
    "unknown_events_statement": _keyed("unknown_events"),
    "turns_statement": section_statement("turns"),
    "exposes_statement": section_statement("exposes"),
    "use_statement": _appended("subgraph_refs"),
    "node_statement": _appended("nodes"),
    "provider_attribute": _keyed("provider"),
    "budget_attribute": _keyed_duration("budget_ms"),
    "lifecycle_attribute": _keyed("lifecycle"),
    "lifecycle_object": first,
    "otherwise_attribute": _keyed("otherwise"),
    "priority_attribute": _keyed("priority"),
    "max_rounds_attribute": _keyed("max_rounds"),
    "type_attribute": _keyed("type"),
    "owner_statement": _keyed("owner"),
    "exposes_in": _exposed("inputs", "port"),
    "exposes_out": _exposed("outputs", "port"),
    "exposes_setting": _exposed("settings", "sets"),
    "overridable_statement": _keyed_names("overridable"),
    "provider_rule_statement": _appended("provider_rules"),
    "degrade_rule_statement": _appended("degrade_rules"),
    "insert_rule_statement": _appended("insert_rules"),
    "forbid_statement": _keyed_names("forbid"),
    "allowed_actions_statement": _keyed_names("allowed_actions"),
    "use_attribute": _keyed_names("use"),
    "retry_attribute": _keyed("retry"),
    "circuit_breaker_attribute": _keyed("circuit_breaker"),
    "cost_cap_attribute": _keyed("cost_cap"),
    "port_statement": _appended("ports"),
    "config_field_statement": _appended("config"),
    "spec_ref_statement": _keyed("spec_ref"),
    "profile_ref_statement": _keyed("profile_ref"),
    "policy_refs_statement": _keyed_names("policy_refs"),
    "layer_refs_statement": _keyed_names("layer_refs"),
    "module_refs_statement": _keyed_names("module_refs"),
    "pipeline": _artifact("rspp.pipeline.spec.v1", "pipeline_id"),
    "module": _artifact("rspp.graph.module.v1", "module_id"),
    "profile": _artifact("rspp.execution.profile.v1", "profile_id"),
    "policy": _artifact("rspp.policy.overlay.v1", "policy_id"),
    "extension": _artifact("rspp.extension.manifest.v1", "extension_id"),
    "bundle": _artifact("rspp.pipeline.bundle.v1", "bundle_id"),
}
"""The functions by the names that the grammar gives to its alternatives."""
