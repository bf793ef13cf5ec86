"""Modes of replay: those of the runtime's contract, and the two that earlier artifacts named instead."""

from __future__ import annotations

from rsppc.diagnostics import DiagnosticSink
from rsppc.importing.findings import ReplayModeMapped
from rsppc.model.common import REPLAY_MODE
from rsppc.model.shape import Choice
from rsppc.syntax.document import Mapping, Sequence

_TODAY = {"audit": "replay_decisions", "regression": "recompute_decisions"}
"""An audit looks at the decisions that were recorded; a regression run makes them again and compares."""

EARLIER_MODE = Choice(values=(*_TODAY, *REPLAY_MODE.values))


def todays_mode(mode: str) -> str:
    """The mode of the contract."""
    return _TODAY.get(mode, mode)


def report_mapped_modes(container: Mapping, key: str, path: str, sink: DiagnosticSink) -> None:
    """Warn of each mode, in a list or alone, that is another one today."""
    value = container[key]
    if isinstance(value, Sequence):
        places = [(one, value.value_span(index), f"{path}[{index}]") for index, one in enumerate(value)]
    else:
        places = [(value, container.value_span(key), path)]
    for mode, at, subject in places:
        if mode in _TODAY:
            after = _TODAY[mode]
            others = ", ".join(f"`{one}`" for one in REPLAY_MODE.values if one != after)
            sink.report(ReplayModeMapped(at=at, subject=subject, before=mode, after=after, others=others))
