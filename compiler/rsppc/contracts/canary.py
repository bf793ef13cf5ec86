"""Which version of a pipeline a session gets while a canary runs: the same answer as the runtime's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def fnv1a_32(data: bytes) -> int:
    """The 32-bit FNV-1a hash (Fowler, Noll, Vo)."""
    found = 0x811C9DC5
    for byte in data:
        found = (found ^ byte) * 0x01000193 & 0xFFFFFFFF
    return found


def canary_bucket(session_id: str, tenant_id: str = "") -> int:
    """The bucket of a session, 0 to 99; a canary of N percent serves the buckets below N."""
    key = f"{tenant_id}:{session_id}" if tenant_id else session_id
    return fnv1a_32(key.encode("utf-8", "replace")) % 100


def version_of(
    rollout: Mapping[str, Any], session_id: str, tenant_id: str = "", requested: str | None = None
) -> str | None:
    """The version that a distribution's `rollout` gives a session; None where it gives none.

    What the session asks for by name goes first; then tenants of the allow list, and the canary's share of sessions.
    """
    if requested is not None:
        named: str | None = rollout.get("by_requested_version", {}).get(requested)
        return named
    canary: str | None = rollout.get("canary_pipeline_version")
    if canary:
        chosen = tenant_id and tenant_id in rollout.get("tenant_allowlist", ())
        if chosen or canary_bucket(session_id, tenant_id) < rollout.get("canary_percentage", 0):
            return canary
    return rollout.get("default_pipeline_version")
