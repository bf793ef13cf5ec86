"""Rules between keys as JSON Schema: `if` the conditions hold, `then` what the rule demands.

A schema cannot compare two values of one object, so that `in_order` and `same` are left to the check; what a schema
accepts is therefore a little more than what the check accepts, and never less.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rsppc.model.contract import Condition, Rule


def schemas_of_rule(rule: Rule) -> Iterator[dict[str, Any]]:
    """A schema for each place at which the rule holds; none where a schema cannot say it."""
    demand = _demand(rule)
    if not demand:
        return
    stated: dict[str, Any] = {"$comment": rule.name, **demand}
    if rule.when:
        stated = {"$comment": rule.name, "if": {"allOf": [_condition(one) for one in rule.when]}, "then": demand}
    for at in rule.at:
        yield _below(at.split(".") if at else [], stated)


def _demand(rule: Rule) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for allowed in rule.allows:
        properties[allowed.key] = {"enum": list(allowed.values)}
    for form in rule.matches:
        properties[form.key] = {"pattern": f"^({form.pattern})$"}
    for key, most in rule.at_most:
        properties[key] = {"maxItems": most}
    demand: dict[str, Any] = {"properties": properties} if properties else {}
    if rule.requires:
        demand["required"] = list(rule.requires)
    if rule.some_of:
        demand["anyOf"] = [_condition(one) for one in rule.some_of]
    if rule.exactly_one:
        demand["oneOf"] = [{"required": [key]} for key in rule.exactly_one]
    return demand


def _condition(condition: Condition) -> dict[str, Any]:
    *before, last = condition.key.split(".")
    schema: dict[str, Any] = {"required": [last]}
    if condition.values:
        schema["properties"] = {last: {"enum": list(condition.values)}}
    for step in reversed(before):
        schema = {"required": [step], "properties": {step: schema}}
    return schema


def _below(steps: list[str], schema: dict[str, Any]) -> dict[str, Any]:
    """The schema, moved to a place; `*` is every key of a mapping and every item of a list."""
    for step in reversed(steps):
        if step == "*":
            schema = {"additionalProperties": schema, "items": schema}
        else:
            schema = {"properties": {step: schema}}
    return schema
