"""Artifacts that write down what is asked of them while a question is answered, copies with repaired texts included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from rsppc.base.names import parse_ref
from rsppc.base.record import Record
from rsppc.caching.plain import NotKept, to_plain
from rsppc.caching.sealed import SealedWorkspace
from rsppc.caching.sources import SourceFinder
from rsppc.ide.tracking import TrackedArtifacts
from rsppc.lowering.artifacts import Artifacts
from rsppc.workspace import Workspace

_T = TypeVar("_T")


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
        self._asked.add("paths")
        return super().paths()

    def with_texts(self, texts: dict[str, bytes], workspace: Workspace | None = None) -> Artifacts:
        changed = super().with_texts(texts, workspace)
        tracked = AskedArtifacts.__new__(AskedArtifacts)
        tracked.__dict__.update(changed.__dict__)
        tracked._asked = self._asked  # what a repair asks for, the finding asks for
        return tracked


class Noted(Record):
    """An answer, what was asked for on the way to it, and how it is written down."""

    value: Any
    asked: frozenset[str]
    used: dict[str, str]
    """Assets and pinned objects, with their digests."""
    plain: bytes | None
    """None where it must not be remembered."""


def noted(artifacts: AskedArtifacts, find_out: Callable[[], _T], keep: Callable[[_T], Any]) -> Noted:
    """The answer to a question, and what it depends on. `keep` says what of it is written down; None for nothing."""
    workspace = artifacts.sealed
    artifacts.begin()
    value = find_out()
    asked = artifacts.asked()
    plain = None
    kept = keep(value)
    if kept is not None:
        try:
            plain = to_plain(kept, SourceFinder(workspace).find)
        except NotKept:
            plain = None
    sight = workspace.sight
    used = {name: sight.values[name] for name in asked if name in sight.values}
    return Noted(value=value, asked=asked, used=used, plain=None if sight.drifted else plain)
