"""Markdown for the comment of a pull request: a table of findings, the gravest first, with what to do folded away."""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.diagnostics.diagnostic import Diagnostic, Severity
from rsppc.diagnostics.prose import details, position
from rsppc.diagnostics.renderers import Renderer
from rsppc.diagnostics.report import Report
from rsppc.diagnostics.visible import encodable, visible

_SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


def render(report: Report) -> str:
    """All findings; a sentence where there are none."""
    if not report.diagnostics:
        return "No findings.\n"
    found = sorted(report.diagnostics, key=lambda one: _SEVERITIES.index(report.severity(one)))
    lines = ["| finding | what | where |", "|---|---|---|"]
    lines += [_row(one, report.severity(one)) for one in found]
    more = [line for one in found for line in _more(one)]
    if more:
        lines += ["", "<details><summary>what to do</summary>", "", *more, "", "</details>"]
    return encodable("\n".join([*lines, ""]))


def _row(diagnostic: Diagnostic, severity: Severity) -> str:
    name = f"{severity} {diagnostic.code} {diagnostic.name}"
    return f"| {cell(name)} | {cell(diagnostic.message())} | {code(position(diagnostic.at))} |"


def _more(diagnostic: Diagnostic) -> Iterator[str]:
    said = details(diagnostic)
    if said:
        yield f"- {cell(diagnostic.code)} at {code(position(diagnostic.at))}"
        yield from (f"  - {cell(line)}" for line in said)


def cell(text: str) -> str:
    """Text that ends no cell of a table and opens no tag; what stands in backticks stays code."""
    text = " ".join(visible(" ".join(text.split())).split())
    return text.replace("|", "\\|").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def code(text: str) -> str:
    """Text that is shown as it stands, also inside of a table."""
    text = " ".join(visible(" ".join(text.split())).split()).replace("|", "\\|")
    if "`" not in text:
        return f"`{text}`"
    fence = "`" * (1 + max(len(run) for run in _runs(text)))
    return f"{fence} {text} {fence}"


def _runs(text: str) -> Iterator[str]:
    """The stretches of backticks in a text."""
    run = ""
    for character in f"{text} ":
        if character == "`":
            run += character
        elif run:
            yield run
            run = ""


RENDERER = Renderer(name="markdown", render=render)
