"""Whether a turn may open at all. Asked in one order, so that the same inputs always give the same outcome."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from rsppc.base.names import VERSION, in_range
from rsppc.turnplan.bundle import LoadedBundle
from rsppc.turnplan.outcome import DecisionOutcome, outcome
from rsppc.turnplan.snapshot import Admission, Capabilities, ControlPlane, Lease, Session, Turn, View


def refusal(
    session: Session, turn: Turn, bundle: LoadedBundle, plane: ControlPlane, capabilities: Capabilities
) -> DecisionOutcome | None:
    """Why the turn does not open; None where nothing stands against it."""
    if not session.session_id.strip() or not turn.turn_id.strip():
        return outcome("reject", "blank_id", session, turn)
    if session.pipeline_version not in (None, bundle.pipeline_version):
        return outcome("reject", "session_pinned_to_other_version", session, turn)
    if not _is_compatible(bundle, capabilities):
        return outcome("reject", "runtime_incompatible", session, turn)
    for name in ("routing", "provider_health", "admission", "lease", "pressure"):
        section: View | None = getattr(plane, name)
        if section is None:
            return outcome("defer", f"snapshot_missing:{name}", session, turn)
        if _is_stale(section, turn.now_ms):
            return outcome("defer", f"snapshot_stale:{name}", session, turn)
    assert plane.lease is not None and plane.admission is not None and plane.routing is not None
    if plane.routing.admission_policy_snapshot != plane.admission.admission_policy_snapshot:
        # The routing view was made under another admission policy than the one that is to judge this turn.
        return outcome("defer", "snapshot_incompatible:admission", session, turn)
    return _without_authority(session, turn, plane.lease) or _not_admitted(session, turn, plane.admission)


def _is_compatible(bundle: LoadedBundle, capabilities: Capabilities) -> bool:
    """Whether the runtime's version lies within the window that the bundle was released for."""
    window = bundle.runtime_window
    if window is None or capabilities.runtime_version is None:
        return True
    if VERSION.fullmatch(capabilities.runtime_version) is None:
        return False
    return in_range(capabilities.runtime_version, *window)


def _is_stale(section: View, now_ms: int) -> bool:
    """Whether a section must not be used: it says so, it is too old, or it was taken in the future."""
    if section.stale:
        return True
    if section.as_of_ms is None:
        return False
    too_old = section.max_age_ms is not None and now_ms - section.as_of_ms > section.max_age_ms
    return too_old or section.as_of_ms > now_ms


def _without_authority(session: Session, turn: Turn, lease: Lease) -> DecisionOutcome | None:
    epoch = lease.authority_epoch
    if not lease.authority_epoch_valid:
        reason = lease.reason or "authority_epoch_invalid"
        return outcome("stale_epoch_reject", reason, session, turn, emitted_by="RK-24", authority_epoch=epoch)
    if turn.authority_epoch not in (None, epoch):
        reason = "authority_epoch_mismatch"
        return outcome("stale_epoch_reject", reason, session, turn, emitted_by="RK-24", authority_epoch=epoch)
    if not lease.authority_authorized or _has_expired(lease, turn.now_ms):
        reason = "authority_revoked" if lease.authority_authorized else lease.reason or "authority_revoked"
        return outcome("deauthorized_drain", reason, session, turn, emitted_by="RK-24", authority_epoch=epoch)
    return None


def _has_expired(lease: Lease, now_ms: int) -> bool:
    """Whether the lease has ended. One whose end cannot be read has: to act without authority is the worse mistake."""
    return lease.lease_expires_at_utc != "" and _end_ms(lease.lease_expires_at_utc) <= now_ms


@lru_cache(maxsize=64)
def _end_ms(text: str) -> int:
    try:
        end = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return 0
    return int(end.timestamp()) * 1000


def _not_admitted(session: Session, turn: Turn, admission: Admission) -> DecisionOutcome | None:
    if admission.outcome_kind != "admit":
        scope = "session" if admission.scope == "turn" else admission.scope  # CP-05 speaks of no single turn
        return outcome(admission.outcome_kind, admission.reason, session, turn, emitted_by="CP-05", scope=scope)
    for name in ("session", "token"):
        limit = getattr(admission, f"{name}_rate_limit_per_min")
        observed = getattr(admission, f"{name}_rate_observed_per_min")
        if limit is not None and observed is not None and observed >= limit > 0:
            return outcome("defer", f"{name}_rate_limited", session, turn)
    return None
