"""Which alternative each port takes, where its type has several.

Alternatives that contradict a class or a neighbour are dropped until nothing changes (arc consistency); then the first
that is left is fixed, port by port in topological order, and the dropping goes on. Networks whose types have a single
alternative, which is nearly all of them, never come here.
"""

from __future__ import annotations

from collections import deque
from typing import TypeAlias

from rsppc.ir.solve_flow import transfer
from rsppc.ir.solve_slots import (
    CLASS_ATTRIBUTES,
    FLOW_ATTRIBUTES,
    OPEN_POSITIONS,
    OPEN_SLOTS,
    Place,
    Socket,
    State,
    gather,
    join,
    order_rule,
    root_of,
)
from rsppc.ir.types import ANY, AnyValue, Domain, hull, meet_domains, only


def choose_alternatives(state: State) -> None:
    """Filter alternatives until nothing changes, then fix the first that is left, port by port in topological order."""
    gather(state)
    choosing = _Choosing(state)
    committed: set[int] = set()
    for port, alternatives in choosing.left.items():
        _filter_alternatives(choosing, committed)
        state.settled_by[port] = "unified" if len(alternatives) == 1 else "first_alternative"
        if len(alternatives) > 1:
            del alternatives[1:]
            choosing.queue.append(port)
    _filter_alternatives(choosing, committed)
    for port, alternatives in choosing.left.items():
        chosen, place = alternatives[0], choosing.place_of[port]
        for own, shared in chosen.joins:
            join(state.parent, place.first_slot + own, place.first_slot + shared)
        state.actual[port] = chosen
        state.facts.append((place.first_slot + choosing.socket_of[port].offsets[0], chosen.kind, port))
        said = zip(chosen.offsets, chosen.said, strict=True)
        state.extra.setdefault(place.first_slot, []).extend(
            [(offset, domain, order_rule(domain, chosen)) for offset, domain in said if type(domain) is not AnyValue]
        )


class _Choosing:
    """The alternatives that are left to each port, and who must look again when a class or a neighbour changes."""

    __slots__ = ("budget", "domains", "left", "neighbours", "parent", "place_of", "queue", "socket_of", "watchers")

    def __init__(self, state: State) -> None:
        self.parent, self.domains = state.parent, state.domains
        self.left: dict[int, list[Socket]] = {}
        self.socket_of: dict[int, Socket] = {}
        self.place_of: dict[int, Place] = {}
        self.watchers: dict[int, list[int]] = {}
        self.neighbours: dict[int, list[tuple[bool, Socket, int]]] = {}
        for socket, place in state.choices:
            port = place.first_port + socket.index
            self.left[port] = list(socket.alternatives)
            self.socket_of[port], self.place_of[port] = socket, place
            shared = [slot for alternative in socket.alternatives for _, slot in alternative.joins]
            for offset in dict.fromkeys([*socket.offsets, *shared]):
                self.watchers.setdefault(root_of(self.parent, place.first_slot + offset), []).append(port)
        for source, source_place, target, target_place in filter(None, state.links):
            ends = source_place.first_port + source.index, target_place.first_port + target.index
            if ends[0] in self.left:
                self.neighbours.setdefault(ends[0], []).append((True, target, ends[1]))
            if ends[1] in self.left:
                self.neighbours.setdefault(ends[1], []).append((False, source, ends[0]))
        for others in self.neighbours.values():
            # By port, not by edge: where nothing fits, the order of the search shows in its result.
            others.sort(key=lambda other: (other[2], other[0]))
        self.queue = deque(self.left)
        # Comparisons of two alternatives. No real graph comes near it; hostile ones take the first that is left.
        self.budget = 64 * len(self.left) + 100_000

    def domain(self, slot: int) -> Domain:
        return self.domains.get(root_of(self.parent, slot), ANY)


def _filter_alternatives(choosing: _Choosing, committed: set[int]) -> None:
    queue = choosing.queue
    while queue and choosing.budget > 0:
        port = queue.popleft()
        left = choosing.left[port]
        before = len(left)
        if before > 1:
            facing = _facing(choosing, port)
            faults = [_faults(choosing, port, alternative, facing) for alternative in left]
            fewest = min(faults)
            # Where nothing fits, the closest goes on, and the usual report of its class says what is wrong.
            kept = [alternative for alternative, count in zip(left, faults, strict=True) if count == 0]
            left[:] = kept or [left[faults.index(fewest)]]
        if len(left) == 1 and port not in committed:
            committed.add(port)
            _commit(choosing, port, left[0])
        changed = _narrow_classes(choosing, port, left)
        queue.extend(changed)
        if len(left) < before or changed:
            queue.extend([other for _, _, other in choosing.neighbours.get(port, ()) if other in choosing.left])


_Facing: TypeAlias = list[tuple[bool, list[tuple[Socket, list[Domain | None] | None]]]]
"""Per edge of a port: whether the port is its source, and what the other end may be, with what is possible there."""


def _facing(choosing: _Choosing, port: int) -> _Facing:
    facing: _Facing = []
    for is_source, other, other_port in choosing.neighbours.get(port, ()):
        others = choosing.left.get(other_port)
        if others is None:
            # Its attributes are in the classes already; what it emits or understands is not.
            facing.append((is_source, [(other, None)]))
        else:
            facing.append((is_source, [(each, _possible(choosing, other_port, each)) for each in others]))
    return facing


def _faults(choosing: _Choosing, port: int, alternative: Socket, facing: _Facing) -> int:
    """In how many attributes an alternative contradicts its classes and its neighbours; another kind counts most."""
    socket, base = choosing.socket_of[port], choosing.place_of[port].first_slot
    if meet_domains(choosing.domain(base + socket.offsets[0]), only(alternative.kind)) is None:
        return 100
    possible = _possible(choosing, port, alternative)
    faults = possible.count(None)
    for is_source, others in facing:
        faults += not any(_pair_fits(choosing, alternative, possible, is_source, *other) for other in others)
    return faults


def _pair_fits(
    choosing: _Choosing,
    alternative: Socket,
    possible: list[Domain | None],
    is_source: bool,
    other: Socket,
    possible_there: list[Domain | None] | None,
) -> bool:
    choosing.budget -= 1
    if possible_there is not None and (alternative.kind != other.kind or not _all_meet(possible, possible_there)):
        return False
    return _flow_fits(alternative, other) if is_source else _flow_fits(other, alternative)


def _possible(choosing: _Choosing, port: int, alternative: Socket) -> list[Domain | None]:
    """What an alternative can still have in each attribute, given its port's classes and its variables."""
    choosing.budget -= 1
    socket, base = choosing.socket_of[port], choosing.place_of[port].first_slot
    possible: list[Domain | None] = []
    positions = OPEN_POSITIONS[alternative.kind]
    for position, offset, said in zip(positions, alternative.offsets, alternative.said, strict=True):
        own = meet_domains(choosing.domain(base + socket.offsets[position]), said)
        possible.append(own if own is None else meet_domains(choosing.domain(base + offset), own))
    return possible


def _all_meet(ours: list[Domain | None], theirs: list[Domain | None]) -> bool:
    # What is impossible at one end already is counted there.
    pairs = zip(ours, theirs, strict=True)
    return all(left is None or right is None or meet_domains(left, right) is not None for left, right in pairs)


def _flow_fits(source: Socket, target: Socket) -> bool:
    """Whether two ports may meet on an edge and lose no mode that matters."""
    if source.kind != target.kind or source.kind not in FLOW_ATTRIBUTES:
        # Kinds are compared elsewhere: an open neighbour has none yet.
        return True
    if source.flow_variable >= 0:
        return meet_domains(source.flow, target.flow) is not None
    return not transfer(source.kind, source.flow, target.flow)[1]


def _commit(choosing: _Choosing, port: int, chosen: Socket) -> None:
    """Join the slots of a port with those of the variables that its only alternative names."""
    parent, domains, watchers = choosing.parent, choosing.domains, choosing.watchers
    base = choosing.place_of[port].first_slot
    for own, shared in chosen.joins:
        first, second = root_of(parent, base + own), root_of(parent, base + shared)
        if first == second:
            continue
        both = meet_domains(domains.get(first, ANY), domains.get(second, ANY)) or ANY
        root = join(parent, first, second)
        domains[root] = both
        watching = [*watchers.pop(first, ()), *watchers.pop(second, ())]
        watchers[root] = watching
        choosing.queue.extend(watching)


def _narrow_classes(choosing: _Choosing, port: int, left: list[Socket]) -> list[int]:
    """Narrow the classes of a port to what its alternatives leave possible; the ports that must look again."""
    socket, base = choosing.socket_of[port], choosing.place_of[port].first_slot
    narrowed: list[tuple[int, Domain]] = [(socket.offsets[0], hull([only(each.kind) for each in left]))]
    for position, attribute in enumerate(OPEN_SLOTS):
        said = [
            each.said[CLASS_ATTRIBUTES[each.kind].index(attribute)]
            for each in left
            if attribute in CLASS_ATTRIBUTES[each.kind]
        ]
        if len(said) == len(left):
            narrowed.append((socket.offsets[position], hull(said)))
    again: list[int] = []
    for offset, domain in narrowed:
        root = root_of(choosing.parent, base + offset)
        known = choosing.domains.get(root, ANY)
        both = meet_domains(known, domain)
        if both is not None and both != known:
            choosing.domains[root] = both
            again.extend([watcher for watcher in choosing.watchers.get(root, ()) if watcher != port])
    return again
