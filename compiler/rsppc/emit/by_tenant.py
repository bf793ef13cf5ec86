"""What the distribution carries for single tenants: provider rules that only ask who the tenant is.

The control plane's file knows tenants by their id, so that a condition can be carried there if it says nothing but
which ids it means. Rules that need labels, a session or the pressure stay with the ResolvedSpec.
"""

from __future__ import annotations

from typing import Any

from rsppc.ir.program import Condition, Program
from rsppc.ir.setting import FromPolicy


def tenants_of(condition: Condition | None) -> tuple[str, ...] | None:
    """The ids for which a condition holds; None where it asks for anything else."""
    checked = condition.checked if condition is not None else None
    if checked is None or checked.names != ("tenant.id",):
        return None
    return _ids(checked.tree)


def _ids(tree: Any) -> tuple[str, ...] | None:
    match tree:
        case {"call": "_||_", "args": args}:
            parts = [_ids(part) for part in args]
            return None if None in parts else tuple(sorted({one for part in parts for one in part or ()}))
        case {"call": "_==_", "args": [{"name": "tenant.id"}, {"const": {"string": text}}]}:
            return (text,)
        case {"call": "_==_", "args": [{"const": {"string": text}}, {"name": "tenant.id"}]}:
            return (text,)
        case {"call": "@in", "args": [{"name": "tenant.id"}, {"list": items}]}:
            texts = [item["const"]["string"] for item in items if "string" in item.get("const", {})]
            return tuple(sorted(set(texts))) if len(texts) == len(items) else None
        case _:
            return None


def bindings_by_tenant(program: Program, bindings: dict[str, str]) -> dict[str, dict[str, str]]:
    """Per tenant the provider bindings, where they differ from the ones for everybody; `bindings` are those."""
    rules = [rule for policy in reversed(program.policies) for rule in policy.provider_rules if rule.modality]
    tenants = sorted({tenant for rule in rules for tenant in tenants_of(rule.when) or ()})
    ruled = _modalities_bound_by_rules(program)
    found: dict[str, dict[str, str]] = {}
    for tenant in tenants:
        own = dict(bindings)
        for modality in sorted(bindings.keys() & ruled):
            for rule in rules:
                if rule.modality == modality and (rule.when is None or tenant in (tenants_of(rule.when) or ())):
                    own[modality] = rule.use[0][0]
                    break
        if own != bindings:
            found[tenant] = own
    return found


def _modalities_bound_by_rules(program: Program) -> set[str]:
    """Modalities of nodes whose provider a rule for the modality chose."""
    of_nodes = {rule.id for policy in program.policies for rule in policy.provider_rules if rule.node is not None}
    return {
        node.type.modality
        for node_id, setting in program.bindings.items()
        if (node := program.nodes.get(node_id)) is not None
        and node.type is not None
        and node.type.modality is not None
        and isinstance(setting.origin, FromPolicy)
        and setting.origin.rule not in of_nodes
    }
