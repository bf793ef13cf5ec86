"""Folders of fixtures, `KIND/valid/*.json` and `KIND/invalid/*.json`: the valid must pass, the invalid must fail.

Nothing is skipped in silence: a folder of no known kind, one without fixtures, and a file in no place for fixtures are
findings. Files come as names and bytes, so that what lies in a folder and what ships are judged alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from rsppc.base.names import near_miss
from rsppc.base.record import Record
from rsppc.base.source import Source, Span, file_span
from rsppc.conformance.check import SHAPE_RULES, check_object, rule_of
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.model.contracts import BY_NAME, CONTRACTS, contract_named

Direction = Literal["valid", "invalid"]
DIRECTIONS: tuple[Direction, ...] = ("valid", "invalid")


class AcceptedFixture(Diagnostic):
    """A fixture lies in `invalid`, and nothing is wrong with it. Either it was put into the wrong folder, or it shows a
    rule that the contract does not have."""

    code = "RSP7505"
    name = "accepted-fixture"
    headline = "nothing is wrong with this `{subject}`, and it lies among the invalid ones"
    hint = "move it to `valid`, or make it break what it is meant to show"


class OtherRuleBroken(Diagnostic):
    """An invalid fixture that is named after a rule is there to show that rule. One that is refused for another reason
    would go on being refused if the rule were lost."""

    code = "RSP7506"
    name = "other-rule-broken"
    headline = "this fixture is to break `{rule}`, and it breaks {found}"
    hint = "make it break `{rule}` alone, or name it after what it breaks"
    rule: str
    found: str


class UnknownKindOfFixtures(Diagnostic):
    """Fixtures are judged by the contract that their folder is named after; without one nobody would judge them."""

    code = "RSP7507"
    name = "unknown-kind-of-fixtures"
    headline = "there is no contract `{subject}`"
    hint = "{advice}"
    advice: str


class NoFixtures(Diagnostic):
    """A folder without fixtures proves nothing; to call it passed would hide that somebody forgot them."""

    code = "RSP7508"
    name = "no-fixtures"
    headline = "there are no fixtures in `{subject}`"
    hint = "put `.json` files there, or remove what is empty"


class StrayFile(Diagnostic):
    """A file beside the fixtures is judged by no contract. It may be there for another reason, or be a fixture in the
    wrong place."""

    code = "RSP7509"
    name = "stray-file"
    severity = "warning"
    headline = "`{subject}` is no fixture: those are `KIND/valid/*.json` and `KIND/invalid/*.json`"
    hint = "move it to where it belongs"


class Fixture(Record):
    """One file, where it lies, and which contract judges it."""

    path: str
    """Below the folder of all fixtures."""
    kind: str
    direction: Direction
    data: bytes


class Judged(Record):
    """What was found of the fixtures of one kind and direction."""

    kind: str
    direction: Direction
    count: int
    failed: int
    """How many were not what their folder says."""


def sorted_out(files: Mapping[str, bytes], folders: Iterable[str], root: str, sink: DiagnosticSink) -> list[Fixture]:
    """The fixtures among some files; `folders` are all that there are, so that empty ones are seen."""
    found: list[Fixture] = []
    for path, data in sorted(files.items()):
        steps = path.split("/")
        contract = contract_named(steps[0]) if len(steps) > 1 else None
        if len(steps) == 3 and contract is not None and steps[1] in DIRECTIONS and path.endswith(".json"):
            direction: Direction = "valid" if steps[1] == "valid" else "invalid"
            found.append(Fixture(path=path, kind=contract.name, direction=direction, data=data))
        elif len(steps) == 1 or contract is not None:
            sink.report(StrayFile(at=_at(root, path), subject=path))
    tops = sorted({folder.split("/")[0] for folder in folders} | {path.split("/")[0] for path in files if "/" in path})
    for top in tops:
        if contract_named(top) is None:
            sink.report(UnknownKindOfFixtures(at=_at(root, top), subject=top, advice=_meant(top)))
            continue
        for direction in DIRECTIONS:
            if not any(one.path.startswith(f"{top}/{direction}/") for one in found):
                sink.report(NoFixtures(at=_at(root, f"{top}/{direction}"), subject=f"{top}/{direction}"))
    if not tops:
        sink.report(NoFixtures(at=_at(root, ""), subject=root))
    return found


def _meant(name: str) -> str:
    guess = near_miss(name, BY_NAME)
    return f"did you mean `{guess}`?" if guess else f"contracts are {', '.join(f'`{one}`' for one in BY_NAME)}"


def judge(fixtures: Iterable[Fixture], root: str, sink: DiagnosticSink) -> tuple[Judged, ...]:
    """Hold every fixture against its contract; by kind and direction, in the order of the contracts."""
    counts: dict[tuple[str, Direction], list[int]] = {}
    for fixture in fixtures:
        tally = counts.setdefault((fixture.kind, fixture.direction), [0, 0])
        tally[0] += 1
        tally[1] += not _is_as_said(fixture, f"{root}/{fixture.path}" if root else fixture.path, sink)
    return tuple(
        Judged(kind=contract.name, direction=direction, count=counts[key][0], failed=counts[key][1])
        for contract in CONTRACTS
        for direction in DIRECTIONS
        if (key := (contract.name, direction)) in counts
    )


def _is_as_said(fixture: Fixture, path: str, sink: DiagnosticSink) -> bool:
    contract = BY_NAME[fixture.kind]
    checking = DiagnosticSink()
    check_object(contract, path, fixture.data, checking)
    if fixture.direction == "valid":
        for one in checking.sorted():
            sink.report(one)
        return not checking.has_errors
    at = file_span(Source(path, fixture.data.decode("utf-8", "replace"), fixture.data))
    if not checking.has_errors:
        sink.report(AcceptedFixture(at=at, subject=fixture.kind))
        return False
    meant = fixture.path.rpartition("/")[2].removesuffix(".json").partition("--")[0]
    broken = sorted({rule_of(one) for one in checking.sorted()})
    if meant in {*SHAPE_RULES, *(rule.name for rule in contract.rules)} and broken != [meant]:
        found = " and ".join(f"`{rule}`" for rule in broken)
        sink.report(OtherRuleBroken(at=at, rule=meant, found=found))
        return False
    return True


def _at(root: str, path: str) -> Span:
    return file_span(Source("/".join(step for step in (root, path) if step), "", b""))
