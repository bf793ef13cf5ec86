"""A piece of work in a process of its own, which the system ends, or refuses something, at one call.

The process is forked from this one, so that all modules are there already, and strace is attached to it before it
begins: calls are counted from the first call of the work itself, and one try costs no start of an interpreter.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from rsppc.base.record import Record

KILL = "signal=SIGKILL"
_KILLED = -signal.SIGKILL
_SECONDS_MAX = 120


class Interrupted(Record):
    """What became of the work."""

    code: int
    """Its exit code; -9 where it was killed."""
    said: str
    told: str
    """On its standard output, and on its standard error."""
    hit: str
    """The call that was refused or before which it was killed, as strace shows it; empty where it never came so far."""


def interrupted(work: Callable[[], int], call: str, fault: str, when: str, folder: Path) -> Interrupted:
    """Run `work` in a process in which the call with this number (`3`, or `3+` for all from there on) is fatal, for
    `signal=…`, or fails, for `error=…`."""
    said, told, trace = folder / "said", folder / "told", folder / "trace"
    sys.stdout.flush()
    sys.stderr.flush()
    streams = [os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644) for path in (said, told)]
    gate, opening = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(opening)
        _become(work, gate, streams)
    for handle in (gate, *streams):
        os.close(handle)
    words = ["strace", "-f", "-y", "-s", "80", "-o", str(trace), "-e", f"trace={call}"]
    words += ["-e", f"inject={call}:{fault}:when={when}", "-p", str(pid)]
    with subprocess.Popen(words, stderr=subprocess.PIPE) as strace:
        try:
            _wait_until_attached(strace)
            os.write(opening, b"!")
            os.close(opening)
            _, status = os.waitpid(pid, 0)
            strace.wait(_SECONDS_MAX)
        except BaseException:
            os.kill(pid, signal.SIGKILL)
            strace.kill()
            raise
    code = os.waitstatus_to_exitcode(status)
    lines = trace.read_text(errors="replace").splitlines()
    hits = [line for line in lines if "(INJECTED)" in line]
    if code == _KILLED:
        calls = [line for line in lines if f"{call}(" in line]
        hits = [calls[-1] if calls else "?"]
    return Interrupted(
        code=code, said=said.read_text(errors="replace"), told=told.read_text(errors="replace"), hit=" ".join(hits[:1])
    )


def _become(work: Callable[[], int], gate: int, streams: list[int]) -> None:
    """Be the process that is interrupted; never comes back."""
    code = 70
    try:
        for number, handle in enumerate(streams, 1):
            os.dup2(handle, number)
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        os.read(gate, 1)
        code = work()
        sys.stdout.flush()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stderr.flush()
        os._exit(code)


def _wait_until_attached(strace: subprocess.Popen[bytes]) -> None:
    """Until strace has stopped the process; what it does from now on is counted."""
    assert strace.stderr is not None
    line = strace.stderr.readline()
    if b"attached" not in line:
        raise PermissionError(f"processes may not be traced from outside: {line.decode(errors='replace').strip()}")
