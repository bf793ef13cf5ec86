"""Text modes and control signals: what every output emits and every edge passes on.

Flow has a direction, unlike attributes: it runs from outputs to inputs and through variables, also around feedback
edges, until nothing changes. Assumes that kinds and alternatives are settled.
"""

from __future__ import annotations

from collections import deque

from rsppc.ir.network import EdgeFlow
from rsppc.ir.solve_slots import FLOW_ATTRIBUTES, Link, Socket, State
from rsppc.ir.types import ANY, TEXT_MODES, AnyValue, Domain, Values, hull, meet_domains, remember


class Flow:
    """What flows along every edge and into every port."""

    __slots__ = ("broken", "carried", "edges", "emitted", "incoming", "received")

    def __init__(self, edge_count: int) -> None:
        self.edges: list[EdgeFlow] = [_PLAIN] * edge_count
        self.broken: list[tuple[int, str]] = []
        """Edges that pass nothing or lose a mode, and which of these it is."""
        self.emitted: dict[int, Domain] = {}
        """Per edge with a flow, what its output emits."""
        self.received: dict[int, tuple[Domain, bool]] = {}
        """Per fed input, what arrives and whether something was filtered out on the way."""
        self.carried: dict[int, Domain] = {}
        """Per flow variable, what it carries; a variable into which nothing flows is missing here."""
        self.incoming: dict[int, list[int]] = {}
        """Per flow variable, the edges that feed it."""


_PLAIN = EdgeFlow()
_UNCHECKED = EdgeFlow(unchecked=True)


def flow_of(state: State) -> Flow:
    flow = Flow(len(state.links))
    running: list[tuple[int, Link]] = []
    through_variables = False
    has_open = bool(state.open_sockets or state.choices)
    for number, link in enumerate(state.links):
        if link is None:
            continue
        source, source_place, target, target_place = link
        if has_open and not (source.kind and target.kind):
            source, target = state.socket(source, source_place), state.socket(target, target_place)
            link = (source, source_place, target, target_place)
        kind = source.kind
        if kind == "unchecked" or target.kind == "unchecked":
            flow.edges[number] = _UNCHECKED
            if target.flow_variable >= 0:
                flow.incoming.setdefault(target_place.first_flow + target.flow_variable, []).append(number)
                running.append((number, link))
                through_variables = True
        elif kind == target.kind and kind in FLOW_ATTRIBUTES:
            running.append((number, link))
            if target.flow_variable >= 0:
                flow.incoming.setdefault(target_place.first_flow + target.flow_variable, []).append(number)
            if source.flow_variable >= 0 or target.flow_variable >= 0:
                through_variables = True
    if through_variables:
        _carry(flow, dict(running))
    _pass_along(flow, running)
    return flow


def _carry(flow: Flow, links: dict[int, Link]) -> None:
    """What every variable carries: the least that holds all that flows into it, around loops as well."""
    outgoing: dict[int, list[int]] = {}
    for variable, numbers in flow.incoming.items():
        for number in numbers:
            source, source_place, _, _ = links[number]
            if source.flow_variable >= 0:
                outgoing.setdefault(source_place.first_flow + source.flow_variable, []).append(variable)
    waiting = set(flow.incoming)
    queue = deque(sorted(flow.incoming))
    while queue:
        variable = queue.popleft()
        waiting.discard(variable)
        inflows = [_inflow(flow, links[number]) for number in flow.incoming[variable]]
        carried = _united([inflow for inflow in inflows if inflow is not None])
        if carried is None or carried == flow.carried.get(variable):
            continue
        flow.carried[variable] = carried
        for after in outgoing.get(variable, ()):
            if after not in waiting:
                waiting.add(after)
                queue.append(after)


def _inflow(flow: Flow, link: Link) -> Domain | None:
    """What an edge brings into a variable; None while that is nothing."""
    source, source_place, target, _ = link
    if source.kind == "unchecked":
        return ANY
    if source.flow_variable < 0:
        emitted: Domain | None = source.flow
    else:
        emitted = _bounded(source, flow.carried.get(source_place.first_flow + source.flow_variable))
    if emitted is None:
        return None
    if type(emitted) is AnyValue and source.kind == "text":
        # Unknown text stays unknown: bounding it would turn "perhaps" into modes that an edge then loses.
        return ANY
    return meet_domains(emitted, target.flow)


def _bounded(socket: Socket, carried: Domain | None) -> Domain | None:
    return None if carried is None else meet_domains(carried, socket.flow)


def _united(inflows: list[Domain]) -> Domain | None:
    distinct = list(dict.fromkeys(inflows))
    if len(distinct) <= 1:
        return distinct[0] if distinct else None
    union = hull(distinct)
    if type(union) is not Values:
        return ANY
    # Several sources have no common order of preference.
    rank = {mode: str(number) for number, mode in enumerate(TEXT_MODES)}
    return Values(values=tuple(sorted(union.values, key=lambda value: rank.get(str(value), str(value)))))


def _pass_along(flow: Flow, running: list[tuple[int, Link]]) -> None:
    received = flow.received
    for number, (source, source_place, target, target_place) in running:
        if source.kind == "unchecked":
            continue
        emitted = source.flow
        if source.flow_variable >= 0:
            carried = flow.carried.get(source_place.first_flow + source.flow_variable, ANY)
            # What is unknown stays open, also where the variable is bounded.
            emitted = carried if type(carried) is AnyValue else meet_domains(carried, emitted) or ANY
        passed, fault = transfer(source.kind, emitted, target.flow)
        flow.edges[number] = passed
        flow.emitted[number] = emitted
        if fault:
            flow.broken.append((number, fault))
        elif passed.passes is not None:
            port = target_place.first_port + target.index
            arrived, filtered = passed.passes, bool(passed.filtered)
            if port in received:
                arrived, filtered = _united([received[port][0], arrived]) or ANY, filtered or received[port][1]
            received[port] = (arrived, filtered)


_TRANSFERS: dict[tuple[str, Domain, Domain], tuple[EdgeFlow, str]] = {}


def transfer(kind: str, emitted: Domain, understood: Domain) -> tuple[EdgeFlow, str]:
    """What an edge passes, and the kind of conflict if it may not: `lost-mode`, `modes`, `signals` or ""."""
    key = (kind, emitted, understood)
    known = _TRANSFERS.get(key)
    if known is None:
        known = remember(_TRANSFERS, key, _worked_out_transfer(kind, emitted, understood))
    return known


def _worked_out_transfer(kind: str, emitted: Domain, understood: Domain) -> tuple[EdgeFlow, str]:
    if type(emitted) is not Values or type(understood) is not Values:
        return EdgeFlow(passes=meet_domains(emitted, understood)), ""
    passes = meet_domains(emitted, understood)
    lost = tuple([value for value in emitted.values if value not in understood.values])
    flow = EdgeFlow(passes=passes, filtered=lost)
    if kind == "text" and any(mode != "partial" for mode in lost):
        return flow, "lost-mode"
    if passes is None:
        return flow, "modes" if kind == "text" else "signals"
    return flow, ""
