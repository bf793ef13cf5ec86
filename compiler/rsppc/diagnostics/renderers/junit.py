"""JUnit XML, for servers that know test reports and nothing else.

A file is a test suite, a code found in it is a test case; only errors fail one, other findings are its output. A file
without findings is one passed case. Characters that XML 1.0 does not allow are named, as in every output for people.
No times and no host are given: they would differ from run to run.
"""

from __future__ import annotations

from rsppc.diagnostics.diagnostic import Diagnostic
from rsppc.diagnostics.prose import details, position
from rsppc.diagnostics.renderers import Renderer
from rsppc.diagnostics.report import Report
from rsppc.diagnostics.visible import visible

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})


def render(report: Report) -> str:
    """The whole report as one document."""
    by_file: dict[str, dict[str, list[Diagnostic]]] = {file: {} for file in report.all_files()}
    for found in report.diagnostics:
        by_file[found.at.source.path].setdefault(found.code, []).append(found)
    suites = [_suite(file, by_code, report) for file, by_code in by_file.items()]
    tests, failures = sum(suite[1] for suite in suites), sum(suite[2] for suite in suites)
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<testsuites name="rsppc" tests="{tests}" failures="{failures}" errors="0">',
            *(line for suite in suites for line in suite[0]),
            "</testsuites>\n",
        ]
    )


def _suite(file: str, by_code: dict[str, list[Diagnostic]], report: Report) -> tuple[list[str], int, int]:
    """Lines of a suite, and how many cases it has and how many of them failed."""
    name = _attribute(file)
    cases = [_case(name, by_code[code], report) for code in sorted(by_code)]
    if not cases:
        cases = [([f'    <testcase classname="{name}" name="no findings"/>'], False)]
    failures = sum(failed for _, failed in cases)
    lines = [
        f'  <testsuite name="{name}" tests="{len(cases)}" failures="{failures}" errors="0" skipped="0">',
        *(line for case, _ in cases for line in case),
        "  </testsuite>",
    ]
    return lines, len(cases), failures


def _case(file: str, found: list[Diagnostic], report: Report) -> tuple[list[str], bool]:
    """Lines of a case, and whether it failed."""
    first = found[0]
    errors = [finding for finding in found if report.severity(finding) == "error"]
    body = "\n".join(line for finding in found for line in _words(finding)).translate(_ESCAPES)
    lines = [f'    <testcase classname="{file}" name="{_attribute(f"{first.code} {first.name}")}">']
    if errors:
        message = visible(errors[0].message())
        if len(errors) > 1:
            message += f" (and {len(errors) - 1} more)"
        lines.append(f'      <failure type="{_attribute(first.code)}" message="{_attribute(message)}">{body}</failure>')
    else:
        lines.append(f"      <system-out>{body}</system-out>")
    return [*lines, "    </testcase>"], bool(errors)


def _words(diagnostic: Diagnostic) -> list[str]:
    return [
        f"{position(diagnostic.at)} {visible(diagnostic.message())}",
        *(f"  {line}" for line in details(diagnostic)),
    ]


def _attribute(text: str) -> str:
    return visible(text).translate(_ESCAPES)


RENDERER = Renderer(name="junit", render=render)
