"""Artifacts of a sealed workspace that write down what is asked of them while a question is answered."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from rsppc.base.names import parse_ref
from rsppc.base.record import Record, replace
from rsppc.caching.plain import NotKept, to_plain
from rsppc.caching.sealed import SealedWorkspace
from rsppc.caching.sources import SourceFinder
from rsppc.lowering.tracking import TrackedArtifacts


class AskedArtifacts(TrackedArtifacts):
    """The artifacts of a sealed workspace."""

    @property
    def sealed(self) -> SealedWorkspace:
        """The workspace, with what has been seen of it."""
        assert isinstance(self.workspace, SealedWorkspace)
        return self.workspace

    def begin(self) -> None:
        super().begin()
        self.sealed.sight.asked = set()

    def asked(self) -> frozenset[str]:
        runtime = parse_ref(self.workspace.runtime)  # looked up once, for whoever comes first
        named = {f"id {runtime.id}"} if runtime is not None else set()
        return super().asked() | self.sealed.sight.asked | named | {"config"}

    def paths(self) -> tuple[str, ...]:
        self.note("paths")
        return super().paths()


class Noted(Record):
    """An answer, and what was asked for on the way to it."""

    value: Any
    asked: frozenset[str]
    used: dict[str, str]
    """Assets and pinned objects, with their digests."""
    drifted: bool
    """Whether something was read twice, and was not the same."""
    plain: bytes | None = None
    """How the answer is written down; None where it must not be remembered."""


def noted(artifacts: AskedArtifacts, find_out: Callable[[], Any]) -> Noted:
    """The answer to a question, and what it depends on."""
    artifacts.begin()
    value = find_out()
    asked, sight = artifacts.asked(), artifacts.sealed.sight
    used = {name: sight.values[name] for name in asked if name in sight.values}
    return Noted(value=value, asked=asked, used=used, drifted=sight.drifted)


def written_down(answer: Noted, value: Any, kept: Any, workspace: SealedWorkspace) -> Noted:
    """The same answer with a value made of it, and what is `kept` of that written down; nothing where that is None."""
    plain = None
    if kept is not None and not answer.drifted:
        with suppress(NotKept):
            plain = to_plain(kept, SourceFinder(workspace).find)
    return replace(answer, value=value, plain=plain)
