"""What a setting can become at a turn: conditional layers and degrade rules may change it, and proofs take the worst.

Whether two of them can hold together is not asked: every value that somebody may set counts. So a proof can be stricter
than the worst turn, never laxer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from rsppc.base.source import Place
from rsppc.ir.program import Edge, Node, Program
from rsppc.ir.setting import FromModule, Setting, Written

Conditional: TypeAlias = dict[tuple[str, ...], list[Setting]]
"""Per steps of a setting path, the smallest and the largest number that conditional layers and degrade rules set there:
nothing between them can be the worst."""


def conditional_settings(program: Program) -> Conditional:
    """Everything that may be set when a turn opens."""
    found: Conditional = {}
    for layer in program.layers:
        if layer.when is not None:
            for patch in layer.patches:
                found.setdefault(tuple(patch.steps), []).append(patch.setting)
    for policy in program.policies:
        for rule in policy.degrade_rules:
            for patch in rule.patches:
                found.setdefault(tuple(patch.steps), []).append(patch.setting)
    return {steps: _extremes(settings) for steps, settings in found.items()}


def _extremes(settings: list[Setting]) -> list[Setting]:
    return [setting for setting in (smallest(settings), largest(settings)) if setting is not None]


def largest(settings: Iterable[Setting | None]) -> Setting | None:
    """The setting with the largest whole number, the first of equals; None where no setting holds one."""
    numbers = _numbers(settings)
    return max(numbers, key=_value) if len(numbers) > 1 else numbers[0] if numbers else None


def smallest(settings: Iterable[Setting | None]) -> Setting | None:
    """The setting with the smallest whole number, the first of equals; None where no setting holds one."""
    numbers = _numbers(settings)
    return min(numbers, key=_value) if len(numbers) > 1 else numbers[0] if numbers else None


def _value(setting: Setting) -> Any:
    return setting.value


def _numbers(settings: Iterable[Setting | None]) -> list[Setting]:
    return [setting for setting in settings if setting is not None and is_number(setting.value)]


def is_number(value: Any) -> bool:
    """Whether a value is a whole number; wrong values are reported where they are written and count for nothing."""
    return isinstance(value, int) and not isinstance(value, bool)


def largest_config(node: Node, field: str, conditional: Conditional) -> Setting | None:
    """The most that a config field of a node can be."""
    base = node.config.get(field)
    if base is None and node.type is not None:
        base = node.type.defaults.get(field)
    if not conditional:
        return base if base is not None and is_number(base.value) else None
    return largest([base, *conditional.get(("nodes", node.id, "config", field), ())])


def node_budget_choices(node: Node, program: Program, conditional: Conditional) -> list[Setting | None]:
    """What the budget of a node can be: its own, or the profile's where it has none; nothing where the author wrote
    null."""
    own = node.budget_ms
    base = budget_choices("node_budget_ms", program, conditional) if own is None else [own]
    return [*base, *conditional.get(("nodes", node.id, "budget_ms"), ())]


def budget_choices(name: str, program: Program, conditional: Conditional) -> list[Setting | None]:
    """What a budget of the pipeline can be."""
    return [program.defaults.budgets.get(name), *conditional.get(("budgets", name), ())]


def smallest_budget(name: str, program: Program, conditional: Conditional) -> Setting | None:
    """The least that a budget of the pipeline can be."""
    if conditional:
        return smallest(budget_choices(name, program, conditional))
    base = program.defaults.budgets.get(name)
    return base if base is not None and is_number(base.value) else None


def buffer_choices(frame: str, field: str, program: Program, conditional: Conditional) -> list[Setting | None]:
    """What a default of queues can be; frames are `DataLane.additive`, `ControlLane`, …"""
    base = program.defaults.buffers.get(frame, {}).get(field)
    return [base, *conditional.get(("buffers", *frame.split("."), field), ())]


def largest_edge_buffer(edge: Edge, field: str, program: Program, conditional: Conditional) -> Setting | None:
    """The most that a field of an edge's queue can be. A default that may change changes the edges that took it."""
    base = edge.buffer.get(field)
    if not conditional:
        return base if base is not None and is_number(base.value) else None
    found = [base]
    for name in (edge.id, *edge.aliases):
        found.extend(conditional.get(("edges", name, "buffer", field), ()))
    if base is not None and not isinstance(base.origin, Written | FromModule):
        for frame, fields in program.defaults.buffers.items():
            if field in fields and fields[field].origin is base.origin:
                found.extend(conditional.get(("buffers", *frame.split("."), field), ()))
    return largest(found)


def smallest_node_budget(
    node: Node, profile: Setting | None, program: Program, conditional: Conditional
) -> Setting | None:
    """The least that the budget of a node can be; `profile` is the least that the profile's can be."""
    if conditional:
        return smallest(node_budget_choices(node, program, conditional))
    own = node.budget_ms
    if own is None:
        return profile
    return own if is_number(own.value) else None


def written_at(setting: Setting | None) -> Place | None:
    """Where a setting was written; None where it follows from others."""
    origin = setting.origin if setting is not None else None
    return origin if origin is not None and hasattr(origin, "span") else None
