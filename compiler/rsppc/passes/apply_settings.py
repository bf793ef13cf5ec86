"""Decide who wins: node type, profile, module, spec, layers, policies, from weakest to strongest.

What holds always is merged here: defaults of node types under what authors wrote, layers of the environment without a
condition on top. What depends on a turn (conditional layers, degrade rules) stays a list of patches; its paths are
checked here all the same, so that a rule that would miss is known before the call.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rsppc.base.names import near_miss
from rsppc.base.record import replace
from rsppc.base.source import Place, Span
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Related
from rsppc.ir.inserts import with_type_defaults
from rsppc.ir.program import Defaults, Edge, Layer, Node, Patch, Program
from rsppc.ir.setting import FromLayer, FromModule, Setting, Written, key_place_of, override, place_of
from rsppc.ir.setting_path import Steps, matches, print_steps
from rsppc.passes.base import Pass, facts
from rsppc.passes.expand_modules import set_on_node


class NotOverridable(Diagnostic):
    """A profile lists the settings that layers may set. The rest is decided where the pipeline is reviewed."""

    code = "RSP6102"
    name = "not-overridable"
    headline = "profile `{profile}` does not let layers set `{subject}`"
    hint = "set it in the spec, or add it to `overridable` of a profile of your own"
    profile: str


class ForbiddenSetting(Diagnostic):
    """A policy can forbid settings. That binds specs, modules and layers, whoever wrote them."""

    code = "RSP6103"
    name = "forbidden-setting"
    headline = "policy `{policy}` forbids to set `{subject}`"
    hint = "remove the setting, or release the pipeline under another policy"
    policy: str


class LayerNeverApplies(Diagnostic):
    """Per scope the strongest layer that holds applies. One that always holds leaves no room for those before it."""

    code = "RSP6104"
    name = "layer-never-applies"
    severity = "warning"
    headline = "layer `{subject}` never applies: `{stronger}` always holds, and is stronger"
    hint = "remove it, give `{stronger}` a `when`, or change their order in `layer_refs`"
    stronger: str


class UnknownSetting(Diagnostic):
    """A setting that nobody reads would silently do nothing."""

    code = "RSP2111"
    name = "unknown-setting"
    headline = "the pipeline has no setting `{subject}`"
    hint = "{advice}"
    advice: str


def run(program: Program, sink: DiagnosticSink) -> Program:
    _report_forbidden(program, sink)
    nodes = {node_id: with_type_defaults(node) for node_id, node in program.nodes.items()}
    program = replace(program, nodes=nodes)
    for layer in program.layers:
        _check_overridable(layer, program.defaults, sink)
        for patch in layer.patches:
            _exists(patch, program, sink)
    program = _with_base_layer(program, sink)
    for policy in program.policies:
        for rule in policy.degrade_rules:
            for patch in rule.patches:
                _exists(patch, program, sink)
    return program


def _with_base_layer(program: Program, sink: DiagnosticSink) -> Program:
    """The program with the layer of the environment that holds where no condition does.

    Per scope the strongest layer that holds applies, and no other. So the strongest one without a condition makes those
    before it dead; and a conditional one behind it takes back what it set, before it sets its own.
    """
    of_environment = [layer for layer in program.layers if layer.scope == "environment"]
    base = next((layer for layer in reversed(of_environment) if layer.when is None), None)
    if base is None:
        return program
    position = of_environment.index(base)
    for layer in of_environment[:position]:
        related = (Related(at=base.place.span(), text="this one always holds, and is stronger"),)
        sink.report(LayerNeverApplies(at=layer.place.span(), subject=layer.ref, stronger=base.ref, related=related))
    former = {patch.steps: setting_at(program, patch.steps) for patch in base.patches}
    live = [layer for layer in program.layers if layer.scope != "environment" or layer is base]
    for layer in of_environment[position + 1 :]:
        own = {patch.steps for patch in layer.patches}
        taken_back = [
            Patch(steps=steps, setting=setting)
            for steps, setting in former.items()
            if steps not in own and setting is not None
        ]
        live.append(replace(layer, patches=(*taken_back, *layer.patches)))
    return apply_patches(replace(program, layers=tuple(live)), base.patches)


def setting_at(program: Program, steps: Steps) -> Setting | None:
    """The setting that a path leads to; None where nobody has set anything there."""
    match steps:
        case ("nodes", node_id, "config", field):
            node = program.nodes.get(node_id)
            return node.config.get(field) if node is not None else None
        case ("nodes", node_id, field):
            found: Setting | None = getattr(program.nodes.get(node_id), field, None)
            return found
        case ("budgets", field):
            return program.defaults.budgets.get(field)
        case ("buffers", *frame, field):
            return program.defaults.buffers.get(".".join(frame), {}).get(field)
        case ("edges", edge_id, *rest):
            edge = next((one for one in program.edges if edge_id in (one.id, *one.aliases)), None)
            if edge is None:
                return None
            return edge.buffer.get(rest[-1]) if rest[0] == "buffer" else edge.settings.get(rest[0])
        case _:
            return None


def apply_patches(program: Program, patches: Iterable[Patch]) -> Program:
    """The program with settings put over what it had; patches that lead nowhere are left out."""
    nodes: dict[str, Node] | None = None
    edges: list[Edge] | None = None
    for patch in patches:
        section, rest, setting = patch.steps[0], patch.steps[1:], patch.setting
        if section == "nodes" and rest[0] in program.nodes:
            nodes = nodes if nodes is not None else dict(program.nodes)
            nodes[rest[0]] = set_on_node(nodes[rest[0]], rest[1:], setting)
        elif section == "edges":
            edges = edges if edges is not None else list(program.edges)
            for index, edge in enumerate(edges):
                if rest[0] == edge.id or rest[0] in edge.aliases:
                    edges[index] = _set_on_edge(edge, rest[1:], setting)
        elif section in ("budgets", "buffers"):
            program = replace(program, defaults=_set_on_defaults(program.defaults, patch.steps, setting))
    if nodes is not None:
        program = replace(program, nodes=nodes)
    return program if edges is None else replace(program, edges=tuple(edges))


def _set_on_edge(edge: Edge, steps: tuple[str, ...], setting: Setting) -> Edge:
    match steps:
        case ("buffer", field):
            return replace(edge, buffer={**edge.buffer, field: override(setting, edge.buffer.get(field))})
        case ("type",):
            return replace(edge, stated_type=override(setting, edge.stated_type))
        case (field,):
            return replace(edge, settings={**edge.settings, field: override(setting, edge.settings.get(field))})
        case _:
            return edge


def _set_on_defaults(defaults: Defaults, steps: Steps, setting: Setting) -> Defaults:
    field = steps[-1]
    if steps[0] == "budgets":
        return replace(defaults, budgets={**defaults.budgets, field: override(setting, defaults.budgets.get(field))})
    frame = ".".join(steps[1:-1])
    table = defaults.buffers.get(frame, {})
    changed = {**table, field: override(setting, table.get(field))}
    return replace(defaults, buffers={**defaults.buffers, frame: changed})


def _check_overridable(layer: Layer, defaults: Defaults, sink: DiagnosticSink) -> None:
    for patch in layer.patches:
        if not any(matches(pattern, patch.steps) for pattern in defaults.overridable):
            related = (Related(at=defaults.place.span(), text="the profile"),)
            sink.report(
                NotOverridable(
                    at=_key_span(patch), subject=print_steps(patch.steps), profile=defaults.ref, related=related
                )
            )


def _exists(patch: Patch, program: Program, sink: DiagnosticSink) -> bool:
    """Whether a path leads to a setting of the program; reported where it does not."""
    problem = _missing(patch.steps, program)
    if problem is None:
        return True
    sink.report(UnknownSetting(at=_key_span(patch), subject=print_steps(patch.steps), advice=problem))
    return False


def _missing(steps: Steps, program: Program) -> str | None:
    """Advice where a path leads nowhere."""
    if steps[0] == "nodes":
        return _missing_on_node(steps, program)
    if steps[0] == "edges" and not any(steps[1] in (edge.id, *edge.aliases) for edge in program.edges):
        guess = near_miss(steps[1], [edge.id for edge in program.edges])
        return f"did you mean the edge `{guess}`?" if guess else "there is no such edge"
    return None


def _missing_on_node(steps: Steps, program: Program) -> str | None:
    inserted = {rule.node.id: rule.node for policy in program.policies for rule in policy.insert_rules}
    node = program.nodes.get(steps[1]) or inserted.get(steps[1])
    if node is None:
        guess = near_miss(steps[1], (*program.nodes, *inserted))
        return f"did you mean the node `{guess}`?" if guess else "there is no such node"
    if steps[2] != "config" or node.type is None or steps[3] in node.type.config:
        return None
    guess = near_miss(steps[3], node.type.config)
    known = ", ".join(f"`{one}`" for one in node.type.config) or "none"
    return f"did you mean `{guess}`?" if guess else f"config fields of `{node.type.name}` are {known}"


def _key_span(patch: Patch) -> Span:
    return key_place_of(patch.setting) or place_of(patch.setting)


def _report_forbidden(program: Program, sink: DiagnosticSink) -> None:
    forbidden = [(steps, place, policy.ref) for policy in program.policies for steps, place in policy.forbid]
    if not forbidden:
        return
    for steps, setting in written_settings(program):
        if not isinstance(setting.origin, Written | FromModule | FromLayer):
            continue
        for pattern, place, policy in forbidden:
            if matches(pattern, steps):
                _report(steps, setting, place, policy, sink)
                break


def _report(steps: Steps, setting: Setting, place: Place, policy: str, sink: DiagnosticSink) -> None:
    related = (Related(at=place.span(), text="forbidden here"),)
    sink.report(ForbiddenSetting(at=place_of(setting), subject=print_steps(steps), policy=policy, related=related))


def written_settings(program: Program) -> Iterator[tuple[Steps, Setting]]:
    """Every setting that somebody wrote, with its path."""
    for node in program.nodes.values():
        for field, setting in node.config.items():
            yield Steps(("nodes", node.id, "config", field)), setting
        if node.budget_ms is not None:
            yield Steps(("nodes", node.id, "budget_ms")), node.budget_ms
        if node.provider is not None:
            yield Steps(("nodes", node.id, "provider")), node.provider
    for edge in program.edges:
        for field, setting in edge.buffer.items():
            yield Steps(("edges", edge.id, "buffer", field)), setting
        for field in ("delivery", "at_most_once", "pre_roll_ms"):
            if field in edge.settings:
                yield Steps(("edges", edge.id, field)), edge.settings[field]
        if edge.stated_type is not None:
            yield Steps(("edges", edge.id, "type")), edge.stated_type
    for layer in program.layers:
        for patch in layer.patches:
            yield patch.steps, patch.setting


PASS = Pass(
    name="apply_settings",
    run=run,
    needs=facts("one graph", "node types known", "ports known"),
    gives=facts("settings decided"),
)
