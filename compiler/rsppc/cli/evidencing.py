"""What commands that leave evidence have in common: of which bundle they speak, when, and where it is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from rsppc.base.canonical_json import canonical
from rsppc.cli.clock import now_option
from rsppc.cli.distributing import replace_file
from rsppc.cli.session import usage
from rsppc.cli.turns import bundle_named
from rsppc.evidence.envelope import Release
from rsppc.turnplan import LoadedBundle

_Command = TypeVar("_Command", bound=Callable[..., Any])


def evidence_options(command: _Command) -> _Command:
    """Give a command `--evidence`, `--bundle` and `--now`."""
    for option in (
        now_option,
        click.option("--bundle", metavar="BUNDLE", help="The built bundle that the evidence speaks of."),
        click.option("--evidence", metavar="FILE", help="Write what was found as evidence, for gates and releases."),
    ):
        command = option(command)
    return command


def release_named(bundle: str | None) -> Release:
    """The release that evidence speaks of; ends the command where no bundle is named."""
    if bundle is None:
        usage(
            "evidence speaks of a bundle", "name the folder that `rsppc build` wrote with `--bundle build/ID/VERSION`"
        )
    return release_of(bundle_named(bundle))


def release_of(bundle: LoadedBundle) -> Release:
    """The release of a loaded bundle."""
    return Release(bundle_ref=bundle.pipeline_version, bundle_digest=bundle.digest)


def write_evidence(path: str, evidence: dict[str, Any]) -> None:
    """Write sealed evidence: canonical JSON, in one step."""
    replace_file(path, canonical(evidence) + b"\n")
