"""Settings by path, as layers and rules set them: `budgets.turn_budget_ms: 1900`.

A path leads to a field that is declared somewhere else; its value is held against that declaration here. Config fields
are declared by node types and are checked when these are known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rsppc.base.names import near_miss
from rsppc.diagnostics import DiagnosticSink, Edit, Fix
from rsppc.ir.program import Patch
from rsppc.ir.setting import Origin, Setting
from rsppc.ir.setting_path import Steps, parse_steps
from rsppc.lowering.check_shape import UnknownKey, is_sound_value
from rsppc.model import common
from rsppc.model import shape as m
from rsppc.syntax.document import Mapping

_Table = dict[str, m.Field]

_BUDGETS: _Table = {field.name: field for field in common.BUDGET_FIELDS}
_BUFFER: _Table = {field.name: field for field in common.BUFFER_FIELDS}
_EDGE: _Table = {
    "type": m.field("type", m.TypeText(), "States the type of the edge."),
    **{field.name: field for field in common.EDGE_DEFAULT_FIELDS},
}
_NODE: _Table = {
    "budget_ms": m.field("budget_ms", common.MS_FROM_1, "Most time of the node at p95.", nullable=True),
    "provider": m.field("provider", common.PROVIDER, "Provider that serves the node.", nullable=True),
}


def lower_patches(table: Mapping, origin: Callable[[str], Origin], sink: DiagnosticSink) -> tuple[Patch, ...]:
    """The sound settings of a table from paths to values; `origin` says who sets a path."""
    return tuple(_patches(table, origin, sink))


def _patches(table: Mapping, origin: Callable[[str], Origin], sink: DiagnosticSink) -> Iterator[Patch]:
    for path, value in table.items():
        steps = parse_steps(path)
        if steps is not None and _is_sound(table, path, steps, sink):
            yield Patch(steps=steps, setting=Setting(value=value, origin=origin(path)))


def _is_sound(table: Mapping, path: str, steps: Steps, sink: DiagnosticSink) -> bool:
    fields = _declared(steps)
    if fields is None:
        return True
    field = fields.get(steps[-1])
    if field is not None:
        return is_sound_value(table, path, field, sink)
    guess = near_miss(steps[-1], fields)
    known = ", ".join(f"`{name}`" for name in fields)
    at = table.key_span(path)
    text = path.removesuffix(steps[-1]) + (guess or "")
    fixes = (Fix(title=f"write `{text}`", edits=(Edit(at=at, text=text),)),) if guess else ()
    advice = f"did you mean `{guess}`?" if guess else f"its keys are {known}"
    shape = f"`{path.removesuffix('.' + steps[-1])}`"
    sink.report(UnknownKey(at=at, key=steps[-1], shape=shape, advice=advice, fixes=fixes))
    return False


def _declared(steps: Steps) -> _Table | None:
    """The fields of which the last step names one; None where a node type declares them."""
    match steps:
        case ("nodes", _, "config", _):
            return None
        case ("nodes", *_):
            return _NODE
        case ("edges", _, "buffer", _) | ("buffers", *_):
            return _BUFFER
        case ("edges", *_):
            return _EDGE
        case _:
            return _BUDGETS
