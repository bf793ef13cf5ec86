"""All questions about the compatibility of a workspace and of a release, asked in one order.

What is not given is not asked, and stays `not_run`: a gate that needs an answer says what to give.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rsppc.base.record import Record
from rsppc.compat.check import check_artifact
from rsppc.compat.conformance import check_results
from rsppc.compat.deprecation import STATES
from rsppc.compat.matrix import matrix_of
from rsppc.compat.release import NoMatrix, Versions, check_combination, check_window
from rsppc.compat.report import Question, checked, stewardship
from rsppc.compat.usage import check_usage, deprecated
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.evidence.envelope import Checked
from rsppc.lowering.artifacts import Artifact, Artifacts
from rsppc.lowering.references import check_references
from rsppc.model.kinds import KINDS
from rsppc.syntax.document import Mapping

_THREE = "`--runtime`, `--control-plane` and `--schema`"


class Asked(Record):
    """What is asked about."""

    policies: tuple[Artifact, ...]
    now: datetime
    versions: Versions | None = None
    bundle: Mapping | None = None
    """Manifest of the built bundle."""
    runtime: str | None = None
    """The runtime whose conformance is meant, by reference or by version."""
    results: Mapping | None = None
    """What a conformance run found."""
    unread: tuple[Diagnostic, ...] = ()
    """Why what a conformance run found cannot be read."""


class Inspected(Record):
    """What was found, and what it comes to."""

    found: tuple[Diagnostic, ...]
    checks: tuple[Checked, ...]
    figures: dict[str, Any]


def policies_in_sight(artifacts: Artifacts) -> tuple[Artifact, ...]:
    """The policies of the workspace, and those that ship under other names."""
    own, shipped = artifacts.of_kind("compat")
    for one in own:
        artifacts.at(one.path)  # says what other files make wrong with it, too
    taken = {one.ref for one in own}
    return (*own, *(one for one in shipped if one.ref not in taken))


def inspect(artifacts: Artifacts, asked: Asked) -> Inspected:
    """Ask everything that can be asked."""
    used, unread = _workspace(artifacts)
    known = deprecated(asked.policies, asked.now)
    questions = (
        Question(
            check="policies",
            subject=", ".join(f"`{policy.ref}`" for policy in asked.policies) or "no policy",
            found=_policies_alone(artifacts, asked.policies),
            missing="",
        ),
        Question(
            check="skew",
            subject=asked.versions.words() if asked.versions is not None else "a release",
            found=_combination(asked),
            missing=f"name {_THREE}",
        ),
        Question(
            check="windows",
            subject=_ref(asked.bundle) if asked.bundle is not None else "a bundle",
            found=_window(asked),
            missing=f"name {_THREE}" if asked.bundle is not None else f"name `--bundle`, and {_THREE}",
        ),
        Question(
            check="deprecations",
            subject=f"{len(used)} artifact{'s'[: len(used) != 1]} of the workspace",
            found=(*unread, *check_usage(known, used)),
            missing="",
        ),
        Question(
            check="conformance",
            subject=asked.results["runtime"] if asked.results is not None else asked.runtime or "a runtime",
            found=_conformance(asked),
            missing="name the results of a conformance run with `--conformance`",
        ),
    )
    shipped = [one for kind in KINDS for one in artifacts.of_kind(kind.name)[1]]
    states = [one.state for one in known]
    return Inspected(
        found=tuple(one for question in questions for one in question.found or ()),
        checks=(*(checked(question) for question in questions), stewardship(shipped)),
        figures={
            "cells": sum(len(matrix_of(policy.root).allowed) for policy in asked.policies),
            "tests": sum(len(policy.root.get("matrix_tests") or ()) for policy in asked.policies),
            "deprecations": {state: states.count(state) for state in STATES},
            "artifacts": len(used),
        },
    )


def _workspace(artifacts: Artifacts) -> tuple[list[Artifact], tuple[Diagnostic, ...]]:
    """The artifacts of the workspace, and what is wrong with files that are none: they may use anything."""
    used, sink = [], DiagnosticSink()
    for path in artifacts.paths():
        artifact, diagnostics = artifacts.at(path)
        if artifact is not None:
            used.append(artifact)
        for diagnostic in diagnostics if artifact is None else ():
            sink.report(diagnostic)
    return used, sink.sorted()


def _policies_alone(artifacts: Artifacts, policies: tuple[Artifact, ...]) -> tuple[Diagnostic, ...]:
    """What is wrong with the policies themselves; their own tests are the tests of both kinds of cells."""
    sink = DiagnosticSink()
    for policy in policies:
        for diagnostic in policy.diagnostics:
            sink.report(diagnostic)
        check_references(policy, artifacts, sink)
        check_artifact(artifacts, policy, sink)
    return sink.sorted()


def _combination(asked: Asked) -> tuple[Diagnostic, ...] | None:
    if asked.versions is None:
        return None
    sink = DiagnosticSink()
    binding = _binding(asked.policies, "allowed_cells")
    for policy in () if binding else asked.policies:
        sink.report(NoMatrix(at=policy.item_span(), subject=policy.ref))
    check_combination(binding, asked.versions, sink)
    return sink.sorted()


def _window(asked: Asked) -> tuple[Diagnostic, ...] | None:
    if asked.bundle is None or asked.versions is None:
        return None
    sink = DiagnosticSink()
    check_window(_ref(asked.bundle), asked.bundle, asked.versions, sink)
    return sink.sorted()


def _conformance(asked: Asked) -> tuple[Diagnostic, ...] | None:
    if asked.results is None:
        return asked.unread or None
    sink = DiagnosticSink()
    check_results(asked.results, _binding(asked.policies, "conformance_profiles"), asked.runtime, asked.now, sink)
    return sink.sorted()


def _binding(policies: tuple[Artifact, ...], key: str) -> list[Artifact]:
    """The policies that have a say: those of the workspace go before those that ship."""
    holding = [policy for policy in policies if policy.root.get(key)]
    own = [policy for policy in holding if not policy.shipped]
    return own or holding


def _ref(bundle: Mapping) -> str:
    return f"{bundle['bundle_id']}/{bundle['version']}"
