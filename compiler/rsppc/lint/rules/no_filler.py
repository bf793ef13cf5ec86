"""A tool that takes longer than people bear silence, and nothing is heard meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rsppc.diagnostics import Related
from rsppc.ir.program import Edge, Node
from rsppc.ir.setting import place_of
from rsppc.lint.rule import LintFinding, Rule
from rsppc.lint.view import View

PAUSE_MS = 2000
"""Silence after which callers ask whether anybody is there."""


class NoFiller(LintFinding):
    """Two seconds after the question the caller says "hello?", which cancels the answer that was on its way. The turn
    budget holds without tools; a tool may take its whole time-out in every round, and nobody states that time, so that
    the compiler can only call the path unproved.

    A call goes silent while a tool runs, until it has nothing but dead air
    (https://github.com/inkbox-ai/hermes-agent-plugin/issues/7); LiveKit added fillers for such tools
    (https://github.com/livekit/agents/pull/5885), and voice teams ask for them because callers hang up
    (https://github.com/openai/openai-agents-python/issues/1763)."""

    code = "RSP9626"
    name = "no-filler"
    headline = "tools behind `{subject}` may take {took} ms in a turn, and nothing is heard meanwhile"
    hint = "lead an `audio.player` that the turn starts to the egress as a filler, or lower time-outs and `max_rounds`"
    took: int


_TOOLS = """
- node_id: llm
  node_type: speech.llm
  provider: llm-house
  config: {tools: [{name: find, description: Finds an order., parameters: {}, timeout_ms: %d}]}
- {node_id: tools, node_type: tool.bridge}
- {from: llm.tool_calls, to: tools.tool_calls}
- {from: tools.tool_results, to: llm.tool_results, feedback: true, max_rounds: 2}
"""
BAD = _TOOLS % 1500
GOOD = _TOOLS % 400


def check(view: View) -> Iterator[LintFinding]:
    if any(_is_filler(node, view) for node in view.players):
        return
    for edge in view.loops:
        took = (edge.max_rounds or 1) * _longest_call(edge, view)
        if took > PAUSE_MS:
            rounds = edge.settings.get("max_rounds")
            related = (Related(at=place_of(rounds), text="so many rounds"),) if rounds is not None else ()
            yield NoFiller(at=edge.source.place.span(), subject=edge.source.node, took=took, related=related)


def _is_filler(node: Node, view: View) -> bool:
    """Whether something other than the connection starts a recording."""
    starts = (view.program.nodes[edge.source.node].type for edge in view.into(node.id))
    return any(one is not None and one.role != "ingress" for one in starts)


def _longest_call(edge: Edge, view: View) -> int:
    """The longest time-out of the tools that the model behind a feedback edge may call."""
    bridge, model = view.program.nodes[edge.source.node], view.program.nodes[edge.target.node]
    default = bridge.config.get("default_timeout_ms")
    otherwise = default.value if default is not None and isinstance(default.value, int) else 0
    tools = model.config.get("tools")
    listed: Any = (tools.value if tools is not None else None) or ()
    return max((tool.get("timeout_ms", otherwise) for tool in listed if isinstance(tool, dict)), default=otherwise)


RULE = Rule(finding=NoFiller, check=check, bad=BAD, good=GOOD)
