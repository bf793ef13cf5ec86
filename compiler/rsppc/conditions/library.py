"""The one place that touches the CEL library: compile, evaluate, and hand back plain data.

The library is imported when the first condition is checked, not before: a workspace without conditions never
pays for it. Its errors arrive as one text with a line and column for each; they leave as records with
code-point offsets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rsppc.base.record import Record
from rsppc.conditions.environment import Environment

if TYPE_CHECKING:
    from cel_expr_python import cel  # type: ignore[import-untyped]

__all__ = ["Failure", "Refusal", "compile_checked", "is_valid_pattern", "prepared", "run", "run_prepared"]


class Refusal(Record):
    """What the library has against an expression. `at` is -1 where it does not say where."""

    at: int
    text: str


class Failure(Record):
    """Why an evaluation gave no value."""

    text: str


def compile_checked(text: str, environment: Environment) -> bytes | tuple[Refusal, ...]:
    """The serialized checked expression, or everything the library has against it, in source order."""
    try:
        checked: bytes = _compiled(text, environment).serialize()
    except RuntimeError as error:
        return _refusals(text, str(error))
    return checked


def run(text: str, environment: Environment, values: Mapping[str, Any]) -> object | Failure:
    """The value of a text that has been checked."""
    return run_prepared(prepared(text, environment), values)


def prepared(text: str, environment: Environment) -> object:
    """A text that has been checked, ready for `run_prepared`; where the library refuses it now, why."""
    try:
        expression: object = _compiled(text, environment)
    except RuntimeError as error:
        return Failure(text=str(error))
    return expression


def run_prepared(expression: Any, values: Mapping[str, Any]) -> object | Failure:
    """The value of a prepared text."""
    if isinstance(expression, Failure):
        return expression
    try:
        result = expression.eval(data=values)
        if result.type() == _error_type():
            return Failure(text=str(result.value()))
        plain: object = result.plain_value()
    except (RuntimeError, TypeError, ValueError) as error:
        return Failure(text=str(error))
    return plain


@lru_cache(maxsize=1)
def _error_type() -> object:
    from cel_expr_python import cel

    return cel.Type.ERROR


def is_valid_pattern(pattern: str) -> bool:
    """Whether the regular expression engine of the library accepts the pattern."""
    outcome = run("text.matches(pattern)", PATTERN_ENVIRONMENT, {"text": "", "pattern": pattern})
    return not isinstance(outcome, Failure)


@lru_cache(maxsize=1024)
def _compiled(text: str, environment: Environment) -> cel.Expression:
    return _library_environment(environment).compile(text)


@lru_cache(maxsize=64)
def _library_environment(environment: Environment) -> cel.Env:
    from cel_expr_python import cel
    from cel_expr_python.ext import ext_strings  # type: ignore[import-untyped]

    variables = {known.name: cel.Type(known.type.replace(",", ", ")) for known in environment.declarations}
    return cel.NewEnv(variables=variables, extensions=[ext_strings.ExtStrings()])


def _pattern_environment() -> Environment:
    from rsppc.conditions.environment import Declaration

    names = ("pattern", "text")
    return Environment(place="rule", declarations=tuple(Declaration(name=name, type="string") for name in names))


PATTERN_ENVIRONMENT = _pattern_environment()

# The library quotes the source below each error, behind a bar; only lines that begin with `ERROR:` are its own.
ERROR_LINE = r"^(?:INVALID_ARGUMENT: )?ERROR: <input>:(-?\d+):(-?\d+): (.*)$"


def _refusals(text: str, error: str) -> tuple[Refusal, ...]:
    found: list[Refusal] = []
    for line, column, message in re.findall(ERROR_LINE, error, re.MULTILINE):
        at = _offset(text, int(line), int(column))
        found.append(Refusal(at=at, text=message.removesuffix(" [INVALID_ARGUMENT]")))
    found.sort(key=lambda refusal: refusal.at)
    return tuple(found) or (Refusal(at=-1, text=error),)


def _offset(text: str, line: int, column: int) -> int:
    if line < 1 or column < 1:
        return -1
    start = 0
    for _ in range(line - 1):
        start = text.find("\n", start) + 1
    return min(start + column - 1, len(text))
