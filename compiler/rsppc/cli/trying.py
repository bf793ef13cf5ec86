"""Trials of plugins in processes of their own: each is run twice, and neither may hang or be seen to differ."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress

import msgspec

from rsppc.base.record import replace
from rsppc.extensions.child import Task
from rsppc.extensions.trial import Check, Trial, ended

HASH_SEEDS = ("1", "2")
"""Python orders sets by these; what depends on them differs from one process to the next."""


def run_trial(task: Task, *, seconds: int) -> Trial:
    """Try a plugin in two processes, whose hashes are seeded differently; in one where that is enough to fail."""
    first = _in_a_process(task, HASH_SEEDS[0], seconds=seconds)
    if not first.ok:
        return first
    second = _in_a_process(task, HASH_SEEDS[1], seconds=seconds)
    if not second.ok or second.output_digest == first.output_digest:
        return second
    message = "two processes gave different output for the same events, config and seed"
    return replace(first, checks=tuple(_failed(check, "determinism", message) for check in first.checks))


def _in_a_process(task: Task, hash_seed: str, *, seconds: int) -> Trial:
    command = [sys.executable, "-P", "-m", "rsppc.extensions.child"]  # without the current folder in front
    surroundings = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONDONTWRITEBYTECODE": "1"}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=pipe, env=surroundings, start_new_session=True
    ) as process:
        try:
            out, err = process.communicate(msgspec.json.encode(task), timeout=seconds)
        except subprocess.TimeoutExpired:
            message = f"it did not finish within {seconds} s, and was ended"
            return ended(("runs",), "runs", [message], task.name, task.seed)
        finally:
            _end_group(process)
    try:
        return msgspec.json.decode(out, type=Trial)
    except msgspec.MsgspecError:
        last = err.decode("utf-8", "replace").strip().rpartition("\n")[2][:200]
        said = f": {last}" if last else ""
        message = f"its process ended with code {process.returncode}{said}"
        return ended(("runs",), "runs", [message], task.name, task.seed)


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End a process with all that it has started; what it started may outlive it, and is in its group."""
    if sys.platform == "win32":  # where there are no groups of processes
        process.kill()
        return
    with suppress(OSError):  # there is none left
        os.killpg(process.pid, signal.SIGKILL)


def _failed(check: Check, name: str, message: str) -> Check:
    return Check(name=name, status="fail", message=message) if check.name == name else check
