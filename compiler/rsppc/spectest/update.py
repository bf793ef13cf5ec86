"""A page written anew so that it says what is found. Only what it says already changes: no test is made up."""

from __future__ import annotations

from collections.abc import Iterable

from rsppc.diagnostics import Edit
from rsppc.spectest.run import Result


def updated(text: str, results: Iterable[Result]) -> str:
    """The text of a page with its expectations corrected. Where two corrections overlap, the first holds; the next run
    finds what is left."""
    edits: dict[tuple[int, int, str], Edit] = {}
    for result in results:
        for failure in result.failures:
            for edit in failure.edits:
                edits[edit.at.start, edit.at.end, edit.text] = edit
    end = -1
    kept: list[Edit] = []
    for key in sorted(edits):
        if edits[key].at.start >= end:
            kept.append(edits[key])
            end = edits[key].at.end
    for edit in reversed(kept):
        text = text[: edit.at.start] + edit.text + text[edit.at.end :]
    return text
