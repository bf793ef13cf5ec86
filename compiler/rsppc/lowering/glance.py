"""Which kinds of artifact a file can hold, seen without parsing it."""

from __future__ import annotations

from rsppc.model.kinds import BY_NAME

_TEXT_FORM_OF: dict[str, bytes] = {
    "pipeline": b"pipeline",
    "module": b"module",
    "profile": b"profile",
    "policy": b"policy",
    "layer": b"layer",
    "extension": b"nodes",
    "bundle": b"bundle",
}


def may_hold(path: str, data: bytes, kind: str, *, plain: bool = False) -> bool:
    """Whether a file can hold an artifact of a kind: it names it, or spells something with escapes; `plain` files spell
    no names so."""
    if path.endswith(".rspp"):
        return _TEXT_FORM_OF.get(kind, b"") in data
    return BY_NAME[kind].schema_version.encode() in data or (not plain and b"\\" in data)


def kinds_in(path: str, data: bytes) -> tuple[str, ...]:
    """All kinds of artifact that a file can hold."""
    if not path.endswith(".rspp") and b"\\" not in data and data.count(_VERSIONS) <= _FEW:
        places = [data.find(_VERSIONS)]
        while places[-1] >= 0:
            places.append(data.find(_VERSIONS, places[-1] + 1))
        data = b"\n".join(data[place : place + _VERSION_LENGTH_MAX] for place in places if place >= 0)
    return tuple(kind for kind in BY_NAME if may_hold(path, data, kind))


_VERSIONS = b"rspp."
"""How every schema version begins."""
_VERSION_LENGTH_MAX = max(len(kind.schema_version) for kind in BY_NAME.values())
_FEW = 16
