"""What commands about turns have in common: the bundle and the snapshot that the command line names."""

from __future__ import annotations

import os
from typing import NoReturn

import click
import msgspec

from rsppc.base.names import parse_ref
from rsppc.base.source import Source, file_span
from rsppc.cli.exits import FINDINGS, INTEGRITY
from rsppc.cli.session import usage, workspace_here
from rsppc.diagnostics import DiagnosticSink
from rsppc.driver import open_workspace
from rsppc.syntax.document import Mapping
from rsppc.syntax.reader import SUFFIXES, read
from rsppc.turnplan import BundleFault, ControlPlane, LoadedBundle, SnapshotFault, load_bundle, read_snapshot
from rsppc.workspace import Workspace, find_workspace


def bundle_named(name: str, *, digest: str | None = None) -> LoadedBundle:
    """The built bundle in a folder, or the one that a reference names in this workspace; ends the command where it is
    not whole, not pinned, or not what its digests say."""
    found = load_bundle(bundle_folder(name), digest=digest)
    if isinstance(found, LoadedBundle):
        return found
    _refuse(name, found)


def bundle_folder(name: str) -> str:
    """The folder of a built bundle that is named by it, or by a reference; ends the command where there is none."""
    if os.path.isdir(name):
        return name
    advice = "build it with `rsppc build`, or name the folder that holds it"
    if parse_ref(name) is None:
        usage(f"there is no folder `{name}`", advice)
    workspace = workspace_here(DiagnosticSink())
    folder = os.path.join(workspace.root, workspace.output, *name.split("/"))
    if not os.path.isdir(folder):
        usage(f"there is no built bundle `{name}`", advice)
    return folder


def _refuse(name: str, found: BundleFault) -> NoReturn:
    place = f" at {found.path}" if found.path else ""
    click.echo(f"rsppc: `{found.file}` of `{name}`{place}: {found.message}", err=True)
    click.echo(f"  {found.advice}", err=True)
    raise click.exceptions.Exit(INTEGRITY)


def snapshot_named(name: str) -> ControlPlane:
    """The ControlPlaneSnapshot in a YAML or JSON file, or the one that a reference names in the workspace or in what
    ships; ends the command where there is none that can be used."""
    root = _in_file(name) if os.path.isfile(name) else _referred(name)
    plane = read_snapshot(msgspec.json.decode(msgspec.json.encode(root)))
    if isinstance(plane, SnapshotFault):
        _no_snapshot(name, f"{plane.path}: {plane.message}")
    return plane


def _in_file(path: str) -> Mapping:
    with open(path, "rb") as file:
        content = file.read()
    sink = DiagnosticSink()
    # The reader goes by the ending of a name; a file of another one is taken for JSON.
    document = read(path if path.endswith(SUFFIXES) else f"{path}.json", content, sink)
    if document is None or document.root is None or sink.has_errors:
        _no_snapshot(path, sink.sorted()[0].message() if sink.has_errors else "it is empty")
    return document.root


def _referred(name: str) -> Mapping:
    if parse_ref(name) is None:
        usage(f"`{name}` is neither a file nor a reference", "references look like `local/v1`")
    sink = DiagnosticSink()
    workspace = find_workspace(os.getcwd(), sink) or Workspace(root=os.getcwd(), scanned=False)
    found = open_workspace(workspace, sink).resolve("snapshot", name, file_span(Source("", "", b"")), sink)
    if found is None or sink.has_errors:
        usage(f"there is no sound ControlPlaneSnapshot `{name}`", "run `rsppc check` to see what is wrong with it")
    return found.root


def _no_snapshot(name: str, problem: str) -> NoReturn:
    click.echo(f"rsppc: `{name}` is no ControlPlaneSnapshot: {problem}", err=True)
    raise click.exceptions.Exit(FINDINGS)
