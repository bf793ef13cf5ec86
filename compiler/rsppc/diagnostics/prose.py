"""A finding in words alone, for outputs that cannot draw carets."""

from __future__ import annotations

from rsppc.base.source import Span
from rsppc.diagnostics.diagnostic import Diagnostic
from rsppc.diagnostics.places import offsets
from rsppc.diagnostics.visible import visible, visible_lines


def details(diagnostic: Diagnostic) -> list[str]:
    """Everything that follows the headline, line by line: sides, related places, notes, fixes, the next step."""
    lines = [f"{position(side.at)} {visible(f'{side.role} {side.type}')}" for side in diagnostic.sides]
    lines.extend(f"{position(related.at)} {visible(related.text)}" for related in diagnostic.related)
    for note in diagnostic.notes:
        lines.extend(visible_lines(note))
    lines.extend(f"{fix_title(number, diagnostic)}" for number in range(len(diagnostic.fixes)))
    if step := diagnostic.next_step():
        lines.append(f"help: {visible(step)}")
    return lines


def position(span: Span) -> str:
    """`file:line:column` of a span's start."""
    line, column = span.source.location(offsets(span)[0])
    return f"{visible(span.source.path)}:{line}:{column}"


def fix_title(index: int, diagnostic: Diagnostic) -> str:
    """`fix 1 (verified, changes the plan): …`"""
    fix = diagnostic.fixes[index]
    # What a repair does that could not be tried is a guess.
    changes = fix.plan_changes and (fix.verified or bool(fix.inserts))
    kind = f"{'verified' if fix.verified else 'unverified'}{', changes the plan' if changes else ''}"
    return f"fix {index + 1} ({kind}): {visible(fix.title)}"
