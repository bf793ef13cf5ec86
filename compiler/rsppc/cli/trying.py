"""Trials of plugins in processes of their own: each is run twice, and neither may hang or be seen to differ."""

from __future__ import annotations

import os
import subprocess
import sys

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
    try:
        done = subprocess.run(
            command,
            input=msgspec.json.encode(task),
            env=surroundings,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return ended(("runs",), "runs", [f"it did not finish within {seconds} s, and was ended"], task.name, task.seed)
    try:
        return msgspec.json.decode(done.stdout, type=Trial)
    except msgspec.MsgspecError:
        last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2][:200]
        said = f": {last}" if last else ""
        message = f"its process ended with code {done.returncode}{said}"
        return ended(("runs",), "runs", [message], task.name, task.seed)


def _failed(check: Check, name: str, message: str) -> Check:
    return Check(name=name, status="fail", message=message) if check.name == name else check
