"""`effective_nodes`: every node with every value that a runtime needs to run it.

What nodes of one type share, and config that is nothing but the defaults of a type, is made once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rsppc.base.record import Record
from rsppc.emit.conditions import condition
from rsppc.emit.origins import Ledger, Part, SharedPart, enter_leaves, label
from rsppc.ir.catalog import NodeType
from rsppc.ir.ports import is_input, shown_port
from rsppc.ir.program import Node, Program
from rsppc.ir.setting import Setting
from rsppc.ir.types import PortType, print_type


class NodeWriter:
    """Writes nodes of one program; remembers what they share."""

    __slots__ = ("_configs", "_ledger", "_printed", "_program", "_types")

    def __init__(self, program: Program, ledger: Ledger) -> None:
        self._program = program
        self._ledger = ledger
        self._types: dict[int, SharedPart] = {}
        self._configs: dict[int, SharedPart] = {}
        self._printed: dict[PortType, str] = {}

    def node(self, pointer: str, node: Node, types: Mapping[str, PortType], *, scope: str | None) -> Part:
        """A node at a JSON Pointer, given the solved types of its ports and the scope that it lives in."""
        ledger, program = self._ledger, self._program
        value: dict[str, Any] = {}
        numbers: dict[str, Any] = {}
        if node.type is not None:
            shared = self._of_type(node.type)
            value.update(shared.value)
            numbers.update(shared.numbers)
            ledger.tell_shared(pointer, shared)
        own: dict[str, Any] = {"node_type": node.type_name}
        told: dict[str, Any] = {"node_type": ledger.of(node.setting)}
        if scope is not None and (node.type is None or node.type.scope == "inherit"):
            own["scope"], told["scope"] = scope, ledger.inferred("scope")
        budget = node.budget_ms or program.defaults.budgets.get("node_budget_ms")
        if budget is not None:
            own["budget_ms"], told["budget_ms"] = budget.value, ledger.of(budget)
        provider = provider_of(node, program)
        if provider is not None:
            own["provider"], told["provider"] = provider.value, ledger.of(provider)
        if node.lifecycle:
            own["lifecycle"], told["lifecycle"] = _table(node.lifecycle, ledger)
        if node.fallback is not None:
            own["fallback"] = {"to": node.fallback.to, "on": list(node.fallback.on)}
            told["fallback"] = ledger.at(label(node.setting.origin), node.fallback.place)
        self._add_ports(own, told, types)
        self._add_branches(own, told, node)
        shared_config = self._config_of_type(node)
        if node.config and shared_config is None:
            own["config"], told["config"] = _table(node.config, ledger)
        ledger.tell(pointer, own, told)
        value.update(own)
        numbers.update(told)
        if shared_config is not None:
            value["config"], numbers["config"] = shared_config.value, shared_config.numbers
            ledger.tell_shared(f"{pointer}/config", shared_config)
        return Part(value=value, numbers=numbers)

    def _config_of_type(self, node: Node) -> SharedPart | None:
        """The config of a node for which nobody wrote any: the very table of its type."""
        node_type = node.type
        if node_type is None or not node.config or node.config is not node_type.defaults:
            return None
        known = self._configs.get(id(node_type))
        if known is None:
            known = self._configs[id(node_type)] = self._ledger.share(*_table(node.config, self._ledger))
        return known

    def _add_ports(self, own: dict[str, Any], told: dict[str, Any], types: Mapping[str, PortType]) -> None:
        if not types:
            return
        solved = self._ledger.computed("infer_types")
        for name, port_type in types.items():
            side = "inputs" if is_input(name) else "outputs"
            own.setdefault(side, {})[shown_port(name)] = self._print(port_type)
            told[side] = solved

    def _print(self, port_type: PortType) -> str:
        """A type as text; types of a pipeline are few, and many ports share them."""
        text = self._printed.get(port_type)
        if text is None:
            text = self._printed[port_type] = print_type(port_type)
        return text

    def _add_branches(self, own: dict[str, Any], told: dict[str, Any], node: Node) -> None:
        """The branches of a select in the order in which they are tried, as conditions that runtimes can evaluate."""
        branches = self._program.selects.get(node.id)
        if branches:
            own["branches"] = [{"port": port, "when": condition(when)} for port, when in branches]
            setting = node.config.get("branches", node.setting)
            told["branches"] = self._ledger.of(setting)

    def _of_type(self, node_type: NodeType) -> SharedPart:
        known = self._types.get(id(node_type))
        if known is None:
            facts = _facts(node_type)
            number = self._ledger.at(facts.label, node_type.place)
            numbers = dict.fromkeys(facts.value, number)
            known = self._types[id(node_type)] = SharedPart(value=facts.value, numbers=numbers, leaves=facts.leaves)
        return known


class _Facts(Record):
    """What a node type says of its nodes. `node_type` is kept so that its identity is not given to another one."""

    node_type: NodeType
    value: dict[str, Any]
    label: str
    leaves: tuple[tuple[str, str], ...]


_FACTS: dict[int, _Facts] = {}
"""Results of a pure function: all programs of a workspace share their node types."""


def _facts(node_type: NodeType) -> _Facts:
    known = _FACTS.get(id(node_type))
    if known is None:
        if len(_FACTS) >= 4096:
            _FACTS.clear()
        text = f"node_type/{node_type.manifest}/{node_type.name}"
        value = facts_of_type(node_type)
        leaves: dict[str, str] = {}
        enter_leaves(leaves, value, 0, [text], "")
        known = _FACTS[id(node_type)] = _Facts(
            node_type=node_type, value=value, label=text, leaves=tuple(leaves.items())
        )
    return known


def facts_of_type(node_type: NodeType) -> dict[str, Any]:
    """What all nodes of a type have in common; what the type does not state is left out."""
    limits = node_type.limits
    stated = {
        "cpu_milli": limits.cpu_milli,
        "memory_bytes": limits.memory_bytes,
        "max_concurrency": limits.max_concurrency,
    }
    facts: dict[str, Any] = {
        "role": node_type.role,
        "execution_mode": node_type.execution_mode,
        "impl_ref": node_type.impl_ref,
        "digest": node_type.digest,
        "state": node_type.state,
        "scope": node_type.scope if node_type.scope != "inherit" else None,
        "turn_cancel": node_type.turn_cancel,
        "timeout_ms": node_type.timeout_ms,
        "trust_level": node_type.trust_level,
        "modality": node_type.modality,
        "sbom_ref": node_type.sbom_ref,
        "attestation_ref": node_type.attestation_ref,
        "resource_limits": {name: limit for name, limit in stated.items() if limit is not None} or None,
    }
    cancel = node_type.cancel
    if cancel is not None:
        facts["cancel"] = {"mode": cancel.mode, "style": cancel.style}
        if cancel.latency_ms is not None:
            facts["cancel"]["cancel_latency_ms"] = cancel.latency_ms
    return {name: fact for name, fact in facts.items() if fact is not None}


def provider_of(node: Node, program: Program) -> Setting | None:
    """The provider that serves a node where no condition holds; value None where the author wrote null."""
    return program.bindings.get(node.id) or node.provider


def _table(settings: Mapping[str, Setting], ledger: Ledger) -> tuple[dict[str, Any], dict[str, int]]:
    """Values and numbers of a table of settings; a value that is a container has one story for all its leaves."""
    names = sorted(settings)
    return {name: settings[name].value for name in names}, {name: ledger.of(settings[name]) for name in names}
