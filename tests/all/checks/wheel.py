"""The wheel alone, in a fresh environment and an empty folder, far from the checkout."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from checks.outcome import Outcome, outcome
from checks.packages import ROOT, call, clean_copy, environment_with, own_environment

NAME = "wheel"
NEEDS = ("git", "pypi")

_COMMANDS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("--version",), "rsppc"),
    (("init",), "rsppc build"),
    (("check",), ""),
    (("build",), "build"),
    (("explain", "RSP3104"), "RSP3104"),
    (("schema", "pipeline"), '"$schema"'),
)
"""Commands, and a word that each of them prints, if only an empty one."""


def run(folder: Path) -> Outcome:
    copy = clean_copy(folder)
    call([sys.executable, "-m", "build", "--wheel", "--outdir", str(folder / "dist"), str(copy)], folder)
    (wheel,) = (folder / "dist").iterdir()
    python = environment_with(folder / "environment", [str(wheel)])
    empty = folder / "empty"
    empty.mkdir()
    problems = _strays(wheel) + _astray(python, empty)
    done = 0
    for arguments, word in _COMMANDS:
        problem = _problem(python, arguments, word, empty)
        problems += [problem] if problem else []
        done += 1
    if not list(empty.glob("build/*/*/bundle.json")):
        problems.append("nothing was built in the empty folder")
    return outcome(problems, f"{wheel.name}: {done} commands work without the checkout")


def _strays(wheel: Path) -> list[str]:
    """Files of a wheel that belong to no package of ours."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    return [
        f"the wheel holds {name}"
        for name in names
        if not name.startswith(("rsppc/", "rsppc-")) or "__pycache__" in name
    ]


def _astray(python: Path, empty: Path) -> list[str]:
    """Whether the installed package is the one that is used."""
    place = call([str(python), "-c", "import rsppc; print(rsppc.__file__)"], empty).strip()
    inside = Path(place).is_relative_to(python.parent.parent) and not Path(place).is_relative_to(ROOT)
    return [] if inside else [f"rsppc was imported from {place}"]


def _problem(python: Path, arguments: tuple[str, ...], word: str, folder: Path) -> str | None:
    words = [str(python.parent / "rsppc"), *arguments]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, env=own_environment(), check=False)
    said = f"`rsppc {' '.join(arguments)}` ended with {done.returncode}"
    if done.returncode != 0 or "Traceback" in done.stderr:
        return f"{said}: {(done.stderr or done.stdout)[-600:]}"
    return None if word in done.stdout else f"{said} and did not print {word!r}: {done.stdout[:300]}"
