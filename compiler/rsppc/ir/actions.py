"""What a runtime may do on its own, as it follows from a program."""

from __future__ import annotations

from rsppc.base.source import Place
from rsppc.ir.program import Program


def allowed_actions(program: Program) -> dict[str, Place]:
    """What rules and nodes give occasion for, narrowed by policies that say so: each with its first occasion."""
    narrowed = [policy.allowed_actions for policy in program.policies if policy.allowed_actions is not None]
    return {
        action: places[0]
        for action, places in _occasions(program).items()
        if places and all(action in allowed for allowed in narrowed)
    }


def _occasions(program: Program) -> dict[str, list[Place]]:
    rules = [rule for policy in program.policies for rule in policy.provider_rules]
    return {
        "retry": [rule.place for rule in rules if rule.retry is not None and rule.retry.get("max_attempts", 1) > 1],
        "provider_switch": [rule.place for rule in rules if len(rule.use) > 1],
        "degrade": [rule.place for policy in program.policies for rule in policy.degrade_rules],
        "fallback": [node.place for node in program.nodes.values() if node.fallback is not None],
    }
