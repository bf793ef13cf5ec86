"""What a ResolvedSpec holds, and that each of its leaves says where it came from."""

from __future__ import annotations

import random
from typing import Any

import pytest
from emit_builder import (
    LLM,
    MIC,
    REDACTOR,
    SEGMENTER,
    SNAPSHOT,
    SPEAKER,
    STT,
    TTS,
    VAD,
    complete,
    insert,
    queued,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from program_builder import (
    Lines,
    cancel_place,
    condition,
    degrade,
    edge,
    layer,
    node,
    place,
    policy,
    rule,
    written,
)
from rsppc.base.canonical_json import digest_value
from rsppc.base.record import replace
from rsppc.emit.artifacts import Artifacts, artifacts
from rsppc.emit.edges import watermarks
from rsppc.emit.origins import label
from rsppc.ir.program import Edge, Node, Program
from rsppc.ir.setting import (
    Computed,
    FromBundle,
    FromLayer,
    FromModule,
    FromNodeType,
    FromPolicy,
    FromProfile,
    Inferred,
    Origin,
    Setting,
    Written,
)


def support_nodes() -> list[Node]:
    return [
        node("mic", MIC),
        node("line/stt", STT, config={"window_ms": 100}, budget_ms=500),
        node("llm", LLM, budget_ms=None, fallback="llm_small"),
        node("llm_small", LLM, config={"context": 2}, provider="llm-cohere"),
        node("sentences", SEGMENTER),
        node("tts", TTS),
        node("speaker", SPEAKER),
        node("vad", VAD),
    ]


def support_edges() -> list[tuple[Edge, str | None]]:
    return [
        edge("mic.audio -> line/stt.audio"),
        edge("line/stt.text -> llm.prompt"),
        edge("llm.text -> sentences.text"),
        queued(edge("sentences.text -> tts.text"), max_queue_items=8, strategy="coalesce"),
        edge("tts.audio -> speaker.audio"),
    ]


def support(**said: Any) -> Program:
    """A small support line."""
    bindings = {
        "line/stt": written("stt-deepgram"),
        "llm": written("llm-anthropic"),
        "llm_small": written("llm-cohere"),
        "tts": written("tts-elevenlabs"),
    }
    nodes, edges = said.pop("nodes", support_nodes()), said.pop("edges", support_edges())
    return complete(
        nodes,
        edges,
        bindings=bindings,
        owner="vad.barge_in",
        cancels=[cancel_place("vad.barge_in", unless=["speaker"])],
        **said,
    )


def emitted(program: Program) -> Artifacts:
    return artifacts(program, snapshot=SNAPSHOT)


def spec_of(program: Program) -> dict[str, Any]:
    return emitted(program).resolved_spec


def leaves(value: Any, pointer: str = "") -> list[str]:
    """JSON Pointers of all leaves; an empty container is one."""
    if isinstance(value, dict) and value:
        steps = [(key.replace("~", "~0").replace("/", "~1"), item) for key, item in value.items()]
        return [found for step, item in steps for found in leaves(item, f"{pointer}/{step}")]
    if isinstance(value, list) and value:
        return [found for index, item in enumerate(value) for found in leaves(item, f"{pointer}/{index}")]
    return [pointer]


def everything() -> Program:
    """A program that uses every part of a ResolvedSpec."""
    return support(
        policies=[
            policy(
                providers=[
                    rule(
                        "eu_stt", ["stt-a", "stt-b"], modality="stt", when="session.region == 'eu'", retry=(2, 280, 20)
                    ),
                    rule("any_stt", ["stt-a"], modality="stt"),
                    rule("one", ["llm-cohere"], node="llm_small"),
                ],
                degrades=[degrade({"nodes.llm.config.context": 2, "nodes.sentences.config.min_partial_chars": 9})],
                inserts=[
                    insert(node("pii", REDACTOR), "sentences.text -> tts.text"),
                    insert(node("wording", REDACTOR), "sentences.text -> tts.text"),
                ],
            )
        ],
        layers=[layer({"budgets.turn_budget_ms": 1900, "buffers.DataLane.additive.max_queue_items": 10})],
    )


# --- Origins ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("program", [support(), everything(), complete([], []), support(implicit=True)])
def test_every_leaf_has_an_origin_and_nothing_else_has_one(program: Program) -> None:
    """R-001-32, R-001-68: defaulting_sources speaks of every leaf."""
    spec = spec_of(program)
    content = {name: part for name, part in spec.items() if name != "defaulting_sources"}
    assert sorted(spec["defaulting_sources"]) == sorted(leaves(content))


AT = Lines(place("at"))


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        (Written(section="edge", container=AT, key="x"), "explicit_edge_config"),
        (Written(section="node", container=AT, key="x"), "explicit_node_config"),
        (Written(section="pipeline", container=AT, key="x"), "explicit_pipeline_config"),
        (FromBundle(ref="b/v1", container=AT, key="x"), "bundle/b/v1"),
        (FromProfile(ref="simple/v1", container=AT, key="x"), "execution_profile/simple/v1"),
        (
            FromNodeType(ref="rspp_std/v1", node_type="speech.stt", container=AT, key="x"),
            "node_type/rspp_std/v1/speech.stt",
        ),
        (FromModule(ref="m/v1", container=AT, key="x", via=("a",)), "module/m/v1"),
        (FromLayer(scope="tenant", ref="gold/v1", container=AT, key="x"), "layer/tenant/gold/v1"),
        (FromPolicy(ref="p/v1", rule="r", container=AT, key="x"), "policy/p/v1/r"),
        (Inferred(rule="lane"), "inferred/lane"),
        (Computed(analysis="latency"), "computed/latency"),
    ],
)
def test_an_origin_has_the_name_that_the_language_gives_it(origin: Origin, expected: str) -> None:
    assert label(origin) == expected


def test_a_field_that_the_author_wrote_wins_over_the_profile_and_says_so() -> None:
    """R-001-59: every edge is bounded and says by whom."""
    spec = spec_of(support())
    pointer = "/effective_edges/sentences.text->tts.text/buffer"
    assert spec["defaulting_sources"][f"{pointer}/max_queue_items"] == "explicit_edge_config"
    assert spec["defaulting_sources"][f"{pointer}/max_queue_ms"] == "execution_profile/tiny/v1"
    assert spec["effective_edges"]["sentences.text->tts.text"]["buffer"]["max_queue_items"] == 8


def test_ids_with_slashes_are_one_step_of_a_pointer() -> None:
    sources = spec_of(support())["defaulting_sources"]
    assert sources["/effective_nodes/line~1stt/config/window_ms"] == "explicit_node_config"
    assert sources["/effective_nodes/line~1stt/state"] == "node_type/test/v1/test.stt"


# --- Nodes -----------------------------------------------------------------------------------------------------------


def test_a_budget_written_as_null_stays_null_and_one_left_out_comes_from_the_profile() -> None:
    nodes = spec_of(support())["effective_nodes"]
    assert (nodes["llm"]["budget_ms"], nodes["line/stt"]["budget_ms"], nodes["tts"]["budget_ms"]) == (None, 500, 800)


def test_a_node_carries_its_solved_types_its_provider_and_its_fallback() -> None:
    llm = spec_of(support())["effective_nodes"]["llm"]
    assert llm["inputs"]["prompt"].startswith("text<final") and llm["outputs"]["text"].startswith("text<delta")
    assert llm["provider"] == "llm-anthropic"
    assert llm["fallback"] == {"to": "llm_small", "on": ["timeout"]}


def test_what_a_node_type_does_not_state_is_left_out() -> None:
    mic = spec_of(support())["effective_nodes"]["mic"]
    assert not {"timeout_ms", "modality", "resource_limits", "provider", "config"} & mic.keys()


# --- Edges -----------------------------------------------------------------------------------------------------------


def test_watermarks_are_absolute_and_follow_the_bounds_of_their_edge() -> None:
    edges = spec_of(support())["effective_edges"]
    assert edges["mic.audio->line/stt.audio"]["buffer"]["watermarks"] == {
        "queue_items": {"high": 48, "low": 24},
        "queue_ms": {"high": 225, "low": 112},
    }
    assert edges["sentences.text->tts.text"]["buffer"]["watermarks"]["queue_items"] == {"high": 6, "low": 3}


@settings(deadline=None, max_examples=200)
@given(
    bound=st.integers(1, 1_000_000),
    marks=st.tuples(st.integers(0, 1000), st.integers(0, 1000)).filter(lambda pair: pair[0] > pair[1]),
)
def test_a_low_watermark_lies_below_the_high_one_and_that_within_the_bound(bound: int, marks: tuple[int, int]) -> None:
    milli = {"high_milli": marks[0], "low_milli": marks[1]}
    found = watermarks(milli, {"max_queue_items": bound, "max_queue_ms": bound})
    for mark in found.values():
        assert 0 <= mark["low"] < mark["high"] <= bound


def test_coalesce_is_another_name_of_merge() -> None:
    assert spec_of(support())["effective_edges"]["sentences.text->tts.text"]["buffer"]["strategy"] == "merge"


def test_an_edge_says_what_passes_and_what_is_filtered_out() -> None:
    found = spec_of(support())["effective_edges"]["line/stt.text->llm.prompt"]
    assert (found["passes"], found["filtered"]) == (["final"], ["partial"])
    assert found["type"].startswith("text<final")


def test_the_treatment_of_each_lane_comes_from_the_edge_where_it_says_so() -> None:
    edges = [queued(edge("mic.audio -> line/stt.audio"), lane_handling={"DataLane": "drop"}), *support_edges()[1:]]
    spec = spec_of(support(edges=edges))
    found = spec["effective_edges"]["mic.audio->line/stt.audio"]["buffer"]["lane_handling"]
    assert found == {"DataLane": "drop", "ControlLane": "non_blocking_priority", "TelemetryLane": "sample"}
    pointer = "/effective_edges/mic.audio->line~1stt.audio/buffer/lane_handling"
    assert spec["defaulting_sources"][f"{pointer}/DataLane"] == "explicit_edge_config"
    assert spec["defaulting_sources"][f"{pointer}/ControlLane"] == "execution_profile/tiny/v1"


def test_a_condition_is_carried_as_canonical_text_and_as_a_tree() -> None:
    class Checked:
        text = "event.confidence_milli >= 600"
        tree = {"call": "_>=_", "args": []}

    program = support()
    switched = tuple(
        replace(one, when=condition("event.confidence_milli>=600", Checked()), otherwise="drop")
        if one.id == "line/stt.text->llm.prompt"
        else one
        for one in program.edges
    )
    found = spec_of(replace(program, edges=switched))["effective_edges"]["line/stt.text->llm.prompt"]
    assert found["when"] == {"text": Checked.text, "tree": Checked.tree}
    assert found["otherwise"] == "drop"


# --- The document ----------------------------------------------------------------------------------------------------


def test_the_id_is_made_of_the_document_without_the_id() -> None:
    found = emitted(support())
    content = {name: part for name, part in found.resolved_spec.items() if name != "resolved_spec_id"}
    assert found.resolved_spec["resolved_spec_id"] == "rs-" + digest_value(content).removeprefix("sha256:")[:32]
    assert found.resolved_spec_digest == digest_value(found.resolved_spec)


def test_a_segmenter_becomes_the_streaming_handoff() -> None:
    found = spec_of(support())["streaming_handoff"]
    assert found["llm_to_tts"] == {
        "enabled": True,
        "min_partial_chars": 24,
        "max_partial_age_ms": 120,
        "max_pending_revisions": 4,
        "max_pending_segments": 8,
    }
    assert "streaming_handoff" not in spec_of(complete([node("mic", MIC)], []))


def test_actions_are_those_that_rules_and_nodes_give_occasion_for() -> None:
    assert spec_of(support())["allowed_adaptive_actions"] == ["fallback"]
    assert spec_of(everything())["allowed_adaptive_actions"] == ["retry", "provider_switch", "degrade", "fallback"]


def test_a_policy_may_narrow_the_actions() -> None:
    program = everything()
    narrowed = tuple(replace(one, allowed_actions=("fallback", "retry")) for one in program.policies)
    assert spec_of(replace(program, policies=narrowed))["allowed_adaptive_actions"] == ["retry", "fallback"]


def test_turns_name_their_owner_and_what_cancels_them() -> None:
    assert spec_of(support())["turns"] == {
        "owner": "vad.barge_in",
        "barge_in": [{"from": "vad.barge_in", "unless": ["speaker"]}],
    }


def test_no_number_is_a_float_and_nothing_is_null_that_no_author_wrote_so() -> None:
    def walk(value: Any, pointer: str) -> None:
        assert not isinstance(value, float), pointer
        if isinstance(value, dict):
            for key, item in value.items():
                walk(item, f"{pointer}/{key}")
        elif isinstance(value, list):
            for index, item in enumerate(value):
                walk(item, f"{pointer}/{index}")
        else:
            assert value is not None or pointer == "/effective_nodes/llm/budget_ms", pointer

    walk(spec_of(everything()), "")


# --- What is decided when a turn opens -------------------------------------------------------------------------------


def test_provider_rules_stand_in_the_order_in_which_they_are_tried() -> None:
    """R-001-88: what may come to serve is visible in the resolved view."""
    weak = policy(providers=[rule("weak", ["stt-a"], modality="stt")])
    strong = replace(policy(providers=[rule("strong", ["stt-b"], modality="stt")]), ref="strong/v1")
    found = spec_of(support(policies=[weak, strong]))["rules"]["provider"]
    assert [one["rule"] for one in found] == ["strong", "weak"]


def test_a_rule_for_a_modality_names_the_nodes_whose_provider_nobody_else_decides() -> None:
    rules = [rule("any_llm", ["llm-a"], modality="llm"), rule("any_stt", ["stt-a"], modality="stt")]
    found = spec_of(support(policies=[policy(providers=rules)]))["rules"]["provider"]
    assert [one["nodes"] for one in found] == [["llm"], ["line/stt"]]


def test_a_patch_reaches_the_config_and_what_is_projected_from_it() -> None:
    found = spec_of(everything())["rules"]["degrade"][0]
    assert found["patch"] == {
        "/effective_nodes/llm/config/context": 2,
        "/effective_nodes/sentences/config/min_partial_chars": 9,
        "/streaming_handoff/llm_to_tts/min_partial_chars": 9,
    }


def test_a_default_of_the_profile_reaches_every_queue_that_rests_on_it_and_moves_its_watermarks() -> None:
    patch = spec_of(everything())["layers"]["environment"][0]["patch"]
    resting = "/effective_edges/mic.audio->line~1stt.audio/buffer"
    assert patch[f"{resting}/max_queue_items"] == 10
    assert patch[f"{resting}/watermarks"] == {
        "queue_items": {"high": 7, "low": 3},
        "queue_ms": {"high": 225, "low": 112},
    }
    assert "/effective_edges/sentences.text->tts.text/buffer/max_queue_items" not in patch
    assert patch["/budgets/turn_budget_ms"] == 1900


def test_a_node_budget_of_a_layer_reaches_the_nodes_without_one_of_their_own() -> None:
    program = support(layers=[layer({"budgets.node_budget_ms": 700})])
    patch = spec_of(program)["layers"]["environment"][0]["patch"]
    assert patch["/budgets/node_budget_ms"] == 700
    assert patch["/effective_nodes/tts/budget_ms"] == 700
    assert "/effective_nodes/llm/budget_ms" not in patch and "/effective_nodes/line~1stt/budget_ms" not in patch


def test_the_pointers_of_a_patch_lead_to_values_of_the_document() -> None:
    spec = spec_of(everything())
    found = [one["patch"] for one in (*spec["layers"]["environment"], *spec["rules"]["degrade"])]
    for pointer in (pointer for patch in found for pointer in patch):
        value: Any = spec
        for step in pointer.split("/")[1:]:
            step = step.replace("~1", "/").replace("~0", "~")
            value = value[int(step)] if isinstance(value, list) else value[step]


def test_layers_stand_strongest_first_and_those_without_a_condition_are_not_decided_at_turn_time() -> None:
    weak, strong = layer({"budgets.turn_budget_ms": 1}), replace(layer({"budgets.turn_budget_ms": 2}), ref="b/v1")
    always = layer({"budgets.turn_budget_ms": 3}, when=None)
    found = spec_of(support(layers=[weak, strong, always]))["layers"]
    assert [one["layer"] for one in found["environment"]] == ["b/v1", "kiosk/v1"]
    assert (found["tenant"], found["session"]) == ([], [])


def test_an_inserted_node_comes_with_its_two_edges() -> None:
    found = spec_of(everything())["rules"]["insert"][0]
    assert found["replaces"] == "sentences.text->tts.text"
    assert found["node"]["config"] == {"strict": 1}
    # The first half keeps what was written on the edge, the second has the profile's defaults.
    assert (found["into"]["to"], found["into"]["buffer"]["max_queue_items"]) == ("pii.text", 8)
    assert (found["out_of"]["from"], found["out_of"]["buffer"]["max_queue_items"]) == ("pii.text", 64)
    assert found["into"]["passes"] == found["out_of"]["passes"] == ["segment"]


def test_edges_of_an_inserted_node_come_from_the_policy_and_its_bounds_from_the_profile() -> None:
    sources = spec_of(everything())["defaulting_sources"]
    assert sources["/rules/insert/0/out_of/from"] == "policy/rules/v1/add_pii"
    assert sources["/rules/insert/0/out_of/buffer/max_queue_items"] == "execution_profile/tiny/v1"
    assert sources["/rules/insert/0/into/buffer/max_queue_items"] == "explicit_edge_config"


def test_every_combination_of_inserts_has_a_graph_reference_of_its_own() -> None:
    refs = spec_of(everything())["graph_definition_refs"]
    one, other = "rules/v1/add_pii", "rules/v1/add_wording"
    assert sorted(refs) == ["base", one, f"{one}+{other}", other]
    assert len(set(refs.values())) == 4
    assert all(ref.startswith("graph:tiny_bundle/v1@sha256:") for ref in refs.values())


def test_a_graph_reference_is_that_of_the_same_graph_written_out() -> None:
    """Where a node stands by a rule or by the author does not change what runs."""
    inserted = spec_of(everything())["rules"]["insert"][0]
    spec = spec_of(everything())
    edges = dict(spec["effective_edges"])
    del edges["sentences.text->tts.text"]
    edges |= {"sentences.text->pii.text": inserted["into"], "pii.text->tts.text": inserted["out_of"]}
    graph = {
        "effective_nodes": {**spec["effective_nodes"], "pii": inserted["node"]},
        "effective_edges": edges,
        "turns": spec["turns"],
        "unknown_events": spec["unknown_events"],
    }
    expected = f"graph:tiny_bundle/v1@{digest_value(graph)}"
    assert spec["graph_definition_refs"]["rules/v1/add_pii"] == expected


def test_a_second_node_on_one_edge_stands_behind_the_first() -> None:
    spec = spec_of(everything())
    first, second = spec["rules"]["insert"]
    edges = dict(spec["effective_edges"])
    del edges["sentences.text->tts.text"]
    edges["sentences.text->pii.text"] = first["into"]
    edges["pii.text->wording.text"] = {**first["out_of"], "to": "wording.text"}
    edges["wording.text->tts.text"] = second["out_of"]
    graph = {
        "effective_nodes": {**spec["effective_nodes"], "pii": first["node"], "wording": second["node"]},
        "effective_edges": edges,
        "turns": spec["turns"],
        "unknown_events": spec["unknown_events"],
    }
    both = spec["graph_definition_refs"]["rules/v1/add_pii+rules/v1/add_wording"]
    assert both == f"graph:tiny_bundle/v1@{digest_value(graph)}"


def test_of_many_inserts_each_one_alone_has_a_graph_reference() -> None:
    rules = [insert(node(f"pii_{number}", REDACTOR), "sentences.text -> tts.text") for number in range(7)]
    assert len(spec_of(support(policies=[policy(inserts=rules)]))["graph_definition_refs"]) == 8


def test_a_setting_for_an_edge_follows_it_to_the_inserted_node() -> None:
    """`A->B` becomes `A->N`, which keeps every setting addressed to `A->B`."""
    rules = policy(
        degrades=[degrade({"edges.sentences.text->tts.text.buffer.max_queue_ms": 40})],
        inserts=[insert(node("pii", REDACTOR), "sentences.text -> tts.text")],
    )
    patch = spec_of(support(policies=[rules]))["rules"]["degrade"][0]["patch"]
    for pointer in ("/effective_edges/sentences.text->tts.text", "/rules/insert/0/into"):
        assert patch[f"{pointer}/buffer/max_queue_ms"] == 40
        assert patch[f"{pointer}/buffer/watermarks"]["queue_ms"] == {"high": 30, "low": 15}
    assert "/rules/insert/0/out_of/buffer/max_queue_ms" not in patch


def test_a_config_of_an_inserted_node_can_be_set() -> None:
    rules = policy(
        degrades=[degrade({"nodes.pii.config.strict": 0})],
        inserts=[insert(node("pii", REDACTOR), "sentences.text -> tts.text")],
    )
    patch = spec_of(support(policies=[rules]))["rules"]["degrade"][0]["patch"]
    assert patch == {"/rules/insert/0/node/config/strict": 0}


def test_switches_and_branches_stand_in_the_order_in_which_they_are_tried() -> None:
    program = support()
    tried = replace(
        program,
        switches={"stt.text": ("stt.text->b.text", "stt.text->a.text")},
        selects={"llm": (("b", condition("x")), ("a", condition("y")))},
    )
    spec = spec_of(tried)
    assert spec["switches"] == {"stt.text": ["stt.text->b.text", "stt.text->a.text"]}
    assert [one["port"] for one in spec["effective_nodes"]["llm"]["branches"]] == ["b", "a"]
    assert "switches" not in spec_of(program)


def test_an_insert_without_a_condition_is_part_of_the_graph_and_no_rule_of_a_turn() -> None:
    always = insert(node("pii", REDACTOR), "sentences.text -> tts.text", when=None)
    assert spec_of(support(policies=[policy(inserts=[always])]))["rules"]["insert"] == []


# --- Determinism -----------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6))
def test_the_order_in_which_things_were_written_changes_no_byte(seed: int) -> None:
    """R-001-68: resolution is deterministic."""
    program = FIXED
    assert artifacts(shuffled(program, random.Random(seed)), snapshot=SNAPSHOT).files() == FIXED_FILES


def shuffled(program: Program, shuffle: random.Random) -> Program:
    def mixed(table: dict[Any, Any]) -> dict[Any, Any]:
        items = list(table.items())
        shuffle.shuffle(items)
        return dict(items)

    assert program.solution is not None
    order = list(range(len(program.edges)))
    shuffle.shuffle(order)
    nodes = {name: replace(one, config=mixed(one.config)) for name, one in mixed(program.nodes).items()}
    flows = (*(program.solution.edges[index] for index in order), *program.solution.edges[len(order) :])
    return replace(
        program,
        nodes=nodes,
        edges=tuple(replace(program.edges[index], buffer=mixed(program.edges[index].buffer)) for index in order),
        bindings=mixed(program.bindings),
        solution=replace(program.solution, edges=flows, types=mixed(dict(program.solution.types))),
        layers=tuple(replace(one, patches=one.patches[::-1]) for one in program.layers),
    )


FIXED = everything()
FIXED_FILES = artifacts(FIXED, snapshot=SNAPSHOT).files()


def test_a_port_that_was_left_out_changes_the_provenance_only() -> None:
    program = support()
    edges = tuple(replace(one, inferred_ports=("source", "target")) for one in program.edges)
    before, after = emitted(program), emitted(replace(program, edges=edges))
    assert before.files()["resolved_spec.json"] == after.files()["resolved_spec.json"]
    assert before.files()["bundle.json"] == after.files()["bundle.json"]
    assert [one["edge"] for one in after.provenance["inferred"]["ports"]][:2] == ["line/stt.text->llm.prompt"] * 2


def test_equal_settings_of_two_edges_need_not_be_one_object() -> None:
    program = support()
    copied = tuple(
        replace(one, buffer={name: Setting(value=s.value, origin=s.origin) for name, s in one.buffer.items()})
        for one in program.edges
    )
    assert spec_of(replace(program, edges=copied)) == spec_of(program)
