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
    for start, stop, _ in sorted(edits):
        edit = next(one for key, one in edits.items() if key == (start, stop, _))
        if start >= end:
            kept.append(edit)
            end = stop
    for edit in reversed(kept):
        text = text[: edit.at.start] + edit.text + text[edit.at.end :]
    return text
