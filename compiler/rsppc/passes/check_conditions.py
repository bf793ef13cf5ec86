"""Check conditions: those of rules and layers before types are solved, those of edges and branches afterwards.

Conditions are CEL. The names that they may speak of are declared here from what is known: the fields of the event that
passes, the session, the turn, the tenant, the pressure, the providers. Of the conditional edges of one output at most
one may hold, and somebody must say what becomes of the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rsppc.base.record import replace
from rsppc.base.source import Span
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Edit, Fix, Related
from rsppc.ir.ports import solver_input
from rsppc.ir.program import CancelPlace, Condition, Edge, Layer, Node, Policy, Program
from rsppc.ir.setting import place_of
from rsppc.ir.types import PortType, Values
from rsppc.passes.base import Pass, facts

if TYPE_CHECKING:
    from rsppc.conditions import Environment


class BadCondition(Diagnostic):
    """A condition is checked when the pipeline is built, so that it cannot fail in the middle of a call: every name
    must be known, every comparison must make sense, and its cost is bounded."""

    code = "RSP6001"
    name = "bad-condition"
    headline = "{problem}"
    hint = "{advice}"
    problem: str
    kind: str
    advice: str


class AlwaysTrue(Diagnostic):
    """A condition that holds whatever happens decides nothing; most often it says something else than was meant."""

    code = "RSP6002"
    name = "always-true"
    severity = "warning"
    headline = "this condition always holds"
    hint = "remove it, or correct it"


class NeverTrue(Diagnostic):
    """A condition that never holds makes what stands behind it dead; most often it says something else than was
    meant."""

    code = "RSP6003"
    name = "never-true"
    severity = "warning"
    headline = "this condition never holds"
    hint = "remove what it guards, or correct it"


class UndecidedCondition(Diagnostic):
    """Whether a condition always or never holds is decided for comparisons of one value with literals, and shown by
    trial for many others. Of this one it is not known, so that nobody but its author can tell that it is right."""

    code = "RSP6004"
    name = "undecided-condition"
    severity = "note"
    headline = "it is not decided whether this condition can hold and can fail"
    hint = "nothing, if it says what you mean; comparisons of one value with literals are decided"


class OverlappingConditions(Diagnostic):
    """An event takes one way. Where two conditions can hold at once, an order must say which one is taken."""

    code = "RSP6011"
    name = "overlapping-conditions"
    headline = "two edges out of `{subject}` {certainty} both take an event{example}"
    hint = "let the conditions exclude each other, or give the edges different `priority` numbers"
    certainty: str
    example: str


class NoOtherwise(Diagnostic):
    """An event for which no condition holds must go somewhere, or be dropped on purpose."""

    code = "RSP6012"
    name = "no-otherwise"
    headline = "nothing says what becomes of an event at `{subject}` for which no condition holds{example}"
    hint = "add an edge with `otherwise: true`, or write `otherwise: drop` on one of the conditional ones"
    example: str


class MisplacedOtherwise(Diagnostic):
    """`otherwise` speaks of events for which the conditions of its siblings do not hold."""

    code = "RSP6013"
    name = "misplaced-otherwise"
    headline = "{problem}"
    hint = "{advice}"
    problem: str
    advice: str


class MisplacedPriority(Diagnostic):
    """`priority` says which of several conditions is tried first; without a condition it decides nothing."""

    code = "RSP6014"
    name = "misplaced-priority"
    headline = "edge `{subject}` has a `priority`, but no condition"
    hint = "remove it, or add a `when`"


class NoConfidence(Diagnostic):
    """Where a recogniser reports no confidence, events carry 1000, and a condition on it lets everything through."""

    code = "RSP6021"
    name = "no-confidence"
    severity = "warning"
    headline = "it is not known whether `{provider}`, which can serve `{subject}`, reports a confidence"
    hint = (
        "events without one carry `confidence_milli` 1000; state `confidence: true` or `false` in the provider's entry"
    )
    provider: str


def run_rules(program: Program, sink: DiagnosticSink) -> Program:
    """Check the conditions of rules and layers, as far as there are any."""
    if not any(layer.when for layer in program.layers) and not any(map(_has_conditions, program.policies)):
        return program
    from rsppc.conditions import rule_environment  # loads the CEL library, which most specs do not need

    environment = rule_environment(sorted(program.catalog.providers))

    def checked(condition: Condition) -> Condition:
        return _checked(condition, environment, sink)

    layers = tuple(_checked_layer(layer, checked) for layer in program.layers)
    policies = tuple(_checked_policy(policy, checked) for policy in program.policies)
    return replace(program, layers=layers, policies=policies)


def _has_conditions(policy: Policy) -> bool:
    return (
        bool(policy.degrade_rules)
        or any(rule.when for rule in policy.provider_rules)
        or any(rule.when for rule in policy.insert_rules)
    )


def _checked_layer(layer: Layer, checked: Any) -> Layer:
    return layer if layer.when is None else replace(layer, when=checked(layer.when))


def _checked_policy(policy: Policy, checked: Any) -> Policy:
    def of(rules: Iterable[Any]) -> tuple[Any, ...]:
        return tuple(rule if rule.when is None else replace(rule, when=checked(rule.when)) for rule in rules)

    return replace(
        policy,
        provider_rules=of(policy.provider_rules),
        degrade_rules=of(policy.degrade_rules),
        insert_rules=of(policy.insert_rules),
    )


def run(program: Program, sink: DiagnosticSink) -> Program:
    """Check the conditions of edges, of branches and of cancel places."""
    _check_otherwise(program, sink)
    selects = [node for node in program.nodes.values() if _branches(node)]
    conditional = [edge for edge in program.edges if edge.when is not None]
    cancels = [cancel for cancel in program.turns.cancels if cancel.when is not None]
    if not conditional and not selects and not cancels:
        return program
    edges = tuple(_checked_edge(edge, program, sink) for edge in program.edges)
    program = replace(
        program,
        edges=edges,
        selects={node.id: _checked_branches(node, program, sink) for node in selects},
        turns=replace(program.turns, cancels=tuple(_checked_cancel(cancel, sink) for cancel in program.turns.cancels)),
    )
    return replace(program, switches=_switches(program, sink))


def _checked(condition: Condition, environment: Environment, sink: DiagnosticSink) -> Condition:
    """The condition with what checking made of it; reported where it is refused."""
    from rsppc.conditions import always, check, holds_and_fails

    made = check(condition.text, environment)
    if isinstance(made, tuple):
        for complaint in made:
            at = condition.place.within(complaint.start, complaint.end)
            problem, meant = complaint.message.removesuffix("."), complaint.suggestion
            fixes: tuple[Fix, ...] = ()
            if meant is not None:
                fixes = (Fix(title=f"write `{meant}`", edits=(_edit(condition, at, meant),)),)
            advice = f"write `{meant}`" if meant is not None and f"`{meant}`" not in problem else ""
            sink.report(BadCondition(at=at, problem=problem, kind=complaint.kind, advice=advice, fixes=fixes))
        return condition
    match always(made):
        case "always":
            sink.report(AlwaysTrue(at=condition.place.span()))
        case "never":
            sink.report(NeverTrue(at=condition.place.span()))
        case "undecided" if not holds_and_fails(made):
            sink.report(UndecidedCondition(at=condition.place.span()))
    return replace(condition, checked=made)


_NEEDS_QUOTES = re.compile(r"""^[\s"'&*!|>%@`\[\]{},#?:-]|: |:$| #|[\[\]{},]""")


def _edit(condition: Condition, at: Span, meant: str) -> Edit:
    """Put another text at a place of a condition, in the quotes that its file needs."""
    whole = condition.place.span()
    written = whole.text
    if whole.source.path.endswith(".rspp") or written[:1] in ("|", ">"):
        return Edit(at=at, text=meant)
    if written[:1] == "'":
        return Edit(at=at, text=meant.replace("'", "''"))
    if written[:1] == '"':
        return Edit(at=at, text=meant.replace("\\", "\\\\").replace('"', '\\"'))
    changed = written[: at.start - whole.start] + meant + written[at.end - whole.start :]
    if _NEEDS_QUOTES.search(changed) is None:
        return Edit(at=at, text=meant)
    return Edit(at=whole, text="'" + changed.replace("'", "''") + "'")


def _checked_edge(edge: Edge, program: Program, sink: DiagnosticSink) -> Edge:
    if edge.when is None:
        return edge
    when = _checked(edge.when, environment_at(edge.source.node, edge.source.port, program), sink)
    if when.checked is not None and "event.confidence_milli" in when.checked.names:
        _check_confidence(edge, program, sink)
    return replace(edge, when=when)


def environment_at(node_id: str, port: str | None, program: Program) -> Environment:
    """What a condition at an output or a select input may speak of."""
    from rsppc.conditions import AUDIO_EVENT_FIELDS, TEXT_EVENT_FIELDS, edge_environment, event_fields_of_schema

    types = program.solution.types.get(node_id, {}) if program.solution is not None else {}
    port_type: PortType | None = types.get(port or "")
    product = port_type.alternatives[0] if port_type is not None else None
    match product.kind if product is not None else "":
        case "text":
            return edge_environment(TEXT_EVENT_FIELDS)
        case "audio":
            return edge_environment(AUDIO_EVENT_FIELDS)
        case "record":
            assert product is not None
            schema_id = product.terms[0].values[0] if product.terms and isinstance(product.terms[0], Values) else ""
            return edge_environment(event_fields_of_schema(program.catalog.records.get(str(schema_id), {})))
        case _:
            return edge_environment({})


def _check_confidence(edge: Edge, program: Program, sink: DiagnosticSink) -> None:
    assert edge.when is not None
    recogniser = _recogniser_before(edge.source.node, program)
    for provider in program.providers.get(recogniser, ()):
        if not provider.confidence:
            related = (Related(at=provider.place.span(), text="the provider's entry"),)
            at = edge.when.place.span()
            sink.report(NoConfidence(at=at, subject=recogniser, provider=provider.id, related=related))


def _recogniser_before(node_id: str, program: Program) -> str:
    """The node with a provider from which text comes to a node, through nodes that only pass it on."""
    feeding = {edge.target.node: edge.source.node for edge in program.edges if not edge.feedback}
    seen = {node_id}
    while node_id not in program.providers and feeding.get(node_id, node_id) not in seen:
        node_id = feeding[node_id]
        seen.add(node_id)
    return node_id


def _branches(node: Node) -> list[Any]:
    """Branches of a select: entries of its config with a port and a condition."""
    if node.type is None or node.type.template is not None or "branches" not in node.config:
        return []
    branches = node.config["branches"].value
    return (
        [one for one in branches if isinstance(one, dict) and one.keys() >= {"port", "when"}]
        if isinstance(branches, list)
        else []
    )


def _checked_branches(node: Node, program: Program, sink: DiagnosticSink) -> tuple[tuple[str, Condition], ...]:
    return tuple(
        (
            one["port"],
            _checked(
                Condition(text=one["when"], place=one.item("when")),
                environment_at(node.id, solver_input(one["port"]), program),
                sink,
            ),
        )
        for one in _branches(node)
        if isinstance(one["when"], str)
    )


def _checked_cancel(cancel: CancelPlace, sink: DiagnosticSink) -> CancelPlace:
    if cancel.when is None:
        return cancel
    from rsppc.conditions import edge_environment

    return replace(cancel, when=_checked(cancel.when, edge_environment({}), sink))


def _switches(program: Program, sink: DiagnosticSink) -> dict[str, tuple[str, ...]]:
    """Per output with conditional edges the order in which they are tried."""
    by_output: dict[str, list[Edge]] = {}
    for edge in program.edges:
        if edge.when is not None or edge.otherwise is True:
            by_output.setdefault(str(edge.source), []).append(edge)
    switches: dict[str, tuple[str, ...]] = {}
    for output, edges in sorted(by_output.items()):
        conditional = sorted(
            (edge for edge in edges if edge.when is not None), key=lambda one: (-(one.priority or 0), one.id)
        )
        if not conditional:
            continue
        rest = [edge for edge in edges if edge.when is None]
        _check_overlap(output, conditional, sink)
        _check_coverage(output, conditional, rest, sink)
        switches[output] = tuple(edge.id for edge in (*conditional, *rest))
    return switches


def _check_overlap(output: str, edges: list[Edge], sink: DiagnosticSink) -> None:
    from rsppc.conditions import exclusive, witness

    for index, edge in enumerate(edges):
        for other in edges[index + 1 :]:
            if edge.priority is not None and other.priority is not None and edge.priority != other.priority:
                continue
            assert edge.when is not None and other.when is not None
            first, second = edge.when.checked, other.when.checked
            if first is None or second is None:
                continue
            verdict = exclusive(first, second)
            if verdict == "exclusive":
                continue
            example = witness([first, second]) if verdict == "overlap" else None
            sink.report(
                OverlappingConditions(
                    at=other.when.place.span(),
                    subject=output,
                    certainty="can" if verdict == "overlap" else "might",
                    example=f", as with {example}" if example else "",
                    related=(Related(at=edge.when.place.span(), text="the other condition"),),
                )
            )


def _check_coverage(output: str, conditional: list[Edge], rest: list[Edge], sink: DiagnosticSink) -> None:
    from rsppc.conditions import covers, witness

    if len(rest) > 1:
        related = (Related(at=rest[0].source.place.span(), text="the first one is here"),)
        sink.report(
            MisplacedOtherwise(
                at=rest[1].source.place.span(),
                subject=output,
                problem=f"two edges out of `{output}` say `otherwise: true`",
                advice="keep one of them",
                related=related,
            )
        )
    dropping = [edge for edge in conditional if edge.otherwise == "drop"]
    if rest:
        _report_contradictions(output, dropping, rest[0], sink)
        return
    if dropping:  # the edges are one switch, and one of them speaks for it
        return
    conditions = [edge.when.checked for edge in conditional if edge.when is not None]
    if any(one is None for one in conditions) or covers(conditions) == "covers":
        return
    example = witness([], conditions)
    at = conditional[0].when.place.span() if conditional[0].when is not None else conditional[0].source.place.span()
    sink.report(NoOtherwise(at=at, subject=output, example=f", as with {example}" if example else ""))


def _report_contradictions(output: str, dropping: list[Edge], rest: Edge, sink: DiagnosticSink) -> None:
    """Edges that drop the events that another edge takes."""
    related = (Related(at=rest.source.place.span(), text="this edge takes the rest"),)
    for edge in dropping:
        sink.report(
            MisplacedOtherwise(
                at=_place_of("otherwise", edge),
                subject=output,
                problem=f"what `otherwise: drop` drops, the edge into `{rest.target}` takes",
                advice="remove `otherwise: drop`, or the edge with `otherwise: true`",
                related=related,
            )
        )


def _check_otherwise(program: Program, sink: DiagnosticSink) -> None:
    """`otherwise` and `priority` where they mean nothing."""
    conditional = {str(edge.source) for edge in program.edges if edge.when is not None}
    for edge in program.edges:
        problem = None
        if edge.priority is not None and edge.when is None:
            sink.report(MisplacedPriority(at=_place_of("priority", edge), subject=edge.id))
        if edge.otherwise is True and edge.when is not None:
            problem, advice = "an edge has a condition or is the way for the rest, not both", "remove one of the two"
        elif edge.otherwise is True and str(edge.source) not in conditional:
            problem = f"`otherwise` has nothing to speak of: no edge out of `{edge.source}` has a condition"
            advice = "remove it, or give another edge a `when`"
        elif edge.otherwise == "drop" and edge.when is None:
            problem, advice = "`otherwise: drop` belongs to an edge with a condition", "remove it, or add a `when`"
        if problem is not None:
            sink.report(
                MisplacedOtherwise(at=_place_of("otherwise", edge), subject=edge.id, problem=problem, advice=advice)
            )


def _place_of(key: str, edge: Edge) -> Span:
    """Where an edge says something, else where it begins."""
    setting = edge.settings.get(key)
    return edge.source.place.span() if setting is None else place_of(setting)


RULES = Pass(
    name="check_rule_conditions", run=run_rules, needs=facts("node types known"), gives=facts("rule conditions checked")
)
PASS = Pass(
    name="check_conditions",
    run=run,
    needs=facts("types known", "rule conditions checked"),
    gives=facts("conditions checked"),
)
