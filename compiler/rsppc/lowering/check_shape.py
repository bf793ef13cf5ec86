"""Hold a document against the declarations in `model/`: every key read, every value of the declared type.

What comes back is sound: a key that is present has the declared shape. What is unsound has been reported and is left
out, so that the steps after this one need not look twice. Sound documents come back as they are, nothing copied.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from rsppc.base.names import ID, near_miss, parse_ref
from rsppc.base.source import Source, Span
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Edit, Fix, Related
from rsppc.ir.setting_path import parse_steps
from rsppc.model import shape as m
from rsppc.model.forms import FORMS, NAME_LENGTH_MAX
from rsppc.syntax.document import Mapping, Sequence


class UnknownKey(Diagnostic):
    """Every key must be read by some rule. A key that nobody reads is most often a slip of the pen, and its value would
    silently be another one than the author believes."""

    code = "RSP1101"
    name = "unknown-key"
    headline = "{shape} has no key `{key}`"
    hint = "{advice}"
    key: str
    shape: str
    advice: str


class MissingKey(Diagnostic):
    """Some keys have no sensible default, so that somebody must write them."""

    code = "RSP1102"
    name = "missing-key"
    headline = "{shape} needs the key `{key}`"
    hint = "add `{key}`: {doc}"
    key: str
    shape: str
    doc: str


class WrongType(Diagnostic):
    """A value is of another kind than its key is declared with: a text where a number is meant, say."""

    code = "RSP1103"
    name = "wrong-type"
    headline = "`{key}` must be {expected}, not {found}"
    hint = "{advice}"
    key: str
    expected: str
    found: str
    advice: str = ""


class WrongUnit(Diagnostic):
    """Numbers are whole and carry their unit in the name of their key, so that no unit can be mistaken."""

    code = "RSP1104"
    name = "wrong-unit"
    headline = "`{key}` must be a whole number{unit}, not `{written}`"
    hint = "{advice}"
    key: str
    unit: str
    written: str
    advice: str


class OutOfBounds(Diagnostic):
    """A number lies outside the bounds of its key."""

    code = "RSP1105"
    name = "out-of-bounds"
    headline = "`{key}` is {written}; it must lie between {minimum} and {maximum}{unit}"
    key: str
    written: int
    minimum: int
    maximum: int
    unit: str


class NotAChoice(Diagnostic):
    """A word is none of those that its key knows."""

    code = "RSP1106"
    name = "not-a-choice"
    headline = "`{key}` cannot be `{written}`"
    hint = "{advice}it is one of {choices}"
    key: str
    written: str
    choices: str
    advice: str = ""


class MalformedName(Diagnostic):
    """Names have fixed forms, so that they can stand in paths, in file names and in generated code without quoting."""

    code = "RSP1107"
    name = "malformed-name"
    headline = "`{written}` is not {form}"
    hint = "{advice}"
    written: str
    form: str
    advice: str


class NullValue(Diagnostic):
    """Leaving a key out, writing null, and inheriting a value are three different things. Where a key cannot be
    explicitly nothing, null is refused rather than guessed at."""

    code = "RSP1108"
    name = "null-value"
    headline = "`{key}` cannot be null"
    hint = "remove the key to inherit its value, or write one"
    key: str


class EmptyList(Diagnostic):
    """A list or table that must hold something is empty."""

    code = "RSP1109"
    name = "empty-list"
    headline = "`{key}` must hold at least one entry"
    key: str


class RepeatedItem(Diagnostic):
    """A list whose items must differ holds one of them twice."""

    code = "RSP1110"
    name = "repeated-item"
    headline = "`{item}` stands twice in `{key}`"
    hint = "remove one of the two"
    key: str
    item: str


class BlankText(Diagnostic):
    """A text that stands for something must say something; leaving its key out is how to say nothing."""

    code = "RSP1116"
    name = "blank-text"
    headline = "`{key}` must not be blank"
    hint = "remove `{key}`, or write a value"
    key: str


class OneOfKeys(Diagnostic):
    """Of some keys exactly one must be written, since they answer the same question."""

    code = "RSP1111"
    name = "one-of-keys"
    headline = "{shape} needs exactly one of {keys}"
    hint = "{advice}"
    shape: str
    keys: str
    advice: str


class MalformedPath(Diagnostic):
    """A path names one setting: `nodes.NODE.config.FIELD`, `nodes.NODE.budget_ms`, `nodes.NODE.provider`,
    `edges.FROM->TO.buffer.FIELD`, `edges.FROM->TO.type`, `budgets.FIELD`, `buffers.DataLane.additive.FIELD`,
    `buffers.ControlLane.FIELD`."""

    code = "RSP1112"
    name = "malformed-path"
    headline = "`{written}` is no path of a setting"
    hint = "paths look like {examples}"
    written: str
    examples: str


class MalformedRef(Diagnostic):
    """A reference names one version of one artifact. There is no `latest` and no range: what runs must be what was
    reviewed."""

    code = "RSP1113"
    name = "malformed-ref"
    headline = "`{written}` does not name one version of {article} {kind}"
    hint = "{versions}"
    written: str
    kind: str
    article: str
    versions: str


def sound_mapping(mapping: Mapping, shape: m.Shape, sink: DiagnosticSink) -> Mapping:
    """The mapping without its unsound entries; the same object where all of it is sound."""
    fields, plain, required = _known(shape)
    replaced: dict[str, Any] = {}
    # Most values are plain ones that fit; only the others need a closer look.
    others = [key for key, value in mapping.items() if (fits := plain.get(key)) is None or not fits(value)]
    if others and not mapping.keys() <= fields.keys():
        mapping = _with_meant_keys(mapping, fields, shape, sink)
        others = list(mapping)
    for key in others:
        field, value = fields.get(key), mapping[key]
        if field is None:
            replaced[key] = _DROPPED
        elif value is None:
            if not field.nullable:
                sink.report(NullValue(at=mapping.value_span(key), key=key))
                replaced[key] = _DROPPED
        else:
            sound = _sound_at(mapping, key, value, field.type, key, sink)
            if sound is not value:
                replaced[key] = sound
    if not mapping.keys() >= required:
        _report_missing_keys(mapping, shape, sink)
    for group in shape.one_of:
        _check_one_of(mapping, group, shape, sink)
    return _with_replacements(mapping, replaced) if replaced else mapping


def is_sound_value(mapping: Mapping, key: str, field: m.Field, sink: DiagnosticSink) -> bool:
    """Whether the value under a key is what a field declares; reported where it is not."""
    value = mapping[key]
    if value is not None:
        return _sound(value, field.type, _Spot(mapping, key, field.name), sink) is value
    if not field.nullable:
        sink.report(NullValue(at=mapping.value_span(key), key=field.name))
    return field.nullable


class _Dropped:
    """Stands for an unsound value."""


_DROPPED = _Dropped()


class _Spot:
    """Where a value stands: a container, the key or index in it, and the key to speak of."""

    __slots__ = ("container", "key", "name")

    def __init__(self, container: Mapping | Sequence, key: Any, name: str) -> None:
        self.container = container
        self.key = key
        self.name = name

    def span(self) -> Span:
        found: Span = self.container.value_span(self.key)
        return found


def _sound(value: Any, type_: m.FieldType, spot: _Spot, sink: DiagnosticSink) -> Any:
    """The value, or a sound part of it, or `_DROPPED`."""
    return _CHECKS[type_.__class__](value, type_, spot, sink)


def _sound_at(
    container: Mapping | Sequence, key: Any, value: Any, type_: m.FieldType, name: str, sink: DiagnosticSink
) -> Any:
    """The same of a value in a container. Most of these are mappings, which know their places themselves."""
    if type_.__class__ is m.Nested and value.__class__ is Mapping:
        return sound_mapping(value, type_.shape, sink)
    return _CHECKS[type_.__class__](value, type_, _Spot(container, key, name), sink)


def _check_text(value: Any, type_: m.Text, spot: _Spot, sink: DiagnosticSink) -> Any:
    if value.__class__ is not str:
        return _wrong_type(value, "a text", spot, sink, advice="put it in quotes" if not _is_container(value) else "")
    if len(value) > type_.length_max:
        sink.report(
            WrongType(
                at=spot.span(),
                key=spot.name,
                expected=f"a text of at most {type_.length_max} characters",
                found=f"one of {len(value)}",
            )
        )
        return _DROPPED
    if type_.length_min and (len(value) < type_.length_min or not value.strip()):
        sink.report(BlankText(at=spot.span(), key=spot.name))
        return _DROPPED
    return value


_MATCHES: dict[str, Callable[[str], object]] = {
    name: re.compile(form.pattern).fullmatch for name, form in FORMS.items()
}


def _check_identifier(value: Any, type_: m.Identifier, spot: _Spot, sink: DiagnosticSink) -> Any:
    matches = _MATCHES[type_.form]
    if value.__class__ is str and matches(value) is not None and len(value) <= NAME_LENGTH_MAX:
        return value
    guess = _meant_name(value, type_.form)
    if guess == value or len(guess) > NAME_LENGTH_MAX or matches(guess) is None:
        guess = ""
    span, form = spot.span(), FORMS[type_.form]
    fixes = (Fix(title=f"write `{guess}`", edits=(Edit(at=span, text=guess),)),) if guess else ()
    if value.__class__ is str:
        sink.report(MalformedName(at=span, written=_shortened(value), form=form.name, advice=form.advice, fixes=fixes))
    else:
        found, advice = describe(value), "" if _is_container(value) else form.advice
        sink.report(WrongType(at=span, key=spot.name, expected=form.name, found=found, advice=advice, fixes=fixes))
    return guess or _DROPPED


def _meant_name(value: Any, form: str) -> str:
    """The name that was probably meant: a version may lack its `v`, a name may have capitals or hyphens."""
    if form == "version" and value.__class__ in (int, str):
        return "v" + str(value).strip().lstrip("vV")
    if form in ("id", "node", "port") and value.__class__ is str:
        return re.sub(r"[-\s]+", "_", value.strip().lower())
    return ""


_QUANTITY = re.compile(r"\s*([0-9]+)(?:\.([0-9]{1,3}))?\s*([a-zA-Z]+)\s*")
_UNITS: dict[str, dict[str, int]] = {
    "ms": {"ms": 1, "s": 1000, "sec": 1000, "m": 60_000, "min": 60_000},
    "bytes": {"B": 1, "KB": 1000, "kB": 1000, "KiB": 1024, "MB": 10**6, "MiB": 2**20, "GiB": 2**30},
    "Hz": {"Hz": 1, "hz": 1, "kHz": 1000, "khz": 1000},
}


def _check_integer(value: Any, type_: m.Integer, spot: _Spot, sink: DiagnosticSink) -> Any:
    if value.__class__ is not int:
        return _wrong_number(value, type_, spot, sink)
    if not type_.minimum <= value <= type_.maximum:
        unit = f" {type_.unit}" if type_.unit else ""
        sink.report(
            OutOfBounds(
                at=spot.span(), key=spot.name, written=value, minimum=type_.minimum, maximum=type_.maximum, unit=unit
            )
        )
        return _DROPPED
    return value


def _wrong_number(value: Any, type_: m.Integer, spot: _Spot, sink: DiagnosticSink) -> Any:
    found = _QUANTITY.fullmatch(value) if value.__class__ is str else None
    if found is None:
        return _wrong_type(value, f"a whole number{f' of {type_.unit}' if type_.unit else ''}", spot, sink)
    factor = _UNITS.get(type_.unit, {}).get(found[3])
    amount = int(found[1]) * 1000 + int((found[2] or "").ljust(3, "0"))
    number = amount * factor // 1000 if factor is not None and amount * factor % 1000 == 0 else None
    span = spot.span()
    advice = f"write `{number}`" if number is not None else "write the number alone"
    fixes = () if number is None else (Fix(title=f"write `{number}`", edits=(Edit(at=span, text=str(number)),)),)
    unit = f" of {type_.unit}" if type_.unit else ""
    sink.report(WrongUnit(at=span, key=spot.name, unit=unit, written=value, advice=advice, fixes=fixes))
    return _DROPPED


def _check_flag(value: Any, _type: m.Flag, spot: _Spot, sink: DiagnosticSink) -> Any:
    if value.__class__ is not bool:
        return _wrong_type(value, "true or false", spot, sink)
    return value


def _check_choice(value: Any, type_: m.Choice, spot: _Spot, sink: DiagnosticSink) -> Any:
    if value in type_.values and value.__class__ is not int:
        return value
    if _is_container(value):
        return _wrong_type(value, "a word", spot, sink)
    words = [_word(one) for one in type_.values]
    guess = near_miss(value, words) if isinstance(value, str) else None
    span = spot.span()
    fixes = (Fix(title=f"write `{guess}`", edits=(Edit(at=span, text=guess),)),) if guess else ()
    sink.report(
        NotAChoice(
            at=span,
            key=spot.name,
            written=_shortened(_word(value)),
            choices=", ".join(f"`{word}`" for word in words),
            advice=f"did you mean `{guess}`? " if guess else "",
            fixes=fixes,
        )
    )
    return _DROPPED


def _check_reference(value: Any, type_: m.Reference, spot: _Spot, sink: DiagnosticSink) -> Any:
    if value.__class__ is not str:
        return _wrong_type(value, "a reference", spot, sink)
    ref = parse_ref(value)
    if ref is None or ref.kind not in (None, type_.kind):
        sink.report(malformed_ref(value, type_.kind, spot.span()))
        return _DROPPED
    return value


def malformed_ref(written: str, kind: str, at: Span) -> MalformedRef:
    """The diagnostic for a text that is no reference of a kind."""
    article = "an" if kind[0] in "aeio" else "a"
    example = f"{'simple' if kind == 'profile' else 'my_' + kind}/v1"
    advice = f"write a name and a version, as in `{example}`"
    return MalformedRef(at=at, written=_shortened(written), kind=kind, article=article, versions=advice)


def _check_expression(value: Any, _type: m.Expression, spot: _Spot, sink: DiagnosticSink) -> Any:
    if value.__class__ is not str:
        return _wrong_type(value, "a condition", spot, sink, advice="put the condition in quotes")
    return value


def _check_type_text(value: Any, _type: m.TypeText, spot: _Spot, sink: DiagnosticSink) -> Any:
    if value.__class__ is not str:
        return _wrong_type(value, "a type", spot, sink)
    return value


def _check_path(value: Any, type_: m.SettingPath, spot: _Spot, sink: DiagnosticSink) -> Any:
    if value.__class__ is not str:
        return _wrong_type(value, "a path", spot, sink)
    if not _is_path(value, type_):
        sink.report(MalformedPath(at=spot.span(), written=_shortened(value), examples=_paths_like(type_)))
        return _DROPPED
    return value


def _paths_like(type_: m.SettingPath) -> str:
    if type_.config:
        return "`config.silence_ms`, a config field of the node type"
    return "`nodes.llm.config.language`, `edges.mic.audio->vad.audio.buffer.strategy`, `budgets.turn_budget_ms`"


def _is_path(text: str, type_: m.SettingPath) -> bool:
    if type_.config:
        return text.startswith("config.") and ID.fullmatch(text[7:]) is not None
    return parse_steps(text) is not None and (type_.pattern or "*" not in text)


def _check_anything(value: Any, _type: m.Anything, _spot: _Spot, _sink: DiagnosticSink) -> Any:
    return value


def _check_listing(value: Any, type_: m.Listing, spot: _Spot, sink: DiagnosticSink) -> Any:
    if value.__class__ is not Sequence:
        return _wrong_type(value, "a list", spot, sink, advice="begin each entry with `- `, or put them in `[…]`")
    if len(value) < type_.length_min:
        sink.report(EmptyList(at=spot.span(), key=spot.name))
        return _DROPPED
    item = type_.item
    sound = [
        _sound_at(value, index, one, item, spot.name, sink) if one is not None else _null_item(value, index, spot, sink)
        for index, one in enumerate(value)
    ]
    if type_.unique:
        _report_repeated(value, spot, sink)
    if all(new is old for new, old in zip(sound, value, strict=True)):
        return value
    return _sequence_of(value, sound)


def _null_item(sequence: Sequence, index: int, spot: _Spot, sink: DiagnosticSink) -> Any:
    sink.report(NullValue(at=sequence.value_span(index), key=spot.name))
    return _DROPPED


def _report_repeated(sequence: Sequence, spot: _Spot, sink: DiagnosticSink) -> None:
    seen: dict[Any, int] = {}
    for index, item in enumerate(sequence):
        if _is_container(item):
            continue
        if item in seen:
            first = sequence.value_span(seen[item])
            sink.report(
                RepeatedItem(
                    at=sequence.value_span(index),
                    key=spot.name,
                    item=_shortened(str(item)),
                    related=(Related(at=first, text="first here"),),
                )
            )
        seen.setdefault(item, index)


def _check_table(value: Any, type_: m.Table, spot: _Spot, sink: DiagnosticSink) -> Any:
    if value.__class__ is not Mapping:
        return _wrong_type(value, "a mapping", spot, sink, advice="write it as `key: value`")
    if len(value) < type_.length_min:
        sink.report(EmptyList(at=spot.span(), key=spot.name))
        return _DROPPED
    fits = _KEY_TESTS.get(id(type_)) or _KEY_TESTS.setdefault(id(type_), _plain_test(type_.key))
    if type_.value.__class__ is m.Anything and fits is not None and all(map(fits, value)):
        return value
    replaced: dict[str, Any] = {}
    for key, one in value.items():
        if _sound(key, type_.key, _KeySpot(value, key, spot.name), sink) is _DROPPED:
            replaced[key] = _DROPPED
        elif one is not None:
            sound = _sound_at(value, key, one, type_.value, key, sink)
            if sound is not one:
                replaced[key] = sound
        elif type_.value.__class__ is not m.Anything:
            sink.report(NullValue(at=value.value_span(key), key=key))
            replaced[key] = _DROPPED
    return _with_replacements(value, replaced) if replaced else value


class _KeySpot(_Spot):
    """Where a key stands that is the author's own."""

    __slots__ = ()

    def span(self) -> Span:
        assert isinstance(self.container, Mapping)
        return self.container.key_span(self.key)


def _check_nested(value: Any, type_: m.Nested, spot: _Spot, sink: DiagnosticSink) -> Any:
    if value.__class__ is not Mapping:
        return _wrong_type(value, "a mapping", spot, sink, advice=_mapping_advice(type_.shape))
    return sound_mapping(value, type_.shape, sink)


def _mapping_advice(shape: m.Shape) -> str:
    """How to write a mapping of a shape: with the keys that it needs, else with its first one."""
    keys = [field.name for field in shape.fields if field.required] or [shape.fields[0].name]
    return f"write it as `{{{', '.join(f'{key}: …' for key in keys)}}}`"


def _check_one_of_types(value: Any, type_: m.OneOf, spot: _Spot, sink: DiagnosticSink) -> Any:
    """The first option that has nothing to complain of; else the complaints of the best one are reported."""
    attempts: dict[int, DiagnosticSink] = {}
    for number in sorted(range(len(type_.options)), key=lambda one: _is_unlikely(value, type_.options[one])):
        attempts[number] = DiagnosticSink(strict=sink.strict)
        sound = _sound(value, type_.options[number], spot, attempts[number])
        if not len(attempts[number]):
            return sound
    best = min(attempts, key=lambda one: (not _looks_like(value, type_.options[one]), len(attempts[one]), one))
    for diagnostic in attempts[best].sorted():
        sink.report(diagnostic)
    return _DROPPED


def _is_unlikely(value: Any, option: m.FieldType) -> bool:
    """Whether a mapping has keys that the option has not: complaining about each would be dear, and for nothing where
    another option fits."""
    return (
        option.__class__ is m.Nested
        and value.__class__ is Mapping
        and not value.keys() <= _known(option.shape)[0].keys()
    )


def _looks_like(value: Any, option: m.FieldType) -> bool:
    """Whether a mapping was probably meant as this option: it has one of its keys, or mappings where those belong."""
    if value.__class__ is not Mapping:
        return True
    if option.__class__ is m.Nested:
        return not value.keys().isdisjoint(_known(option.shape)[0])
    return option.__class__ is m.Table and all(one.__class__ is Mapping for one in value.values())


_CHECKS: dict[type, Callable[[Any, Any, _Spot, DiagnosticSink], Any]] = {
    m.Text: _check_text,
    m.Identifier: _check_identifier,
    m.Integer: _check_integer,
    m.Flag: _check_flag,
    m.Choice: _check_choice,
    m.Reference: _check_reference,
    m.Expression: _check_expression,
    m.TypeText: _check_type_text,
    m.SettingPath: _check_path,
    m.Anything: _check_anything,
    m.Listing: _check_listing,
    m.Table: _check_table,
    m.Nested: _check_nested,
    m.OneOf: _check_one_of_types,
}

_Test = Callable[[Any], bool]
_KEY_TESTS: dict[int, _Test | None] = {}
"""The tests of the keys of tables. Types are constants of `model/`, so that their identity serves as key."""
_KNOWN: dict[int, tuple[dict[str, m.Field], dict[str, _Test], frozenset[str]]] = {}
"""Per shape its fields by name, tests that most sound values of a field pass, and the required fields. Shapes are
constants of `model/`, so that their identity serves as key."""


def _known(shape: m.Shape) -> tuple[dict[str, m.Field], dict[str, _Test], frozenset[str]]:
    return _KNOWN.get(id(shape)) or _learn(shape)


def _learn(shape: m.Shape) -> tuple[dict[str, m.Field], dict[str, _Test], frozenset[str]]:
    tests = {field.name: test for field in shape.fields if (test := _plain_test(field.type)) is not None}
    required = frozenset(field.name for field in shape.fields if field.required)
    known = _KNOWN[id(shape)] = {field.name: field for field in shape.fields}, tests, required
    return known


def _plain_test(type_: m.FieldType) -> _Test | None:
    match type_:
        case m.Integer(minimum=low, maximum=high):
            return lambda value: value.__class__ is int and low <= value <= high
        case m.Flag():
            return lambda value: value.__class__ is bool
        case m.Text(length_max=longest, length_min=0):
            return lambda value: value.__class__ is str and len(value) <= longest
        case m.Identifier(form=form):
            fits = _MATCHES[form]
            return lambda value: value.__class__ is str and len(value) <= NAME_LENGTH_MAX and fits(value) is not None
        case m.Choice(values=values):
            words = frozenset(one for one in values if isinstance(one, str))
            return lambda value: value.__class__ is str and value in words
        case _:
            return None


def _report_unknown_key(mapping: Mapping, key: str, shape: m.Shape, sink: DiagnosticSink) -> str | None:
    """Report a key that nobody reads; the key that was probably meant comes back."""
    names = [field.name for field in shape.fields]
    free = [name for name in names if name not in mapping]
    guess = next((name for name in free if name.rsplit("_", 1)[0] == key), None) or near_miss(key, free)
    span = mapping.key_span(key)
    known = ", ".join(f"`{name}`" for name in names)
    advice = f"did you mean `{guess}`?" if guess else f"its keys are {known}"
    fixes = (Fix(title=f"write `{guess}`", edits=(Edit(at=span, text=guess),)),) if guess else ()
    sink.report(UnknownKey(at=span, key=_shortened(key), shape=shape_name(shape), advice=advice, fixes=fixes))
    return guess


def _report_missing_keys(mapping: Mapping, shape: m.Shape, sink: DiagnosticSink) -> None:
    at = Span(source=mapping.source, start=mapping.start, end=min(mapping.end, mapping.start + 1))
    for field in shape.fields:
        if field.required and field.name not in mapping:
            sink.report(MissingKey(at=at, key=field.name, shape=shape_name(shape), doc=field.doc))


def _check_one_of(mapping: Mapping, group: tuple[str, ...], shape: m.Shape, sink: DiagnosticSink) -> None:
    written = [key for key in group if key in mapping]
    if len(written) == 1:
        return
    at = mapping.key_span(written[1]) if written else mapping.span()
    keys = " and ".join(f"`{key}`" for key in group)
    advice = f"remove all but one of {keys}" if written else f"add one of {keys}"
    sink.report(OneOfKeys(at=at, shape=shape_name(shape), keys=keys, advice=advice))


def shape_name(shape: m.Shape) -> str:
    """How a message speaks of a mapping: `a node`, `an edge`, `a PipelineSpec`."""
    words = shape.name.replace("_", " ")
    if words in ("metadata", "watermarks", "watermarks by lane", "resource limits", "turns"):
        return f"`{shape.name}`"
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def _wrong_type(value: Any, expected: str, spot: _Spot, sink: DiagnosticSink, advice: str = "") -> Any:
    sink.report(WrongType(at=spot.span(), key=spot.name, expected=expected, found=describe(value), advice=advice))
    return _DROPPED


def describe(value: Any) -> str:
    """A value in a message."""
    match value:
        case Mapping():
            return "a mapping"
        case Sequence():
            return "a list"
        case None:
            return "null"
        case str():
            return f"the text `{_shortened(value)}`"
        case _:
            return f"`{_word(value)}`"


def _word(value: Any) -> str:
    if value is True:
        return "true"
    return "false" if value is False else str(value)


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "…"


def _is_container(value: Any) -> bool:
    return isinstance(value, Mapping | Sequence)


def _with_replacements(mapping: Mapping, replaced: dict[str, Any]) -> Mapping:
    sound = Mapping()
    sound.source, sound.start, sound.end, sound.at = mapping.source, mapping.start, mapping.end, []
    for index, (key, value) in enumerate(mapping.items()):
        value = replaced.get(key, value)
        if value is not _DROPPED:
            sound[key] = value
            sound.at += mapping.at[4 * index : 4 * index + 4]
    return sound


def _with_meant_keys(mapping: Mapping, fields: dict[str, m.Field], shape: m.Shape, sink: DiagnosticSink) -> Mapping:
    """The mapping with unknown keys, which are reported, under the names that were probably meant.

    To go on with what was meant keeps one slip of the pen from looking like several.
    """
    unknown = [key for key in mapping if key not in fields]
    renamed: dict[str, str] = {}
    for key in unknown:
        meant = _report_unknown_key(mapping, key, shape, sink)
        if meant is not None and _is_likely(mapping[key], fields[meant]):
            renamed[key] = meant
    if not renamed:
        return mapping
    made = Mapping()
    made.source, made.start, made.end, made.at = mapping.source, mapping.start, mapping.end, []
    for index, (key, value) in enumerate(mapping.items()):
        name = renamed.get(key, key)
        if name not in made:
            made[name] = value
            made.at += mapping.at[4 * index : 4 * index + 4]
    return made


def _is_likely(value: Any, field: m.Field) -> bool:
    """Whether a value could stand under a field: if not, the guess about its key was wrong."""
    if value is None or _is_container(value):
        return True
    scratch = DiagnosticSink()
    container = Mapping({field.name: value})
    container.source, container.start, container.end, container.at = Source("", "", b""), 0, 0, [0, 0, 0, 0]
    return _sound(value, field.type, _Spot(container, field.name, field.name), scratch) is value


def _sequence_of(sequence: Sequence, values: list[Any]) -> Sequence:
    sound = Sequence()
    sound.source, sound.start, sound.end, sound.at = sequence.source, sequence.start, sequence.end, []
    for index, value in enumerate(values):
        if value is not _DROPPED:
            sound.append(value)
            sound.at += sequence.at[2 * index : 2 * index + 2]
    return sound
