"""What unquoted values and keys of YAML mean: the 1.2 core schema, and less than that where people misread it."""

from __future__ import annotations

import re
from typing import Any

from rsppc.base.source import Source, Span
from rsppc.diagnostics import Diagnostic
from rsppc.syntax.limits import INTEGER_MAX, IntegerOutOfRange, shortened

_FINDINGS_MAX = 200


class MergeKey(Diagnostic):
    """`<<` is not part of YAML 1.2, and a few lines of it can stand for gigabytes."""

    code = "RSP0210"
    name = "merge-key"
    headline = "merge keys (`<<`) are not supported"
    hint = "write the keys out, or put what is shared into a profile or a module"


class KeyNotText(Diagnostic):
    """Every key is text. `1`, `true` and `null` are not text until they are quoted, and no list or mapping is."""

    code = "RSP0212"
    name = "key-not-text"
    headline = "a key must be text, and this one is {what}"
    hint = "{remedy}"

    what: str
    remedy: str


class AmbiguousScalar(Diagnostic):
    """YAML readers disagree about such values: some read a number, some text, some another number."""

    code = "RSP0213"
    name = "ambiguous-scalar"
    headline = "`{subject}` is {what}, which this file may not hold unquoted"
    hint = "quote it or write the decimal number{suggestion}"

    what: str
    suggestion: str = ""


class TildeForNull(Diagnostic):
    """`~` is easily taken for a home folder or for text. `null` says what it means."""

    code = "RSP0214"
    name = "tilde-for-null"
    headline = "`~` means null in YAML and looks like text"
    hint = "write `null`, or quote it"


class BareSignInBrackets(Diagnostic):
    """`?` and `-` begin keys and list items only before a space. Readers disagree about them inside brackets."""

    code = "RSP0206"
    name = "bare-sign-in-brackets"
    headline = "readers disagree about what `{subject}` means inside brackets"
    hint = "quote the value"


class Findings:
    """What was found wrong in one reading of the text; no more than anybody would read."""

    __slots__ = ("kept",)

    def __init__(self) -> None:
        self.kept: list[Diagnostic] = []

    @property
    def are_enough(self) -> bool:
        return len(self.kept) >= _FINDINGS_MAX

    def append(self, found: Diagnostic) -> None:
        if len(self.kept) < _FINDINGS_MAX:
            self.kept.append(found)


class Dropped:
    """Stands where a key or value was refused, until its container is complete and can do without it."""

    __slots__ = ()


DROPPED = Dropped()
NOTHING = Dropped()
UNKNOWN = object()


_TEXT_FIRST = frozenset("abcdeghijklmopqrsuvwxyzABCDEGHIJKLMOPQRSUVWXYZ_/$(")
_CONSTANTS: dict[str, bool | None] = {
    "": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_DECIMAL = re.compile(r"0|-?[1-9][0-9]*")
_NUMBER_LIKE = (
    r"(?P<octal>[-+]?0o[0-7]+)|(?P<hex>[-+]?0x[0-9a-fA-F]+)|(?P<special>[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))"
    r"|(?P<zeros>[-+]?0[0-9]+)|(?P<signed>[-+][0-9]+)"
    r"|(?P<decimal>[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)"
)
_NUMBER_FORMS = {
    "octal": "an octal number",
    "hex": "a hexadecimal number",
    "special": "a number that is not finite",
    "zeros": "a number with leading zeros",
    "signed": "a number with a sign that it does not need",
    "decimal": "a number with a fraction or an exponent",
}


def meaning(value: str) -> Any:
    """What an unquoted value means where that is beyond doubt, or `UNKNOWN`."""
    if value[:1] in _TEXT_FIRST:
        return value
    if value in _CONSTANTS:
        return _CONSTANTS[value]
    if _DECIMAL.fullmatch(value) is not None and len(value) < 16:
        return int(value)
    if value in ("~", "-") or value[:2] == "- " or re.fullmatch(_NUMBER_LIKE, value) is not None:
        return UNKNOWN
    return value


def plain_value(value: str, source: Source, start: int, end: int, findings: Findings) -> Any:
    """What an unquoted value means by the core schema, or `DROPPED` where people and readers disagree about it."""
    meant = meaning(value)
    if meant is not UNKNOWN:
        return meant
    at = Span(source=source, start=start, end=end)
    if value == "~":
        findings.append(TildeForNull(at=at))
        return DROPPED
    if _DECIMAL.fullmatch(value) is not None:
        # The digits are counted first: Python refuses to convert very many of them.
        if len(value) <= 17 and -INTEGER_MAX <= int(value) <= INTEGER_MAX:
            return int(value)
        findings.append(IntegerOutOfRange(at=at, subject=shortened(value)))
        return DROPPED
    number = re.fullmatch(_NUMBER_LIKE, value)
    if number is None:
        findings.append(BareSignInBrackets(at=at, subject="-"))
        return DROPPED
    form = str(number.lastgroup)
    suggestion = _as_decimal(value, form)
    what = _NUMBER_FORMS[form]
    findings.append(AmbiguousScalar(at=at, subject=shortened(value), what=what, suggestion=suggestion))
    return DROPPED


def _as_decimal(value: str, form: str) -> str:
    if form in ("special", "decimal") or len(value) > 12:
        return ""
    digits = value.lstrip("+-")
    base = {"octal": 8, "hex": 16}.get(form, 10)
    sign = "-" if value[0] == "-" and int(digits, base) else ""
    return f", `{sign}{int(digits, base)}`"


def plain_key(value: str, source: Source, start: int, end: int, findings: Findings) -> Any:
    """The text of an unquoted key, or a `Dropped` where it means something else than text."""
    if value == "<<":
        findings.append(MergeKey(at=Span(source=source, start=start, end=end)))
        return Dropped()
    if value == "-" or value[:2] == "- ":
        findings.append(BareSignInBrackets(at=Span(source=source, start=start, end=end), subject="-"))
        return Dropped()
    if meaning(value).__class__ is str:
        return value
    if value == "":
        what, remedy = "missing", "write a key before the `:`"
    else:
        shown = shortened(value)
        what, remedy = f"`{shown}`, which YAML does not read as text", f'quote it: `"{shown}"`'
    at = Span(source=source, start=start, end=end)
    findings.append(KeyNotText(at=at, what=what, remedy=remedy))
    return Dropped()
