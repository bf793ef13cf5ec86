"""Properties of the whole compiler, over pipelines that chance puts together from the shipped node types.

A generated pipeline is sound by construction: a caller is heard, understood, answered, and may interrupt, with chains,
diamonds, switches, taps, merges, fallbacks and modules in between. What is done to it afterwards decides what must come
of it: nothing, where only the order changes; one known code, where one known defect is put in.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rsppc.base.canonical_json import readable
from rsppc.checking import check_file
from rsppc.diagnostics import DiagnosticSink
from rsppc.driver import Compilation, compile_bundle, open_workspace
from rsppc.emit.artifacts import Artifacts as Emitted
from rsppc.emit.artifacts import artifacts as emitted
from rsppc.emit.provenance import origin_of
from rsppc.lowering.artifacts import Artifacts
from rsppc.workspace import Workspace
from workspaces import PROVIDERS, PROVIDERS_PATH, SPEC, SPEC_PATH, make

Spec = dict[str, Any]
PATH = "pipelines/specs/call_v1.json"

FEW = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
FEWER = settings(FEW, max_examples=5)

WELCOME = "pipelines/assets/audio/welcome.wav"
_FOLDER = TemporaryDirectory(prefix="rsppc-properties-")
EMPTY = make(Path(_FOLDER.name), {PROVIDERS_PATH: PROVIDERS, WELCOME: "RIFF"})
"""A workspace that holds providers with known figures; specs are only ever put beside it in memory."""

_SINK = DiagnosticSink()
_ARTIFACTS = open_workspace(Workspace(root=str(EMPTY)), _SINK)
_SNAPSHOT = next(one for one in _ARTIFACTS.of_kind("snapshot")[1] if one.ref == "local/v1").root


def compiled(spec: Spec, *, path: str = PATH) -> Compilation:
    """What becomes of a spec that stands in the workspace."""
    _ARTIFACTS.add(path, json.dumps(spec).encode())
    artifact, diagnostics = _ARTIFACTS.at(path)
    assert artifact is not None, [one.message() for one in diagnostics]
    return compile_bundle(_ARTIFACTS, artifact)


def found_codes(spec: Spec) -> set[str]:
    """Codes of all errors and warnings that a check of the spec finds."""
    _ARTIFACTS.add(PATH, json.dumps(spec).encode())
    outcome = check_file(_ARTIFACTS, PATH, purpose="check", strict=False)
    return {one.code for one in outcome.diagnostics if one.severity != "note"}


def emit(compilation: Compilation) -> Emitted:
    assert compilation.program is not None
    return emitted(compilation.program, snapshot=_SNAPSHOT)


# --- Sound pipelines -------------------------------------------------------------------------------------------------

FILTERS = ("text.normalizer", "text.compliance_filter", "safety.pii_redactor")


class Builder:
    """A spec that grows; `tail` is the output that nobody has consumed yet."""

    def __init__(self, draw: Callable[..., Any]) -> None:
        self.draw = draw
        self.nodes: list[Spec] = []
        self.edges: list[Spec] = []
        self.tail = ""

    def chance(self) -> bool:
        return bool(self.draw(st.booleans()))

    def node(self, node_type: str, name: str = "", **fields: Any) -> str:
        name = name or f"n{len(self.nodes)}"
        self.nodes.append({"node_id": name, "node_type": node_type, **fields})
        return name

    def edge(self, source: str, target: str, **fields: Any) -> None:
        self.edges.append({"from": source, "to": target, **fields})

    def through(self, node_type: str, name: str = "", *, inlet: str, outlet: str, **fields: Any) -> str:
        """Put a node behind the tail."""
        name = self.node(node_type, name, **fields)
        self.edge(self.tail, f"{name}.{inlet}")
        self.tail = f"{name}.{outlet}"
        return name

    def filter(self) -> None:
        self.through(self.draw(st.sampled_from(FILTERS)), inlet="text", outlet="text")

    def tap(self) -> None:
        self.through("flow.tap", inlet="in", outlet="out")

    def diamond(self) -> None:
        """Two ways, joined again by a merge or a select."""
        source = self.tail
        ends = []
        for _ in range(2):
            self.tail = source
            self.filter()
            ends.append(self.tail)
        if self.chance():
            order = self.draw(st.sampled_from(["timestamp", "source_priority", "round_robin"]))
            join = self.node("flow.merge", config={"sources": ["a", "b"], "order": order})
        else:
            branch = {"port": "a", "when": 'session.language.startsWith("de")'}
            join = self.node("flow.select", config={"branches": [branch], "default": "b"})
        self.edge(ends[0], f"{join}.a")
        self.edge(ends[1], f"{join}.b")
        self.tail = f"{join}.out"

    def switch(self) -> None:
        """One way or the other, by what the event says."""
        source = self.tail
        limit = self.draw(st.integers(1, 999))
        ends = []
        for fields in ({"when": f"event.confidence_milli >= {limit}"}, {"otherwise": True}):
            name = self.node(self.draw(st.sampled_from(FILTERS)))
            self.edge(source, f"{name}.text", **fields)
            ends.append(f"{name}.text")
        join = self.node("flow.merge", config={"sources": ["a", "b"]})
        self.edge(ends[0], f"{join}.a")
        self.edge(ends[1], f"{join}.b")
        self.tail = f"{join}.out"

    def text_steps(self, count_max: int) -> None:
        steps = (self.filter, self.tap, self.diamond, self.switch)
        for step in self.draw(st.lists(st.sampled_from(range(len(steps))), max_size=count_max)):
            steps[step]()

    def heard(self) -> None:
        """From the caller to speech at a rate that is understood."""
        rate = self.draw(st.sampled_from([8000, 16000, 48000]))
        channels = self.draw(st.sampled_from([1, 2]))
        codec = self.draw(st.sampled_from(["pcm_s16le", "pcm_mulaw"]))
        self.node("transport.ingress", "mic", config={"rate_hz": rate, "channels": channels, "codec": codec})
        self.tail = "mic.audio"
        if codec != "pcm_s16le":
            self.through("audio.transcode", inlet="audio", outlet="audio", config={"codec": "pcm_s16le"})
        if channels > 1:
            self.through("audio.mixdown", inlet="audio", outlet="audio", config={"channels": 1})
        if rate > 16000:
            wanted = self.draw(st.sampled_from([8000, 16000]))
            self.through("audio.resample", inlet="audio", outlet="audio", config={"rate_hz": wanted})
        if self.chance():
            self.tap()
        self.through("speech.vad", "vad", inlet="audio", outlet="speech")
        self.node("speech.endpointing", "endpoint", config={"silence_ms": self.draw(st.integers(100, 400))})
        self.edge("vad.activity", "endpoint.activity")

    def answered(self) -> None:
        """From text to a spoken answer."""
        fields: Spec = {"provider": "llm-house"}
        if self.chance():
            fields |= {"budget_ms": 500, "fallback": {"to": "spare", "on": ["timeout", "error"]}}
            self.node("speech.llm", "spare", provider="llm-house", config={"max_context_turns": 2})
        extra = {"when": "event.confidence_milli >= 500", "otherwise": "drop"} if self.chance() else {}
        self.node("speech.llm", "llm", **fields)
        self.edge(self.tail, "llm.prompt", **extra)
        self.tail = "llm.text"
        self.through("text.segmenter", "sentences", inlet="text", outlet="text")
        self.text_steps(2) if not self.chance() else self.filter()
        buffer = {"buffer": {"strategy": "merge", "max_queue_items": self.draw(st.integers(4, 64))}}
        self.node("speech.tts", "tts", provider="tts-house")
        self.edge(self.tail, "tts.text", **(buffer if self.chance() else {}))
        self.tail = "tts.audio"

    def played(self) -> None:
        rate = self.draw(st.sampled_from([16000, 24000, 48000]))
        if self.chance():
            signal = {"start_on": "signal", "start_signal": "connected"}
            self.node("audio.player", "greeting", config={"file": "audio/welcome.wav", **signal})
            self.edge("mic.link", "greeting.start")
            config = {"order": "source_priority", "sources": ["greeting", "answer"]}
            self.node("flow.merge", "voice", config=config)
            self.edge("greeting.audio", "voice.greeting")
            self.edge(self.tail, "voice.answer")
            self.tail = "voice.out"
        self.node("transport.egress", "speaker", config={"rate_hz": rate})
        self.edge(self.tail, "speaker.audio")


@st.composite
def specs(draw: Callable[..., Any]) -> Spec:
    """A sound pipeline."""
    made = Builder(draw)
    made.heard()
    module = made.chance()
    if module:
        made.edge(made.tail, "transcribe.audio")
        made.tail = "transcribe.text"
    else:
        made.through("speech.stt", "stt", inlet="audio", outlet="text", provider="stt-house")
    made.text_steps(2)
    made.answered()
    made.played()
    uses = [{"name": "transcribe", "module": "transcription_normalize/v1", "settings": {"language": "en-US"}}]
    return {
        "schema_version": "rspp.pipeline.spec.v1",
        "pipeline_id": "call",
        "version": "v1",
        "profile": "simple/v1",
        **({"subgraph_refs": uses} if module else {}),
        "nodes": made.nodes,
        "edges": made.edges,
        "turns": {"owner": "endpoint.turn", "barge_in": [{"from": "vad.barge_in", "min_speech_ms": 300}]},
    }


@FEW
@given(specs())
def test_a_sound_pipeline_compiles(spec: Spec) -> None:
    compilation = compiled(spec)
    assert [one.code for one in compilation.diagnostics if one.severity == "error"] == [], [
        (one.code, one.message()) for one in compilation.diagnostics
    ]
    assert compilation.ok
    made = emit(compilation)
    names = {node["node_id"] for node in spec["nodes"]}
    assert names <= set(made.resolved_spec["effective_nodes"])
    assert len(made.resolved_spec["effective_edges"]) >= len(spec["edges"])


@FEW
@given(specs(), st.randoms(use_true_random=False))
def test_the_order_of_nodes_edges_and_keys_means_nothing(spec: Spec, chance: random.Random) -> None:
    """R-013: what is promised depends on what is said, not on the order in which it is."""

    def shuffled(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            items = [(name, shuffled(one, name)) for name, one in value.items()]
            chance.shuffle(items)
            return dict(items)
        if isinstance(value, list):
            found = [shuffled(one) for one in value]
            if key in ("nodes", "edges"):
                chance.shuffle(found)
            return found
        return value

    first, second = emit(compiled(spec)), emit(compiled(shuffled(spec)))
    assert readable(first.bundle) == readable(second.bundle)
    assert readable(first.resolved_spec) == readable(second.resolved_spec)
    assert readable(first.distribution) == readable(second.distribution)


@FEW
@given(specs())
def test_every_leaf_has_an_origin(spec: Spec) -> None:
    """R-001: every value of a ResolvedSpec says who set it, in the file itself and at length beside it."""
    made = emit(compiled(spec))
    sources = made.resolved_spec["defaulting_sources"]
    checked = 0
    for pointer in leaves({key: value for key, value in made.resolved_spec.items() if key != "defaulting_sources"}):
        assert pointer in sources, pointer
        story = origin_of(made.provenance, pointer)
        assert story is not None and story["winner"]["label"] == sources[pointer], pointer
        checked += 1
    assert checked == len(sources) > 100


def leaves(value: Any, pointer: str = "") -> Iterator[str]:
    """JSON Pointers of everything that is no container with something in it."""
    if isinstance(value, dict) and value:
        for key, one in value.items():
            yield from leaves(one, f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(value, list) and value:
        for index, one in enumerate(value):
            yield from leaves(one, f"{pointer}/{index}")
    else:
        yield pointer


@FEWER
@given(specs())
def test_compiling_twice_gives_the_same(spec: Spec) -> None:
    """Nothing that one compilation remembers changes the next one."""
    first = emit(compiled(spec))
    compiled({**spec, "nodes": spec["nodes"][:3], "edges": spec["edges"][:2]})
    assert emit(compiled(spec)).files() == first.files()


# --- Defects ---------------------------------------------------------------------------------------------------------


def node(spec: Spec, name: str) -> Spec:
    return next(one for one in spec["nodes"] if one["node_id"] == name)


def edge_into(spec: Spec, target: str) -> Spec:
    return next(one for one in spec["edges"] if one["to"] == target)


def set_config(name: str, **config: Any) -> Callable[[Spec], None]:
    return lambda spec: node(spec, name).setdefault("config", {}).update(config)


def set_node(name: str, **fields: Any) -> Callable[[Spec], None]:
    return lambda spec: node(spec, name).update(fields)


def set_edge(target: str, **fields: Any) -> Callable[[Spec], None]:
    return lambda spec: edge_into(spec, target).update(fields)


def add_edge(source: str, target: str, **fields: Any) -> Callable[[Spec], None]:
    return lambda spec: spec["edges"].append({"from": source, "to": target, **fields})


def drop_edge(target: str) -> Callable[[Spec], None]:
    return lambda spec: spec["edges"].remove(edge_into(spec, target))


def all_of(*changes: Callable[[Spec], None]) -> Callable[[Spec], None]:
    def change(spec: Spec) -> None:
        for one in changes:
            one(spec)

    return change


def wrong_rate(spec: Spec) -> None:
    """A rate that no recogniser takes, at whatever brings the audio to `vad`."""
    sources = [one for one in spec["nodes"] if one["node_type"] == "audio.resample"] or [node(spec, "mic")]
    sources[0].setdefault("config", {})["rate_hz"] = 44100


def cycle(spec: Spec) -> None:
    """Part of what goes to the synthesiser goes round once more."""
    source = edge_into(spec, "sentences.text")["from"]
    edge_into(spec, "sentences.text")["from"] = "join.out"
    spec["nodes"] += [
        {"node_id": "join", "node_type": "flow.merge", "config": {"sources": ["fresh", "again"]}},
        {"node_id": "round", "node_type": "text.normalizer"},
    ]
    for ends in ((source, "join.fresh"), ("join.out", "round.text"), ("round.text", "join.again")):
        add_edge(*ends)(spec)


def removed(*steps: str) -> Callable[[Spec], None]:
    def change(spec: Spec) -> None:
        found: Any = spec
        for step in steps[:-1]:
            found = found[step]
        del found[steps[-1]]

    return change


DEFECTS: dict[str, tuple[Callable[[Spec], None], str]] = {
    "a required edge is missing": (drop_edge("vad.audio"), "RSP4101"),
    "an answer that nobody hears": (drop_edge("speaker.audio"), "RSP4101|RSP4102"),
    "a rate that nobody takes": (wrong_rate, "RSP3104"),
    "a rate that nobody makes": (set_config("speaker", rate_hz=11025), "RSP3104"),
    "too many channels": (set_config("speaker", channels=7), "RSP3104"),
    "ports swapped": (set_edge("endpoint.activity", **{"from": "endpoint.activity", "to": "vad.activity"}), "RSP2115"),
    "the same edge twice": (lambda spec: spec["edges"].append(deepcopy(spec["edges"][0])), "RSP2202"),
    "a cycle": (cycle, "RSP4105"),
    "a node that feeds itself": (add_edge("llm.text", "llm.prompt"), "RSP4104"),
    "an unknown node": (set_edge("vad.audio", to="vat.audio"), "RSP2114"),
    "an unknown port": (set_edge("vad.audio", to="vad.sound"), "RSP2115"),
    "an unknown field": (set_config("vad", treshold_milli=1), "RSP1201"),
    "an unknown node type": (set_node("vad", node_type="speech.vat"), "RSP2110"),
    "an unknown key": (set_node("vad", colour="red"), "RSP1101"),
    "an unknown provider": (set_node("tts", provider="tts-nobody"), "RSP2116"),
    "a provider of something else": (set_node("tts", provider="llm-house"), "RSP2117"),
    "an unknown module": (
        lambda spec: spec.update(subgraph_refs=[{"name": "m", "module": "no_such_module/v1"}]),
        "RSP2101",
    ),
    "an unknown profile": (lambda spec: spec.update(profile="simple/v7"), "RSP2101"),
    "an unknown asset": (set_config("llm", system_prompt="prompts/none.txt"), "RSP2112"),
    "a secret in the open": (set_config("tts", api_key="sk-123"), "RSP8201"),
    "a lossy queue": (set_edge("tts.text", buffer={"strategy": "drop_oldest"}), "RSP5102"),
    "control that can be lost": (set_edge("endpoint.activity", buffer={"strategy": "drop_newest"}), "RSP5104"),
    "watermarks crossed": (
        set_edge("tts.text", buffer={"watermarks": {"high_milli": 100, "low_milli": 900}}),
        "RSP5105",
    ),
    "too small a budget": (set_node("tts", budget_ms=1), "RSP5405"),
    "too slow an answer": (set_config("endpoint", silence_ms=3000), "RSP5403"),
    "two edges into one input": (add_edge("mic.audio", "vad.audio", delivery="unordered"), "RSP2202|RSP4103"),
    "two streams into one input": (
        all_of(
            lambda spec: spec["nodes"].append({"node_id": "second", "node_type": "transport.ingress"}),
            add_edge("second.audio", "vad.audio"),
        ),
        "RSP4103",
    ),
    "no turn owner": (removed("turns", "owner"), "RSP4303|RSP1102"),
    "an owner that opens no turns": (lambda spec: spec["turns"].update(owner="vad.activity"), "RSP4305"),
    "an interruption by no signal": (lambda spec: spec["turns"].update(barge_in=[{"from": "vad.speech"}]), "RSP4306"),
    "a node twice": (lambda spec: spec["nodes"].append(deepcopy(spec["nodes"][0])), "RSP2201"),
    "text into audio": (set_edge("tts.text", to="speaker.audio"), "RSP3106|RSP4103"),
    "a node that leads nowhere": (
        all_of(
            lambda spec: spec["nodes"].append({"node_id": "end", "node_type": "text.normalizer"}),
            add_edge("sentences.text", "end.text"),
        ),
        "RSP4102",
    ),
    "a fallback to nobody": (set_node("llm", fallback={"to": "none", "on": ["error"]}), "RSP4112"),
    "a fallback to itself": (set_node("llm", fallback={"to": "llm", "on": ["error"]}), "RSP4110|RSP4111"),
    "a fallback of another kind": (
        all_of(
            lambda spec: spec["nodes"].append({"node_id": "other", "node_type": "text.normalizer"}),
            set_node("llm", fallback={"to": "other", "on": ["error"]}),
        ),
        "RSP4113",
    ),
    "a condition on nothing": (set_edge("llm.prompt", when="event.colour == 1", otherwise="drop"), "RSP6001"),
    "a condition that is no condition": (set_edge("llm.prompt", when="event.text +", otherwise="drop"), "RSP6001"),
    "a condition that never holds": (
        set_edge("llm.prompt", when="turn.index < 3 && turn.index > 5", otherwise="drop"),
        "RSP6003",
    ),
    "a value without its unit": (set_node("llm", budget_ms="600ms"), "RSP1103|RSP1104"),
    "a value of nothing": (set_node("llm", budget_ms=0), "RSP1105"),
    "an unset value": (set_node("vad", node_type=None), "RSP1108"),
    "a name that is no name": (set_node("vad", node_id="Vad!"), "RSP1107"),
    "a value out of bounds": (set_config("endpoint", silence_ms=99), "RSP1203"),
    "rounds without a loop": (set_edge("tts.text", feedback=True, max_rounds=2), "RSP4107"),
}


@pytest.mark.parametrize("name", DEFECTS)
@FEWER
@given(spec=specs())
def test_a_defect_is_called_by_its_name(name: str, spec: Spec) -> None:
    """R-002: in whatever is sound otherwise, one defect gives its own finding."""
    change, expected = DEFECTS[name]
    broken = deepcopy(spec)
    change(broken)
    found = found_codes(broken)
    assert found & set(expected.split("|")), found


# --- Anything at all -------------------------------------------------------------------------------------------------


def check_text(path: str, data: bytes) -> None:
    """Check text as a file; whatever it is, it is refused or compiled, with a place for each finding."""
    fresh = Artifacts(_ARTIFACTS.workspace, None, DiagnosticSink())
    for artifacts in (fresh, _ARTIFACTS):
        artifacts.add(path, data)
        outcome = check_file(artifacts, path, purpose="build", strict=True)
        for one in outcome.diagnostics:
            start, end = one.at.source.location(one.at.start), one.at.source.location(one.at.end)
            assert (1, 1) <= start <= end
            assert one.message()


@FEW
@given(
    st.sampled_from([".yaml", ".json", ".rspp"]), st.one_of(st.text(), st.binary().map(lambda b: b.decode("latin-1")))
)
def test_any_text_is_a_finding_and_never_an_exception(suffix: str, text: str) -> None:
    check_text(f"pipelines/specs/any_v1{suffix}", text.encode("utf-8", "surrogatepass"))


PIECES = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "-",
    "\n",
    "  ",
    "'",
    '"',
    "&a ",
    "*a",
    "|",
    "#",
    "null",
    "1e3",
    "v1",
    "@",
    "ü",
    "\t",
]


@settings(FEW, max_examples=150)
@given(st.integers(0, len(SPEC)), st.integers(0, 40), st.lists(st.sampled_from(PIECES), max_size=3).map("".join))
def test_a_sound_file_with_a_hole_in_it_is_never_an_exception(start: int, length: int, instead: str) -> None:
    check_text(SPEC_PATH, (SPEC[:start] + instead + SPEC[start + length :]).encode())


ANY_VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 10_000)
    | st.sampled_from(["mic.audio", "vad", "simple/v1", "", "x y", "a.b.c"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["from", "to", "config", "x"]), inner, max_size=3)
    ),
    max_leaves=5,
)


@settings(FEW, max_examples=100)
@given(specs(), st.data())
def test_a_sound_pipeline_with_any_value_anywhere_is_never_an_exception(spec: Spec, data: st.DataObject) -> None:
    """Whatever stands in the place of any one value, in a file that is otherwise sound."""
    places = list(containers(spec))
    container, key = data.draw(st.sampled_from(places))
    container[key] = data.draw(ANY_VALUE)
    check_text(PATH, json.dumps(spec).encode())


def containers(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a value that holds something."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in items:
        yield value, key
        yield from containers(one)
