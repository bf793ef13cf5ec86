"""Why a network has no solution: each independent conflict as the shortest chain of declarations that disagree.

Runs only where something disagrees. A class is searched breadth-first from one declaration to the nearest that excludes
it; classes that disagree along the same chain are one conflict in several attributes. Work is bounded, as a hostile
graph may disagree everywhere: beyond the bounds a chain is still true, but perhaps not the shortest.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import pairwise
from typing import TypeAlias

from rsppc.base.record import Record
from rsppc.ir.network import Conflict, Step
from rsppc.ir.solve_flow import Flow
from rsppc.ir.solve_slots import CLASS_ATTRIBUTES, FLOW_ATTRIBUTES, OPEN_SLOTS, Place, Socket, State
from rsppc.ir.types import ANY, AnyValue, Domain, Scalar, Values, meet_domains, only, print_type


class _Member(Record):
    """A port in a class that disagrees: what it says itself, the slot by which it is in, and that slot's variable."""

    said: Domain
    slot: int
    label: str


_Path: TypeAlias = tuple[tuple[int, str], ...]
"""Ports from one end of a chain to the other, each with its link to the next."""


def conflicts_of(state: State, flow: Flow) -> list[Conflict]:
    ports = [(place, state.socket(socket, place)) for place in state.places for socket in place.layout.sockets]
    found = [
        *_misfit_conflicts(state, ports),
        *_class_conflicts(state, ports),
        *_flow_conflicts(state, flow, ports),
    ]
    found.sort(key=lambda entry: entry[0])
    return [conflict for _, conflict in found]


_Found: TypeAlias = tuple[tuple[int, int, str, _Path], Conflict]
"""A conflict and its place among the others: where its chain begins and ends."""


def _misfit_conflicts(state: State, ports: list[tuple[Place, Socket]]) -> Iterator[_Found]:
    for number in state.misfits:
        yield _conflict(ports, ((_end(state, number, 0), "edge"), (_end(state, number, 2), "")), "kind", ("kind",))


def _end(state: State, number: int, side: int) -> int:
    """The port at one end of an edge: side 0 is its source, side 2 its target."""
    link = state.links[number]
    assert link is not None  # only edges that join two ports are ever reported
    return (link[1].first_port + link[0].index) if side == 0 else (link[3].first_port + link[2].index)


def _conflict(
    ports: list[tuple[Place, Socket]],
    path: _Path,
    kind: str,
    differs: tuple[str, ...],
    lost: tuple[Scalar, ...] = (),
) -> _Found:
    steps = tuple(
        Step(node=ports[port][0].node, port=ports[port][1].name, type=print_type(ports[port][1].type), link=link)
        for port, link in path
    )
    agrees = _agreeing(ports[path[0][0]][1], ports[path[-1][0]][1], differs)
    found = Conflict(kind=kind, differs=differs, agrees=agrees, chain=steps, lost=lost)
    return (path[0][0], path[-1][0], kind, path), found


def _agreeing(first: Socket, last: Socket, differs: tuple[str, ...]) -> tuple[str, ...]:
    if first.kind != last.kind or not first.kind:
        return ()
    return tuple(
        attribute
        for attribute, ours, theirs in zip(CLASS_ATTRIBUTES[first.kind], first.said, last.said, strict=True)
        if attribute not in differs
        and type(ours) is not AnyValue
        and type(theirs) is not AnyValue
        and meet_domains(ours, theirs) is not None
    )


def _class_conflicts(state: State, ports: list[tuple[Place, Socket]]) -> Iterator[_Found]:
    """One conflict per chain: classes that disagree along the same ports are one conflict in several attributes."""
    classes, silenced = _disagreeing_classes(state, ports)
    adjacent = _adjacent_ports(state)
    chains: dict[tuple[int, ...], tuple[_Path, list[str]]] = {}
    for root, (attribute, members) in classes.items():
        if root in silenced:
            continue
        path = _shortest_disagreement(members, adjacent)
        _, attributes = chains.setdefault(tuple(port for port, _ in path), (path, []))
        attributes.append(attribute)
    for path, attributes in chains.values():
        kind = "attribute" if len(path) == 2 and path[0][1] == "edge" else "variable"
        if attributes[0] in ("kind", "schema"):
            kind = "kind" if attributes[0] == "kind" else "record"
        in_order = tuple([attribute for attribute in OPEN_SLOTS if attribute in attributes])
        yield _conflict(ports, path, kind, in_order)


def _disagreeing_classes(
    state: State, ports: list[tuple[Place, Socket]]
) -> tuple[dict[int, tuple[str, dict[int, _Member]]], set[int]]:
    """The members of every class that clashes, and the classes that clash only because a kind does."""
    parent = state.parent
    clashed = set(state.clashes)
    classes: dict[int, tuple[str, dict[int, _Member]]] = {}
    silenced: set[int] = set()
    for port, (place, socket) in enumerate(ports):
        base = place.first_slot
        attributes = CLASS_ATTRIBUTES[socket.kind] if socket.kind else OPEN_SLOTS
        for attribute, offset, said, label in zip(attributes, socket.offsets, socket.said, socket.labels, strict=True):
            root = parent[base + offset]
            if root in clashed:
                member = _Member(said=said, slot=base + offset, label=label)
                classes.setdefault(root, (attribute, {}))[1][port] = member
        declared = place.layout.sockets[socket.index]
        if not declared.kind and parent[base + declared.offsets[0]] in clashed:
            silenced.update([parent[base + offset] for offset in declared.offsets[1:]])
            root = parent[base + declared.offsets[0]]
            label = declared.labels[0]
            classes.setdefault(root, ("kind", {}))[1][port] = _Member(
                said=ANY, slot=base + declared.offsets[0], label=label
            )
    for slot, kind, port in state.facts:
        if parent[slot] in clashed:
            members = classes[parent[slot]][1]
            known = members.get(port)
            members[port] = _Member(
                said=only(kind), slot=known.slot if known else -1, label=known.label if known else ""
            )
    return classes, silenced


def _adjacent_ports(state: State) -> dict[int, list[int]]:
    adjacent: dict[int, set[int]] = {}
    misfits = set(state.misfits)
    for number, link in enumerate(state.links):
        if link is None or number in misfits:
            continue
        source, target = _end(state, number, 0), _end(state, number, 2)
        adjacent.setdefault(source, set()).add(target)
        adjacent.setdefault(target, set()).add(source)
    return {port: sorted(others) for port, others in adjacent.items()}


def _shortest_disagreement(members: dict[int, _Member], adjacent: dict[int, list[int]]) -> _Path:
    """The shortest chain between two members whose own declarations have nothing in common."""
    tied: dict[int, list[int]] = {}
    speakers: dict[Domain, list[int]] = {}
    for port in sorted(members):
        member = members[port]
        if member.label:
            tied.setdefault(member.slot, []).append(port)
        if type(member.said) is not AnyValue:
            speakers.setdefault(member.said, []).append(port)
    best: _Path = ()
    # One search per distinct declaration finds the shortest; a hostile class has thousands, so their sum is bounded.
    budget = 16 * len(members) + 1024
    for said, starts in speakers.items():
        against = {port for port, member in members.items() if meet_domains(member.said, said) is None}
        budget -= len(members)
        path = _path(starts, against, members, adjacent, tied)
        if path and (not best or len(path) < len(best)):
            best = path
        if len(best) == 2 or budget < 0:
            break
    if not best:
        best = _joint_disagreement(members, adjacent, tied)
    return best if best[0][0] < best[-1][0] else _reversed_path(best)


def _path(
    starts: list[int],
    goals: set[int],
    members: dict[int, _Member],
    adjacent: dict[int, list[int]],
    tied: dict[int, list[int]],
) -> _Path:
    """The shortest way inside a class from any start to any goal, or () where there is none."""
    came_from: dict[int, tuple[int, str]] = dict.fromkeys(starts, (-1, ""))
    queue = deque(starts)
    spent: set[int] = set()
    while queue:
        port = queue.popleft()
        if port in goals:
            return _walked(came_from, port)
        member = members[port]
        for other in adjacent.get(port, ()):
            if other in members and other not in came_from:
                came_from[other] = (port, "edge")
                queue.append(other)
        # A join node ties thousands of ports together; looking at them once is enough.
        if member.label and member.slot not in spent:
            spent.add(member.slot)
            for other in tied[member.slot]:
                if other not in came_from:
                    came_from[other] = (port, member.label)
                    queue.append(other)
    return ()


def _walked(came_from: dict[int, tuple[int, str]], goal: int) -> _Path:
    path = [(goal, "")]
    before, link = came_from[goal]
    while before >= 0:
        path.append((before, link))
        before, link = came_from[before]
    return tuple(reversed(path))


def _reversed_path(path: _Path) -> _Path:
    links = [link for _, link in path[:-1]]
    backwards = [port for port, _ in reversed(path)]
    return tuple(zip(backwards, [*reversed(links), ""], strict=True))


def _joint_disagreement(
    members: dict[int, _Member], adjacent: dict[int, list[int]], tied: dict[int, list[int]]
) -> _Path:
    """The chain through several declarations of which only all together are impossible."""
    speaking = [(port, members[port].said) for port in sorted(members) if type(members[port].said) is not AnyValue]
    core = _impossible_together(speaking)
    path: list[tuple[int, str]] = []
    for port, following in pairwise(core):
        path = [*path[:-1], *_path([port], {following}, members, adjacent, tied)]
    return tuple(path) or tuple((port, "") for port, _ in speaking[:2])


def _impossible_together(speaking: list[tuple[int, Domain]]) -> list[int]:
    """A smallest set of declarations that have nothing in common, found from the front."""
    core: list[int] = []
    together: Domain = ANY
    while True:
        straw = _straw_that_breaks(together, speaking)
        if straw is None:
            return sorted(core)
        port, said = speaking[straw]
        core.append(port)
        narrowed = meet_domains(together, said)
        if narrowed is None:
            return sorted(core)
        together, speaking = narrowed, speaking[:straw]


def _straw_that_breaks(left: Domain, speaking: list[tuple[int, Domain]]) -> int | None:
    """The first declaration after which nothing is left."""
    for number, (_, said) in enumerate(speaking):
        both = meet_domains(left, said)
        if both is None:
            return number
        left = both
    return None


_MAX_TRACED = 256
"""How many broken edges are traced to whoever emits what they lose; the others tell their two ends."""


def _flow_conflicts(state: State, flow: Flow, ports: list[tuple[Place, Socket]]) -> Iterator[_Found]:
    broken = sorted((_end(state, number, 0), _end(state, number, 2), number, fault) for number, fault in flow.broken)
    for place, (source, target, number, fault) in enumerate(broken):
        lost = flow.edges[number].filtered
        if fault == "lost-mode":
            lost = tuple([mode for mode in lost if mode != "partial"])
        path: _Path = ((source, "edge"), (target, ""))
        if place < _MAX_TRACED:
            path = _path_of_flow(state, flow, number, lost)
        yield _conflict(ports, path, fault, (FLOW_ATTRIBUTES[ports[source][1].kind],), lost)


def _path_of_flow(state: State, flow: Flow, number: int, lost: tuple[Scalar, ...]) -> _Path:
    """The shortest way, backwards through variables, from an edge that loses something to whoever emits it."""
    came_from: dict[int, int] = {number: -1}
    spent: set[int] = set()
    queue = deque([number])
    origin = number
    while queue:
        origin = queue.popleft()
        link = state.links[origin]
        assert link is not None  # only edges that join two ports are followed
        source = state.socket(link[0], link[1])
        if source.flow_variable < 0:
            break
        variable = link[1].first_flow + source.flow_variable
        feeding = [] if variable in spent else flow.incoming.get(variable, [])
        spent.add(variable)
        # By port, not by edge, so that the chain told is the same in whatever order edges were given.
        for before in sorted(feeding, key=lambda number: (_end(state, number, 2), _end(state, number, 0))):
            emitted = flow.emitted.get(before, ANY)
            if before not in came_from and type(emitted) is Values and set(lost) & set(emitted.values):
                came_from[before] = origin
                queue.append(before)
    path: list[tuple[int, str]] = []
    while origin >= 0:
        link = state.links[origin]
        assert link is not None  # as above
        label = state.socket(link[2], link[3]).flow_label if came_from[origin] >= 0 else ""
        path += [(_end(state, origin, 0), "edge"), (_end(state, origin, 2), label)]
        origin = came_from[origin]
    return tuple(path)
