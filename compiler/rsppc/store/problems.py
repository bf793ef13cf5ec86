"""Why the store did not do what it was asked.

Elsewhere a refusal is data. Here it is an exception, since it has to undo what was begun: leaving a transaction by an
exception is what takes it back. It is turned into data again, an exit code or an HTTP answer, in one place each.
"""

from __future__ import annotations

from typing import Literal

Kind = Literal["malformed", "missing", "conflict", "refused", "corrupt", "busy", "environment"]
"""What sort of problem: `malformed` and `missing` are the caller's, `conflict` is other content under the same name,
`refused` is a rule that forbids it, `corrupt` means that bytes are not what their digest says, `busy` and
`environment` are safe to retry."""


class StoreProblem(Exception):
    """What is wrong, in a sentence's first half (`what`), and what to do next (`advice`)."""

    def __init__(self, kind: Kind, what: str, advice: str = "", *, pointer: str | None = None) -> None:
        super().__init__(what)
        self.kind = kind
        self.what = what
        self.advice = advice
        self.pointer = pointer
        """Of a conflict: JSON Pointer to the first value that differs."""
