"""What the compiler proved of a bundle, as checks: proved and within its limit, or not."""

from __future__ import annotations

from rsppc.evidence.envelope import Checked, Status
from rsppc.gates.context import Context
from rsppc.gates.outcome import Outcome, not_run
from rsppc.ir.program import LatencyPath, Program

_NAMED_MAX = 5


def proved_program(context: Context, name: str) -> Program | Outcome:
    """The program of the bundle; where the workspace holds another one, nothing was proved of this one."""
    compilation = context.compilation
    if isinstance(compilation, str):
        return not_run(name, context.release.bundle_ref, compilation)
    assert compilation.program is not None
    return compilation.program


def checked_path(name: str, path: LatencyPath, limits: dict[str, int]) -> Checked:
    """One latency path against the limits of its gate."""
    if path.unknown:
        more = " …" if len(path.unknown) > _NAMED_MAX else ""
        message = f"unproved: nobody states a figure for {', '.join(path.unknown[:_NAMED_MAX])}{more}"
        return Checked(check=name, subject=path.name, status="not_run", message=message)
    found = {"p50_ms": path.p50_ms, "p95_ms": path.p95_ms}
    parts: list[str] = []
    status: Status = "pass"
    for statistic, limit in limits.items():
        value = found[statistic]
        if value is None:
            return Checked(check=name, subject=path.name, status="not_run", message=f"{statistic} is unproved")
        status = "fail" if value > limit else status
        parts.append(f"{statistic} {value} of {limit}")
    return Checked(check=name, subject=path.name, status=status, message=", ".join(parts))
