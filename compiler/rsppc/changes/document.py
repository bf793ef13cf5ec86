"""A comparison as the JSON document that `model/change.py` declares."""

from __future__ import annotations

from typing import Any

from rsppc.changes.compare import Change, Comparison, Group
from rsppc.changes.figures import Figure, Proof
from rsppc.changes.leaves import ABSENT
from rsppc.changes.wording import cause_text
from rsppc.model.change import DIFF_SCHEMA_VERSION


def document_of(found: Comparison) -> dict[str, Any]:
    """Everything that is known of a difference; what a side does not have is left out."""
    return {
        "schema_version": DIFF_SCHEMA_VERSION,
        "before": {"name": found.before, "ref": found.before_ref, "digest": found.before_digest},
        "after": {"name": found.after, "ref": found.after_ref, "digest": found.after_digest},
        "equal": not found.groups,
        "impact": {impact: len(changes) for impact, changes in found.by_impact().items()},
        "figures": [_figure(figure) for figure in found.figures],
        "causes": [_group(group) for group in found.groups],
    }


def _group(group: Group) -> dict[str, Any]:
    cause = group.cause
    named = {
        "before": cause.before,
        "after": cause.after,
        "part": cause.part,
        "place_before": cause.place_before,
        "place_after": cause.place_after,
    }
    return {
        "kind": cause.kind,
        "text": cause_text(group),
        **{key: text for key, text in named.items() if text},
        "changes": [_change(change) for change in group.changes],
    }


def _change(change: Change) -> dict[str, Any]:
    said: dict[str, Any] = {"path": change.shown, "steps": list(change.path), "impact": change.impact}
    for key, value in (("before", change.before), ("after", change.after)):
        if value is not ABSENT:
            said[key] = value
    for key, text in (
        ("unit", change.unit),
        ("words", change.words),
        ("origin_before", change.origin_before),
        ("origin_after", change.origin_after),
    ):
        if text:
            said[key] = text
    return said


def _figure(figure: Figure) -> dict[str, Any]:
    said: dict[str, Any] = {"name": figure.name, "words": figure.words, "unit": figure.unit}
    for key, proof in (("before", figure.before), ("after", figure.after)):
        if proof is not None:
            said[key] = _proof(proof)
    return said


def _proof(proof: Proof) -> dict[str, Any]:
    said: dict[str, Any] = {"proved": proof.value is not None}
    if proof.value is not None:
        said["value"] = proof.value
    if proof.limit is not None:
        said["limit"] = proof.limit
    if proof.slack is not None:
        said["slack"] = proof.slack
    if proof.unknown:
        said["unknown"] = list(proof.unknown)
    return said
