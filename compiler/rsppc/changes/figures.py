"""What a caller can feel of a change, from the proofs of both sides: times, slack, memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rsppc.base.record import Record


class Proof(Record):
    """A figure on one side. `value` is None where it is not proved; then `unknown` names what has no figure."""

    value: int | None = None
    limit: int | None = None
    unknown: tuple[str, ...] = ()

    @property
    def slack(self) -> int | None:
        return self.limit - self.value if self.value is not None and self.limit is not None else None


class Figure(Record):
    """One figure before and after; None where a side has none of the kind."""

    name: str
    words: str
    unit: str
    before: Proof | None
    after: Proof | None

    @property
    def difference(self) -> int | None:
        """How much more it is now."""
        sides = (self.before, self.after)
        if any(side is None or side.value is None for side in sides):
            return None
        assert self.before is not None and self.after is not None
        return (self.after.value or 0) - (self.before.value or 0)


_PATHS = {
    "e2e": "end of speech to first output, p95",
    "first_output": "turn signal to first output, p95",
}


def figures_of(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Figure, ...]:
    """The figures that either side has, equal or not: a reviewer wants to see that nothing moved as well."""
    ours, theirs = before.get("analysis", {}), after.get("analysis", {})
    found = [
        _figure(name, words, "ms", _path(ours, name), _path(theirs, name))
        for name, words in {**_PATHS, **_fallbacks(ours, theirs)}.items()
    ]
    found.append(
        _figure(
            "cancel_ms",
            "silent after an interruption, p95",
            "ms",
            _plain(ours, "cancel_ms"),
            _plain(theirs, "cancel_ms"),
        )
    )
    found.append(
        _figure(
            "queue_bytes",
            "memory in queues per session, at most",
            "bytes",
            _plain(ours, "queue_bytes"),
            _plain(theirs, "queue_bytes"),
        )
    )
    return tuple(one for one in found if one.before is not None or one.after is not None)


def _figure(name: str, words: str, unit: str, before: Proof | None, after: Proof | None) -> Figure:
    return Figure(name=name, words=words, unit=unit, before=before, after=after)


def _fallbacks(*sides: Mapping[str, Any]) -> dict[str, str]:
    names = sorted({name for side in sides for name in side.get("latency", {}) if name.startswith("fallback/")})
    return {name: f"first output where `{name.partition('/')[2]}` fails, p95" for name in names}


def _path(analysis: Mapping[str, Any], name: str) -> Proof | None:
    said = analysis.get("latency", {}).get(name)
    if said is None:
        return None
    return Proof(
        value=said.get("p95_ms") if said["proved"] else None,
        limit=said.get("budget_ms"),
        unknown=tuple(said.get("unknown", ())),
    )


def _plain(analysis: Mapping[str, Any], name: str) -> Proof | None:
    return Proof(value=analysis[name]) if name in analysis else None
