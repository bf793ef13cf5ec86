"""Read a baseline: whole, unchanged, of the bundle that is meant, and not in contradiction with itself."""

from __future__ import annotations

from typing import Any

from rsppc.base.record import Record
from rsppc.contracts.figures import SPANS, percentile
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.evidence.envelope import Release
from rsppc.evidence.reading import OtherRelease, sealed_root
from rsppc.model.baseline import BASELINE
from rsppc.syntax.document import Mapping

_BEFORE = (
    ("turn_open_proposed", "turn_open"),
    ("turn_open", "first_output_accepted"),
    ("turn_open", "terminal"),
    ("terminal", "close"),
    ("cancel_accepted", "cancel_fence_applied"),
    ("audio_ingress_speech_end", "playback_started"),
)
"""Moments of which the first is never later than the second."""


class ContradictoryBaseline(Diagnostic):
    """What a baseline says twice it says alike: totals follow from the turns, and moments follow each other. One that
    contradicts itself was not made by a run."""

    code = "RSP9311"
    name = "contradictory-baseline"
    headline = "{problem}"
    hint = "make the baseline again with `rsppc simulate`, or with the recorder of your runtime"
    problem: str


class Baseline(Record):
    """A run, as gates see it."""

    path: str
    release: Release
    scenario: str
    digest: str
    assumed: tuple[str, ...]
    """Outputs whose latency nobody stated, so that the run assumed one."""
    turns: tuple[dict[str, Any], ...]


def read_baseline(path: str, data: bytes, release: Release | None, sink: DiagnosticSink) -> Baseline | None:
    """The baseline in a file; None, with findings, where it cannot be relied on."""
    judging = DiagnosticSink()
    root = sealed_root(path, data, BASELINE, judging)
    if root is not None:
        _judge(root, release, judging)
    for found in judging.sorted():
        sink.report(found)
    if root is None or judging.has_errors:
        return None
    return Baseline(
        path=path,
        release=Release(bundle_ref=root["bundle"], bundle_digest=root["bundle_digest"]),
        scenario=root["scenario"],
        digest=root["digest"],
        assumed=tuple(root["assumed_latencies"]),
        turns=tuple(root["turns"]),
    )


def _judge(root: Mapping, release: Release | None, sink: DiagnosticSink) -> None:
    if release is not None:
        for key, wanted in (("bundle", release.bundle_ref), ("bundle_digest", release.bundle_digest)):
            if root[key] != wanted:
                sink.report(OtherRelease(at=root.value_span(key), found=f"`{root[key]}`", wanted=f"`{wanted}`"))
    _check_turns(root["turns"], sink)
    _check_totals(root, sink)
    _check_percentiles(root, sink)


def _check_turns(turns: Any, sink: DiagnosticSink) -> None:
    seen: set[str] = set()
    for turn in turns:
        name, at = turn["turn_id"], turn["anchors_us"]
        if name in seen:
            problem = f"turn `{name}` is there twice"
            sink.report(ContradictoryBaseline(at=turn.value_span("turn_id"), problem=problem))
        seen.add(name)
        for first, second in _BEFORE:
            if first in at and second in at and at[first] > at[second]:
                problem = f"`{second}` of turn `{name}` comes before its `{first}`"
                sink.report(ContradictoryBaseline(at=at.value_span(second), problem=problem))
        if turn["accepted"] != ("turn_open" in at):
            said = "accepted" if turn["accepted"] else "not accepted"
            problem = f"turn `{name}` is {said}, and {'lacks' if turn['accepted'] else 'has'} the moment `turn_open`"
            sink.report(ContradictoryBaseline(at=turn.value_span("accepted"), problem=problem))


def _check_totals(root: Mapping, sink: DiagnosticSink) -> None:
    turns, totals = root["turns"], root["totals"]
    accepted = [turn for turn in turns if turn["accepted"]]
    counted = {
        "proposed": len(turns),
        "accepted": len(accepted),
        "committed": sum(turn["outcome"] == "commit" for turn in accepted),
        "cancelled": sum(turn["reason"] == "cancel" for turn in accepted),
        "or02_complete": sum(turn["or02_complete"] for turn in accepted),
        "stale_epoch_rejected": sum(turn["stale_rejected"] for turn in turns),
    }
    for key, count in counted.items():
        if totals.get(key) != count:
            problem = f"`totals.{key}` is {totals.get(key, 'missing')}, and the turns say {count}"
            at = totals.value_span(key) if key in totals else root.key_span("totals")
            sink.report(ContradictoryBaseline(at=at, problem=problem))
    if totals.get("violations") != 0:
        problem = "the run broke an invariant of the runtime, and its figures count for nothing"
        at = totals.value_span("violations") if "violations" in totals else root.key_span("totals")
        sink.report(ContradictoryBaseline(at=at, problem=problem))


def _check_percentiles(root: Mapping, sink: DiagnosticSink) -> None:
    for name, stated in root["percentiles"].items():
        if name not in SPANS:
            problem = f"nobody computes percentiles of `{name}`"
            sink.report(ContradictoryBaseline(at=root["percentiles"].key_span(name), problem=problem))
            continue
        first, second = SPANS[name]
        values = [
            turn["anchors_us"][second] - turn["anchors_us"][first]
            for turn in root["turns"]
            if turn["accepted"] and first in turn["anchors_us"] and second in turn["anchors_us"]
        ]
        computed = {"count": len(values), "p50_us": percentile(values, 500), "p95_us": percentile(values, 950)}
        for key, value in computed.items():
            if stated[key] != value:
                problem = f"`percentiles.{name}.{key}` is {stated[key]}, and the turns say {value}"
                sink.report(ContradictoryBaseline(at=stated.value_span(key), problem=problem))
