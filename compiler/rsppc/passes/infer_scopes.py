"""Decide what lives for the call and what lives for a turn, and check who owns turns.

Session-scoped nodes form the prelude: they run from call start to call end. Data of a turn comes back to session scope
only where it is fenced by turn: at an egress, a transfer, or a join.
"""

from __future__ import annotations

from rsppc.base.record import replace
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Related, Side
from rsppc.ir.catalog import NodeType, Scope
from rsppc.ir.ports import outputs_of
from rsppc.ir.program import CancelPlace, Edge, End, Node, Program
from rsppc.ir.setting import FromModule, Setting, Written, place_of
from rsppc.ir.types import PortType, Values, is_whole_variable
from rsppc.passes.base import Pass, facts


class MixedScopes(Diagnostic):
    """A node that takes its producers' scope cannot have producers of both scopes."""

    code = "RSP4301"
    name = "mixed-scopes"
    headline = "node `{subject}` is fed from the session and from a turn"
    hint = "join the two with a `flow.merge`, which fences the turn's part"


class TurnDataIntoSession(Diagnostic):
    """Data of a turn that was cancelled must not linger in nodes that outlive it."""

    code = "RSP4302"
    name = "turn-data-into-session"
    headline = "edge `{subject}` leads data of a turn into `{target}`, which lives for the whole call"
    hint = "lead it to an egress, or through a `flow.merge`, which fences it by turn"
    target: str


class NoTurnOwner(Diagnostic):
    """Nodes that live for a turn need somebody who opens and commits turns."""

    code = "RSP4303"
    name = "no-turn-owner"
    headline = "pipeline `{subject}` has nodes that live for a turn, but nobody opens turns"
    hint = "{advice}"
    advice: str


class TwoTurnOwners(Diagnostic):
    """Two places that decide about turns would open them twice."""

    code = "RSP4304"
    name = "two-turn-owners"
    headline = "`{subject}` also decides about turns, and nobody listens"
    hint = "join it with `{owner}` in a `flow.merge` and make its output the owner, or remove the node"
    owner: str


class NotATurnSignal(Diagnostic):
    """Turns are opened by an output of type `control<turn>`."""

    code = "RSP4305"
    name = "not-a-turn-signal"
    headline = "`{subject}` does not emit `turn`"
    hint = "{advice}"
    advice: str


class NotACancelSignal(Diagnostic):
    """A cancel is accepted at a control output."""

    code = "RSP4306"
    name = "not-a-cancel-signal"
    headline = "`{subject}` is not a control output"
    hint = "name an output of the ControlLane, such as `vad.barge_in`"


class PreRollWithoutCrossing(Diagnostic):
    """`pre_roll_ms` says how much waits for a turn to open. That happens where data of the call enters a turn, and
    nowhere else, so that elsewhere it decides nothing."""

    code = "RSP4307"
    name = "pre-roll-without-crossing"
    severity = "warning"
    headline = "edge `{subject}` has a `pre_roll_ms`, but does not lead from the call into a turn"
    hint = "remove it, or write it on the edge where data enters the turn"


class PreRollTooLong(Diagnostic):
    """What waits for a turn to open waits in the queue of its edge, so that the queue must hold as much."""

    code = "RSP4308"
    name = "pre-roll-too-long"
    headline = "`pre_roll_ms` of edge `{subject}` is {written} ms, and its queue holds only {bound} ms"
    hint = "raise `max_queue_ms` of the edge, or lower its `pre_roll_ms`"
    written: int
    bound: int


class RepeatedCancel(Diagnostic):
    """An output that is named twice would cancel twice, and nobody could tell under which conditions."""

    code = "RSP4309"
    name = "repeated-cancel"
    headline = "`turns` names `{subject}` twice as a place that cancels"
    hint = "name it once; join two conditions with `||`"


def run(program: Program, sink: DiagnosticSink) -> Program:
    scopes = _scopes(program, sink)
    program = replace(program, scopes=scopes)
    _check_crossings(program, sink)
    _check_pre_rolls(program, sink)
    _check_turns(program, sink)
    return program


def is_join(node_type: NodeType) -> bool:
    """Whether a node type joins streams of one type: its config names inputs that all have its whole-type variable."""
    return any(port.named_by is not None and _is_whole(port.type) for port in node_type.inputs.values())


def _is_whole(port_type: PortType) -> bool:
    return is_whole_variable(port_type.alternatives[0].kind)


def _scopes(program: Program, sink: DiagnosticSink) -> dict[str, Scope]:
    feeding: dict[str, list[Edge]] = {}
    for edge in program.edges:
        if not edge.feedback:
            feeding.setdefault(edge.target.node, []).append(edge)
    scopes: dict[str, Scope] = {}
    for node_id in program.order:
        node = program.nodes[node_id]
        if node.type is None:
            scopes[node_id] = "session"
        elif node.type.scope != "inherit":
            scopes[node_id] = node.type.scope
        else:
            scopes[node_id] = _inherited(node, feeding.get(node_id, []), scopes, sink)
    for node in program.nodes.values():  # a fallback lives as long as what it takes over from
        if node.fallback is not None:
            target = program.nodes.get(node.fallback.to)
            if target is not None and target.type is not None and target.type.scope == "inherit":
                scopes[target.id] = scopes[node.id]
    return scopes


def _inherited(node: Node, edges: list[Edge], scopes: dict[str, Scope], sink: DiagnosticSink) -> Scope:
    found = {scopes.get(edge.source.node, "session") for edge in edges}
    if found == {"session", "turn"}:
        assert node.type is not None
        if not is_join(node.type):
            _report_mixed(node, edges, scopes, sink)
            return "turn"  # that its data crosses back has been said by now
        return "session"
    return "turn" if found == {"turn"} else "session"


_LIVES: dict[Scope, str] = {"session": "the call", "turn": "a turn"}


def _report_mixed(node: Node, edges: list[Edge], scopes: dict[str, Scope], sink: DiagnosticSink) -> None:
    related = tuple(
        Related(at=edge.source.place.span(), text=f"`{edge.source}` lives for {_LIVES[scopes[edge.source.node]]}")
        for edge in edges
    )
    sink.report(MixedScopes(at=node.place.span(), subject=node.id, related=related))


def _check_crossings(program: Program, sink: DiagnosticSink) -> None:
    scopes = program.scopes
    for edge in program.edges:
        if scopes[edge.source.node] != "turn" or scopes[edge.target.node] != "session":
            continue
        target = program.nodes[edge.target.node].type
        if program.lanes.get(edge.id) != "DataLane" or target is None or target.role == "egress" or is_join(target):
            continue
        sides = (
            Side(role="lives for", at=edge.source.place.span(), type="a turn"),
            Side(role="lives for", at=edge.target.place.span(), type="the call"),
        )
        at = edge.target.place.span()
        sink.report(TurnDataIntoSession(at=at, subject=edge.id, target=edge.target.node, sides=sides))


def _check_pre_rolls(program: Program, sink: DiagnosticSink) -> None:
    """What authors write on their edges; what a profile says holds only where it can."""
    for edge in program.edges:
        written = _by_author(edge.settings.get("pre_roll_ms"))
        ends = (program.nodes[edge.source.node], program.nodes[edge.target.node])
        if written is None or any(node.type is None for node in ends):
            continue
        if [program.scopes[node.id] for node in ends] != ["session", "turn"]:
            sink.report(PreRollWithoutCrossing(at=place_of(written), subject=edge.id))
            continue
        bound = _by_author(edge.buffer.get("max_queue_ms"))
        if bound is not None and written.value > bound.value:
            related = (Related(at=place_of(bound), text="the queue"),)
            at = place_of(written)
            sink.report(
                PreRollTooLong(at=at, subject=edge.id, written=written.value, bound=bound.value, related=related)
            )


def _by_author(setting: Setting | None) -> Setting | None:
    """A number that stands on the edge itself, in a spec or in a module."""
    is_written = setting is not None and isinstance(setting.origin, Written | FromModule)
    return setting if setting is not None and is_written and isinstance(setting.value, int) else None


def _check_turns(program: Program, sink: DiagnosticSink) -> None:
    _check_owner(program, sink)
    _check_cancel_places(program, sink)


def _check_owner(program: Program, sink: DiagnosticSink) -> None:
    emitting = turn_outputs(program)
    owner = program.turns.owner
    if owner is None:
        if "turn" in program.scopes.values() and not program.partial and not program.turns.partial:
            advice = f"add `turns: {{owner: {emitting[0]}}}`" if emitting else "add a `speech.endpointing`"
            sink.report(NoTurnOwner(at=program.turns.place.span(), subject=program.pipeline, advice=advice))
        return
    if not _emits_turn(owner, program):
        known = ", ".join(f"`{one}`" for one in emitting)
        advice = f"outputs that do: {known}" if known else "add a `speech.endpointing` and name its output `turn`"
        sink.report(NotATurnSignal(at=owner.place.span(), subject=str(owner), advice=advice))
        return
    consumed = {str(edge.source) for edge in program.edges}
    for output in emitting:
        if output not in consumed and output != str(owner):
            node = program.nodes[output.rsplit(".", 1)[0]]
            related = (Related(at=owner.place.span(), text="the owner of turns"),)
            sink.report(TwoTurnOwners(at=node.place.span(), subject=output, owner=str(owner), related=related))


def _check_cancel_places(program: Program, sink: DiagnosticSink) -> None:
    first: dict[str, CancelPlace] = {}
    for cancel in program.turns.cancels:
        known = first.setdefault(str(cancel.source), cancel)
        if known is not cancel:
            related = (Related(at=known.source.place.span(), text="first here"),)
            sink.report(RepeatedCancel(at=cancel.source.place.span(), subject=str(cancel.source), related=related))
        port = outputs_of(program.nodes[cancel.source.node]).get(cancel.source.port or "")
        if (
            port is not None
            and port.type.alternatives[0].kind not in ("control", "unchecked")
            and not _is_whole(port.type)
        ):
            sink.report(NotACancelSignal(at=cancel.source.place.span(), subject=str(cancel.source)))


def turn_outputs(program: Program) -> list[str]:
    """Outputs that are declared to emit `turn`, by name."""
    return sorted(
        f"{node.id}.{name}"
        for node in program.nodes.values()
        for name, port in outputs_of(node).items()
        if says_turn(port.type)
    )


def _emits_turn(owner: End, program: Program) -> bool:
    port = outputs_of(program.nodes[owner.node]).get(owner.port or "")
    return port is not None and (says_turn(port.type) or _is_whole(port.type))


def says_turn(port_type: PortType) -> bool:
    """Whether a type is declared to carry the signal `turn`."""
    for product in port_type.alternatives:
        if product.kind == "control" and product.terms:
            signals = product.terms[0]
            if isinstance(signals, Values) and "turn" in signals.values:
                return True
    return False


PASS = Pass(name="infer_scopes", run=run, needs=facts("order known", "lanes known"), gives=facts("scopes known"))
