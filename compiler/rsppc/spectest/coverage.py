"""What of the artifacts a run's plans exercised, and what never.

A layer or a rule is exercised by a turn in which it holds, a provider by a turn that it serves, a branch by an event
that takes it (`takes:`). A fallback is run by the runtime in the middle of a turn: what a suite can hold of it is its
time, so that a proof of `fallback/NODE` counts. A default counts where it decides a value of a program of which some
turn was resolved.

Counted are the artifacts of the workspace as soon as one test uses it, and else those that stand in the pages.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

from rsppc.base.record import Record
from rsppc.base.source import Span
from rsppc.diagnostics import Diagnostic
from rsppc.ir.setting import place_of
from rsppc.lowering.artifacts import Artifact
from rsppc.spectest.claims import fallbacks_held
from rsppc.spectest.plans import Resolved, applied
from rsppc.spectest.run import Result
from rsppc.spectest.suite import Test
from rsppc.spectest.world import Running, World, Worlds
from rsppc.turnplan import DecisionOutcome


class CoverageTooLow(Diagnostic):
    """A share that a team agreed on: what no plan exercises is tried by the first call that needs it."""

    code = "RSP9541"
    name = "coverage-too-low"
    headline = "plans exercise {covered} of {total}, {percent} %, and {wanted} % are demanded"
    hint = "write a `plan` for it, as in the list of what is never exercised"
    covered: int
    total: int
    percent: str
    wanted: int


Kind = Literal["layer", "provider rule", "provider", "degrade rule", "insert rule", "branch", "fallback", "default"]
KINDS: tuple[Kind, ...] = (
    "layer",
    "provider rule",
    "provider",
    "degrade rule",
    "insert rule",
    "branch",
    "fallback",
    "default",
)


class Item(Record):
    """Something that can be exercised."""

    kind: Kind
    name: str
    at: Span


class Coverage(Record):
    """What was exercised and what was not, by kind and name."""

    covered: tuple[Item, ...]
    missed: tuple[Item, ...]
    plans: int
    """Turns that were resolved."""

    @property
    def total(self) -> int:
        return len(self.covered) + len(self.missed)

    @property
    def permille(self) -> int:
        """Of nothing, all is exercised."""
        return len(self.covered) * 1000 // self.total if self.total else 1000

    @property
    def percent(self) -> str:
        return f"{self.permille // 10}.{self.permille % 10}"


def coverage_of(results: Iterable[Result], worlds: Worlds) -> Coverage:
    """The coverage of a run."""
    results = list(results)
    of_workspace = any(one.test.settings.uses_workspace for one in results)
    if of_workspace:
        results = [one for one in results if one.test.settings.uses_workspace]
    items: dict[tuple[str, str], Item] = {}
    exercised: set[tuple[str, str]] = set()
    plans = 0
    for result in results:
        world = worlds.of(result.test)
        plans += len(result.resolved)
        exercised.update(_exercised(result, world))
        if not of_workspace:
            for one in _items(world):
                items.setdefault((one.kind, one.name), _in_page(one, result.test))
    if of_workspace:
        items = {(one.kind, one.name): one for one in _items(worlds.of_workspace())}
    order = sorted(items, key=lambda key: (KINDS.index(items[key].kind), key[1]))
    return Coverage(
        covered=tuple(items[key] for key in order if key in exercised),
        missed=tuple(items[key] for key in order if key not in exercised),
        plans=plans,
    )


def _in_page(item: Item, test: Test) -> Item:
    block = test.sources.get(item.at.source.path)
    return item if block is None else Item(kind=item.kind, name=item.name, at=block.place(item.at))


# --- What there is


def _items(world: World) -> Iterator[Item]:
    """What the programs of a world leave to be exercised, as far as it is not shipped."""
    for entry in world.entries():
        running = world.running(entry)
        if running is not None:
            yield from _of_program(running)
            yield from _defaults(running, world)


def _of_program(running: Running) -> Iterator[Item]:
    program = running.compilation.program
    assert program is not None
    for layer in program.layers:
        yield from _own("layer", layer.ref, layer.place.span())
    for policy in program.policies:
        for rule in policy.provider_rules:
            name = f"{policy.ref}/{rule.id}"
            yield from _own("provider rule", name, rule.place.span())
            for provider, place in rule.use:
                yield from _own("provider", f"{name} uses {provider}", place.span())
        for degrading in policy.degrade_rules:
            yield from _own("degrade rule", f"{policy.ref}/{degrading.id}", degrading.place.span())
        for inserting in policy.insert_rules:
            yield from _own("insert rule", f"{policy.ref}/{inserting.id}", inserting.place.span())
    for node_id in sorted(program.nodes):
        fallback = program.nodes[node_id].fallback
        if fallback is not None:
            yield from _own("fallback", f"{program.pipeline} {node_id} to {fallback.to}", fallback.place.span())
    for output in sorted(program.switches):
        for edge in program.edges:
            if str(edge.source) != output:
                continue
            if edge.when is not None or edge.otherwise is True:
                yield from _own("branch", f"{program.pipeline} {edge.id}", edge.source.place.span())
            if edge.otherwise == "drop":
                yield from _own("branch", f"{program.pipeline} {output}->drop", edge.source.place.span())
    for node_id in sorted(program.selects):
        node = program.nodes[node_id]
        for port, when in program.selects[node_id]:
            yield from _own("branch", f"{program.pipeline} {node_id}.{port}", when.place.span())
        default = node.config["default"]
        yield from _own("branch", f"{program.pipeline} {node_id}.{default.value}", place_of(default))


def _own(kind: Kind, name: str, at: Span) -> Iterator[Item]:
    if not at.source.path.startswith(_SHIPPED):
        yield Item(kind=kind, name=name, at=at)


_SHIPPED = "rsppc:"


def _defaults(running: Running, world: World) -> Iterator[Item]:
    """The defaults of profiles and manifests of the author's own."""
    program = running.compilation.program
    assert program is not None
    profiles, _ = world.artifacts.of_kind("profile")
    for profile in profiles:
        if profile.ref == program.defaults.ref:
            yield from (Item(kind="default", name=name, at=at) for name, at in _leaves_of(profile))
    manifests, _ = world.artifacts.of_kind("extension")
    used = {node.type_name for node in program.nodes.values()}
    for manifest in manifests:
        for declared in manifest.root.get("node_types", ()):
            if declared.get("node_type") in used:
                for name, at in _leaves(declared.get("config", {}), str(declared["node_type"])):
                    if name.endswith(".default"):
                        yield Item(kind="default", name=name, at=at)


_NO_DEFAULTS = ("schema_version", "profile_id", "version", "metadata", "overridable", "low_latency")
_ONE_VALUE = ("watermarks", "sync_drop_policy")
"""Mappings that decide as a whole."""


def _leaves_of(profile: Artifact) -> Iterator[tuple[str, Span]]:
    for key in profile.root:
        if key not in _NO_DEFAULTS:
            value, name = profile.root[key], f"{profile.ref} {key}"
            if isinstance(value, dict) and value:
                yield from _leaves(value, name)
            else:
                yield name, profile.root.value_span(key)


def _leaves(value: Any, name: str) -> Iterator[tuple[str, Span]]:
    """Values in mappings; a list is one value, and so are some mappings."""
    if not isinstance(value, dict):
        return
    for key in value:
        inner = value[key]
        if isinstance(inner, dict) and inner and key not in _ONE_VALUE:
            yield from _leaves(inner, f"{name}.{key}")
        else:
            yield f"{name}.{key}", value.value_span(key)  # type: ignore[attr-defined]


# --- What was exercised


def _exercised(result: Result, world: World) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for resolved in result.resolved:
        yield from _by_turn(resolved)
        running = resolved.running
        if running.ref not in seen and not isinstance(resolved.plan, DecisionOutcome):
            seen.add(running.ref)
            yield from _deciding(running, world)
    for bundle, node in fallbacks_held(result.test.proofs):
        entry = world.entry_named(bundle)
        running_of_proof = None if isinstance(entry, str) else world.running(entry)
        if running_of_proof is not None:
            program = running_of_proof.compilation.program
            fallback = program.nodes[node].fallback if program is not None and node in program.nodes else None
            if program is not None and fallback is not None:
                yield "fallback", f"{program.pipeline} {node} to {fallback.to}"


def _by_turn(resolved: Resolved) -> Iterator[tuple[str, str]]:
    plan, running = resolved.plan, resolved.running
    if isinstance(plan, DecisionOutcome):
        return
    program = running.compilation.program
    assert program is not None
    layers = {layer.ref for layer in program.layers}
    yield from (("layer", name) for name in applied(running, plan) if name in layers)
    chosen = plan.selection
    for one in chosen["providers"].values():
        yield "provider rule", one["rule"]
        yield "provider", f"{one['rule']} uses {one['provider']}"
    yield from (("degrade rule", name) for name in chosen["degrade"])
    inserting = {f"{policy.ref}/{rule.id}" for policy in program.policies for rule in policy.insert_rules}
    yield from (("insert rule", name) for name in applied(running, plan) if name in inserting)
    yield from (("branch", f"{program.pipeline} {taken}") for _, taken in resolved.ways)


def _deciding(running: Running, world: World) -> Iterator[tuple[str, str]]:
    """The defaults that decide some value of a program."""
    wanted = list(_defaults(running, world))
    if not wanted:
        return
    winners = {
        (origin["winner"].get("file"), origin["winner"].get("line"), origin["winner"].get("column"))
        for origin in running.emitted.provenance["origins"]
    }
    for item in wanted:
        if item.at.location() in winners:
            yield "default", item.name
