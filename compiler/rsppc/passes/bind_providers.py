"""Which providers can come to serve each node, and which one does where no condition holds.

Rules that speak of the very node are tried first, those of stronger policies before others. Where none of them holds,
the provider serves that is named on the node; where none is named, the rules of its modality are tried. The first rule
that matches decides, and of its providers the first healthy one serves. A conditional layer or a degrade rule may name
another provider on the node, or none.
"""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.base.names import near_miss
from rsppc.base.record import Record, replace
from rsppc.base.source import Span
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Edit, Fix, Related
from rsppc.ir.catalog import Provider
from rsppc.ir.program import Condition, Node, Patch, Program, ProviderRule
from rsppc.ir.setting import FromLayer, FromPolicy, Setting, place_of
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
    headline = "provider `{subject}` serves `{offers}`, but {need}"
    hint = "{advice}"
    offers: str
    need: str
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


class Speaking(Record):
    """Who has a say in which provider serves: of each, those that are tried first stand before the others."""

    of_node: dict[str, list[ProviderRule]]
    of_modality: dict[str, list[ProviderRule]]
    patches: dict[str, list[tuple[Condition, Setting]]]
    """Per node what conditional layers and degrade rules name on it."""


def run(program: Program, sink: DiagnosticSink) -> Program:
    _check_rules(program, sink)
    _check_patches(program, sink)
    providers: dict[str, tuple[Provider, ...]] = {}
    bindings: dict[str, Setting] = {}
    speaking = speaking_of(program)
    for node in all_nodes(program):
        if node.type is None or node.type.modality is None:
            _named(node, program, sink)
            continue
        options = provider_options(node, program, speaking)
        if node.id not in speaking.of_node:
            _named(node, program, sink)
        _check_options(node, options, program, sink)
        if options:
            known = providers.get(node.id, ())  # of another rule that inserts a node of this name
            providers[node.id] = tuple({one.id: one for one in (*known, *(one.provider for one in options))}.values())
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


def speaking_of(program: Program) -> Speaking:
    """Rules and patches by what they speak of."""
    of_node: dict[str, list[ProviderRule]] = {}
    of_modality: dict[str, list[ProviderRule]] = {}
    patches: dict[str, list[tuple[Condition, Setting]]] = {}
    for rule in rules_in_order(program):
        if rule.node is not None:
            of_node.setdefault(rule.node, []).append(rule)
        elif rule.modality is not None:
            of_modality.setdefault(rule.modality, []).append(rule)
    for when, patch in _conditional_patches(program):
        if _names_provider(patch):
            patches.setdefault(patch.steps[1], []).append((when, patch.setting))
    return Speaking(of_node=of_node, of_modality=of_modality, patches=patches)


def provider_options(node: Node, program: Program, speaking: Speaking) -> list[ProviderOption]:
    """Every provider that can come to serve a node: where a layer or a rule says who is named on it, then where none
    does; of each, those of rules that are tried first before the others."""
    named = speaking.patches.get(node.id, ())
    found: list[ProviderOption] = []
    for when, setting in named:
        patched = _unpatched_options(replace(node, provider=setting), program, speaking)
        found.extend(replace(option, holds=(when, *option.holds)) for option in patched)
    others = tuple(when for when, _ in named)
    for option in _unpatched_options(node, program, speaking):
        found.append(replace(option, fails=(*others, *option.fails)) if others else option)
    return found


def _conditional_patches(program: Program) -> Iterator[tuple[Condition, Patch]]:
    for layer in program.layers:
        if layer.when is not None:
            yield from ((layer.when, patch) for patch in layer.patches)
    for policy in program.policies:
        for rule in policy.degrade_rules:
            yield from ((rule.when, patch) for patch in rule.patches)


def _names_provider(patch: Patch) -> bool:
    return patch.steps[0] == "nodes" and tuple(patch.steps[2:]) == ("provider",)


def _unpatched_options(node: Node, program: Program, speaking: Speaking) -> list[ProviderOption]:
    """The rules that speak of the node; behind them the provider that is named on it, or else those of its modality."""
    named = node.provider.value if node.provider is not None else None
    rules = speaking.of_node.get(node.id, [])
    if named is None and node.type is not None:
        rules = [*rules, *speaking.of_modality.get(node.type.modality or "", ())]
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
    if named is not None and (provider := program.catalog.providers.get(named)) is not None:
        options.append(ProviderOption(provider=provider, holds=(), fails=failed, rule=None))
    return options


def rules_in_order(program: Program) -> list[ProviderRule]:
    """Provider rules in the order in which they are tried: stronger policies first."""
    return [rule for policy in reversed(program.policies) for rule in policy.provider_rules]


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
    """Hold the provider that an author named against the catalog; what layers name is checked with the layer."""
    setting = node.provider
    if setting is not None and setting.value is not None and not isinstance(setting.origin, FromLayer):
        _check_provider(setting.value, place_of(setting), node, program, sink)


def _check_provider(name: str, at: Span, serves: Node | str, program: Program, sink: DiagnosticSink) -> None:
    """Whether a provider is there and fits what it is to serve: a node, or a modality."""
    if isinstance(serves, Node):
        if serves.type is None:
            return  # reported already
        wanted = serves.type.modality
    else:
        wanted = serves
    need = f"`{wanted}` is needed here"
    if wanted is None and isinstance(serves, Node):
        need = f"node `{serves.id}` is a `{serves.type_name}`, which needs none"
    provider = program.catalog.providers.get(name)
    fitting = sorted(one.id for one in program.catalog.providers.values() if one.modality == wanted)
    known = ", ".join(f"`{one}`" for one in fitting)
    if provider is None:
        guess = near_miss(name, program.catalog.providers) if wanted is not None else None
        advice = f"did you mean `{guess}`?" if guess else f"for `{wanted}` there are {known or 'none'}"
        advice = advice if wanted is not None else f"remove it: {need}"
        fixes = (Fix(title=f"write `{guess}`", edits=(Edit(at=at, text=guess),)),) if guess else ()
        sink.report(UnknownProvider(at=at, subject=name, advice=advice, fixes=fixes))
    elif provider.modality != wanted:
        advice = f"for `{wanted}` there are {known}" if known else "remove the provider"
        related = (Related(at=provider.place.span(), text="declared here"),)
        sink.report(
            WrongModality(at=at, subject=name, offers=provider.modality, need=need, advice=advice, related=related)
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


def _check_patches(program: Program, sink: DiagnosticSink) -> None:
    """Hold what layers and degrade rules name on nodes against the catalog."""
    patches = [patch for layer in program.layers for patch in layer.patches]
    patches += [patch for policy in program.policies for rule in policy.degrade_rules for patch in rule.patches]
    named = [patch for patch in patches if _names_provider(patch)]
    nodes = {node.id: node for node in all_nodes(program)} if named else {}
    for patch in named:
        node, setting = nodes.get(patch.steps[1]), patch.setting
        if node is not None and isinstance(setting.value, str):
            _check_provider(setting.value, place_of(setting), node, program, sink)


def _check_rules(program: Program, sink: DiagnosticSink) -> None:
    nodes = {node.id: node for node in reversed(all_nodes(program))}
    closed: dict[str, ProviderRule] = {}
    for rule in rules_in_order(program):
        subject = rule.modality or rule.node or ""
        if rule.node is not None and rule.node not in nodes:
            guess = near_miss(rule.node, nodes)
            advice = f"did you mean `{guess}`?" if guess else "remove the rule, or correct the name"
            at = (rule.node_place or rule.place).span()
            sink.report(RuleForNobody(at=at, subject=rule.id, node=rule.node, advice=advice))
            continue
        before = closed.get(subject)
        if before is not None and before.policy == rule.policy:
            sink.report(RuleNeverReached(at=rule.place.span(), subject=rule.id, before=before.id))
        if rule.when is None:
            closed.setdefault(subject, rule)
        serves = nodes[rule.node] if rule.node is not None else rule.modality
        for name, place in rule.use:
            if serves is not None:
                _check_provider(name, place.span(), serves, program, sink)


PASS = Pass(
    name="bind_providers",
    run=run,
    needs=facts("node types known", "settings decided"),
    gives=facts("providers known"),
)
