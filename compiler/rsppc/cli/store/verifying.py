"""`rsppc store verify`: hold everything that is kept against its digests, and name whatever is damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rsppc.base.canonical_json import canonical
from rsppc.cli.clock import now_option, time_given
from rsppc.cli.exits import INTEGRITY, OK
from rsppc.cli.store.progress import progress
from rsppc.cli.storing import counted, store_here, store_option, tenant_option
from rsppc.store.problems import StoreProblem

if TYPE_CHECKING:
    from rsppc.store.registry import Registry
    from rsppc.store.verification import Verdict


@click.command(
    "verify", epilog="Examples: `rsppc store verify`, `rsppc store verify PACKAGE --record --now 2026-01-01T00:00:00Z`."
)
@click.argument("package", metavar="[PACKAGE]", required=False)
@click.option("--record", is_flag=True, help="Note in the log that somebody looked, and what they found.")
@click.option(
    "--format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How it is printed."
)
@now_option
@tenant_option
@store_option
def VERIFY_COMMAND(
    package: str | None, record: bool, format: str, now: str | None, tenant: str, store: str | None
) -> int:
    """Hold PACKAGE, or all packages of all tenants and the log, against every digest, size and receipt.

    Goes on after whatever is damaged and names all of it; then the exit code is 3.
    """
    from rsppc.store.auditing import audit
    from rsppc.store.metadata_schemas import schema_faults
    from rsppc.store.verification import package_ids, unreferenced, verify_each

    at = time_given(now)
    with store_here(store, writable=record) as registry:
        ids = [registry.find(package, tenant).package_id] if package is not None else list(package_ids(registry))
        verdicts: list[Verdict] = []
        faults: list[str] = []
        rubbish = (0, 0)

        def look_at_registry() -> None:
            nonlocal rubbish
            faults.extend(audit(registry.log).faults)
            faults.extend(schema_faults(registry.log))
            try:
                rubbish = unreferenced(registry)
            except StoreProblem as problem:
                if problem.kind != "corrupt":
                    raise
                faults.append(problem.what)

        with progress("verifying", _bytes(registry, ids)) as told:
            meanwhile = look_at_registry if package is None else None
            for one, verdict in verify_each(registry, ids, told, meanwhile):
                if isinstance(verdict, StoreProblem):  # of the tables; the next package may be sound
                    faults.append(f"package {one[:60]}: {verdict.what}")
                    continue
                verdicts.append(verdict)
                if format == "json" or verdict.faults or package is not None:
                    _say(verdict, format)
                if record and not faults and verdict.package.state != "collected":
                    registry.record_verification(one, verdict.record(), at)
        for fault in faults:
            click.echo(canonical({"log": fault}).decode() if format == "json" else f"log: {fault}")
        if format == "text" and package is None:
            _sum_up(verdicts, rubbish, log_is_sound=not faults)
    return INTEGRITY if faults or any(one.faults for one in verdicts) else OK


def _bytes(registry: Registry, ids: list[str]) -> int:
    return registry.package(ids[0]).byte_count if len(ids) == 1 else registry.bytes_kept()


def _say(verdict: Verdict, format: str) -> None:
    package = verdict.package
    if format == "json":
        faults = [{"item": one.item, "digest": one.digest, "what": one.what} for one in verdict.faults]
        value = {"package_id": package.package_id, "files": verdict.files, "bytes": verdict.bytes, "faults": faults}
        click.echo(canonical(value).decode())
        return
    for fault in verdict.faults:
        click.echo(f"{package.package_id}  {fault.item}: {fault.what}")
    if not verdict.faults:
        sound = f"{counted(verdict.files, 'file')}, {counted(verdict.bytes, 'byte')}, sound"
        what = "collected" if package.state == "collected" else sound
        click.echo(f"{package.package_id}  {what}")


def _sum_up(verdicts: list[Verdict], rubbish: tuple[int, int], *, log_is_sound: bool) -> None:
    files, size = sum(one.files for one in verdicts), sum(one.bytes for one in verdicts)
    damaged = sum(1 for one in verdicts if one.faults)
    looked = f"{counted(len(verdicts), 'package')}, {counted(files, 'file')}, {counted(size, 'byte')}"
    found = f"{damaged} damaged" if damaged else "all sound"
    click.echo(f"{looked}; {found}{'' if log_is_sound else ', but not the log'}")
    if rubbish[0]:
        what = f"{counted(rubbish[0], 'content')} of {counted(rubbish[1], 'byte')}"
        click.echo(f"{what} that nobody speaks of; `rsppc store gc` frees it")
