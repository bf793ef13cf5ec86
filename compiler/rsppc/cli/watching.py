"""Notice what changes in a workspace, without help from the system, and run a command again.

A round begins when the workspace has been the same for one look after it had changed, so that a file is not read while
it is being written. What merely got another time is read and found to be the same. Each round is a process of its own
that answers from the cache what did not change; nothing that a round meets can end the watch.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from rsppc.base.digest import digest_chunks
from rsppc.diagnostics import DiagnosticSink
from rsppc.workspace import CONFIG_FILE, find_workspace

_LOOK_SECONDS = 0.25
_LEFT_OUT = ("__pycache__",)

Look = dict[str, tuple[int, int, int]]
"""Path → size, time and number of a file."""


def watch(start: str, run: Callable[[], int], say: Callable[[str], None], *, rounds: int | None = None) -> None:
    """Run something at first, and again whenever what it reads has changed; until it is interrupted, or so often."""
    seen, digests = look(start), dict[str, str]()
    number = 0
    changed: list[str] = []
    while True:
        number += 1
        digests = {path: digests.get(path, "") for path in seen}
        for path in seen if number == 1 else changed:
            digests[path] = _digest(path)
        code = run()
        say(_summary(number, [os.path.relpath(path, start) for path in changed], code))
        if rounds is not None and number >= rounds:
            return
        seen, changed = _next_change(start, seen, digests)


def look(start: str) -> Look:
    """Everything that a run in a folder reads: sources, assets, pinned objects and `rsppc.toml`, as far as it is there
    now."""
    workspace = find_workspace(start, DiagnosticSink())
    root = workspace.root if workspace is not None else os.path.realpath(start)
    found: Look = {}
    _note(os.path.join(root, CONFIG_FILE), found)
    if workspace is not None:
        for folder, folders, names in os.walk(os.path.join(root, workspace.sources)):
            folders[:] = sorted(one for one in folders if not one.startswith(".") and one not in _LEFT_OUT)
            for name in sorted(names):
                if not name.startswith("."):
                    _note(os.path.join(folder, name), found)
    return found


def _next_change(start: str, before: Look, digests: dict[str, str]) -> tuple[Look, list[str]]:
    """Wait until something is another, and has come to rest."""
    while True:
        time.sleep(_LOOK_SECONDS)
        now = look(start)
        if now == before:
            continue
        while True:
            time.sleep(_LOOK_SECONDS)
            again = look(start)
            if again == now:
                break
            now = again
        touched = [path for path in sorted({*before, *now}) if before.get(path) != now.get(path)]
        changed = [path for path in touched if _digest(path) != digests.get(path, "")]
        if changed:
            return now, changed
        before = now


def _note(path: str, found: Look) -> None:
    try:
        status = os.stat(path)
    except OSError:  # it vanished, or leads nowhere
        return
    found[path] = (status.st_size, status.st_mtime_ns, status.st_ino)


def _digest(path: str) -> str:
    """The digest of a file; empty where it cannot be read, which is another thing than any file."""
    try:
        if not os.path.isfile(path):
            return ""
        with open(path, "rb") as file:
            return digest_chunks(iter(lambda: file.read(2**20), b""))
    except OSError:
        return ""


def run_in_process(arguments: Sequence[str]) -> int:
    """Run this command line with other arguments, and give its exit code. Modules that lie about in the folder, under
    names of ours or of a library, are none of it (`-P`)."""
    return subprocess.run([sys.executable, "-P", "-m", "rsppc", *arguments], check=False).returncode


def _summary(number: int, changed: Sequence[str], code: int) -> str:
    what = "everything" if not changed else changed[0]
    more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
    outcome = {0: "no findings that fail", 1: "findings"}.get(code, f"exit code {code}")
    return f"-- round {number}: {what}{more}: {outcome}"
