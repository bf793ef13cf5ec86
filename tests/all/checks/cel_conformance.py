"""The conformance cases of the CEL specification (`@bufbuild/cel-spec`) that fall inside the portable profile.

A case has an expression, types and values of its names, and the value or the error that it must have. `check` decides
whether it falls inside the profile; names become declarations where their type can be declared. A condition is a truth
value, so an expression of another kind is compared with its expected value as a literal, and where an error is expected
with itself: the comparison of an error is an error. What is evaluated is the canonical text, as always.

Every other case is counted with the reason why it is outside. `_RUN_MIN` keeps the profile from shrinking unseen.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

from rsppc.base.record import Record
from rsppc.conditions import Condition, Declaration, Environment, EvaluationError, check, evaluate
from rsppc.conditions.printing import quote

from checks.outcome import Outcome, outcome
from checks.packages import call, npm_package

NAME = "cel-conformance"
NEEDS = ("npm",)

_PACKAGE = ("@bufbuild/cel-spec", "0.6.1")
_CASES_MIN = 2300
_RUN_MIN = 350
_PRINT = "import {tests} from './dist/esm/testdata/conformance.js'; console.log(JSON.stringify(tests))"

Json: TypeAlias = dict[str, Any]


class Outside(Record, kw_only=False):
    """Why a case does not fall inside the profile."""

    reason: str


class Task(Record):
    """A case as a condition with the values of its names; `fails` where an error is expected, else it has to hold."""

    condition: Condition
    values: dict[str, object]
    fails: bool


def run(folder: Path) -> Outcome:
    package = npm_package(*_PACKAGE, folder)
    cases = list(_cases(json.loads(call(["node", "--input-type=module", "--eval", _PRINT], package)), ""))
    problems: list[str] = []
    counts = {"held": 0, "failed as expected": 0}
    outside: Counter[str] = Counter()
    for name, case in cases:
        task = task_of(case)
        if isinstance(task, Outside):
            outside[task.reason] += 1
            continue
        counts["failed as expected" if task.fails else "held"] += 1
        seen = evaluate(task.condition, task.values)
        if not (isinstance(seen, EvaluationError) if task.fails else seen is True):
            expected = "an error" if task.fails else "true"
            problems.append(f"{name}: `{task.condition.text}` is {seen}, expected {expected}")
    count = sum(counts.values())
    if len(cases) < _CASES_MIN or count < _RUN_MIN:
        problems.append(f"only {len(cases)} cases, {count} of them run: nothing is proved")
    return outcome(
        problems,
        f"{len(cases)} cases: {count} run ({', '.join(f'{number} {what}' for what, number in counts.items())}),"
        f" {outside.total()} outside ({', '.join(f'{number} {reason}' for reason, number in outside.most_common())})",
    )


def _cases(suite: Json, place: str) -> Iterator[tuple[str, Json]]:
    """All cases of a suite and of those inside it, with the names of the suites."""
    for case in suite.get("tests", ()):
        original = case["original"]
        yield f"{place}{original.get('name', original['expr'])}", original
    for inner in suite.get("suites", ()):
        yield from _cases(inner, f"{place}{inner['name']}/")


def task_of(case: Json) -> Task | Outside:
    """What has to be run for a case, or why it is not run."""
    if case.get("checkOnly"):
        return Outside("only checked")
    declared = _environment(case)
    if isinstance(declared, Outside):
        return declared
    values: dict[str, object] = {}
    try:
        for name, binding in case.get("bindings", {}).items():
            values[name] = _plain(binding["value"])
        expressions = _expressions(case)
    except KeyError as error:
        return Outside(f"a value that is a {error.args[0]}")
    refusal = ""
    for expression in expressions:
        condition = check(expression, declared)
        if isinstance(condition, Condition):
            return Task(condition=condition, values=values, fails="evalError" in case)
        refusal = condition[0].kind
    return Outside(refusal)


def _expressions(case: Json) -> list[str]:
    """Ways to make a condition of the case, the nearest first. A comment at the end of an expression ends its line."""
    written = case["expr"]
    if "evalError" in case:
        return [written, f"({written}\n) == ({written}\n)"]
    value = case["value"] if "value" in case else case.get("typedResult", {}).get("result", {"boolValue": True})
    if value == {"boolValue": True}:
        return [written]
    return [f"({written}\n) == {_literal(_plain(value))}"]


_TYPES = {"BOOL": "bool", "INT64": "int", "STRING": "string"}


def _environment(case: Json) -> Environment | Outside:
    """The declarations of the case. A container changes what a name means, so there names may not be declared."""
    declarations = []
    for declared in case.get("typeEnv", ()):
        type_ = _type(declared.get("ident", {}).get("type", {}))
        if type_ is None:
            return Outside("a name of another type")
        declarations.append(Declaration(name=declared["name"], type=type_))  # type: ignore[arg-type]
    if declarations and case.get("container"):
        return Outside("names in a container")
    return Environment(place="rule", declarations=tuple(declarations))


def _type(type_: Json) -> str | None:
    """The type of a name as this project writes it; None where it has none."""
    if "listType" in type_:
        item = _TYPES.get(type_["listType"]["elemType"].get("primitive", ""))
        return item and f"list<{item}>"
    if "mapType" in type_:
        key = _TYPES.get(type_["mapType"]["keyType"].get("primitive", ""))
        value = _TYPES.get(type_["mapType"]["valueType"].get("primitive", ""))
        return f"map<string,{value}>" if key == "string" and value else None
    return _TYPES.get(type_.get("primitive", ""))


def _plain(value: Json) -> object:
    """A value of the suite; a KeyError names what has no counterpart here."""
    kind, content = next(iter(value.items()))
    match kind:
        case "boolValue" | "stringValue":
            return content
        case "int64Value":
            return int(content)
        case "listValue":
            return [_plain(item) for item in content.get("values", ())]
        case "mapValue":
            return {_plain(entry["key"]): _plain(entry["value"]) for entry in content.get("entries", ())}
    raise KeyError(kind.removesuffix("Value"))


def _literal(value: object) -> str:
    """A plain value as CEL writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_literal(key)}: {_literal(item)}" for key, item in value.items()) + "}"
    return quote(value) if isinstance(value, str) else str(value)
