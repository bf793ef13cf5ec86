"""What a build says at the end: one screen, with the figures that decide about a call."""

from __future__ import annotations

from collections.abc import Sequence

import click

from rsppc.cli.building import Built
from rsppc.ir.program import LatencyPath, Proofs

_SHOWN_MAX = 12


def print_summary(built: Sequence[Built], root: str) -> None:
    """The outcome of a build."""
    done = [one for one in built if one.ok]
    for one in done[:_SHOWN_MAX]:
        _print_one(one, root)
    if len(done) > _SHOWN_MAX:
        click.echo(f"… and {len(done) - _SHOWN_MAX} more")
    failed = [one for one in built if not one.ok]
    unchanged = sum(not one.changed for one in done)
    click.echo(
        f"built {len(done)} of {len(built)} bundle{'s' if len(built) != 1 else ''}"
        + (f", {unchanged} unchanged" if unchanged else "")
        + (f"; not built: {', '.join(one.ref for one in failed[:_SHOWN_MAX])}" if failed else "")
    )


def _print_one(one: Built, root: str) -> None:
    proofs = one.proofs
    click.echo(f"{one.ref}  {one.digest[:19]}…  {'unchanged' if not one.changed else 'written'} {root}/{one.written}")
    if proofs is None:
        return
    for name, title in (("e2e", "end of speech → first output"), ("first_output", "turn signal → first output")):
        path = next((each for each in proofs.paths if each.name == name), None)
        if path is not None:
            click.echo(f"  latency   {title}: {_figures(path)}")
    silence = f"silent {proofs.cancel_ms} ms after a cancel" if proofs.cancel_ms is not None else "nothing cancels"
    click.echo(f"  cancel    {silence} at p95, of 150 ms" if proofs.cancel_ms is not None else f"  cancel    {silence}")
    click.echo(f"  memory    at most {_bytes(proofs.queue_bytes)} queued per session")
    click.echo(f"  types     {_coverage(proofs)}; {_programs(proofs)}")


def _figures(path: LatencyPath) -> str:
    if path.p95_ms is None:
        known = f"p50 {path.p50_ms} ms, " if path.p50_ms is not None else ""
        return (
            f"{known}p95 unproved, no figure for {', '.join(path.unknown[:3])}{' …' if len(path.unknown) > 3 else ''}"
        )
    budget = f" of {path.budget_ms} ms" if path.budget_ms is not None else ""
    return f"p50 {path.p50_ms} ms, p95 {path.p95_ms} ms{budget}"


def _bytes(count: int) -> str:
    return f"{count / 2**20:.1f} MiB" if count >= 2**20 else f"{count / 2**10:.0f} KiB"


def _coverage(proofs: Proofs) -> str:
    return f"{proofs.edges_checked} of {proofs.edges} edges checked"


def _programs(proofs: Proofs) -> str:
    return f"{proofs.programs} programs tried" if proofs.programs > 1 else "one program"
