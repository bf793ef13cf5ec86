"""JSON Pointers (RFC 6901): the way to a value inside of a document, as text."""

from __future__ import annotations

from collections.abc import Iterable


def escaped(key: str) -> str:
    """A key as a step of a pointer."""
    if "~" in key or "/" in key:
        return key.replace("~", "~0").replace("/", "~1")
    return key


def unescaped(step: str) -> str:
    """The key that a step of a pointer means."""
    return step.replace("~1", "/").replace("~0", "~")


def pointer_of(steps: Iterable[str]) -> str:
    """The pointer that leads along some keys."""
    return "".join(f"/{escaped(step)}" for step in steps)


def steps_of(pointer: str) -> tuple[str, ...]:
    """The keys along which a pointer leads."""
    return tuple(map(unescaped, pointer.split("/")[1:]))
