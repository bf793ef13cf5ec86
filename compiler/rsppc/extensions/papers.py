"""References to what accompanies an implementation: its bill of materials, the proof of where it comes from.

Nothing is fetched. What a reference must be is fixed: it names a version or a digest, so that it cannot come to mean
something else after it was reviewed.
"""

from __future__ import annotations

import re

_DIGEST = r"sha256:[0-9a-f]{64}"
_FORMS = (
    re.compile(r"package:[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9.!+_-]*"),
    re.compile(r"asset:[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*"),
    re.compile(rf"oci:[A-Za-z0-9][A-Za-z0-9._:/-]*@{_DIGEST}"),
    re.compile(rf"https://[A-Za-z0-9.-]+(:[0-9]+)?/[^\s#]*#{_DIGEST}"),
)
_SCHEMES = ("package:", "asset:", "oci:", "https:")


def reference_fault(text: str) -> str | None:
    """What is wrong with a reference, as the end of a sentence; None where nothing is."""
    if any(form.fullmatch(text) for form in _FORMS):
        return None
    if not text.startswith(_SCHEMES):
        return f"is no reference: `{text[:80]}`"
    return f"fixes neither a version nor a digest: `{text[:80]}`"
