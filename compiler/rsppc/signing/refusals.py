"""Why something is not believed.

Verification has no result that could be overlooked: what is not proved is an exception, which names every reason that
was found. Each reason has a stable code, so that scripts need not read sentences.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from rsppc.base.record import Record

Code = Literal[
    "algorithm-unknown",
    "attestation-missing",
    "bundle-mixed",
    "digest-differs",
    "envelope-malformed",
    "file-missing",
    "file-not-signed",
    "input-differs",
    "input-missing",
    "key-expired",
    "key-malformed",
    "key-role",
    "key-unknown",
    "keys-missing",
    "package-damaged",
    "payload-malformed",
    "payload-type",
    "policy-expired",
    "predicate-other",
    "rebuild-differs",
    "rebuild-failed",
    "rolled-back",
    "sbom-malformed",
    "sbom-missing",
    "signature-malformed",
    "signature-missing",
    "signature-wrong",
    "subject-missing",
    "subject-other",
]


class Refusal(Record):
    """One reason, and what to do about it."""

    code: Code
    what: str
    advice: str = ""


class Refused(Exception):
    """Something is not believed."""

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        super().__init__("; ".join(one.what for one in refusals))
        self.refusals = tuple(refusals)


def refused(code: Code, what: str, advice: str = "") -> Refused:
    """A refusal with one reason, to be raised."""
    return Refused([Refusal(code=code, what=what, advice=advice)])
