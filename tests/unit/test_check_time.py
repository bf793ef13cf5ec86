"""Time: paths, nodes and edges against their budgets, by the figures that somebody states."""

from __future__ import annotations

from itertools import pairwise
from time import perf_counter
from typing import Any

import pytest
from program_builder import (
    Checked,
    check,
    condition,
    degrade,
    edge,
    insert,
    kind,
    latency,
    layer,
    node,
    policy,
    program,
    provider,
)
from rsppc.base.record import replace
from rsppc.conditions import Condition, rule_environment
from rsppc.conditions import check as check_condition
from rsppc.ir.program import Node, Program
from rsppc.passes import check_time

INGRESS = kind("mic", role="ingress", outs="audio:audio link:control<connected> dtmf:record<x.v1>", p50=10, p95=20)
VAD = kind("vad", ins="audio:audio", outs="speech:audio activity:control<speech_end>", p50=5, p95=10)
EGRESS = kind("speaker", role="egress", ins="audio:audio text:text<final>")


def run(given: Program, **options: Any) -> Checked:
    return check(given, check_time.PASS, **options)


def endpoint(p95: int = 500) -> Node:
    return node("endpoint", kind("endpoint", ins="activity:control<speech_end>", outs="turn:control<turn>", p95=p95))


def stt(p95: int | None = 300) -> Node:
    return node("stt", kind("stt", ins="audio:audio", outs="text", p50=p95, p95=p95))


def llm(p95: int | None = 400, **options: Any) -> Node:
    made = kind("llm", ins="prompt results", outs="text calls", scope="turn", p50=p95, p95=p95)
    return node("llm", made, **options)


def tts(p95: int | None = 200, p50: int | None = None) -> Node:
    return node("tts", kind("tts", ins="text", outs="audio:audio", scope="turn", p50=p50 or p95, p95=p95))


VOICE = [
    edge("mic.audio -> vad.audio"),
    edge("vad.activity -> endpoint.activity"),
    edge("vad.speech -> stt.audio"),
    edge("stt.text -> llm.prompt"),
    edge("llm.text -> tts.text"),
    edge("tts.audio -> speaker.audio"),
]


def voice(
    *changed: Node, extra: Any = (), egress: Any = EGRESS, more: tuple[Node, ...] = (), **options: Any
) -> Program:
    """mic (20) → vad (10) → endpoint (500) | stt (300) → llm (400) → tts (200) → speaker"""
    nodes = {one.id: one for one in (node("mic", INGRESS), node("vad", VAD), endpoint(), stt(), llm(), tts())}
    nodes["speaker"] = node("speaker", egress)
    nodes.update({one.id: one for one in (*changed, *more)})
    return program(list(nodes.values()), [*VOICE, *extra], owner="endpoint.turn", **options)


def p95(checked: Checked, name: str) -> int | None:
    path = checked.path(name)
    assert path is not None
    return path.p95_ms


def test_the_answer_waits_for_the_slower_of_turn_signal_and_recogniser() -> None:
    by_turn = run(voice())
    assert p95(by_turn, "e2e") == 20 + 10 + 500 + 400 + 200
    by_text = run(voice(stt(700)))
    assert p95(by_text, "e2e") == 20 + 10 + 700 + 400 + 200
    assert by_text.codes == []


def test_first_output_counts_from_the_turn_signal() -> None:
    checked = run(voice(endpoint(790)))
    assert p95(checked, "first_output") == 400 + 200
    path = checked.path("first_output")
    assert path is not None
    assert path.budget_ms == 2000
    assert [step.subject for step in path.steps if step.p95_ms] == ["llm.text", "tts.audio"]


def test_edges_count_nothing_at_p50_and_their_bound_at_p95() -> None:
    path = run(voice(edge_ms=20, control_ms=5)).path("e2e")
    assert path is not None
    assert path.p50_ms == 10 + 5 + 500 + 400 + 200
    assert path.p95_ms == 20 + 20 + 10 + 5 + 500 + 400 + 20 + 200 + 20


def test_a_late_first_output_names_the_path_and_its_largest_contributor() -> None:
    slow = node("llm", kind("llm", ins="prompt", outs="text", scope="turn", p50=900, p95=1900), budget_ms=None)
    checked = run(voice(slow, tts(410), budgets={"path_budget_ms": 9000}))
    found = checked.only("RSP5402")
    assert found.message() == "the first output comes after 2,310 ms at p95, over the turn budget of 2,000 ms"
    assert found.at.text == "endpoint.turn"
    assert found.notes == (
        "path: llm → tts → speaker",
        "largest contributor: `llm.text` with 1,900 ms, stated by node type `test.llm`",
    )
    assert [(one.at.text, one.text) for one in found.related] == [
        ("latency 900 1900", "`llm.text` takes 1,900 ms"),
        ("turn_budget_ms: 2000", "the budget"),
    ]
    assert "RSP5407" in checked.codes  # the gates from the end of speech are another matter


def test_a_late_end_to_end_is_an_error() -> None:
    late = run(voice(endpoint(790), llm(790), tts(191)))
    found = late.only("RSP5403")
    assert found.message() == (
        "the first output comes 1,801 ms after the end of speech at p95, over the path budget of 1,800 ms"
    )
    assert found.notes[0] == "path: mic → vad → endpoint → llm → tts → speaker"


def test_exactly_the_budget_is_in_time() -> None:
    checked = run(voice(endpoint(790), llm(790), tts(190)))
    assert p95(checked, "e2e") == 1800
    assert "RSP5403" not in checked.codes


def test_gates_warn_at_p50_and_p95() -> None:
    wide = {"path_budget_ms": 9000, "turn_budget_ms": 9000, "node_budget_ms": 9000}
    checked = run(voice(llm(1400), budgets=wide))
    assert checked.messages("RSP5407") == [
        "the first output comes 1,600 ms after the turn signal at p95, over the gate's target of 1,500 ms",
        "the first output comes 2,115 ms after the end of speech at p50, over the gate's target of 1,500 ms",
        "the first output comes 2,130 ms after the end of speech at p95, over the gate's target of 2,000 ms",
    ]
    assert not checked.sink.has_errors
    assert run(voice(llm(1400), budgets=wide), strict=True).sink.has_errors


def test_a_gate_is_not_mentioned_where_the_budget_is_broken_already() -> None:
    checked = run(voice(llm(1900, budget_ms=None), budgets={"path_budget_ms": 9000}))
    assert not [one for one in checked.messages("RSP5407") if "turn signal" in one]


def test_a_missing_figure_leaves_the_path_unproved_and_is_told_once() -> None:
    checked = run(voice(stt(None), llm(None)))
    assert checked.messages("RSP5401") == [
        "the time from the end of speech to the first output is not proved: no figure is known for "
        "`stt.text`, `llm.text`",
    ]
    (first,) = [one for one in checked.sink.sorted() if one.code == "RSP5401"]
    assert [(one.at.text, one.text) for one in first.related] == [
        ("node_type stt", "node type `test.stt` states no latency"),
        ("node_type llm", "node type `test.llm` states no latency"),
    ]
    path = checked.path("e2e")
    assert path is not None
    assert (path.p50_ms, path.p95_ms, path.unknown) == (None, None, ("stt.text", "llm.text"))


def test_strict_refuses_an_unproved_path() -> None:
    assert run(voice(llm(None)), strict=True).sink.has_errors
    assert not run(voice(llm(None))).sink.has_errors


def test_an_unproved_branch_counts_even_where_it_does_not_look_slowest() -> None:
    checked = run(voice(stt(None), endpoint(790)))
    path = checked.path("e2e")
    assert path is not None
    assert path.p95_ms is None
    assert path.unknown == ("stt.text",)


def test_what_is_known_of_an_unproved_path_can_be_too_late_already() -> None:
    checked = run(voice(llm(None), tts(2100), budgets={"node_budget_ms": 9000, "path_budget_ms": 9000}))
    found = checked.only("RSP5402")
    assert found.message() == "the first output comes after at least 2,100 ms at p95, over the turn budget of 2,000 ms"
    assert "not counted, because no figure is known: `llm.text`" in found.notes
    assert [one for one in checked.messages("RSP5401") if "turn signal" in one] == []


def test_a_lone_p50_is_a_lower_bound_of_p95() -> None:
    made = kind("llm", ins="prompt", outs="text", scope="turn", figures={"*": latency(2100, None)})
    checked = run(voice(node("llm", made, budget_ms=None), budgets={"path_budget_ms": 9000}))
    assert "at least 2,300 ms" in checked.messages("RSP5402")[0]
    path = checked.path("first_output")
    assert path is not None
    assert (path.p50_ms, path.p95_ms) == (2300, None)


def test_a_node_without_a_known_type_asks_for_nothing() -> None:
    checked = run(voice(node("stt", None)))
    assert checked.codes == []
    assert p95(checked, "e2e") is None


def test_the_figure_of_an_output_goes_before_the_figure_of_all() -> None:
    made = kind("llm", ins="prompt", outs="text", scope="turn", figures={"text": latency(1, 2), "*": latency(3, 700)})
    assert p95(run(voice(node("llm", made))), "first_output") == 2 + 200


def test_config_fields_are_added() -> None:
    made = kind(
        "endpoint",
        ins="activity:control<speech_end>",
        outs="turn:control<turn>",
        figures={"*": latency(1, 5, plus=["silence_ms"])},
        config={"silence_ms": 500},
    )
    checked = run(voice(node("endpoint", made)))
    assert p95(checked, "e2e") == 20 + 10 + 505 + 600
    slow = run(voice(node("endpoint", made, config={"silence_ms": 900})))
    found = slow.only("RSP5405")
    assert found.message() == "node `endpoint` takes 905 ms at p95, over its budget of 800 ms"
    assert found.notes == ("largest contributor: `endpoint.turn` with 905 ms, as `silence_ms` is 900 ms",)
    assert [one.at.text for one in found.related] == ["silence_ms: 900", "node_budget_ms: 800"]


def test_config_fields_are_lower_bounds() -> None:
    figures = {"*": latency(100, 200, at_least=["window_ms"])}
    made = kind("llm", ins="prompt", outs="text", scope="turn", figures=figures, config={"window_ms": 150})
    path = run(voice(node("llm", made))).path("first_output")
    assert path is not None
    assert (path.p50_ms, path.p95_ms) == (150 + 200, 200 + 200)
    path = run(voice(node("llm", made, config={"window_ms": 300}))).path("first_output")
    assert path is not None
    assert (path.p50_ms, path.p95_ms) == (300 + 200, 300 + 200)


@pytest.mark.parametrize("value", [None, "long"])
def test_a_config_field_without_a_number_leaves_the_figure_unknown(value: Any) -> None:
    figures = {"*": latency(1, 5, plus=["window_ms"])}
    made = kind("llm", ins="prompt", outs="text", scope="turn", figures=figures, config={"window_ms": 1})
    checked = run(voice(node("llm", made, config={"window_ms": value})))
    assert p95(checked, "first_output") is None
    related = [one.related[0].text for one in checked.sink.sorted() if one.code == "RSP5401"]
    assert related[0] == "config field `window_ms` of `llm` has no value"


def test_a_provider_replaces_the_figures_of_the_node_type_and_the_slowest_counts() -> None:
    made = kind("llm", ins="prompt", outs="text", scope="turn", p95=700, modality="llm")
    one = provider("llm-one", "llm", {"*": latency(100, 200)})
    two = provider("llm-two", "llm", {"text": latency(90, 300)})
    path = run(voice(node("llm", made), providers={"llm": [one, two]})).path("first_output")
    assert path is not None
    assert (path.p50_ms, path.p95_ms) == (100 + 200, 300 + 200)


def test_one_provider_without_a_figure_leaves_the_node_unproved() -> None:
    made = kind("llm", ins="prompt", outs="text", scope="turn", p95=700, modality="llm")
    one = provider("llm-one", "llm", {"*": latency(100, 200)})
    two = provider("llm-two", "llm")
    three = provider("llm-three", "llm", {"*": latency(50, None)})
    checked = run(voice(node("llm", made), providers={"llm": [one, two, three]}))
    found = next(one for one in checked.sink.sorted() if one.code == "RSP5401")
    assert [(one.at.text, one.text) for one in found.related] == [
        ("latency 50 None", "provider `llm-three` states no p95"),
        ("provider llm-two", "provider `llm-two` states no latency"),
    ]
    assert "measure it" in found.next_step()
    assert "{p50_ms: …, p95_ms: …}" in found.next_step()


def test_an_egress_that_tells_when_playback_starts_counts_with_that_figure() -> None:
    telling = kind(
        "speaker",
        role="egress",
        ins="audio:audio",
        outs="playback:control<playback_started> done:control<transfer_completed>",
        figures={"playback": latency(20, 25)},
    )
    assert p95(run(voice(egress=telling)), "first_output") == 600 + 25


# --- Nodes and edges -------------------------------------------------------------------------------------------------


def test_the_budget_of_a_node_goes_before_the_profile() -> None:
    checked = run(voice(llm(400, budget_ms=300)))
    found = checked.only("RSP5405")
    assert found.message() == "node `llm` takes 400 ms at p95, over its budget of 300 ms"
    assert found.related[1].at.text == "budget_ms: 300"
    assert run(voice(llm(850, budget_ms=900))).messages("RSP5405") == []


def test_null_means_no_budget_of_its_own() -> None:
    checked = run(voice(llm(850, budget_ms=None)))
    assert checked.messages("RSP5405") == []
    path = checked.path("node/llm")
    assert path is not None
    assert (path.p95_ms, path.budget_ms) == (850, None)


def test_a_node_counts_only_the_outputs_that_somebody_consumes() -> None:
    figures = {"text": latency(1, 100), "calls": latency(1, 5000)}
    made = kind("llm", ins="prompt", outs="text calls", scope="turn", figures=figures)
    assert run(voice(node("llm", made))).codes == []


def test_an_edge_over_the_edge_budget_is_an_error_at_its_own_line() -> None:
    given = voice()
    edges = [edge("llm.text -> tts.text", adds_ms=300) if one[0].id == "llm.text->tts.text" else one for one in VOICE]
    given = program(list(given.nodes.values()), edges, owner="endpoint.turn")
    found = run(given).only("RSP5406")
    assert found.message() == "edge `llm.text->tts.text` may add 300 ms, over the edge budget of 250 ms"
    assert found.at.text == "adds 300"


def test_edges_that_took_one_default_are_one_finding() -> None:
    checked = run(voice(edge_ms=260, budgets={"path_budget_ms": 9000, "turn_budget_ms": 9000}))
    found = checked.only("RSP5406")
    assert found.subject == "llm.text->tts.text"
    assert found.notes == (
        "the same value serves `mic.audio->vad.audio`, `stt.text->llm.prompt`, `tts.audio->speaker.audio`, "
        "`vad.speech->stt.audio`",
    )


# --- What can change at a turn ---------------------------------------------------------------------------------------


def test_a_conditional_layer_that_tightens_a_budget_counts() -> None:
    assert run(voice(llm(790), tts(700))).messages("RSP5402") == []
    checked = run(voice(llm(790), tts(700), layers=[layer({"budgets.turn_budget_ms": 1400})]))
    assert "over the turn budget of 1,400 ms" in checked.messages("RSP5402")[0]


def test_a_layer_without_a_condition_is_merged_already_and_counts_no_more() -> None:
    given = voice(llm(790), tts(700), layers=[layer({"budgets.turn_budget_ms": 1400}, when=None)])
    assert run(given).messages("RSP5402") == []


def test_a_degrade_rule_that_lengthens_a_wait_counts() -> None:
    figures = {"*": latency(1, 5, plus=["wait_ms"])}
    made = kind("llm", ins="prompt", outs="text", scope="turn", figures=figures, config={"wait_ms": 100})
    rules = policy(degrades=[degrade({"nodes.llm.config.wait_ms": 700})])
    assert p95(run(voice(node("llm", made), policies=[rules])), "first_output") == 705 + 200


def test_conditional_settings_of_nodes_edges_and_defaults_count() -> None:
    sets = {
        "nodes.llm.budget_ms": 350,
        "edges.llm.text->tts.text.buffer.max_latency_contribution_ms": 90,
        "buffers.DataLane.additive.max_latency_contribution_ms": 40,
    }
    checked = run(voice(edge_ms=10, layers=[layer(sets)]))
    assert p95(checked, "first_output") == 400 + 90 + 200 + 40
    assert checked.only("RSP5405").message().endswith("over its budget of 350 ms")


# --- Inserted nodes --------------------------------------------------------------------------------------------------


def filter_node(id: str, p95: int | None) -> Node:
    return node(id, kind(id, ins="text", outs="text", p50=p95, p95=p95))


def test_a_node_that_a_rule_can_insert_counts_with_one_more_edge() -> None:
    rules = policy(inserts=[insert(filter_node("pii", 50), "llm.text -> tts.text")])
    checked = run(voice(edge_ms=20, policies=[rules]))
    path = checked.path("first_output")
    assert path is not None
    assert path.p95_ms == 400 + 20 + 50 + 20 + 200 + 20
    assert [step.subject for step in path.steps] == [
        "llm.text",
        "llm.text->tts.text",
        "pii.text",
        "pii.text->tts.text",
        "tts.audio",
        "tts.audio->speaker.audio",
    ]
    assert p95(checked, "node/pii") == 50


def test_an_inserted_node_is_held_against_its_budget() -> None:
    rules = policy(inserts=[insert(filter_node("pii", 900), "llm.text -> tts.text")])
    assert run(voice(policies=[rules])).only("RSP5405").subject == "pii"


def test_a_node_that_is_in_the_graph_already_is_not_counted_twice() -> None:
    pii = filter_node("pii", 50)
    rules = policy(inserts=[insert(pii, "llm.text -> tts.text")])
    assert p95(run(voice(more=(pii,), policies=[rules])), "first_output") == 600


def test_inserted_nodes_without_a_figure_leave_the_path_unproved() -> None:
    rules = policy(inserts=[insert(filter_node("pii", None), "llm.text -> tts.text")])
    path = run(voice(policies=[rules])).path("first_output")
    assert path is not None
    assert (path.p95_ms, path.unknown) == (None, ("pii.text",))


def checked_condition(text: str) -> Any:
    found = check_condition(text, rule_environment(()))
    assert isinstance(found, Condition)
    return condition(text, checked=found)


def test_rules_that_exclude_each_other_do_not_add_up() -> None:
    """R-001-28"""
    eu, us = checked_condition('session.region == "eu"'), checked_condition('session.region == "us"')
    both = [
        insert(filter_node("one", 50), "llm.text -> tts.text", when=eu),
        insert(filter_node("two", 70), "llm.text -> tts.text", when=us),
    ]
    assert p95(run(voice(policies=[policy(inserts=both)])), "first_output") == 600 + 70
    unchecked = [
        insert(filter_node("one", 50), "llm.text -> tts.text", when=condition("a")),
        insert(filter_node("two", 70), "llm.text -> tts.text", when=us),
    ]
    assert p95(run(voice(policies=[policy(inserts=unchecked)])), "first_output") == 600 + 120


def test_many_rules_that_exclude_each_other_count_as_the_slowest_of_them() -> None:
    rules = [
        insert(
            filter_node(f"one{index}", 50 + index),
            "llm.text -> tts.text",
            when=checked_condition(f'session.region == "r{index}"'),
        )
        for index in range(40)
    ]
    assert p95(run(voice(policies=[policy(inserts=rules)])), "first_output") == 600 + 89


def test_two_nodes_of_one_name_that_rules_insert_are_one_at_its_worst() -> None:
    eu, us = checked_condition('session.region == "eu"'), checked_condition('session.region == "us"')
    both = [
        insert(filter_node("pii", 70), "llm.text -> tts.text", when=eu),
        insert(filter_node("pii", 50), "stt.text -> llm.prompt", when=us),
    ]
    assert p95(run(voice(policies=[policy(inserts=both)])), "node/pii") == 70


def test_the_unknown_one_of_two_exclusive_rules_still_counts() -> None:
    eu, us = checked_condition('session.region == "eu"'), checked_condition('session.region == "us"')
    both = [
        insert(filter_node("one", None), "llm.text -> tts.text", when=eu),
        insert(filter_node("two", 70), "llm.text -> tts.text", when=us),
    ]
    path = run(voice(policies=[policy(inserts=both)])).path("first_output")
    assert path is not None
    assert path.unknown == ("one.text",)


# --- Tools -----------------------------------------------------------------------------------------------------------

TOOL = kind("tools", ins="calls", outs="results", scope="turn", p95=300)
LOOP = [edge("llm.calls -> tools.calls"), edge("tools.results -> llm.results", rounds=2)]


def with_tools(*changed: Node, extra: Any = (), **options: Any) -> Program:
    options.setdefault("budgets", {"path_budget_ms": 9000})
    return voice(node("tools", TOOL), *changed, extra=[*LOOP, *extra], **options)


def test_feedback_counts_no_rounds_for_the_first_output() -> None:
    assert p95(run(with_tools()), "first_output") == 600


def test_with_tools_all_rounds_count_within_the_turn_budget() -> None:
    checked = run(with_tools())
    assert p95(checked, "turn_with_tools") == 2 * (400 + 300) + 600
    assert checked.codes == []
    late = run(with_tools(tts(700)))
    found = late.only("RSP5404")
    assert found.message() == (
        "after all rounds of its loops the first output comes after 2,500 ms at p95, over the turn budget of 2,000 ms"
    )
    assert "largest contributor: `tools.results->llm.results` with 1,400 ms, as 2 rounds of 700 ms" in found.notes[1]
    assert found.related[0].at.text == "max_rounds: 2"


def test_edges_of_a_loop_count_every_round() -> None:
    assert p95(run(with_tools(edge_ms=10)), "turn_with_tools") == 2 * (400 + 10 + 300 + 10) + 400 + 10 + 200 + 10


PLAYER = kind("filler", role="source", ins="start:control<*>", outs="audio:audio", p95=5)
MERGE = kind("voice", ins="answer:audio filler:audio", outs="out:audio", p95=0)


def voiced(started_by: str) -> Program:
    """The answer and a recording are merged in front of the speaker."""
    given = with_tools(tts(700))
    edges = [one for one in VOICE if one[0].source.node != "tts"]
    edges += [
        edge("tts.audio -> voice.answer"),
        edge("filler.audio -> voice.filler"),
        edge("voice.out -> speaker.audio"),
    ]
    edges += [edge(f"{started_by} -> filler.start"), *LOOP]
    nodes = [*given.nodes.values(), node("filler", PLAYER), node("voice", MERGE)]
    return program(nodes, edges, owner="endpoint.turn", budgets={"path_budget_ms": 9000})


def test_with_a_filler_the_rounds_have_no_budget() -> None:
    checked = run(voiced("endpoint.turn"))
    assert checked.messages("RSP5404") == []
    path = checked.path("turn_with_tools")
    assert path is not None
    assert (path.p95_ms, path.budget_ms) == (2500, None)


def test_a_greeting_that_the_connection_starts_is_no_filler() -> None:
    assert len(run(voiced("mic.link")).messages("RSP5404")) == 1


def test_a_greeting_is_no_answer() -> None:
    checked = run(voiced("mic.link"))
    path = checked.path("e2e")
    assert path is not None
    assert "filler.audio" not in [step.subject for step in path.steps]


def test_loops_on_separate_branches_do_not_add_up_and_nested_ones_do() -> None:
    def branch(name: str) -> list[Node]:
        return [
            node(f"llm_{name}", kind("llm", ins="prompt results", outs="text calls", scope="turn", p95=100)),
            node(f"tools_{name}", kind("tools", ins="calls", outs="results deep", scope="turn", p95=50)),
        ]

    def edges_of(name: str) -> Any:
        return [
            edge(f"mic.audio -> llm_{name}.prompt"),
            edge(f"llm_{name}.text -> speaker.text"),
            edge(f"llm_{name}.calls -> tools_{name}.calls"),
            edge(f"tools_{name}.results -> llm_{name}.results", rounds=3),
        ]

    base = [node("mic", INGRESS), node("speaker", EGRESS)]
    given = program([*base, *branch("a"), *branch("b")], [*edges_of("a"), *edges_of("b")], owner="mic.link")
    assert p95(run(given), "turn_with_tools") == 3 * 150 + 100
    deeper = node("deep", kind("deep", ins="calls", outs="results", scope="turn", p95=10))
    inner = [edge("tools_a.deep -> deep.calls"), edge("deep.results -> tools_a.calls", rounds=2)]
    given = program([*base, *branch("a"), deeper], [*edges_of("a"), *inner], owner="mic.link")
    assert p95(run(given), "turn_with_tools") == 3 * 150 + 2 * (100 + 50 + 10) + 100


def test_an_unknown_tool_is_asked_for_once() -> None:
    unknown = kind("tools", ins="calls", outs="results", scope="turn")
    checked = run(with_tools(node("tools", unknown)))
    (message,) = checked.messages("RSP5401")
    assert message.startswith("the time from the turn signal to the first output, after all rounds of its loops,")
    assert p95(checked, "turn_with_tools") is None
    both = run(with_tools(llm(None), node("tools", TOOL)))
    assert not [one for one in both.messages("RSP5401") if "rounds" in one]


# --- Other shapes ----------------------------------------------------------------------------------------------------

REALTIME = kind(
    "agent",
    ins="audio:audio results",
    outs="audio:audio turn:control<turn> calls",
    figures={"audio": latency(500, 800), "turn": latency(300, 600), "calls": latency(400, 500)},
    turn_cancel="end_response",
)


def speech_to_speech(*extra: Any, nodes: tuple[Node, ...] = (), agent: Any = REALTIME) -> Program:
    base = [node("mic", INGRESS), node("agent", agent), node("speaker", EGRESS), *nodes]
    edges = [edge("mic.audio -> agent.audio"), edge("agent.audio -> speaker.audio"), *extra]
    return program(base, edges, owner="agent.turn")


def test_a_node_from_speech_to_speech_listens_all_the_time_and_speaks_when_the_turn_is_committed() -> None:
    checked = run(speech_to_speech())
    assert p95(checked, "e2e") == 20 + 800
    assert p95(checked, "first_output") == 800
    slow_turn = kind(
        "agent",
        ins="audio:audio",
        outs="audio:audio turn:control<turn>",
        figures={"audio": latency(100, 200), "turn": latency(500, 700)},
        turn_cancel="end_response",
    )
    assert p95(run(speech_to_speech(agent=slow_turn)), "e2e") == 20 + 700


def test_tools_of_a_session_scoped_node_count_as_well() -> None:
    tools = node("tools", kind("tools", ins="calls", outs="results", p95=100))
    loop = [edge("agent.calls -> tools.calls"), edge("tools.results -> agent.results", rounds=1)]
    assert p95(run(speech_to_speech(*loop, nodes=(tools,))), "turn_with_tools") == 500 + 100 + 800


def test_whoever_takes_turns_by_itself_answers_even_if_it_declares_nothing() -> None:
    silent = kind(
        "agent",
        ins="audio:audio",
        outs="audio:audio turn:control<turn>",
        figures={"audio": latency(100, 200), "turn": latency(1, 2)},
    )
    checked = run(speech_to_speech(agent=silent))
    assert p95(checked, "first_output") == 200
    assert p95(checked, "e2e") == 20 + 200


def test_without_turns_the_plain_way_from_ingress_to_egress_counts() -> None:
    given = program(
        [node("mic", INGRESS), node("vad", VAD), node("speaker", EGRESS)],
        [edge("mic.audio -> vad.audio"), edge("vad.speech -> speaker.audio")],
    )
    checked = run(given)
    assert p95(checked, "e2e") == 20 + 10
    assert checked.path("first_output") is None


def test_without_an_owner_there_is_no_first_output() -> None:
    given = voice()
    nodes, edges = list(given.nodes.values()), VOICE
    checked = run(program(nodes, edges))
    assert checked.path("first_output") is None
    assert p95(checked, "e2e") == 20 + 10 + 300 + 400 + 200


def test_a_turn_scoped_node_that_nothing_feeds_begins_with_the_turn() -> None:
    opener = node("opener", kind("opener", outs="text", scope="turn", p95=1000), budget_ms=None)
    checked = run(voice(opener, extra=[edge("opener.text -> speaker.text")]))
    assert p95(checked, "first_output") == 1000


def test_a_loop_that_nobody_declared_does_no_harm() -> None:
    nodes = list(voice().nodes.values())
    given = program(nodes, [*VOICE, edge("tts.audio -> llm.results")], owner="endpoint.turn")
    given = replace(given, order=(*given.order, *sorted(set(given.nodes) - set(given.order))))
    assert "RSP5402" not in run(given).codes


def test_the_order_of_nodes_and_edges_decides_nothing() -> None:
    given = voice(stt(None), edge_ms=20)
    turned = replace(given, nodes=dict(reversed(given.nodes.items())), edges=tuple(reversed(given.edges)))
    one, other = run(given), run(turned)
    assert one.program.proofs == other.program.proofs
    assert [each.message() for each in one.sink.sorted()] == [each.message() for each in other.sink.sorted()]


def test_what_is_remembered_of_one_program_is_not_used_for_another() -> None:
    given = voice()
    assert p95(run(given), "first_output") == 600
    assert p95(run(voice(llm(500))), "first_output") == 700
    slower = replace(given, nodes={**given.nodes, "llm": llm(550)})
    assert p95(run(slower), "first_output") == 750
    assert p95(run(given), "first_output") == 600


def test_ten_thousand_nodes_in_a_row_take_no_time_to_speak_of() -> None:
    step = kind("step", ins="text", outs="text", scope="turn", p95=1)
    names = [f"n{number:05d}" for number in range(10_000)]
    nodes = [node("mic", INGRESS), *(node(name, step) for name in names), node("speaker", EGRESS)]
    edges = [edge(f"{before}.text -> {after}.text") for before, after in pairwise(names)]
    edges += [edge(f"mic.dtmf -> {names[0]}.text"), edge(f"{names[-1]}.text -> speaker.text")]
    edges += [edge(f"{names[-1]}.text -> {names[0]}.back", rounds=1)]
    given = program(nodes, edges, owner="mic.link")
    started = perf_counter()
    checked = run(given)
    assert perf_counter() - started < 5
    assert p95(checked, "first_output") == 10_000
    assert p95(checked, "turn_with_tools") == 20_000
    assert len(checked.only("RSP5402").notes[0]) < 200
