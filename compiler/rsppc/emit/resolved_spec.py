"""ResolvedSpec: every value present, and each leaf says where it came from.

The document is made of sections; each section is a `Part` whose leaves go into `defaulting_sources`, and whose numbers
go into `provenance.json`. Ids are sorted where numbers are given out, so that nothing depends on the order in which
nodes and edges were written.
"""

from __future__ import annotations

from hashlib import sha256
from itertools import combinations
from typing import Any

from rsppc.base.canonical_json import canonical
from rsppc.base.digest import Digest, digest_chunks
from rsppc.base.json_pointer import escaped
from rsppc.base.record import Record
from rsppc.emit.canonical_document import CanonicalDocument, Member, canonical_pieces, entry, entry_pieces, object_of
from rsppc.emit.conditions import condition
from rsppc.emit.edges import LANES, EdgeWriter
from rsppc.emit.inserts import Insert, conditional_inserts
from rsppc.emit.nodes import NodeWriter, provider_of
from rsppc.emit.origins import Ledger, Part, Story
from rsppc.emit.turn_rules import View, layers_part, rules_part
from rsppc.ir.actions import allowed_actions
from rsppc.ir.network import EdgeFlow
from rsppc.ir.program import CancelPlace, LatencyPath, Node, Program
from rsppc.ir.setting import Setting

SEGMENTER = "text.segmenter"
_VARIANT_RULES_MAX = 6
"""Up to so many conditional inserts every combination has its own graph reference; beyond, only each one alone has."""


class ResolvedSpec(Record):
    """The document, the stories of its leaves, and what other artifacts need to know of it."""

    document: CanonicalDocument
    value: dict[str, Any]
    """What the document says, but for `defaulting_sources`."""
    numbers: dict[str, Any]
    stories: list[Story]
    graph_digest: Digest
    """Meaning digest of the program in which no condition holds."""


def resolved_spec(program: Program) -> ResolvedSpec:
    """What a sound program promises."""
    ledger = Ledger()
    nodes, edges = NodeWriter(program, ledger), EdgeWriter(program, ledger)
    solution = program.solution
    flows: dict[str, EdgeFlow] = {}
    if solution is not None:
        # The solver answers for the edges of the graph first, in their order.
        flows = {edge.id: flow for edge, flow in zip(program.edges, solution.edges, strict=False)}
    sections: dict[str, Part] = {  # nodes and edges first: they close what was told
        "effective_nodes": _nodes(program, nodes, ledger),
        "effective_edges": _edges(program, edges, flows, ledger),
        "turns": _turns(program, ledger),
        "unknown_events": _unknown_events(program, ledger),
        "default_buffer": edges.default_buffer("/default_buffer"),
    }
    inserts = conditional_inserts(program, flows, nodes, edges)
    segmenter = _segmenter(program)
    view = View(program, inserts, segmenter.id if segmenter is not None else None)
    sections |= {
        "bundle_id": _of_bundle("bundle_id", program.bundle.id, program, ledger),
        "version": _of_bundle("version", program.bundle.version, program, ledger),
        "execution_profile": _of_bundle("execution_profile", program.defaults.ref, program, ledger),
        "budgets": _table("budgets", program.defaults.budgets, ledger),
        "flow_control": _flow_control(program, ledger),
        "recording": _table("recording", program.defaults.recording, ledger),
        "node_provider_bindings": _bindings(program, ledger),
        "allowed_adaptive_actions": _computed("allowed_adaptive_actions", list(allowed_actions(program)), ledger),
        "analysis": _computed("analysis", _analysis(program), ledger),
        "rules": rules_part(program, inserts, view, ledger),
        "layers": layers_part(program, view, ledger),
    }
    if program.switches:
        switches = {output: list(program.switches[output]) for output in sorted(program.switches)}
        sections["switches"] = _computed("switches", switches, ledger)
    if segmenter is not None:
        sections["streaming_handoff"] = _handoff(segmenter, ledger)
    graph = _graph(sections)
    written = graph.sections()
    graph_digest = graph.digest()
    refs = _graph_refs(program, graph, graph_digest, inserts)
    sections["graph_definition_refs"] = _computed("graph_definition_refs", refs, ledger)
    return _composed(sections, written, ledger, graph_digest)


def _composed(
    sections: dict[str, Part], written: dict[str, Member], ledger: Ledger, graph_digest: Digest
) -> ResolvedSpec:
    """The document; `written` holds sections that somebody needed before."""
    told = ledger.tell("/resolved_spec_id", "", ledger.computed("resolved_spec_id"))
    value: dict[str, Any] = {name: section.value for name, section in sections.items()}
    numbers: dict[str, Any] = {name: section.numbers for name, section in sections.items()}
    numbers["resolved_spec_id"] = told.numbers
    members = written | {name: canonical(part) for name, part in value.items() if name not in written}
    members["defaulting_sources"] = ledger.written_sources()
    spec_id, digest = _identity(members)
    value["resolved_spec_id"] = spec_id
    members["resolved_spec_id"] = canonical(spec_id)
    return ResolvedSpec(
        document=CanonicalDocument(members=members, digest=digest),
        value=value,
        numbers=numbers,
        stories=ledger.stories,
        graph_digest=graph_digest,
    )


def _identity(members: dict[str, Member]) -> tuple[str, Digest]:
    """The id of a document that has none yet, and the digest of the document with it. The long members stand before the
    id, and are hashed once."""
    without = sha256(b"{")
    for piece in entry_pieces({name: part for name, part in members.items() if name < "resolved_spec_id"}):
        without.update(piece)
    complete = without.copy()
    rest = b",%b}" % b"".join(entry_pieces({name: part for name, part in members.items() if name > "resolved_spec_id"}))
    without.update(rest)
    spec_id = f"rs-{without.hexdigest()[:32]}"
    complete.update(b',"resolved_spec_id":"%b"' % spec_id.encode())
    complete.update(rest)
    return spec_id, Digest("sha256:" + complete.hexdigest())


def _nodes(program: Program, writer: NodeWriter, ledger: Ledger) -> Part:
    types = program.solution.types if program.solution is not None else {}
    parts: dict[str, Part] = {}
    for node_id in sorted(program.nodes):
        pointer = f"/effective_nodes/{escaped(node_id)}"
        scope = program.scopes.get(node_id)
        parts[node_id] = writer.node(pointer, program.nodes[node_id], types.get(node_id, {}), scope=scope)
        ledger.close(pointer)
    return _by_id("effective_nodes", parts, ledger)


def _edges(program: Program, writer: EdgeWriter, flows: dict[str, EdgeFlow], ledger: Ledger) -> Part:
    types = program.solution.types if program.solution is not None else {}
    edges = {edge.id: edge for edge in program.edges}
    parts: dict[str, Part] = {}
    for edge_id in sorted(edges):
        edge = edges[edge_id]
        pointer = f"/effective_edges/{escaped(edge_id)}"
        lane = program.lanes.get(edge_id, "DataLane")
        produced = types.get(edge.source.node, {}).get(edge.source.port or "")
        parts[edge_id] = writer.edge(pointer, edge, lane, produced, flows.get(edge_id))
        ledger.close(pointer)
    return _by_id("effective_edges", parts, ledger)


def _by_id(name: str, parts: dict[str, Part], ledger: Ledger) -> Part:
    if not parts:
        return _computed(name, {}, ledger)
    return Part(
        value={one: part.value for one, part in parts.items()},
        numbers={one: part.numbers for one, part in parts.items()},
    )


def _unknown_events(program: Program, ledger: Ledger) -> Part:
    setting = program.unknown_events or program.defaults.unknown_events
    return ledger.tell("/unknown_events", setting.value, ledger.of(setting))


def _turns(program: Program, ledger: Ledger) -> Part:
    """Who opens turns and what cancels them; an empty object where the spec does not say."""
    turns = program.turns
    value: dict[str, Any] = {}
    numbers: dict[str, Any] = {}
    written = "explicit_pipeline_config"
    if turns.owner is not None:
        value["owner"] = str(turns.owner)
        numbers["owner"] = ledger.at(written, turns.owner.place)
    for kind in ("barge_in", "cancel_from"):
        places = [one for one in turns.cancels if one.kind == kind]
        if places:
            value[kind] = [_cancel(one) for one in places]
            numbers[kind] = [
                dict.fromkeys(_cancel(one), ledger.at(written, one.source.place))
                | ({"min_speech_ms": ledger.of(one.min_speech_ms)} if one.min_speech_ms is not None else {})
                for one in places
            ]
    return ledger.tell("/turns", value, numbers or ledger.at(written, turns.place))


def _cancel(place: CancelPlace) -> dict[str, Any]:
    said: dict[str, Any] = {"from": str(place.source)}
    if place.when is not None:
        said["when"] = condition(place.when)
    if place.min_speech_ms is not None:
        said["min_speech_ms"] = place.min_speech_ms.value
    if place.unless:
        said["unless"] = sorted(node for node, _ in place.unless)
    return said


def _of_bundle(name: str, value: str, program: Program, ledger: Ledger) -> Part:
    """What the bundle decides; where there is none, the pipeline itself does."""
    bundle = program.bundle
    text = "explicit_pipeline_config" if bundle.implicit else f"bundle/{bundle.id}/{bundle.version}"
    return ledger.tell(f"/{name}", value, ledger.at(text, bundle.place))


def _table(name: str, settings: dict[str, Setting], ledger: Ledger) -> Part:
    numbers = {key: ledger.of(settings[key]) for key in sorted(settings)}
    return ledger.tell(f"/{name}", {key: settings[key].value for key in numbers}, numbers or ledger.computed(name))


def _computed(name: str, value: Any, ledger: Ledger) -> Part:
    return ledger.tell(f"/{name}", value, ledger.computed(name))


def _flow_control(program: Program, ledger: Ledger) -> Part:
    """Per lane, in the shape of the runtime's contract."""
    value: dict[str, dict[str, Any]] = {}
    numbers: dict[str, dict[str, int]] = {}
    for name, field in (
        ("mode_by_lane", "flow_control"),
        ("watermarks", "watermarks"),
        ("shedding_strategy_by_lane", "shedding"),
    ):
        found = {lane: program.defaults.lanes[lane][field] for lane in LANES if field in program.defaults.lanes[lane]}
        if found:
            value[name] = {lane: setting.value for lane, setting in found.items()}
            numbers[name] = {lane: ledger.of(setting) for lane, setting in found.items()}
    return ledger.tell("/flow_control", value, numbers or ledger.computed("flow_control"))


def _bindings(program: Program, ledger: Ledger) -> Part:
    found = {
        node_id: provider
        for node_id in sorted(program.nodes)
        if (provider := provider_of(program.nodes[node_id], program)) is not None and provider.value is not None
    }
    return _table("node_provider_bindings", found, ledger)


def _segmenter(program: Program) -> Node | None:
    """The node whose config becomes the `streaming_handoff`: the first one in topological order."""
    order = program.order or tuple(sorted(program.nodes))
    return next((program.nodes[node_id] for node_id in order if program.nodes[node_id].type_name == SEGMENTER), None)


def _handoff(segmenter: Node, ledger: Ledger) -> Part:
    projected = ledger.computed("streaming_handoff")
    config = {name: segmenter.config[name] for name in sorted(segmenter.config)}
    value = {
        "enabled": True,
        "stt_to_llm": {"enabled": False},
        "llm_to_tts": {"enabled": True} | {name: setting.value for name, setting in config.items()},
    }
    numbers = {
        "enabled": projected,
        "stt_to_llm": projected,
        "llm_to_tts": {"enabled": projected} | {name: ledger.of(setting) for name, setting in config.items()},
    }
    return ledger.tell("/streaming_handoff", value, numbers)


def _analysis(program: Program) -> dict[str, Any]:
    proofs = program.proofs
    if proofs is None:
        return {}
    analysis: dict[str, Any] = {
        "coverage": {"edges": proofs.edges, "edges_checked": proofs.edges_checked},
        "queue_bytes": proofs.queue_bytes,
        "programs": proofs.programs,
        "latency": {path.name: _latency(path) for path in proofs.paths},
    }
    if proofs.cancel_ms is not None:
        analysis["cancel_ms"] = proofs.cancel_ms
    return analysis


def _latency(path: LatencyPath) -> dict[str, Any]:
    said: dict[str, Any] = {
        "steps": [_stated(subject=step.subject, p50_ms=step.p50_ms, p95_ms=step.p95_ms) for step in path.steps],
        "proved": not path.unknown and path.p95_ms is not None,
        **_stated(p50_ms=path.p50_ms, p95_ms=path.p95_ms, budget_ms=path.budget_ms),
    }
    if path.unknown:
        said["unknown"] = sorted(path.unknown)
    return said


def _stated(**figures: Any) -> dict[str, Any]:
    return {name: figure for name, figure in figures.items() if figure is not None}


class Graph(Record):
    """A graph in canonical bytes, node by node and edge by edge, so that a variant is made without writing it anew."""

    nodes: dict[str, bytes]
    edges: dict[str, bytes]
    """By id, each a run of one member."""
    rest: dict[str, Member]

    def digest(self) -> Digest:
        """Meaning digest: of `effective_nodes`, `effective_edges`, `turns` and `unknown_events`."""
        return digest_chunks(canonical_pieces(self.rest | self.sections()))

    def sections(self) -> dict[str, Member]:
        return {
            "effective_nodes": object_of(self.nodes[one] for one in sorted(self.nodes)),
            "effective_edges": object_of(self.edges[one] for one in sorted(self.edges)),
        }


def _graph(sections: dict[str, Part]) -> Graph:
    return Graph(
        nodes={one: entry(one, canonical(value)) for one, value in sections["effective_nodes"].value.items()},
        edges={one: entry(one, canonical(value)) for one, value in sections["effective_edges"].value.items()},
        rest={name: canonical(sections[name].value) for name in ("turns", "unknown_events")},
    )


def _graph_refs(program: Program, graph: Graph, base: Digest, inserts: tuple[Insert, ...]) -> dict[str, str]:
    """A reference per graph that can come to run: `base`, and one per combination of conditional inserts."""
    prefix = f"graph:{program.bundle.id}/{program.bundle.version}@"
    refs = {"base": prefix + base}
    most = len(inserts) if len(inserts) <= _VARIANT_RULES_MAX else 1
    for size in range(1, most + 1):
        for chosen in combinations(inserts, size):
            name = "+".join(f"{one.rule.policy}/{one.rule.id}" for one in chosen)
            refs[name] = prefix + _with_inserts(graph, chosen).digest()
    return refs


def _with_inserts(graph: Graph, chosen: tuple[Insert, ...]) -> Graph:
    """The graph with nodes put on its edges. A second node on one edge stands behind the first: the edge that leaves
    the first one leads to the second, and keeps the bounds that it had."""
    nodes, edges = dict(graph.nodes), dict(graph.edges)
    last: dict[str, Insert] = {}
    for one in chosen:
        nodes[one.node.id] = entry(one.node.id, canonical(one.node_part.value))
        before = last.get(one.replaced)
        into = one.into_part.value
        if before is not None:
            into = {**before.out_of_part.value, "to": into["to"]}
        edges.pop(before.out_of.id if before is not None else one.replaced, None)
        into_id = f"{into['from']}->{into['to']}"
        edges[into_id] = entry(into_id, canonical(into))
        edges[one.out_of.id] = entry(one.out_of.id, canonical(one.out_of_part.value))
        last[one.replaced] = one
    return Graph(nodes=nodes, edges=edges, rest=graph.rest)
