"""What can be wrong with a condition, as a value: a kind, a stretch of text, a sentence, perhaps a repair.

Offsets count code points from the start of the expression; the caller knows where the expression
stands in its file.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from rsppc.base.record import Record

__all__ = ["Complaint", "ComplaintKind", "shorten"]

ComplaintKind: TypeAlias = Literal[
    "syntax",
    "unknown-name",
    "unknown-function",
    "wrong-type",
    "not-bool",
    "too-long",
    "too-deep",
    "too-many-terms",
    "too-many-comprehensions",
    "too-costly",
    "has-macro",
    "open-map-index",
    "unknown-key",
    "computed-key",
    "bad-pattern",
    "not-portable",
]


class Complaint(Record):
    """One fault of a condition. `suggestion`, where there is one, replaces exactly the text from `start` to `end`."""

    kind: ComplaintKind
    start: int
    end: int
    message: str
    suggestion: str | None = None


def shorten(text: str) -> str:
    """A piece of an author's text, short enough to be read inside a sentence."""
    return text if len(text) <= 60 else f"{text[:59]}…"
