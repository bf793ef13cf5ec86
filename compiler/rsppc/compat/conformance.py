"""Whether a runtime passed what its conformance profile demands. What was not run is not passed."""

from __future__ import annotations

from datetime import datetime

from rsppc.base.names import parse_ref, version_key
from rsppc.base.record import replace
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Related
from rsppc.evidence.moment import moment_text, read_moment
from rsppc.evidence.reading import AHEAD_MAX, MalformedMoment
from rsppc.lowering.artifacts import Artifact
from rsppc.lowering.check_shape import sound_mapping
from rsppc.model.conformance_results import CONFORMANCE_RESULTS
from rsppc.syntax.document import Mapping, Sequence
from rsppc.syntax.edits import as_json
from rsppc.syntax.json_reader import read_json
from rsppc.syntax.source_text import read_source


class UnknownConformanceProfile(Diagnostic):
    """Results count for the profile that was run. One that no policy declares demands nothing, and proves nothing."""

    code = "RSP7761"
    name = "unknown-conformance-profile"
    headline = "the results are of profile `{subject}`, which no policy in sight declares"
    hint = "{advice}"
    advice: str


class CategoryNotRun(Diagnostic):
    """Mandatory categories that are missing from the results were not run, and what was not run is not passed."""

    code = "RSP7762"
    name = "category-not-run"
    headline = "not run of the mandatory categories of `{subject}`: {missing}"
    hint = "run what is missing, and add its results"
    missing: str


class CategoryFailed(Diagnostic):
    """A runtime takes traffic only when every mandatory category of its profile passed."""

    code = "RSP7763"
    name = "category-failed"
    headline = "the runtime failed the mandatory category `{subject}` of `{profile}`"
    hint = "mend the runtime, and run the profile again"
    profile: str


class ResultsOfAnotherRuntime(Diagnostic):
    """What one runtime passed says nothing about another one, nor about another version of it."""

    code = "RSP7764"
    name = "results-of-another-runtime"
    headline = "the results are of runtime `{found}`, and this is about `{subject}`"
    hint = "run the profile on `{subject}`"
    found: str


class ResultsFromTheFuture(Diagnostic):
    """Results from the future come from a wrong clock, and nobody knows of which runtime they really speak."""

    code = "RSP7765"
    name = "results-from-the-future"
    headline = "the results were made at {made_at}, which is after {now}"
    hint = "set the clock right on the machine that made them, and run the profile again"
    made_at: str
    now: str


def read_results(path: str, data: bytes, sink: DiagnosticSink) -> Mapping | None:
    """The results in a file; None, with findings, where they are not of the declared form."""
    reading = DiagnosticSink()
    source = read_source(path, data, reading)
    document = read_json(source, reading) if source is not None else None
    root = document.root if document is not None else None
    if root is not None:
        root = sound_mapping(root, CONFORMANCE_RESULTS, reading)
    for found in reading.sorted():
        fixes = tuple(replace(fix, edits=tuple(map(as_json, fix.edits))) for fix in found.fixes)
        sink.report(replace(found, fixes=fixes) if fixes else found)
    return None if reading.has_errors else root


def check_results(
    results: Mapping, policies: list[Artifact], runtime: str | None, now: datetime, sink: DiagnosticSink
) -> None:
    """Report what keeps results from proving that a runtime conforms; `runtime` is the one that is meant, by reference
    or by version, where one is named."""
    _check_origin(results, runtime, now, sink)
    profiles = [
        (policy, profile)
        for policy in policies
        for profile in policy.root.get("conformance_profiles") or Sequence()
        if profile.get("profile_id") == results["profile_id"]
    ]
    if not profiles:
        known = sorted(
            profile["profile_id"]
            for policy in policies
            for profile in policy.root.get("conformance_profiles") or Sequence()
            if "profile_id" in profile
        )
        advice = "profiles are " + ", ".join(f"`{one}`" for one in known) if known else "declare it in a CompatPolicy"
        at = results.value_span("profile_id")
        sink.report(UnknownConformanceProfile(at=at, subject=results["profile_id"], advice=advice))
    for policy, profile in profiles:
        _check_categories(results, policy, profile, sink)


def _check_categories(results: Mapping, policy: Artifact, profile: Mapping, sink: DiagnosticSink) -> None:
    mandatory, found = profile.get("mandatory") or Sequence(), results["results"]
    name = profile["profile_id"]
    missing = ", ".join(f"`{category}`" for category in mandatory if category not in found)
    if missing:
        related = (Related(at=profile.key_span("mandatory"), text=f"mandatory by `{policy.ref}`"),)
        at = results.key_span("results")
        sink.report(CategoryNotRun(at=at, subject=name, missing=missing, related=related))
    for index, category in enumerate(mandatory):
        if found.get(category) is False:
            related = (Related(at=mandatory.value_span(index), text=f"mandatory by `{policy.ref}`"),)
            at = found.value_span(category)
            sink.report(CategoryFailed(at=at, subject=category, profile=name, related=related))


def _check_origin(results: Mapping, runtime: str | None, now: datetime, sink: DiagnosticSink) -> None:
    if runtime is not None and not _is_same(results["runtime"], runtime):
        at = results.value_span("runtime")
        sink.report(ResultsOfAnotherRuntime(at=at, subject=runtime, found=results["runtime"]))
    written, at = results["made_at"], results.value_span("made_at")
    made_at = read_moment(written)
    if made_at is None:
        sink.report(MalformedMoment(at=at, written=written))
    elif made_at - now > AHEAD_MAX:
        sink.report(ResultsFromTheFuture(at=at, made_at=written, now=moment_text(now)))


def _is_same(of_results: str, meant: str) -> bool:
    found, wanted = parse_ref(of_results), parse_ref(meant)
    if found is None:
        return False
    if wanted is None:  # a version alone
        return version_key(found.version) == version_key(meant)
    return (found.id, version_key(found.version)) == (wanted.id, version_key(wanted.version))
