"""A bundle that was built and signed, for tests to damage."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import msgspec
from rsppc.base.canonical_json import canonical
from rsppc.base.record import Record, replace
from rsppc.signing.bundles import PROVENANCE, Verified, verify_bundle
from rsppc.signing.envelope import Envelope, read_envelope, sealed, written
from rsppc.signing.keys import SigningKey
from rsppc.signing.statement import PAYLOAD_TYPE
from rsppc.signing.trust import BUILDER, Trust, TrustedKey
from signing_keys import key_file, pair
from workspaces import BUNDLE, BUNDLE_PATH, CLEAN, make, rsppc_here

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SEED = 1
BUILDER_KEY = pair(SEED)
TRUST = Trust(keys=(TrustedKey(public=BUILDER_KEY.public, identity="ci", roles=(BUILDER,)),))
REF = "line_bundle/v1"


class Signed(Record):
    """A bundle with its attestations, in memory."""

    files: dict[str, bytes]
    attestations: dict[str, bytes]
    trust: Trust = TRUST

    def verified(self, roles: tuple[str, ...] = (BUILDER,), now: datetime = NOW) -> Verified:
        return verify_bundle(self.files, self.attestations, self.trust, roles=roles, now=now)

    def with_file(self, name: str, data: bytes | None) -> Signed:
        return replace(self, files=_with(self.files, name, data))

    def with_attestation(self, name: str, data: bytes | None) -> Signed:
        return replace(self, attestations=_with(self.attestations, name, data))

    def with_envelope(self, change: Callable[[dict[str, Any]], object]) -> Signed:
        """With the JSON of the envelope changed, and no new signature."""
        value = msgspec.json.decode(self.attestations[PROVENANCE])
        change(value)
        return self.with_attestation(PROVENANCE, canonical(value) + b"\n")

    def envelope(self) -> Envelope:
        return read_envelope(self.attestations[PROVENANCE], PROVENANCE)

    def resigned(self, change: Callable[[dict[str, Any]], object], key: SigningKey = BUILDER_KEY) -> Signed:
        """With the statement changed, and signed again by somebody who is trusted."""
        value = msgspec.json.decode(self.envelope().payload)
        change(value)
        return self.signed_anew(canonical(value), key)

    def signed_anew(self, payload: bytes, key: SigningKey = BUILDER_KEY, kind: str = PAYLOAD_TYPE) -> Signed:
        return self.with_attestation(PROVENANCE, written(sealed(kind, payload, key)))


def _with(files: dict[str, bytes], name: str, data: bytes | None) -> dict[str, bytes]:
    kept = {other: one for other, one in files.items() if other != name}
    return kept if data is None else {**kept, name: data}


@cache
def _workspace() -> Path:
    """A workspace with a built and signed bundle, made once in a run of tests."""
    folder = make(Path(mkdtemp(prefix="rsppc-signed-")))
    key_file(folder, "builder", SEED)
    key_file(folder, "releaser", 2, "p256")
    for words in (["build"], ["sign", REF, "--key", "builder.key", "--inputs", "inputs"]):
        done = rsppc_here(folder, *words)
        assert done.returncode == 0, done.stderr.decode()
    return folder


def workspace(place: Path) -> Path:
    """A copy of the workspace with its bundle."""
    copy = place / "workspace"
    shutil.copytree(_workspace(), copy, symlinks=True)
    return copy


@cache
def signed() -> Signed:
    """The bundle in memory."""
    return read_signed(_workspace() / "build" / REF)


def read_signed(folder: Path) -> Signed:
    attestations = Path(f"{folder}.attestations")
    return Signed(
        files={one.name: one.read_bytes() for one in folder.iterdir()},
        attestations={one.name: one.read_bytes() for one in attestations.iterdir()},
    )


@cache
def another() -> Signed:
    """Another bundle, signed by the same builder."""
    folder = make(Path(mkdtemp(prefix="rsppc-signed-")), CLEAN, **{BUNDLE_PATH: BUNDLE.replace("v1.1", "v1.2")})
    key_file(folder, "builder", SEED)
    for words in (["build"], ["sign", REF, "--key", "builder.key"]):
        assert rsppc_here(folder, *words).returncode == 0
    return read_signed(folder / "build" / REF)
