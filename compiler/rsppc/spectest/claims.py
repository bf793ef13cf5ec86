"""Types, values and figures of a program against what a page says of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from rsppc.base.json_pointer import pointer_of, steps_of
from rsppc.base.names import near_miss
from rsppc.base.source import Span
from rsppc.diagnostics import Edit
from rsppc.emit.edges import passing
from rsppc.ir.effective_path import path_of, steps_to
from rsppc.ir.ports import solver_input
from rsppc.ir.program import Program
from rsppc.ir.types import print_type
from rsppc.lowering.artifacts import Artifact
from rsppc.spectest.expectation import Reveal, Value
from rsppc.spectest.failure import (
    Failure,
    NoProgram,
    ProofDiffers,
    TypeDiffers,
    UnknownName,
    ValueDiffers,
    shown,
    written,
)
from rsppc.spectest.fragment import same
from rsppc.spectest.proof import Figure, Proof, Proved
from rsppc.spectest.suite import Test
from rsppc.spectest.world import Running, World

MISSING: Any = object()
_REPAIR = "repair what is wrong with its files first"


def judge_claims(test: Test, world: World) -> Iterator[Failure]:
    """Where a program is not what comments and proofs of a test say."""
    for path in test.own:
        claims = [one for one in test.expected[path] if isinstance(one, Reveal | Value)]
        if claims:
            entry = _entry_of(path, world)
            for claim in claims:
                yield from _judge(claim, claim.at, entry, world, path)
    for proof in test.proofs:
        yield from _judge(proof.claim, proof.at, world.entry_named(proof.bundle), world, "")


def _entry_of(path: str, world: World) -> Artifact | str:
    """The program that a source is a part of; of several that one of the source itself, else the first."""
    tested = world.tested()
    own = [one for one in tested if one.path == path]
    return next(iter(own or tested), None) or world.entry_named("")


def advice_for(world: World, advice: str) -> str:
    """What to do where no program is meant; mostly the files stand in a section beside this one."""
    return (
        advice if world.entries() else "a section inherits the files of the sections around it, not of those beside it"
    )


def _judge(
    claim: Figure | Proved | Reveal | Value, at: Span, entry: Artifact | str, world: World, path: str
) -> Iterator[Failure]:
    if isinstance(entry, str):
        yield Failure(
            diagnostic=NoProgram(at=at, problem=entry, advice=advice_for(world, "name it behind `proofs`, or add it"))
        )
        return
    if isinstance(claim, Reveal):
        program = world.compiled(entry).program
        if program is not None and program.solution is not None:
            yield from _judge_type(claim, program, path)
            return
    running = world.running(entry)
    if running is None:
        problem = f"`{entry.ref}` does not compile"
        yield Failure(diagnostic=NoProgram(at=at, problem=problem, advice=_REPAIR))
    elif isinstance(claim, Value):
        yield from _judge_value(claim, running)
    elif isinstance(claim, Figure):
        yield from _judge_figure(claim, running)
    elif isinstance(claim, Proved):
        yield from _judge_proved(claim, running)


# --- Types


def _judge_type(claim: Reveal, program: Program, path: str) -> Iterator[Failure]:
    found = _type_of(claim.port, program) if claim.port else _type_on_line(claim, program, path)
    if found is None and not claim.port:
        problem = "there is no edge on this line whose type could be meant"
        yield Failure(diagnostic=UnknownName(at=claim.at, problem=problem, advice="write `# reveal: NODE.PORT = TYPE`"))
    elif found is None:
        yield Failure(diagnostic=_unknown_port(claim, claim.port, program))
    elif " ".join(claim.type.split()) != found:
        text = f"{claim.port} = {found}" if claim.port else found
        yield Failure(
            diagnostic=TypeDiffers(
                at=claim.at,
                port=f"`{claim.port}`" if claim.port else "what passes here",
                found=found,
                wanted=f"not `{claim.type}`" if claim.type else "and the comment says nothing yet",
            ),
            edits=(Edit(at=claim.at, text=text),),
        )


def _type_on_line(claim: Reveal, program: Program, path: str) -> str | None:
    """What passes on the edge that is written on a line: less than its source produces, where its target takes less."""
    assert program.solution is not None
    for edge, flow in zip(program.edges, program.solution.edges, strict=False):
        at = edge.source.place.span()
        if at.source.path == path and at.location()[1] == claim.line:
            produced = program.solution.types.get(edge.source.node, {}).get(edge.source.port or "")
            return passing(produced, flow).get("type")
    return None


def _type_of(port: str, program: Program) -> str | None:
    """The type of a port: of an output, unless it is an input, or called one."""
    assert program.solution is not None
    node, _, name = port.removeprefix("in ").rpartition(".")
    types = program.solution.types.get(node, {})
    names = [solver_input(name)] if port.startswith("in ") else [name, solver_input(name)]
    return next((print_type(types[one]) for one in names if one in types), None)


def _unknown_port(claim: Reveal, port: str, program: Program) -> UnknownName:
    assert program.solution is not None
    node = port.removeprefix("in ").rpartition(".")[0]
    known = [
        f"{name}.{one.removeprefix('>')}" for name, types in sorted(program.solution.types.items()) for one in types
    ]
    guess = near_miss(port.removeprefix("in "), known)
    mine = sorted({one for one in known if one.rpartition(".")[0] == node})
    advice = f"did you mean `{guess}`?" if guess else f"there are {', '.join(f'`{one}`' for one in mine) or 'others'}"
    return UnknownName(at=claim.at, problem=f"there is no port `{port}`", advice=advice)


# --- Values


def value_at(document: Any, steps: tuple[str, ...]) -> Any:
    """What stands in a document; `MISSING` where nothing does."""
    found = document
    for step in steps:
        if isinstance(found, dict) and step in found:
            found = found[step]
        elif isinstance(found, list) and step.isdigit() and int(step) < len(found):
            found = found[int(step)]
        else:
            return MISSING
    return found


def _judge_value(claim: Value, running: Running) -> Iterator[Failure]:
    steps = steps_to(claim.path)
    found = value_at(running.spec, steps)
    if found is MISSING:
        yield Failure(diagnostic=unknown_setting(claim.path, claim.at, running))
        return
    pointer = pointer_of(steps)
    label = running.spec["defaulting_sources"].get(pointer, "")
    behind = f" from {label}" if claim.origin and label else ""
    edits = (Edit(at=claim.at, text=f"{claim.path} = {written(found)}{behind}"),)
    said = _read(claim.value)
    told = f"set by `{label}`" if label else "several values, each with an origin of its own"
    advice = f"it is {told}; `rsppc why {running.ref} {claim.path}` tells the whole story"
    if not claim.value or not (same(said, found) or claim.value == found):
        expected = shown(said) if claim.value else "said"
        yield Failure(
            diagnostic=ValueDiffers(at=claim.at, path=claim.path, found=shown(found), expected=expected, advice=advice),
            edits=edits,
        )
    elif claim.origin and not f"{label}/".startswith(f"{claim.origin}/"):
        yield Failure(
            diagnostic=ValueDiffers(
                at=claim.at, path=claim.path, found=told, expected=f"by `{claim.origin}`", advice=advice
            ),
            edits=edits,
        )


def unknown_setting(path: str, at: Span, running: Running) -> UnknownName:
    """That there is no such setting, with the nearest that there is."""
    known = (
        path_of(steps_of(pointer))
        for pointer in running.spec["defaulting_sources"]
        if pointer.split("/")[1] != "analysis"
    )
    guess = near_miss(path, known)
    advice = f"did you mean `{guess}`?" if guess else f"`rsppc why {running.ref} nodes` lists settings"
    return UnknownName(at=at, problem=f"`{running.ref}` has no setting `{path}`", advice=advice)


def _read(text: str) -> Any:
    """A value as written in a comment: JSON, or a bare word, or a list of either."""
    try:
        return msgspec.json.decode(text.encode())
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        if text.startswith("[") and text.endswith("]"):
            return [_read(one.strip()) for one in text[1:-1].split(",") if one.strip()]
        return text


# --- Figures

_UNITS = {
    "ms": ("ms", 1),
    "s": ("ms", 1000),
    "bytes": ("bytes", 1),
    "B": ("bytes", 1),
    "KiB": ("bytes", 2**10),
    "MiB": ("bytes", 2**20),
    "GiB": ("bytes", 2**30),
    "%": ("%", 1),
    "": ("", 1),
}
_HOLDS = {
    "<=": lambda one, two: one <= two,
    "<": lambda one, two: one < two,
    "=": lambda one, two: one == two,
    ">=": lambda one, two: one >= two,
    ">": lambda one, two: one > two,
}


def _judge_figure(claim: Figure, running: Running) -> Iterator[Failure]:
    analysis = running.spec["analysis"]
    unit, factor = _UNITS[claim.unit]
    problem = _wrong_figure(claim, unit, analysis)
    if problem is not None:
        yield Failure(diagnostic=problem)
        return
    found = _figure(claim, analysis)
    if found is None:
        why = _unproved(claim.name, analysis)
        yield Failure(
            diagnostic=ProofDiffers(
                at=claim.at,
                problem=f"{_named(claim)} is unproved: {why}",
                advice=f"state the figure, or expect `{claim.name} is unproved`",
            )
        )
    elif not _HOLDS[claim.relation](found, claim.number * factor):
        bound = f"{claim.relation} {claim.number}{_spaced(claim.unit)}"
        edits: tuple[Edit, ...] = ()
        if claim.relation in ("<=", ">=", "="):
            # A bound with a unit larger than the figure's is rounded to where it holds.
            number = -(-found // factor) if claim.relation == "<=" else found // factor
            if claim.relation != "=" or number * factor == found:
                edits = (Edit(at=claim.number_at, text=str(number)),)
        yield Failure(
            diagnostic=ProofDiffers(
                at=claim.at,
                problem=f"{_named(claim)} is {found}{_spaced(unit)}, not {bound}",
                advice=_largest(claim, analysis),
            ),
            edits=edits,
        )


_OTHER_FIGURES = {"cancel": "ms", "queues": "bytes", "programs": "", "types": "%"}


def _wrong_figure(claim: Figure, unit: str, analysis: dict[str, Any]) -> UnknownName | None:
    known = [*_OTHER_FIGURES, *sorted(analysis["latency"])]
    if claim.name not in known:
        guess = near_miss(claim.name, known)
        there = ", ".join(f"`{one}`" for one in known[:8])
        advice = f"did you mean `{guess}`?" if guess else f"there are {there}"
        return UnknownName(at=claim.at, problem=f"there is no figure `{claim.name}`", advice=advice)
    wanted = _OTHER_FIGURES.get(claim.name, "ms")
    if unit != wanted:
        problem = f"`{claim.name}` is counted in {wanted or 'whole numbers'}"
        return UnknownName(
            at=claim.at,
            problem=problem,
            advice=f"write `{claim.name} {claim.relation} {claim.number}{_spaced(wanted)}`",
        )
    if claim.at_p and claim.name in _OTHER_FIGURES:
        return UnknownName(
            at=claim.at, problem=f"`{claim.name}` has no percentiles", advice=f"leave out `{claim.at_p}`"
        )
    return None


def _figure(claim: Figure, analysis: dict[str, Any]) -> int | None:
    found: int | None
    if claim.name == "cancel":
        found = analysis.get("cancel_ms")
        return found
    if claim.name == "queues":
        return int(analysis["queue_bytes"])
    if claim.name == "programs":
        return int(analysis["programs"])
    if claim.name == "types":
        coverage = analysis["coverage"]
        return int(coverage["edges_checked"] * 100 // max(coverage["edges"], 1))
    found = analysis["latency"][claim.name].get(f"{claim.at_p or 'p95'}_ms")
    return found


def _named(claim: Figure) -> str:
    of_path = claim.name not in _OTHER_FIGURES
    return f"`{claim.name}` at {claim.at_p or 'p95'}" if of_path else f"`{claim.name}`"


def _spaced(unit: str) -> str:
    return f" {unit}" if unit else ""


def _largest(claim: Figure, analysis: dict[str, Any]) -> str:
    """The largest contributions of a path: where to begin."""
    steps = analysis["latency"].get(claim.name, {}).get("steps", [])
    key = f"{claim.at_p or 'p95'}_ms"
    largest = sorted(steps, key=lambda one: (-one.get(key, 0), one["subject"]))[:3]
    if not largest:
        return "correct the bound, or run `rsppc test --update`"
    return "the largest parts are " + ", ".join(f"{one['subject']} {one.get(key, 0)} ms" for one in largest)


def _judge_proved(claim: Proved, running: Running) -> Iterator[Failure]:
    latency = running.spec["analysis"]["latency"]
    if claim.name not in latency:
        guess = near_miss(claim.name, latency)
        advice = (
            f"did you mean `{guess}`?" if guess else f"there are {', '.join(f'`{one}`' for one in sorted(latency)[:8])}"
        )
        yield Failure(diagnostic=UnknownName(at=claim.at, problem=f"there is no path `{claim.name}`", advice=advice))
    elif latency[claim.name]["proved"] != claim.proved:
        state = "unproved" if claim.proved else "proved"
        why = f": {_unproved(claim.name, running.spec['analysis'])}" if claim.proved else ""
        yield Failure(
            diagnostic=ProofDiffers(
                at=claim.at, problem=f"`{claim.name}` is {state}{why}", advice=f"write `{claim.name} is {state}`"
            ),
            edits=(Edit(at=claim.word_at, text=state),),
        )


def _unproved(name: str, analysis: dict[str, Any]) -> str:
    unknown = analysis["latency"].get(name, {}).get("unknown", [])
    return (
        f"nobody states the latency of {', '.join(f'`{one}`' for one in unknown)}" if unknown else "nothing bounds it"
    )


def fallbacks_held(proofs: tuple[Proof, ...]) -> Iterator[tuple[str, str]]:
    """The fallbacks whose time some proof bounds: bundle and node."""
    for proof in proofs:
        if isinstance(proof.claim, Figure) and proof.claim.name.startswith("fallback/"):
            yield proof.bundle, proof.claim.name.removeprefix("fallback/")
