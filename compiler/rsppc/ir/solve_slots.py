"""Slots and classes: the state that solving works on, and what a template contributes to it.

Every attribute of every port is a slot, numbered in topological order. Joined slots are one class, named by its first
slot (`parent`, a union-find whose parents always come before their children). A layout tells where in its node's slots
each port has its attributes; it is worked out once per template.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from rsppc.base.record import Record
from rsppc.ir.network import Network, NetworkEdge, Port, Template
from rsppc.ir.types import (
    ANY,
    ATTRIBUTES,
    TEXT_MODES,
    AnyValue,
    Domain,
    PortType,
    Product,
    Values,
    Variable,
    domain_of,
    is_whole_variable,
    meet_domains,
    only,
    remember,
)

CLASS_ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    kind: tuple(attribute for attribute in attributes if attribute not in ("modes", "signals"))
    for kind, attributes in ATTRIBUTES.items()
}
"""The attributes of each kind that both ends of an edge share; modes and signals flow instead."""

FLOW_ATTRIBUTES: Mapping[str, str] = {"text": "modes", "control": "signals"}

_FLOW_PORT_KINDS = ("", *FLOW_ATTRIBUTES)
"""The kinds of sockets through which modes or signals may flow; "" is open, so it may turn out to be one of them."""

OPEN_SLOTS = ("kind", "codec", "rate_hz", "channels", "frame_ms", "lang", "schema")
"""What a port may turn out to have whose kind is not settled by its declaration."""

OPEN_POSITIONS: Mapping[str, tuple[int, ...]] = {
    kind: tuple(OPEN_SLOTS.index(attribute) for attribute in attributes)
    for kind, attributes in CLASS_ATTRIBUTES.items()
}


class Socket(Record):
    """A port as the solver sees it. `kind` is empty while it is open: a whole-type variable, or several alternatives.

    Tuples run along `CLASS_ATTRIBUTES[kind]`, or along `OPEN_SLOTS` while the kind is open.
    """

    name: str
    index: int
    is_output: bool
    type: PortType
    kind: str
    offsets: tuple[int, ...] = ()
    """The slot of each attribute, counted from the node's first."""
    said: tuple[Domain, ...] = ()
    """What this port's own declaration allows."""
    labels: tuple[str, ...] = ()
    """The variable by which a slot is shared with other ports, or ""."""
    unsettled: tuple[tuple[str, int], ...] = ()
    """Attributes, with their slots, that the declaration leaves open."""
    flow: Domain = ANY
    """The modes or signals that an output emits or an input understands."""
    flow_variable: int = -1
    flow_label: str = ""
    joins: tuple[tuple[int, int], ...] = ()
    """Slots to join once this alternative is chosen: the port's own and the variable's."""
    alternatives: tuple[Socket, ...] = ()
    forms: dict[str, Socket] = {}
    """Of a whole-type variable: what the port becomes with each kind, as far as needed yet."""


class Layout(Record):
    """Slots and sockets of one template, shared by all nodes that use it."""

    template: Template
    size: int
    flow_count: int
    sockets: tuple[Socket, ...]
    by_name: Mapping[str, Socket]
    constrained: tuple[tuple[int, Domain, str], ...]
    """Slots of which a declaration says something: what, and the rule by which its order decides."""
    flow_ports: tuple[int, ...]
    has_open: bool


class Place(Record):
    """Where the slots, ports and flow variables of one node begin."""

    node: str
    layout: Layout
    first_slot: int
    first_port: int
    first_flow: int


Link: TypeAlias = tuple[Socket, Place, Socket, Place]

_LAYOUTS: dict[Template, Layout] = {}


def layout_of(template: Template) -> Layout:
    slots = _SlotNumbers()
    sockets = tuple([_socket(slots, index, port) for index, port in enumerate(template.ports)])
    constrained = tuple(
        [
            (offset, said, order_rule(said, socket))
            for socket in sockets
            for offset, said in zip(socket.offsets, socket.said, strict=True)
            if type(said) is not AnyValue
        ]
    )
    return Layout(
        template=template,
        size=slots.size,
        flow_count=len(slots.flow_variables),
        sockets=sockets,
        by_name={socket.name: socket for socket in sockets},
        constrained=constrained,
        flow_ports=tuple([socket.index for socket in sockets if socket.kind in _FLOW_PORT_KINDS]),
        has_open=any(not socket.kind for socket in sockets),
    )


def order_rule(said: Domain, socket: Socket) -> str:
    """The rule to name if the order of this declaration decides; "" where it has none to offer."""
    if type(said) is not Values or len(said.values) == 1:
        return ""
    return "producer_order" if socket.is_output else "consumer_order"


def _socket(slots: _SlotNumbers, index: int, port: Port) -> Socket:
    alternatives = port.type.alternatives
    if is_whole_variable(alternatives[0].kind):
        return _whole_socket(slots, index, port, alternatives[0].kind)
    if len(alternatives) == 1:
        return _product_socket(slots, index, port, alternatives[0], own=())
    own = tuple([slots.fresh() for _ in OPEN_SLOTS])
    return Socket(
        name=port.name,
        index=index,
        is_output=port.is_output,
        type=port.type,
        kind="",
        offsets=own,
        said=(ANY,) * len(own),
        labels=("",) * len(own),
        alternatives=tuple([_product_socket(slots, index, port, product, own=own) for product in alternatives]),
    )


def _whole_socket(slots: _SlotNumbers, index: int, port: Port, name: str) -> Socket:
    offsets = tuple([slots.of_variable(attribute, name) for attribute in OPEN_SLOTS])
    return Socket(
        name=port.name,
        index=index,
        is_output=port.is_output,
        type=port.type,
        kind="",
        offsets=offsets,
        said=(ANY,) * len(offsets),
        labels=(name,) * len(offsets),
        flow_variable=slots.of_flow("", name),
        forms={},
    )


def as_kind(whole: Socket, kind: str) -> Socket:
    """What a port of a whole-type variable becomes with a kind; worked out when a template first meets that kind."""
    known = whole.forms.get(kind)
    if known is not None:
        return known
    positions = OPEN_POSITIONS[kind]
    offsets = tuple([whole.offsets[position] for position in positions])
    form = whole.forms[kind] = Socket(
        name=whole.name,
        index=whole.index,
        is_output=whole.is_output,
        type=whole.type,
        kind=kind,
        offsets=offsets,
        said=(ANY,) * len(positions),
        labels=whole.labels[: len(positions)],
        unsettled=tuple(zip(CLASS_ATTRIBUTES[kind], offsets, strict=True)),
        flow_variable=whole.flow_variable if kind in FLOW_ATTRIBUTES else -1,
        flow_label=whole.labels[0],
    )
    return form


def _product_socket(slots: _SlotNumbers, index: int, port: Port, product: Product, *, own: tuple[int, ...]) -> Socket:
    """The socket of one alternative; `own` are the slots of a port that has several."""
    kind = product.kind
    offsets: list[int] = []
    said: list[Domain] = []
    labels: list[str] = []
    unsettled: list[tuple[str, int]] = []
    joins: list[tuple[int, int]] = []
    flow: Domain = ANY
    flow_variable, flow_label = -1, ""
    for attribute, term in zip(ATTRIBUTES[kind], product.terms, strict=True):
        domain = domain_of(term)
        if attribute == "modes" or attribute == "signals":
            flow = domain
            if type(term) is Variable:
                flow_variable, flow_label = slots.of_flow(attribute, term.name), "?" + term.name
            elif attribute == "modes" and port.is_output and type(domain) is AnyValue:
                flow = _ALL_MODES
            continue
        own_slot = own[OPEN_SLOTS.index(attribute)] if own else -1
        if type(term) is Variable:
            slot = slots.of_variable(attribute, term.name)
            labels.append("?" + term.name)
            if own:
                joins.append((own_slot, slot))
        else:
            slot = own_slot if own else slots.fresh()
            labels.append("")
        offsets.append(slot)
        said.append(domain)
        if type(term) is not Values or len(term.values) > 1:
            unsettled.append((attribute, slot))
    return Socket(
        name=port.name,
        index=index,
        is_output=port.is_output,
        type=port.type,
        kind=kind,
        offsets=tuple(offsets),
        said=tuple(said),
        labels=tuple(labels),
        unsettled=tuple(unsettled),
        flow=flow,
        flow_variable=flow_variable,
        flow_label=flow_label,
        joins=tuple(joins),
    )


_ALL_MODES = Values(values=TEXT_MODES)


class _SlotNumbers:
    """Hands out the slots of one template, one for each attribute of a port or variable."""

    __slots__ = ("flow_variables", "size", "variables")

    def __init__(self) -> None:
        self.size = 0
        self.variables: dict[tuple[str, str], int] = {}
        self.flow_variables: dict[tuple[str, str], int] = {}

    def fresh(self) -> int:
        self.size += 1
        return self.size - 1

    def of_variable(self, attribute: str, name: str) -> int:
        slot = self.variables.get((attribute, name))
        if slot is None:
            slot = self.variables[attribute, name] = self.fresh()
        return slot

    def of_flow(self, attribute: str, name: str) -> int:
        return self.flow_variables.setdefault((attribute, name), len(self.flow_variables))


class State:
    """What the steps of `solve` hand to each other."""

    __slots__ = (
        "actual",
        "choices",
        "clashes",
        "domains",
        "edges",
        "extra",
        "facts",
        "links",
        "misfits",
        "open_sockets",
        "ordered",
        "parent",
        "places",
        "port_count",
        "rules",
        "settled_by",
    )

    def __init__(self, network: Network) -> None:
        self.places: list[Place] = []
        self.open_sockets: list[tuple[Socket, Place]] = []
        self.choices: list[tuple[Socket, Place]] = []
        by_node, slot_count, self.port_count = self._lay_out(network)
        self.edges = network.edges
        self.links: list[Link | None] = _links(network.edges, by_node)
        self.parent = list(range(slot_count))
        self.facts: list[tuple[int, str, int]] = []
        """Kinds that an open port meets: its kind slot, the kind, the port that declares it."""
        self.misfits: list[int] = []
        """Edges between two kinds."""
        self.actual: dict[int, Socket] = {}
        """What open ports turned out to be."""
        self.extra: dict[int, list[tuple[int, Domain, str]]] = {}
        """What chosen alternatives constrain, by the first slot of their node."""
        self.settled_by: dict[int, str] = {}
        """The rule by which a port with alternatives got its own."""
        self.domains: dict[int, Domain] = {}
        self.ordered: dict[int, str] = {}
        self.clashes: list[int] = []
        self.rules: dict[int, str] = {}

    def _lay_out(self, network: Network) -> tuple[dict[str, Place], int, int]:
        rest = {node.id: node.template for node in network.nodes}
        by_node: dict[str, Place] = {}
        slot = port = flow = 0
        order = network.order if len(network.order) == len(rest) else (*network.order, *sorted(rest))
        for node in order:
            template = rest.pop(node, None)
            if template is None:
                continue
            layout = _LAYOUTS.get(template)
            if layout is None:
                layout = remember(_LAYOUTS, template, layout_of(template))
            place = Place(node=node, layout=layout, first_slot=slot, first_port=port, first_flow=flow)
            by_node[node] = place
            self.places.append(place)
            if layout.has_open:
                self._note_open(place)
            slot += layout.size
            port += len(layout.sockets)
            flow += layout.flow_count
        return by_node, slot, port

    def _note_open(self, place: Place) -> None:
        for socket in place.layout.sockets:
            if not socket.kind:
                (self.choices if socket.alternatives else self.open_sockets).append((socket, place))

    def socket(self, socket: Socket, place: Place) -> Socket:
        """What a socket turned out to be; itself where its kind stayed open."""
        return socket if socket.kind else self.actual.get(place.first_port + socket.index, socket)


def _links(edges: tuple[NetworkEdge, ...], by_node: dict[str, Place]) -> list[Link | None]:
    links: list[Link | None] = []
    for edge in edges:
        source_place, target_place = by_node.get(edge.source_node), by_node.get(edge.target_node)
        if source_place is None or target_place is None:
            links.append(None)
            continue
        source = source_place.layout.by_name.get(edge.source_port)
        target = target_place.layout.by_name.get(edge.target_port)
        links.append(None if source is None or target is None else (source, source_place, target, target_place))
    return links


def root_of(parent: list[int], slot: int) -> int:
    while parent[slot] != slot:
        parent[slot] = slot = parent[parent[slot]]
    return slot


def join(parent: list[int], first: int, second: int) -> int:
    """Join two classes; the earlier root stays, so that parents always come before their children."""
    first, second = root_of(parent, first), root_of(parent, second)
    if first > second:
        first, second = second, first
    parent[second] = first
    return first


def gather(state: State) -> None:
    """The domain of every class of which something is said, in the order of its first ordered declaration."""
    parent = state.parent
    # Parents come before children, so one pass leaves every slot at its root.
    for slot, up in enumerate(parent):
        parent[slot] = parent[up]
    domains, ordered = state.domains, state.ordered
    domains.clear()
    ordered.clear()
    clashed: dict[int, None] = {}
    extra = state.extra
    for place in state.places:
        base = place.first_slot
        constrained = place.layout.constrained
        if extra and base in extra:
            constrained = (*constrained, *extra[base])
        for offset, said, rule in constrained:
            root = parent[base + offset]
            known = domains.get(root)
            if known is None:
                domains[root] = said
            elif known is not said:
                both = meet_domains(known, said)
                if both is None:
                    # Poisoned: whatever else is said about this class can only repeat the complaint.
                    clashed[root] = None
                    both = ANY
                domains[root] = both
            if rule and root not in ordered:
                ordered[root] = rule
    for slot, kind, _ in state.facts:
        root = parent[slot]
        both = meet_domains(domains.get(root, ANY), only(kind))
        if both is None:
            clashed[root] = None
        domains[root] = both or ANY
    for root in clashed:
        domains[root] = ANY
    state.clashes = list(clashed)
