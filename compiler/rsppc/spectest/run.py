"""Tests run: each held against its world, all failures in the order of the page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rsppc.base.record import Record
from rsppc.spectest.claims import judge_claims
from rsppc.spectest.failure import Failure
from rsppc.spectest.findings import judge_findings
from rsppc.spectest.plans import Resolved, judge_plan
from rsppc.spectest.suite import Test
from rsppc.spectest.world import World, Worlds


class Result(Record):
    """What became of a test."""

    test: Test
    checks: int
    """How many things it says; that its files are without findings counts as one."""
    failures: tuple[Failure, ...]
    resolved: tuple[Resolved, ...]


def run_tests(tests: Iterable[Test], worlds: Worlds) -> Iterator[Result]:
    """The results of tests, in order."""
    for test in tests:
        yield _run(test, worlds.of(test))


def _run(test: Test, world: World) -> Result:
    failures = [*judge_findings(test, world), *judge_claims(test, world)]
    resolved: list[Resolved] = []
    for plan in test.plans:
        judged = judge_plan(plan, test, world)
        failures += judged.failures
        if judged.resolved is not None:
            resolved.append(judged.resolved)
    failures.sort(key=lambda one: (one.diagnostic.at.start, one.diagnostic.code))
    said = sum(len(expected) for expected in test.expected.values()) + len(test.plans) + len(test.proofs)
    return Result(test=test, checks=max(said, 1), failures=tuple(failures), resolved=tuple(resolved))
