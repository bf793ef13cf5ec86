"""Commands that are killed before each single step of writing that they would take."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from workspaces import environment

_WRITING = tuple(f"os.{name}" for name in ("mkdir", "write", "fchmod", "fsync", "rename", "replace", "symlink"))
_COUNTING = """
import os, signal, sys
from pydoc import locate
calls, stop, steps = 0, int(sys.argv.pop(1)), sys.argv.pop(1).split()
def counted(real):
    def call(*arguments, **named):
        global calls
        calls += 1
        if calls == stop:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **named)
    return call
for step in steps:
    holder, _, name = step.rpartition(".")
    setattr(locate(holder), name, counted(getattr(locate(holder), name)))
from rsppc.cli.main import main
main()
"""


def killed_at_each_step(
    folder: Path, *arguments: str, look: Callable[[], None], steps: tuple[str, ...] = _WRITING
) -> int:
    """Run a command again and again, each time killed one step later, and `look` at what it left; how many steps there
    were before it got through. Steps are calls of functions, each named by its module."""
    stop, ended = 0, -signal.SIGKILL
    while ended == -signal.SIGKILL:
        stop += 1
        ended = subprocess.run(
            [sys.executable, "-c", _COUNTING, str(stop), " ".join(steps), *arguments],
            cwd=folder,
            env=environment(),
            capture_output=True,
            check=False,
        ).returncode
        look()
    return stop - 1
