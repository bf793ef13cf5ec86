"""A workspace that was built, and changed since: a build must leave the earlier set of files or the later one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rsppc.cli.exits import OK
from workspaces import CLEAN, SPEC_PATH, built_files, make, rsppc

LATER = {**CLEAN, SPEC_PATH: CLEAN[SPEC_PATH].replace("silence_ms: 400", "silence_ms: 450")}

Files = Mapping[str, bytes]


def built(folder: Path, output: Path, files: Mapping[str, str]) -> Files:
    """What a build of these sources writes."""
    done = rsppc(make(folder, files), "build", "--output", str(output))
    assert done.returncode == OK, done.stdout + done.stderr
    return files_shown(output)


def files_shown(output: Path) -> Files:
    """What a reader finds below an output folder: hidden names are those of the writer."""
    return {path: data for path, data in built_files(output).items() if "/." not in path}


def left_overs(output: Path) -> list[str]:
    """What an interrupted build forgot, below an output folder."""
    return sorted(path.relative_to(output).as_posix() for path in output.rglob(".unfinished-*"))
