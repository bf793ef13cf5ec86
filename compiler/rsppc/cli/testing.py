"""Suites of a run: where they are, what became of their tests, and how that is shown."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

from rsppc.base.canonical_json import canonical
from rsppc.base.record import Record
from rsppc.cli.distributing import read_input
from rsppc.cli.session import usage
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.diagnostics.renderers.json import finding
from rsppc.diagnostics.visible import visible
from rsppc.spectest.coverage import KINDS, Coverage, Item, coverage_of
from rsppc.spectest.run import Result, run_tests
from rsppc.spectest.suite import NoWorkspace, is_suite, read_suite
from rsppc.spectest.update import updated
from rsppc.spectest.world import Worlds
from rsppc.workspace import Workspace, find_workspace

_ENDINGS = (".md", ".markdown")
_ROUNDS_MAX = 4
"""What was hidden behind an error may only be found when that is expected."""


class Page(Record):
    """A page that may be a suite."""

    path: str
    named: bool
    """Whether somebody named the page itself, so that it must hold tests."""


class Outcome(Record):
    """What became of a page."""

    path: str
    text: str
    results: tuple[Result, ...]
    findings: tuple[Diagnostic, ...]
    """What is wrong with the page as a suite."""

    def diagnostics(self) -> Iterator[Diagnostic]:
        yield from self.findings
        for result in self.results:
            yield from (failure.diagnostic for failure in result.failures)

    @property
    def flaws(self) -> int:
        return len(list(self.diagnostics()))


class Runner:
    """Runs pages; those of one workspace share what has been read of it."""

    def __init__(self, wanted: str) -> None:
        self.wanted = wanted
        self.sink = DiagnosticSink()
        self._worlds: dict[str, Worlds] = {}

    def worlds(self, path: str) -> Worlds:
        """The worlds of the workspace around a page."""
        folder = os.path.dirname(os.path.realpath(path))
        known = self._worlds.get(folder)
        if known is None:
            workspace = find_workspace(folder, self.sink)
            key = f"workspace {workspace.root}" if workspace is not None else "none"
            known = self._worlds.get(key) or Worlds(workspace, self.sink)
            self._worlds[folder] = self._worlds[key] = known
        return known

    def run(self, page: Page, data: bytes) -> Outcome:
        """What becomes of a page with this content."""
        sink = DiagnosticSink()
        suite = read_suite(page.path, data, sink, must_test=page.named)
        tests = [one for one in suite.tests if self.wanted in one.title] if suite is not None else []
        worlds = self.worlds(page.path)
        if worlds.workspace is None:
            for test in tests:
                if test.settings.uses_workspace:
                    sink.report(NoWorkspace(at=test.at))
            tests = [one for one in tests if not one.settings.uses_workspace]
        results = tuple(run_tests(tests, worlds))
        text = suite.page.text if suite is not None else ""
        return Outcome(path=page.path, text=text, results=results, findings=sink.sorted())

    def updated(self, page: Page, before: Outcome) -> Outcome:
        """The page with expectations that say what is found; the page as it was where that helps nothing."""
        latest = before
        for _ in range(_ROUNDS_MAX):
            text = updated(latest.text, latest.results)
            if text == latest.text:
                break
            latest = self.run(page, text.encode())
        return latest if latest.flaws < before.flaws else before

    def coverage(self, outcomes: Iterable[Outcome]) -> Coverage:
        """The coverage of all pages, workspace by workspace."""
        by_worlds: dict[int, tuple[Worlds, list[Result]]] = {}
        for one in outcomes:
            worlds = self.worlds(one.path)
            by_worlds.setdefault(id(worlds), (worlds, []))[1].extend(one.results)
        found = [coverage_of(results, worlds) for worlds, results in by_worlds.values()]
        return Coverage(
            covered=tuple(item for one in found for item in one.covered),
            missed=tuple(item for one in found for item in one.missed),
            plans=sum(one.plans for one in found),
        )


# --- Where suites are


def pages_named(names: Sequence[str]) -> list[tuple[Page, bytes]]:
    """The pages that are named, and those in folders that are suites; without names, those of the workspace or the
    folder."""
    found: dict[str, tuple[Page, bytes]] = {}
    for name in names or (_here(),):
        if os.path.isdir(name):
            for path in _below(name):
                data = read_input(path)
                if is_suite(path, data):
                    found.setdefault(os.path.realpath(path), (Page(path=_shown(path), named=False), data))
        else:
            data = read_input(name)
            if not name.endswith(_ENDINGS):
                usage(f"`{name}` is no Markdown page", "suites end in `.md`")
            found[os.path.realpath(name)] = (Page(path=_shown(name), named=True), data)
    return list(found.values())


def _here() -> str:
    workspace = find_workspace(os.getcwd(), DiagnosticSink())
    return workspace.root if workspace is not None else os.getcwd()


def _below(folder: str) -> Iterator[str]:
    """Markdown pages below a folder, by path; not those of builds, and of hidden and installed folders."""
    outputs: dict[str, str] = {}
    for top, folders, names in os.walk(folder):
        around = find_workspace(top, DiagnosticSink()) or Workspace(root=top)
        outputs[around.root] = os.path.join(around.root, around.output)
        left_out = set(outputs.values())
        folders[:] = sorted(
            one
            for one in folders
            if not one.startswith(".")
            and one not in ("node_modules", "__pycache__")
            and os.path.realpath(os.path.join(top, one)) not in left_out
        )
        yield from (os.path.join(top, one) for one in sorted(names) if one.endswith(_ENDINGS))


def _shown(path: str) -> str:
    return os.path.relpath(path).replace(os.sep, "/")


# --- How it is shown


def counted(outcomes: Sequence[Outcome]) -> str:
    """One line about all tests."""
    results = [result for one in outcomes for result in one.results]
    failed = sum(bool(result.failures) for result in results)
    checks = sum(result.checks for result in results)
    suites = sum(bool(one.results) for one in outcomes)
    told = f"{_plural(len(results), 'test')} in {_plural(suites, 'suite')}, {_plural(checks, 'check')}: "
    told += f"{len(results) - failed} passed, {failed} failed" if failed else "all passed" if results else "none ran"
    malformed = sum(any(found.severity == "error" for found in one.findings) for one in outcomes)
    return told + (f"; {_plural(malformed, 'page')} not understood as a whole" if malformed else "")


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def coverage_lines(coverage: Coverage) -> Iterator[str]:
    """A table for people: by kind, and then what no plan exercises, each with its place."""
    share = f"{len(coverage.covered)} of {coverage.total}, {coverage.percent} %"
    yield f"coverage of {_plural(coverage.plans, 'turn')}: {share}"
    for kind in KINDS:
        hit = sum(item.kind == kind for item in coverage.covered)
        missed = sum(item.kind == kind for item in coverage.missed)
        if hit + missed:
            yield f"  {kind:<13}  {hit:>3} of {hit + missed}"
    if coverage.missed:
        yield "never exercised:"
        places = [str(item.at) for item in coverage.missed]
        width = max(map(len, places))
        yield from (
            f"  {place:<{width}}  {item.kind} {item.name}" for place, item in zip(places, coverage.missed, strict=True)
        )


def as_json(outcomes: Sequence[Outcome], others: Sequence[Diagnostic], coverage: Coverage | None) -> bytes:
    """One document for programs."""
    tests = [
        {
            "suite": result.test.page.path,
            "name": result.test.name,
            "line": result.test.at.location()[1],
            "outcome": "failed" if result.failures else "passed",
            "checks": result.checks,
            "failures": [finding(one.diagnostic, "error") for one in result.failures],
        }
        for one in outcomes
        for result in one.results
    ]
    findings = [finding(one, one.severity) for page in outcomes for one in page.findings]
    document: dict[str, object] = {
        "v": 1,
        "tests": tests,
        "findings": [*findings, *(finding(one, one.severity) for one in others)],
        "summary": {
            "suites": sum(bool(one.results) for one in outcomes),
            "tests": len(tests),
            "failed": sum(one["outcome"] == "failed" for one in tests),
        },
    }
    if coverage is not None:
        document["coverage"] = {
            "covered": [_item(one) for one in coverage.covered],
            "missed": [_item(one) for one in coverage.missed],
            "permille": coverage.permille,
            "turns": coverage.plans,
        }
    return canonical(document) + b"\n"


def _item(item: Item) -> dict[str, object]:
    file, line, column = item.at.location()
    return {"kind": item.kind, "name": item.name, "file": file, "line": line, "column": column}


_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})


def as_junit(outcomes: Sequence[Outcome], others: Sequence[Diagnostic]) -> bytes:
    """A page is a test suite, a test a case; what is wrong with a page is a case of its own. No times: they differ from
    run to run."""
    suites: list[tuple[str, list[tuple[str, list[Diagnostic]]]]] = []
    for one in outcomes:
        cases = [(result.test.name, [failure.diagnostic for failure in result.failures]) for result in one.results]
        if one.findings:
            cases.insert(0, ("the page as a suite", list(one.findings)))
        suites.append((one.path, cases))
    if others:
        suites.append(("rsppc test", [("the run", list(others))]))
    total = sum(len(cases) for _, cases in suites)
    failed = sum(bool(found) for _, cases in suites for _, found in cases)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="rsppc test" tests="{total}" failures="{failed}" errors="0">',
        *(line for path, cases in suites for line in _junit_suite(path, cases)),
        "</testsuites>\n",
    ]
    return "\n".join(lines).encode()


def _junit_suite(path: str, cases: list[tuple[str, list[Diagnostic]]]) -> Iterator[str]:
    failed = sum(bool(found) for _, found in cases)
    name = _attribute(path)
    yield f'  <testsuite name="{name}" tests="{len(cases)}" failures="{failed}" errors="0" skipped="0">'
    for title, found in cases:
        head = f'    <testcase classname="{name}" name="{_attribute(title or path)}"'
        if not found:
            yield f"{head}/>"
            continue
        message = _attribute(found[0].message() + (f" (and {len(found) - 1} more)" if len(found) > 1 else ""))
        body = "\n".join(f"{one.at} {one.message()}\n  {one.next_step()}" for one in found)
        yield f"{head}>"
        yield f'      <failure type="{found[0].code}" message="{message}">{_attribute_lines(body)}</failure>'
        yield "    </testcase>"
    yield "  </testsuite>"


def _attribute(text: str) -> str:
    return visible(text).translate(_ESCAPES)


def _attribute_lines(text: str) -> str:
    return "\n".join(_attribute(line) for line in text.split("\n"))
