"""What folders of fixtures come to: checks and figures for evidence, and a table for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rsppc.base.canonical_json import digest_value
from rsppc.base.digest import digest_bytes
from rsppc.conformance.fixtures import DIRECTIONS, Fixture, Judged
from rsppc.contracts.surface import surface_of
from rsppc.evidence.envelope import Checked, Status
from rsppc.model.contracts import CONTRACTS

EVIDENCE = "contracts"
"""The kind of evidence."""


def answers(judged: Sequence[Judged], *, complete: bool) -> tuple[Checked, ...]:
    """One answer per kind and direction. A direction without fixtures was not run, and is no pass; `complete` says that
    nothing else was found, such as a folder that nobody could judge."""
    by_place = {(one.kind, one.direction): one for one in judged}
    found = [
        _answer(by_place.get((kind, direction)), kind, direction) for kind in _kinds(judged) for direction in DIRECTIONS
    ]
    status: Status = "pass" if complete else "fail"
    message = "" if complete else "not everything in the folder could be judged"
    return (*found, Checked(check="fixtures", subject="fixtures", status=status, message=message))


def _answer(judged: Judged | None, kind: str, direction: str) -> Checked:
    check = f"{direction}_fixtures"
    if judged is None:
        return Checked(check=check, subject=kind, status="not_run", message="there are no fixtures")
    if judged.failed:
        message = f"{judged.failed} of {judged.count} are not what their folder says"
        return Checked(check=check, subject=kind, status="fail", message=message)
    return Checked(check=check, subject=kind, status="pass")


def figures(judged: Sequence[Judged]) -> dict[str, Any]:
    """How many fixtures there were, and which contracts had none at all."""
    kinds = _kinds(judged)
    return {
        "fixtures": sum(one.count for one in judged),
        "wrong": sum(one.failed for one in judged),
        "by_kind": {kind: {one.direction: one.count for one in judged if one.kind == kind} for kind in kinds},
        "kinds_without_fixtures": [contract.name for contract in CONTRACTS if contract.name not in kinds],
    }


def inputs(fixtures: Iterable[Fixture]) -> dict[str, str]:
    """Digests of the fixtures and of the contracts that judged them."""
    files = {one.path: digest_bytes(one.data) for one in fixtures}
    return {"fixtures": digest_value(files), "contracts": digest_value(surface_of(CONTRACTS))}


def table(judged: Sequence[Judged]) -> list[str]:
    """A line per kind, for people."""
    by_place = {(one.kind, one.direction): one for one in judged}
    width = max((len(kind) for kind in _kinds(judged)), default=0)
    lines = [f"  {'':<{width}}  {'valid':>12}  {'invalid':>12}"] if judged else []
    for kind in _kinds(judged):
        cells = (_cell(by_place.get((kind, direction))) for direction in DIRECTIONS)
        lines.append(f"  {kind:<{width}}  " + "  ".join(f"{cell:>12}" for cell in cells))
    return lines


def _cell(judged: Judged | None) -> str:
    if judged is None:
        return "none"
    return f"{judged.failed} of {judged.count} wrong" if judged.failed else str(judged.count)


def _kinds(judged: Iterable[Judged]) -> list[str]:
    return list(dict.fromkeys(one.kind for one in judged))
