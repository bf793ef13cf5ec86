"""Put the nodes and edges of modules into the graph, under names that cannot collide: `transcribe/stt`.

Runs first: every later pass sees one flat graph. Modules inside modules are expanded inside out. What a parent sets
through a module's settings wins over what the module wrote.
"""

from __future__ import annotations

from rsppc.base.names import near_miss
from rsppc.base.record import replace
from rsppc.base.source import Place
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Edit, Fix, Related
from rsppc.ir.program import CancelPlace, Edge, End, Exposed, Fallback, Module, Node, Program, Subgraph
from rsppc.ir.setting import FromModule, Setting, key_place_of, override, place_of
from rsppc.passes.base import Pass, facts


class UnknownModuleSetting(Diagnostic):
    """A module lists the settings that a parent may touch; the rest is its own affair."""

    code = "RSP2107"
    name = "unknown-module-setting"
    headline = "module `{module}` exposes no setting `{subject}`"
    hint = "{advice}"
    module: str
    advice: str


class UnknownModulePort(Diagnostic):
    """A module lists the ports that a parent may connect; the rest is its own affair."""

    code = "RSP2108"
    name = "unknown-module-port"
    headline = "module `{module}` exposes no {direction} `{subject}`"
    hint = "{advice}"
    module: str
    direction: str
    advice: str


class BrokenSignature(Diagnostic):
    """What a module exposes must be there inside."""

    code = "RSP2109"
    name = "broken-signature"
    headline = "the module exposes `{subject}`, but there is no node `{node}` inside"
    hint = "{advice}"
    node: str
    advice: str


class InsideModule(Diagnostic):
    """A pipeline connects a module through what it exposes; what else is inside may change with its next version."""

    code = "RSP2118"
    name = "inside-module"
    headline = "`{subject}` lies inside module `{module}`, which does not expose it here"
    hint = "{advice}"
    module: str
    advice: str


def run(program: Program, sink: DiagnosticSink) -> Program:
    if not program.subgraphs:
        return program
    nodes = dict(program.nodes)
    edges: list[Edge] = []
    exposed: dict[str, Exposed] = {}
    for subgraph in program.subgraphs:
        _expand(subgraph, (), nodes, edges, exposed, sink)
    own = _Resolver(exposed, program.subgraphs, "", sink)
    for node in program.nodes.values():
        nodes[node.id] = own.without_fallback_inside(node)
    return replace(
        program,
        nodes=nodes,
        edges=(*(own.edge(edge) for edge in program.edges), *edges),
        turns=replace(
            program.turns,
            owner=own.end(program.turns.owner, "output") if program.turns.owner is not None else None,
            cancels=tuple(_resolved_cancel(cancel, own) for cancel in program.turns.cancels),
        ),
        exposed=exposed,
    )


def _expand(
    subgraph: Subgraph,
    path: tuple[str, ...],
    nodes: dict[str, Node],
    edges: list[Edge],
    exposed: dict[str, Exposed],
    sink: DiagnosticSink,
) -> None:
    """Put one module in use into the graph; the depth of modules is bounded by what lowering accepted."""
    module = subgraph.module
    if module is None:
        return
    via = (*path, subgraph.name)
    prefix = "/".join(via) + "/"
    for inner in module.subgraphs:
        _expand(inner, via, nodes, edges, exposed, sink)
    resolver = _Resolver(exposed, module.subgraphs, prefix, sink)
    for node in module.nodes:
        nodes[prefix + node.id] = _inside(resolver.without_fallback_inside(node), prefix, via, module)
    _check_settings(module, prefix, nodes, sink)
    _apply_settings(subgraph, module, prefix, nodes, sink)
    for edge in module.edges:
        edges.append(_edge_inside(resolver.edge(edge), via))
    exposed["/".join(via)] = _signature(module, resolver, nodes, sink)


def _inside(node: Node, prefix: str, via: tuple[str, ...], module: Module) -> Node:
    fallback = node.fallback
    return replace(
        node,
        id=prefix + node.id,
        setting=_through(node.setting, via),
        config={name: _through(setting, via) for name, setting in node.config.items()},
        lifecycle={name: _through(setting, via) for name, setting in node.lifecycle.items()},
        provider=_through(node.provider, via) if node.provider is not None else None,
        budget_ms=_through(node.budget_ms, via) if node.budget_ms is not None else None,
        fallback=Fallback(to=prefix + fallback.to, on=fallback.on, place=fallback.place) if fallback else None,
        module=module.ref,
    )


def _edge_inside(edge: Edge, via: tuple[str, ...]) -> Edge:
    return replace(
        edge,
        origin=_through(edge.origin, via),
        settings={name: _through(setting, via) for name, setting in edge.settings.items()},
        buffer={name: _through(setting, via) for name, setting in edge.buffer.items()},
        stated_type=_through(edge.stated_type, via) if edge.stated_type is not None else None,
    )


def _through(setting: Setting, via: tuple[str, ...]) -> Setting:
    """The setting, remembering the modules that it came through."""
    if isinstance(setting.origin, FromModule):
        return replace(setting, origin=replace(setting.origin, via=via))
    return setting


def _apply_settings(
    subgraph: Subgraph, module: Module, prefix: str, nodes: dict[str, Node], sink: DiagnosticSink
) -> None:
    for name, setting in subgraph.settings.items():
        target = module.settings.get(name)
        if target is None:
            guess = near_miss(name, module.settings)
            known = ", ".join(f"`{one}`" for one in sorted(module.settings)) or "none"
            advice = f"did you mean `{guess}`?" if guess else f"it exposes {known}"
            at = key_place_of(setting) or place_of(setting)
            fixes = (Fix(title=f"write `{guess}`", edits=(Edit(at=at, text=guess),)),) if guess else ()
            sink.report(UnknownModuleSetting(at=at, subject=name, module=module.ref, advice=advice, fixes=fixes))
            continue
        steps, _ = target
        node = nodes.get(prefix + steps[1]) if steps[0] == "nodes" else None
        if node is not None:  # else the module is wrong, which has been reported
            nodes[node.id] = set_on_node(node, steps[2:], setting)


def _check_settings(module: Module, prefix: str, nodes: dict[str, Node], sink: DiagnosticSink) -> None:
    """What a module lets its parent set must be there inside, whether somebody sets it or not."""
    for name, (steps, place) in module.settings.items():
        if steps[0] == "nodes" and prefix + steps[1] in nodes:
            continue
        inside = [one.removeprefix(prefix) for one in nodes if one.startswith(prefix)]
        guess = near_miss(steps[1], inside) if steps[0] == "nodes" else None
        advice = f"did you mean `{guess}`?" if guess else "name the config, budget or provider of a node of the module"
        sink.report(BrokenSignature(at=place.span(), subject=name, node=steps[1], advice=advice))


def set_on_node(node: Node, steps: tuple[str, ...], setting: Setting) -> Node:
    """The node with one setting put over what it had: `config FIELD`, `budget_ms` or `provider`."""
    match steps:
        case ("config", field):
            return replace(node, config={**node.config, field: override(setting, node.config.get(field))})
        case ("budget_ms",):
            return replace(node, budget_ms=override(setting, node.budget_ms))
        case _:
            return replace(node, provider=override(setting, node.provider))


def _signature(module: Module, resolver: _Resolver, nodes: dict[str, Node], sink: DiagnosticSink) -> Exposed:
    inputs = {name: resolver.end(port.inside, "input") for name, port in module.inputs.items()}
    outputs = {name: resolver.end(port.inside, "output") for name, port in module.outputs.items()}
    broken: set[str] = set()
    for ports, declared in ((inputs, module.inputs), (outputs, module.outputs)):
        for name, end in list(ports.items()):
            if end.node not in nodes:
                written = declared[name].inside
                inside = [one.removeprefix(resolver.prefix) for one in nodes if one.startswith(resolver.prefix)]
                guess = near_miss(written.node, inside)
                advice = f"did you mean `{guess}`?" if guess else "name a node of the module"
                at = written.place.span()
                text = at.text.replace(written.node, guess or "", 1)
                fixes = (Fix(title=f"write `{guess}`", edits=(Edit(at=at, text=text),)),) if guess else ()
                sink.report(BrokenSignature(at=at, subject=name, node=written.node, advice=advice, fixes=fixes))
                del ports[name]
                broken.add(name)
    return Exposed(inputs=inputs, outputs=outputs, broken=frozenset(broken))


class _Resolver:
    """Leads ends of edges through the ports that modules expose."""

    def __init__(
        self, exposed: dict[str, Exposed], subgraphs: tuple[Subgraph, ...], prefix: str, sink: DiagnosticSink
    ) -> None:
        self.exposed = exposed
        self.modules = {prefix + subgraph.name: subgraph for subgraph in subgraphs}
        self.prefix = prefix
        self.sink = sink

    def edge(self, edge: Edge) -> Edge:
        source, target = self.end(edge.source, "output"), self.end(edge.target, "input")
        if source == edge.source and target == edge.target:
            return edge
        return replace(edge, source=source, target=target, aliases=(*edge.aliases, edge.id))

    def end(self, end: End, direction: str) -> End:
        """The end inside; an end at a module whose port is left out stays at the module until a port is chosen."""
        node = self.prefix + end.node
        exposed = self.exposed.get(node)
        if exposed is None:
            self._check_outside(end, direction)
            return replace(end, node=node) if self.prefix else end
        ports = exposed.outputs if direction == "output" else exposed.inputs
        if end.port is None:
            if len(ports) == 1:
                (inside,) = ports.values()
                return replace(inside, place=end.place)
            return replace(end, node=node)
        inside_or_none = ports.get(end.port)
        if inside_or_none is None:
            if end.port in exposed.broken:
                return replace(end, node=node)
            self._report_unknown_port(end, node, direction, ports, end.place)
            return replace(end, node=node)
        return replace(inside_or_none, place=end.place)

    def without_fallback_inside(self, node: Node) -> Node:
        """The node; without its fallback where that lies in a module, instead of in the graph whose edges it takes."""
        fallback = node.fallback
        module = self._module_around(fallback.to) if fallback is not None else None
        if fallback is None or module is None:
            return node
        advice = "name a node of this graph, and add one where there is none"
        self._report_inside(fallback.to, module, advice, fallback.place)
        return replace(node, fallback=None)

    def _check_outside(self, end: End, direction: str) -> None:
        """Report an end that reaches into a module past what that exposes."""
        module = self._module_around(end.node)
        if module is None:
            return
        ports = module.outputs if direction == "output" else module.inputs
        use = end.node.partition("/")[0]
        inner = end.node.partition("/")[2]
        fits = [
            name
            for name, port in ports.items()
            if port.inside.node == inner and (end.port is None or port.inside.port in (None, end.port))
        ]
        known = ", ".join(f"`{use}.{one}`" for one in sorted(ports))
        if fits:
            advice = f"write `{use}.{fits[0]}`, under which it is exposed"
        else:
            advice = f"add it to `exposes` of `{module.ref}`" + (f", or use {known}" if known else "")
        self._report_inside(str(end), module, advice, end.place)

    def _module_around(self, node: str) -> Module | None:
        """The module in use here in which a node lies, by its written name."""
        use, slash, _ = node.partition("/")
        subgraph = self.modules.get(self.prefix + use) if slash else None
        return subgraph.module if subgraph is not None else None

    def _report_inside(self, subject: str, module: Module, advice: str, place: Place) -> None:
        related = (Related(at=module.place.span(), text="the module"),)
        self.sink.report(
            InsideModule(at=place.span(), subject=subject, module=module.ref, advice=advice, related=related)
        )

    def _report_unknown_port(self, end: End, node: str, direction: str, ports: dict[str, End], place: Place) -> None:
        subgraph = self.modules.get(node)
        module = subgraph.module if subgraph is not None else None
        guess = near_miss(end.port or "", ports)
        known = ", ".join(f"`{one}`" for one in sorted(ports)) or "none"
        advice = f"did you mean `{end.node}.{guess}`?" if guess else f"its {direction}s are {known}"
        related = (Related(at=module.place.span(), text="the module"),) if module is not None else ()
        self.sink.report(
            UnknownModulePort(
                at=place.span(),
                subject=end.port or "",
                module=module.ref if module is not None else node,
                direction=direction,
                advice=advice,
                related=related,
            )
        )


def _resolved_cancel(cancel: CancelPlace, resolver: _Resolver) -> CancelPlace:
    return replace(cancel, source=resolver.end(cancel.source, "output"))


PASS = Pass(name="expand_modules", run=run, gives=facts("one graph"))
