"""Which way an event takes where conditions decide: along an edge out of an output, or through a branch of a
`flow.select`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rsppc.base.names import near_miss
from rsppc.base.record import Record
from rsppc.base.source import Span
from rsppc.conditions import Environment, Evaluator, read_condition
from rsppc.diagnostics import Edit
from rsppc.ir.program import Edge, Program
from rsppc.spectest.failure import Failure, NoProgram, PlanDiffers, UnknownName, shown, written
from rsppc.spectest.suite import Plan
from rsppc.spectest.turn import Opening
from rsppc.spectest.world import Running
from rsppc.turnplan import ResolvedTurnPlan

DROP = "drop"


class Branch(Record):
    """One way of several."""

    name: str
    """Id of the edge as it is without conditional inserts, `node.port` of a select, or `drop`."""
    to: str
    """The input that is reached, or `drop`."""
    when: Any
    """The condition as artifacts carry it; None for what is taken where no other is."""


class Fork(Record):
    """A place at which an event takes one of several ways, in the order in which they are tried."""

    branches: tuple[Branch, ...]
    environment: Environment


class _Undecided(Record):
    """Why it cannot be said which way is taken."""

    why: str


def judge_ways(
    plan: Plan, running: Running, found: ResolvedTurnPlan, opening: Opening
) -> tuple[tuple[tuple[str, str], ...], list[Failure]]:
    """The ways that the events of a block take, each as fork and branch, and where they are not as it says."""
    ways: list[tuple[str, str]] = []
    failures: list[Failure] = []
    for said in plan.said.get("takes", ()):
        fork = fork_at(said["at"], running, found.effective["effective_edges"])
        if fork is None:
            failures.append(_no_fork(said["at"], plan.block.place(said.value_span("at")), running))
            continue
        event = said.get("event", {})
        unknown = [*_unknown_fields(plan, event, fork)]
        taken = _taken(fork, _values(event, opening))
        if unknown or isinstance(taken, _Undecided):
            failures.extend(unknown or [_undecided(taken, plan.block.place(said.key_span("at")))])
            continue
        ways.append((said["at"], taken.name))
        if taken.to != said["to"]:
            place = plan.block.place(said.value_span("to"))
            diagnostic = PlanDiffers(
                at=place,
                path=f"the way from `{said['at']}`",
                found=f"is {shown(taken.to)}",
                wanted=f"not {shown(said['to'])}",
                advice=f"ways are tried in this order: {', '.join(one.name for one in fork.branches)}",
            )
            failures.append(Failure(diagnostic=diagnostic, edits=(Edit(at=place, text=written(taken.to)),)))
    return tuple(ways), failures


def fork_at(name: str, running: Running, edges: dict[str, Any] | None = None) -> Fork | None:
    """The fork at an output with conditional edges, or at a select; None where there is none. `edges` are those of a
    turn, in which rules may have put nodes on them."""
    program = running.compilation.program
    assert program is not None
    if name in program.selects:
        return _fork_of_select(name, running.spec["effective_nodes"][name], program)
    if name not in program.switches:
        return None
    base = running.spec["effective_edges"]
    return _fork_of_output(name, base, base if edges is None else edges, program)


def forks(running: Running) -> list[str]:
    """All forks of a program: outputs, then selects."""
    program = running.compilation.program
    assert program is not None
    return [*sorted(program.switches), *sorted(program.selects)]


def _fork_of_select(node_id: str, node: dict[str, Any], program: Program) -> Fork:
    branches = [
        Branch(name=f"{node_id}.{one['port']}", to=f"{node_id}.{one['port']}", when=one["when"])
        for one in node["branches"]
    ]
    default = f"{node_id}.{node['config']['default']}"
    checked = program.selects[node_id][0][1].checked
    return Fork(branches=(*branches, Branch(name=default, to=default, when=None)), environment=checked.environment)


def _fork_of_output(output: str, base: dict[str, Any], edges: dict[str, Any], program: Program) -> Fork:
    branches: list[Branch] = []
    rest = Branch(name=f"{output}->{DROP}", to=DROP, when=None)
    for edge_id in program.switches[output]:
        when = base[edge_id].get("when")
        to = (edges.get(edge_id) or _split(base[edge_id], edges))["to"]
        if when is not None:
            branches.append(Branch(name=edge_id, to=to, when=when))
        elif base[edge_id].get("otherwise") is True:
            rest = Branch(name=edge_id, to=to, when=None)
    conditional = next(_conditions(output, program.edges))
    return Fork(branches=(*branches, rest), environment=conditional.environment)


def _split(edge: dict[str, Any], edges: dict[str, Any]) -> dict[str, Any]:
    """The first half of an edge on which a rule has put a node: it keeps what decides whether it is taken."""
    decisive = ("from", "when", "otherwise")
    return next(one for one in edges.values() if all(one.get(key) == edge.get(key) for key in decisive))


def _conditions(output: str, edges: tuple[Edge, ...]) -> Iterator[Any]:
    return (one.when.checked for one in edges if str(one.source) == output and one.when is not None)


# --- Events


def _taken(fork: Fork, values: dict[str, object]) -> Branch | _Undecided:
    for branch in fork.branches:
        if branch.when is None:
            return branch
        held = Evaluator(read_condition(branch.when, fork.environment)).holds(values)
        if not isinstance(held, bool):
            why = held.message.rstrip(".")
            return _Undecided(why=f"{why[:1].lower()}{why[1:]}, and `{branch.when['text']}` decides")
        if held:
            return branch
    raise AssertionError("the last branch has no condition")


def _values(event: dict[str, Any], opening: Opening) -> dict[str, object]:
    session = opening.session
    return {
        **{f"event.{name}": value for name, value in event.items()},
        "session.id": session.session_id,
        "session.language": session.language,
        "session.region": session.region,
        "session.channel": session.channel,
        "turn.index": opening.turn.index,
    }


# --- What is wrong with a block


def _undecided(found: object, at: Span) -> Failure:
    assert isinstance(found, _Undecided)
    advice = "say it under `event:`, as in `event: {confidence_milli: 300}`, or under `session:`"
    return Failure(diagnostic=NoProgram(at=at, problem=found.why, advice=advice))


def _unknown_fields(plan: Plan, event: Any, fork: Fork) -> Iterator[Failure]:
    fields = [one.name.removeprefix("event.") for one in fork.environment.declarations if one.name.startswith("event.")]
    for name in event:
        if name not in fields:
            guess = near_miss(name, fields)
            there = ", ".join(f"`{one}`" for one in fields) or "none that a condition could read"
            advice = f"did you mean `{guess}`?" if guess else f"its fields are {there}"
            problem = f"an event here has no field `{name}`"
            at = plan.block.place(event.key_span(name))
            yield Failure(diagnostic=UnknownName(at=at, problem=problem, advice=advice))


def _no_fork(name: str, at: Span, running: Running) -> Failure:
    known = forks(running)
    guess = near_miss(name, known)
    there = ", ".join(f"`{one}`" for one in known) or "none"
    advice = f"did you mean `{guess}`?" if guess else f"outputs with conditional edges, and selects: {there}"
    problem = f"no way is chosen at `{name}`"
    return Failure(diagnostic=UnknownName(at=at, problem=problem, advice=advice))
