"""The earlier deprecation policy: what goes away, at which instants, and checks of those instants."""

from __future__ import annotations

import re
from typing import Any

from rsppc.diagnostics import DiagnosticSink
from rsppc.importing.earlier import Earlier, EarlierKind, Target, target
from rsppc.importing.fields import TEXT
from rsppc.importing.findings import Became, EarlierWrongValue, NotCarried
from rsppc.importing.linking import EarlierSet
from rsppc.model.release import COMPAT_POLICY
from rsppc.model.shape import Choice, Listing, Nested, Shape, Text, field

_TODAY = {"warning_from_utc": "warning", "enforce_from_utc": "enforce", "remove_from_utc": "remove"}
_INSTANT = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})Z")

DEPRECATION = EarlierKind(
    name="deprecation",
    schema_version="rspp.deprecation-policy.v1",
    id_key="policy_id",
    shape=Shape(
        name="deprecation policy",
        doc="What goes away.",
        fields=(
            field("schema_version", TEXT, "Announces the kind of artifact.", required=True),
            field("policy_id", TEXT, "Name and version of the policy.", required=True),
            field(
                "rules",
                Listing(
                    item=Nested(
                        shape=Shape(
                            name="rule",
                            doc="One thing that goes away.",
                            fields=(
                                field("field_path", TEXT, "What goes away.", required=True),
                                *(field(key, TEXT, "An instant in UTC.", required=True) for key in _TODAY),
                                field("migration_hint", Text(length_max=500), "What to do.", required=True),
                            ),
                        )
                    ),
                    length_min=1,
                ),
                "What goes away.",
                required=True,
            ),
            field(
                "usage_checks",
                Listing(
                    item=Nested(
                        shape=Shape(
                            name="usage check",
                            doc="The state at an instant.",
                            fields=(
                                field("field_path", TEXT, "What goes away.", required=True),
                                field("observed_at_utc", TEXT, "The instant.", required=True),
                                field(
                                    "expected_state",
                                    Choice(values=("allowed", "warning", "enforced", "removed")),
                                    "The state that is expected.",
                                    required=True,
                                ),
                            ),
                        )
                    )
                ),
                "Checks of the instants.",
            ),
        ),
    ),
)


def translate_deprecation(earlier: Earlier, all_: EarlierSet, sink: DiagnosticSink) -> list[Target]:
    """The same three steps, each on its day."""
    rules = earlier.root["rules"]
    found = [_deprecation(rule, f"rules[{index}]", sink) for index, rule in enumerate(rules)]
    if None in found:
        return []
    sink.report(Became(at=earlier.root.key_span("rules"), subject="rules", outcome="become `deprecations`"))
    if "usage_checks" in earlier.root:
        reason = "which state holds at an instant follows from the three days"
        sink.report(NotCarried(at=earlier.root.key_span("usage_checks"), subject="usage_checks", reason=reason))
    statement = "What goes away first warns, then is refused, then is gone, each from its day on."
    content = {
        "rules": [{"id": "three_steps_out", "kind": "deprecation", "statement": statement}],
        "deprecations": found,
    }
    return [target(earlier, COMPAT_POLICY, content)]


def _deprecation(rule: Any, path: str, sink: DiagnosticSink) -> dict[str, str] | None:
    """One deprecation; None, and findings, where its steps are no instants or not in order."""
    days: dict[str, str] = {}
    last = ""
    for before, after in _TODAY.items():
        written, at, subject = rule[before], rule.value_span(before), f"{path}.{before}"
        if not _is_instant(written):
            advice = "instants are written as `2026-01-31T00:00:00Z`"
            sink.report(EarlierWrongValue(at=at, subject=subject, problem="is no instant in UTC", advice=advice))
            continue
        day, _, time = written.partition("T")
        if time != "00:00:00Z":
            reason = f"a step takes effect at the beginning of a day, here {day}"
            sink.report(NotCarried(at=at, subject=subject, reason=reason))
        if day <= last:
            problem = f"is `{day}`, and the step before it is `{last}`"
            sink.report(EarlierWrongValue(at=at, subject=subject, problem=problem, advice="each step is later"))
            continue
        days[after] = last = day
    if len(days) < len(_TODAY):
        return None
    return {"feature": rule["field_path"], **days, "replacement": rule["migration_hint"]}


def _is_instant(text: str) -> bool:
    found = _INSTANT.fullmatch(text)
    if found is None:
        return False
    year, month, day, hour, minute, second = (int(one) for one in found.groups())
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    lengths = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    if year == 0 or not 1 <= month <= 12 or not 1 <= day <= lengths[month - 1]:
        return False
    return hour < 24 and minute < 60 and second < 60
