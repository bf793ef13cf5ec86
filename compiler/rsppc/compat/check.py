"""Whether a CompatPolicy can be meant: its matrix, its deprecations, its conformance profiles, its rules.

Runs on an artifact of sound form. Nothing here needs a clock, a build or a store.
"""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.base.names import near_miss, parse_ref
from rsppc.base.source import Span
from rsppc.compat.check_matrix import check_matrix
from rsppc.compat.deprecation import STEPS, day_of
from rsppc.compat.keys import KINDS, wrong_step
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Related
from rsppc.lowering.artifacts import Artifact, Artifacts
from rsppc.syntax.document import Mapping, Sequence


class NoSuchDay(Diagnostic):
    """A step on a day that the calendar does not have never takes effect, or takes effect when somebody guesses."""

    code = "RSP7706"
    name = "no-such-day"
    headline = "`{key}` is `{subject}`, and there is no such day"
    hint = "write a day that the calendar has"
    key: str


class StepsOutOfOrder(Diagnostic):
    """What goes away first warns, then is refused, then is gone. Users need the time between the steps to change over;
    where two fall together, one of them never happens."""

    code = "RSP7707"
    name = "steps-out-of-order"
    headline = "`{key}` is `{subject}`, and `{before}`, which comes before it, is `{earlier}`"
    hint = "write `warning`, `enforce` and `remove` in this order, each on a later day"
    key: str
    before: str
    earlier: str


class RepeatedDeprecation(Diagnostic):
    """Two deprecations of one thing give it two sets of days, and nobody knows which of them hold."""

    code = "RSP7708"
    name = "repeated-deprecation"
    headline = "{what} is deprecated twice"
    hint = "remove one of the two"
    what: str


class DeprecationOfNothing(Diagnostic):
    """A deprecation that names what there cannot be never finds a use of it, so that nobody is warned."""

    code = "RSP7709"
    name = "deprecation-of-nothing"
    headline = "`{subject}` names {problem}"
    hint = "{advice}"
    problem: str
    advice: str


class RepeatedConformanceProfile(Diagnostic):
    """Results of a runtime name the profile that was run. Of two profiles under one name, the laxer one would do."""

    code = "RSP7710"
    name = "repeated-conformance-profile"
    headline = "there are two conformance profiles `{subject}`"
    hint = "rename one of them"


class RepeatedCompatRule(Diagnostic):
    """Reports name the rule that was broken, so that a name must stand for one rule of its policy."""

    code = "RSP7711"
    name = "repeated-compat-rule"
    headline = "the policy has two rules `{subject}`"
    hint = "rename one of them"


class RuleWithoutContent(Diagnostic):
    """A rule says in words what a list beside it says for machines. Without the list, whoever reads the rule believes
    that something is enforced, and nothing is."""

    code = "RSP7712"
    name = "rule-without-content"
    severity = "warning"
    headline = "rule `{subject}` is of kind `{kind}`, and no policy here has {missing}"
    hint = "add {missing}, or remove the rule"
    kind: str
    missing: str


_CONTENT = {
    "skew": "allowed_cells",
    "deprecation": "deprecations",
    "conformance": "conformance_profiles",
}
"""Kind of rule → the key of a policy that it rules; other policies of the workspace may hold it."""


def check_artifact(artifacts: Artifacts, artifact: Artifact, sink: DiagnosticSink) -> None:
    """Report what is wrong with a CompatPolicy beyond its form."""
    root = artifact.root
    if not any(found.severity == "error" for found in artifact.diagnostics):  # else a cell may only seem to be missing
        check_matrix(root, sink)
    _check_deprecations(root, sink)
    _check_unique("profile_id", root.get("conformance_profiles"), RepeatedConformanceProfile, sink)
    _check_unique("id", root.get("rules"), RepeatedCompatRule, sink)
    _check_rules(artifacts, root, sink)


def _check_deprecations(root: Mapping, sink: DiagnosticSink) -> None:
    seen: dict[str, Span] = {}
    for one in root.get("deprecations") or Sequence():
        _check_steps(one, sink)
        for subject, at in _subjects(one):
            first = seen.setdefault(subject, at)
            if first is not at:
                sink.report(
                    RepeatedDeprecation(at=at, what=subject, related=(Related(at=first, text="the first one"),))
                )
        if "applies_to" in one:
            _check_use(one["applies_to"], sink)


def _subjects(deprecation: Mapping) -> Iterator[tuple[str, Span]]:
    """What a deprecation speaks of, in words and for machines."""
    if "feature" in deprecation:
        yield f"`{deprecation['feature']}`", deprecation.value_span("feature")
    use = deprecation.get("applies_to") or Mapping()
    for key in use:
        yield f"`{key}: {use[key]}`", use.value_span(key)


def _check_steps(deprecation: Mapping, sink: DiagnosticSink) -> None:
    before: str | None = None
    for step in STEPS:
        if step not in deprecation:
            continue
        written, at = deprecation[step], deprecation.value_span(step)
        if day_of(written) is None:
            sink.report(NoSuchDay(at=at, subject=written, key=step))
            continue
        if before is not None and written <= deprecation[before]:
            related = (Related(at=deprecation.value_span(before), text="the step before"),)
            sink.report(
                StepsOutOfOrder(
                    at=at, subject=written, key=step, before=before, earlier=deprecation[before], related=related
                )
            )
        before = step


def _check_use(use: Mapping, sink: DiagnosticSink) -> None:
    if "artifact" in use:
        ref = parse_ref(use["artifact"])
        if ref is None or ref.kind not in KINDS or ref.digest is not None:
            problem, advice = "no artifact", "write it with its kind, as in `profile:simple/v1`"
            at = use.value_span("artifact")
            sink.report(DeprecationOfNothing(at=at, subject=use["artifact"], problem=problem, advice=advice))
    if "key" in use:
        found = wrong_step(use["key"])
        if found is not None:
            guess = near_miss(found.step, found.known)
            known = ", ".join(f"`{one}`" for one in found.known)
            sink.report(
                DeprecationOfNothing(
                    at=use.value_span("key"),
                    subject=use["key"],
                    problem=found.problem,
                    advice=f"did you mean `{guess}`?" if guess else f"there are {known}" if known else "shorten it",
                )
            )


def _check_unique(
    key: str,
    items: Sequence | None,
    kind: type[RepeatedConformanceProfile] | type[RepeatedCompatRule],
    sink: DiagnosticSink,
) -> None:
    seen: dict[str, Mapping] = {}
    for item in items or Sequence():
        if key in item:
            first = seen.setdefault(item[key], item)
            if first is not item:
                related = (Related(at=first.value_span(key), text="the first one is here"),)
                sink.report(kind(at=item.value_span(key), subject=item[key], related=related))


def _check_rules(artifacts: Artifacts, root: Mapping, sink: DiagnosticSink) -> None:
    for rule in root.get("rules") or Sequence():
        kind = rule.get("kind")
        if kind == "profile":
            missing = "" if rule.get("profiles_allowed") else "profiles_allowed"
        else:
            missing = _CONTENT.get(kind, "")
            if missing and (root.get(missing) or any(one.root.get(missing) for one in artifacts.of_kind("compat")[0])):
                missing = ""
        if missing:
            at = rule.value_span("kind")
            sink.report(RuleWithoutContent(at=at, subject=rule.get("id", ""), kind=kind, missing=f"`{missing}`"))
