"""Say in words which value of an artifact changed."""

from __future__ import annotations

from typing import Any

from rsppc.base.canonical_json import canonical
from rsppc.base.difference import first_difference
from rsppc.base.json_pointer import steps_of


def changed_value(before: bytes, content: Any) -> tuple[str, ...]:
    """The first value of a content that differs from what was said before, as one note; none where nothing differs."""
    from msgspec.json import decode  # only where something differs

    now = decode(canonical(content))
    found = first_difference(decode(before), now)
    if found is None:
        return ()
    was, is_now = (canonical(one).decode()[:80] for one in (found.before, found.after))
    return (f"first difference at {_spoken(found.pointer, now)}: it was {was}, and is {is_now}",)


_NAMES = ("node_id", "id", "name", "node_type", "provider_id", "policy_plugin", "runtime_adapter")


def _spoken(pointer: str, content: Any) -> str:
    """A pointer whose indexes into lists of named things are replaced by their names."""
    steps: list[str] = []
    for key in steps_of(pointer):
        if isinstance(content, list) and key.isdigit() and int(key) < len(content):
            content = content[int(key)]
            named = content if isinstance(content, dict) else {}
            ends = f"{named['from']}->{named['to']}" if {"from", "to"} <= named.keys() else None
            steps.append(ends or next((str(named[name]) for name in _NAMES if name in named), key))
        else:
            content = content.get(key) if isinstance(content, dict) else None
            steps.append(key)
    return ".".join(steps) or "the whole"
