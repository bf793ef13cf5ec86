"""Whether a gate manifest measures what a release demands: every demand once, as it is meant, and no looser."""

from __future__ import annotations

from typing import Any

from rsppc.base.names import near_miss
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Edit, Fix, Related
from rsppc.gates.formulas import ANCHORS, DEMANDS, FORMULAS, Demand, misses
from rsppc.gates.order import CHECKS
from rsppc.lowering.artifacts import Artifact, Artifacts
from rsppc.syntax.document import Mapping


class UnknownFormula(Diagnostic):
    """Formulas are a closed list, written out in words, so that everybody who reads a manifest knows what is computed
    and a release never rests on a figure that two people understand differently."""

    code = "RSP9301"
    name = "unknown-formula"
    headline = "gate `{subject}` has a formula that nobody computes"
    hint = "{advice}"
    advice: str


class OtherThanDemanded(Diagnostic):
    """The gates of the first release are fixed: from where to where they measure, how, and which demand they prove.
    A gate that measures something else under the same name proves nothing."""

    code = "RSP9302"
    name = "other-than-demanded"
    headline = "gate `{subject}` has `{key}: {written}`, where {feature} demands `{demanded}`"
    hint = "write `{key}: {demanded}`, or give the gate a name of its own"
    key: str
    written: str
    feature: str
    demanded: str


class LooserLimit(Diagnostic):
    """A manifest may be stricter than what a release demands, never looser."""

    code = "RSP9303"
    name = "looser-limit"
    headline = "gate `{subject}` allows `{statistic}: {written}`, looser than the {demanded} of {feature}"
    hint = "write {demanded}, or something stricter; a gate that is missed is mended in the pipeline"
    statistic: str
    written: int
    demanded: int
    feature: str


class LimitOfAnotherFormula(Diagnostic):
    """A limit speaks of the statistics that its formula computes, of all of them, and of nothing else."""

    code = "RSP9304"
    name = "limit-of-another-formula"
    headline = "the limit of gate `{subject}` {problem}"
    hint = "its formula computes {statistics}"
    problem: str
    statistics: str


class MissingGate(Diagnostic):
    """A release passes every gate that is demanded of it. What is not in the manifest would not be asked."""

    code = "RSP9305"
    name = "missing-gate"
    headline = "there is no gate `{subject}`, which {feature} demands"
    hint = "add it: {formula}, from `{anchor_from}` to `{anchor_to}`"
    feature: str
    formula: str
    anchor_from: str
    anchor_to: str


class DuplicateGate(Diagnostic):
    """One gate has one limit; of two entries nobody knows which one counts."""

    code = "RSP9306"
    name = "duplicate-gate"
    headline = "gate `{subject}` is there twice"
    hint = "remove one of the two"


class UnknownAnchor(Diagnostic):
    """Figures are measured between moments that every baseline has under one name."""

    code = "RSP9307"
    name = "unknown-anchor"
    headline = "no baseline has a moment `{written}`"
    hint = "{advice}"
    written: str
    advice: str


class UnknownCheck(Diagnostic):
    """A gate names the checks that must have passed for it; one that does not exist would never run."""

    code = "RSP9308"
    name = "unknown-gate-check"
    headline = "there is no check `{written}`"
    hint = "{advice}"
    written: str
    advice: str


def check_artifact(artifacts: Artifacts, artifact: Artifact, sink: DiagnosticSink) -> None:
    """Report what is wrong with a gate manifest beyond its form."""
    seen: dict[str, Mapping] = {}
    for gate in artifact.root.get("gates") or ():
        name = gate.get("gate")
        if name is None:
            continue
        if name in seen:
            related = (Related(at=seen[name].value_span("gate"), text="the first one is here"),)
            sink.report(DuplicateGate(at=gate.value_span("gate"), subject=name, related=related))
            continue
        seen[name] = gate
        _check_gate(name, gate, sink)
    if artifact.partial or "gates" not in artifact.root:
        return
    for name, demand in DEMANDS.items():
        if name not in seen:
            facts = {key: getattr(demand, key) for key in ("feature", "formula", "anchor_from", "anchor_to")}
            sink.report(MissingGate(at=artifact.root.key_span("gates"), subject=name, **facts))


def _check_gate(name: str, gate: Mapping, sink: DiagnosticSink) -> None:
    demand = DEMANDS.get(name)
    if demand is not None:
        _check_demand(name, gate, demand, sink)
    elif "formula" in gate and gate["formula"] not in FORMULAS:
        advice = _advice(gate["formula"], FORMULAS)
        sink.report(UnknownFormula(at=gate.value_span("formula"), subject=name, advice=advice))
    for key in ("anchor_from", "anchor_to"):
        if demand is None and gate.get(key, "close") not in ANCHORS:
            advice = _advice(gate[key], ANCHORS)
            sink.report(UnknownAnchor(at=gate.value_span(key), written=gate[key], advice=advice))
    _check_limit(name, gate, demand, sink)
    if demand is not None and gate.get("checks"):  # a gate without any stays closed
        _check_checks(name, gate, demand, sink)
    for index, check in enumerate(gate.get("checks", ())):
        if check not in CHECKS:
            at = gate["checks"].value_span(index)
            sink.report(UnknownCheck(at=at, written=check, advice=_advice(check, CHECKS)))


def _check_demand(name: str, gate: Mapping, demand: Demand, sink: DiagnosticSink) -> None:
    for key in ("feature", "anchor_from", "anchor_to", "formula"):
        demanded = getattr(demand, key)
        written = gate.get(key)
        if written == demanded or (written is None and key == "formula"):  # its absence is reported already
            continue
        at = gate.value_span(key) if key in gate else gate.value_span("gate")
        edits = (Edit(at=at, text=demanded),) if key in gate else ()
        fixes = (Fix(title=f"write `{demanded}`", edits=edits, plan_changes=False),) if edits else ()
        sink.report(
            OtherThanDemanded(
                at=at,
                subject=name,
                key=key,
                written="nothing" if written is None else written,
                feature=demand.feature,
                demanded=demanded,
                fixes=fixes,
            )
        )


def _check_checks(name: str, gate: Mapping, demand: Demand, sink: DiagnosticSink) -> None:
    written: list[str] = list(gate["checks"])
    lacking = [check for check in demand.checks if check not in written]
    if lacking and all(check in CHECKS for check in written):  # else one of them is perhaps what is lacking
        demanded = f"[{', '.join([*written, *lacking])}]"
        facts: dict[str, Any] = {"key": "checks", "written": f"[{', '.join(written)}]", "feature": demand.feature}
        sink.report(OtherThanDemanded(at=gate.value_span("checks"), subject=name, demanded=demanded, **facts))


def _check_limit(name: str, gate: Mapping, demand: Demand | None, sink: DiagnosticSink) -> None:
    limit = gate.get("limit")
    formula = FORMULAS.get(demand.formula if demand is not None else gate.get("formula", ""))
    if limit is None or formula is None:
        return
    statistics = ", ".join(f"`{statistic}`" for statistic in formula.statistics)
    for key, value in limit.items():
        problem = None
        if key not in formula.statistics:
            problem = f"speaks of `{key}`"
        elif not _is_count(value):
            problem = f"gives `{key}` no whole number from 0 on"
        if problem is not None:
            at = limit.value_span(key)
            sink.report(LimitOfAnotherFormula(at=at, subject=name, problem=problem, statistics=statistics))
    for statistic in formula.statistics:
        if statistic not in limit:
            at, problem = gate.value_span("limit"), f"says nothing of `{statistic}`"
            sink.report(LimitOfAnotherFormula(at=at, subject=name, problem=problem, statistics=statistics))
        elif demand is not None and _is_count(limit[statistic]):
            _check_strictness(name, statistic, limit, demand, sink)


def _check_strictness(name: str, statistic: str, limit: Mapping, demand: Demand, sink: DiagnosticSink) -> None:
    written, demanded = limit[statistic], demand.limit[statistic]
    if misses(statistic, written, demanded):
        at = limit.value_span(statistic)
        facts: dict[str, Any] = {"statistic": statistic, "written": written, "demanded": demanded}
        sink.report(LooserLimit(at=at, subject=name, feature=demand.feature, **facts))


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _advice(written: str, known: Any) -> str:
    guess = near_miss(written, known)
    return f"did you mean `{guess}`?" if guess else "there are " + ", ".join(f"`{one}`" for one in known)
