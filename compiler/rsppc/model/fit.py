"""Whether a plain value is what a declaration declares: yes or no, without places and without complaints.

For values that come by the million and are nearly always sound, such as the lines of a recording. Who gets a no holds
the text against the same declaration once more, with places; a property keeps the two answers alike.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from rsppc.base.names import parse_ref
from rsppc.model import shape as m
from rsppc.model.forms import FORMS, NAME_LENGTH_MAX

Fit = Callable[[Any], bool]


def fit_of(shape: m.Shape) -> Fit:
    """The test of a mapping. Make it once: it is quick because it was made before."""
    fields = {field.name: (_test_of(field.type), field.nullable) for field in shape.fields}
    required = frozenset(field.name for field in shape.fields if field.required)
    groups = shape.one_of

    def fits(value: Any) -> bool:
        if value.__class__ is not dict or not value.keys() >= required:
            return False
        for key, one in value.items():
            field = fields.get(key)
            if field is None or not (field[1] if one is None else field[0](one)):
                return False
        return all(sum(key in value for key in group) == 1 for group in groups)

    return fits


def field_fits(shape: m.Shape) -> dict[str, Fit]:
    """The test of each field of a mapping, by name, for values that are not null."""
    return {field.name: _test_of(field.type) for field in shape.fields}


def _test_of(type_: m.FieldType) -> Fit:
    """The test of a value that is not null."""
    made = _MAKERS.get(type_.__class__)
    if made is None:
        raise TypeError(f"plain values are not tested for {type_.__class__.__name__}")
    test: Fit = made(type_)
    return test


def _text(type_: m.Text) -> Fit:
    shortest, longest = type_.length_min, type_.length_max
    if not shortest:
        return lambda value: value.__class__ is str and len(value) <= longest
    return lambda value: value.__class__ is str and shortest <= len(value) <= longest and bool(value.strip())


def _identifier(type_: m.Identifier) -> Fit:
    matches = re.compile(FORMS[type_.form].pattern).fullmatch
    return lambda value: value.__class__ is str and len(value) <= NAME_LENGTH_MAX and matches(value) is not None


def _integer(type_: m.Integer) -> Fit:
    low, high = type_.minimum, type_.maximum
    return lambda value: value.__class__ is int and low <= value <= high


def _flag(_type: m.Flag) -> Fit:
    return lambda value: value.__class__ is bool


def _choice(type_: m.Choice) -> Fit:
    words = frozenset(one for one in type_.values if isinstance(one, str))
    flags = frozenset(one for one in type_.values if isinstance(one, bool))
    return lambda value: value in words if value.__class__ is str else value.__class__ is bool and value in flags


def _reference(type_: m.Reference) -> Fit:
    def fits(value: Any) -> bool:
        ref = parse_ref(value) if value.__class__ is str else None
        return ref is not None and ref.kind in (None, type_.kind)

    return fits


def _anything(_type: m.Anything) -> Fit:
    return lambda value: True


def _listing(type_: m.Listing) -> Fit:
    item, shortest, is_unique = _test_of(type_.item), type_.length_min, type_.unique

    def fits(value: Any) -> bool:
        if value.__class__ is not list or len(value) < shortest:
            return False
        if not all(one is not None and item(one) for one in value):
            return False
        if not is_unique:
            return True
        plain = [one for one in value if one.__class__ not in (dict, list)]
        return len(set(plain)) == len(plain)

    return fits


def _table(type_: m.Table) -> Fit:
    key, item, shortest = _test_of(type_.key), _test_of(type_.value), type_.length_min
    is_nullable = type_.value.__class__ is m.Anything

    def fits(value: Any) -> bool:
        if value.__class__ is not dict or len(value) < shortest:
            return False
        return all(key(name) and (is_nullable if one is None else item(one)) for name, one in value.items())

    return fits


def _nested(type_: m.Nested) -> Fit:
    return fit_of(type_.shape)


_MAKERS: dict[type, Callable[[Any], Fit]] = {
    m.Text: _text,
    m.Identifier: _identifier,
    m.Integer: _integer,
    m.Flag: _flag,
    m.Choice: _choice,
    m.Reference: _reference,
    m.Anything: _anything,
    m.Listing: _listing,
    m.Table: _table,
    m.Nested: _nested,
}
