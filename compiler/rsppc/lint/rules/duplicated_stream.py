"""What is led over two branches and joined again is there twice."""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.diagnostics import Related
from rsppc.ir.program import Edge, Node
from rsppc.lint.rule import LintFinding, Rule
from rsppc.lint.view import View


class DuplicatedStream(LintFinding):
    """An output that feeds two branches gives each of them every event. Where the branches meet again in one stream,
    every event is there twice: the caller hears each sentence two times, or a model reads the question twice. A switch,
    whose edges have conditions, sends an event one way.

    In Pipecat a parallel pipeline delivered every frame of audio twice to what follows it
    (https://github.com/pipecat-ai/pipecat/issues/5492), and a second transcription beside the first confuses what the
    user said (https://github.com/pipecat-ai/pipecat/issues/4543)."""

    code = "RSP9618"
    name = "duplicated-stream"
    headline = "`{subject}` gets everything from `{source}` twice: at `{first}` and at `{second}`"
    hint = "give the edges out of `{source}` conditions, or choose one stream with a `flow.select`"
    source: str
    first: str
    second: str


_BRANCHES = """
- {node_id: plain, node_type: text.normalizer}
- {node_id: masked, node_type: safety.pii_redactor}
- {node_id: both, node_type: flow.merge, config: {order: timestamp, sources: [left, right]}}
- {from: sentences.text, to: plain.text%s}
- {from: sentences.text, to: masked.text%s}
- {from: plain.text, to: both.left}
- {from: masked.text, to: both.right}
- {from: both.out, to: tts.text}
"""
BAD = _BRANCHES % ("", "")
GOOD = _BRANCHES % (", otherwise: true", ", when: 'session.language.startsWith(\"de\")'")


def check(view: View) -> Iterator[LintFinding]:
    for node in view.joins:
        if node.id in view.program.selects or _drops_the_second(node):
            continue
        came: dict[str, Edge] = {}
        for edge in view.into(node.id):
            source = next((one for one in _origins(edge, view) if one in came), None)
            if source is not None:
                related = (Related(at=came[source].target.place.span(), text="and here"),)
                first, second = came[source].target.port or "", edge.target.port or ""
                yield DuplicatedStream(
                    at=edge.target.place.span(),
                    subject=node.id,
                    source=source,
                    first=first,
                    second=second,
                    related=related,
                )
                break
            came.update(dict.fromkeys(_origins(edge, view), edge))


def _drops_the_second(node: Node) -> bool:
    order, give_way = node.config.get("order"), node.config.get("yield")
    return order is not None and order.value == "source_priority" and give_way is not None and give_way.value == "drop"


def _origins(edge: Edge, view: View) -> list[str]:
    """Outputs from which every event comes along an edge, through nodes that keep nothing."""
    origins: list[str] = []
    waiting = [edge]
    for one in waiting:  # grows while it is walked through
        if one.when is not None or one.otherwise is not None:
            continue
        origins.append(str(one.source))
        node_type = view.program.nodes[one.source.node].type
        if node_type is not None and node_type.state == "none" and node_type.modality is None:
            waiting.extend(view.into(one.source.node))
    return origins


RULE = Rule(finding=DuplicatedStream, check=check, bad=BAD, good=GOOD)
