"""`rsppc pin`: write digests into the references of a bundle or a rollout, and keep what they stand for."""

from __future__ import annotations

import os
from typing import Any

import click

from rsppc.base.canonical_json import canonical
from rsppc.base.names import parse_ref
from rsppc.cli.entry import find_entry
from rsppc.cli.exits import INTEGRITY, OK
from rsppc.cli.pinning import (
    Change,
    changes_of,
    changes_of_rollout,
    pinned_rollout_text,
    pinned_text,
    pins_of,
)
from rsppc.cli.session import Options, exit_code, fault, report, usage, workspace_here
from rsppc.cli.turns import bundle_named
from rsppc.diagnostics import DiagnosticSink
from rsppc.driver import compile_bundle, open_workspace
from rsppc.emit.artifacts import artifacts as emitted
from rsppc.lowering.artifacts import Artifact, meaning
from rsppc.lowering.references import references_of
from rsppc.workspace import OBJECTS, Workspace


@click.command(
    "pin",
    epilog="Examples: `rsppc pin demo_bundle/v1`, `rsppc pin pipelines/bundles/demo_bundle_v1.yaml --accept`.",
)
@click.argument("bundle")
@click.option("--accept", is_flag=True, help="Replace digests that are there and say something else.")
def COMMAND(bundle: str, accept: bool) -> int:
    """Write the digests of what BUNDLE, a bundle or a rollout, refers to into its source.

    What each digest of a bundle stands for is kept below `bundles/objects/`, so that a later change can be shown value
    by value. A rollout is pinned to the bundles as they were built. Digests that are there already and say something
    else are shown, and replaced only with `--accept`.
    """
    sink = DiagnosticSink()
    workspace = workspace_here(sink)
    artifacts = open_workspace(workspace, sink)
    entry = find_entry(artifacts, bundle, kinds=("bundle", "pipeline", "rollout"))
    if entry.kind.name == "rollout":
        return _pin_rollout(workspace, entry, accept=accept)
    if entry.kind.name != "bundle":
        usage(
            f"`{bundle}` is a spec used without a bundle, which has nothing to pin", "write a bundle that releases it"
        )
    compilation = compile_bundle(artifacts, entry, purpose="build")
    blocking = tuple(found for found in compilation.diagnostics if found.code != "RSP7102")
    if compilation.program is None or any(found.severity == "error" for found in blocking):
        options = Options(format="text", reports=(), strict=False, color=None)
        return exit_code(report(blocking, (), options))
    pins = pins_of(compilation.program, artifacts, entry)
    made = emitted(compilation.program)
    if not _accepted(entry, changes_of(entry, pins, made.bundle_digest), accept=accept):
        return INTEGRITY
    text = pinned_text(entry, pins, made.bundle_digest)
    _keep(
        workspace,
        {pin.digest: meaning(pin.artifact.root) for pin in pins}
        | {made.bundle_digest: made.bundle, made.resolved_spec_digest: made.resolved_spec},
    )
    if text != entry.document.source.text:
        _replace(workspace, entry.path, text)
    for pin in pins:
        click.echo(f"{pin.kind:10} {pin.ref:40} {pin.digest}")
    click.echo(f"{'makes':10} {entry.ref:40} {made.bundle_digest}")
    click.echo(f"{'pinned' if text != entry.document.source.text else 'already pinned'} {entry.path}")
    return OK


def _accepted(entry: Artifact, changes: tuple[Change, ...], *, accept: bool) -> bool:
    """Show digests that would be replaced; whether they may be."""
    for change in changes:
        click.echo(f"{change.kind:10} {change.ref:40} {change.before} -> {change.now}")
    if not changes or accept:
        return True
    click.echo(f"rsppc: `{entry.ref}` is pinned to something else; nothing was written", err=True)
    click.echo(
        f"  publish the change under a new version, or accept it with `rsppc pin {entry.ref} --accept`",
        err=True,
    )
    return False


def _pin_rollout(workspace: Workspace, entry: Artifact, *, accept: bool) -> int:
    """Pin a rollout to the bundles as they were built: what a build made is what is published."""
    if any(found.severity == "error" for found in entry.diagnostics):
        options = Options(format="text", reports=(), strict=False, color=None)
        return exit_code(report(entry.diagnostics, (), options))
    refs = {parse_ref(text) for kind, text, _ in references_of(entry) if kind == "bundle"}
    digests = {name: bundle_named(name).digest for name in sorted(ref.name for ref in refs if ref is not None)}
    if not _accepted(entry, changes_of_rollout(entry, digests), accept=accept):
        return INTEGRITY
    text = pinned_rollout_text(entry, digests)
    if text != entry.document.source.text:
        _replace(workspace, entry.path, text)
    for name, digest in digests.items():
        click.echo(f"{'bundle':10} {name:40} {digest}")
    click.echo(f"{'pinned' if text != entry.document.source.text else 'already pinned'} {entry.path}")
    return OK


def _keep(workspace: Workspace, programs: dict[str, Any]) -> None:
    """Write what each digest stands for; a file of that name that is there says the same."""
    folder = os.path.join(workspace.root, workspace.sources, OBJECTS)
    for digest, program in programs.items():
        path = os.path.join(folder, digest.removeprefix("sha256:") + ".json")
        if os.path.exists(path):
            continue
        try:
            os.makedirs(folder, exist_ok=True)
            _write(path, canonical(program) + b"\n")
        except OSError as error:
            fault(f"cannot write `{path}`: {error.strerror}")


def _replace(workspace: Workspace, path: str, text: str) -> None:
    try:
        _write(os.path.join(workspace.root, path), text.encode())
    except OSError as error:
        fault(f"cannot write `{path}`: {error.strerror}")


def _write(path: str, data: bytes) -> None:
    """Write a file in one step: what stood there before stays until the new bytes are complete."""
    beside = f"{path}.{os.getpid()}.tmp"
    try:
        with open(beside, "wb") as file:
            file.write(data)
        os.replace(beside, path)
    except OSError:
        if os.path.exists(beside):
            os.unlink(beside)
        raise
