"""Turns of a program, resolved as a runtime would, against what the blocks `plan` say of them."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from rsppc.base.json_pointer import pointer_of
from rsppc.base.names import near_miss
from rsppc.base.record import Record
from rsppc.base.source import Span
from rsppc.diagnostics import Edit
from rsppc.ir.effective_path import steps_to
from rsppc.spectest.claims import MISSING, advice_for, unknown_setting, value_at
from rsppc.spectest.failure import Failure, NoProgram, OtherDecision, PlanDiffers, UnknownName, shown, written
from rsppc.spectest.fragment import Difference, differences, same
from rsppc.spectest.suite import Plan, Test
from rsppc.spectest.turn import Opening, opening_of
from rsppc.spectest.ways import judge_ways
from rsppc.spectest.world import Running, World
from rsppc.turnplan import DecisionOutcome, ResolvedTurnPlan
from rsppc.turnplan.explain import decisions


class Resolved(Record):
    """A turn that a test resolved, for whoever counts what was exercised."""

    running: Running
    plan: ResolvedTurnPlan | DecisionOutcome
    ways: tuple[tuple[str, str], ...] = ()
    """Outputs with conditions and selects, each with the branch that an event took."""


class Judged(Record):
    """What became of one block."""

    failures: tuple[Failure, ...]
    resolved: Resolved | None = None


def judge_plan(plan: Plan, test: Test, world: World) -> Judged:
    """Where a turn is not decided as its block says."""
    said, block = plan.said, plan.block
    entry = world.entry_named(said.get("bundle", ""))
    if isinstance(entry, str):
        return _unjudged(block.fence, entry, advice_for(world, "name it with `bundle:`"))
    running = world.running(entry)
    if running is None:
        return _unjudged(block.fence, f"`{entry.ref}` does not compile", "repair what is wrong with its files first")
    opening = opening_of(said, world)
    if isinstance(opening, str):
        return _unjudged(block.fence, opening, "`snapshot:` names a ControlPlaneSnapshot, as in `local/v1`")
    found = running.resolver.resolve(opening.session, opening.turn, opening.plane, opening.capabilities)
    if isinstance(found, DecisionOutcome):
        return Judged(failures=tuple(_judge_outcome(plan, found)), resolved=Resolved(running=running, plan=found))
    if "outcome" in said:
        at = block.place(said.key_span("outcome"))
        kind = said["outcome"].get("outcome_kind")
        expected = f"the outcome `{kind}`" if kind is not None else "an outcome"
        advice = "write what must be in the plan under `plan:`, or change the turn so that it cannot open"
        failure = OtherDecision(at=at, decided="opens with a plan", expected=expected, advice=advice)
        return Judged(failures=(Failure(diagnostic=failure),), resolved=Resolved(running=running, plan=found))
    failures = [*_judge_fragment(plan, running, found, opening), *_judge_values(plan, running, found)]
    failures += _judge_applies(plan, running, found)
    ways, wrong = judge_ways(plan, running, found, opening)
    return Judged(failures=(*failures, *wrong), resolved=Resolved(running=running, plan=found, ways=ways))


def _unjudged(at: Span, problem: str, advice: str) -> Judged:
    return Judged(failures=(Failure(diagnostic=NoProgram(at=at, problem=problem, advice=advice)),))


# --- Outcomes


def _judge_outcome(plan: Plan, found: DecisionOutcome) -> Iterator[Failure]:
    said, block = plan.said, plan.block
    told = f"gets `{found.outcome_kind}` because of `{found.reason}`"
    if "outcome" not in said:
        key = next(one for one in ("plan", "values", "applies", "applies_not", "takes") if one in said)
        advice = f"{found.detail}; " if found.detail else ""
        advice += f"expect it with `outcome: {{outcome_kind: {found.outcome_kind}, reason: {written(found.reason)}}}`"
        at = block.place(said.key_span(key))
        yield Failure(diagnostic=OtherDecision(at=at, decided=told, expected="a plan", advice=advice))
        return
    for one in differences(said["outcome"], found.value()):
        yield _differs(plan, one, f"`outcome.{one.path}`", found.detail or f"the turn {told}")


# --- Plans


def _judge_fragment(plan: Plan, running: Running, found: ResolvedTurnPlan, opening: Opening) -> Iterator[Failure]:
    if "plan" not in plan.said:
        return
    whole = msgspec.json.decode(found.encode())
    for one in differences(plan.said["plan"], whole):
        advice = "`rsppc resolve` prints the whole plan"
        path = one.path.removeprefix("contract.")
        if path != one.path:
            decided = decisions(running.resolver.bundle, found, opening.plane, path)
            if decided:
                because = f", because {decided[0].condition}" if decided[0].condition else ""
                advice = f"it is decided by `{decided[0].label}`{because}"
        yield _differs(plan, one, f"`{one.path}`", advice)


def _differs(plan: Plan, one: Difference, path: str, advice: str) -> Failure:
    block = plan.block
    if one.key is None:
        at = block.place(Span(source=one.container.source, start=one.container.start, end=one.container.start + 1))
        diagnostic = PlanDiffers(
            at=at, path=path, found=f"is {shown(one.found)}", wanted="and nothing else is expected", advice=advice
        )
        whole = block.place(Span(source=one.container.source, start=one.container.start, end=one.container.end))
        return Failure(diagnostic=diagnostic, edits=(Edit(at=whole, text=written(one.whole)),))
    at = block.place(one.container.value_span(one.key))
    found = f"is {shown(one.found)}" if one.is_there else "is not there"
    wanted = f"not {shown(one.expected)}" if one.expected is not None else "and must not be there"
    diagnostic = PlanDiffers(at=at, path=path, found=found, wanted=wanted, advice=advice)
    return Failure(diagnostic=diagnostic, edits=(Edit(at=at, text=written(one.found)),))


def _judge_values(plan: Plan, running: Running, found: ResolvedTurnPlan) -> Iterator[Failure]:
    said = plan.said.get("values", {})
    if not said:
        return
    effective = {**running.spec, **found.effective}
    for path, expected in said.items():
        value = value_at(effective, steps_to(path))
        if value is MISSING:
            if expected is not None:
                at = plan.block.place(said.key_span(path))
                yield Failure(diagnostic=unknown_setting(path, at, running))
        elif not same(expected, value) or (expected is None and value is not None):
            pointer = pointer_of(steps_to(path))
            label = found.variant.decided.get(pointer) or running.spec["defaulting_sources"].get(pointer, "")
            advice = f"it is set by `{label}`" if label else "`rsppc test --update` writes what is found"
            at = plan.block.place(said.value_span(path))
            diagnostic = PlanDiffers(
                at=at, path=f"`{path}`", found=f"is {shown(value)}", wanted=f"not {shown(expected)}", advice=advice
            )
            yield Failure(diagnostic=diagnostic, edits=(Edit(at=at, text=written(value)),))


def applied(running: Running, plan: ResolvedTurnPlan) -> tuple[str, ...]:
    """The layers and rules that hold in a turn: those that were chosen, and those that always hold."""
    chosen = plan.selection
    program = running.compilation.program
    assert program is not None
    inserted = {f"{one.ref}/{rule.id}" for one in program.policies for rule in one.insert_rules if rule.when is None}
    labels = (label.split("/") for label in set(running.spec["defaulting_sources"].values()))
    always = {"/".join(steps[2:4]) for steps in labels if steps[0] == "layer" and len(steps) >= 4}
    return tuple(
        sorted(
            {
                *always,
                *inserted,
                *(one["layer"] for one in chosen["layers"]),
                *(one["rule"] for one in chosen["providers"].values()),
                *chosen["degrade"],
                *chosen["insert"],
            }
        )
    )


def _known(running: Running) -> set[str]:
    program = running.compilation.program
    assert program is not None
    names = {layer.ref for layer in program.layers}
    for policy in program.policies:
        ids = [rule.id for rule in policy.provider_rules]
        ids += [rule.id for rule in policy.degrade_rules]
        ids += [rule.id for rule in policy.insert_rules]
        names.update(f"{policy.ref}/{rule_id}" for rule_id in ids)
    return names


def _judge_applies(plan: Plan, running: Running, found: ResolvedTurnPlan) -> Iterator[Failure]:
    holding, known = applied(running, found), _known(running)
    for key, should_hold in (("applies", True), ("applies_not", False)):
        said = plan.said.get(key, ())
        for index, name in enumerate(said):
            at = plan.block.place(said.value_span(index))
            if name not in known:
                guess = near_miss(name, known)
                there = ", ".join(f"`{one}`" for one in sorted(known)[:6]) or "none"
                advice = f"did you mean `{guess}`?" if guess else f"there are {there}"
                problem = f"`{running.ref}` has no layer and no rule `{name}`"
                yield Failure(diagnostic=UnknownName(at=at, problem=problem, advice=advice))
            elif (name in holding) != should_hold:
                state, wanted = ("does not hold", "and should") if should_hold else ("holds", "and should not")
                advice = f"what holds: {', '.join(f'`{one}`' for one in holding) or 'nothing'}"
                kept = [one for one in said if (one in holding) == should_hold or one not in known]
                whole = plan.block.place(plan.said.value_span(key))
                yield Failure(
                    diagnostic=PlanDiffers(at=at, path=f"`{name}`", found=state, wanted=wanted, advice=advice),
                    edits=(Edit(at=whole, text=written(kept)),),
                )
