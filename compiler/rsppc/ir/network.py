"""What type solving takes and gives: nodes with typed ports and their edges, and what all types turned out to be.

Nodes of one type and one config share their `Template`, so that whatever depends on ports alone is worked out once.
"""

from __future__ import annotations

from collections.abc import Mapping

from rsppc.base.record import Record
from rsppc.ir.types import Domain, PortType, Scalar, config_fields, remember, substitute


class Port(Record, cache_hash=True):
    """One port of a node: its name, whether it is an output, its declared type."""

    name: str
    is_output: bool
    type: PortType


class Template(Record, cache_hash=True):
    """The ports of a node type, inputs first, each by name; nodes of one type share the object."""

    ports: tuple[Port, ...]


class NetworkNode(Record):
    """A node as far as types matter."""

    id: str
    template: Template


class NetworkEdge(Record):
    """From an output to an input."""

    source_node: str
    source_port: str
    target_node: str
    target_port: str


class Network(Record):
    """The graph to solve; `order` holds the node ids topologically (feedback edges left out), ties by id."""

    nodes: tuple[NetworkNode, ...]
    edges: tuple[NetworkEdge, ...]
    order: tuple[str, ...]


class Inferred(Record):
    """A choice that nobody wrote: the attribute of a port of one node, the value it has now, the rule that gave it.

    Rules: `unified` (the connected declarations leave one value), `producer_order`, `consumer_order`, `smallest_value`
    (several were left), `first_alternative`, `adopted` (the kind of a whole-type variable), `flow` (modes or signals
    through a variable), `mode_filter` and `signal_filter` (an input receives less than was emitted).
    """

    port: str
    attribute: str
    value: Scalar
    rule: str


class EdgeFlow(Record):
    """What an edge passes: the modes or signals (None where its kind has none), and those that it filters out."""

    passes: Domain | None = None
    filtered: tuple[Scalar, ...] = ()
    unchecked: bool = False


class Step(Record):
    """One declaration in a chain; `link` is how it is tied to the next: `edge`, `?x`, `T`, or "" at the end."""

    node: str
    port: str
    type: str
    link: str


class Conflict(Record):
    """Declarations that cannot all hold, as the shortest chain from one that disagrees to the other.

    Kinds: `kind`, `attribute` (the two ends of one edge), `variable` (a longer chain), `record`, `modes` and `signals`
    (an edge passes nothing), `lost-mode` (an edge would lose the modes in `lost`).
    """

    kind: str
    differs: tuple[str, ...]
    agrees: tuple[str, ...]
    chain: tuple[Step, ...]
    lost: tuple[Scalar, ...] = ()


class Solution(Record):
    """Types and inferences per node (in topological order), one flow per edge as given, all independent conflicts."""

    types: Mapping[str, Mapping[str, PortType]]
    inferred: Mapping[str, tuple[Inferred, ...]]
    edges: tuple[EdgeFlow, ...]
    conflicts: tuple[Conflict, ...]


def template_of(ports: Mapping[str, tuple[str, PortType]]) -> Template:
    """The template of ports given as name → ("in" or "out", type)."""
    made = [Port(name=name, is_output=side == "out", type=declared) for name, (side, declared) in ports.items()]
    return Template(ports=tuple(sorted(made, key=lambda port: (port.is_output, port.name))))


def instantiate(template: Template, config: Mapping[str, object]) -> Template:
    """The template with its config fields filled in; nodes with equal values share one object."""
    fields = _FIELDS.get(template)
    if fields is None:
        names = {field: None for port in template.ports for field in config_fields(port.type)}
        fields = remember(_FIELDS, template, tuple(names))
    if not fields:
        return template
    values = tuple([config.get(field) for field in fields])
    # Equal keys must mean equal results, and `True == 1`; lists cannot be keys at all.
    if not all(value is None or type(value) is str or type(value) is int for value in values):
        return _substituted(template, config)
    known = _INSTANCES.get((template, values))
    if known is None:
        known = remember(_INSTANCES, (template, values), _substituted(template, config))
    return known


_FIELDS: dict[Template, tuple[str, ...]] = {}
_INSTANCES: dict[tuple[Template, tuple[object, ...]], Template] = {}


def _substituted(template: Template, config: Mapping[str, object]) -> Template:
    return Template(
        ports=tuple(
            [
                Port(name=port.name, is_output=port.is_output, type=substitute(port.type, config))
                for port in template.ports
            ]
        )
    )
