"""The types of a whole graph at once: what every port really carries, and where declarations disagree.

Every attribute of every port is a slot. An edge joins the slots of its two ends, a variable `?x` those of one node, a
whole-type variable `T` all slots of its ports; the joined slots are one class (union-find), whose value is what all its
declarations allow. Text modes and control signals are not joined: they flow forward along edges and through variables.

Slots are numbered in topological order, inputs of a node before its outputs, ports by name. "First" therefore always
means "first in topological order", whatever the order in which nodes and edges were given; the root of a class is its
first slot. What depends on a node's ports alone is worked out once per template and shared by all its nodes.

Assumes that references resolve: an edge that names no port is skipped, as another pass reports it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TypeAlias

from rsppc.ir.network import (
    Conflict,
    EdgeFlow,
    Inferred,
    Network,
    NetworkEdge,
    NetworkNode,
    Port,
    Solution,
    Step,
    Template,
    instantiate,
    template_of,
)
from rsppc.ir.solve_flow import Flow, flow_of
from rsppc.ir.solve_slots import (
    FLOW_ATTRIBUTES,
    OPEN_POSITIONS,
    Layout,
    Link,
    Place,
    Socket,
    State,
    as_kind,
    gather,
    join,
    root_of,
)
from rsppc.ir.types import ANY, Domain, PortType, Product, Range, Values, meet_domains, only, remember

__all__ = [
    "Conflict",
    "EdgeFlow",
    "Inferred",
    "Network",
    "NetworkEdge",
    "NetworkNode",
    "Port",
    "Solution",
    "Step",
    "Template",
    "components",
    "instantiate",
    "possible_types",
    "solve",
    "template_of",
]


def solve(network: Network) -> Solution:
    """Solve all types of a network; conflicts are part of the result, never raised."""
    state = State(network)
    _unite(state)
    if state.choices:
        # Rarely needed, so not part of every start.
        from rsppc.ir.solve_alternatives import choose_alternatives

        choose_alternatives(state)
    gather(state)
    if state.open_sockets:
        _adopt_kinds(state)
    _settle(state)
    flow = flow_of(state)
    types, inferred = _fixed_types(state, flow)
    conflicts: list[Conflict] = []
    if state.clashes or state.misfits or flow.broken:
        from rsppc.ir.solve_conflicts import conflicts_of  # as above

        conflicts = conflicts_of(state, flow)
    return Solution(types=types, inferred=inferred, edges=tuple(flow.edges), conflicts=tuple(conflicts))


def possible_types(network: Network) -> dict[str, Mapping[str, PortType]]:
    """What every port may still be: as `solve` says it, with everything left open that connections leave open."""
    state = State(network)
    _unite(state)
    gather(state)
    return _fixed_types(state, flow_of(state))[0]


def components(network: Network, *, choosing: Collection[str] | None = None) -> dict[str, int]:
    """The number of the independent part of the network in which each choosing node stands, numbered from 0.

    Two ports are in one part if an unbroken line of checked edges and variables leads from one to the other. A node
    that chooses (between providers, say) ties all its ports together; any other ties only what its variables tie, so
    a node with fixed types separates what lies on its two sides. Without `choosing`, every node chooses.
    """
    state = State(network)
    parent = list(range(state.port_count))
    for place in state.places:
        whole = choosing is None or place.node in choosing
        for index, other in _tied_ports(place.layout, whole=whole):
            join(parent, place.first_port + index, place.first_port + other)
    for source, source_place, target, target_place in filter(None, state.links):
        if source.kind != "unchecked" and target.kind != "unchecked":
            join(parent, source_place.first_port + source.index, target_place.first_port + target.index)
    numbers: dict[int, int] = {}
    return {
        place.node: numbers.setdefault(
            root_of(parent, place.first_port) if place.layout.sockets else -1 - number, len(numbers)
        )
        for number, place in enumerate(state.places)
        if choosing is None or place.node in choosing
    }


def _unite(state: State) -> None:
    parent = state.parent
    for number, link in enumerate(state.links):
        if link is None:
            continue
        source, source_place, target, target_place = link
        kind = source.kind
        if kind != target.kind or not kind:
            _unite_open(state, number, link)
            continue
        source_base, target_base = source_place.first_slot, target_place.first_slot
        # `join` written out: this loop is the heart of the solver.
        for first, second in zip(source.offsets, target.offsets):  # noqa: B905  # equal kinds, equal lengths
            first += source_base
            while parent[first] != first:
                parent[first] = first = parent[parent[first]]
            second += target_base
            while parent[second] != second:
                parent[second] = second = parent[parent[second]]
            if first < second:
                parent[second] = first
            else:
                parent[first] = second


def _unite_open(state: State, number: int, link: Link) -> None:
    """Join an edge of which at least one end is open, unchecked, or of another kind."""
    source, source_place, target, target_place = link
    if "unchecked" in (source.kind, target.kind):
        return
    if source.kind and target.kind:
        state.misfits.append(number)
        return
    if source.kind:
        source, source_place, target, target_place = target, target_place, source, source_place
    if not target.kind:
        pairs = zip(source.offsets, target.offsets, strict=True)
    else:
        state.facts.append(
            (source_place.first_slot + source.offsets[0], target.kind, target_place.first_port + target.index)
        )
        positions = OPEN_POSITIONS[target.kind]
        pairs = zip([source.offsets[position] for position in positions], target.offsets, strict=True)
    for first, second in pairs:
        join(state.parent, source_place.first_slot + first, target_place.first_slot + second)


def _adopt_kinds(state: State) -> None:
    for socket, place in state.open_sockets:
        kind = state.domains.get(state.parent[place.first_slot + socket.offsets[0]], ANY)
        if type(kind) is Values:
            state.actual[place.first_port + socket.index] = as_kind(socket, str(kind.values[0]))


def _settle(state: State) -> None:
    """Fix every class that is still open: the first of its order, else the smallest."""
    domains = state.domains
    for root, domain in domains.items():
        if type(domain) is Values:
            if len(domain.values) > 1:
                domains[root] = only(domain.values[0], prefixed=domain.prefixed)
                state.rules[root] = state.ordered[root]
        elif type(domain) is Range:
            domains[root] = only(domain.low)
            state.rules[root] = "smallest_value"


_NodeResult: TypeAlias = tuple[Mapping[str, PortType], tuple[Inferred, ...]]

_CONCRETE: dict[tuple[str, tuple[Domain, ...]], PortType] = {}
_RESULTS: dict[tuple[object, ...], _NodeResult] = {}


def _fixed_types(state: State, flow: Flow) -> tuple[dict[str, Mapping[str, PortType]], dict[str, tuple[Inferred, ...]]]:
    parent, domains, rules = state.parent, state.domains, state.rules
    values = [domains.get(root, ANY) for root in parent]
    ruled = [rules.get(root) for root in parent]
    types: dict[str, Mapping[str, PortType]] = {}
    inferred: dict[str, tuple[Inferred, ...]] = {}
    for place in state.places:
        layout = place.layout
        first, end = place.first_slot, place.first_slot + layout.size
        flows = _flows_of(layout, place, flow) if layout.flow_ports else ()
        # What a node ends up with depends on this alone; large graphs repeat it from node to node.
        forms = _actual_forms(state, place) if layout.has_open else ()
        key = (layout.template, tuple(values[first:end]), tuple(ruled[first:end]), flows, forms)
        known = _RESULTS.get(key)
        if known is None:
            known = remember(_RESULTS, key, _node_result(state, flow, place))
        types[place.node], inferred[place.node] = known
    return types, inferred


def _flows_of(layout: Layout, place: Place, flow: Flow) -> tuple[object, ...]:
    first_port, first_flow = place.first_port, place.first_flow
    flows: list[object] = [flow.received.get(first_port + index) for index in layout.flow_ports]
    for number in range(layout.flow_count):
        flows.append(flow.carried.get(first_flow + number))
    return tuple(flows)


def _actual_forms(state: State, place: Place) -> tuple[object, ...]:
    """By which rule each open port was settled, and as which of its alternatives."""
    forms: list[object] = []
    for socket in place.layout.sockets:
        if not socket.kind:
            port = place.first_port + socket.index
            actual = state.actual.get(port)
            chosen = -1
            for number, alternative in enumerate(socket.alternatives):
                if alternative is actual:
                    chosen = number
            forms.append((actual.kind if actual else "", chosen, state.settled_by.get(port, "")))
    return tuple(forms)


def _node_result(state: State, flow: Flow, place: Place) -> _NodeResult:
    parent, domains, base = state.parent, state.domains, place.first_slot
    fixed: dict[str, PortType] = {}
    inferred: list[Inferred] = []
    for declared in place.layout.sockets:
        socket = declared if declared.kind else _noted_actual(state, place, declared, inferred)
        if socket is None:
            # Nothing is connected, or what is connected disagrees: the declaration stays as it is.
            fixed[declared.name] = declared.type
            continue
        terms = [domains.get(parent[base + offset], ANY) for offset in socket.offsets]
        for attribute, offset in socket.unsettled:
            root = parent[base + offset]
            value = domains.get(root, ANY)
            if type(value) is Values:
                rule = state.rules.get(root, "unified")
                inferred.append(Inferred(port=socket.name, attribute=attribute, value=value.values[0], rule=rule))
        if socket.kind in FLOW_ATTRIBUTES:
            terms.insert(0, _fixed_flow(flow, place, socket, inferred))
        fixed[socket.name] = _concrete(socket.kind, tuple(terms))
    return fixed, tuple(inferred)


def _concrete(kind: str, terms: tuple[Domain, ...]) -> PortType:
    key = (kind, terms)
    known = _CONCRETE.get(key)
    if known is None:
        known = remember(_CONCRETE, key, PortType(alternatives=(Product(kind=kind, terms=terms),)))
    return known


def _noted_actual(state: State, place: Place, socket: Socket, inferred: list[Inferred]) -> Socket | None:
    port = place.first_port + socket.index
    actual = state.actual.get(port)
    if actual is not None:
        rule = state.settled_by.get(port, "adopted")
        inferred.append(Inferred(port=socket.name, attribute="kind", value=actual.kind, rule=rule))
    return actual


def _fixed_flow(flow: Flow, place: Place, socket: Socket, inferred: list[Inferred]) -> Domain:
    """The modes or signals that really flow through a port, noted where they are not the declared ones."""
    rule = "flow"
    if not socket.is_output:
        arrived, filtered = flow.received.get(place.first_port + socket.index, (socket.flow, False))
        if filtered:
            rule = "mode_filter" if socket.kind == "text" else "signal_filter"
    elif socket.flow_variable >= 0:
        carried = flow.carried.get(place.first_flow + socket.flow_variable, ANY)
        arrived = meet_domains(carried, socket.flow) or socket.flow
    else:
        return socket.flow
    if type(arrived) is Values and (arrived != socket.flow or socket.flow_variable >= 0 or rule != "flow"):
        value = "|".join(map(str, arrived.values))
        attribute = FLOW_ATTRIBUTES[socket.kind]
        inferred.append(Inferred(port=socket.name, attribute=attribute, value=value, rule=rule))
    return arrived


def _tied_ports(layout: Layout, *, whole: bool) -> Iterator[tuple[int, int]]:
    """Pairs of ports of one node that depend on each other."""
    first_with: dict[object, int] = {}
    for socket in layout.sockets:
        shared: list[object] = ["node"] if whole else []
        for form in (socket, *socket.alternatives):
            shared.extend(form.offsets)
            if form.flow_variable >= 0:
                shared.append(("flow", form.flow_variable))
        for key in shared:
            yield first_with.setdefault(key, socket.index), socket.index
