"""Cancel: who can interrupt, how long silence takes, and whether everything of a turn can stop."""

from __future__ import annotations

from typing import Any

from program_builder import (
    Checked,
    cancel_place,
    check,
    edge,
    insert,
    kind,
    layer,
    node,
    policy,
    program,
    provider,
    stop,
)
from rsppc.base.record import replace
from rsppc.ir.program import Node, Program
from rsppc.passes import check_cancel

MIC = kind("mic", role="ingress", outs="audio:audio", cancel=stop(None))
VAD = kind("vad", ins="audio:audio", outs="speech:audio barge_in:control<barge_in>", cancel=stop(None))
BARGE_IN = (cancel_place("vad.barge_in"),)
SPEAKER = kind("speaker", role="egress", ins="audio:audio", cancel=stop(40), turn_cancel="flush")


def run(given: Program, **options: Any) -> Checked:
    return check(given, check_cancel.PASS, **options)


def llm(stops: Any, **options: Any) -> Node:
    made = kind("llm", ins="audio:audio", outs="audio:audio", scope="turn", cancel=stops, modality="llm")
    return node("llm", made, **options)


def voice(*changed: Node, cancels: Any = BARGE_IN, **options: Any) -> Program:
    nodes = {one.id: one for one in (node("mic", MIC), node("vad", VAD), llm(stop(30)), node("speaker", SPEAKER))}
    nodes.update({one.id: one for one in changed})
    edges = [edge("mic.audio -> vad.audio"), edge("vad.speech -> llm.audio"), edge("llm.audio -> speaker.audio")]
    return program(list(nodes.values()), edges, cancels=cancels, **{"control_ms": 5, **options})


def cancel_ms(checked: Checked) -> int | None:
    assert checked.program.proofs is not None
    return checked.program.proofs.cancel_ms


def test_silence_takes_the_control_lane_and_the_slowest_that_must_stop() -> None:
    """R-001-61"""
    checked = run(voice())
    assert cancel_ms(checked) == 5 + 40
    assert checked.codes == []
    assert cancel_ms(run(voice(llm(stop(70))))) == 5 + 70


def test_session_scoped_nodes_that_declare_nothing_need_not_stop() -> None:
    assert cancel_ms(run(voice())) is not None  # neither `mic` nor `vad` says how long it takes


def test_late_silence_is_an_error_at_the_place_that_accepts_the_cancel() -> None:
    checked = run(voice(llm(stop(170)), budgets={"cancel_grace_ms": 500}))
    found = checked.only("RSP5451")
    assert found.message() == (
        "after a cancel at `vad.barge_in`, `speaker` falls silent after 175 ms at p95, over the limit of 150 ms"
    )
    assert found.at.text == "vad.barge_in"
    assert found.notes == (
        "5 ms on the ControlLane",
        "170 ms until `llm`, the slowest of those in front of it, has stopped",
    )
    assert found.related[0].at.text == "cancel 170"
    assert cancel_ms(checked) == 175


def test_exactly_the_limit_is_in_time() -> None:
    assert run(voice(llm(stop(145)), budgets={"cancel_grace_ms": 500})).codes == []


def test_other_places_that_accept_a_cancel_are_mentioned() -> None:
    places = (cancel_place("vad.barge_in"), cancel_place("vad.other", accepts="cancel_from"))
    found = run(voice(llm(stop(170)), cancels=places)).only("RSP5451")
    assert found.notes[-1] == "the same holds for `vad.other`"


def test_nodes_behind_another_egress_do_not_delay_this_one() -> None:
    given = voice(llm(stop(145)), budgets={"cancel_grace_ms": 500})
    aside = [node("mute", kind("mute", ins="audio:audio", outs="audio:audio", scope="turn", cancel=stop(200)))]
    nodes = [*given.nodes.values(), *aside, node("line", SPEAKER)]
    edges = [edge("mic.audio -> vad.audio"), edge("vad.speech -> llm.audio"), edge("llm.audio -> speaker.audio")]
    edges += [edge("llm.audio -> mute.audio"), edge("mute.audio -> line.audio")]
    given = program(nodes, edges, cancels=given.turns.cancels, control_ms=5, budgets={"cancel_grace_ms": 500})
    assert [one.subject for one in run(given).sink.sorted()] == ["line"]


def test_a_node_that_outlasts_the_grace_is_an_error() -> None:
    found = run(voice(llm(stop(120)))).only("RSP5452")
    assert found.message() == "node `llm` takes 120 ms to stop, over the cancel grace of 75 ms"
    assert [one.at.text for one in found.related] == ["cancel 120", "cancel_grace_ms: 75"]
    assert found.at.text == "llm"


def test_the_grace_binds_session_scoped_nodes_that_declare_a_turn_cancel() -> None:
    slow = kind("speaker", role="egress", ins="audio:audio", cancel=stop(90), turn_cancel="flush")
    assert run(voice(node("speaker", slow))).only("RSP5452").subject == "speaker"


def test_a_conditional_layer_can_shorten_the_grace_and_slow_the_control_lane() -> None:
    assert run(voice(layers=[layer({"budgets.cancel_grace_ms": 35})])).only("RSP5452").subject == "speaker"
    slower = layer({"buffers.ControlLane.max_latency_contribution_ms": 50})
    assert cancel_ms(run(voice(layers=[slower]))) == 90


def test_preemptible_nodes_stop_at_once() -> None:
    checked = run(voice(llm(stop(900, "preemptible"))))
    assert checked.codes == []
    assert cancel_ms(checked) == 45


def test_an_unknown_time_to_stop_leaves_silence_unproved() -> None:
    other = llm(stop(None))
    checked = run(voice(other, replace(other, id="second")))
    found = checked.only("RSP5453")
    assert found.message() == (
        "how long node `llm` takes to stop is not known, so that silence after a cancel is not proved"
    )
    assert found.notes == ("the same holds for `second`",)
    assert found.related[0].at.text == "cancel None"
    assert "cancel: {mode: cooperative" in found.next_step()
    assert cancel_ms(checked) is None
    assert run(voice(other), strict=True).sink.has_errors


def test_what_is_known_can_be_too_slow_already() -> None:
    slow = kind("speaker", role="egress", ins="audio:audio", cancel=stop(200), turn_cancel="flush")
    checked = run(voice(llm(stop(None)), node("speaker", slow)))
    assert "only after" not in checked.messages("RSP5451")[0]
    assert "after at least 205 ms at p95" in checked.messages("RSP5451")[0]


def test_a_provider_replaces_the_figure_of_the_type_and_the_slowest_counts() -> None:
    fast, slow = provider("llm-a", "llm", cancel=stop(10)), provider("llm-b", "llm", cancel=stop(60))
    assert cancel_ms(run(voice(providers={"llm": [fast]}))) == 5 + 40
    assert cancel_ms(run(voice(providers={"llm": [slow, fast]}))) == 5 + 60
    silent = provider("llm-c", "llm")
    assert cancel_ms(run(voice(llm(stop(55)), providers={"llm": [fast, silent]}))) == 5 + 55


def test_fallbacks_and_inserted_nodes_must_stop_as_well() -> None:
    spare = node("spare", kind("spare", ins="audio:audio", outs="audio:audio", scope="turn", cancel=stop(70)))
    assert cancel_ms(run(voice(llm(stop(30), fallback="spare"), spare))) == 75
    inserted = node("pii", kind("pii", ins="audio:audio", outs="audio:audio", scope="inherit", cancel=stop(72)))
    rules = policy(inserts=[insert(inserted, "llm.audio -> speaker.audio")])
    assert cancel_ms(run(voice(policies=[rules]))) == 77
    before = policy(inserts=[insert(inserted, "mic.audio -> vad.audio")])
    assert cancel_ms(run(voice(policies=[before]))) == 45


def test_fallbacks_that_lead_round_in_a_ring_do_no_harm() -> None:
    one, other = llm(stop(30), fallback="other"), replace(llm(stop(20), fallback="llm"), id="other")
    assert cancel_ms(run(voice(one, other))) == 45


def test_hearing_and_speaking_without_barge_in_is_a_warning() -> None:
    """F-033"""
    found = run(voice(cancels=())).only("RSP4401")
    assert found.message() == "pipeline `tiny/v1` hears and speaks, but nobody can interrupt it"
    assert found.at.text == "turns"
    assert "turns: {barge_in: [{from: NODE.barge_in}]}" in found.next_step()
    only_cancel = run(voice(cancels=(cancel_place("vad.barge_in", accepts="cancel_from"),)))
    assert only_cancel.codes == ["RSP4401"]
    assert cancel_ms(run(voice(cancels=()))) is None


def test_a_pipeline_without_sound_needs_no_barge_in() -> None:
    chat = [node("in", kind("in", role="ingress", outs="text")), node("out", kind("out", role="egress", ins="text"))]
    assert run(program(chat, [edge("in.text -> out.text")])).codes == []


def test_unless_names_a_node_that_is_there() -> None:
    assert run(voice(cancels=(cancel_place("vad.barge_in", unless=["speaker"]),))).codes == []
    found = run(voice(cancels=(cancel_place("vad.barge_in", unless=["speeker"]),))).only("RSP5454")
    assert found.message() == "`unless` names `speeker`, which is no node of the pipeline"
    assert found.next_step() == "did you mean `speaker`?"
    assert found.fixes[0].edits[0].text == "speaker"
    lost = run(voice(cancels=(cancel_place("vad.barge_in", unless=["hello"]),))).only("RSP5454")
    assert lost.next_step() == "name a node of the pipeline"


def test_unless_cannot_name_a_module_as_a_whole() -> None:
    given = voice(replace(llm(stop(1)), id="greet/say"), cancels=(cancel_place("vad.barge_in", unless=["greet"]),))
    given = replace(given, exposed={"greet": None})
    assert run(given).only("RSP5454").next_step() == "it is a module; name a node inside: `greet/say`"


def test_a_node_without_a_known_type_is_passed_over() -> None:
    assert run(voice(node("llm", None))).codes == []
