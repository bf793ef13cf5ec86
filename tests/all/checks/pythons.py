"""Other interpreters: the shipped pipelines give the same bytes, and the unit tests pass.

Each interpreter gets an environment of its own, with what its package index gives it today.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from rsppc.base.digest import digest_bytes
from workspaces import built_files

from checks.outcome import NotRun, Outcome, outcome
from checks.packages import ROOT, CommandFailed, call, clean_copy, environment_with, own_environment

NAME = "pythons"
NEEDS = ("git", "pypi")

_OLDEST = (3, 11)
_NEWEST_MINOR = 20
_FILES_MIN = 20
_NOT_FOR_TESTS = ("mypy", "ruff", "types-PyYAML", "build")
_SECONDS_MAX = 1200
_VERSION = "import json, sys; print(json.dumps(sys.version_info[:2]))"


def run(folder: Path) -> Outcome:
    others = interpreters()
    if not others:
        return NotRun(f"no interpreter beside {sys.version_info.major}.{sys.version_info.minor} is installed")
    copy = clean_copy(folder)
    expected = _digests([sys.executable], copy, folder / "here")
    problems = [] if len(expected) >= _FILES_MIN else [f"only {len(expected)} files were built: nothing is proved"]
    for version, python in others.items():
        try:
            problems += [f"{version}: {words}" for words in _problems(python, copy, folder / version, expected)]
        except CommandFailed as error:
            problems.append(f"{version}: {error}")
    return outcome(problems, f"{', '.join(others)}: {len(expected)} files have the digests of here, unit tests pass")


def interpreters() -> dict[str, str]:
    """Interpreters of other versions that really start, by version."""
    found: dict[str, str] = {}
    here = sys.version_info[:2]
    for minor in range(_OLDEST[1], _NEWEST_MINOR):
        version = f"3.{minor}"
        if (3, minor) == here:
            continue
        for candidate in _candidates(version):
            if _version_of(candidate) == (3, minor):
                found[version] = candidate
                break
    return found


def _candidates(version: str) -> list[str]:
    """A shim of pyenv may be on the path and refuse to start, so its versions are looked through as well."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    installed = sorted(pyenv.glob(f"{version}.*/bin/python{version}"))
    on_path = shutil.which(f"python{version}")
    return [*([on_path] if on_path else []), *map(str, reversed(installed))]


def _version_of(python: str) -> tuple[int, ...] | None:
    try:
        done = subprocess.run([python, "-c", _VERSION], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return tuple(json.loads(done.stdout)) if done.returncode == 0 else None


def _problems(python: str, copy: Path, folder: Path, expected: dict[str, str]) -> list[str]:
    folder.mkdir()
    own = environment_with(folder / "environment", [str(copy), *_test_packages()], python=python)
    found = _digests([str(own)], copy, folder / "built")
    problems = [
        f"{name}: {found.get(name)}, here {expected.get(name)}"
        for name in sorted(found.keys() | expected.keys())
        if found.get(name) != expected.get(name)
    ]
    words = [str(own), "-m", "pytest", "tests/unit", "-x", "-q", "-p", "no:cacheprovider", "--color=no"]
    tests = subprocess.run(
        words, cwd=copy, capture_output=True, text=True, timeout=_SECONDS_MAX, env=own_environment(), check=False
    )
    if tests.returncode != 0:
        problems.append(f"unit tests ended with {tests.returncode}:\n{tests.stdout[-3000:]}")
    return problems


def _test_packages() -> list[str]:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    return [package for package in extras["dev"] if not package.startswith(_NOT_FOR_TESTS)]


def _digests(python: list[str], copy: Path, folder: Path) -> dict[str, str]:
    """Digests of what an interpreter builds from the shipped pipelines."""
    folder.mkdir()
    call([*python, "-m", "rsppc", "build", "--output", str(folder)], copy)
    return {name: digest_bytes(data) for name, data in built_files(folder).items()}
