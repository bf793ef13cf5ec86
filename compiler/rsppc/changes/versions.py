"""Which version a change needs: the smallest step of `vMAJOR.MINOR.PATCH` that says enough."""

from __future__ import annotations

from typing import Literal

from rsppc.base.names import version_key

Bump = Literal["none", "patch", "minor", "major"]
BUMPS: tuple[Bump, ...] = ("none", "patch", "minor", "major")


def largest(*bumps: Bump) -> Bump:
    return max(bumps, key=BUMPS.index, default="none")


def bumped(version: str, bump: Bump) -> str:
    """The smallest version that a change of this weight may be published under."""
    major, minor, patch = version_key(version)
    match bump:
        case "major":
            return f"v{major + 1}"
        case "minor":
            return f"v{major}.{minor + 1}"
        case "patch":
            return f"v{major}.{minor}.{patch + 1}"
    return version


def says_enough(before: str, after: str, bump: Bump) -> bool:
    """Whether a version is as far from the earlier one as a change needs it to be."""
    return version_key(after) >= version_key(bumped(before, bump))
