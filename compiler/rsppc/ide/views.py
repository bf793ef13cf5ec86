"""A document beside the program that it is a part of: which node, edge and setting stand at a place of its text."""

from __future__ import annotations

from typing import Any

from rsppc.base.record import Record
from rsppc.base.source import Place
from rsppc.emit.origins import label
from rsppc.ide.project import Project
from rsppc.ide.spots import Spot
from rsppc.ir.catalog import NodeType, Port
from rsppc.ir.ports import inputs_of, outputs_of, solver_input
from rsppc.ir.program import Edge, End, Node, Program
from rsppc.ir.setting import Computed, Inferred, Setting
from rsppc.ir.types import print_type


class View(Record):
    """A program as one of its files sees it: what the file calls `stt` may be `heard/stt` in the program."""

    program: Program
    prefix: str = ""

    def node(self, name: str) -> Node | None:
        return self.program.nodes.get(self.prefix + name) or self.program.nodes.get(name)

    def shown(self, node_id: str) -> str:
        """How the file calls a node."""
        return node_id.removeprefix(self.prefix)

    def ports(self, name: str, side: str) -> dict[str, Port]:
        """Ports of a node, or those that a module in use exposes, on one side."""
        node = self.node(name)
        if node is not None:
            return inputs_of(node) if side == "in" else outputs_of(node)
        exposed = self.program.exposed.get(self.prefix + name)
        if exposed is None:
            return {}
        ends = exposed.inputs if side == "in" else exposed.outputs
        found: dict[str, Port] = {}
        for port, end in ends.items():
            inner = self._port(end, side)
            if inner is not None:
                found[port] = inner
        return found

    def port_type(self, name: str, port: str, side: str) -> str:
        """The inferred type of a port; as declared where nothing was inferred."""
        node = self.node(name)
        exposed = self.program.exposed.get(self.prefix + name)
        if node is None and exposed is not None:
            end = (exposed.inputs if side == "in" else exposed.outputs).get(port)
            if end is None or end.port is None:
                return ""
            name, port = end.node, end.port
            node = self.program.nodes.get(name)
        if node is None:
            return ""
        types = self.program.solution.types.get(node.id, {}) if self.program.solution is not None else {}
        known = types.get(solver_input(port) if side == "in" else port)
        if known is None:
            declared = (inputs_of(node) if side == "in" else outputs_of(node)).get(port)
            known = declared.type if declared is not None else None
        return print_type(known) if known is not None else ""

    def edge_at(self, written: Any) -> Edge | None:
        """The edge that a mapping of the document says."""
        if not isinstance(written, dict) or "from" not in written:
            return None
        at = written.value_span("from")  # type: ignore[attr-defined]
        for edge in self.program.edges:
            if _is_at(edge.source.place, at.source.path, at.start):
                return edge
            origin = edge.origin.origin
            if not isinstance(origin, Inferred | Computed) and _is_at(origin, at.source.path, at.start):
                return edge
        return None

    def setting_at(self, spot: Spot) -> tuple[str, Setting] | None:
        """Path and setting of the value at a place."""
        route, steps = spot.route, spot.steps
        if len(route) >= 3 and route[0] == "nodes" and isinstance(steps[1].value, dict):
            name = steps[1].value.get("node_id")
            node = self.node(name) if isinstance(name, str) else None
            return _of_node(node, route[2:]) if node is not None else None
        if len(route) >= 3 and route[0] == "edges":
            edge = self.edge_at(steps[1].value)
            return _of_edge(edge, route[2:]) if edge is not None else None
        if route[:1] == ("unknown_events",) and self.program.unknown_events is not None:
            return "unknown_events", self.program.unknown_events
        if len(route) == 2 and route[0] == "budget_defaults":
            found = self.program.defaults.budgets.get(str(route[1]))
            return (f"budgets.{route[1]}", found) if found is not None else None
        return None

    def _port(self, end: End, side: str) -> Port | None:
        node = self.program.nodes.get(end.node)
        if node is None or end.port is None:
            return None
        return (inputs_of(node) if side == "in" else outputs_of(node)).get(end.port)


def _is_at(place: Place, path: str, start: int) -> bool:
    at = place.span()
    return at.start == start and at.source.path == path


def _of_node(node: Node, route: tuple[str | int, ...]) -> tuple[str, Setting] | None:
    found: Setting | None = None
    match route:
        case ("config", str(field), *_):
            found = node.config.get(field)
            return (f"nodes.{node.id}.config.{field}", found) if found is not None else None
        case ("budget_ms",):
            found = node.budget_ms
        case ("provider",):
            found = node.provider
        case ("node_type",):
            return None
        case ("lifecycle", str(field)):
            found = node.lifecycle.get(field)
            return (f"nodes.{node.id}.lifecycle.{field}", found) if found is not None else None
    return (f"nodes.{node.id}.{route[0]}", found) if found is not None else None


def _of_edge(edge: Edge, route: tuple[str | int, ...]) -> tuple[str, Setting] | None:
    found: Setting | None = None
    match route:
        case ("buffer", str(field), *_):
            found = edge.buffer.get(field)
            return (f"edges.{edge.id}.buffer.{field}", found) if found is not None else None
        case (str(field),):
            found = edge.settings.get(field)
    return (f"edges.{edge.id}.{route[0]}", found) if found is not None else None


def view_of(project: Project, path: str) -> View | None:
    """The view of a file: the program of a spec or a bundle, and for any other artifact that of the first user."""
    program = project.program(path)
    if program is not None:
        return View(program=program)
    artifact = project.artifact(path)
    program = project.program_using(path)
    if artifact is None or program is None:
        return None
    inside = (node.id for node in program.nodes.values() if node.module == artifact.ref)
    first = next(inside, None)
    return View(program=program, prefix=first.rpartition("/")[0] + "/" if first else "")


def node_type_of(project: Project, view: View | None, name: str, written: Any = None) -> NodeType | None:
    """The type of a node, by the program or by what is written."""
    node = view.node(name) if view is not None else None
    if node is not None and node.type is not None:
        return node.type
    type_name = written.get("node_type") if isinstance(written, dict) else None
    return project.catalog().node_types.get(type_name) if isinstance(type_name, str) else None


def story(setting: Setting) -> list[tuple[str, Setting]]:
    """The setting and those that it won over, each with who gave it, as `rsppc why` calls them."""
    return [(label(one.origin), one) for one in (setting, *setting.overridden)]
