"""What a comment in a source expects: a finding, the type of a port, the value of a setting.

A comment behind something speaks of its own line, one on a line of its own of the next line that is no comment. Only
comments that begin with one of the words below are ours; one that nearly does is reported, as it would be passed over
in silence otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

import msgspec

from rsppc.base.names import near_miss
from rsppc.base.record import Record
from rsppc.base.source import Span
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.spectest.page import Block


class MalformedExpectation(Diagnostic):
    """A comment that looks like an expectation and is none would make a test pass that says nothing."""

    code = "RSP9502"
    name = "malformed-expectation"
    headline = "{problem}"
    hint = "{advice}"
    problem: str
    advice: str


class Finding(Record):
    """A finding that is expected."""

    severity: Literal["error", "warning"]
    kind: str
    """Its code or its name."""
    text: str
    """What its message must contain."""
    lines: tuple[int, ...]
    """Lines of the block at which it may point."""
    at: Span
    """The comment in the page, from its sign."""
    alone: bool
    """Whether the comment has a line of its own."""


class Reveal(Record):
    """The type of a port, asked for or expected."""

    port: str
    """`node.port`, `in node.port`; empty where the edge of the line is meant."""
    type: str
    """Empty where it is only asked for."""
    line: int
    at: Span
    """What stands behind the word."""


class Value(Record):
    """The effective value of a setting, and who set it."""

    path: str
    value: str
    """As written; empty where it is only asked for."""
    origin: str
    """Empty where nobody asks who set it."""
    at: Span
    """What stands behind the word."""


Expectation = Finding | Reveal | Value

FORMS = {
    "error": 'write it like `# error: RSP3104` or `# error: edge-format "do not share"`',
    "warning": 'write it like `# warning: RSP5301` or `# warning: unproved-path "e2e"`',
    "reveal": "write it like `# reveal: stt.text = text<final>`, or `# reveal: text<final>` behind an edge",
    "value": "write it like `# value: nodes.llm.config.max_tokens = 200 from layer`",
}
_COMMENT = re.compile(r"(?:^|(?<=[ \t]))#[ \t]*(?P<word>[A-Za-z]+):(?=[ \t]|$)[ \t]*(?P<rest>(?:(?![ \t]#[ \t]).)*)")
_WITHOUT_COLON = re.compile(r"(?:^|(?<=[ \t]))#[ \t]*(?P<word>(?i:error|warning))(?P<rest>[ \t]+RSP[0-9]{4}\b.*)")
_FINDING = re.compile(r'(?P<kind>RSP[0-9]{4}|[a-z][a-z0-9]*(?:-[a-z0-9]+)*)(?:[ \t]+"(?P<text>[^"]*)")?')
_PORT = r"(?:in[ \t]+)?[a-z][a-z0-9_]*(?:/[a-z][a-z0-9_]*)*\.[a-z][a-z0-9_]*"
_REVEAL = re.compile(rf"(?:(?P<port>{_PORT})(?:[ \t]*=(?P<type>.*))?|(?P<only>[a-z].*))")
_VALUE = re.compile(
    r"(?P<path>[a-z][^=]*?)(?:[ \t]*=[ \t]*(?P<value>.+?)(?:[ \t]+from[ \t]+(?P<origin>[a-z_]+(?:/\S+)?))?)?[ \t]*"
)


def expectations_of(block: Block, sink: DiagnosticSink) -> Iterator[Expectation]:
    """What the comments of a source expect, in order."""
    lines = block.text.split("\n")
    for number, line in enumerate(lines, start=1):
        if "#" not in line:
            continue
        for found in (*_COMMENT.finditer(line), *_WITHOUT_COLON.finditer(line)):
            start = block.line_start(number)
            at = Span(source=block.page, start=start + found.start(), end=start + len(line[: found.end()].rstrip()))
            alone = line.lstrip().startswith("#")
            target = _next_line(lines, number) if alone else number
            if found.re is _WITHOUT_COLON:
                problem, advice = "this comment lacks a colon", FORMS[found["word"].lower()]
                sink.report(MalformedExpectation(at=at, problem=problem, advice=advice))
                continue
            made = read_expectation(found["word"], found["rest"].strip(), at, sink, line=target, comment=True)
            if isinstance(made, Finding):
                yield msgspec.structs.replace(made, lines=(target, number), alone=alone)
            elif made is not None:
                yield made


def is_expectation(text: str) -> bool:
    """Whether some comment of a source is an expectation, or was probably meant as one."""
    return any(
        found["word"] in FORMS or _looks_expected(found["word"], found["rest"].strip())
        for line in text.split("\n")
        for found in (*_COMMENT.finditer(line), *_WITHOUT_COLON.finditer(line))
    )


def read_expectation(
    word: str, rest: str, at: Span, sink: DiagnosticSink, *, line: int, comment: bool
) -> Expectation | None:
    """The expectation that a word and what stands behind it make; None where they are no business of ours."""
    behind = Span(source=at.source, start=at.end - len(rest), end=at.end)
    if word not in FORMS:
        if comment and not _looks_expected(word, rest):
            return None
        guess = near_miss(word.lower(), FORMS)
        advice = f"did you mean `{guess}`?" if guess else f"there are {', '.join(f'`{one}`' for one in FORMS)}"
        sink.report(MalformedExpectation(at=at, problem=f"there is no expectation `{word[:40]}`", advice=advice))
        return None
    pattern = {"reveal": _REVEAL, "value": _VALUE}.get(word, _FINDING)
    found = pattern.fullmatch(rest)
    if found is None:
        problem = f"`{word}` expects nothing" if not rest else f"this is no `{word}` that can be read"
        sink.report(MalformedExpectation(at=at, problem=problem, advice=FORMS[word]))
        return None
    if word == "reveal":
        written = (found["only"] or found["type"] or "").strip()
        return Reveal(port=" ".join((found["port"] or "").split()), type=written, line=line, at=behind)
    if word == "value":
        path = found["path"].strip()
        return Value(path=path, value=found["value"] or "", origin=found["origin"] or "", at=behind)
    severity: Literal["error", "warning"] = "error" if word == "error" else "warning"
    text = found["text"] or ""
    return Finding(severity=severity, kind=found["kind"], text=text, lines=(line,), at=at, alone=False)


def _looks_expected(word: str, rest: str) -> bool:
    """Whether a comment with an unknown word was probably meant as an expectation."""
    if re.match(r"RSP[0-9]{4}\b", rest):
        return True
    meant = near_miss(word.lower(), FORMS) if len(word) > 3 else None
    if meant in ("reveal", "value"):
        return "=" in rest or "<" in rest
    return meant is not None and _FINDING.fullmatch(rest) is not None and "-" in rest


def _next_line(lines: list[str], number: int) -> int:
    """The next line that says something besides comments; the last where there is none."""
    for later in range(number, len(lines)):
        if lines[later].strip() and not lines[later].lstrip().startswith("#"):
            return later + 1
    return number
