"""The events of a store: an append-only log without gaps, each chained to the one before by its digest.

Everything that the store knows follows from them. An event's bytes are canonical JSON of `seq`, `previous`, `type`,
`at`, `tenant`, `package_id` and `data`; its digest is BLAKE3 of these bytes, and `previous` is the digest of the event
before it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from rsppc.base.canonical_json import canonical
from rsppc.base.record import Record
from rsppc.store.hashing import blake3_of

CREATED = "v1.package.created"
INGESTED = "v1.file.ingested"
DEFAULT_APPLIED = "v1.retention.default_applied"
FINALIZED = "v1.package.finalized"
EXTENDED = "v1.retention.extended"
HOLD_SET = "v1.retention.hold_set"
HOLD_RELEASED = "v1.retention.hold_released"
ATTACHED = "v1.attestation.attached"
VERIFIED = "v1.package.verified"
COLLECTED = "v1.package.collected"

TYPES = (
    CREATED,
    INGESTED,
    DEFAULT_APPLIED,
    FINALIZED,
    EXTENDED,
    HOLD_SET,
    HOLD_RELEASED,
    ATTACHED,
    VERIFIED,
    COLLECTED,
)

GENESIS = "blake3:" + "0" * 64
"""What the first event is chained to."""


class Event(Record):
    """One thing that happened. `at` is what the writer's clock said, in UTC; only `seq` orders events."""

    seq: int
    previous: str
    type: str
    at: str
    tenant: str
    package_id: str
    data: dict[str, Any]

    def encoded(self) -> bytes:
        """The canonical bytes, of which the digest is taken."""
        return canonical(self)


_DECODER = msgspec.json.Decoder(Event, strict=True)


def decoded(body: object) -> Event | None:
    """The event that bytes state; None where they are not the canonical bytes of one, or a damaged row has others."""
    if not isinstance(body, bytes):
        return None
    try:
        event = _DECODER.decode(body)
    except (msgspec.DecodeError, msgspec.ValidationError, ValueError, RecursionError):
        return None
    return event if event.encoded() == body else None


def digest_of(body: bytes) -> str:
    """The digest by which the next event is chained to this one."""
    return blake3_of(body)
