"""What the compiler needs of a store, and what others may ask of the compiler, as protocols.

Answers are data: a store that cannot give or take something says why, and nothing is raised for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

from rsppc.base.digest import Digest
from rsppc.base.record import Record
from rsppc.diagnostics import Diagnostic

Value = Mapping[str, Any]
"""The content of an artifact, as canonical JSON holds it."""


class Stored(Record):
    """An artifact that the store holds."""

    ref: str
    digest: Digest
    value: dict[str, Any]


class Kept(Record):
    """The store holds the artifact now. `changed` is False where it held these very bytes before."""

    ref: str
    digest: Digest
    changed: bool


class Refused(Record):
    """What was published under a version never changes; `pointer` leads to the first value that differs."""

    ref: str
    file: str
    """The file in which it stands."""
    pointer: str
    before: Any
    after: Any
    stored: Digest
    offered: Digest


FaultKind = Literal["missing", "malformed", "refused", "corrupt", "environment"]
"""`refused` is a rule that forbids it, such as that a version whose time of keeping is over never comes back."""


class StoreFault(Record):
    """Why the store could not answer."""

    kind: FaultKind
    ref: str
    reason: str


class ArtifactStore(Protocol):
    """An immutable store of artifacts, addressed by reference."""

    def get_pipeline_spec(self, ref: str) -> Stored | StoreFault: ...

    def get_execution_profile(self, ref: str) -> Stored | StoreFault: ...

    def get_policy_overlay(self, ref: str) -> Stored | StoreFault: ...

    def put_bundle(self, bundle: Value) -> Kept | Refused | StoreFault:
        """Keep a bundle for good: the same bytes again are welcome, other bytes are refused."""
        ...


class ScaffoldCompiler(Protocol):
    """The compiler as others use it."""

    def validate_spec(self, spec: Value) -> Sequence[Diagnostic]:
        """Everything that is wrong with a spec, of form and of meaning."""
        ...

    def normalize(self, spec: Value, profile: Value, overlays: Sequence[Value]) -> dict[str, Any]:
        """The ResolvedSpec of a sound spec."""
        ...

    def build_bundle(self, spec: Value, profile: Value, overlays: Sequence[Value]) -> dict[str, Any]:
        """The PipelineBundle of a sound spec."""
        ...
