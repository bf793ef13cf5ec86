"""Conditions as artifacts carry them."""

from __future__ import annotations

from typing import Any

from rsppc.ir.program import Condition


def condition(written: Condition) -> dict[str, Any]:
    """A condition for runtimes: canonical text, and the checked tree for those with a CEL of their own."""
    checked = written.checked
    if checked is None:
        return {"text": written.text}
    return {"text": checked.text, "tree": checked.tree}
