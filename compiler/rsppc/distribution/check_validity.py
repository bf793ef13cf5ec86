"""Checks of whether what a distribution says may be used at all: staleness, leases, how long recordings are kept."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.distribution.walk import entries, mapping_at, mappings_in, text_at, whole_at
from rsppc.model.distribution import DISTRIBUTION
from rsppc.syntax.document import Mapping


class StaleDistribution(Diagnostic):
    """One part that is marked as stale keeps every turn from being opened: nobody acts on knowledge known to be old."""

    code = "RSP7410"
    name = "stale-distribution"
    headline = "{where} is marked as stale: every turn is deferred"
    hint = "take a fresh snapshot and build again; remove `stale` only if what stands here is fresh"
    where: str


class AuthorityDenied(Diagnostic):
    """A runtime opens turns only under a lease of the current epoch that lets it act."""

    code = "RSP7411"
    name = "authority-denied"
    headline = "`{key}` is false: the runtime may open no turn"
    hint = "issue a lease that is valid and authorizes the runtime"
    key: str


class LeaseExpired(Diagnostic):
    """Behind the end of its lease a runtime has no authority; turns end with `authority_revoked`."""

    code = "RSP7412"
    name = "lease-expired"
    headline = "the lease ended at {end}, and it is {now}"
    hint = "renew the lease"
    end: str
    now: str


class MalformedTime(Diagnostic):
    """A point in time is written as RFC 3339 says, so that the runtime and everybody else read the same from it."""

    code = "RSP7413"
    name = "malformed-time"
    headline = "`{written}` is no point in time"
    hint = "write it as in `2099-01-01T00:00:00Z`"
    written: str


class RetentionContradiction(Diagnostic):
    """What a retention policy says twice, it must say alike: otherwise recordings outlive the limit that protects them,
    or a policy is applied to another tenant than it was written for."""

    code = "RSP7414"
    name = "retention-contradiction"
    headline = "{problem}"
    hint = "{remedy}"
    problem: str
    remedy: str


_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


def point_in_time(text: str) -> datetime | None:
    """The point in time that a text states (RFC 3339); None if it states none."""
    if _TIME.fullmatch(text) is None:
        return None
    try:
        return datetime.fromisoformat(text.upper())
    except ValueError:  # a day or an hour that there is not
        return None


def check_validity(root: Mapping, now: datetime | None, sink: DiagnosticSink) -> None:
    """Report what must not be used. Without `now` nothing is said of what ends when."""
    if root.get("stale") is True:
        sink.report(StaleDistribution(at=root.value_span("stale"), where="the distribution"))
    sections = {field.name for field in DISTRIBUTION.fields}
    for name, section in mappings_in(root):
        if name in sections and section.get("stale") is True:
            sink.report(StaleDistribution(at=section.value_span("stale"), where=f"`{name}`"))
    for lease in entries(root, "lease"):
        for key in ("authority_epoch_valid", "authority_authorized"):
            if lease.get(key) is False:
                sink.report(AuthorityDenied(at=lease.value_span(key), key=key))
        if now is not None:
            _check_end(lease, now, sink)
    for tenant, policy in _retention_policies(root):
        _check_retention(tenant, policy, sink)


def _check_end(lease: Mapping, now: datetime, sink: DiagnosticSink) -> None:
    written = text_at(lease, "lease_expires_at_utc")
    if written is None:
        return
    at, end = lease.value_span("lease_expires_at_utc"), point_in_time(written)
    if end is None:
        sink.report(MalformedTime(at=at, written=written[:60]))
    elif end <= now:
        sink.report(LeaseExpired(at=at, end=written, now=now.isoformat().replace("+00:00", "Z")))


def _retention_policies(root: Mapping) -> Iterator[tuple[str | None, Mapping]]:
    default = mapping_at(root, "retention", "default_policy")
    if default is not None:
        yield None, default
    yield from mappings_in(mapping_at(root, "retention", "tenant_policies"))


def _check_retention(tenant: str | None, policy: Mapping, sink: DiagnosticSink) -> None:
    written = text_at(policy, "tenant_id")
    if tenant is not None and written is not None and written != tenant:
        problem = f"the retention policy of `{tenant}` says that it is for `{written}`"
        at = policy.value_span("tenant_id")
        sink.report(RetentionContradiction(at=at, problem=problem, remedy="write the same tenant in both places"))
    by_class = mapping_at(policy, "max_retention_by_class_ms")
    for payload_class, key in (("PII", "pii_retention_limit_ms"), ("PHI", "phi_retention_limit_ms")):
        limit = whole_at(policy, key)
        kept = whole_at(by_class, payload_class) if by_class is not None else None
        if by_class is not None and kept is not None and limit is not None and kept > limit:
            problem = f"`{payload_class}` is kept for {kept} ms, but `{key}` is {limit} ms"
            at = by_class.value_span(payload_class)
            sink.report(RetentionContradiction(at=at, problem=problem, remedy=f"write at most {limit}"))
