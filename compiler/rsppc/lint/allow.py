"""Comments that allow a finding: `# rsppc: allow double-detector — the second one only counts speakers`.

Such a comment stands on the line of the finding or on the line above it, names the rule and gives a reason. It is a
statement about the pipeline that somebody will have to believe later; without a reason nobody can, and one that allows
nothing any more is as misleading as a comment that is out of date.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from rsppc.base.record import Record, replace
from rsppc.base.source import Source, Span
from rsppc.diagnostics import Diagnostic
from rsppc.lint.levels import advice_for
from rsppc.lint.registry import names
from rsppc.syntax.document import Comment


class Allowance(Record):
    """One rule that a comment names."""

    rule: str
    at: Span
    """The name of the rule in the comment."""
    line: int
    used: bool = False


class MalformedAllowance(Diagnostic):
    """A comment that allows a finding names the rule and says why the finding does not matter here. Without a reason,
    whoever reads the line next year can neither trust it nor remove it."""

    code = "RSP9603"
    name = "malformed-allowance"
    severity = "warning"
    headline = "this comment allows nothing: {problem}"
    hint = "write `# rsppc: allow RULE — why it does not matter here`"
    problem: str


class AllowanceOfUnknownRule(Diagnostic):
    """A comment that allows what no rule finds is misspelt, or older than the rule's name."""

    code = "RSP9604"
    name = "allowance-of-unknown-rule"
    severity = "warning"
    headline = "there is no rule `{subject}` to allow"
    hint = "{advice}"
    advice: str


class UnusedAllowance(Diagnostic):
    """A comment that allows a finding which is not there any more would silently hide the next one. It is looked for in
    every pipeline that uses the file."""

    code = "RSP9605"
    name = "unused-allowance"
    severity = "warning"
    headline = "nothing here is found by rule `{subject}`, which this comment allows"
    hint = "remove the comment"


_FORM = re.compile(r"\s*rsppc:\s*(?P<word>[\w-]*)\s*(?P<rules>[\w-]+(?:\s*,\s*[\w-]+)*)?\s*(?P<rest>.*)")
_REASON = re.compile(r"(?:—|–|--?|:)\s*\S.*")


def allow(
    findings: Iterable[Diagnostic], sources: Iterable[Source]
) -> tuple[tuple[Diagnostic, ...], tuple[Allowance, ...]]:
    """The findings that no comment allows with what is wrong with comments, and the comments, marked where used."""
    told: list[Diagnostic] = []
    allowances: dict[tuple[str, int, str], Allowance] = {}
    for source in sources:
        for allowance in _allowances(source, told):
            allowances[source.path, allowance.line, allowance.rule] = allowance
    for found in findings:
        path, line, _ = found.at.location()
        keys = [(path, one, found.name) for one in (line, line - 1)]
        key = next((key for key in keys if key in allowances), None)
        if key is None:
            told.append(found)
        else:
            allowances[key] = replace(allowances[key], used=True)
    return tuple(told), tuple(allowances.values())


def unused(allowances: Iterable[Allowance]) -> list[Diagnostic]:
    """Comments that allowed nothing in any of the pipelines that use their file."""
    known = list(allowances)
    used = {(one.at.source.path, one.at.start) for one in known if one.used}
    return [
        UnusedAllowance(at=one.at, subject=one.rule) for one in known if (one.at.source.path, one.at.start) not in used
    ]


def _allowances(source: Source, told: list[Diagnostic]) -> Iterator[Allowance]:
    for comment in _comments(source):
        form = _FORM.match(comment.text)
        if form is None:
            continue
        start = comment.start + 1
        whole = Span(source=source, start=comment.start, end=start + len(comment.text.rstrip()))
        problem = _problem(form)
        if problem:
            told.append(MalformedAllowance(at=whole, problem=problem))
            continue
        line, _ = source.location(comment.start)
        for name in re.finditer(r"[\w-]+", form["rules"]):
            first = start + form.start("rules") + name.start()
            at = Span(source=source, start=first, end=first + len(name[0]))
            if name[0] in names():
                yield Allowance(rule=name[0], at=at, line=line)
            else:
                told.append(AllowanceOfUnknownRule(at=at, subject=name[0], advice=advice_for(name[0])))


def _problem(form: re.Match[str]) -> str:
    if form["word"] != "allow":
        return f"`{form['word']}` is nothing that a comment can ask for" if form["word"] else "it asks for nothing"
    if not form["rules"]:
        return "it names no rule"
    return "" if _REASON.fullmatch(form["rest"].rstrip()) else "it gives no reason"


def _comments(source: Source) -> tuple[Comment, ...]:
    if source.path.endswith(".yaml"):
        from rsppc.syntax.comments import comments  # reads with the whole YAML parser

        return comments(source)
    if source.path.endswith(".rspp"):
        from rsppc.syntax.rspp_reader import rspp_comments

        return rspp_comments(source)
    return ()  # JSON has no comments
