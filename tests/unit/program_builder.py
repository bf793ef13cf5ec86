"""Small Programs for tests of passes, as the passes before would have left them.

Node types are made up on the spot: `kind("llm", ins="prompt", outs="text", p95=500, scope="turn")`. Every place leads
to a line of its own in one source, whose text is the thing written there.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import Any

from rsppc.base.digest import digest_bytes
from rsppc.base.record import Record
from rsppc.base.source import Source, Span
from rsppc.diagnostics import DiagnosticSink
from rsppc.ir.catalog import Cancel, Catalog, ConfigField, ConfigType, Latency, NodeType, Port, Provider
from rsppc.ir.program import (
    Bundle,
    CancelPlace,
    Condition,
    Defaults,
    DegradeRule,
    Edge,
    End,
    Fallback,
    InsertRule,
    LatencyPath,
    Layer,
    Node,
    Patch,
    Policy,
    Program,
    ProviderRule,
    Turns,
)
from rsppc.ir.setting import FromNodeType, FromProfile, Setting, Written
from rsppc.ir.setting_path import parse_steps
from rsppc.passes.base import Pass
from rsppc.syntax.type_expr import TypeSyntaxError, parse_type


class Paper(Source):
    """A source that grows while a test writes on it."""

    __slots__ = ("_written", "length")

    def __init__(self) -> None:
        self._written: list[str] = []
        self.length = 0
        super().__init__("pipelines/specs/tiny_v1.yaml", "", b"")

    def write(self, text: str) -> tuple[int, int]:
        start = self.length
        self._written.append(f"{text}\n")
        self.length += len(text) + 1
        return start, start + len(text)

    @property
    def text(self) -> str:
        return "".join(self._written)

    @text.setter
    def text(self, text: str) -> None:
        pass


PAPER = Paper()


class At(Record):
    """A place with a text of its own."""

    start: int
    end: int

    def span(self) -> Span:
        return Span(source=PAPER, start=self.start, end=self.end)

    def within(self, start: int, end: int) -> Span:
        return Span(source=PAPER, start=self.start + start, end=self.start + end)


class Lines:
    """A container that knows where its values stand."""

    def __init__(self, place: At) -> None:
        self.place = place

    def value_span(self, key: Any, /) -> Span:
        return self.place.span()


def place(text: str) -> At:
    """A line with this text."""
    start, stop = PAPER.write(text)
    return At(start=start, end=stop)


SOMEWHERE = place("somewhere")


def written(value: Any, text: str | None = None) -> Setting:
    """A setting that the author wrote, in a line of its own where a text is given."""
    at = place(text) if text is not None else SOMEWHERE
    return Setting(value=value, origin=Written(section="node", container=Lines(at), key="x"))


def profile(value: Any, text: str) -> Setting:
    return Setting(value=value, origin=FromProfile(ref="tiny/v1", container=Lines(place(text)), key="x"))


def port(name: str, direction: Any, type_text: str, lane: Any = None) -> Port:
    parsed = parse_type(type_text)
    assert not isinstance(parsed, TypeSyntaxError)
    if lane is None:
        lane = "ControlLane" if type_text.startswith("control") else "DataLane"
    return Port(name=name, direction=direction, type=parsed, lane=lane, required=False, place=SOMEWHERE)


def ports(words: str, direction: Any) -> dict[str, Port]:
    """`prompt tool_results:record<x.v1>` names ports; a type is `text<final>` where none is written."""
    found: dict[str, Port] = {}
    for word in words.split():
        name, _, type_text = word.partition(":")
        found[name] = port(name, direction, type_text or "text<final>")
    return found


def latency(p50: int | None, p95: int | None, *, plus: Sequence[str] = (), at_least: Sequence[str] = ()) -> Latency:
    text = f"latency {p50} {p95}"
    return Latency(p50_ms=p50, p95_ms=p95, place=place(text), plus=tuple(plus), at_least=tuple(at_least))


def stop(latency_ms: int | None, mode: Any = "cooperative") -> Cancel:
    return Cancel(mode=mode, style="hard", latency_ms=latency_ms, place=place(f"cancel {latency_ms}"))


def kind(
    name: str,
    *,
    ins: str = "",
    outs: str = "",
    role: Any = "processor",
    scope: Any = "session",
    p50: int | None = None,
    p95: int | None = None,
    figures: dict[str, Latency] | None = None,
    cancel: Cancel | None = None,
    turn_cancel: Any = "none",
    config: dict[str, int] | None = None,
    modality: str | None = None,
    timeout_ms: int | None = None,
) -> NodeType:
    """A node type. One `p95` is the figure of all its outputs; without any figure its latency is unknown."""
    if figures is None:
        figures = {"*": latency(p50 if p50 is not None else p95, p95)} if (p50, p95) != (None, None) else {}
    fields = {
        field: ConfigField(name=field, type=ConfigType(name="duration_ms"), required=False, place=SOMEWHERE)
        for field in config or {}
    }
    return NodeType(
        name=f"test.{name}",
        manifest="test/v1",
        role=role,
        execution_mode="in_process",
        impl_ref="builtin:test",
        digest=None,
        inputs=ports(ins, "in"),
        outputs=ports(outs, "out"),
        config=fields,
        defaults={
            field: Setting(
                value=value,
                origin=FromNodeType(
                    ref="test/v1", node_type=name, container=Lines(place(f"{field}: {value}")), key="default"
                ),
            )
            for field, value in (config or {}).items()
        },
        state="none",
        scope=scope,
        place=place(f"node_type {name}"),
        latency=figures,
        cancel=cancel if cancel is not None else stop(0, "preemptible"),
        turn_cancel=turn_cancel,
        timeout_ms=timeout_ms,
        modality=modality,
        template=(),  # type: ignore[arg-type]  # ports are those of the type, none is named by config
    )


def node(
    id: str,
    type: NodeType | None,
    *,
    config: dict[str, int | None] | None = None,
    budget_ms: int | str | None = "default",
    fallback: str | None = None,
    provider: str | None = None,
) -> Node:
    """A node; `budget_ms=None` is what an author writes as null."""
    settings = dict(type.defaults) if type is not None else {}
    settings.update({field: written(value, f"{field}: {value}") for field, value in (config or {}).items()})
    return Node(
        id=id,
        type_name=type.name if type is not None else "test.unknown",
        place=place(id),
        config=settings,
        setting=written(id),
        type=type,
        provider=written(provider) if provider is not None else None,
        budget_ms=written(budget_ms, f"budget_ms: {budget_ms}") if budget_ms != "default" else None,
        fallback=Fallback(to=fallback, on=("timeout",), place=place(f"to: {fallback}")) if fallback else None,
    )


def end(text: str) -> End:
    node_id, _, port_name = text.partition(".")
    return End(node=node_id, port=port_name or None, place=place(text))


def edge(
    text: str,
    *,
    adds_ms: int | None = None,
    rounds: int | None = None,
    lane: str | None = None,
) -> tuple[Edge, str | None]:
    """`mic.audio -> vad.audio`; `adds_ms` is its own bound, `rounds` makes it a feedback edge."""
    source, _, target = text.partition(" -> ")
    buffer = {"max_latency_contribution_ms": written(adds_ms, f"adds {adds_ms}")} if adds_ms is not None else {}
    settings = {"max_rounds": written(rounds, f"max_rounds: {rounds}")} if rounds is not None else {}
    made = Edge(
        source=end(source),
        target=end(target),
        origin=written(text),
        buffer=buffer,
        settings=settings,
        feedback=rounds is not None,
        max_rounds=rounds,
    )
    return made, lane


def provider(
    id: str, modality: str, figures: dict[str, Latency] | None = None, cancel: Cancel | None = None
) -> Provider:
    return Provider(
        id=id,
        modality=modality,
        manifest="test/v1",
        place=place(f"provider {id}"),
        refines={},
        latency=figures or {},
        cancel=cancel,
    )


def cancel_place(text: str, *, accepts: Any = "barge_in", unless: Sequence[str] = ()) -> CancelPlace:
    return CancelPlace(
        source=end(text),
        kind=accepts,
        when=None,
        min_speech_ms=None,
        unless=tuple((name, place(name)) for name in unless),
    )


def condition(text: str, checked: Any = None) -> Condition:
    return Condition(text=text, place=place(text), checked=checked)


def patch(path: str, value: int) -> Patch:
    steps = parse_steps(path)
    assert steps is not None
    return Patch(steps=steps, setting=written(value, f"{path}: {value}"))


def layer(sets: dict[str, int], when: str | None = 'environment == "kiosk"') -> Layer:
    return Layer(
        ref="kiosk/v1",
        scope="environment",
        when=condition(when) if when is not None else None,
        patches=tuple(patch(path, value) for path, value in sets.items()),
        place=SOMEWHERE,
    )


def degrade(sets: dict[str, int]) -> DegradeRule:
    patches = tuple(patch(path, value) for path, value in sets.items())
    return DegradeRule(id="less", policy="rules/v1", place=SOMEWHERE, when=condition("true"), patches=patches)


def insert(inserted: Node, between: str, when: Condition | None = None) -> InsertRule:
    source, _, target = between.partition(" -> ")
    return InsertRule(
        id=f"add_{inserted.id}",
        policy="rules/v1",
        place=SOMEWHERE,
        when=when if when is not None else condition("session.region == 'eu'"),
        node=inserted,
        source=end(source),
        target=end(target),
    )


def rule(
    id: str,
    use: Sequence[str],
    *,
    modality: str | None = None,
    node: str | None = None,
    when: str | None = None,
    retry: tuple[int, int, int] | None = None,
) -> ProviderRule:
    """A provider rule; `retry` is attempts, milliseconds of each, milliseconds between."""
    return ProviderRule(
        id=id,
        policy="rules/v1",
        place=place(f"rule {id}"),
        modality=modality,
        node=node,
        when=condition(when) if when is not None else None,
        use=tuple((one, SOMEWHERE) for one in use),
        retry=dict(zip(("max_attempts", "attempt_timeout_ms", "backoff_ms"), retry, strict=True)) if retry else None,
        circuit_breaker=None,
        cost_cap=None,
    )


def policy(
    *,
    providers: Iterable[ProviderRule] = (),
    degrades: Iterable[DegradeRule] = (),
    inserts: Iterable[InsertRule] = (),
) -> Policy:
    return Policy(
        ref="rules/v1",
        digest=digest_bytes(b""),
        provider_rules=tuple(providers),
        degrade_rules=tuple(degrades),
        insert_rules=tuple(inserts),
        forbid=(),
        allowed_actions=None,
        place=SOMEWHERE,
    )


BUDGETS = {
    "turn_budget_ms": 2000,
    "node_budget_ms": 800,
    "path_budget_ms": 1800,
    "edge_budget_ms": 250,
    "provider_timeout_ms": 1000,
    "cancel_grace_ms": 75,
}


def program(
    nodes: Sequence[Node],
    edges: Sequence[tuple[Edge, str | None]],
    *,
    owner: str | None = None,
    cancels: Sequence[CancelPlace] = (),
    budgets: dict[str, int] | None = None,
    edge_ms: int = 0,
    control_ms: int = 0,
    providers: dict[str, Sequence[Provider]] | None = None,
    policies: Sequence[Policy] = (),
    layers: Sequence[Layer] = (),
) -> Program:
    """A Program after buffers are known. Edges add `edge_ms`, those of the ControlLane `control_ms`."""
    known = {one.id: one for one in nodes}
    buffers = {
        frame: {"max_latency_contribution_ms": profile(ms, f"{frame} adds {ms}")}
        for frame, ms in (
            ("DataLane.additive", edge_ms),
            ("DataLane.replaceable", edge_ms),
            ("ControlLane", control_ms),
            ("TelemetryLane", edge_ms),
        )
    }
    lanes: dict[str, Any] = {}
    complete: list[Edge] = []
    for made, lane in edges:
        lane = lane or _lane_of(made, known)
        lanes[made.id] = lane
        frame = "DataLane.additive" if lane == "DataLane" else lane
        complete.append(_with_buffer(made, {**buffers[frame], **made.buffer}))
    return Program(
        bundle=Bundle(id="tiny", version="v1", implicit=True, pinned=(), compat_window=None, place=SOMEWHERE),
        pipeline="tiny/v1",
        place=SOMEWHERE,
        catalog=Catalog(node_types={}, providers={}, records={}),
        nodes=known,
        edges=tuple(complete),
        subgraphs=(),
        turns=Turns(owner=end(owner) if owner else None, cancels=tuple(cancels), place=place("turns")),
        defaults=Defaults(
            ref="tiny/v1",
            name="tiny",
            budgets={name: profile(ms, f"{name}: {ms}") for name, ms in {**BUDGETS, **(budgets or {})}.items()},
            buffers=buffers,
            edges={},
            lanes={},
            recording={},
            unknown_events=written("drop"),
            low_latency=written(True),
            overridable=(),
            place=SOMEWHERE,
        ),
        policies=tuple(policies),
        layers=tuple(layers),
        unknown_events=None,
        metadata=None,
        asset_digest=lambda path: None,
        lanes=lanes,
        scopes={one.id: _scope_of(one) for one in nodes},
        order=_order(known, complete),
        providers={node_id: tuple(some) for node_id, some in (providers or {}).items()},
    )


def _with_buffer(made: Edge, buffer: dict[str, Setting]) -> Edge:
    from rsppc.base.record import replace

    return replace(made, buffer=buffer)


def _lane_of(made: Edge, nodes: dict[str, Node]) -> str:
    source_type = nodes[made.source.node].type
    found = source_type.outputs.get(made.source.port or "") if source_type is not None else None
    return found.lane if found is not None else "DataLane"


def _scope_of(one: Node) -> Any:
    return "turn" if one.type is not None and one.type.scope == "turn" else "session"


def _order(nodes: dict[str, Node], edges: Sequence[Edge]) -> tuple[str, ...]:
    waiting_for = dict.fromkeys(nodes, 0)
    onward: dict[str, list[str]] = {}
    for made in edges:
        if not made.feedback:
            waiting_for[made.target.node] += 1
            onward.setdefault(made.source.node, []).append(made.target.node)
    ready = [node_id for node_id, count in waiting_for.items() if count == 0]
    heapq.heapify(ready)
    order: list[str] = []
    while ready:
        order.append(heapq.heappop(ready))
        for target in onward.get(order[-1], ()):
            waiting_for[target] -= 1
            if waiting_for[target] == 0:
                heapq.heappush(ready, target)
    return tuple(order)


class Checked(Record):
    """A Program after some passes, and what they reported."""

    program: Program
    sink: DiagnosticSink

    @property
    def codes(self) -> list[str]:
        return sorted(one.code for one in self.sink.sorted())

    def messages(self, code: str) -> list[str]:
        return [one.message() for one in self.sink.sorted() if one.code == code]

    def only(self, code: str) -> Any:
        (found,) = [one for one in self.sink.sorted() if one.code == code]
        return found

    def path(self, name: str) -> LatencyPath | None:
        assert self.program.proofs is not None
        return next((one for one in self.program.proofs.paths if one.name == name), None)


def check(given: Program, *passes: Pass, strict: bool = False) -> Checked:
    """Run passes on a Program."""
    sink = DiagnosticSink(strict=strict)
    for step in passes:
        given = step.run(given, sink)
    return Checked(program=given, sink=sink)
