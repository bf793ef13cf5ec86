"""Lines of a block `proofs`: what must have been proved of a program.

e2e p95 <= 1800 ms
cancel <= 150 ms
first_output is unproved
value: nodes.llm.config.max_tokens = 200 from layer
reveal: stt.text = text<final>
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from rsppc.base.names import parse_ref
from rsppc.base.record import Record
from rsppc.base.source import Span
from rsppc.diagnostics import DiagnosticSink
from rsppc.spectest.expectation import FORMS, Finding, MalformedExpectation, Reveal, Value, read_expectation
from rsppc.spectest.page import Block


class Figure(Record):
    """A figure of the program, and its bound."""

    name: str
    """A latency path, `cancel`, `queues`, `programs` or `types`."""
    at_p: Literal["p50", "p95", ""]
    relation: Literal["<=", "<", "=", ">=", ">"]
    number: int
    unit: str
    at: Span
    number_at: Span


class Proved(Record):
    """Whether a path is proved."""

    name: str
    proved: bool
    at: Span
    word_at: Span


class Proof(Record):
    """One line of a block."""

    bundle: str
    """Which bundle or spec; empty where there is only one."""
    claim: Figure | Proved | Reveal | Value
    at: Span


_FIGURE = re.compile(
    r"(?P<name>[a-z][a-z0-9_/]*)(?:[ \t]+(?P<p>p50|p95))?[ \t]*(?P<relation><=|>=|<|>|=)[ \t]*"
    r"(?P<number>[0-9]{1,15})[ \t]*(?P<unit>ms|s|bytes|B|KiB|MiB|GiB|%)?"
)
_PROVED = re.compile(r"(?P<name>[a-z][a-z0-9_/]*)[ \t]+is[ \t]+(?P<word>proved|unproved)")
_WORDED = re.compile(r"(?P<word>[a-z]+):[ \t]*(?P<rest>.*)")
_ADVICE = "write a line like `e2e p95 <= 1800 ms`, `cancel <= 150 ms`, `e2e is proved` or `value: PATH = VALUE`"


def proofs_of(block: Block, sink: DiagnosticSink) -> Iterator[Proof]:
    """The lines of a block, in order; empty ones and comments say nothing."""
    bundle = block.words[0] if block.words and block.words[0] != "proofs" else ""
    if bundle and parse_ref(bundle) is None:
        problem = f"`{bundle}` is no reference of a bundle or a spec"
        sink.report(MalformedExpectation(at=block.fence, problem=problem, advice="write it like `support_bundle/v1`"))
        bundle = ""
    for number, line in enumerate(block.text.split("\n"), start=1):
        text = _said(line)
        if not text:
            continue
        start = block.line_start(number) + line.find(text)
        at = Span(source=block.page, start=start, end=start + len(text))
        claim = _claim(text, at, sink)
        if claim is not None:
            yield Proof(bundle=bundle, claim=claim, at=at)


def says_nothing(block: Block) -> bool:
    """Whether a block holds comments and empty lines alone."""
    return not any(map(_said, block.text.split("\n")))


def _said(line: str) -> str:
    return re.sub(r"(?:^|[ \t])#.*", "", line).strip()


def _claim(text: str, at: Span, sink: DiagnosticSink) -> Figure | Proved | Reveal | Value | None:
    worded = _WORDED.fullmatch(text)
    if worded is not None:
        if worded["word"] not in ("reveal", "value"):
            forms = " or ".join(f"`{word}: …`" for word in ("reveal", "value"))
            problem = f"a proof cannot begin with `{worded['word']}:`"
            sink.report(MalformedExpectation(at=at, problem=problem, advice=f"write {forms}, or a bound of a figure"))
            return None
        made = read_expectation(worded["word"], worded["rest"].strip(), at, sink, line=0, comment=False)
        if isinstance(made, Reveal) and not made.port:
            problem = "there is no edge on this line whose type could be meant"
            sink.report(MalformedExpectation(at=at, problem=problem, advice=FORMS["reveal"].split(",")[0]))
            return None
        assert not isinstance(made, Finding)
        return made
    proved = _PROVED.fullmatch(text)
    if proved is not None:
        word_at = Span(source=at.source, start=at.start + proved.start("word"), end=at.end)
        return Proved(name=proved["name"], proved=proved["word"] == "proved", at=at, word_at=word_at)
    found = _FIGURE.fullmatch(text)
    if found is None:
        sink.report(MalformedExpectation(at=at, problem="this is no proof that can be read", advice=_ADVICE))
        return None
    number_at = Span(source=at.source, start=at.start + found.start("number"), end=at.start + found.end("number"))
    return Figure(
        name=found["name"],
        at_p=found["p"] or "",  # type: ignore[arg-type]
        relation=found["relation"],  # type: ignore[arg-type]
        number=int(found["number"]),
        unit=found["unit"] or "",
        at=at,
        number_at=number_at,
    )
