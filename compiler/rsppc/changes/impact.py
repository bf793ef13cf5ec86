"""What a changed leaf means for a live call, by its path: a table, and nothing else decides.

`*` stands for one step of a path, `**` for all that follow, if any; in a step, `*` stands for any text. The first row
that fits decides. Nodes and edges that rules put into a graph are judged as those of the graph.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from rsppc.base.record import Record
from rsppc.model.change import ImpactClass

MEANING: dict[ImpactClass, str] = {
    "wire": "what is exchanged: types, formats, ports, contract objects",
    "latency": "when the caller hears something: budgets, buffers, waiting times",
    "quality": "what the caller hears: models, providers, voices, prompts, languages",
    "policy": "who decides what: rules, conditions, retries, fallbacks",
    "cost": "what it costs: prices, tokens, memory, processors",
}


class Row(Record):
    """Paths, their class, and what the value is, in words that continue `changes`."""

    pattern: str
    impact: ImpactClass
    words: str = ""


def _rows(*rows: tuple[str, ImpactClass, str] | tuple[str, ImpactClass]) -> tuple[Row, ...]:
    return tuple(Row(pattern=row[0], impact=row[1], words=row[2] if len(row) == 3 else "") for row in rows)


TABLE = _rows(
    # What is released, and its identity.
    ("bundle_id", "wire", "the name of the bundle"),
    ("version", "wire", "the version of the bundle"),
    ("resolved_spec_id", "wire", "the identity of the ResolvedSpec"),
    ("graph_definition_refs.**", "wire", "the identity of the graph, which every turn plan names"),
    ("compat_window.**", "wire", "which runtimes and control planes may load the bundle"),
    ("made_of.policy.**", "policy", "a policy that the bundle is made of"),
    ("made_of.layer.**", "policy", "a layer that the bundle is made of"),
    ("made_of.profile.**", "latency", "the profile that the bundle is made of"),
    ("made_of.**", "wire", "a source that the bundle is made of"),
    ("assets.**", "quality", "what a file says that nodes load"),
    ("execution_profile", "latency", "the profile that defaults come from"),
    ("recording.**", "policy", "what is kept of a turn, and how it may be replayed"),
    ("unknown_events", "wire", "what happens to events that nobody knows"),
    ("allowed_adaptive_actions", "policy", "what a runtime may do by itself when a provider fails"),
    ("node_provider_bindings.**", "quality", "which provider serves"),
    ("switches.**", "policy", "which conditional edges leave an output"),
    # Budgets and proofs.
    ("budgets.turn_budget_ms", "latency", "the most time from the end of the turn to the first output"),
    ("budgets.path_budget_ms", "latency", "the most time from the end of speech to the first output"),
    ("budgets.provider_timeout_ms", "latency", "the longest wait for a provider"),
    ("budgets.cancel_grace_ms", "latency", "how long a node may go on after the caller interrupts"),
    ("budgets.*", "latency", "the time that one step may take"),
    ("analysis.latency.**", "latency", "a proved time"),
    ("analysis.cancel_ms", "latency", "how long the caller still hears the answer after interrupting"),
    ("analysis.queue_bytes", "cost", "the most memory that queues of a session take"),
    ("analysis.coverage.*", "wire", "how many edges have checked types"),
    ("analysis.programs", "policy", "how many programs the conditions can make"),
    # Queues.
    ("flow_control.**", "latency", "how a lane is held back when it is full"),
    ("default_buffer.**", "latency", "the queue that serves where none is said"),
    ("streaming_handoff.**", "latency", "when text is handed to the voice"),
    # Turns.
    ("turns.owner", "latency", "who decides that the caller has finished"),
    ("turns.*.*.min_speech_ms", "latency", "how much speech interrupts the answer"),
    ("turns.**", "policy", "what interrupts the answer"),
    # Nodes.
    ("nodes.*.(name)", "wire", "the name by which layers, policies and turn plans know a node"),
    ("nodes.*.node_type", "quality", "what a node is"),
    ("nodes.*.provider", "quality", "which provider serves"),
    ("nodes.*.modality", "quality", "which kind of provider serves"),
    ("nodes.*.impl_ref", "quality", "which code runs"),
    ("nodes.*.digest", "quality", "which code runs"),
    ("nodes.*.state", "quality", "what a node remembers"),
    ("nodes.*.role", "wire", "where a node stands"),
    ("nodes.*.inputs.*", "wire", "what an input accepts"),
    ("nodes.*.outputs.*", "wire", "what an output gives"),
    ("nodes.*.scope", "latency", "whether a node lives for the call or for a turn"),
    ("nodes.*.budget_ms", "latency", "the most time of a node"),
    ("nodes.*.timeout_ms", "latency", "when a node counts as failed"),
    ("nodes.*.lifecycle.*", "latency", "how long a node may take to start and to stop"),
    ("nodes.*.cancel.**", "latency", "how a node stops when the caller interrupts"),
    ("nodes.*.turn_cancel", "latency", "what a cancel of the turn does to a node of the session"),
    ("nodes.*.execution_mode", "cost", "where a node runs"),
    ("nodes.*.resource_limits.*", "cost", "what a node may use"),
    ("nodes.*.trust_level", "policy", "how far a node's code is trusted"),
    ("nodes.*.sbom_ref", "policy", "where the bill of materials is"),
    ("nodes.*.attestation_ref", "policy", "where the proof of origin is"),
    ("nodes.*.fallback.**", "policy", "what takes over when a node fails"),
    ("nodes.*.branches.**", "policy", "which way events go"),
    ("nodes.*.config.codec", "wire", "the codec at the edge of the pipeline"),
    ("nodes.*.config.rate_hz", "wire", "the sample rate"),
    ("nodes.*.config.channels", "wire", "the number of channels"),
    ("nodes.*.config.silence_ms", "latency", "how long the caller must be silent before the answer begins"),
    ("nodes.*.config.max_turn_ms", "latency", "how long the caller may speak before the answer begins anyway"),
    ("nodes.*.config.max_partial_age_ms", "latency", "how long text may wait before it is spoken"),
    ("nodes.*.config.*_ms", "latency", "a waiting time"),
    ("nodes.*.config.min_partial_chars", "latency", "how much text is gathered before it is spoken"),
    ("nodes.*.config.trigger_on_punctuation", "latency", "whether a sentence is spoken as soon as it ends"),
    ("nodes.*.config.max_pending_*", "latency", "how much text may wait to be spoken"),
    ("nodes.*.config.coalesce_latest_only", "latency", "whether older text gives way to newer"),
    ("nodes.*.config.emit_flow_control_signals", "latency", "whether a full queue is signalled"),
    ("nodes.*.config.degrade_on_threshold_breach", "latency", "whether pieces get shorter under load"),
    ("nodes.*.config.max_context_turns", "cost", "how much of the conversation the model is sent"),
    ("nodes.*.config.max_output_tokens", "cost", "how long an answer may be"),
    ("nodes.*.config.record_audio", "policy", "whether audio is kept"),
    ("nodes.*.config.api_key", "policy", "which key opens the provider"),
    ("nodes.*.config.system_prompt", "quality", "the standing instructions of the model"),
    ("nodes.*.config.voice", "quality", "the voice that the caller hears"),
    ("nodes.*.config.model", "quality", "the model"),
    ("nodes.*.config.language", "quality", "the language"),
    ("nodes.*.config.tools", "quality", "what the model can do"),
    ("nodes.*.config.**", "quality"),
    # Edges.
    ("edges.*.type", "wire", "what passes an edge"),
    ("edges.*.passes", "wire", "what passes an edge"),
    ("edges.*.filtered", "wire", "what an edge leaves out"),
    ("edges.*.lane", "wire", "which lane an edge runs on"),
    ("edges.*.from", "wire", "where an edge begins"),
    ("edges.*.to", "wire", "where an edge ends"),
    ("edges.*.delivery", "wire", "whether events keep their order"),
    ("edges.*.at_most_once", "wire", "whether an event may arrive twice"),
    ("edges.*.pre_roll_ms", "latency", "how much is kept from before the turn opened"),
    ("edges.*.buffer.strategy", "latency", "what happens when a queue is full"),
    ("edges.*.buffer.max_queue_ms", "latency", "how long something may wait in a queue"),
    ("edges.*.buffer.max_latency_contribution_ms", "latency", "how much a queue may delay"),
    ("edges.*.buffer.**", "latency", "the bounds of a queue"),
    ("edges.*.**", "policy", "which events pass an edge"),
    # Rules and layers.
    ("rules.provider.(order)", "policy", "which rule is tried first"),
    ("rules.provider.*.use", "quality", "which providers serve, in order"),
    ("rules.provider.*.nodes", "quality", "which nodes a rule serves"),
    ("rules.provider.*.cost_cap.**", "cost", "how much a turn may cost"),
    ("rules.provider.*.retry.**", "policy", "how often a provider is asked again"),
    ("rules.provider.*.circuit_breaker.**", "policy", "when a provider is given up"),
    ("rules.provider.*.when", "policy", "when a rule holds"),
    ("rules.**", "policy", "a rule"),
    ("layers.**", "policy", "a layer that applies by condition"),
)


def row_of(path: tuple[str, ...]) -> Row | None:
    """The row that decides about a leaf; None where no row does, which a test keeps from happening."""
    path = _as_of_the_graph(path)
    return next((row for steps, row in _BY_SECTION.get(path[0], ()) if _fits(steps, path)), None)


def _as_of_the_graph(path: tuple[str, ...]) -> tuple[str, ...]:
    match path:
        case ("rules", "insert", rule, "node", *rest):
            return ("nodes", rule, *rest) if rest else path
        case ("rules", "insert", rule, "into" | "out_of", *rest):
            return ("edges", rule, *rest) if rest else path
    return path


def _fits(pattern: tuple[str, ...], path: tuple[str, ...]) -> bool:
    if pattern[-1] == "**":
        return len(path) >= len(pattern) - 1 and _fits(pattern[:-1], path[: len(pattern) - 1])
    return len(pattern) == len(path) and all(
        one == "*" or one == step or ("*" in one and fnmatchcase(step, one))
        for one, step in zip(pattern, path, strict=True)
    )


def _by_section() -> dict[str, list[tuple[tuple[str, ...], Row]]]:
    found: dict[str, list[tuple[tuple[str, ...], Row]]] = {}
    for row in TABLE:
        steps = tuple(row.pattern.split("."))
        found.setdefault(steps[0], []).append((steps, row))
    return found


_BY_SECTION = _by_section()

_UNITS = (
    ("_ms", "ms"),
    ("_us", "µs"),
    ("_hz", "Hz"),
    ("_bytes", "bytes"),
    ("_milli", "‰"),
    ("_items", "items"),
    ("_micro_usd", "millionths of a US dollar"),
    ("_tokens", "tokens"),
    ("_chars", "characters"),
    ("_turns", "turns"),
)


def unit_of(path: tuple[str, ...]) -> str:
    """The unit of a number at a path; empty where it has none."""
    names = [*reversed(path)]
    if names[0] in ("high", "low"):  # watermarks have the unit of what they mark
        names = ["_ms" if name == "queue_ms" else "_items" for name in names[1:2]]
    if names[0] == "cpu_milli":
        return "thousandths of a core"
    return next((unit for ending, unit in _UNITS if names[0].endswith(ending)), "")
