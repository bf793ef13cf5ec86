"""Put a bundle, and the evidence that it rests on, into a store."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import click
import msgspec

from rsppc.base.canonical_json import canonical
from rsppc.cli.distributing import read_input
from rsppc.cli.evidencing import write_evidence
from rsppc.cli.exits import INTEGRITY, OK
from rsppc.cli.session import fault
from rsppc.cli.turns import bundle_folder
from rsppc.diagnostics import DiagnosticSink
from rsppc.store.folder import FolderStore
from rsppc.store.protocols import Kept, Refused, StoreFault
from rsppc.store.releases import ReleaseRefused, put_release
from rsppc.workspace import find_workspace


def published(
    made: dict[str, Any], files: Mapping[str, bytes], value: dict[str, Any], store: str, output: str | None
) -> int:
    """Put a bundle and its release into a store."""
    release = made["figures"]["release_id"]
    try:
        kept = FolderStore(root=store).put_bundle(value)
        if isinstance(kept, Kept):
            put = put_release(store, release, {**files, "release.json": canonical(made) + b"\n"})
    except OSError as error:
        fault(f"cannot publish into `{store}`: {(error.strerror or 'input/output error').lower()}")
    match kept:
        case StoreFault(kind="environment", reason=reason):
            fault(f"cannot publish into `{store}`: {reason}")
        case StoreFault(reason=reason) | Refused(pointer=reason):
            return _refused(
                f"`{made['release']['bundle_ref']}` was published before, with other content",
                reason,
                "publish it under a new version",
            )
    if isinstance(put, ReleaseRefused):
        return _refused(
            f"`{release}` was published before, with other evidence",
            put.file,
            "a release has its time in its name: publish again",
        )
    if output is not None:
        write_evidence(output, made)
    click.echo(f"{release}  {made['release']['bundle_ref']}  {'published' if put.changed else 'published before'}")
    click.echo(f"  in {os.path.relpath(put.path)}")
    return OK


def _refused(problem: str, first: str, advice: str) -> int:
    click.echo(f"rsppc: {problem}", err=True)
    click.echo(f"  the first difference is at `{first}`; {advice}", err=True)
    return INTEGRITY


def default_store() -> str:
    """The store that serves where none is named: `store` below the workspace."""
    workspace = find_workspace(os.getcwd(), DiagnosticSink())
    return os.path.join(workspace.root if workspace is not None else "", "store")


def bundle_value(bundle: str) -> dict[str, Any]:
    """The content of `bundle.json` of a bundle that was loaded already."""
    value: dict[str, Any] = msgspec.json.decode(read_input(os.path.join(bundle_folder(bundle), "bundle.json")))
    return value
