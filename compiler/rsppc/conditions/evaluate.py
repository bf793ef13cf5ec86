"""Evaluates a checked condition. An error is a value with a sentence: never an exception, and never `False`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from rsppc.base.record import Record
from rsppc.conditions.check import Condition
from rsppc.conditions.environment import INT_MAX, INT_MIN, Declaration
from rsppc.conditions.library import Failure, prepared, run_prepared
from rsppc.conditions.refusals import describe_type

__all__ = ["EvaluationError", "Evaluator", "evaluate"]


class EvaluationError(Record):
    """Why a condition has no value for these inputs; `names` are the inputs to look at."""

    kind: Literal["missing", "wrong-value", "failed"]
    message: str
    names: tuple[str, ...]


def evaluate(condition: Condition, values: Mapping[str, object]) -> bool | EvaluationError:
    """Whether the condition holds when its names have these values. Values that it does not read are ignored."""
    return Evaluator(condition).holds(values)


class Evaluator:
    """A condition made ready to be evaluated many times: nothing is looked up again that does not change."""

    __slots__ = ("_expression", "_reads", "condition")

    def __init__(self, condition: Condition) -> None:
        self.condition = condition
        self._reads = tuple(known for known in condition.environment.declarations if known.name in condition.names)
        self._expression: object | None = None

    def holds(self, values: Mapping[str, object]) -> bool | EvaluationError:
        """Whether the condition holds when its names have these values."""
        data: dict[str, object] = {}
        for known in self._reads:
            name = known.name
            if name not in values:
                return self._missing(values)
            if not _fits(values[name], known.type):
                return _wrong_value(known)
            data[name] = values[name]
        if self._expression is None:
            self._expression = prepared(self.condition.text, self.condition.environment)
        outcome = run_prepared(self._expression, data)
        if isinstance(outcome, bool):
            return outcome
        said = outcome.text if isinstance(outcome, Failure) else "the value is neither true nor false"
        return EvaluationError(kind="failed", message=_sentence(said), names=self.condition.names)

    def _missing(self, values: Mapping[str, object]) -> EvaluationError:
        missing = tuple(name for name in self.condition.names if name not in values)
        listed = ", ".join(f"`{name}`" for name in missing)
        return EvaluationError(kind="missing", message=f"There is no value for {listed}.", names=missing)


def _wrong_value(known: Declaration) -> EvaluationError:
    message = f"`{known.name}` must be {describe_type(known.type)}."
    return EvaluationError(kind="wrong-value", message=message, names=(known.name,))


def _fits(value: object, type_: str) -> bool:
    # `type(…) is` rather than isinstance: True is an int to Python, and not to CEL.
    match type_:
        case "bool":
            return type(value) is bool
        case "int":
            return type(value) is int and INT_MIN <= value <= INT_MAX
        case "string":
            return type(value) is str and _is_text(value)
    inner = type_[type_.index("<") + 1 : -1].rpartition(",")[2]
    if type_.startswith("list"):
        return isinstance(value, list | tuple) and all(_fits(item, inner) for item in value)
    return isinstance(value, dict) and all(_fits(key, "string") and _fits(item, inner) for key, item in value.items())


def _is_text(value: str) -> bool:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


SENTENCES = (
    ("divide by zero", "A division by zero."),
    ("modulus by zero", "A division by zero."),
    ("modulo by zero", "A division by zero."),
    ("overflow", "A number became larger than 64 bits hold."),
    ("Key not found", "A map lacks the key that was asked for."),
    ("Index error", "A list is shorter than the place that was asked for."),
    ("budget exceeded", "The loops took too many steps."),
)


def _sentence(said: str) -> str:
    for mark, sentence in SENTENCES:
        if mark in said:
            return sentence
    detail = said.partition(": ")[2] or said
    return f"The evaluation failed: {detail.removesuffix('.')}."
