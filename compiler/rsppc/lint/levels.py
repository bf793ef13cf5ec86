"""The table `[lint]` of `rsppc.toml`: rule → level."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rsppc.base.names import near_miss
from rsppc.base.source import Span
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.lint.registry import names

LEVELS = ("error", "warning", "note", "off")


class UnknownLintRule(Diagnostic):
    """A level for a rule that does not exist changes nothing; whoever wrote it believes that it does."""

    code = "RSP9601"
    name = "unknown-lint-rule"
    headline = "there is no rule `{subject}`"
    hint = "{advice}"
    advice: str


class UnknownLintLevel(Diagnostic):
    """Findings of a rule are errors, warnings or notes, or the rule is off."""

    code = "RSP9602"
    name = "unknown-lint-level"
    headline = "rule `{subject}` cannot have the level `{level_written}`"
    hint = "write `error`, `warning`, `note` or `off`, in quotes"
    level_written: str


def check_levels(table: Mapping[str, Any], at: Mapping[str, Span], sink: DiagnosticSink) -> dict[str, str]:
    """The levels that are sound; `at` says where each rule is named."""
    levels: dict[str, str] = {}
    for name, level in table.items():
        if name not in names():
            sink.report(UnknownLintRule(at=at[name], subject=name, advice=advice_for(name)))
        elif level not in LEVELS:
            sink.report(UnknownLintLevel(at=at[name], subject=name, level_written=str(level)[:60]))
        else:
            levels[name] = level
    return levels


def advice_for(name: str) -> str:
    """What to write in place of a rule that is not there."""
    near = near_miss(name.replace("_", "-"), names())
    return f"write `{near}`" if near else "docs/lint.md lists the rules"
