"""Programs that are complete enough to be emitted: with the queues of a profile and solved types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from program_builder import SOMEWHERE, condition, end, place, profile
from program_builder import kind as bare_kind
from program_builder import program as bare_program
from rsppc.base.digest import digest_bytes
from rsppc.base.record import replace
from rsppc.ir.catalog import Limits, NodeType
from rsppc.ir.network import Network, NetworkEdge, NetworkNode
from rsppc.ir.ports import inputs_of, outputs_of, solver_input, solver_template
from rsppc.ir.program import Bundle, Edge, InsertRule, Node, Pinned, Program, Proofs
from rsppc.ir.setting import FromPolicy, Setting, Written, override_all
from rsppc.ir.solve import solve

MARKS = {"high_milli": 750, "low_milli": 375}
QUEUES: dict[str, dict[str, Any]] = {
    "DataLane.additive": {
        "strategy": "merge",
        "max_queue_items": 64,
        "max_queue_ms": 300,
        "max_queue_bytes": 262144,
        "max_latency_contribution_ms": 20,
        "max_block_time_ms": 50,
        "watermarks": MARKS,
    },
    "DataLane.replaceable": {
        "strategy": "latest_only",
        "max_queue_items": 16,
        "max_queue_ms": 200,
        "max_queue_bytes": 65536,
        "max_latency_contribution_ms": 10,
        "watermarks": MARKS,
    },
    "ControlLane": {
        "strategy": "block",
        "max_block_time_ms": 60,
        "max_queue_items": 64,
        "max_queue_ms": 75,
        "max_queue_bytes": 65536,
        "max_latency_contribution_ms": 5,
        "watermarks": MARKS,
    },
    "TelemetryLane": {
        "strategy": "sample",
        "max_queue_items": 256,
        "max_queue_ms": 1000,
        "max_queue_bytes": 262144,
        "max_latency_contribution_ms": 5,
        "watermarks": MARKS,
    },
}
LANES: dict[str, dict[str, Any]] = {
    "DataLane": {
        "flow_control": "signal",
        "shedding": "merge",
        "lane_handling": "merge",
        "watermarks": {"high": 100, "low": 50},
    },
    "ControlLane": {
        "flow_control": "signal",
        "shedding": "none",
        "lane_handling": "non_blocking_priority",
        "watermarks": {"high": 20, "low": 10},
    },
    "TelemetryLane": {
        "flow_control": "signal",
        "shedding": "sample",
        "lane_handling": "sample",
        "watermarks": {"high": 200, "low": 100},
    },
}
SNAPSHOT: dict[str, Any] = {
    "routing_view": {
        "routing_view_snapshot": "routing/test",
        "admission_policy_snapshot": "admission/test",
        "abi_compatibility_snapshot": "abi/test",
        "version_resolution_snapshot": "versions/test",
        "policy_resolution_snapshot": "policy/test",
        "transport_kind": "livekit",
        "transport_endpoint": "ws://127.0.0.1:7880",
        "runtime_id": "r1",
        "as_of_ms": 0,
    },
    "provider_health": {"provider_health_snapshot": "health/test", "providers": {}},
    "admission": {
        "admission_policy_snapshot": "admission/test",
        "outcome_kind": "admit",
        "scope": "session",
        "reason": "ok",
    },
    "lease": {
        "lease_resolution_snapshot": "lease/test",
        "authority_epoch": 1,
        "authority_epoch_valid": True,
        "authority_authorized": True,
        "reason": "ok",
        "lease_token_id": "t",
        "lease_expires_at_utc": "2099-01-01T00:00:00Z",
    },
    "pressure": {"control_lane_milli": 0, "data_lane_milli": 0, "telemetry_lane_milli": 0},
}


def kind(name: str, *, type_name: str | None = None, concurrency: int | None = None, **said: Any) -> NodeType:
    """A node type that the type solver can read."""
    made = bare_kind(name, **said)
    return replace(
        made,
        name=type_name or made.name,
        digest=digest_bytes(name.encode()),
        limits=Limits(max_concurrency=concurrency),
        template=solver_template(made.inputs, made.outputs),
    )


def complete(
    nodes: Sequence[Node],
    edges: Sequence[tuple[Edge, str | None]],
    *,
    bindings: Mapping[str, Setting] | None = None,
    pinned: Sequence[Pinned] = (),
    implicit: bool = False,
    **said: Any,
) -> Program:
    """A Program as `emit` gets it."""
    made = bare_program(nodes, edges, **said)
    written_queues = {one.id: _own(one) for one, _ in edges}
    queues = {
        frame: {name: profile(value, f"{frame}.{name}") for name, value in table.items()}
        for frame, table in QUEUES.items()
    }
    defaults = replace(
        made.defaults,
        ref="simple/v1",
        name="simple",
        buffers=queues,
        lanes={
            lane: {name: profile(value, f"{lane}.{name}") for name, value in table.items()}
            for lane, table in LANES.items()
        },
        edges={
            "delivery": profile("ordered", "delivery"),
            "at_most_once": profile(True, "at_most_once"),
            "pre_roll_ms": profile(300, "pre_roll_ms"),
        },
        recording={
            "recording_level": profile("L0", "recording_level"),
            "allowed_replay_modes": profile(["replay_decisions"], "allowed_replay_modes"),
        },
        unknown_events=profile("drop", "unknown_events"),
    )
    solution = solve(_network(made))
    bounded = []
    for one, flow in zip(made.edges, solution.edges, strict=True):
        frame = made.lanes[one.id]
        if frame == "DataLane":
            only_partial = getattr(flow.passes, "values", None) == ("partial",)
            frame = "DataLane.replaceable" if only_partial else "DataLane.additive"
        bounded.append(
            replace(
                one,
                buffer=override_all(written_queues[one.id], queues[frame]),
                settings=override_all(one.settings, defaults.edges),
            )
        )
    return replace(
        made,
        bundle=Bundle(
            id="tiny_bundle",
            version="v1",
            implicit=implicit,
            pinned=tuple(pinned),
            compat_window=None,
            place=place("bundle_id: tiny_bundle"),
        ),
        defaults=defaults,
        edges=tuple(bounded),
        solution=solution,
        bindings=dict(bindings or {}),
        proofs=Proofs(edges=len(edges), edges_checked=len(edges), queue_bytes=1000, cancel_ms=40),
    )


def _own(one: Edge) -> dict[str, Setting]:
    return dict(one.buffer)


def _network(made: Program) -> Network:
    return Network(
        nodes=tuple(
            NetworkNode(id=one.id, template=solver_template(inputs_of(one), outputs_of(one)))
            for one in made.nodes.values()
        ),
        edges=tuple(
            NetworkEdge(
                source_node=one.source.node,
                source_port=one.source.port or "",
                target_node=one.target.node,
                target_port=solver_input(one.target.port or ""),
            )
            for one in made.edges
        ),
        order=made.order,
    )


def queued(made: tuple[Edge, str | None], **fields: Any) -> tuple[Edge, str | None]:
    """The edge with fields of its queue written by its author."""
    one, lane = made
    settings = {name: on_edge(value, f"{one.id} {name}: {value}") for name, value in fields.items()}
    return replace(one, buffer={**one.buffer, **settings}), lane


def on_edge(value: Any, text: str) -> Setting:
    """A value that an author wrote on an edge."""
    from program_builder import Lines

    return Setting(value=value, origin=Written(section="edge", container=Lines(place(text)), key="x"))


def insert(inserted: Node, between: str, *, policy: str = "rules/v1", when: str | None = "environment == 'x'") -> Any:
    """An insert rule whose node says who put it there."""
    from program_builder import Lines

    name = f"add_{inserted.id}"
    source, _, target = between.partition(" -> ")
    origin = FromPolicy(ref=policy, rule=name, container=Lines(place(name)), key="insert")
    return InsertRule(
        id=name,
        policy=policy,
        place=SOMEWHERE,
        when=condition(when) if when is not None else None,
        node=replace(inserted, setting=Setting(value=inserted.type_name, origin=origin)),
        source=end(source),
        target=end(target),
    )


MIC = kind("mic", outs="audio:audio<codec=pcm_s16le,rate_hz=16000,channels=1>", role="ingress")
STT = kind(
    "stt",
    ins="audio:audio<codec=pcm_s16le,rate_hz=16000,channels=1>",
    outs="text:text<partial|final>",
    modality="stt",
    concurrency=8,
    config={"window_ms": 200},
)
LLM = kind(
    "llm", ins="prompt:text<final>", outs="text:text<delta>", modality="llm", scope="turn", config={"context": 8}
)
SEGMENTER = kind(
    "segmenter",
    type_name="text.segmenter",
    ins="text:text<delta>",
    outs="text:text<segment>",
    scope="turn",
    config={"min_partial_chars": 24, "max_partial_age_ms": 120, "max_pending_revisions": 4, "max_pending_segments": 8},
)
TTS = kind(
    "tts",
    ins="text:text<segment|final>",
    outs="audio:audio<codec=pcm_s16le,rate_hz=16000,channels=1>",
    modality="tts",
    scope="turn",
)
SPEAKER = kind("speaker", ins="audio:audio<codec=pcm_s16le,rate_hz=16000,channels=1>", role="egress")
VAD = kind("vad", outs="barge_in:control<barge_in>", role="source")
REDACTOR = kind("redactor", ins="text:text<?m>", outs="text:text<?m>", scope="inherit", config={"strict": 1})
