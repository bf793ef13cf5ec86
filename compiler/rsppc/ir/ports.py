"""The ports that a node has: those of its type, and those that its config names.

An input and an output may have the same name, as `text` of a `text.segmenter` has. The type solver knows ports by one
name only, so that inputs go there under a name of their own.
"""

from __future__ import annotations

from typing import Any

from rsppc.base.record import replace
from rsppc.ir.catalog import NodeType, Port
from rsppc.ir.network import Template, template_of
from rsppc.ir.program import Node

_INPUT = ">"


def inputs_of(node: Node) -> dict[str, Port]:
    """Inputs by name; empty where the node's type is unknown."""
    if node.type is None:
        return {}
    return node.type.inputs if node.type.template is not None else _named(node.type.inputs, node)


def outputs_of(node: Node) -> dict[str, Port]:
    """Outputs by name; empty where the node's type is unknown."""
    if node.type is None:
        return {}
    return node.type.outputs if node.type.template is not None else _named(node.type.outputs, node)


def solver_input(port: str) -> str:
    """The name under which the type solver knows an input."""
    return _INPUT + port


def shown_port(solver_name: str) -> str:
    """Inverse of `solver_input`; outputs keep their name."""
    return solver_name.removeprefix(_INPUT)


def is_input(solver_name: str) -> bool:
    """Whether the type solver means an input by a name."""
    return solver_name.startswith(_INPUT)


def solver_template(inputs: dict[str, Port], outputs: dict[str, Port]) -> Template:
    """Ports as the type solver wants them."""
    named = {solver_input(name): ("in", port.type) for name, port in inputs.items()}
    named.update({name: ("out", port.type) for name, port in outputs.items()})
    return template_of(named)


def has_named_ports(node_type: NodeType) -> bool:
    """Whether the config of a node names some of its ports."""
    return any(port.named_by for port in (*node_type.inputs.values(), *node_type.outputs.values()))


def _named(ports: dict[str, Port], node: Node) -> dict[str, Port]:
    named: dict[str, Port] = {}
    for port in ports.values():
        if port.named_by is None:
            named[port.name] = port
            continue
        setting = node.config.get(port.named_by)
        names = _names(setting.value if setting is not None else None)
        default = node.config.get("default") if port.named_by == "branches" else None
        if default is not None and isinstance(default.value, str):
            names.append(default.value)
        for name in names:
            named.setdefault(name, replace(port, name=name, named_by=None))
    return named


def _names(value: Any) -> list[str]:
    """Port names in a list of texts, or of mappings with a `port`."""
    if not isinstance(value, list):
        return []
    found = [item.get("port") if isinstance(item, dict) else item for item in value]
    return [name for name in found if isinstance(name, str)]


def ports_of(node: Node) -> dict[str, Port]:
    return {**inputs_of(node), **outputs_of(node)}
