"""Commands that are killed before each single step of writing that they would take."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from workspaces import environment

_COUNTING = """
import os, signal, sys
calls, stop = 0, int(sys.argv.pop(1))
def counted(real):
    def call(*arguments, **named):
        global calls
        calls += 1
        if calls == stop:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **named)
    return call
for name in ("mkdir", "write", "fchmod", "fsync", "rename", "replace", "symlink"):
    setattr(os, name, counted(getattr(os, name)))
from rsppc.cli.main import main
main()
"""


def killed_at_each_step(folder: Path, *arguments: str, look: Callable[[], None]) -> int:
    """Run a command again and again, each time killed one step later, and `look` at what it left; how many steps there
    were before it got through."""
    stop, ended = 0, -signal.SIGKILL
    while ended == -signal.SIGKILL:
        stop += 1
        ended = subprocess.run(
            [sys.executable, "-c", _COUNTING, str(stop), *arguments],
            cwd=folder,
            env=environment(),
            capture_output=True,
            check=False,
        ).returncode
        look()
    return stop - 1
