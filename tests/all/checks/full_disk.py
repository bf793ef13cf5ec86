"""A disk that is really full: a build into it ends as promised and takes nothing away.

A small file system of its own is filled until a build has room for nothing, then for one block more each time, until it
has room for everything. The same with the number of files in place of their size.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from rsppc.cli.exits import ENVIRONMENT, OK
from workspaces import CLEAN, make, rsppc

from checks.earlier_and_later import LATER, Files, built, files_shown, left_overs
from checks.outcome import NotRun, Outcome, outcome

NAME = "full-disk"
NEEDS = ("root", "mount")

_BLOCK = 4096
_BLOCKS = 512
_STEPS_MAX = 100
_REFUSED_MIN = 2
"""Fewer refusals would mean that the disk was never full."""


def run(folder: Path) -> Outcome:
    later = built(folder / "reference", folder / "reference-output", LATER)
    disk = folder / "disk"
    disk.mkdir()
    try:
        with _mounted(disk, f"size={_BLOCKS * _BLOCK}"):
            problems, refused = _filled(folder / "blocks", disk, later, filler=_fill_blocks)
        with _mounted(disk, f"nr_inodes={_BLOCKS}"):
            more, refused_too = _filled(folder / "names", disk, later, filler=_fill_names)
    except PermissionError as error:
        return NotRun(f"nothing may be mounted here: {error}")
    return outcome(problems + more, f"{refused} builds without room for bytes, {refused_too} without room for files")


def _filled(workspace: Path, disk: Path, later: Files, *, filler: Callable[[Path, int], None]) -> tuple[list[str], int]:
    output = disk / "output"
    earlier = built(workspace, output, CLEAN)
    make(workspace, LATER)
    problems: list[str] = []
    refused = 0
    for spare in range(_STEPS_MAX):
        filler(disk, spare)
        done = rsppc(workspace, "build", "--output", str(output))
        if done.returncode == OK:
            break
        refused += 1
        if done.returncode != ENVIRONMENT or b"the disk is full" not in done.stderr:
            problems.append(f"{spare} to spare: exit {done.returncode}, {done.stderr.decode(errors='replace')[-300:]}")
        if files_shown(output) != earlier:
            problems.append(f"{spare} to spare: the earlier output is damaged")
    if refused < _REFUSED_MIN:
        problems.append(f"only {refused} builds were refused: nothing is proved")
    if files_shown(output) != later:
        problems.append("with room for everything the later output is not there")
    if left_overs(output):
        problems.append(f"left behind: {', '.join(left_overs(output))}")
    return problems, refused


def _fill_blocks(disk: Path, spare: int) -> None:
    """Leave that many blocks free."""
    filler = disk / "filler"
    filler.unlink(missing_ok=True)
    with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
        while True:
            file.write(bytes(_BLOCK))
    with open(filler, "r+b") as file:
        file.truncate(filler.stat().st_size - spare * _BLOCK)


def _fill_names(disk: Path, spare: int) -> None:
    """Leave room for that many files."""
    fillers = disk / "fillers"
    fillers.mkdir(exist_ok=True)
    names = (fillers / str(number) for number in range(_BLOCKS))
    with contextlib.suppress(OSError):
        for name in names:
            name.touch()
    there = sorted(fillers.iterdir())
    for name in there[:spare]:
        name.unlink()


@contextlib.contextmanager
def _mounted(folder: Path, options: str) -> Iterator[None]:
    words = ["mount", "-t", "tmpfs", "-o", f"{options},mode=755", "tmpfs", str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PermissionError(done.stderr.strip())
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)
