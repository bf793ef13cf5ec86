"""Types of a whole graph: what is fixed, what is inferred, and which declarations disagree, told as voice pipelines."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest
from rsppc.ir.solve import (
    Conflict,
    Inferred,
    Network,
    NetworkEdge,
    NetworkNode,
    Solution,
    components,
    instantiate,
    solve,
    template_of,
)
from rsppc.ir.types import PortType, print_domain, print_type
from rsppc.syntax.type_expr import parse_type


def network(nodes: Mapping[str, str], *edges: str) -> Network:
    """Nodes as `{"vad": "in audio: audio; out speech: audio"}` in topological order, edges as `a.x -> b.y`."""
    made = tuple(NetworkNode(id=node, template=template_of(_ports(text))) for node, text in nodes.items())
    return Network(nodes=made, edges=tuple(map(_edge, edges)), order=tuple(nodes))


def _ports(text: str) -> dict[str, tuple[str, PortType]]:
    ports: dict[str, tuple[str, PortType]] = {}
    for part in filter(None, map(str.strip, text.split(";"))):
        side, name, declared = part.split(" ", 2)
        parsed = parse_type(declared)
        assert isinstance(parsed, PortType), parsed
        ports[name.rstrip(":")] = (side, parsed)
    return ports


def _edge(text: str) -> NetworkEdge:
    (source_node, source_port), (target_node, target_port) = (end.strip().split(".") for end in text.split("->"))
    return NetworkEdge(
        source_node=source_node, source_port=source_port, target_node=target_node, target_port=target_port
    )


def type_at(solution: Solution, place: str) -> str:
    node, port = place.split(".")
    return print_type(solution.types[node][port])


def inferred_at(solution: Solution, place: str) -> dict[str, tuple[object, str]]:
    node, port = place.split(".")
    return {each.attribute: (each.value, each.rule) for each in solution.inferred[node] if each.port == port}


def told(conflict: Conflict) -> str:
    steps = "".join(f"{step.node}.{step.port} {f'-{step.link}- ' if step.link else ''}" for step in conflict.chain)
    return f"{conflict.kind} {'+'.join(conflict.differs)}: {steps.strip()}"


VAD = (
    "in audio: audio<codec=pcm_s16le, rate_hz=?r of 8000|16000, channels=1>; "
    "out speech: audio<codec=pcm_s16le, rate_hz=?r, channels=1>"
)
MIC_16K = "out audio: audio<codec=pcm_s16le, rate_hz=16000, channels=1>"
MIC_48K = "out audio: audio<codec=pcm_s16le, rate_hz=48000, channels=2>"
STT_16K = "in audio: audio<codec=pcm_s16le, rate_hz=16000, channels=1>; out text: text<partial|final>"
LLM = "in prompt: text<final>; out text: text<delta>"
TTS_24K = "in text: text<segment|final>; out audio: audio<codec=pcm_s16le, rate_hz=24000, channels=1>"
EGRESS_8K = "in audio: audio<codec=pcm_s16le, rate_hz=8000, channels=1>"
NORMALIZER = "in text: text<?m, lang=?l>; out out: text<?m, lang=?l>"
MERGE = "in a: T; in b: T; out out: T"
TAP = "in in: T; out out: T; out tap: T"


def resample(rate_hz: int) -> str:
    return (
        f"in audio: audio<codec=?c, rate_hz=*, channels=?n>; out out: audio<codec=?c, rate_hz={rate_hz}, channels=?n>"
    )


def transcode(codec: str) -> str:
    return f"in audio: audio<codec=*, rate_hz=?r, channels=?n>; out out: audio<codec={codec}, rate_hz=?r, channels=?n>"


def test_a_mulaw_caller_reaches_a_16k_recogniser_through_converters() -> None:
    """F-003: typed node IO."""
    solution = solve(
        network(
            {
                "caller": "out audio: audio<codec=pcm_mulaw, rate_hz=8000, channels=1>",
                "decode": transcode("pcm_s16le"),
                "up": resample(16000),
                "stt": STT_16K,
            },
            "caller.audio -> decode.audio",
            "decode.out -> up.audio",
            "up.out -> stt.audio",
        )
    )
    assert solution.conflicts == ()
    assert type_at(solution, "decode.audio") == "audio<codec=pcm_mulaw, rate_hz=8000, channels=1>"
    assert type_at(solution, "decode.out") == "audio<codec=pcm_s16le, rate_hz=8000, channels=1>"
    assert type_at(solution, "up.audio") == "audio<codec=pcm_s16le, rate_hz=8000, channels=1>"
    assert type_at(solution, "up.out") == "audio<codec=pcm_s16le, rate_hz=16000, channels=1>"
    assert inferred_at(solution, "up.out") == {"codec": ("pcm_s16le", "unified"), "channels": (1, "unified")}


def test_a_variable_takes_the_rate_that_both_sides_leave() -> None:
    solution = solve(
        network({"mic": MIC_16K, "vad": VAD, "stt": STT_16K}, "mic.audio -> vad.audio", "vad.speech -> stt.audio")
    )
    assert solution.conflicts == ()
    assert type_at(solution, "vad.speech") == "audio<codec=pcm_s16le, rate_hz=16000, channels=1>"
    assert inferred_at(solution, "vad.speech") == {"rate_hz": (16000, "unified")}


def test_one_edge_that_differs_twice_is_one_conflict() -> None:
    solution = solve(
        network({"mic": MIC_48K, "vad": VAD, "stt": STT_16K}, "mic.audio -> vad.audio", "vad.speech -> stt.audio")
    )
    assert [told(each) for each in solution.conflicts] == ["attribute rate_hz+channels: mic.audio -edge- vad.audio"]
    (conflict,) = solution.conflicts
    assert conflict.agrees == ("codec",)
    assert conflict.chain[0].type == "audio<codec=pcm_s16le, rate_hz=48000, channels=2>"
    assert conflict.chain[1].type == "audio<codec=pcm_s16le, rate_hz=?r of 8000|16000, channels=1>"


def test_a_conflict_through_a_variable_shows_the_whole_chain() -> None:
    solution = solve(
        network(
            {"mic": "out audio: audio<rate_hz=8000>", "vad": VAD, "stt": STT_16K},
            "mic.audio -> vad.audio",
            "vad.speech -> stt.audio",
        )
    )
    assert [told(each) for each in solution.conflicts] == [
        "variable rate_hz: mic.audio -edge- vad.audio -?r- vad.speech -edge- stt.audio"
    ]


def test_the_shortest_of_several_chains_is_told() -> None:
    solution = solve(
        network(
            {
                "mic": "out audio: audio<rate_hz=8000>",
                "tap1": TAP,
                "tap2": TAP,
                "near": "in audio: audio<rate_hz=16000>",
                "far": "in audio: audio<rate_hz=48000>",
            },
            "mic.audio -> tap1.in",
            "tap1.out -> tap2.in",
            "tap1.tap -> near.audio",
            "tap2.out -> far.audio",
        )
    )
    assert [told(each) for each in solution.conflicts] == [
        "variable rate_hz: mic.audio -edge- tap1.in -T- tap1.tap -edge- near.audio"
    ]


def test_three_declarations_that_only_together_disagree_are_all_told() -> None:
    solution = solve(
        network(
            {
                "mic": "out audio: audio<rate_hz=8000|16000>",
                "tap": TAP,
                "one": "in audio: audio<rate_hz=16000|48000>",
                "two": "in audio: audio<rate_hz=48000|8000>",
            },
            "mic.audio -> tap.in",
            "tap.out -> one.audio",
            "tap.tap -> two.audio",
        )
    )
    (conflict,) = solution.conflicts
    assert {"mic", "one", "two"} <= {step.node for step in conflict.chain}


def test_independent_conflicts_are_told_once_each_and_nothing_follows() -> None:
    solution = solve(
        network(
            {"mic": MIC_48K, "vad": VAD, "stt": STT_16K, "tts": TTS_24K, "out": EGRESS_8K},
            "mic.audio -> vad.audio",
            "vad.speech -> stt.audio",
            "tts.audio -> out.audio",
        )
    )
    assert [told(each) for each in solution.conflicts] == [
        "attribute rate_hz+channels: mic.audio -edge- vad.audio",
        "attribute rate_hz: tts.audio -edge- out.audio",
    ]


def test_kinds_that_differ_are_a_conflict_of_the_edge() -> None:
    """F-003: an incompatible edge is rejected."""
    solution = solve(network({"mic": MIC_16K, "llm": LLM}, "mic.audio -> llm.prompt"))
    assert [told(each) for each in solution.conflicts] == ["kind kind: mic.audio -edge- llm.prompt"]


def test_records_must_have_the_same_schema() -> None:
    solution = solve(network({"a": "out r: record<acme.a.v1>", "b": "in r: record<acme.b.v1>"}, "a.r -> b.r"))
    assert [told(each) for each in solution.conflicts] == ["record schema: a.r -edge- b.r"]


def test_a_merge_of_two_audio_sources_adopts_their_type() -> None:
    solution = solve(
        network(
            {
                "tts": TTS_24K,
                "filler": "out audio: audio",
                "mix": MERGE,
                "out": "in audio: audio<rate_hz=8000|24000>",
            },
            "tts.audio -> mix.a",
            "filler.audio -> mix.b",
            "mix.out -> out.audio",
        )
    )
    assert solution.conflicts == ()
    for place in ("mix.a", "mix.b", "mix.out", "filler.audio", "out.audio"):
        assert type_at(solution, place) == "audio<codec=pcm_s16le, rate_hz=24000, channels=1>"
    assert inferred_at(solution, "mix.b")["kind"] == ("audio", "adopted")


def test_a_merge_of_two_rates_disagrees_through_its_variable() -> None:
    solution = solve(
        network(
            {"tts": TTS_24K, "music": "out audio: audio<rate_hz=48000>", "mix": MERGE, "out": "in audio: audio"},
            "tts.audio -> mix.a",
            "music.audio -> mix.b",
            "mix.out -> out.audio",
        )
    )
    assert [told(each) for each in solution.conflicts] == [
        "variable rate_hz: tts.audio -edge- mix.a -T- mix.b -edge- music.audio"
    ]


def test_a_merge_of_two_kinds_is_one_conflict_of_kind() -> None:
    solution = solve(
        network(
            {
                "tts": "out audio: audio<lang=en>",
                "stt": "out text: text<final, lang=de>",
                "mix": MERGE,
                "out": "in audio: audio",
            },
            "tts.audio -> mix.a",
            "stt.text -> mix.b",
            "mix.out -> out.audio",
        )
    )
    assert [told(each) for each in solution.conflicts] == [
        "kind kind: tts.audio -edge- mix.a -T- mix.b -edge- stt.text"
    ]


def test_whole_variables_in_a_row_adopt_from_either_end() -> None:
    nodes = {"one": TAP, "two": TAP, "sink": "in r: record<acme.mood.v1>"}
    solution = solve(network(nodes, "one.out -> two.in", "two.out -> sink.r"))
    assert type_at(solution, "one.in") == "record<acme.mood.v1>"
    unconnected = solve(network({"one": TAP}))
    assert type_at(unconnected, "one.in") == "T"


def test_two_whole_variables_of_one_node_are_independent() -> None:
    nodes = {
        "mic": MIC_16K,
        "stt": "out text: text<final>",
        "pair": "in a: T; in b: U; out x: T; out y: U",
    }
    solution = solve(network(nodes, "mic.audio -> pair.a", "stt.text -> pair.b"))
    assert solution.conflicts == ()
    assert type_at(solution, "pair.x").startswith("audio")
    assert type_at(solution, "pair.y") == "text<final>"


def test_partial_text_is_filtered_before_a_language_model() -> None:
    """F-009: partial and final outputs."""
    solution = solve(network({"stt": STT_16K, "llm": LLM}, "stt.text -> llm.prompt"))
    assert solution.conflicts == ()
    assert solution.edges[0].filtered == ("partial",)
    assert type_at(solution, "stt.text") == "text<partial|final>"
    assert type_at(solution, "llm.prompt") == "text<final>"
    assert solution.inferred["llm"] == (Inferred(port="prompt", attribute="modes", value="final", rule="mode_filter"),)


def test_deltas_into_a_synthesiser_would_be_lost() -> None:
    solution = solve(network({"llm": LLM, "tts": TTS_24K}, "llm.text -> tts.text"))
    assert [told(each) for each in solution.conflicts] == ["lost-mode modes: llm.text -edge- tts.text"]
    assert solution.conflicts[0].lost == ("delta",)


def test_losing_one_of_two_modes_is_a_conflict_too() -> None:
    solution = solve(network({"a": "out t: text<final|delta>", "b": "in t: text<final>"}, "a.t -> b.t"))
    assert [each.kind for each in solution.conflicts] == ["lost-mode"]


def test_an_edge_that_passes_nothing_is_a_conflict() -> None:
    solution = solve(
        network(
            {
                "a": "out t: text<partial>; out c: control<turn>",
                "b": "in t: text<final>; in c: control<cancel>",
            },
            "a.t -> b.t",
            "a.c -> b.c",
        )
    )
    assert sorted(told(each) for each in solution.conflicts) == [
        "modes modes: a.t -edge- b.t",
        "signals signals: a.c -edge- b.c",
    ]


def test_text_that_may_have_any_mode_may_lose_one() -> None:
    solution = solve(network({"a": "out t: text", "b": "in t: text<final>"}, "a.t -> b.t"))
    assert solution.conflicts[0].lost == ("delta", "segment")


def test_modes_flow_through_a_variable_and_the_chain_leads_to_their_source() -> None:
    nodes = {"llm": LLM, "norm": NORMALIZER, "tts": TTS_24K}
    solution = solve(network(nodes, "llm.text -> norm.text", "norm.out -> tts.text"))
    assert [told(each) for each in solution.conflicts] == [
        "lost-mode modes: llm.text -edge- norm.text -?m- norm.out -edge- tts.text"
    ]
    fitting = solve(
        network({"stt": STT_16K, "norm": NORMALIZER, "llm": LLM}, "stt.text -> norm.text", "norm.out -> llm.prompt")
    )
    assert fitting.conflicts == ()
    assert type_at(fitting, "norm.out") == "text<partial|final>"
    assert inferred_at(fitting, "norm.out") == {"modes": ("partial|final", "flow")}


def test_a_bounded_variable_filters_what_it_does_not_understand() -> None:
    translate = "in text: text<?m of final|segment>; out out: text<?m, lang=de>"
    solution = solve(
        network({"stt": STT_16K, "tr": translate, "tts": TTS_24K}, "stt.text -> tr.text", "tr.out -> tts.text")
    )
    assert solution.conflicts == ()
    assert solution.edges[0].filtered == ("partial",)
    assert type_at(solution, "tr.out") == "text<final, lang=de>"


def test_a_merge_of_texts_emits_what_any_of_them_emits() -> None:
    nodes = {
        "stt": "out t: text<partial|final>",
        "chat": "out t: text<segment>",
        "mix": MERGE,
        "sink": "in t: text",
    }
    solution = solve(network(nodes, "stt.t -> mix.a", "chat.t -> mix.b", "mix.out -> sink.t"))
    assert type_at(solution, "mix.out") == "text<partial|final|segment>"
    assert type_at(solution, "mix.a") == "text<partial|final>"


def test_modes_settle_around_a_feedback_edge() -> None:
    nodes = {"stt": "out t: text<partial|final>", "mix": MERGE, "norm": NORMALIZER, "llm": LLM}
    solution = solve(
        network(nodes, "stt.t -> mix.a", "mix.out -> norm.text", "norm.out -> mix.b", "norm.out -> llm.prompt")
    )
    assert solution.conflicts == ()
    assert type_at(solution, "mix.b") == type_at(solution, "norm.out") == "text<partial|final>"


def test_a_loop_that_nothing_feeds_stays_open_without_conflict() -> None:
    solution = solve(network({"a": NORMALIZER, "b": NORMALIZER}, "a.out -> b.text", "b.out -> a.text"))
    assert solution.conflicts == ()
    assert type_at(solution, "a.out") == "text"


def test_control_signals_pass_by_intersection() -> None:
    nodes = {
        "link": "out c: control<connected|disconnected|stall>",
        "sink": "in c: control<stall|connected>",
        "any": "in c: control",
    }
    solution = solve(network(nodes, "link.c -> sink.c", "link.c -> any.c"))
    assert solution.conflicts == ()
    assert type_at(solution, "sink.c") == "control<connected|stall>"
    assert solution.edges[0].filtered == ("disconnected",)
    assert inferred_at(solution, "sink.c") == {"signals": ("connected|stall", "signal_filter")}
    assert type_at(solution, "any.c") == "control<connected|disconnected|stall>"
    assert inferred_at(solution, "any.c")["signals"][1] == "flow"


def test_languages_fit_by_prefix_and_disagree_otherwise() -> None:
    stt = "out text: text<final, lang=en-US>"
    fits = solve(network({"stt": stt, "tts": "in text: text<final, lang=de|en>"}, "stt.text -> tts.text"))
    assert type_at(fits, "tts.text") == "text<final, lang=en-US>"
    refused = solve(network({"stt": stt, "tts": "in text: text<final, lang=de>"}, "stt.text -> tts.text"))
    assert [told(each) for each in refused.conflicts] == ["attribute lang: stt.text -edge- tts.text"]


def test_unchecked_edges_are_flagged_and_constrain_nothing() -> None:
    nodes = {"mic": MIC_48K, "x": "in in: unchecked; out out: unchecked", "norm": NORMALIZER, "llm": LLM, "tap": TAP}
    solution = solve(
        network(nodes, "mic.audio -> x.in", "x.out -> norm.text", "norm.out -> llm.prompt", "x.out -> tap.in")
    )
    assert solution.conflicts == ()
    assert [edge.unchecked for edge in solution.edges] == [True, True, False, True]


@pytest.mark.parametrize(
    ("produced", "accepted", "fixed", "rule"),
    [
        ("24000|16000", "16000|24000", 24000, "producer_order"),
        ("8000..48000", "22050|16000", 22050, "consumer_order"),
        ("*", "22050|16000", 22050, "consumer_order"),
        ("8000..48000", "16000..96000", 16000, "smallest_value"),
        ("*", "16000..96000", 16000, "smallest_value"),
        ("24000|16000", "*", 24000, "producer_order"),
    ],
)
def test_an_open_attribute_is_fixed_by_the_first_order_there_is(
    produced: str, accepted: str, fixed: int, rule: str
) -> None:
    nodes = {"a": f"out x: audio<rate_hz={produced}>", "b": f"in x: audio<rate_hz={accepted}>"}
    solution = solve(network(nodes, "a.x -> b.x"))
    assert type_at(solution, "a.x") == type_at(solution, "b.x") == f"audio<rate_hz={fixed}>"
    assert inferred_at(solution, "a.x") == {"rate_hz": (fixed, rule)}


def test_the_first_producer_decides_however_the_edges_are_given() -> None:
    nodes = {
        "a": "out x: audio<rate_hz=*>",
        "b": "out x: audio<rate_hz=16000|8000>",
        "c": "out x: audio<rate_hz=8000|16000>",
        "mix": "in a: T; in b: T; in c: T; out out: T",
    }
    edges = ["c.x -> mix.c", "a.x -> mix.a", "b.x -> mix.b"]
    for each in (edges, edges[::-1]):
        assert type_at(solve(network(nodes, *each)), "mix.out") == "audio<rate_hz=16000>"


def test_what_nothing_says_anything_about_stays_open() -> None:
    solution = solve(network({"a": "out x: audio", "b": "in x: audio"}, "a.x -> b.x"))
    assert type_at(solution, "a.x") == "audio"
    assert solution.inferred == {"a": (), "b": ()}


def test_an_alternative_that_no_neighbour_accepts_is_dropped() -> None:
    nodes = {"a": "out x: audio<codec=opus> or audio<codec=pcm_s16le>", "b": "in x: audio<codec=pcm_s16le>"}
    solution = solve(network(nodes, "a.x -> b.x"))
    assert solution.conflicts == ()
    assert type_at(solution, "a.x") == "audio<codec=pcm_s16le>"
    assert inferred_at(solution, "a.x")["kind"] == ("audio", "unified")


def test_the_first_alternative_that_is_left_is_taken() -> None:
    nodes = {"a": "out x: text<final> or audio<codec=opus>", "b": "in x: audio or text"}
    solution = solve(network(nodes, "a.x -> b.x"))
    assert type_at(solution, "a.x") == type_at(solution, "b.x") == "text<final>"
    assert inferred_at(solution, "a.x")["kind"] == ("text", "first_alternative")


def test_alternatives_are_filtered_through_converters_and_variables() -> None:
    nodes = {
        "a": "out x: audio<codec=opus, rate_hz=48000> or audio<codec=pcm_s16le, rate_hz=48000>",
        "rs": resample(16000),
        "tap": TAP,
        "stt": STT_16K,
    }
    solution = solve(network(nodes, "a.x -> rs.audio", "rs.out -> tap.in", "tap.out -> stt.audio"))
    assert solution.conflicts == ()
    assert type_at(solution, "a.x") == "audio<codec=pcm_s16le, rate_hz=48000, channels=1>"


def test_a_variable_inside_an_alternative_binds_once_it_is_chosen() -> None:
    nodes = {
        "mic": MIC_16K,
        "gate": "in x: audio<rate_hz=?r> or text<final>; out y: audio<rate_hz=?r> or text<final>",
        "sink": "in x: audio<rate_hz=8000> or text<final>",
    }
    solution = solve(network(nodes, "mic.audio -> gate.x", "gate.y -> sink.x"))
    assert solution.conflicts == ()
    assert type_at(solution, "gate.x").startswith("audio<codec=pcm_s16le, rate_hz=16000")
    assert type_at(solution, "sink.x") == "text<final>"


def test_an_alternative_that_would_lose_a_mode_gives_way() -> None:
    nodes = {"a": "out x: text<delta|final> or text<final>", "b": "in x: text<final>"}
    solution = solve(network(nodes, "a.x -> b.x"))
    assert solution.conflicts == ()
    assert type_at(solution, "a.x") == "text<final>"


def test_the_closest_alternative_tells_why_none_fits() -> None:
    nodes = {
        "a": "out x: text<final> or audio<codec=opus, rate_hz=16000>",
        "b": "in x: audio<codec=g722, rate_hz=16000>",
    }
    solution = solve(network(nodes, "a.x -> b.x"))
    assert [told(each) for each in solution.conflicts] == ["attribute codec: a.x -edge- b.x"]
    assert solution.conflicts[0].chain[0].type == "text<final> or audio<codec=opus, rate_hz=16000>"
    assert solution.conflicts[0].agrees == ("rate_hz",)


def test_no_alternative_of_the_right_kind_is_a_conflict_of_kind() -> None:
    nodes = {"a": "out x: text<final> or metrics", "b": "in x: audio"}
    solution = solve(network(nodes, "a.x -> b.x"))
    assert [told(each) for each in solution.conflicts] == ["kind kind: a.x -edge- b.x"]


def test_bounds_of_one_variable_that_exclude_each_other_are_told() -> None:
    nodes = {"a": "in x: audio<rate_hz=?r of 8000>; out y: audio<rate_hz=?r of 16000>"}
    assert [told(each) for each in solve(network(nodes)).conflicts] == ["variable rate_hz: a.x -?r- a.y"]


def test_edges_that_name_no_port_are_left_to_others() -> None:
    solution = solve(network({"mic": MIC_16K}, "mic.audio -> gone.audio", "mic.gone -> mic.audio"))
    assert solution.conflicts == ()
    assert len(solution.edges) == 2


def test_a_node_missing_from_the_order_is_solved_all_the_same() -> None:
    whole = network({"mic": MIC_16K, "vad": VAD}, "mic.audio -> vad.audio")
    partly = Network(nodes=whole.nodes, edges=whole.edges, order=("mic",))
    assert solve(partly).types == solve(whole).types


def test_equal_configs_share_one_template() -> None:
    template = template_of(_ports("out audio: audio<rate_hz=config.rate_hz>"))
    assert instantiate(template, {"rate_hz": 8000}) is instantiate(template, {"rate_hz": 8000, "other": 1})
    mono = template_of(_ports("out audio: audio<channels=config.channels>"))
    assert instantiate(mono, {"channels": 1}) != instantiate(mono, {"channels": True})
    listed = instantiate(template, {"rate_hz": [8000, 16000]})
    assert print_type(listed.ports[0].type) == "audio<rate_hz=8000|16000>"
    plain = template_of(_ports(VAD))
    assert instantiate(plain, {"rate_hz": 8000}) is plain


def test_what_an_edge_passes_can_be_printed() -> None:
    solution = solve(network({"stt": STT_16K, "llm": LLM}, "stt.text -> llm.prompt"))
    assert solution.edges[0].passes is not None
    assert print_domain(solution.edges[0].passes) == "final"


def test_components_part_at_nodes_with_fixed_types() -> None:
    pipeline = network(
        {
            "stt": STT_16K,
            "llm": LLM,
            "seg": "in t: text<delta>; out s: text<segment>",
            "tts": TTS_24K,
            "alone": MIC_16K,
        },
        "stt.text -> llm.prompt",
        "llm.text -> seg.t",
        "seg.s -> tts.text",
    )
    assert components(pipeline) == {"stt": 0, "llm": 0, "seg": 0, "tts": 0, "alone": 1}
    assert components(pipeline, choosing={"stt", "tts"}) == {"stt": 0, "tts": 1}
    assert components(pipeline, choosing={"llm", "tts"}) == {"llm": 0, "tts": 1}


def test_components_do_not_part_at_variables_or_joins_but_at_unchecked_edges() -> None:
    nodes = {"stt": STT_16K, "norm": NORMALIZER, "tap": TAP, "tts": TTS_24K, "x": "in in: unchecked"}
    pipeline = network(nodes, "stt.text -> norm.text", "norm.out -> tap.in", "tap.out -> tts.text", "tap.tap -> x.in")
    assert components(pipeline, choosing={"stt", "tts", "x"}) == {"stt": 0, "tts": 0, "x": 1}


def _chain_of_taps(length: int, last: str) -> Network:
    names = [f"n{number:05}" for number in range(length)]
    nodes = {"mic": MIC_16K, **dict.fromkeys(names, TAP), "sink": last}
    path = ["mic.audio", *[f"{name}.{port}" for name in names for port in ("in", "out")], "sink.audio"]
    return network(nodes, *[f"{path[i]} -> {path[i + 1]}" for i in range(0, len(path), 2)])


def test_long_chains_and_wide_joins_stay_linear_with_and_without_conflict() -> None:
    """A deadline far above the linear cost and far below a quadratic one; no recursion, whatever the depth."""
    started = time.monotonic()
    assert solve(_chain_of_taps(3000, "in audio: audio")).conflicts == ()
    (conflict,) = solve(_chain_of_taps(3000, EGRESS_8K)).conflicts
    assert len(conflict.chain) == 6002
    wide = {f"s{n:04}": f"out x: audio<rate_hz={1000 + n}..{9000 + n}>" for n in range(2000)}
    wide["mix"] = "; ".join(f"in p{n}: T" for n in range(2000)) + "; out out: T"
    joins = [f"s{n:04}.x -> mix.p{n}" for n in range(2000)]
    assert solve(network(wide, *joins)).conflicts == ()
    wide["s1999"] = "out x: audio<rate_hz=1000>"
    (clash,) = solve(network(wide, *joins)).conflicts
    assert len(clash.chain) == 4
    leaking = {
        "llm": LLM,
        **{f"t{n:04}": TAP for n in range(2000)},
        **{f"z{n:04}": "in t: text<final>" for n in range(2000)},
    }
    taps = ["llm.text -> t0000.in", *[f"t{n:04}.out -> t{n + 1:04}.in" for n in range(1999)]]
    lost = solve(network(leaking, *taps, *[f"t{n:04}.tap -> z{n:04}.t" for n in range(2000)])).conflicts
    assert {(each.kind, each.lost) for each in lost} == {("lost-mode", ("delta",))}
    assert len(lost) == 2000
    assert time.monotonic() - started < 20


def test_a_union_of_many_alternatives_on_every_port_meets_a_bound() -> None:
    started = time.monotonic()
    many = " or ".join(f"audio<rate_hz={8000 + n}, channels={1 + n % 32}>" for n in range(64))
    shifted = " or ".join(f"audio<rate_hz={8001 + n}, channels={1 + n % 32}>" for n in range(64))
    nodes = {f"n{n:04}": f"in x: {many}; out y: {shifted}" for n in range(300)}
    solution = solve(network(nodes, *[f"n{n:04}.y -> n{n + 1:04}.x" for n in range(299)]))
    assert len(solution.conflicts) == 299
    assert time.monotonic() - started < 20
