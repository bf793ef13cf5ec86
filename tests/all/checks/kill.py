"""A build that the system ends, or refuses something, at each single call that changes the disk.

strace delivers the signal, or the error, at the first such call of a build, then at the second, and so on until a build
gets through. Whoever reads the output sees the earlier set of files or the later one, and nothing in between.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from rsppc.cli.exits import ENVIRONMENT, OK
from workspaces import CLEAN, command, environment, make, rsppc

from checks.earlier_and_later import LATER, Files, built, files_shown, left_overs
from checks.outcome import Outcome, outcome

NAME = "kill"
NEEDS = ("strace",)

_CALLS = {
    "write": ("write",),
    "rename": ("rename", "renameat", "renameat2"),
    "symlink": ("symlink", "symlinkat"),
    "mkdir": ("mkdir", "mkdirat"),
}
"""Each machine has some of the names of a call; strace passes over the others."""
_FAULTS = {"killed": "signal=SIGKILL", "full": "error=ENOSPC", "broken": "error=EIO"}
_KILLED = (-9, 137)
_NUMBER_MAX = 100
_INTERRUPTED_MIN = 20
_SECONDS_MAX = 120


def run(folder: Path) -> Outcome:
    later = built(folder / "reference", folder / "reference-output", LATER)
    workspace, output = folder / "workspace", folder / "output"
    earlier = built(workspace, output, CLEAN)
    make(workspace, LATER)
    shutil.copytree(output, folder / "kept", symlinks=True)
    problems: list[str] = []
    interrupted = 0
    for fault in _FAULTS:
        for call, names in _CALLS.items():
            reached = 0
            for name in names:
                reached += _at_each(name, fault, folder, (earlier, later), problems)
            if reached == 0:
                problems.append(f"{fault}: no call of `{call}` was ever reached")
            interrupted += reached
    if interrupted < _INTERRUPTED_MIN:
        problems.append(f"only {interrupted} builds were interrupted: nothing is proved")
    return outcome(problems, f"{interrupted} builds interrupted, each left the earlier files or the later ones")


def _at_each(name: str, fault: str, folder: Path, sets: tuple[Files, Files], problems: list[str]) -> int:
    """Interrupt builds at the first, second … call of a name; how many there were to interrupt."""
    for number in range(1, _NUMBER_MAX):
        shutil.rmtree(folder / "output")
        shutil.copytree(folder / "kept", folder / "output", symlinks=True)
        done = _interrupted_build(folder, f"inject=?{name}:{_FAULTS[fault]}:when={number}")
        reached = (folder / "trace").read_text(errors="replace")
        happened = "INJECTED" in reached or "killed by SIGKILL" in reached
        place = f"{fault} at {name} number {number}"
        problems += [f"{place}: {words}" for words in _broken(folder, done, sets, happened=happened)]
        if not happened:
            return number - 1
    problems.append(f"{fault} at {name}: there is no end of it")
    return _NUMBER_MAX


def _interrupted_build(folder: Path, injection: str) -> subprocess.CompletedProcess[bytes]:
    build = command("build", "--output", str(folder / "output"))
    trace = injection.split(":")[0].replace("inject=", "trace=")
    return subprocess.run(
        ["strace", "-f", "-o", str(folder / "trace"), "-e", trace, "-e", injection, *build],
        cwd=folder / "workspace",
        env=environment(PYTHONDONTWRITEBYTECODE="1"),
        capture_output=True,
        timeout=_SECONDS_MAX,
        check=False,
    )


def _broken(
    folder: Path, done: subprocess.CompletedProcess[bytes], sets: tuple[Files, Files], *, happened: bool
) -> list[str]:
    """What an interrupted build did that it may not do."""
    problems = []
    seen, told = files_shown(folder / "output"), done.stderr.decode(errors="replace")[-400:]
    if seen not in sets:
        problems.append(f"the output is neither the earlier one nor the later one: {sorted(seen)}")
    if done.returncode not in (OK, ENVIRONMENT, *_KILLED) or "Traceback" in told or "bug of ours" in told:
        problems.append(f"exit {done.returncode}: {told}")
    if done.returncode == OK and seen != sets[1]:
        problems.append(f"reported as done, and it is not: {told}")
    if not happened:
        return problems
    again = rsppc(folder / "workspace", "build", "--output", str(folder / "output"))
    if again.returncode != OK or files_shown(folder / "output") != sets[1]:
        problems.append(f"the next build does not put it right: exit {again.returncode}")
    if left_overs(folder / "output"):
        problems.append(f"the next build leaves {', '.join(left_overs(folder / 'output'))}")
    return problems
