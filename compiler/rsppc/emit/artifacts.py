"""Program → artifacts: the one bridge from meaning to contract.

Assumes that nothing is missing: only whole programs get here, and nothing is reported. This is the only room that sorts
for output.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rsppc.base.digest import Digest
from rsppc.base.record import Record
from rsppc.emit.bundle import bundle
from rsppc.emit.canonical_document import CanonicalDocument, document_of
from rsppc.emit.distribution import distribution
from rsppc.emit.provenance import provenance_document
from rsppc.emit.resolved_spec import ResolvedSpec, resolved_spec
from rsppc.ir.program import Program

BUNDLE = "bundle.json"
RESOLVED_SPEC = "resolved_spec.json"
PROVENANCE = "provenance.json"
DISTRIBUTION = "distribution.json"


class Artifacts(Record):
    """The documents of one bundle, and the values that they say; the longest values are made anew when asked for."""

    documents: dict[str, CanonicalDocument]
    """By the name of the file."""
    bundle: dict[str, Any]
    distribution: dict[str, Any] | None
    """None where no control-plane snapshot was given."""
    left_out: tuple[str, ...]
    """What `distribution` cannot carry, in words for the author."""
    spec: ResolvedSpec
    program: Program
    compiler: str

    @property
    def bundle_digest(self) -> Digest:
        return self.documents[BUNDLE].digest

    @property
    def resolved_spec_digest(self) -> Digest:
        return self.spec.document.digest

    @property
    def resolved_spec(self) -> dict[str, Any]:
        return {**self.spec.value, "defaulting_sources": self.spec.document.member("defaulting_sources")}

    @property
    def provenance(self) -> dict[str, Any]:
        return self.documents[PROVENANCE].value()

    def files(self) -> dict[str, bytes]:
        """The files of the set by name, each in one piece."""
        return {name: b"".join(one.pieces()) for name, one in self.documents.items()}


def artifacts(program: Program, *, snapshot: Mapping[str, Any] | None = None, compiler: str = "rsppc") -> Artifacts:
    """What a sound program promises. `snapshot` is the content of a ControlPlaneSnapshot; `compiler` the name and
    version of the compiler, for `provenance.json` alone."""
    spec = resolved_spec(program)
    released = bundle(program, spec.document.digest)
    carried = distribution(program, spec, snapshot) if snapshot is not None else None
    documents = {BUNDLE: document_of(released), RESOLVED_SPEC: spec.document}
    documents[PROVENANCE] = provenance_document(program, spec, documents[BUNDLE].digest, compiler)
    if carried is not None:
        documents[DISTRIBUTION] = document_of(carried.value)
    return Artifacts(
        documents=documents,
        bundle=released,
        distribution=carried.value if carried is not None else None,
        left_out=carried.left_out if carried is not None else (),
        spec=spec,
        program=program,
        compiler=compiler,
    )
