"""The earlier spec: nodes that a provider serves, and edges without ports. It becomes a whole voice turn.

The earlier runtime brought audio in and out, opened turns and cut sentences by itself. Today a pipeline says all of it,
so that it can be checked; what is added here is what the earlier runtime did. Where more than one turn would fit the
edges, nothing is guessed.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from rsppc.base.names import near_miss
from rsppc.base.record import Record
from rsppc.diagnostics import DiagnosticSink
from rsppc.importing.earlier import Earlier, EarlierKind, Target, target
from rsppc.importing.fields import GUESSES_MAX, TEXT
from rsppc.importing.findings import (
    Added,
    Became,
    EarlierGraph,
    EarlierMissingField,
    EarlierName,
    EarlierNodeKind,
    EarlierRepetition,
    EarlierUndeclaredNode,
    KeptAsLabel,
    Renamed,
)
from rsppc.importing.linking import EarlierSet
from rsppc.importing.naming import free_id, plain_id
from rsppc.model.graph import PIPELINE_SPEC
from rsppc.model.shape import Choice, Listing, Nested, Shape, field

MODALITIES = ("stt", "llm", "tts")
MIN_SPEECH_MS = 300

NODE = Shape(
    name="node",
    doc="A node.",
    fields=(
        field("node_id", TEXT, "Name of the node.", required=True),
        field("kind", TEXT, "What serves it, as in `provider`.", required=True),
        field("modality", Choice(values=MODALITIES), "What the provider does: `stt`, `llm` or `tts`."),
    ),
)

EDGE = Shape(
    name="edge",
    doc="An edge.",
    fields=(
        field("from", TEXT, "The node that it leaves.", required=True),
        field("to", TEXT, "The node that it enters.", required=True),
    ),
)

SPEC = EarlierKind(
    name="spec",
    schema_version="rspp.pipeline.spec.v1",
    id_key="spec_id",
    shape=Shape(
        name="pipeline spec",
        doc="What ran.",
        fields=(
            field("schema_version", TEXT, "Announces the kind of artifact.", required=True),
            field("spec_id", TEXT, "Name and version of the spec.", required=True),
            field("pipeline_version", TEXT, "The release that it belongs to.", required=True),
            field("graph_definition_ref", TEXT, "Name of the graph.", required=True),
            field("nodes", Listing(item=Nested(shape=NODE), length_min=1), "The nodes.", required=True),
            field("edges", Listing(item=Nested(shape=EDGE), length_min=1), "The edges.", required=True),
        ),
    ),
)


class _Stage(Record):
    """What a node of a modality is today."""

    node_type: str
    takes: str
    gives: str


_STAGES = {
    "stt": _Stage(node_type="speech.stt", takes="audio", gives="text"),
    "llm": _Stage(node_type="speech.llm", takes="prompt", gives="text"),
    "tts": _Stage(node_type="speech.tts", takes="text", gives="audio"),
}
# Which modality may follow which, and what has to stand between: a model gives pieces of words, a voice takes
# sentences.
_FITS: dict[tuple[str, str], str] = {
    ("stt", "llm"): "",
    ("stt", "tts"): "",
    ("llm", "tts"): "text.segmenter",
}


def translate_spec(earlier: Earlier, all_: EarlierSet, sink: DiagnosticSink) -> list[Target]:
    """The pipeline; nothing, and findings, where its graph leaves open what was meant."""
    before = len(sink)
    nodes = _nodes(earlier, sink)
    edges = _edges(earlier, nodes, sink)
    if len(sink) == before:
        _report_open_ends(earlier, nodes, edges, sink)
    if len(sink) > before:
        return []
    content = _whole_turn(earlier, nodes, edges, sink)
    _report_renamed_nodes(earlier, sink)
    for key, reason in _LABELS.items():
        sink.report(KeptAsLabel(at=earlier.root.value_span(key), subject=key, label=f"earlier_{key}", reason=reason))
    return [target(earlier, PIPELINE_SPEC, {"profile": "simple/v1", **content}, labels=tuple(_LABELS))]


_LABELS = {
    "pipeline_version": "today it is the id and version of the bundle",
    "graph_definition_ref": "today it is computed from what the graph means",
}


def _nodes(earlier: Earlier, sink: DiagnosticSink) -> dict[str, str]:
    """Modality of each node, by the id that it had."""
    nodes: dict[str, str] = {}
    ids: dict[str, str] = {}
    for index, node in enumerate(earlier.root["nodes"]):
        node_id, at, path = node["node_id"], node.value_span("node_id"), f"nodes[{index}]"
        id_ = plain_id(node_id)
        if id_ is None:
            sink.report(EarlierName(at=at, subject=f"{path}.node_id", written=node_id[:60]))
        elif id_ in ids:
            sink.report(EarlierRepetition(at=at, subject=f"{path}.node_id", first=ids[id_]))
        else:
            ids[id_] = f"{path}.node_id"
        if node["kind"] != "provider":
            sink.report(EarlierNodeKind(at=node.value_span("kind"), subject=f"{path}.kind", kind=node["kind"][:60]))
        elif "modality" not in node:
            doc = "a node of kind `provider` says `stt`, `llm` or `tts`"
            sink.report(EarlierMissingField(at=at, subject=f"{path}.modality", doc=doc))
        nodes.setdefault(node_id, node.get("modality", ""))
    return nodes


def _edges(earlier: Earlier, nodes: dict[str, str], sink: DiagnosticSink) -> list[tuple[str, str]]:
    """The edges, by the ids that the nodes had."""
    edges: dict[tuple[str, str], str] = {}
    fed: dict[str, str] = {}
    for index, edge in enumerate(earlier.root["edges"]):
        path = f"edges[{index}]"
        ends = (edge["from"], edge["to"])
        for key in ("from", "to"):
            if edge[key] not in nodes:
                guess = near_miss(edge[key], nodes) if len(sink) < GUESSES_MAX else None
                advice = f"did you mean `{guess}`?" if guess else "declare the node, or remove the edge"
                at, node = edge.value_span(key), edge[key][:60]
                sink.report(EarlierUndeclaredNode(at=at, subject=f"{path}.{key}", node=node, advice=advice))
        if ends in edges:
            sink.report(EarlierRepetition(at=edge.span(), subject=path, first=edges[ends]))
        elif all(nodes.get(end) for end in ends):
            _report_unfit(edge, path, nodes, fed, sink)
        edges.setdefault(ends, path)
        fed.setdefault(ends[1], path)
    return list(edges)


def _report_unfit(edge: Any, path: str, nodes: dict[str, str], fed: dict[str, str], sink: DiagnosticSink) -> None:
    source, end = nodes[edge["from"]], nodes[edge["to"]]
    if (source, end) not in _FITS:
        problem = f"what a node of modality `{source}` gives is nothing that one of modality `{end}` takes"
        advice = "what fits is " + ", ".join(f"`{one}` to `{other}`" for one, other in _FITS)
        sink.report(EarlierGraph(at=edge.span(), subject=path, problem=problem, advice=advice))
    elif edge["to"] in fed:
        problem = f"`{edge['to']}` is fed by `{fed[edge['to']]}` already, and an input takes one edge"
        advice = "import the spec without one of the two edges, then join them with a `flow.merge` or a `flow.select`"
        sink.report(EarlierGraph(at=edge.value_span("to"), subject=f"{path}.to", problem=problem, advice=advice))


def _report_open_ends(
    earlier: Earlier, nodes: dict[str, str], edges: list[tuple[str, str]], sink: DiagnosticSink
) -> None:
    """A turn is whole if everything between the recogniser and the one voice is fed and heard."""
    left, entered = {source for source, _ in edges}, {end for _, end in edges}
    voice = ""
    for index, node in enumerate(earlier.root["nodes"]):
        node_id, modality, at = node["node_id"], nodes[node["node_id"]], node.value_span("node_id")
        problem = advice = ""
        if modality != "stt" and node_id not in entered:
            problem, advice = f"nothing feeds `{node_id}`", "add the edge that leads to it, or remove the node"
        elif modality != "tts" and node_id not in left:
            problem, advice = f"nothing takes what `{node_id}` gives", "add the edge that leaves it, or remove the node"
        elif modality == "tts" and voice:
            problem = f"`{voice}` and `{node_id}` would both speak, and nothing says which goes first"
            advice = "import the spec with one of them, then join the two with a `flow.merge`"
        if problem:
            sink.report(EarlierGraph(at=at, subject=f"nodes[{index}]", problem=problem, advice=advice))
        voice = voice or (node_id if modality == "tts" else "")


def _whole_turn(
    earlier: Earlier, modalities: dict[str, str], edges: list[tuple[str, str]], sink: DiagnosticSink
) -> dict[str, Any]:
    """Nodes, edges and turns of a pipeline that does what the earlier spec and its runtime did together."""
    root = earlier.root
    ids = {node_id: plain_id(node_id) or "" for node_id in modalities}
    taken = set(ids.values())
    mic, vad, endpoint = (free_id(name, taken) for name in ("mic", "vad", "endpoint"))
    added = [(mic, "transport.ingress"), (vad, "speech.vad"), (endpoint, "speech.endpointing")]
    nodes = [_node(*one) for one in added]
    nodes += [_node(ids[node_id], _STAGES[modality].node_type) for node_id, modality in modalities.items()]
    wired = [_edge(f"{mic}.audio", f"{vad}.audio"), _edge(f"{vad}.activity", f"{endpoint}.activity")]
    wired += [
        _edge(f"{vad}.speech", f"{ids[node_id]}.{_STAGES[modality].takes}")
        for node_id, modality in modalities.items()
        if modality == "stt"
    ]
    for index, (source, end) in enumerate(edges):
        start = f"{ids[source]}.{_STAGES[modalities[source]].gives}"
        stop = f"{ids[end]}.{_STAGES[modalities[end]].takes}"
        steps = [start, stop]
        between = _FITS[modalities[source], modalities[end]]
        if between:
            segmenter = free_id("sentences", taken)
            added.append((segmenter, between))
            nodes.insert(next(at for at, node in enumerate(nodes) if node["node_id"] == ids[end]), _node(*added[-1]))
            steps = [start, f"{segmenter}.text", stop]
        wired += [_edge(*pair) for pair in pairwise(steps)]
        said = " -> ".join(f"`{step}`" for step in steps)
        sink.report(Became(at=root["edges"].value_span(index), subject=f"edges[{index}]", outcome=f"becomes {said}"))
    speaker = free_id("speaker", taken)
    added.append((speaker, "transport.egress"))
    nodes.append(_node(*added[-1]))
    wired += [
        _edge(f"{ids[node_id]}.{_STAGES[modality].gives}", f"{speaker}.audio")
        for node_id, modality in modalities.items()
        if modality == "tts"
    ]
    said = ", ".join(f"`{node_id}` ({node_type})" for node_id, node_type in added)
    sink.report(Added(at=root.key_span("nodes"), subject="nodes", what=f"{said}, and the edges that connect them"))
    turns = f"`turns`: `{endpoint}` opens and commits them, {MIN_SPEECH_MS} ms of speech at `{vad}` interrupt them"
    sink.report(Added(at=root.value_span("spec_id"), subject="spec", what=turns))
    return {
        "nodes": nodes,
        "edges": wired,
        "turns": {
            "owner": f"{endpoint}.turn",
            "barge_in": [{"from": f"{vad}.barge_in", "min_speech_ms": MIN_SPEECH_MS}],
        },
    }


def _node(node_id: str, node_type: str) -> dict[str, Any]:
    return {"node_id": node_id, "node_type": node_type}


def _edge(source: str, end: str) -> dict[str, Any]:
    return {"from": source, "to": end}


def _report_renamed_nodes(earlier: Earlier, sink: DiagnosticSink) -> None:
    for index, node in enumerate(earlier.root["nodes"]):
        before, after = node["node_id"], plain_id(node["node_id"]) or ""
        if before != after:
            at = node.value_span("node_id")
            sink.report(Renamed(at=at, subject=f"nodes[{index}].node_id", before=before, after=after))
