"""Program → artifacts: the one bridge from meaning to contract.

Assumes success: only sound programs get here, and nothing is reported. This is the only room that sorts for output.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rsppc.base.canonical_json import digest_value, readable
from rsppc.base.digest import Digest
from rsppc.base.record import Record
from rsppc.emit.bundle import bundle
from rsppc.emit.distribution import distribution
from rsppc.emit.provenance import provenance
from rsppc.emit.resolved_spec import resolved_spec
from rsppc.ir.program import Program


class Artifacts(Record):
    """The values of one bundle. Their digests are of canonical bytes; the files hold the same values for people."""

    bundle: dict[str, Any]
    bundle_digest: Digest
    resolved_spec: dict[str, Any]
    resolved_spec_digest: Digest
    provenance: dict[str, Any]
    distribution: dict[str, Any] | None
    """None where no control-plane snapshot was given."""
    left_out: tuple[str, ...]
    """What `distribution` cannot carry, in words for the author."""

    def files(self) -> dict[str, bytes]:
        """The files of the set by name; made when asked for."""
        values = {
            "bundle.json": self.bundle,
            "resolved_spec.json": self.resolved_spec,
            "provenance.json": self.provenance,
        }
        if self.distribution is not None:
            values["distribution.json"] = self.distribution
        return {name: readable(value) for name, value in values.items()}

    def digests(self) -> dict[str, Digest]:
        """Digest of every value, by the name of its file."""
        found = {
            "bundle.json": self.bundle_digest,
            "resolved_spec.json": self.resolved_spec_digest,
            "provenance.json": digest_value(self.provenance),
        }
        if self.distribution is not None:
            found["distribution.json"] = digest_value(self.distribution)
        return found


def artifacts(program: Program, *, snapshot: Mapping[str, Any] | None = None, compiler: str = "rsppc") -> Artifacts:
    """What a sound program promises. `snapshot` is the content of a ControlPlaneSnapshot; `compiler` the name and
    version of the compiler, for `provenance.json` alone."""
    spec = resolved_spec(program)
    released = bundle(program, spec.digest)
    bundle_digest = digest_value(released)
    carried = distribution(program, spec, snapshot) if snapshot is not None else None
    return Artifacts(
        bundle=released,
        bundle_digest=bundle_digest,
        resolved_spec=spec.value,
        resolved_spec_digest=spec.digest,
        provenance=provenance(program, spec, bundle_digest, compiler),
        distribution=carried.value if carried is not None else None,
        left_out=carried.left_out if carried is not None else (),
    )
