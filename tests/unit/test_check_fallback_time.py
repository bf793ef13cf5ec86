"""Time when something fails: fallbacks within the turn budget, retries within the budget of their node."""

from __future__ import annotations

from typing import Any

from program_builder import (
    Checked,
    check,
    degrade,
    edge,
    kind,
    latency,
    layer,
    node,
    policy,
    program,
    provider,
    rule,
)
from rsppc.base.record import replace
from rsppc.ir.program import Node, Program
from rsppc.passes import check_fallback_time, check_time

WIDE = {"path_budget_ms": 90_000}
MIC = kind("mic", role="ingress", outs="audio:audio", p95=20)
ENDPOINT = kind("endpoint", ins="audio:audio", outs="turn:control<turn>", p95=500)
SPEAKER = kind("speaker", role="egress", ins="audio:audio")


def run(given: Program) -> Checked:
    return check(given, check_time.PASS, check_fallback_time.PASS)


def llm(id: str, p95: int | None, **options: Any) -> Node:
    figures = {"text": latency(p95, p95)} if p95 is not None else {}
    made = kind(id, ins="prompt", outs="text", scope="turn", figures=figures, modality="llm", timeout_ms=1100)
    return node(id, made, **options)


def voice(*changed: Node, **options: Any) -> Program:
    """mic → stt → gate (50) → llm (300) → tts (200) → speaker; every edge adds 10."""
    nodes = {
        "mic": node("mic", MIC),
        "endpoint": node("endpoint", ENDPOINT),
        "stt": node("stt", kind("stt", ins="audio:audio", outs="text", p95=300, modality="stt")),
        "gate": node("gate", kind("gate", ins="text", outs="text", scope="turn", p95=50)),
        "llm": llm("llm", 300),
        "tts": node("tts", kind("tts", ins="text", outs="audio:audio", scope="turn", p95=200)),
        "speaker": node("speaker", SPEAKER),
    }
    nodes.update({one.id: one for one in changed})
    edges = [
        edge("mic.audio -> endpoint.audio"),
        edge("mic.audio -> stt.audio"),
        edge("stt.text -> gate.text"),
        edge("gate.text -> llm.prompt"),
        edge("llm.text -> tts.text"),
        edge("tts.audio -> speaker.audio"),
    ]
    return program(list(nodes.values()), edges, owner="endpoint.turn", **{"edge_ms": 10, "budgets": WIDE, **options})


def took(checked: Checked, primary: str) -> int | None:
    path = checked.path(f"fallback/{primary}")
    assert path is not None
    return path.p95_ms


BEFORE, REST = 50 + 10, 10 + 200 + 10


def test_a_fallback_starts_when_the_budget_of_its_primary_is_used_up() -> None:
    checked = run(voice(llm("llm", 300, budget_ms=600, fallback="spare"), llm("spare", 400)))
    assert took(checked, "llm") == BEFORE + 600 + 400 + REST
    path = checked.path("fallback/llm")
    assert path is not None
    assert [(step.subject, step.p95_ms) for step in path.steps] == [("llm", 600), ("spare.text", 400)]
    assert path.budget_ms == 2000
    assert checked.codes == []


def test_a_late_fallback_is_an_error_that_accounts_for_the_time() -> None:
    checked = run(voice(llm("llm", 300, budget_ms=600, fallback="spare"), llm("spare", 790, budget_ms=1500)))
    assert checked.codes == []
    late = run(voice(llm("llm", 300, budget_ms=1500, fallback="spare"), llm("spare", 400)))
    found = late.only("RSP5471")
    assert found.message() == (
        "when `llm` falls back to `spare`, the first output comes after 2,180 ms at p95, "
        "over the turn budget of 2,000 ms"
    )
    assert found.at.text == "to: spare"
    assert found.notes == ("60 ms before `llm`, 1,500 ms until it is given up, 400 ms of `spare`, 220 ms after it",)
    assert [one.at.text for one in found.related] == ["budget_ms: 1500", "latency 400 400", "turn_budget_ms: 2000"]


def test_without_a_budget_of_its_own_the_profile_decides() -> None:
    assert took(run(voice(llm("llm", 300, fallback="spare"), llm("spare", 400))), "llm") == BEFORE + 800 + 400 + REST


def test_null_leaves_the_time_out_of_the_type_or_of_providers() -> None:
    primary = llm("llm", 300, budget_ms=None, fallback="spare")
    assert took(run(voice(primary, llm("spare", 100))), "llm") == BEFORE + 1100 + 100 + REST
    assert primary.type is not None
    untimed = replace(primary, type=replace(primary.type, timeout_ms=None))
    assert took(run(voice(untimed, llm("spare", 100))), "llm") == BEFORE + 1000 + 100 + REST
    assert untimed.type is not None
    endless = replace(untimed, type=replace(untimed.type, modality=None))
    checked = run(voice(endless, llm("spare", 100)))
    assert took(checked, "llm") is None
    assert checked.only("RSP5472").related[0].text == "`llm` has neither a budget nor a time-out"


def test_the_slowest_link_of_a_chain_counts() -> None:
    chain = (
        llm("llm", 300, budget_ms=300, fallback="second"),
        llm("second", 250, budget_ms=300, fallback="third"),
        llm("third", 400),
    )
    assert took(run(voice(*chain)), "llm") == BEFORE + 300 + 300 + 400 + REST
    late = run(voice(*chain, budgets={**WIDE, "turn_budget_ms": 1200}))
    assert late.only("RSP5471").subject == "third"


def test_a_ring_of_fallbacks_does_no_harm() -> None:
    run(voice(llm("llm", 300, fallback="spare"), llm("spare", 400, fallback="llm")))


def test_a_fallback_that_is_not_there_does_no_harm() -> None:
    checked = run(voice(llm("llm", 300, fallback="nobody")))
    assert checked.path("fallback/llm") is None


def test_a_conditional_setting_can_make_a_fallback_late() -> None:
    nodes = (llm("llm", 300, budget_ms=600, fallback="spare"), llm("spare", 400))
    assert "RSP5471" in run(voice(*nodes, layers=[layer({"budgets.turn_budget_ms": 1250})])).codes
    rules = policy(degrades=[degrade({"nodes.llm.budget_ms": 1500})])
    assert "RSP5471" in run(voice(*nodes, policies=[rules])).codes


def test_a_primary_before_the_turn_counts_from_its_own_beginning() -> None:
    primary = voice().nodes["stt"]
    primary = replace(
        primary, budget_ms=llm("x", 1, budget_ms=400).budget_ms, fallback=llm("x", 1, fallback="s").fallback
    )
    spare = node("s", kind("s", ins="audio:audio", outs="text", p95=350))
    checked = run(voice(primary, spare))
    assert took(checked, "stt") == 400 + 350 + 10 + 50 + 10 + 300 + REST


def test_an_unknown_fallback_is_unproved() -> None:
    checked = run(voice(llm("llm", 300, fallback="spare"), llm("spare", None)))
    found = checked.only("RSP5472")
    assert found.message() == "that the fallback of `llm` is in time is not proved: no figure is known for `spare.text`"
    assert found.related[0].at.text == "node_type spare"
    path = checked.path("fallback/llm")
    assert path is not None
    assert (path.p95_ms, path.unknown) == (None, ("spare.text",))


def test_an_unknown_primary_does_not_matter_once_it_has_failed() -> None:
    checked = run(voice(llm("llm", None, budget_ms=600, fallback="spare"), llm("spare", 400)))
    assert took(checked, "llm") == BEFORE + 600 + 400 + REST
    assert "RSP5472" not in checked.codes


def test_an_unknown_rest_of_the_path_is_not_told_of_again() -> None:
    silent = node("tts", kind("tts", ins="text", outs="audio:audio", scope="turn"))
    checked = run(voice(silent, llm("llm", 300, budget_ms=600, fallback="spare"), llm("spare", 400)))
    assert took(checked, "llm") is None
    assert "RSP5472" not in checked.codes


def test_what_is_known_of_a_fallback_can_be_too_late_already() -> None:
    checked = run(voice(llm("llm", 300, budget_ms=1900, fallback="spare"), llm("spare", None)))
    assert "after at least 2,180 ms" in checked.messages("RSP5471")[0]
    assert "RSP5472" not in checked.codes


# --- Retries ---------------------------------------------------------------------------------------------------------

FAST = provider("llm-fast", "llm", {"*": latency(100, 300)})
SLOW = provider("llm-slow", "llm", {"*": latency(200, 600)})
SILENT = provider("llm-silent", "llm")


def retrying(*rules: Any, serving: Any = (FAST,), primary: Node | None = None, **options: Any) -> Checked:
    return run(
        voice(primary or llm("llm", 300), providers={"llm": serving}, policies=[policy(providers=rules)], **options)
    )


def test_all_attempts_fit_into_the_budget_of_the_node() -> None:
    """F-059"""
    fits = rule("any_llm", ["llm-fast"], modality="llm", retry=(2, 480, 20))
    assert retrying(fits).codes == []
    late = retrying(rule("any_llm", ["llm-fast"], modality="llm", retry=(3, 240, 20)))
    found = late.only("RSP5473")
    assert found.message() == (
        "with the attempts of rule `any_llm`, node `llm` takes 820 ms at p95, over its budget of 800 ms"
    )
    assert found.at.text == "rule any_llm"
    assert found.notes == (
        "2 attempts that time out after 240 ms, a pause of 20 ms after each, and 300 ms of `llm.text` at the last one",
    )
    assert [one.at.text for one in found.related] == ["llm", "latency 100 300", "node_budget_ms: 800"]


def test_the_slowest_provider_of_the_rule_counts() -> None:
    both = rule("any_llm", ["llm-fast", "llm-slow"], modality="llm", retry=(2, 280, 20))
    assert "900 ms" in retrying(both, serving=(FAST, SLOW)).messages("RSP5473")[0]
    only_fast = rule("fast", ["llm-fast"], modality="llm", when="x", retry=(2, 280, 20))
    assert retrying(only_fast, rule("slow", ["llm-slow"], modality="llm"), serving=(FAST, SLOW)).codes == []


def test_one_attempt_is_no_retry() -> None:
    once = rule("any_llm", ["llm-slow"], modality="llm", retry=(1, 9000, 900))
    assert retrying(once, serving=(SLOW,)).messages("RSP5473") == []


def test_rules_that_cannot_serve_the_node_do_not_count() -> None:
    endless = (3, 5000, 0)
    first = rule("first", ["llm-fast"], modality="llm")
    assert retrying(first, rule("never", ["llm-fast"], modality="llm", retry=endless)).codes == []
    other_modality = rule("stt", ["llm-fast"], modality="stt", retry=endless)
    assert retrying(first, other_modality).codes == []
    named = llm("llm", 300, provider="llm-fast")
    assert retrying(rule("any", ["llm-fast"], modality="llm", retry=endless), primary=named).codes == []
    own = rule("own", ["llm-fast"], node="llm", retry=endless)
    assert retrying(own, primary=named).codes == ["RSP5473"]
    assert (
        retrying(rule("own", ["llm-fast"], node="llm"), rule("any", ["llm-fast"], modality="llm", retry=endless)).codes
        == []
    )


def test_stronger_policies_are_tried_first() -> None:
    weak = policy(providers=[rule("weak", ["llm-fast"], modality="llm", retry=(3, 5000, 0))])
    strong = policy(providers=[rule("strong", ["llm-fast"], modality="llm")])
    assert run(voice(providers={"llm": [FAST]}, policies=[weak, strong])).codes == []
    assert run(voice(providers={"llm": [FAST]}, policies=[strong, weak])).codes == ["RSP5473"]


def test_null_is_no_budget_to_retry_within() -> None:
    endless = rule("any", ["llm-fast"], modality="llm", retry=(3, 5000, 0))
    assert retrying(endless, primary=llm("llm", 300, budget_ms=None)).codes == []


def test_a_missing_figure_is_told_of_once() -> None:
    unknown = rule("any_llm", ["llm-silent"], modality="llm", retry=(2, 280, 20))
    told = retrying(unknown, serving=(SILENT,))
    assert set(told.codes) == {"RSP5401"}
    spare = llm("spare", 300)
    given = voice(llm("llm", 300, budget_ms=300, fallback="spare"), spare)
    given = replace(
        given,
        providers={"llm": (FAST,), "spare": (SILENT,)},
        policies=(policy(providers=[rule("own", ["llm-silent"], node="spare", retry=(2, 280, 20))]),),
    )
    checked = run(given)
    assert checked.messages("RSP5474") == [
        "that the attempts of rule `own` fit into the budget of `spare` is not proved"
    ]
    assert checked.only("RSP5474").related[0].text == "provider `llm-silent` states no latency"


def test_attempts_alone_can_be_too_long() -> None:
    endless = rule("any_llm", ["llm-silent"], modality="llm", retry=(3, 500, 20))
    assert "at least 1,040 ms" in retrying(endless, serving=(SILENT,)).messages("RSP5473")[0]


def test_a_program_without_fallbacks_and_retries_is_left_as_it_is() -> None:
    given = voice()
    assert check(given, check_fallback_time.PASS).program is given
