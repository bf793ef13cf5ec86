"""`effective_nodes`: every node with every value that a runtime needs to run it.

What nodes of one type share, and config that is nothing but the defaults of a type, is made once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rsppc.emit.origins import Block, Ledger, block, label
from rsppc.ir.catalog import NodeType
from rsppc.ir.ports import ports_of
from rsppc.ir.program import Node, Program
from rsppc.ir.setting import Setting, override_all
from rsppc.ir.types import PortType, print_type


class NodeWriter:
    """Writes nodes of one program; remembers what they share."""

    __slots__ = ("_configs", "_ledger", "_printed", "_program", "_types")

    def __init__(self, program: Program, ledger: Ledger) -> None:
        self._program = program
        self._ledger = ledger
        self._types: dict[int, Block] = {}
        self._configs: dict[int, tuple[dict[str, Setting], Block]] = {}
        self._printed: dict[PortType, str] = {}

    def node(self, node: Node, types: Mapping[str, PortType], *, scope: str | None) -> Block:
        """A node, given the solved types of its ports and the scope that it lives in."""
        ledger, program = self._ledger, self._program
        shared = self._of_type(node.type) if node.type is not None else None
        value: dict[str, Any] = dict(shared.value) if shared is not None else {}
        numbers: dict[str, Any] = dict(shared.numbers) if shared is not None else {}
        leaves: list[tuple[str, str]] = list(shared.leaves) if shared is not None else []

        def leaf(name: str, leaf_value: Any, number: int) -> None:
            value[name] = leaf_value
            numbers[name] = number
            leaves.append((f"/{name}", ledger.label_of(number)))

        def part(name: str, inner: Block) -> None:
            value[name] = inner.value
            numbers[name] = inner.numbers
            leaves.extend([(f"/{name}{end}", text) for end, text in inner.leaves])

        leaf("node_type", node.type_name, ledger.of(node.setting))
        if scope is not None and (node.type is None or node.type.scope == "inherit"):
            leaf("scope", scope, ledger.inferred("scope"))
        if node.config:
            part("config", self._config(node))
        budget = node.budget_ms or program.defaults.budgets.get("node_budget_ms")
        if budget is not None:
            leaf("budget_ms", budget.value, ledger.of(budget))
        provider = provider_of(node, program)
        if provider is not None:
            leaf("provider", provider.value, ledger.of(provider))
        if node.lifecycle:
            part("lifecycle", table(node.lifecycle, ledger))
        if node.fallback is not None:
            told = ledger.at(label(node.setting.origin), node.fallback.place)
            part("fallback", block({"to": node.fallback.to, "on": list(node.fallback.on)}, told, ledger))
        for name, ports in self._ports(node, types).items():
            part(name, block(ports, ledger.computed("infer_types"), ledger))
        return Block(value=value, numbers=numbers, leaves=tuple(leaves))

    def _config(self, node: Node) -> Block:
        known = self._configs.get(id(node.config))
        if known is None:
            # The table is kept beside its block, so that its identity is not given to another one.
            known = self._configs[id(node.config)] = (node.config, table(node.config, self._ledger))
        return known[1]

    def _ports(self, node: Node, types: Mapping[str, PortType]) -> dict[str, dict[str, str]]:
        ports = ports_of(node)
        sides: dict[str, dict[str, str]] = {}
        for name, port_type in types.items():
            port = ports.get(name)
            if port is not None:
                side = "inputs" if port.direction == "in" else "outputs"
                sides.setdefault(side, {})[name] = self.printed(port_type)
        return sides

    def printed(self, port_type: PortType) -> str:
        """A type as text; types of a pipeline are few, and many ports share them."""
        text = self._printed.get(port_type)
        if text is None:
            text = self._printed[port_type] = print_type(port_type)
        return text

    def _of_type(self, node_type: NodeType) -> Block:
        known = self._types.get(id(node_type))
        if known is None:
            text = f"node_type/{node_type.manifest}/{node_type.name}"
            number = self._ledger.at(text, node_type.place)
            value = facts_of_type(node_type)
            known = self._types[id(node_type)] = block(value, dict.fromkeys(value, number), self._ledger)
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


def with_type_defaults(node: Node) -> dict[str, Setting]:
    """The config of a node that is not in the graph yet, complete with the defaults of its type."""
    return node.config if node.type is None else override_all(node.config, node.type.defaults)


def table(settings: Mapping[str, Setting], ledger: Ledger) -> Block:
    """A table of settings; values that are containers keep one story for all their leaves."""
    names = sorted(settings)
    value = {name: settings[name].value for name in names}
    return block(value, {name: ledger.of(settings[name]) for name in names}, ledger)
