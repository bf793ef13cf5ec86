"""Findings against expectations: every finding is expected, every expectation occurs.

Notes need no expectation. What is found in a file that does not stand in the page, in the workspace behind it, say,
fails a test where it is an error; warnings there are the business of `rsppc check`.
"""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.base.source import Span
from rsppc.diagnostics import Diagnostic, Edit, Related, severity_in
from rsppc.diagnostics.diagnostic import Severity
from rsppc.spectest.expectation import Finding
from rsppc.spectest.failure import Failure, MissingFinding, UnexpectedFinding
from rsppc.spectest.page import Block
from rsppc.spectest.suite import Test
from rsppc.spectest.world import World


def judge_findings(test: Test, world: World) -> Iterator[Failure]:
    """Where what is wrong with the files of a test is not what its comments say."""
    waiting = [(path, one) for path, all_ in test.expected.items() for one in all_ if isinstance(one, Finding)]
    loose: list[tuple[Severity, Diagnostic]] = []
    for found in world.findings():
        severity = severity_in(found, strict=world.strict)
        path, line, _ = found.at.location()
        if severity == "note" or (path not in test.sources and severity != "error"):
            continue
        match = next((one for one in waiting if one[0] == path and _is_meant(one[1], found, severity, line)), None)
        if match is not None:
            waiting.remove(match)
        else:
            loose.append((severity, found))
    for severity, found in loose:
        yield _unexpected(test, severity, found)
    for path, expectation in waiting:
        yield _missing(test.sources[path], expectation, [one for _, one in loose if one.at.source.path == path])


def _is_meant(expected: Finding, found: Diagnostic, severity: str, line: int) -> bool:
    return (
        expected.severity == severity
        and expected.kind in (found.code, found.name)
        and line in expected.lines
        and expected.text in found.message()
    )


def _unexpected(test: Test, severity: str, found: Diagnostic) -> Failure:
    kind, message = f"{severity} {found.code} {found.name}", found.message()
    path, line, _ = found.at.location()
    block = test.sources.get(path)
    repair = found.next_step()
    if block is None:
        advice = f"{repair}; or let the test stand on something else" if repair else "repair the file"
        related = (Related(at=found.at, text="here"),)
        return Failure(
            diagnostic=UnexpectedFinding(at=test.at, kind=kind, told=message, advice=advice, related=related)
        )
    comment = f"# {severity}: {found.code}"
    advice = f"{repair}; or expect it with `{comment}`" if repair else f"repair it, or expect it with `{comment}`"
    edits: tuple[Edit, ...] = ()
    if block.language == "json" or path.endswith(".json"):
        advice = repair or "repair it; in JSON, which has no comments, nothing can be expected"
    else:
        end = block.line_start(line) + len((block.text.split("\n") + [""] * line)[line - 1].rstrip())
        edits = (Edit(at=Span(source=block.page, start=end, end=end), text=f"  {comment}"),)
    at = block.place(found.at)
    notes = tuple(note for note in found.notes[:3])
    return Failure(
        diagnostic=UnexpectedFinding(at=at, kind=kind, told=message, advice=advice, notes=notes), edits=edits
    )


def _missing(block: Block, expected: Finding, loose: list[Diagnostic]) -> Failure:
    line = block.line + expected.lines[0] - 1
    text = f' "{expected.text}"' if expected.text else ""
    advice = "delete the comment, or run `rsppc test --update`"
    for found in sorted(loose, key=lambda one: one.at.location()[1] not in expected.lines):
        _, found_line, _ = found.at.location()
        if expected.kind in (found.code, found.name):
            shown_line = block.line + found_line - 1
            if found_line not in expected.lines:
                advice = f"it is found on line {shown_line}: move the comment there"
            elif expected.text not in found.message():
                advice = f"it says something else there: {found.message()}"
            else:
                other = "warning" if expected.severity == "error" else "error"
                advice = f"it is found there as another severity: write `# {other}:`"
            break
    kind = f"{expected.severity} {expected.kind}{text}"
    edit = Edit(at=_whole(expected, block), text="")
    return Failure(diagnostic=MissingFinding(at=expected.at, kind=kind, line=line, advice=advice), edits=(edit,))


def _whole(expected: Finding, block: Block) -> Span:
    """All that goes with a comment: the blanks before it, or its line."""
    source = block.page
    start, end = expected.at.start, expected.at.end
    number, _ = source.location(start)
    begin = source.offset(number, 1)
    line = source.line(number)
    if expected.alone and line.strip() == expected.at.text.strip():
        return Span(source=source, start=begin, end=min(begin + len(line) + 1, len(source.text)))
    while start > begin and source.text[start - 1] in " \t":
        start -= 1
    return Span(source=source, start=start, end=end)
