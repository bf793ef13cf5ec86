"""Parts of content, and conditions on it, as HTTP asks for them (RFC 9110, sections 13 and 14).

An ETag here is the digest of the content, and so always a strong one. Several ranges at once are answered with the
whole, which HTTP allows.
"""

from __future__ import annotations

import re
from typing import Literal

_RANGE = re.compile(r"bytes=[ \t]*(\d{0,19})-(\d{0,19})[ \t]*", re.IGNORECASE | re.ASCII)
_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')

Part = tuple[int, int]
"""Where a part begins, and how many bytes it has."""


def part_of(header: str | None, size: int) -> Part | Literal["whole", "none"]:
    """The part of content of a size that a `Range` asks for; `none` where the content has nothing of it."""
    found = _RANGE.fullmatch(header) if header is not None else None
    if found is None or found[1] == found[2] == "":
        return "whole"
    if not found[1]:
        length = min(int(found[2]), size)
        return (size - length, length) if length else "none"
    start, last = int(found[1]), int(found[2]) if found[2] else size - 1
    if found[2] and last < start:
        return "whole"  # not a range at all
    if start >= size:
        return "none"
    return start, min(last, size - 1) - start + 1


def names(header: str | None, etag: str, *, weakly: bool) -> bool:
    """Whether a list of ETags, or `*`, names this one. `weakly` lets weak ones count."""
    if header is None:
        return False
    if header.strip() == "*":
        return True
    return any(f'"{tag}"' == etag and (weakly or not weak) for weak, tag in _TAG.findall(header))


def is_same(if_range: str | None, etag: str) -> bool:
    """Whether a range is still wanted. A date is never the same: content here has no date, only a digest."""
    return if_range is None or if_range.strip() == etag
