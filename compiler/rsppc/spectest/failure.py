"""What a test did not find as its page says: each kind of disagreement, and how the page would have to read instead."""

from __future__ import annotations

import re
from typing import Any

from rsppc.base.canonical_json import canonical
from rsppc.base.record import Record
from rsppc.diagnostics import Diagnostic, Edit


class UnexpectedFinding(Diagnostic):
    """Every finding of a test is expected, so that a page never shows as sound what the compiler refuses."""

    code = "RSP9521"
    name = "unexpected-finding"
    headline = "{kind} is not expected here: {told}"
    hint = "{advice}"
    kind: str
    told: str
    advice: str


class MissingFinding(Diagnostic):
    """What a page says to be refused must be refused, at the line that it names."""

    code = "RSP9522"
    name = "missing-finding"
    headline = "{kind} is expected on line {line}, and is not found there"
    hint = "{advice}"
    kind: str
    line: int
    advice: str


class TypeDiffers(Diagnostic):
    """The type of a port follows from the whole graph; a change far away may change it."""

    code = "RSP9523"
    name = "type-differs"
    headline = "{port} is `{found}`, {wanted}"
    hint = "write the type that is found, or run `rsppc test --update`"
    port: str
    found: str
    wanted: str


class ValueDiffers(Diagnostic):
    """A value is what the strongest of its sources says, and a test may also say which one that is."""

    code = "RSP9524"
    name = "value-differs"
    headline = "`{path}` is {found}, not {expected}"
    hint = "{advice}"
    path: str
    found: str
    expected: str
    advice: str


class PlanDiffers(Diagnostic):
    """The turn opens with another plan than the page says."""

    code = "RSP9525"
    name = "plan-differs"
    headline = "{path} {found}, {wanted}"
    hint = "{advice}"
    path: str
    found: str
    wanted: str
    advice: str


class OtherDecision(Diagnostic):
    """A turn either opens with a plan or gets an outcome in its place."""

    code = "RSP9526"
    name = "other-decision"
    headline = "this turn {decided}, and {expected} is expected"
    hint = "{advice}"
    decided: str
    expected: str
    advice: str


class ProofDiffers(Diagnostic):
    """A bound is held against what was proved of every program that can result, never against a measurement."""

    code = "RSP9527"
    name = "proof-differs"
    headline = "{problem}"
    hint = "{advice}"
    problem: str
    advice: str


class UnknownName(Diagnostic):
    """An expectation of something that is not there could never fail, or never pass."""

    code = "RSP9528"
    name = "unknown-name"
    headline = "{problem}"
    hint = "{advice}"
    problem: str
    advice: str


class NoProgram(Diagnostic):
    """What is expected of a program can only be judged where there is one."""

    code = "RSP9529"
    name = "no-program"
    headline = "this cannot be judged: {problem}"
    hint = "{advice}"
    problem: str
    advice: str


class Failure(Record):
    """One disagreement."""

    diagnostic: Diagnostic
    edits: tuple[Edit, ...] = ()
    """What makes the page say what was found; empty where a page cannot be changed to say it."""


_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:[-./][A-Za-z0-9_]+)*")
_NOT_TEXT = ("true", "false", "null", "yes", "no", "on", "off", "y", "n")


def written(value: Any) -> str:
    """A value as it stands in a page: JSON, without quotes where a word needs none."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _NOT_TEXT:
        return value
    if isinstance(value, dict):
        return "{" + ", ".join(f"{written(key)}: {written(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(written(one) for one in value) + "]"
    return canonical(value).decode()


def shown(value: Any) -> str:
    """A value in a message, cut where it is long."""
    text = written(value)
    return f"`{text if len(text) <= 120 else text[:119] + '…'}`"
