"""Workspaces with findings of every kind: the inputs of the golden cases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from workspaces import rsppc_here

from checks.packages import ROOT


def golden_inputs() -> list[Path]:
    """Workspaces with something to complain about, by name."""
    return sorted((ROOT / "golden" / "errors").glob("*/input"))


def reports(format: str) -> Iterator[tuple[str, bytes]]:
    """What `rsppc check` prints about each of them in a format, by name of the case."""
    for folder in golden_inputs():
        yield folder.parent.name, rsppc_here(folder, "check", "--format", format).stdout
