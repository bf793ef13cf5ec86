"""Say that types disagree: between which declarations, in what, who set the values, and what would repair it."""

from __future__ import annotations

from itertools import pairwise

from rsppc.diagnostics import Diagnostic, DiagnosticSink, Fix, NodeToInsert, Related, Side
from rsppc.ir.catalog import Port
from rsppc.ir.network import Conflict, Network, Step
from rsppc.ir.ports import inputs_of, is_input, outputs_of, shown_port
from rsppc.ir.program import Edge, Program
from rsppc.ir.setting import Computed, FromNodeType, Inferred, Setting
from rsppc.ir.types import ATTRIBUTES, ConfigField, ConverterStep, PortType, converters, meet


class EdgeFormat(Diagnostic):
    """A recogniser that expects 16 kHz and hears 8 kHz does not fail: it mishears. Formats must agree at both ends of
    an edge, or a converter must stand between."""

    code = "RSP3104"
    name = "edge-format"
    headline = "{parties} do not share {what}"
    hint = "{advice}"
    parties: str
    what: str
    advice: str


class EdgeKind(Diagnostic):
    """Audio cannot be read and text cannot be played: the kinds of both ends must agree."""

    code = "RSP3106"
    name = "edge-kind"
    headline = "{parties} carry different kinds of events"
    hint = "connect ports of one kind, or put a node between that makes one from the other"
    parties: str


class LostMode(Diagnostic):
    """Partial text may be left out, since a final one follows. Final text, deltas and segments are all there is; an
    edge that drops them would silently lose words."""

    code = "RSP3107"
    name = "lost-mode"
    headline = "edge `{subject}` would lose `{lost}` text"
    hint = "{advice}"
    lost: str
    advice: str


class NothingPasses(Diagnostic):
    """An edge on which nothing that is emitted is understood carries nothing."""

    code = "RSP3108"
    name = "nothing-passes"
    headline = "nothing that `{source}` emits is understood by `{target}`"
    hint = "connect other ports, or put a node between"
    source: str
    target: str


class RecordDiffers(Diagnostic):
    """Records are named by their schema; another schema is another record."""

    code = "RSP3109"
    name = "record-differs"
    headline = "{parties} carry different records"
    hint = "connect ports of one record, or put a node between that makes one from the other"
    parties: str


_ATTRIBUTE_WORDS = {
    "codec": "an audio format",
    "rate_hz": "an audio format",
    "channels": "an audio format",
    "frame_ms": "an audio format",
    "lang": "a language",
}


def report_conflict(
    conflict: Conflict, program: Program, network: Network, under: tuple[str, ...], sink: DiagnosticSink
) -> None:
    """Report one conflict; `network` is what was solved, `under` the choices under which it holds, empty for always."""
    chain = conflict.chain
    first, last = chain[0], chain[-1]
    edges = _edges_of(chain, program)
    at = edges[0].source.place.span() if edges else program.nodes[first.node].place.span()
    until = edges[-1].target.place.span() if edges else at
    sides = (Side(role="produces", at=at, type=first.type), Side(role="accepts", at=until, type=last.type))
    parties = f"`{_port(first)}` and `{_port(last)}`"
    subject = edges[0].id if edges else _port(first)
    notes = tuple(_notes(conflict, program, under))
    related = tuple(_related(chain, program))
    match conflict.kind:
        case "kind":
            sink.report(EdgeKind(at=at, subject=subject, parties=parties, sides=sides, notes=notes, related=related))
        case "record":
            sink.report(
                RecordDiffers(at=at, subject=subject, parties=parties, sides=sides, notes=notes, related=related)
            )
        case "lost-mode":
            lost = ", ".join(str(one) for one in conflict.lost)
            advice = (
                "put a `text.segmenter` between, which makes segments of deltas"
                if "delta" in lost
                else (f"connect an input that understands `{lost}`")
            )
            sink.report(
                LostMode(at=at, subject=subject, lost=lost, advice=advice, sides=sides, notes=notes, related=related)
            )
        case "modes" | "signals":
            sink.report(
                NothingPasses(
                    at=at,
                    subject=subject,
                    source=_port(first),
                    target=_port(last),
                    sides=sides,
                    notes=notes,
                    related=related,
                )
            )
        case _:
            chain_of_nodes = _converter_chain(conflict, program, network)
            _report_format(conflict, program, chain_of_nodes, parties, subject, sides, notes, related, edges, sink)


def _report_format(
    conflict: Conflict,
    program: Program,
    chain: tuple[ConverterStep, ...] | None,
    parties: str,
    subject: str,
    sides: tuple[Side, ...],
    notes: tuple[str, ...],
    related: tuple[Related, ...],
    edges: list[Edge],
    sink: DiagnosticSink,
) -> None:
    what = _ATTRIBUTE_WORDS.get(conflict.differs[0], "a type") if conflict.differs else "a type"
    fixes: tuple[Fix, ...] = ()
    advice = "let both ends agree"
    if chain and edges:
        cost = _cost_ms(chain, program)
        names = " and ".join(f"`{step.node_type}` ({step.field} {step.value})" for step in chain)
        edge_budget = program.defaults.budgets.get("edge_budget_ms")
        budget = f" of {edge_budget.value} ms edge budget" if edge_budget is not None else ""
        cost_text = f", +{cost} ms{budget}" if cost is not None else ""
        where = "on this edge" if len(edges) == 1 else f"on `{edges[0].id}`"
        advice = f"insert {names} {where}{cost_text}"
        inserts = _nodes_to_insert(chain, edges[0], program)
        fixes = (Fix(title=advice, inserts=inserts, edge=edges[0].source.place),)
    sink.report(
        EdgeFormat(
            at=sides[0].at,
            subject=subject,
            parties=parties,
            what=what,
            advice=advice if not fixes else "",
            sides=sides,
            notes=notes,
            related=related,
            fixes=fixes,
        )
    )


_MADE = {"audio.resample": "resampled", "audio.transcode": "transcoded", "audio.mixdown": "mixed"}


def _nodes_to_insert(chain: tuple[ConverterStep, ...], edge: Edge, program: Program) -> tuple[NodeToInsert, ...]:
    """The converters as nodes, under names that are free."""
    found: list[NodeToInsert] = []
    taken = set(program.nodes)
    for step in chain:
        base = f"{edge.source.node.rsplit('/', 1)[-1]}_{_MADE.get(step.node_type, 'converted')}"
        name = next(name for name in (base, *(f"{base}_{number}" for number in range(2, 1000))) if name not in taken)
        taken.add(name)
        found.append(NodeToInsert(node_id=name, node_type=step.node_type, field=step.field, value=step.value))
    return tuple(found)


def _port(step: Step) -> str:
    return f"{step.node}.{shown_port(step.port)}"


def _declared(step: Step, program: Program) -> Port | None:
    """The port that a step of a chain speaks of."""
    node = program.nodes.get(step.node)
    if node is None:
        return None
    return inputs_of(node).get(shown_port(step.port)) if is_input(step.port) else outputs_of(node).get(step.port)


def _edges_of(chain: tuple[Step, ...], program: Program) -> list[Edge]:
    """The edges along a chain, in its order."""
    by_ends = {(str(edge.source), str(edge.target)): edge for edge in program.edges}
    found = []
    for step, following in pairwise(chain):
        ends = (_port(step), _port(following))
        edge = by_ends.get(ends) or by_ends.get((ends[1], ends[0]))
        if edge is not None:
            found.append(edge)
    return found


def _notes(conflict: Conflict, program: Program, under: tuple[str, ...]) -> list[str]:
    notes = []
    if under:
        notes.append(f"this happens with {' and '.join(under)}")
    if conflict.differs and conflict.kind in ("attribute", "variable"):
        agrees = [one for one in conflict.agrees if one not in ("frame_ms", "lang")]
        agreeing = f"; {_listed(agrees)} agree{'s' if len(agrees) == 1 else ''}" if agrees else ""
        notes.append(f"differs in {_listed(conflict.differs)}{agreeing}")
    for step in (conflict.chain[0], conflict.chain[-1]):
        notes.extend(_who_set(step, conflict.differs, program))
    return notes


def _listed(words: tuple[str, ...] | list[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else list(words))


def _who_set(step: Step, differs: tuple[str, ...], program: Program) -> list[str]:
    """Where the values of differing attributes were written, for those that come from config."""
    node = program.nodes.get(step.node)
    if node is None or node.type is None:
        return []
    port = _declared(step, program)
    if port is None:
        return []
    notes = []
    for attribute in differs:
        field = _field_of(port.type, attribute)
        setting = node.config.get(field) if field is not None else None
        if setting is not None:
            notes.append(f"{attribute} {setting.value} of `{node.id}` set in {_where(setting)}")
    return notes


def _field_of(port_type: PortType, attribute: str) -> str | None:
    """The config field that an attribute of a declared type reads."""
    for one in port_type.alternatives:
        for name, term in zip(ATTRIBUTES.get(one.kind, ()), one.terms, strict=False):
            if name == attribute and isinstance(term, ConfigField):
                return term.name
    return None


def _where(setting: Setting) -> str:
    text = _place_text(setting)
    if setting.overridden:
        beaten = setting.overridden[0]
        return f"{text}, overriding {beaten.value} from {_place_text(beaten)}"
    return text


def _place_text(setting: Setting) -> str:
    match setting.origin:
        case FromNodeType(ref=ref, node_type=node_type):
            return f"{ref} as the default of `{node_type}`"
        case Inferred() | Computed():
            return "the compiler"
        case origin:
            return str(origin.span())


def _related(chain: tuple[Step, ...], program: Program) -> list[Related]:
    """The declarations between the two that disagree."""
    found: list[Related] = []
    for step in chain[1:-1]:
        node = program.nodes.get(step.node)
        if node is not None:
            found.append(Related(at=node.place.span(), text=f"through `{_port(step)}`: {step.type}"))
    return found


def _converter_chain(conflict: Conflict, program: Program, network: Network) -> tuple[ConverterStep, ...] | None:
    """Converters that make what the first end produces acceptable to the last; None where there are none."""
    first, last = (_solved_type(step, network) for step in (conflict.chain[0], conflict.chain[-1]))
    if first is None or last is None or meet(first, last) is not None:
        return None
    produced = first.alternatives[0]
    if produced.kind != "audio":
        return None
    chain = converters(produced, last)
    if chain is None or any(step.node_type not in program.catalog.node_types for step in chain):
        return None
    return chain


def _solved_type(step: Step, network: Network) -> PortType | None:
    """The type with which a port went into the solver: config filled in, narrowed by its provider."""
    for node in network.nodes:
        if node.id == step.node:
            return next((port.type for port in node.template.ports if port.name == step.port), None)
    return None


def _cost_ms(chain: tuple[ConverterStep, ...], program: Program) -> int | None:
    """p95 of the converters in a row; None where a figure is not known. Converters of a fix run without a queue."""
    total = 0
    for step in chain:
        latency = program.catalog.node_types[step.node_type].latency.get("*")
        if latency is None or latency.p95_ms is None:
            return None
        total += latency.p95_ms
    return total
