"""Make evidence: one envelope for every report.

The last key, `digest`, is the digest of everything else, so that a value that was changed afterwards is noticed. That
protects against accidents and careless hands; against forgers evidence is signed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from rsppc.base.canonical_json import digest_value
from rsppc.base.digest import Digest
from rsppc.base.record import Record
from rsppc.model.evidence import SCHEMA_VERSION
from rsppc.version import VERSION

Status = Literal["pass", "fail", "not_run"]


class Checked(Record):
    """One question with its answer."""

    check: str
    subject: str
    status: Status
    message: str = ""


class Release(Record):
    """The bundle that evidence speaks of."""

    bundle_ref: str
    bundle_digest: str


class Evidence(Record):
    """What was found about a release."""

    evidence: str
    release: Release
    made_at: str
    status: Status
    checks: tuple[Checked, ...]
    inputs: tuple[tuple[str, str], ...]
    """Name and digest of everything that it was made from, in order."""
    figures: dict[str, Any]
    digest: str


def together(statuses: Iterable[Status]) -> Status:
    """The status of several checks: one failure fails all, and what was not run, or nothing at all, is no pass."""
    seen = set(statuses)
    if "fail" in seen:
        return "fail"
    return "pass" if seen == {"pass"} else "not_run"


def sealed(
    evidence: str,
    release: Release,
    *,
    made_at: str,
    checks: Sequence[Checked],
    inputs: Mapping[str, str],
    figures: Mapping[str, Any],
) -> dict[str, Any]:
    """Evidence as plain values, to be written with `canonical` and a final newline."""
    body: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "evidence": evidence,
        "release": {"bundle_ref": release.bundle_ref, "bundle_digest": release.bundle_digest},
        "made_at": made_at,
        "made_by": f"rsppc {VERSION}",
        "status": together(one.status for one in checks),
        "checks": [
            {"check": one.check, "subject": one.subject, "status": one.status, "message": one.message} for one in checks
        ],
        "inputs": [{"name": name, "digest": digest} for name, digest in inputs.items()],
        "figures": dict(figures),
    }
    return {**body, "digest": seal_of(body)}


def seal_of(body: Mapping[str, Any]) -> Digest:
    """The digest that evidence must carry."""
    return digest_value({key: value for key, value in body.items() if key != "digest"})
