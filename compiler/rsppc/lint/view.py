"""A program as rules look at it: prepared once for all of them, in one walk over nodes and one over edges.

The first half are *occasions*: what a pipeline has that a rule could have something to say about. Most pipelines have
few of them, and a rule without its occasion is not even imported (`lint/registry.py`). The second half is worked out
when the first rule asks for it.

Runs after all passes, on programs without errors: types are solved, settings are complete, every node has a type.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from rsppc.base.record import Record
from rsppc.ir.catalog import NodeType
from rsppc.ir.ports import solver_input
from rsppc.ir.program import CancelPlace, Edge, Node, Program
from rsppc.ir.setting import FromLayer, FromModule, FromPolicy, Setting, Written
from rsppc.ir.types import ATTRIBUTES, PortType, Scalar, Values

DETECTOR_RATES = (8000, 16000)
"""Rates for which models that tell speech from silence are trained."""
SHORT_SPEECH_MS = 100
"""Speech up to this long is as often a cough as a word."""
_SOMEBODY = (Written, FromModule, FromLayer, FromPolicy)
"""Origins of what somebody wrote for this pipeline."""
_PATIENCE_LEAST, _PATIENCE_AN_EDGE = 10_000, 20
"""How many steps all rules together may walk: a rule that starts at every node of a graph made for it would otherwise
take the square of its size. What is beyond is not looked at; no ordinary pipeline comes near."""
_LANGUAGE_OF_FILE = re.compile(
    r"[_-](ar|bg|bn|cs|da|de|el|en|es|fi|fr|hi|hr|hu|id|it|ja|ko|nl|no|pl|pt|ro|ru|sv|ta|th|tr|uk|vi|zh)\.[a-z]+$"
)
_SILENCE_WORDS = ("silence", "endpointing", "utterance_end", "hangover", "stop_secs", "stop_ms", "eot_timeout")


class Traits(Record):
    """What a node type is, as far as rules care."""

    detects: bool
    """Whether it tells speech from silence by itself, without a provider."""
    decides: bool
    """Whether it emits turn signals."""
    converts: bool
    """Whether it takes audio and gives audio, and keeps nothing: a change of format."""
    joins: bool
    """Whether config names its inputs, and one output has them all."""
    waits: tuple[str, ...]
    """Config fields that say after how much silence something ends."""


class View:
    """A program and what was noticed of it."""

    __slots__ = (
        "_into",
        "_out",
        "_patience",
        "barge_ins",
        "bounded",
        "converters",
        "deciders",
        "detectors",
        "is_mixed",
        "joins",
        "languages",
        "listeners",
        "loops",
        "patches",
        "pins",
        "players",
        "program",
        "prompts",
        "rates",
        "retries",
        "spares",
        "turnless",
        "unsegmented",
        "waiting",
    )

    def __init__(self, program: Program) -> None:
        self.program = program
        self._into: dict[str, list[int]] | None = None
        self._out: dict[str, list[int]] | None = None
        self._patience = _PATIENCE_LEAST + _PATIENCE_AN_EDGE * len(program.edges)
        self.detectors: list[Node] = []
        """Nodes that tell speech from silence."""
        self.deciders: list[Node] = []
        """Nodes that decide about turns."""
        self.waiting: list[tuple[Node, Setting]] = []
        """Nodes that wait for silence, with the setting that says how long."""
        self.converters: list[Node] = []
        """Nodes that change the format of audio."""
        self.joins: list[Node] = []
        """Nodes that join several streams."""
        self.players: list[Node] = []
        """Nodes that play something by themselves."""
        self.loops: list[Edge] = []
        """Feedback edges: calls of tools."""
        self.bounded: list[Edge] = []
        """Edges on which somebody other than the profile says how much time may wait."""
        self.languages: dict[str, str] = {}
        """Language of each node that has one, without region."""
        self.prompts: dict[str, str] = {}
        """Language of each node's prompt, as far as the name of the file says it."""
        self.unsegmented: list[int] = []
        """Edges into synthesis that carry something other than segments, by their index."""
        policies = program.policies
        self.spares = any(len(rule.use) > 1 for policy in policies for rule in policy.provider_rules)
        """Whether something stands by for a provider or a node that fails."""
        self._look_at_nodes()
        self._look_at_edges()
        self.retries = [rule for policy in policies for rule in policy.provider_rules if rule.retry is not None]
        """Provider rules with a second attempt."""
        self.patches = bool(program.layers) or any(policy.degrade_rules for policy in policies)
        """Whether layers or degrade rules set something."""
        self.pins = not program.bundle.implicit and "sha256:" in program.bundle.place.span().source.text
        """Whether there is a bundle that pins something."""
        self.is_mixed = len({*self.languages.values(), *self.prompts.values()}) > 1
        """Whether more than one language is spoken, read or written."""
        self.barge_ins = [place for place in program.turns.cancels if _is_hasty(place)]
        """Places at which hardly any speech cancels."""
        self.turnless = program.turns.owner is None
        """Whether nobody owns turns."""
        self.listeners = len(self.detectors) + len(self.deciders) > 2 or len(self.waiting) > 1 or self._served_turns()
        """Whether more than one detector and one decider listen to the caller."""
        self.rates = bool(self.converters) or any(
            self.number(node.id, port.name, "rate_hz", is_input=True) not in (None, *DETECTOR_RATES)
            for node in self.detectors
            for port in node.type.inputs.values()  # type: ignore[union-attr]
        )
        """Whether audio changes its format, or reaches a detector at another rate than those it knows."""

    def _look_at_nodes(self) -> None:
        for node in self.program.nodes.values():
            node_type = node.type
            assert node_type is not None
            traits = traits_of(node_type)
            if traits.detects:
                self.detectors.append(node)
            if traits.decides:
                self.deciders.append(node)
            if traits.converts:
                self.converters.append(node)
            if traits.joins:
                self.joins.append(node)
            if node_type.role == "source":
                self.players.append(node)
            if node.fallback is not None:
                self.spares = True
            config = node.config
            for name in traits.waits:
                setting = config.get(name)
                if setting is not None and setting.value:
                    self.waiting.append((node, setting))
            language = config.get("language")
            if language is not None and language.value:
                self.languages[node.id] = str(language.value).partition("-")[0].lower()
            prompt = config.get("system_prompt")
            if prompt is not None and prompt.value:
                named = _LANGUAGE_OF_FILE.search(str(prompt.value))
                if named is not None:
                    self.prompts[node.id] = named[1]

    def _look_at_edges(self) -> None:
        nodes, solution = self.program.nodes, self.program.solution
        for index, edge in enumerate(self.program.edges):
            if edge.feedback:
                self.loops.append(edge)
            bound = edge.buffer.get("max_queue_ms")
            if bound is not None and bound.origin.__class__ in _SOMEBODY:
                self.bounded.append(edge)
            target = nodes[edge.target.node].type
            if target is not None and target.modality == "tts" and solution is not None:
                passes = solution.edges[index].passes
                if isinstance(passes, Values) and passes.values != ("segment",):
                    self.unsegmented.append(index)

    def _served_turns(self) -> bool:
        owner = self.owner
        return bool(self.detectors) and owner is not None and owner.type is not None and owner.type.modality is not None

    # --- What rules ask -------------------------------------------------------------------------------------------

    @property
    def owner(self) -> Node | None:
        """The node that owns turns."""
        owner = self.program.turns.owner
        return self.program.nodes.get(owner.node) if owner is not None else None

    def into(self, node_id: str) -> list[Edge]:
        """Edges into a node, feedback edges left out; none once rules have walked too much (`_PATIENCE_AN_EDGE`)."""
        return self._edges(self._ways()[0].get(node_id, ()))

    def out_of(self, node_id: str) -> list[Edge]:
        """Edges out of a node, feedback edges left out."""
        return self._edges(self._ways()[1].get(node_id, ()))

    def upstream(self, node_id: str) -> dict[str, Node]:
        """Nodes from which a way leads to a node, the nearest first, without the node."""
        return self._reached(node_id, lambda one: (edge.source.node for edge in self.into(one)))

    def downstream(self, node_id: str) -> dict[str, Node]:
        """Nodes to which a way leads from a node, the nearest first, without the node."""
        return self._reached(node_id, lambda one: (edge.target.node for edge in self.out_of(one)))

    def number(self, node_id: str, port: str, attribute: str, *, is_input: bool = False) -> int | None:
        """What an attribute of audio turned out to be at a port; None where it is another kind or left open."""
        found = self.term(node_id, port, attribute, is_input=is_input)
        return found if isinstance(found, int) else None

    def conversion(self, node: Node, attribute: str) -> tuple[int, int] | None:
        """What a converter takes and what it gives of an attribute of audio; None where it leaves it alone."""
        assert node.type is not None
        before = self.number(node.id, next(iter(node.type.inputs)), attribute, is_input=True)
        after = self.number(node.id, next(iter(node.type.outputs)), attribute)
        return (before, after) if before is not None and after is not None and before != after else None

    def source_of(self, node: Node) -> Edge | None:
        """The edge into a node with one input."""
        return next(iter(self.into(node.id)), None)

    def term(self, node_id: str, port: str, attribute: str, *, is_input: bool = False) -> Scalar | None:
        """The one value that an attribute has at a port; None where it has none or several."""
        solution = self.program.solution
        port_type = solution.types.get(node_id, {}).get(solver_input(port) if is_input else port) if solution else None
        return _only(port_type, attribute)

    def domain(self, node_id: str) -> str | None:
        """What fails together with the provider that ordinarily serves a node; the provider where nobody says."""
        binding = self.program.bindings.get(node_id)
        if binding is None or binding.value is None:
            return None
        provider = self.program.catalog.providers.get(binding.value)
        return provider.failure_domain or provider.id if provider is not None else None

    def _ways(self) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
        if self._into is None or self._out is None:
            self._into, self._out = {}, {}
            for index, edge in enumerate(self.program.edges):
                if not edge.feedback:
                    self._into.setdefault(edge.target.node, []).append(index)
                    self._out.setdefault(edge.source.node, []).append(index)
        return self._into, self._out

    def _edges(self, indices: Iterable[int]) -> list[Edge]:
        self._patience -= 1
        edges = self.program.edges
        return [edges[index] for index in indices] if self._patience > 0 else []

    def _reached(self, start: str, further: Callable[[str], Iterable[str]]) -> dict[str, Node]:
        found: dict[str, Node] = {}
        waiting = [start]
        for node_id in waiting:  # grows while it is walked through
            for other in further(node_id):
                if other not in found and other != start:
                    found[other] = self.program.nodes[other]
                    waiting.append(other)
        return found


def traits_of(node_type: NodeType) -> Traits:
    """What a node type is. Types live as long as the catalog, and most pipelines use the same few."""
    known = _TRAITS.get(id(node_type))
    if known is not None and known[0] is node_type:
        return known[1]
    if len(_TRAITS) >= _TRAITS_MAX:
        _TRAITS.clear()
    traits = _traits(node_type)
    _TRAITS[id(node_type)] = (node_type, traits)
    return traits


_TRAITS: dict[int, tuple[NodeType, Traits]] = {}
_TRAITS_MAX = 4096


def _traits(node_type: NodeType) -> Traits:
    signals = {signal for port in node_type.outputs.values() for signal in _signals(port.type)}
    inputs, outputs = list(node_type.inputs.values()), list(node_type.outputs.values())
    hears = any(_kind(port.type) == "audio" for port in inputs)
    is_local = node_type.modality is None
    return Traits(
        detects=is_local and hears and bool(signals & {"speech_start", "speech_end"}),
        decides="turn" in signals,
        converts=is_local
        and node_type.state == "none"
        and [_kind(port.type) for port in (*inputs, *outputs)] == ["audio", "audio"]
        and len(inputs) == 1,
        joins=any(port.named_by for port in inputs) and len(outputs) == 1,
        waits=tuple(
            field.name
            for field in node_type.config.values()
            if field.type.name == "duration_ms" and any(word in field.name for word in _SILENCE_WORDS)
        ),
    )


def _kind(port_type: PortType) -> str:
    return port_type.alternatives[0].kind


def _signals(port_type: PortType) -> Iterator[Scalar]:
    for product in port_type.alternatives:
        if product.kind == "control" and product.terms and isinstance(product.terms[0], Values):
            yield from product.terms[0].values


def _only(port_type: PortType | None, attribute: str) -> Scalar | None:
    if port_type is None or len(port_type.alternatives) != 1:
        return None
    product = port_type.alternatives[0]
    attributes = ATTRIBUTES.get(product.kind, ())
    if attribute not in attributes or not product.terms:
        return None
    term = product.terms[attributes.index(attribute)]
    return term.values[0] if isinstance(term, Values) and len(term.values) == 1 else None


def _is_hasty(place: CancelPlace) -> bool:
    speech = place.min_speech_ms
    return place.kind == "barge_in" and (speech is None or int(speech.value) < SHORT_SPEECH_MS)
