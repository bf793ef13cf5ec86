"""Types: solve the whole graph, for every program that rules and layers can make of it.

The base program, in which no condition holds, is solved first; its solution is what the artifacts show. Then every
choice that can change a type is tried: providers, inserted nodes, patched settings. Choices in parts of the graph that
share no type are tried apart, and combinations whose conditions exclude each other do not occur. Findings that are
equal in several programs are reported once and say where they hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import TYPE_CHECKING

from rsppc.base.record import Record, replace
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Related
from rsppc.ir.catalog import Provider
from rsppc.ir.inserts import Fitted, fitted_inserts
from rsppc.ir.network import (
    Conflict,
    Network,
    NetworkEdge,
    NetworkNode,
    Solution,
    Template,
    instantiate,
)
from rsppc.ir.network import Port as SolverPort
from rsppc.ir.ports import inputs_of, outputs_of, shown_port, solver_input, solver_template
from rsppc.ir.program import Choice, Condition, Edge, Node, Patch, Program, Proofs
from rsppc.ir.setting import FromNodeType, place_of, values
from rsppc.ir.solve import components, possible_types, solve
from rsppc.ir.types import Mismatch, PortType, config_fields, meet, mismatch, refine, with_languages
from rsppc.passes.apply_inserts import inserted_in_order
from rsppc.passes.apply_settings import apply_patches
from rsppc.passes.base import Pass, facts
from rsppc.passes.bind_providers import all_nodes, provider_options, speaking_of
from rsppc.passes.sound_fallbacks import edges_of_primaries
from rsppc.passes.type_conflicts import report_conflict

if TYPE_CHECKING:
    from rsppc.conditions.nodes import Tree

PROGRAMS_MAX = 4096
_JUDGED_MAX = 150_000
"""What may be spent on judging which choices can be made together: roughly one per condition that is looked at, and per
way in which conditions can hold. What is not judged is taken to be possible."""
_JUDGED_ONCE_MAX = 20_000
"""Where judging a single combination ends undecided at the latest."""
_STEPS_MAX = 1_000_000
"""Steps of counting, after which there are too many programs, however few of them turn out to be possible."""


class RefinementOutside(Diagnostic):
    """A provider narrows the ports of the nodes that it serves; it cannot offer what the node type does not have."""

    code = "RSP3301"
    name = "refinement-outside"
    headline = "provider `{subject}` states {refinement} for port `{port}`, outside {declared} of `{node_type}`"
    hint = "correct the provider's entry; {differs} must lie within the node type's"
    refinement: str
    port: str
    declared: str
    node_type: str
    differs: str


class LanguageNotServed(Diagnostic):
    """A recogniser that hears a language which it does not know writes down nonsense, in good faith."""

    code = "RSP3303"
    name = "language-not-served"
    headline = "provider `{subject}` does not serve the language{language} of node `{node}`"
    hint = "choose another provider, or set `language` of the node to one of {languages}"
    node: str
    language: str
    languages: str


class StatedTypeDiffers(Diagnostic):
    """A type that is stated for an edge must be one that its consumer takes."""

    code = "RSP3302"
    name = "stated-type-differs"
    headline = "edge `{subject}` states `{stated}`, but `{target}` takes `{accepted}`"
    hint = "correct the type, or remove it"
    stated: str
    target: str
    accepted: str


class UncheckedEdge(Diagnostic):
    """An edge whose end says nothing about its type cannot be checked. It counts against type coverage, and strict runs
    refuse it."""

    code = "RSP3401"
    name = "unchecked-edge"
    severity = "warning"
    headline = "edge `{subject}` is not checked: one of its ends is `unchecked`"
    hint = "declare the type of the port, or accept that nobody knows what passes here"


class TooManyPrograms(Diagnostic):
    """Every program that can result is checked, never a sample; beyond 4,096 that would take too long to be useful."""

    code = "RSP6401"
    name = "too-many-programs"
    headline = "rules and layers can make more than {most} different programs"
    hint = "split the policies, or let the conditions of these exclude each other: {subjects}"
    most: int
    subjects: str


def run(program: Program, sink: DiagnosticSink) -> Program:
    base = _Case(providers=_bound(program))
    network = build_network(program, base, sink)
    solution = solve(network)
    for conflict in solution.conflicts:
        report_conflict(conflict, program, network, (), sink)
    _report_unchecked(program, solution, sink)
    unchecked = sum(flow.unchecked for flow in solution.edges[: len(program.edges)])
    proofs = Proofs(edges=len(program.edges), edges_checked=len(program.edges) - unchecked, queue_bytes=0)
    program = replace(program, solution=solution, proofs=proofs)
    choices = _choices(program)
    return program if not choices else _check_variants(program, choices, solution.conflicts, sink)


def possible(program: Program) -> Mapping[str, Mapping[str, PortType]]:
    """What the ports of a part of a graph may be, as far as the part decides; problems are for `run` to report."""
    return possible_types(build_network(program, _Case(providers=_bound(program)), DiagnosticSink()))


class _Option(Record):
    """One way in which a choice can come out."""

    label: str
    holds: tuple[Condition, ...] = ()
    fails: tuple[Condition, ...] = ()
    provider: tuple[str, Provider] | None = None
    patches: tuple[Patch, ...] = ()
    insert: Fitted | None = None


class _ChoicePoint(Record):
    """Something that comes out one way or another when a turn opens; `nodes` are those whose types it can change."""

    kind: str
    subject: str
    options: tuple[_Option, ...]
    nodes: tuple[str, ...]


class _Case(Record):
    """The choices that make one program."""

    providers: dict[str, Provider]
    options: tuple[_Option, ...] = ()


def _bound(program: Program) -> dict[str, Provider]:
    """Per node the provider that serves where no condition holds."""
    catalog = program.catalog.providers
    return {
        node_id: provider
        for node_id, setting in program.bindings.items()
        if (provider := catalog.get(setting.value)) is not None
    }


def build_network(program: Program, case: _Case, sink: DiagnosticSink) -> Network:
    """The graph as the type solver wants it: fallbacks carry the edges of their primaries."""
    templates = {node.id: _template(node, case.providers.get(node.id), sink) for node in program.nodes.values()}
    for edge in program.edges:
        if edge.stated_type is not None and edge.stated_type.value in program.stated_types:
            _narrow_target(edge, program.stated_types[edge.stated_type.value], templates, sink)
    edges = [
        NetworkEdge(
            source_node=edge.source.node,
            source_port=edge.source.port or "",
            target_node=edge.target.node,
            target_port=solver_input(edge.target.port or ""),
        )
        for edge in program.edges
    ]
    edges.extend(_edges_of_fallbacks(program, templates))
    nodes = tuple(NetworkNode(id=node_id, template=template) for node_id, template in templates.items())
    return Network(nodes=nodes, edges=tuple(edges), order=program.order)


_EMPTY = Template(ports=())


def _template(node: Node, provider: Provider | None, sink: DiagnosticSink) -> Template:
    node_type = node.type
    if node_type is None:
        return _EMPTY
    template = node_type.template
    if template is None:
        template = solver_template(inputs_of(node), outputs_of(node))
    template = instantiate(template, values(node.config))
    return template if provider is None else _refined(template, node, provider, sink)


def _refined(template: Template, node: Node, provider: Provider, sink: DiagnosticSink) -> Template:
    """The ports as the provider narrows them."""
    ports: list[SolverPort] = []
    for port in template.ports:
        declared = port.type
        refinement = provider.refines.get(shown_port(port.name))
        if refinement is not None:
            refined = refine(declared, refinement[0])
            if isinstance(refined, Mismatch):
                _report_refinement(refined, node, provider, shown_port(port.name), sink)
            else:
                declared = refined
        if provider.languages is not None:
            tongued = with_languages(declared, provider.languages)
            if isinstance(tongued, Mismatch):
                _report_language(node, provider, sink)
            else:
                declared = tongued
        ports.append(port if declared is port.type else replace(port, type=declared))
    return Template(ports=tuple(ports))


def _report_language(node: Node, provider: Provider, sink: DiagnosticSink) -> None:
    setting = node.config.get("language")
    is_written = setting is not None and not isinstance(setting.origin, FromNodeType)
    sink.report(
        LanguageNotServed(
            at=place_of(setting) if setting is not None and is_written else node.place.span(),
            subject=provider.id,
            node=node.id,
            language=f" `{setting.value}`" if setting is not None else "",
            languages=", ".join(f"`{one}`" for one in (provider.languages or ())[:20]),
            related=(Related(at=provider.place.span(), text="the provider's entry"),),
        )
    )


def _report_refinement(found: Mismatch, node: Node, provider: Provider, port: str, sink: DiagnosticSink) -> None:
    assert node.type is not None
    place = provider.refines[port][1] if port in provider.refines else provider.place
    sink.report(
        RefinementOutside(
            at=place.span(),
            subject=provider.id,
            refinement=f"`{found.target}`",
            port=port,
            declared=f"`{found.source}`",
            node_type=node.type.name,
            differs=", ".join(found.differs),
        )
    )


def _narrow_target(edge: Edge, stated: PortType, templates: dict[str, Template], sink: DiagnosticSink) -> None:
    """Let the input that an edge feeds accept only the type that is stated for the edge."""
    assert edge.stated_type is not None
    template = templates[edge.target.node]
    for index, port in enumerate(template.ports):
        if port.name != solver_input(edge.target.port or ""):
            continue
        narrowed = meet(port.type, stated)
        if narrowed is None:
            found = mismatch(stated, port.type)
            if found is not None:
                sink.report(
                    StatedTypeDiffers(
                        at=place_of(edge.stated_type),
                        subject=edge.id,
                        stated=found.source,
                        target=str(edge.target),
                        accepted=found.target,
                    )
                )
            return
        ports = (*template.ports[:index], replace(port, type=narrowed), *template.ports[index + 1 :])
        templates[edge.target.node] = Template(ports=ports)


def _edges_of_fallbacks(program: Program, templates: dict[str, Template]) -> Iterator[NetworkEdge]:
    edges_of = edges_of_primaries(program)
    for node in program.nodes.values():
        fallback = node.fallback
        if fallback is None or fallback.to not in templates:
            continue
        offered = {port.name for port in templates[fallback.to].ports}
        for edge, takes in edges_of(node.id):
            port = solver_input(edge.target.port or "") if takes else edge.source.port
            if port not in offered:
                continue
            yield NetworkEdge(
                source_node=edge.source.node if takes else fallback.to,
                source_port=edge.source.port or "",
                target_node=fallback.to if takes else edge.target.node,
                target_port=solver_input(edge.target.port or ""),
            )


def _report_unchecked(program: Program, solution: Solution, sink: DiagnosticSink) -> None:
    for edge, flow in zip(program.edges, solution.edges, strict=False):
        if flow.unchecked:
            sink.report(UncheckedEdge(at=edge.source.place.span(), subject=edge.id))


# --- Every program that can result -----------------------------------------------------------------------------------


def _choices(program: Program) -> list[_ChoicePoint]:
    """The choices that can change a type."""
    return [*_provider_choices(program), *_layer_choices(program), *_rule_choices(program)]


def _provider_choices(program: Program) -> Iterator[_ChoicePoint]:
    speaking = speaking_of(program)
    for node in all_nodes(program):
        if len(program.providers.get(node.id, ())) < 2:
            continue
        options = tuple(
            _Option(
                label=f"{node.id} served by {one.provider.id}",
                holds=one.holds,
                fails=one.fails,
                provider=(node.id, one.provider),
            )
            for one in provider_options(node, program, speaking)
        )
        yield _ChoicePoint(kind="provider", subject=node.id, options=options, nodes=(node.id,))


def _layer_choices(program: Program) -> Iterator[_ChoicePoint]:
    """Per scope the strongest layer whose condition holds, or none."""
    for scope in ("environment", "tenant", "session"):
        layers = [layer for layer in program.layers if layer.scope == scope and layer.when is not None]
        touched = tuple(sorted({node for layer in layers for node in _typed_nodes(layer.patches, program)}))
        if not touched:
            continue
        options: list[_Option] = []
        stronger: tuple[Condition, ...] = ()
        for layer in reversed(layers):
            assert layer.when is not None
            options.append(
                _Option(label=f"layer {layer.ref}", holds=(layer.when,), fails=stronger, patches=layer.patches)
            )
            stronger = (*stronger, layer.when)
        options.append(_Option(label=f"no {scope} layer", fails=stronger))
        yield _ChoicePoint(kind="layer", subject=scope, options=tuple(options), nodes=touched)


def _rule_choices(program: Program) -> Iterator[_ChoicePoint]:
    fitted = {id(one.rule): one for one in fitted_inserts(program)}
    for policy in program.policies:
        for degrade in policy.degrade_rules:
            touched = _typed_nodes(degrade.patches, program)
            if touched:
                on = _Option(label=f"rule {degrade.id}", holds=(degrade.when,), patches=degrade.patches)
                yield _rule_choice("degrade", f"{policy.ref}/{degrade.id}", on, degrade.when, touched)
        for insert in policy.insert_rules:
            if insert.when is not None and id(insert) in fitted:
                on = _Option(label=f"rule {insert.id}", holds=(insert.when,), insert=fitted[id(insert)])
                yield _rule_choice("insert", f"{policy.ref}/{insert.id}", on, insert.when, (insert.node.id,))


def _rule_choice(kind: str, subject: str, on: _Option, when: Condition, nodes: tuple[str, ...]) -> _ChoicePoint:
    off = _Option(label=f"without {on.label}", fails=(when,))
    return _ChoicePoint(kind=kind, subject=subject, options=(on, off), nodes=nodes)


def _typed_nodes(patches: tuple[Patch, ...], program: Program) -> tuple[str, ...]:
    """Nodes whose port types a list of patches can change."""
    nodes: dict[str, None] = {}
    for patch in patches:
        match patch.steps:
            case ("nodes", node_id, "config", field):
                node = program.nodes.get(node_id)
                if node is not None and field in _fields_in_types(node):
                    nodes[node_id] = None
            case ("nodes", node_id, "provider") if node_id in program.nodes:
                nodes[node_id] = None
            case ("edges", edge_id, "type"):
                for edge in program.edges:
                    if edge_id == edge.id or edge_id in edge.aliases:
                        nodes[edge.target.node] = None
    return tuple(nodes)


def _fields_in_types(node: Node) -> set[str]:
    """Config fields that the port types of a node read."""
    ports = (*inputs_of(node).values(), *outputs_of(node).values())
    return {field for port in ports for field in config_fields(port.type)}


def _check_variants(
    program: Program, choices: list[_ChoicePoint], known: tuple[Conflict, ...], sink: DiagnosticSink
) -> Program:
    parts = _independent_parts(program, choices)
    program = replace(
        program,
        choices=tuple(
            Choice(kind=one.kind, subject=one.subject, options=tuple(option.label for option in one.options))  # type: ignore[arg-type]
            for one in choices
        ),
    )
    combinations = _possible_combinations(parts)
    if combinations is None:
        largest = max(parts, key=_count)
        subjects = ", ".join(f"`{one.subject}`" for one in largest[:8])
        at = program.bundle.place.span()
        sink.report(TooManyPrograms(at=at, most=PROGRAMS_MAX, subjects=subjects))
        return program
    failing: dict[Conflict, tuple[Program, Network, set[str]]] = {}
    for options in combinations:
        variant, network, solution = _solved(program, options, sink)
        labels = {option.label for option in options}
        for conflict in solution.conflicts:
            if conflict not in known:
                first, solved, common = failing.get(conflict, (variant, network, labels))
                failing[conflict] = (first, solved, common & labels)
    for conflict, (variant, solved, common) in failing.items():
        report_conflict(conflict, variant, solved, tuple(sorted(common)), sink)
    assert program.proofs is not None
    return replace(program, proofs=replace(program.proofs, programs=max(len(combinations), 1)))


def _independent_parts(program: Program, choices: list[_ChoicePoint]) -> list[list[_ChoicePoint]]:
    """Choices that share a type stand together; with every conditional insert in its place, to see what they join."""
    widest = program
    joined: dict[str, str] = {}  # nodes of one name, of which no program has two, as nodes of their own
    for choice in choices:
        for insert in (option.insert for option in choice.options if option.insert is not None):
            rule = insert.rule
            if rule.node.id in widest.nodes:
                joined[choice.subject] = own_name = f"{rule.node.id}@{choice.subject}"
                rule = replace(rule, node=replace(rule.node, id=own_name))
            widest = inserted_in_order(widest, rule, insert.ports)
    touching = [(*one.nodes, joined[one.subject]) if one.subject in joined else one.nodes for one in choices]
    choosing = {node for nodes in touching for node in nodes}
    numbers = components(build_network(widest, _Case(providers={}), DiagnosticSink()), choosing=choosing)
    leaders: dict[int, int] = {}
    parts: dict[int, list[_ChoicePoint]] = {}
    for index, (choice, nodes) in enumerate(zip(choices, touching, strict=True)):
        touched = sorted({numbers[node] for node in nodes if node in numbers})
        leader = min((leaders.get(number, -1) for number in touched if number in leaders), default=index)
        for number in touched:
            former = leaders.get(number)
            if former is not None and former != leader:
                parts[leader] = parts.get(leader, []) + parts.pop(former)
                leaders = {one: leader if two == former else two for one, two in leaders.items()}
            leaders[number] = leader
        parts.setdefault(leader, []).append(choice)
    return [parts[leader] for leader in sorted(parts)]


def _count(part: list[_ChoicePoint]) -> int:
    count = 1
    for choice in part:
        count *= len(choice.options)
    return count


def _possible_combinations(parts: list[list[_ChoicePoint]]) -> list[tuple[_Option, ...]] | None:
    """Of each part every combination that can hold; None where there are too many of them."""
    judge = _Judge()
    found: list[tuple[_Option, ...]] = []
    for part in parts:
        for combination in _combinations(part, judge):
            if combination is not None and judge.can_hold(combination):
                found.append(combination)
            if combination is None or len(found) > PROGRAMS_MAX:
                return None
    return found


def _combinations(part: list[_ChoicePoint], judge: _Judge) -> Iterator[tuple[_Option, ...] | None]:
    """Combinations without two options that exclude each other, first options first; None where that takes too long.

    An option that a former one excludes is passed by with all that would follow from it, so that rules of which only
    one can hold make as many combinations as there are rules.
    """
    numbered = [(level, option) for level, choice in enumerate(part) for option in choice.options]
    impossible, barred = _barred(numbered, judge)
    starts = [0]
    for choice in part:
        starts.append(starts[-1] + len(choice.options))
    chosen: list[int] = []
    masks = [impossible]
    number = steps = 0
    while True:
        steps += 1
        if steps > _STEPS_MAX:
            yield None
            return
        level = len(chosen)
        if level < len(part) and number < starts[level + 1]:
            if masks[-1] >> number & 1:
                number += 1
            else:
                chosen.append(number)
                masks.append(masks[-1] | barred[number])
                number = starts[level + 1]
            continue
        if level == len(part):
            yield tuple(numbered[one][1] for one in chosen)
        if not chosen:
            return
        number = chosen.pop() + 1
        masks.pop()


def _barred(numbered: list[tuple[int, _Option]], judge: _Judge) -> tuple[int, list[int]]:
    """As bits, the options that cannot come out at all, and per option those of later choices that it excludes."""
    impossible, barred = 0, [0] * len(numbered)
    for number, (level, option) in enumerate(numbered):
        if not judge.can_hold((option,)):
            impossible |= 1 << number
            continue
        for other in range(number + 1, len(numbered)):
            if judge.is_tired:
                return impossible, barred
            if numbered[other][0] > level and not judge.can_hold((option, numbered[other][1])):
                barred[number] |= 1 << other
    return impossible, barred


class _Judge:
    """Whether conditions can hold at once, within a bound of work."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = _JUDGED_MAX

    @property
    def is_tired(self) -> bool:
        return self._left <= 0

    def can_hold(self, options: tuple[_Option, ...]) -> bool:
        """Whether a combination can occur; of what nobody can tell, it is taken to be possible."""
        self._left -= 1
        holds = [condition for option in options for condition in option.holds]
        if not holds or self.is_tired:
            return True
        fails = [condition for option in options for condition in option.fails]
        conditions = (*holds, *fails)
        if any(one.checked is None for one in conditions):
            return True
        self._left -= len(conditions) + _ways_of_all(holds, fails)
        if self.is_tired:
            return True
        from rsppc.conditions import possible  # only where there are conditions, which have been checked by now

        return possible([one.checked for one in holds], [one.checked for one in fails]) != "no"


def _ways_of_all(holds: list[Condition], fails: list[Condition]) -> int:
    """In how many ways conditions can hold and fail together, at most and as far as that is judged."""
    ways = 1
    for wanted, conditions in ((True, holds), (False, fails)):
        for condition in conditions:
            ways = min(ways * _ways(condition.checked.tree, wanted), _JUDGED_ONCE_MAX)
    return ways


def _ways(tree: Tree, wanted: bool) -> int:
    """In how many ways a condition can come out as wanted; its depth is bounded by the limits of conditions."""
    function, args = tree.get("call"), tree.get("args", [])
    if function == "!_":
        return _ways(args[0], not wanted)
    if function in ("_&&_", "_||_"):
        each = (_ways(one, wanted) for one in args)
        return min(prod(each) if (function == "_&&_") == wanted else sum(each), _JUDGED_ONCE_MAX)
    if function in ("_?_:_", "_==_", "_!=_"):
        deep = [one for one in args if "call" in one]
        return min(prod(_ways(one, True) + _ways(one, False) for one in deep), _JUDGED_ONCE_MAX)
    return 1


def _solved(program: Program, options: tuple[_Option, ...], sink: DiagnosticSink) -> tuple[Program, Network, Solution]:
    providers = _bound(program)
    for option in options:
        if option.provider is not None:
            providers[option.provider[0]] = option.provider[1]
        program = apply_patches(program, option.patches)
        if option.insert is not None:
            program = inserted_in_order(program, option.insert.rule, option.insert.ports)
    network = build_network(program, _Case(providers=providers), sink)
    return program, network, solve(network)


PASS = Pass(
    name="infer_types",
    run=run,
    needs=facts("order known", "settings decided", "providers known", "inserts applied", "rule conditions checked"),
    gives=facts("types known"),
)
