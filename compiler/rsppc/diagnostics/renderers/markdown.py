"""Markdown for the comment of a pull request: a table of findings, the gravest first, with what to do folded away."""

from __future__ import annotations

import re
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
    return row(prose(name), prose(diagnostic.message()), code(position(diagnostic.at)))


def _more(diagnostic: Diagnostic) -> Iterator[str]:
    said = details(diagnostic)
    if said:
        yield f"- {prose(diagnostic.code)} at {code(position(diagnostic.at))}"
        yield from (f"  - {prose(line)}" for line in said)


def row(*cells: str) -> str:
    """A row of a table; what stands in a cell ends none."""
    kept = (one.replace("|", "\\|") for one in cells)
    return f"| {' | '.join(kept)} |"


def prose(text: str) -> str:
    """Text that is shown as it reads: what stands in backticks is code, and nothing else has a meaning."""
    pieces = _in_one_line(text).split("`")
    if len(pieces) % 2 == 0:  # a backtick that nobody closes is one
        pieces[-2:] = [f"{pieces[-2]}`{pieces[-1]}"]
    return "".join(_between(piece) if index % 2 else _plain(piece) for index, piece in enumerate(pieces))


def _between(text: str) -> str:
    """What stands between two backticks."""
    return code(text) if text.strip() else _plain(f"`{text}`")


def code(text: str) -> str:
    """Text that is shown as it stands."""
    text = _in_one_line(text)
    if "`" not in text:
        return f"`{text}`"
    fence = "`" * (1 + max(len(run) for run in _runs(text)))
    return f"{fence} {text} {fence}"


def _in_one_line(text: str) -> str:
    return " ".join(visible(" ".join(text.split())).split())


_SIGN = re.compile(r"[\\`*\[\]<>~]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|&(?=[\w#])|(?<!\w)[@#](?=\w)")
"""What would make text bold, a link or a tag, and what calls for a person or an issue by name."""
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}


def _plain(text: str) -> str:
    return _SIGN.sub(lambda found: _harmless(found[0]), text)


def _harmless(sign: str) -> str:
    if sign in "@#":
        return f"{sign}<!-- -->"
    return _ENTITIES.get(sign, f"\\{sign}")


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
