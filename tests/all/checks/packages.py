"""Things fetched or made for the time of one check: packages of npm, copies of the checkout, environments."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
_SECONDS_MAX = 900


class CommandFailed(Exception):
    """A command that a check cannot do without."""


def npm_package(name: str, version: str, folder: Path) -> Path:
    """The content of one package of npm, unpacked and not installed: nothing of it runs by itself."""
    done = call(["npm", "pack", "--silent", f"{name}@{version}"], folder)
    with tarfile.open(folder / done.split()[-1]) as archive:
        archive.extractall(folder, filter="data")
    place = folder / name.replace("/", "_")
    (folder / "package").rename(place)
    return place


def clean_copy(folder: Path) -> Path:
    """What the repository holds, without what was built or installed in the checkout."""
    listed = call(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], ROOT)
    copy = folder / "copy"
    for name in sorted(set(listed.split("\0")) - {""}):
        if (ROOT / name).is_file():  # a file that was deleted is still listed until that is committed
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    return copy


def environment_with(folder: Path, packages: Sequence[str], *, python: str = sys.executable) -> Path:
    """A new virtual environment that holds some packages; its interpreter."""
    call([python, "-m", "venv", str(folder)], folder.parent)
    interpreter = folder / "bin" / "python"
    install = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    call([*install, *packages], folder.parent)
    return interpreter


def call(words: Sequence[str], folder: Path, *, seconds_max: float = _SECONDS_MAX) -> str:
    """What a command prints; it has to succeed."""
    done = subprocess.run(
        words, cwd=folder, capture_output=True, text=True, timeout=seconds_max, env=own_environment(), check=False
    )
    if done.returncode != 0:
        told = (done.stderr or done.stdout).strip()[-2000:]
        raise CommandFailed(f"`{' '.join(words[:5])} …` ended with {done.returncode}: {told}")
    return done.stdout


def own_environment() -> dict[str, str]:
    """The environment without what would lead an interpreter back to the checkout."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
