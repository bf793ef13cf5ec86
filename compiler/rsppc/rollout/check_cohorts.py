"""Whether the cohorts of a rollout are parts of the traffic that can be told apart."""

from __future__ import annotations

from rsppc.base.source import Span
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Related
from rsppc.rollout.plan import first_share, moves
from rsppc.syntax.document import Mapping, Sequence


class DuplicateCohort(Diagnostic):
    """Cohorts are named in answers and in records, so that a name must stand for one of them."""

    code = "RSP7605"
    name = "duplicate-cohort"
    headline = "the rollout has two cohorts `{subject}`"
    hint = "rename one of them"


class CohortOfNobody(Diagnostic):
    """A cohort is a part of the traffic: tenants, a share of the sessions, or regions. One that says nothing of these
    is nobody."""

    code = "RSP7606"
    name = "cohort-of-nobody"
    headline = "cohort `{subject}` does not say who belongs to it"
    hint = "add `percentage`, `tenant_allowlist` or `regions`"


class CohortInTwoWays(Diagnostic):
    """Tenants belong to a cohort with all of their sessions, a share takes sessions of everybody. Whether a share of a
    list is meant, or both one after the other, cannot be told."""

    code = "RSP7607"
    name = "cohort-in-two-ways"
    headline = "cohort `{subject}` has both a `percentage` and a `tenant_allowlist`"
    hint = "make two cohorts of it"


class SecondShare(Diagnostic):
    """A rollout moves one number: the share of sessions that get the bundle. Two cohorts that take shares for the same
    bundle leave open which of them grows."""

    code = "RSP7608"
    name = "second-share"
    headline = "`{subject}` is the second cohort that takes a share of the sessions for this bundle"
    hint = "add its percentage to that of `{other}`, and remove it"
    other: str


class SharesDoNotAddUp(Diagnostic):
    """Every session gets exactly one bundle. Shares beyond 100 percent promise some sessions twice; where shares are
    given for both bundles and stay below 100, some sessions are promised none."""

    code = "RSP7609"
    name = "shares-do-not-add-up"
    headline = "the shares of the cohorts add up to {total} percent"
    hint = "let `{subject}` have {rest} percent, so that they are 100"
    total: int
    rest: int


class InTwoCohorts(Diagnostic):
    """What is listed belongs to one cohort. In two, the order of the file would decide who gets which bundle."""

    code = "RSP7610"
    name = "in-two-cohorts"
    headline = "{what} `{subject}` belongs to the cohorts `{first}` and `{second}`"
    hint = "remove it from one of them"
    what: str
    first: str
    second: str


class AllowedAndDenied(Diagnostic):
    """A tenant that is kept out gets no session at all, so that a cohort cannot give it one."""

    code = "RSP7611"
    name = "allowed-and-denied"
    headline = "tenant `{subject}` belongs to cohort `{cohort}`, and is kept out by `tenants_denied`"
    hint = "remove it from one of the two lists"
    cohort: str


class BlanksAroundName(Diagnostic):
    """Tenants are compared letter by letter. A blank before or behind a name is invisible, and makes it a name that no
    session has."""

    code = "RSP7612"
    name = "blanks-around-name"
    headline = "there are blanks around the name `{subject}`"
    hint = "write it without them"


class CohortWithoutEffect(Diagnostic):
    """Where everybody gets the bundle from the beginning, those who are listed get it anyway. The list was most likely
    meant for a smaller share, or for the other bundle."""

    code = "RSP7613"
    name = "cohort-without-effect"
    severity = "warning"
    headline = "cohort `{subject}` changes nothing: `{other}` gives the bundle to everybody"
    hint = "remove it, or give everybody less than 100 percent"
    other: str


def check_cohorts(root: Mapping, sink: DiagnosticSink) -> None:
    """Report cohorts that are nobody, that overlap, or that do not add up."""
    seen: dict[str, Mapping] = {}
    for cohort in root["cohorts"]:
        name = cohort["name"]
        if name in seen:
            related = (Related(at=seen[name].value_span("name"), text="the first one is here"),)
            sink.report(DuplicateCohort(at=cohort.value_span("name"), subject=name, related=related))
        seen.setdefault(name, cohort)
        _check_membership(cohort, sink)
    _check_shares(root, sink)
    _check_lists(root, sink)
    _check_effect(root, sink)


def _check_membership(cohort: Mapping, sink: DiagnosticSink) -> None:
    if not any(key == "percentage" or cohort[key] for key in _WAYS if key in cohort):
        sink.report(CohortOfNobody(at=cohort.value_span("name"), subject=cohort["name"]))
    if "percentage" in cohort and cohort.get("tenant_allowlist"):
        at = cohort.key_span("tenant_allowlist")
        related = (Related(at=cohort.key_span("percentage"), text="the share"),)
        sink.report(CohortInTwoWays(at=at, subject=cohort["name"], related=related))


_WAYS = ("percentage", "tenant_allowlist", "regions")


def _check_shares(root: Mapping, sink: DiagnosticSink) -> None:
    shares = [cohort for cohort in root["cohorts"] if "percentage" in cohort]
    by_side: dict[bool, Mapping] = {}
    for cohort in shares:
        first = by_side.setdefault(moves(cohort, root["bundle_ref"]), cohort)
        if first is not cohort:
            at, related = cohort.value_span("name"), (Related(at=first.value_span("name"), text="the first one"),)
            sink.report(SecondShare(at=at, subject=cohort["name"], other=first["name"], related=related))
    total = sum(cohort["percentage"] for cohort in shares)
    if total > 100 or (len(by_side) == 2 and total < 100):
        last = shares[-1]
        rest = max(0, 100 - (total - last["percentage"]))
        at = last.value_span("percentage")
        sink.report(SharesDoNotAddUp(at=at, subject=last["name"], total=total, rest=rest))


def _check_lists(root: Mapping, sink: DiagnosticSink) -> None:
    """Tenants, and regions of cohorts that are made of regions alone."""
    tenants: dict[str, tuple[str, Span]] = {}
    regions: dict[str, tuple[str, Span]] = {}
    for cohort in root["cohorts"]:
        _add(cohort, "tenant_allowlist", "tenant", tenants, sink)
        if "percentage" not in cohort and not cohort.get("tenant_allowlist"):
            _add(cohort, "regions", "region", regions, sink)
    constraints = root.get("admission_constraints") or Mapping()
    denied = constraints.get("tenants_denied") or Sequence()
    for index, tenant in enumerate(denied):
        at = denied.value_span(index)
        _check_blanks(tenant, at, sink)
        if tenant in tenants:
            cohort_name, place = tenants[tenant]
            related = (Related(at=place, text="the cohort's list"),)
            sink.report(AllowedAndDenied(at=at, subject=tenant, cohort=cohort_name, related=related))


def _add(cohort: Mapping, key: str, what: str, found: dict[str, tuple[str, Span]], sink: DiagnosticSink) -> None:
    listed = cohort.get(key) or Sequence()
    for index, name in enumerate(listed):
        at = listed.value_span(index)
        _check_blanks(name, at, sink)
        first, place = found.setdefault(name, (cohort["name"], at))
        if place is not at:
            related = (Related(at=place, text="the first one"),)
            sink.report(
                InTwoCohorts(at=at, what=what, subject=name, first=first, second=cohort["name"], related=related)
            )


def _check_blanks(name: str, at: Span, sink: DiagnosticSink) -> None:
    if name != name.strip():
        sink.report(BlanksAroundName(at=at, subject=name))


def _check_effect(root: Mapping, sink: DiagnosticSink) -> None:
    mine = [cohort for cohort in root["cohorts"] if moves(cohort, root["bundle_ref"])]
    if first_share(root) < 100:
        return
    everybody = next((cohort for cohort in mine if cohort.get("percentage") == 100 and not cohort.get("regions")), None)
    for cohort in mine:
        if everybody is not None and "percentage" not in cohort and any(cohort.get(key) for key in _WAYS):
            at = cohort.value_span("name")
            sink.report(CohortWithoutEffect(at=at, subject=cohort["name"], other=everybody["name"]))
