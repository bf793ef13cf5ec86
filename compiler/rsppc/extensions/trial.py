"""What a trial of any plugin comes to: checks in a fixed order, each passed, failed or not run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Literal

from rsppc.base.record import Record

Status = Literal["pass", "fail", "not_run"]


class Check(Record):
    """One promise, and whether it was kept."""

    name: str
    status: Status
    message: str


class Trial(Record):
    """What became of a trial."""

    subject: str
    """The node type, policy plugin or runtime adapter that was tried."""
    seed: int
    checks: tuple[Check, ...]
    events_in: int
    events_out: int
    output_digest: str = ""
    """Of everything that came out; two processes give the same where nothing depends on the process."""

    @property
    def ok(self) -> bool:
        """Whether the node ran and broke no promise. What was not run is told in `checks`."""
        ran = any(check.name == "runs" and check.status == "pass" for check in self.checks)
        return ran and all(check.status != "fail" for check in self.checks)

    def failures(self) -> tuple[str, ...]:
        return tuple(f"{check.name}: {check.message}" for check in self.checks if check.status == "fail")


def judged(name: str, problems: Iterable[str]) -> Check:
    """A check that passes where there are no problems, and tells the first where there are some."""
    found = list(dict.fromkeys(problems))
    if not found:
        return Check(name=name, status="pass", message="")
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return Check(name=name, status="fail", message=f"{found[0]}{more}")


def ended(
    names: Sequence[str], failed: str, reasons: Sequence[str], subject: str, seed: int, passed: tuple[str, ...] = ()
) -> Trial:
    """A trial that ended with its first checks."""
    checks = []
    for check in names:
        if check in passed:
            checks.append(Check(name=check, status="pass", message=""))
        elif check == failed:
            checks.append(judged(check, reasons))
        else:
            checks.append(Check(name=check, status="not_run", message=f"`{failed}` failed"))
    return Trial(subject=subject, seed=seed, checks=tuple(checks), events_in=0, events_out=0)


def digest_of(value: Any) -> str:
    """Digest of whatever came out, which depends on nothing but its content and the order of its lists."""
    return sha256(repr(_plain(value)).encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return sorted((str(key), _plain(one)) for key, one in value.items())
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value
