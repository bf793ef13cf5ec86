"""What passes find and how they fold it, where a golden case would be too large or shows only a part.

Each kind of finding has a case under `golden/errors/`.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.driver import Compilation, compile_bundle, open_workspace, prove_fixes
from rsppc.emit.artifacts import artifacts
from rsppc.workspace import find_workspace
from workspaces import BUNDLE, BUNDLE_PATH, CLEAN, SPEC, SPEC_PATH


class Workbench:
    """A workspace without findings, in which a test changes files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for path, text in CLEAN.items():
            self.write(path, text)

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def change(self, old: str, new: str, path: str = SPEC_PATH) -> None:
        text = (self.root / path).read_text()
        assert old in text
        self.write(path, text.replace(old, new, 1))

    def compile(self, *paths: str, purpose: str = "check") -> list[Compilation]:
        sink = DiagnosticSink()
        workspace = find_workspace(str(self.root), sink)
        assert workspace is not None
        artifacts = open_workspace(workspace, sink)
        made = []
        for path in paths or (BUNDLE_PATH,):
            entry, _ = artifacts.at(path)
            assert entry is not None
            made.append(compile_bundle(artifacts, entry, purpose=purpose))  # type: ignore[arg-type]
        return made

    def findings(self, purpose: str = "check") -> tuple[Diagnostic, ...]:
        return self.compile(purpose=purpose)[0].diagnostics

    def names(self) -> list[str]:
        return [found.name for found in self.findings()]


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    return Workbench(tmp_path)


def test_a_sound_pipeline_has_no_findings(bench: Workbench) -> None:
    assert bench.findings() == ()


def test_an_unbound_node_is_a_warning_in_a_check_and_an_error_in_a_build(bench: Workbench) -> None:
    bench.change(", provider: tts-house", "")
    assert "unbound-node" in bench.names()
    (found,) = bench.findings(purpose="build")
    assert (found.code, found.subject, found.severity) == ("RSP2302", "tts", "error")
    assert found.at.text == "tts" and "`tts`" in found.next_step()


def test_findings_that_errors_make_moot_are_left_out(bench: Workbench) -> None:
    bench.change("provider: llm-house", "provider: llm-cohere")
    assert bench.names() == ["unproved-latency", "unproved-latency"] or bench.names() == ["unproved-latency"]
    bench.change("to: stt.audio", "to: stt.sound")
    assert bench.names() == ["unknown-port"]


def test_a_dropped_edge_does_not_hide_another_mistake_at_another_node(bench: Workbench) -> None:
    bench.change("to: stt.audio", "to: stt.sound")
    bench.change("  - {from: tts.audio, to: speaker.audio}\n", "")
    assert bench.names() == ["unfed-input", "unknown-port"]


def test_one_unfed_input_and_the_only_output_that_fits_it_are_one_finding(bench: Workbench) -> None:
    bench.change("  - {from: sentences.text, to: tts.text}\n", "")
    (found,) = bench.findings()
    assert found.name == "unfed-input"
    assert found.next_step() == "connect `sentences.text` to `tts.text`"


def test_what_could_not_be_read_is_not_called_missing(bench: Workbench) -> None:
    bench.change("  - {from: vad.speech, to: stt.audio}\n", "  - {from: vad.speech, to: [stt.audio}\n")
    assert {found.code[:5] for found in bench.findings()} == {"RSP02"}


def test_a_module_may_be_the_only_one_that_is_wrong_for_each_of_its_bundles(bench: Workbench) -> None:
    bench.write(
        "pipelines/modules/clean_v1.yaml",
        "schema_version: rspp.graph.module.v1\nmodule_id: clean\nversion: v1\n"
        "exposes: {inputs: [{name: text, port: norm.text}], outputs: [{name: text, port: norm.text}]}\n"
        "nodes:\n  - {node_id: norm, node_type: text.normalizer}\n  - {node_id: norm, node_type: text.normalizer}\n"
        "edges: []\n",
    )
    bench.change("nodes:", "subgraph_refs: [{name: clean, module: clean/v1}]\nnodes:")
    bench.change(
        "{from: stt.text, to: llm.prompt}", "{from: stt.text, to: clean.text}\n  - {from: clean.text, to: llm.prompt}"
    )
    bench.write("pipelines/bundles/second_v1.yaml", BUNDLE.replace("line_bundle", "second"))
    for compilation in bench.compile(BUNDLE_PATH, "pipelines/bundles/second_v1.yaml"):
        assert [found.name for found in compilation.diagnostics] == ["duplicate-node"]


def test_a_module_inside_a_module_is_pinned_by_every_bundle_that_uses_it(bench: Workbench) -> None:
    module = (
        "schema_version: rspp.graph.module.v1\nmodule_id: {name}\nversion: v1\n"
        "exposes: {{inputs: [{{name: text, port: {inside}.text}}], outputs: [{{name: text, port: {inside}.text}}]}}\n"
    )
    inner = (
        module.format(name="inner", inside="norm") + "nodes: [{node_id: norm, node_type: text.normalizer}]\nedges: []\n"
    )
    outer = module.format(name="outer", inside="deep")
    outer += "subgraph_refs: [{name: deep, module: inner/v1}]\nnodes: []\nedges: []\n"
    bench.write("pipelines/modules/inner_v1.yaml", inner)
    bench.write("pipelines/modules/outer_v1.yaml", outer)
    bench.change("nodes:", "subgraph_refs: [{name: clean, module: outer/v1}]\nnodes:")
    bench.change(
        "{from: stt.text, to: llm.prompt}", "{from: stt.text, to: clean.text}\n  - {from: clean.text, to: llm.prompt}"
    )
    bench.write("pipelines/bundles/second_v1.yaml", BUNDLE.replace("line_bundle", "second"))
    for compilation in bench.compile(BUNDLE_PATH, "pipelines/bundles/second_v1.yaml"):
        assert compilation.program is not None and compilation.diagnostics == ()
        assert [one.ref for one in compilation.program.bundle.pinned if one.kind == "module"] == [
            "inner/v1",
            "outer/v1",
        ]


@pytest.mark.parametrize(
    ("when", "repaired"),
    [
        ("event.confidence >= 600", "event.confidence_milli >= 600"),
        ("'event.text == \"x\" and turn.index > 0'", "'event.text == \"x\" && turn.index > 0'"),
        ('"event.text == \\"x\\" and turn.index > 0"', '"event.text == \\"x\\" && turn.index > 0"'),
    ],
)
def test_a_repaired_condition_stays_in_its_quotes(bench: Workbench, when: str, repaired: str) -> None:
    bench.change("to: llm.prompt}", f"to: llm.prompt, when: {when}, otherwise: drop}}")
    (found,) = bench.findings()
    (edit,) = found.fixes[0].edits
    text = found.at.source.text
    assert f"when: {repaired}, otherwise" in text[: edit.at.start] + edit.text + text[edit.at.end :]


def test_thousands_of_unknown_names_take_no_longer_than_reading_them(bench: Workbench) -> None:
    nodes = "".join(f"  - {{node_id: extra_{number}, node_type: flow.tap}}\n" for number in range(3000))
    edges = "".join(f"  - {{from: extra_{number}x.out, to: speaker.audio}}\n" for number in range(3000))
    bench.write(SPEC_PATH, SPEC.replace("edges:\n", nodes + "edges:\n" + edges))
    started = time.monotonic()
    found = bench.findings()
    assert sum(one.name == "unknown-node" for one in found) == 3000
    assert time.monotonic() - started < 60


def test_a_fallback_of_a_fallback_takes_over_the_edges_of_the_first(bench: Workbench) -> None:
    chain = "provider: stt-house, budget_ms: 300, fallback: {to: second, on: [error]}}\n"
    chain += "  - {node_id: second, node_type: speech.stt, provider: stt-house, budget_ms: 300,"
    chain += " fallback: {to: third, on: [error]}}\n"
    chain += "  - {node_id: third, node_type: %s, provider: stt-house}"
    bench.change("provider: stt-house, config: {language: en-US}}", chain % "speech.stt")
    assert set(bench.names()) == {"fallback-fails-together"}  # there is one provider only
    bench.change(chain % "speech.stt", chain % "signal.dtmf")
    lacking = [(one.name, one.message()) for one in bench.findings() if one.name == "fallback-lacks-port"]
    assert lacking == [("fallback-lacks-port", "fallback `third` has no output `text`, which `second` has")]


def test_behind_a_misspelt_reference_the_other_mistakes_are_found_too(bench: Workbench) -> None:
    bench.change("spec_ref: line/v1", "spec_ref: lines/v1", BUNDLE_PATH)
    bench.change("profile_ref: simple/v1", "profile_ref: simple/v2", BUNDLE_PATH)
    bench.change("to: stt.audio", "to: stt.sound")
    assert bench.names() == ["unknown-artifact", "unknown-artifact", "unknown-port"]


def test_a_file_that_is_not_named_after_its_artifact_is_the_only_mistake(bench: Workbench) -> None:
    (bench.root / SPEC_PATH).rename(bench.root / "pipelines/specs/phone_v1.yaml")
    assert bench.names() == ["file-name"]


SWITCH = """\
  - {from: stt.text, to: llm.prompt, when: event.confidence_milli >= 600%s}
  - {from: stt.text, to: screen.text, when: event.confidence_milli < 400}
"""


def test_one_edge_that_drops_the_rest_speaks_for_its_switch(bench: Workbench) -> None:
    bench.change("{node_id: speaker,", "{node_id: screen, node_type: transport.egress}\n  - {node_id: speaker,")
    bench.change("  - {from: stt.text, to: llm.prompt}\n", SWITCH % "")
    assert bench.names() == ["no-otherwise"]
    bench.change("event.confidence_milli >= 600", "event.confidence_milli >= 600, otherwise: drop")
    assert bench.names() == []


def test_two_loops_through_one_node_have_one_feedback_edge_each(bench: Workbench) -> None:
    tools = "".join(f"  - {{node_id: tools_{name}, node_type: flow.tap}}\n" for name in "ab")
    edges = "  - {from: tts.audio, to: tools_a.in}\n  - {from: tools_a.out, to: tools_b.in}\n"
    bench.change("edges:\n", f"{tools}edges:\n{edges}")
    bench.change("from: tts.audio, to: speaker", "from: tools_b.out, to: speaker")
    back = "  - {from: tools_a.out, to: tts.text, feedback: true, max_rounds: 1}\n"
    back += "  - {from: tools_b.out, to: tools_a.in, feedback: true, max_rounds: 1}\n"
    bench.change("edges:\n", "edges:\n" + back)
    assert not {"several-feedback-edges", "feedback-without-loop", "cycle"} & set(bench.names())


def test_thousands_of_feedback_edges_take_no_longer_than_reading_them(bench: Workbench) -> None:
    """R-001-01: loops are bounded, however many there are."""
    count = 3000
    nodes = "".join(f"  - {{node_id: tap_{number}, node_type: flow.tap}}\n" for number in range(count))
    chain = "".join(f"  - {{from: tap_{number}.out, to: tap_{number + 1}.in}}\n" for number in range(count - 1))
    back = "".join(
        f"  - {{from: tap_{number + 1}.tap, to: tap_{number}.in, feedback: true, max_rounds: 1}}\n"
        for number in range(count - 1)
    )
    bench.write(SPEC_PATH, SPEC.replace("edges:\n", nodes + "edges:\n" + chain + back))
    started = time.monotonic()
    assert not {"several-feedback-edges", "feedback-without-loop"} & set(bench.names())
    assert time.monotonic() - started < 60


def test_a_repair_that_leaves_a_mistake_at_its_place_is_not_verified(bench: Workbench) -> None:
    bench.change("provider: llm-house}", "provider: llm-house, fallback: {to: tts2, on: [error]}}")
    assert _verified(bench, "unknown-fallback") == [False]


def test_a_repair_after_which_a_condition_never_holds_is_not_verified(bench: Workbench) -> None:
    bench.change("to: llm.prompt}", "to: llm.prompt, when: event.mode == finale, otherwise: drop}")
    assert _verified(bench, "bad-condition") == [False]
    bench.change("== finale", "== final")
    assert _verified(bench, "bad-condition") == [True]


def _verified(bench: Workbench, name: str) -> list[bool]:
    sink = DiagnosticSink()
    workspace = find_workspace(str(bench.root), sink)
    assert workspace is not None
    artifacts = open_workspace(workspace, sink)
    proved = prove_fixes(bench.compile()[0], artifacts).diagnostics
    return [fix.verified for found in proved if found.name == name for fix in found.fixes]


# --- Rules of policies -----------------------------------------------------------------------------------------------


def under(bench: Workbench, rules: str) -> None:
    """Release the pipeline under a policy of these rules."""
    head = "schema_version: rspp.policy.overlay.v1\npolicy_id: house\nversion: v1\n"
    bench.write("pipelines/policies/house_v1.yaml", head + rules)
    bench.change("profile_ref: simple/v1\n", "profile_ref: simple/v1\npolicy_refs: [house/v1]\n", BUNDLE_PATH)


def inserts(*rules: tuple[str, str]) -> str:
    """Insert rules on one edge, each by the name of its node and its condition."""
    return "insert_rules:\n" + "".join(
        f"  - id: rule_{index}\n    when: '{when}'\n"
        f"    insert: {{node_id: {name}, node_type: safety.pii_redactor}}\n"
        "    between: {from: sentences.text, to: tts.text}\n"
        for index, (name, when) in enumerate(rules)
    )


def served(bench: Workbench, node: str) -> tuple[str, list[str]]:
    """Who serves a node where no condition holds, and everybody who can come to."""
    program = bench.compile()[0].program
    assert program is not None
    return program.bindings[node].value, sorted(one.id for one in program.providers[node])


def test_nodes_of_one_name_are_inserted_only_by_rules_that_exclude_each_other(bench: Workbench) -> None:
    """R-001-28"""
    under(bench, inserts(("pii", 'tenant.id == "a"'), ("pii", 'tenant.id == "b"')))
    assert bench.names() == []
    bench.change('tenant.id == "b"', 'session.region == "eu"', "pipelines/policies/house_v1.yaml")
    (found,) = bench.findings()
    assert (found.name, found.subject, found.related[0].text) == (
        "inserted-name-taken",
        "rule_1",
        "the node of rule `rule_0`",
    )


def text_node_types(bench: Workbench, *types: tuple[str, str, str]) -> None:
    """Declare node types from text to text: name, what goes in, what comes out."""
    head = "schema_version: rspp.extension.manifest.v1\nextension_id: own\nversion: v1\ntype: node\napi_version: v1\n"
    declared = "".join(
        f"  - {{node_type: {name}, doc: From text to text., role: processor, execution_mode: in_process,\n"
        f"     impl_ref: 'builtin:{name}', digest: 'sha256:{'0' * 64}', config: [],\n"
        f"     ports: [{{name: text, direction: in, type: 'text<{into}>', lane: DataLane, doc: In.}},\n"
        f"             {{name: text, direction: out, type: 'text<{out_of}>', lane: DataLane, doc: Out.}}],\n"
        "     cancel: {mode: preemptible, cancel_latency_ms: 0, style: hard}, turn_cancel: none, state: none,\n"
        "     scope: inherit, latency: {p50_ms: 1, p95_ms: 5}, timeout_ms: 100, modality: null,\n"
        "     resource_limits: {cpu_milli: 100, memory_bytes: 33554432, max_concurrency: 256}}\n"
        for name, into, out_of in types
    )
    bench.write("pipelines/extensions/own_v1.yaml", f"{head}node_types:\n{declared}")


def text_inserts(*rules: tuple[str, str]) -> str:
    """Insert rules on one edge, each by its node type and its condition, which may be missing."""
    return "insert_rules:\n" + "".join(
        f"  - id: rule_{index}\n{when and f'    when: {when!r}' + chr(10)}"
        f"    insert: {{node_id: node_{index}, node_type: {node_type}}}\n"
        "    between: {from: sentences.text, to: tts.text}\n"
        for index, (node_type, when) in enumerate(rules)
    )


def test_nodes_stand_on_an_edge_in_the_order_of_rules_whether_they_always_hold_or_not(bench: Workbench) -> None:
    """R-001-28: what masks personal data before it is reworded does so for the tenants that it is for, too."""
    under(bench, text_inserts(("safety.pii_redactor", "tenant.id == 'a'"), ("text.normalizer", "")))
    program = bench.compile()[0].program
    assert program is not None and program.proofs is not None
    assert [edge.id for edge in program.edges if "node_1" in edge.id] == [
        "sentences.text->node_1.text",
        "node_1.text->tts.text",
    ]
    (insert,) = artifacts(program).resolved_spec["rules"]["insert"]
    assert (insert["replaces"], insert["into"]["from"], insert["out_of"]["to"]) == (
        "sentences.text->node_1.text",
        "sentences.text",
        "node_1.text",
    )
    (path,) = (one for one in program.proofs.paths if one.name == "first_output")
    steps = [step.subject for step in path.steps]
    assert steps.index("node_0.text") + 2 == steps.index("node_1.text")
    assert steps[steps.index("node_0.text") + 1] == "node_0.text->node_1.text"


def test_a_later_rule_that_always_holds_does_not_hide_that_an_earlier_one_never_fits(bench: Workbench) -> None:
    """R-001-28"""
    text_node_types(bench, ("own.finish", "segment", "final"), ("own.cut", "segment", "segment"))
    under(bench, text_inserts(("own.finish", "tenant.id == 'a'"), ("own.cut", "")))
    (found,) = bench.findings()
    assert (found.name, found.subject) == ("insert-does-not-fit", "rule_0")


def test_two_rules_that_may_hold_together_must_fit_behind_each_other(bench: Workbench) -> None:
    """R-001-28: each fits on the edge alone; both together pass what the second cannot take."""
    text_node_types(bench, ("own.finish", "segment", "final"), ("own.cut", "segment", "segment"))
    under(bench, text_inserts(("own.finish", "tenant.id == 'a'"), ("own.cut", "session.region == 'eu'")))
    (found,) = bench.findings()
    assert (found.severity, found.name, found.subject) == ("error", "lost-mode", "node_0.text->node_1.text")
    assert "rule rule_0 and rule rule_1" in found.notes[-1]
    bench.change("tenant.id == 'a'", "session.region == 'us'", "pipelines/policies/house_v1.yaml")
    assert bench.findings() == ()


def test_rules_that_exclude_each_other_make_as_many_programs_as_there_are_rules(bench: Workbench) -> None:
    """R-001-28"""
    under(bench, inserts(*((f"pii_{index}", f'tenant.id == "v{index}"') for index in range(30))))
    program = bench.compile()[0].program
    assert bench.names() == [] and program is not None and program.proofs is not None
    assert program.proofs.programs == 31


@pytest.mark.parametrize(
    "condition",
    [
        'tenant.id.contains("v{}")',
        " || ".join(
            '"k{0}' + str(j) + '" in tenant.labels && tenant.labels["k{0}' + str(j) + '"] == "x"' for j in range(9)
        ),
    ],
)
def test_too_many_programs_are_refused_before_long(bench: Workbench, condition: str) -> None:
    under(bench, inserts(*((f"pii_{index}", condition.format(index)) for index in range(20))))
    start = time.perf_counter()
    assert "too-many-programs" in bench.names()
    assert time.perf_counter() - start < 30


def test_a_rule_for_a_node_that_does_not_hold_leaves_it_to_the_rules_of_its_modality(bench: Workbench) -> None:
    bench.change(", provider: tts-house", "")
    bench.write(
        "pipelines/extensions/more_v1.yaml",
        "schema_version: rspp.extension.manifest.v1\nextension_id: more\nversion: v1\ntype: provider\napi_version: v1\n"
        "providers:\n  - {provider_id: tts-fast, modality: tts, latency: {p50_ms: 50, p95_ms: 90}}\n",
    )
    own = "  - {id: own, node: tts, when: tenant.id == 'a', use: [tts-fast]}\n"
    under(bench, "provider_rules:\n" + own + "  - {id: any, modality: tts, use: [tts-house]}\n")
    assert bench.names() == []
    assert served(bench, "tts") == ("tts-house", ["tts-fast", "tts-house"])
    bench.change("node_type: speech.tts", "node_type: speech.tts, provider: tts-fast")
    assert served(bench, "tts") == ("tts-fast", ["tts-fast"])


@pytest.mark.parametrize(("named", "expected"), [("null", ["tts-house"]), ("tts-slow", ["tts-house", "tts-slow"])])
def test_a_provider_that_a_degrade_rule_names_can_come_to_serve(
    bench: Workbench, named: str, expected: list[str]
) -> None:
    bench.write(
        "pipelines/extensions/more_v1.yaml",
        "schema_version: rspp.extension.manifest.v1\nextension_id: more\nversion: v1\ntype: provider\napi_version: v1\n"
        "providers:\n  - {provider_id: tts-slow, modality: tts, latency: {p50_ms: 600, p95_ms: 790}}\n",
    )
    rule = f"  - {{id: other, when: pressure.data_lane_milli >= 900, set: {{nodes.tts.provider: {named}}}}}\n"
    under(bench, "degrade_rules:\n" + rule)
    assert served(bench, "tts") == ("tts-house", expected)
    late = [found for found in bench.findings() if found.name == "late-end-to-end"]
    assert [found.notes[0] for found in late] == (["this happens with rule other"] if len(expected) > 1 else [])


def test_a_provider_that_a_rule_names_counts_where_types_are_checked(bench: Workbench) -> None:
    bench.write(
        "pipelines/extensions/more_v1.yaml",
        "schema_version: rspp.extension.manifest.v1\nextension_id: more\nversion: v1\ntype: provider\napi_version: v1\n"
        "providers:\n  - {provider_id: stt-german, modality: stt, modes: [partial, final], languages: [de],"
        " confidence: true, latency: {p50_ms: 50, p95_ms: 90}}\n",
    )
    under(bench, "degrade_rules:\n  - {id: other, when: tenant.id == 'a', set: {nodes.stt.provider: stt-german}}\n")
    assert bench.names() == ["language-not-served"]


def test_layers_with_and_without_a_condition_name_providers_that_there_are(bench: Workbench) -> None:
    for when in ("", "when: tenant.id == 'a'\n"):
        bench.write(
            "pipelines/layers/kiosk_v1.yaml",
            f"schema_version: rspp.config.layer.v1\nlayer_id: kiosk\nversion: v1\nscope: environment\n{when}"
            "set: {nodes.tts.provider: stt-house}\n",
        )
        bench.write(BUNDLE_PATH, BUNDLE.replace("profile_ref", "layer_refs: [kiosk/v1]\nprofile_ref"))
        assert bench.names() == ["not-overridable", "wrong-modality"]


def test_what_only_a_rule_makes_late_names_the_rule_and_where_it_says_so(bench: Workbench) -> None:
    slow = "  - {id: patient, when: tenant.id == 'a', set: {nodes.endpoint.config.silence_ms: 1600}}\n"
    under(bench, "degrade_rules:\n" + slow)
    assert set(bench.names()) == {"slow-node", "late-end-to-end", "over-gate-target"}
    for found in bench.findings():
        assert found.notes[0] == "this happens with rule patient"
        assert "1600" in [one.at.text for one in found.related]
    bench.change("silence_ms: 400", "silence_ms: 1500")
    assert not any(note.startswith("this happens") for found in bench.findings() for note in found.notes)


def test_a_budget_that_only_a_rule_makes_small_names_the_rule(bench: Workbench) -> None:
    under(bench, "degrade_rules:\n  - {id: hurry, when: tenant.id == 'a', set: {budgets.path_budget_ms: 300}}\n")
    (found,) = bench.findings()
    assert (found.name, found.notes[0]) == ("late-end-to-end", "this happens with rule hurry")
