"""Where what stands under the cursor is declared; of a value, and of a path of a setting, every place that contributed
to it, the one that won first."""

from __future__ import annotations

from rsppc.base.source import Span
from rsppc.ide.names import name_at
from rsppc.ide.project import Project
from rsppc.ide.spots import Spot, spot_at
from rsppc.ide.targets import contributors, declarations_of
from rsppc.ide.views import View, view_of
from rsppc.ir.setting_path import Steps, parse_steps


def FEATURE(project: Project, path: str, offset: int) -> list[Span]:  # the module's one member, found by this name
    document, artifact = project.document(path), project.artifact(path)
    if document is None or document.root is None or artifact is None:
        return []
    view, kind = view_of(project, path), artifact.kind
    spot = spot_at(document.root, kind, offset)
    if spot.last is None or spot.part == "inside":
        return []
    steps = _path_at(spot)
    name = name_at(document.root, kind, offset)
    if name is not None and not (steps is not None and name.what == "config"):
        found = declarations_of(project, view, path, name)
        if found and not (name.declares and found == [name.at]):
            return found
    if view is None:
        return []
    if steps is not None:
        return _of_path(view, steps)
    of_value = view.setting_at(spot)
    return contributors(of_value[1]) if of_value is not None else []


def _path_at(spot: Spot) -> Steps | None:
    """The path of a setting that stands at a spot, as a key or as a value."""
    step = spot.steps[-1]
    text = step.key if spot.part == "key" else step.value
    return parse_steps(text) if isinstance(text, str) else None


def _of_path(view: View, steps: Steps) -> list[Span]:
    node = view.node(steps[1]) if steps[0] == "nodes" else None
    if node is not None and len(steps) == 4:
        setting = node.config.get(steps[3])
    elif node is not None and steps[2] == "budget_ms":
        setting = node.budget_ms
    elif steps[0] == "budgets":
        setting = view.program.defaults.budgets.get(steps[1])
    elif steps[0] == "edges" and len(steps) == 4:
        edge = next((one for one in view.program.edges if steps[1] in (one.id, *one.aliases)), None)
        setting = edge.buffer.get(steps[3]) if edge is not None else None
    else:
        setting = None
    return contributors(setting) if setting is not None else []
