"""Hold an earlier artifact against its declaration, as strictly as the tools did that it was written for.

Every finding carries the path of its field, as in `edges[0].from`. Shapes are declared with the words of `model/`; how
deep this descends follows from the declaration, never from the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rsppc.base.names import PROVIDER_ID, VERSION, near_miss
from rsppc.base.source import Span
from rsppc.diagnostics import DiagnosticSink
from rsppc.importing.findings import (
    EarlierMissingField,
    EarlierRepetition,
    EarlierUnknownField,
    EarlierWrongType,
    EarlierWrongValue,
)
from rsppc.model import shape as m
from rsppc.syntax.document import Mapping, Sequence

TEXT = m.Text(length_max=200)
"""A name or a short text; never blank."""

GUESSES_MAX = 50
"""How many findings of a file may guess what was meant: a guess takes a thousand times as long as a look."""


def report_unsound(root: Mapping, shape: m.Shape, sink: DiagnosticSink) -> None:
    """Report everything in a document that its declaration does not allow."""
    _check_mapping(root, shape, "", shape.name, sink)


def item_path(path: str, key: str | int) -> str:
    """The path of an item or a field, as messages write it."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{_shortened(key)}" if path else _shortened(key)


def _check_mapping(mapping: Mapping, shape: m.Shape, path: str, title: str, sink: DiagnosticSink) -> None:
    fields = {one.name: one for one in shape.fields}
    for key, value, key_at, value_at in _entries(mapping):
        here = item_path(path, key)
        if key not in fields:
            missing = [name for name in fields if name not in mapping]
            guess = near_miss(key, missing) if len(sink) < GUESSES_MAX else None
            advice = f"did you mean `{guess}`?" if guess else "there are " + ", ".join(f"`{name}`" for name in fields)
            sink.report(EarlierUnknownField(at=key_at, subject=here, title=title, advice=advice))
            continue
        _check_value(value, fields[key].type, here, value_at, title, sink)
    for one in shape.fields:
        if one.required and one.name not in mapping:
            at = mapping.key_span(one.name)
            sink.report(EarlierMissingField(at=at, subject=item_path(path, one.name), doc=_sentence(one.doc)))


def _check_value(value: Any, type_: m.FieldType, path: str, at: Span, title: str, sink: DiagnosticSink) -> None:
    expected, kind = _EXPECTED[type_.__class__]
    is_of_kind = value.__class__ is kind
    if not is_of_kind:
        sink.report(EarlierWrongType(at=at, subject=path, expected=expected, found=_described(value)))
        return
    match type_:
        case m.Nested(shape=shape):
            _check_mapping(value, shape, path, title, sink)
        case m.Listing():
            _check_listing(value, type_, path, at, title, sink)
        case m.Table(value=inner):
            _check_table(value, inner, path, at, title, sink)
        case _:
            problem, advice = _complaint(value, type_)
            if problem:
                sink.report(EarlierWrongValue(at=at, subject=path, problem=problem, advice=advice))


def _check_listing(value: Sequence, type_: m.Listing, path: str, at: Span, title: str, sink: DiagnosticSink) -> None:
    if len(value) < type_.length_min:
        sink.report(EarlierWrongValue(at=at, subject=path, problem="is empty", advice="it has at least one item"))
    seen: dict[Any, str] = {}
    for index, one in enumerate(value):
        here = item_path(path, index)
        _check_value(one, type_.item, here, value.value_span(index), title, sink)
        if not type_.unique or not isinstance(one, str):
            continue
        if one in seen:
            sink.report(EarlierRepetition(at=value.value_span(index), subject=here, first=seen[one]))
        seen.setdefault(one, here)


def _check_table(value: Mapping, inner: m.FieldType, path: str, at: Span, title: str, sink: DiagnosticSink) -> None:
    if not value:
        sink.report(EarlierWrongValue(at=at, subject=path, problem="is empty", advice="it has at least one entry"))
    for key, one, _, at_value in _entries(value):
        _check_value(one, inner, item_path(path, key), at_value, title, sink)


def _entries(mapping: Mapping) -> Iterator[tuple[str, Any, Span, Span]]:
    """Each key and value with their places; asking a mapping for one place after the other takes quadratic time."""
    source, at = mapping.source, mapping.at
    for index, (key, value) in enumerate(mapping.items()):
        first, last, start, end = at[4 * index : 4 * index + 4]
        yield key, value, Span(source=source, start=first, end=last), Span(source=source, start=start, end=end)


_EXPECTED: dict[type, tuple[str, type]] = {
    m.Text: ("a text", str),
    m.Identifier: ("a text", str),
    m.Choice: ("a text", str),
    m.Integer: ("a whole number", int),
    m.Flag: ("`true` or `false`", bool),
    m.Listing: ("a list", Sequence),
    m.Table: ("an object", Mapping),
    m.Nested: ("an object", Mapping),
}

_FORMS = {
    "provider": (PROVIDER_ID, "is no provider id", "provider ids are small letters and digits with `-` between them"),
    "version": (VERSION, "is no version", "versions are `v1`, `v1.2` or `v1.2.3`"),
}


def _complaint(value: Any, type_: m.FieldType) -> tuple[str, str]:
    """What is wrong with a value of the right kind, and what to do; both empty where nothing is."""
    match type_:
        case m.Text(length_max=most):
            if not value.strip():
                return "is blank", ""
            if len(value) > most:
                return f"is longer than {most} characters", ""
        case m.Identifier(form=form):
            pattern, problem, advice = _FORMS[form]
            if pattern.fullmatch(value) is None or len(value) > 200:
                return f"is `{_shortened(value)}`, which {problem}", advice
        case m.Choice(values=values):
            if value not in values:
                known = ", ".join(f"`{one}`" for one in values)
                return f"is `{_shortened(value)}`", f"it is one of {known}" if len(values) > 1 else f"it is {known}"
        case m.Integer(minimum=least, maximum=most):
            if not least <= value <= most:
                return f"is {value}, which is not between {least} and {most}", ""
        case _:
            pass
    return "", ""


def _described(value: Any) -> str:
    match value:
        case Mapping():
            return "an object"
        case Sequence():
            return "a list"
        case None:
            return "null"
        case bool():
            return "`true`" if value else "`false`"
        case str():
            return f"the text `{_shortened(value)}`"
        case _:
            return f"`{value}`"


def _sentence(doc: str) -> str:
    return doc[:1].lower() + doc[1:].rstrip(".")


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "…"
