"""Which providers can come to serve each node, and which one does where no condition holds.

A provider named on the node stays, unless a rule speaks of that very node. Else the rules of its modality are tried,
those of stronger policies first; the first that matches decides, and of its providers the first healthy one serves.
"""

from __future__ import annotations

from rsppc.base.names import near_miss
from rsppc.base.record import Record, replace
from rsppc.base.source import Span
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Edit, Fix, Related
from rsppc.ir.catalog import Provider
from rsppc.ir.program import Condition, Node, Program, ProviderRule
from rsppc.ir.setting import FromPolicy, Setting, place_of
from rsppc.passes.base import Pass, facts


class UnknownProvider(Diagnostic):
    """What a provider can do is declared by a manifest; of one that nobody declares, nothing can be proved."""

    code = "RSP2116"
    name = "unknown-provider"
    headline = "no manifest declares a provider `{subject}`"
    hint = "{advice}"
    advice: str


class WrongModality(Diagnostic):
    """A provider serves one modality: speech to text cannot be served by a provider of text to speech."""

    code = "RSP2117"
    name = "wrong-modality"
    headline = "provider `{subject}` serves `{offers}`, but `{wanted}` is needed here"
    hint = "{advice}"
    offers: str
    wanted: str
    advice: str


class UnboundNode(Diagnostic):
    """A node of a modality needs a provider; none is named on it and no rule speaks of it."""

    code = "RSP2301"
    name = "unbound-node"
    severity = "warning"
    headline = "nothing says which provider serves node `{subject}`"
    hint = "name a `provider` on the node, or release it under a policy with a rule for `{modality}`"
    modality: str


class UnboundNodeInBuild(Diagnostic):
    """An artifact must be complete: a node of a modality without a provider could not be called at run time."""

    code = "RSP2302"
    name = "unbound-node-in-build"
    headline = "nothing says which provider serves node `{subject}`"
    hint = "name a `provider` on the node, or release it under a policy with a rule for `{modality}`"
    modality: str


class OpenEndedRules(Diagnostic):
    """Somebody must serve when no condition holds: the weakest policy that speaks of a modality ends it with a rule
    without `when`."""

    code = "RSP6201"
    name = "open-ended-rules"
    headline = "when no condition holds, no rule says who serves `{subject}`"
    hint = "end the rules for it with one that has no `when`"


class RuleNeverReached(Diagnostic):
    """Rules are tried in order; behind one without a condition nothing is ever tried."""

    code = "RSP6202"
    name = "rule-never-reached"
    severity = "warning"
    headline = "rule `{subject}` is never reached"
    hint = "move it before `{before}`, or remove it"
    before: str


class RuleForNobody(Diagnostic):
    """A rule that speaks of a node which the pipeline does not have would silently do nothing."""

    code = "RSP6203"
    name = "rule-for-nobody"
    headline = "rule `{subject}` speaks of node `{node}`, which the pipeline does not have"
    hint = "{advice}"
    node: str
    advice: str


class ProviderOption(Record):
    """A provider that can come to serve a node, and when: under `holds`, as far as none of `fails` holds."""

    provider: Provider
    holds: tuple[Condition, ...]
    fails: tuple[Condition, ...]
    rule: ProviderRule | None


def run(program: Program, sink: DiagnosticSink) -> Program:
    _check_rules(program, sink)
    providers: dict[str, tuple[Provider, ...]] = {}
    bindings: dict[str, Setting] = {}
    for node in all_nodes(program):
        if node.type is None or node.type.modality is None:
            if node.provider is not None and node.provider.value is not None and node.type is not None:
                _named(node, program, sink)
            continue
        options = provider_options(node, program)
        if node.provider is not None and node.provider.value is not None and not _rules_for_node(node, program):
            _named(node, program, sink)
        _check_options(node, options, program, sink)
        if options:
            providers[node.id] = tuple({option.provider.id: option.provider for option in options}.values())
            binding = _binding(node, options)
            if binding is not None:
                bindings[node.id] = binding
                first = next(option.provider for option in options if option.provider.id == binding.value)
                others = (one for one in providers[node.id] if one.id != first.id)
                providers[node.id] = (first, *others)
    return replace(program, providers=providers, bindings=bindings)


def all_nodes(program: Program) -> list[Node]:
    """The nodes of the graph, and those that rules can insert."""
    inserted = [rule.node for policy in program.policies for rule in policy.insert_rules]
    return [*program.nodes.values(), *(node for node in inserted if node.id not in program.nodes)]


def provider_options(node: Node, program: Program) -> list[ProviderOption]:
    """Every provider that can come to serve a node, those of rules that are tried first before the others."""
    rules = _rules_for_node(node, program)
    named = node.provider.value if node.provider is not None else None
    if not rules and named is not None:
        provider = program.catalog.providers.get(named)
        return [ProviderOption(provider=provider, holds=(), fails=(), rule=None)] if provider is not None else []
    if not rules and node.type is not None:
        rules = [rule for rule in rules_in_order(program) if rule.modality == node.type.modality]
    options: list[ProviderOption] = []
    failed: tuple[Condition, ...] = ()
    for rule in rules:
        holds = (rule.when,) if rule.when is not None else ()
        for name, _ in rule.use:
            provider = program.catalog.providers.get(name)
            if provider is not None:
                options.append(ProviderOption(provider=provider, holds=holds, fails=failed, rule=rule))
        if rule.when is None:
            return options
        failed = (*failed, rule.when)
    if rules and named is not None and (provider := program.catalog.providers.get(named)) is not None:
        options.append(ProviderOption(provider=provider, holds=(), fails=failed, rule=None))
    return options


def rules_in_order(program: Program) -> list[ProviderRule]:
    """Provider rules in the order in which they are tried: stronger policies first."""
    return [rule for policy in reversed(program.policies) for rule in policy.provider_rules]


def _rules_for_node(node: Node, program: Program) -> list[ProviderRule]:
    return [rule for rule in rules_in_order(program) if rule.node == node.id]


def _binding(node: Node, options: list[ProviderOption]) -> Setting | None:
    """The provider that serves where no condition holds."""
    for option in options:
        if option.holds:
            continue
        rule = option.rule
        if rule is None:
            return node.provider
        place = next(place for name, place in rule.use if name == option.provider.id)
        return Setting(
            value=option.provider.id,
            origin=FromPolicy(
                ref=rule.policy,
                rule=rule.id,
                container=getattr(place, "container", None),
                key=getattr(place, "key", 0),
            ),
        )
    return None


def _named(node: Node, program: Program, sink: DiagnosticSink) -> None:
    """Hold the provider that an author named against the catalog."""
    assert node.provider is not None and node.type is not None
    _check_provider(node.provider.value, place_of(node.provider), node.type.modality or "nothing", program, sink)


def _check_provider(name: str, at: Span, wanted: str, program: Program, sink: DiagnosticSink) -> None:
    provider = program.catalog.providers.get(name)
    fitting = sorted(one.id for one in program.catalog.providers.values() if one.modality == wanted)
    known = ", ".join(f"`{one}`" for one in fitting)
    if provider is None:
        guess = near_miss(name, program.catalog.providers)
        advice = f"did you mean `{guess}`?" if guess else f"for `{wanted}` there are {known or 'none'}"
        fixes = (Fix(title=f"write `{guess}`", edits=(Edit(at=at, text=guess),)),) if guess else ()
        sink.report(UnknownProvider(at=at, subject=name, advice=advice, fixes=fixes))
    elif provider.modality != wanted:
        advice = f"for `{wanted}` there are {known}" if known else "remove the provider"
        related = (Related(at=provider.place.span(), text="declared here"),)
        sink.report(
            WrongModality(at=at, subject=name, offers=provider.modality, wanted=wanted, advice=advice, related=related)
        )


def _check_options(node: Node, options: list[ProviderOption], program: Program, sink: DiagnosticSink) -> None:
    assert node.type is not None
    modality = node.type.modality or ""
    if not options:
        if node.provider is not None and node.provider.value is not None:
            return  # the name leads nowhere, which has been reported
        if program.partial:
            return
        kind = UnboundNodeInBuild if program.purpose == "build" else UnboundNode
        sink.report(kind(at=node.place.span(), subject=node.id, modality=modality))
    elif all(option.holds for option in options):
        last = options[-1].rule
        at = last.place.span() if last is not None else node.place.span()
        sink.report(OpenEndedRules(at=at, subject=modality))


def _check_rules(program: Program, sink: DiagnosticSink) -> None:
    inserted = {node.id for node in all_nodes(program)}
    closed: dict[str, ProviderRule] = {}
    for rule in rules_in_order(program):
        subject = rule.modality or rule.node or ""
        if rule.node is not None and rule.node not in inserted:
            guess = near_miss(rule.node, inserted)
            advice = f"did you mean `{guess}`?" if guess else "remove the rule, or correct the name"
            at = (rule.node_place or rule.place).span()
            sink.report(RuleForNobody(at=at, subject=rule.id, node=rule.node, advice=advice))
            continue
        before = closed.get(subject)
        if before is not None and before.policy == rule.policy:
            sink.report(RuleNeverReached(at=rule.place.span(), subject=rule.id, before=before.id))
        if rule.when is None:
            closed.setdefault(subject, rule)
        wanted = rule.modality
        if rule.node is not None:
            node = next(one for one in all_nodes(program) if one.id == rule.node)
            wanted = node.type.modality if node.type is not None else None
        for name, place in rule.use:
            if wanted is not None:
                _check_provider(name, place.span(), wanted, program, sink)


PASS = Pass(
    name="bind_providers",
    run=run,
    needs=facts("node types known", "settings decided"),
    gives=facts("providers known"),
)
