"""Program → artifacts: the one bridge from meaning to contract.

Assumes success: only sound programs get here, and nothing is reported. This is the only room that sorts for output.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rsppc.base.digest import Digest
from rsppc.base.record import Record
from rsppc.emit.bundle import bundle
from rsppc.emit.canonical_document import CanonicalDocument, document_of
from rsppc.emit.distribution import distribution
from rsppc.emit.provenance import provenance
from rsppc.emit.resolved_spec import resolved_spec
from rsppc.ir.program import Program

BUNDLE = "bundle.json"
RESOLVED_SPEC = "resolved_spec.json"
PROVENANCE = "provenance.json"
DISTRIBUTION = "distribution.json"


class Artifacts(Record):
    """The documents of one bundle, in canonical bytes. Values are made of them when asked for."""

    documents: dict[str, CanonicalDocument]
    """By the name of the file."""
    left_out: tuple[str, ...]
    """What `distribution` cannot carry, in words for the author."""

    @property
    def bundle(self) -> dict[str, Any]:
        return self.documents[BUNDLE].value()

    @property
    def bundle_digest(self) -> Digest:
        return self.documents[BUNDLE].digest

    @property
    def resolved_spec(self) -> dict[str, Any]:
        return self.documents[RESOLVED_SPEC].value()

    @property
    def resolved_spec_digest(self) -> Digest:
        return self.documents[RESOLVED_SPEC].digest

    @property
    def provenance(self) -> dict[str, Any]:
        return self.documents[PROVENANCE].value()

    @property
    def distribution(self) -> dict[str, Any] | None:
        """None where no control-plane snapshot was given."""
        return self.documents[DISTRIBUTION].value() if DISTRIBUTION in self.documents else None

    def files(self) -> dict[str, bytes]:
        """The files of the set by name, each in one piece."""
        return {name: b"".join(one.pieces()) for name, one in self.documents.items()}


def artifacts(program: Program, *, snapshot: Mapping[str, Any] | None = None, compiler: str = "rsppc") -> Artifacts:
    """What a sound program promises. `snapshot` is the content of a ControlPlaneSnapshot; `compiler` the name and
    version of the compiler, for `provenance.json` alone."""
    spec = resolved_spec(program)
    released = document_of(bundle(program, spec.document.digest))
    documents = {BUNDLE: released, RESOLVED_SPEC: spec.document}
    left_out: tuple[str, ...] = ()
    if snapshot is not None:
        carried = distribution(program, spec, snapshot)
        documents[DISTRIBUTION] = document_of(carried.value)
        left_out = carried.left_out
        del carried  # a value as long as the pipeline, and written now
    documents[PROVENANCE] = provenance(program, spec, released.digest, compiler)
    return Artifacts(documents=documents, left_out=left_out)
