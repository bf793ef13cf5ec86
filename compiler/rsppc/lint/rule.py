"""What a rule is: a kind of finding, the look that finds it, and a pipeline that has it beside one that has not.

A rule speaks of what compiles. What is wrong in every pipeline is refused by a pass; what is wrong in most of them is a
rule, whose level the workspace may change, and which a line may be excused from with a reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar

from rsppc.base.record import Record
from rsppc.diagnostics import Diagnostic, Severity
from rsppc.lint.view import View


class LintFinding(Diagnostic):
    """Base of the findings of rules; abstract. Errors may be the cause of anything, so that rules are silent beside
    them."""

    severity: ClassVar[Severity] = "warning"
    moot_beside_errors: ClassVar[bool] = True


class Rule(Record):
    """One rule. Name, code, default level and the reason are those of its kind of finding."""

    finding: type[LintFinding]
    check: Callable[[View], Iterable[LintFinding]]
    bad: str
    good: str

    @property
    def name(self) -> str:
        return self.finding.name
