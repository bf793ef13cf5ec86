"""The one gate engine: run checks in order, and seal what each of them found.

A check is a module in `checks/` with a `CHECK`. It answers with what it checked; what it cannot check it says was not
run, and why. Every check runs whatever became of the others, so that one run tells all there is to mend; a gate opens
only when everything that it names has passed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any

from rsppc.base.record import Record
from rsppc.evidence.envelope import Checked, Release, Status, sealed, together
from rsppc.gates.context import Context
from rsppc.gates.order import CHECKS
from rsppc.gates.outcome import Outcome


class Check(Record):
    """A link of the chain."""

    run: Callable[[Context], Outcome]


def run_checks(context: Context, names: Iterable[str] = CHECKS) -> dict[str, dict[str, Any]]:
    """The evidence of each check, in order. What a check leaves for later ones stands in the context."""
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        check: Check = import_module(f"rsppc.gates.checks.{name}").CHECK
        outcome = check.run(context)
        found[name] = sealed(
            name,
            context.release,
            made_at=context.made_at,
            checks=outcome.checks,
            inputs=outcome.inputs,
            figures=outcome.figures,
        )
    return found


def gates_evidence(context: Context, found: Mapping[str, Mapping[str, Any]], release: Release) -> dict[str, Any]:
    """Evidence of kind `gates`: one entry per gate of the manifest, from all checks that it names."""
    checks = [_gate(gate, found) for gate in context.gates]
    inputs = {"gate_manifest": context.gate_manifest_digest}
    inputs |= {name: evidence["digest"] for name, evidence in found.items()}
    return sealed("gates", release, made_at=context.made_at, checks=checks, inputs=inputs, figures={})


def _gate(gate: Mapping[str, Any], found: Mapping[str, Mapping[str, Any]]) -> Checked:
    named: Sequence[str] = gate.get("checks", ())
    statuses: list[Status] = []
    said: list[str] = []
    for name in named:
        status, message = _part(name, gate["gate"], found)
        statuses.append(status)
        if status != "pass" or name == "slo_gates":
            said.append(f"{name}: {message}" if name != "slo_gates" else message)
    message = "; ".join(said) if named else "it names no check"
    return Checked(check="gate", subject=gate["gate"], status=together(statuses), message=message)


def _part(name: str, gate: str, found: Mapping[str, Mapping[str, Any]]) -> tuple[Status, str]:
    """What a check says to one gate: of the figures its own line, of any other check all together."""
    evidence = found.get(name)
    if evidence is None:
        return "not_run", "it was not run"
    lines = [one for one in evidence["checks"] if name != "slo_gates" or one["subject"] == gate]
    status = together(one["status"] for one in lines)
    message = next((one["message"] for one in lines if one["status"] == status), "it was not run")
    return status, message
