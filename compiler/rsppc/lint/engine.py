"""Ask the rules of a program that compiles: which findings there are, at which level, and which a comment allows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rsppc.base.record import Record, replace
from rsppc.base.source import Source
from rsppc.diagnostics import Diagnostic
from rsppc.ir.program import Program
from rsppc.lint.registry import occasions, rule
from rsppc.lint.view import View

if TYPE_CHECKING:
    from rsppc.lint.allow import Allowance  # few files hold such comments

_SIGN = "rsppc:"
"""A file without this text holds no comment that allows a finding."""


class Linted(Record):
    """What the rules say of one program."""

    findings: tuple[Diagnostic, ...]
    allowances: tuple[Allowance, ...] = ()
    """Comments that allow a finding, in the files of the program, used or not."""


def lint(program: Program, levels: Mapping[str, str]) -> Linted:
    """Findings of all rules that are not off, but for those that a comment allows, and what is wrong with comments."""
    view = View(program)
    found: list[Diagnostic] = []
    for name, occasion in occasions():
        level = levels.get(name, "")
        if level != "off" and (not occasion or getattr(view, occasion)):
            findings = rule(name).check(view)
            found.extend([replace(one, level=level) for one in findings] if level else findings)
    commented = [source for source in _sources(program) if _SIGN in source.text]
    if not commented:
        return Linted(findings=tuple(found))
    from rsppc.lint.allow import allow

    left, allowances = allow(found, commented)
    return Linted(findings=left, allowances=allowances)


def _sources(program: Program) -> list[Source]:
    """The files in which findings can stand, each once: bundle, spec, modules, policies and layers."""
    places = [program.bundle.place, program.place]
    places.extend(policy.place for policy in program.policies)
    places.extend(layer.place for layer in program.layers)
    modules = {node.module: node.place for node in program.nodes.values() if node.module is not None}
    places.extend(modules.values())
    sources = {source.path: source for source in (place.span().source for place in places)}
    return [sources[path] for path in sorted(sources)]
