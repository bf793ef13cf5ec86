"""A store whose writer is refused a single call: no room, a failing disk, too many open files.

The same stories as in `store_kill`, and the same that must hold afterwards; only the writer lives, has to notice, and
ends with 4. It may end with 0 where the call did not matter: then all of it must be there. A failed `fsync` matters
always, since a second one may say yes about bytes that are lost already.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections import Counter
from pathlib import Path

from rsppc.cli.exits import ENVIRONMENT, OK

from checks.interrupted import KILL, Interrupted, interrupted
from checks.outcome import NotRun, Outcome, outcome
from checks.store_kill import fresh_store, in_memory
from checks.store_stories import Story, faults_of, stories

NAME = "store-errors"
NEEDS = ("root", "strace")

CALLS = ("write", "pwrite64", "fsync", "fdatasync", "rename", "link", "openat", "ftruncate", "mkdir")
ERRORS = {"ENOSPC": "+", "EIO": "", "EROFS": "+", "EDQUOT": "+", "EMFILE": "", "EINTR": ""}
"""A full disk stays full; a disk that failed once says yes the next time, which is worse."""
EVERY = ("ENOSPC", "EIO")
"""What is tried in every story; the others in the first of them."""
STEPS = {"pwrite64": 7, "openat": 3}
"""Of the many pages that a database writes, and files that are opened, one in so many is tried; of the first story and
with the first errors all."""
_NUMBER_MAX = 2000


def run(folder: Path) -> Outcome:
    folder = in_memory(folder)
    try:
        told = stories(folder)
        problems: list[str] = []
        points: Counter[str] = Counter()
        for story in told:
            for error in ERRORS:
                if error in EVERY or story is told[0]:
                    for call in CALLS:
                        points.update(_at_each(story, call, error, folder, problems, first=story is told[0]))
    except PermissionError as error:
        return NotRun(str(error))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    count = sum(points.values())
    shown = f"{points[str(ENVIRONMENT)]} ended with 4, {points[str(OK)]} with 0 and everything there"
    return outcome(problems, f"{count} calls refused: {shown}")


def _at_each(story: Story, call: str, error: str, folder: Path, problems: list[str], *, first: bool) -> Counter[str]:
    """Refuse the first, second … call of a name; how these runs ended."""
    ends: Counter[str] = Counter()
    copying = _copying(story, folder) if call == "fdatasync" else frozenset()
    whole = first and error in EVERY
    step = 1 if whole else STEPS.get(call, 1)
    for number in range(1, _NUMBER_MAX, step):
        store = fresh_store(story, folder)
        done = interrupted(lambda: story.work(store), call, f"error={error}", f"{number}{ERRORS[error]}", folder)  # noqa: B023 - called at once
        place = f"{story.name}, {error} at {call} number {number}: {done.hit.partition(' ')[2][:160]}"
        found = faults_of(story, store, done.code, done.said, done.told, tolerated=call == "write")
        if done.hit and done.code == OK and not _may_succeed(done, call, error, number, copying):
            found.append("it ends with 0")
        problems += [f"{place}: {words}" for words in found]
        for words in found:
            print(f"  {place}: {words}", file=sys.stderr)
        if not done.hit:
            return ends
        ends[str(done.code)] += 1
    problems.append(f"{story.name}, {error} at {call}: there is no end of it")
    return ends


def _may_succeed(done: Interrupted, call: str, error: str, number: int, copying: frozenset[int]) -> bool:
    """Whether the call was one that everything goes on without; that everything is there is seen elsewhere."""
    if error == "EINTR":
        return True  # it is called again, by the interpreter and by SQLite
    if "registry.head" in done.hit:
        return True  # the mark may lag
    if call == "fdatasync":
        return number in copying or _FOLDER.search(done.hit) is not None
    if call in ("pwrite64", "ftruncate"):  # pages on their way from the write-ahead log, which stays until they arrived
        return "/registry.db>" in done.hit
    if call == "mkdir":
        return True  # the folder is there
    return call == "openat" and _OPTIONAL.search(done.hit) is not None


_FOLDER = re.compile(r"fdatasync\(\d+<[^>]*/(store|rebuilding\.fresh-\d+)>\)")
_OPTIONAL = re.compile(r'"(/dev/urandom|/(proc|sys)/[^"]*|[^"]*/content\.lock|[^"]*/(store|rebuilding\.fresh-\d+))"')
"""What may fail to open: a seed, a list of mounts, the number of processors, a lock for writing that reading can lock
as well, and the folder that SQLite makes durable once more after the store did."""


def _copying(story: Story, folder: Path) -> frozenset[int]:
    """Which `fdatasync` of a story, counted from 1, come before or after pages are copied out of the write-ahead log.
    What they would make durable there is durable elsewhere."""
    store = fresh_store(story, folder)
    interrupted(lambda: story.work(store), "pwrite64,fdatasync", KILL, "60000", folder)
    found, number, before = set(), 0, ""
    for line in (folder / "trace").read_text(errors="replace").splitlines():
        if "fdatasync(" in line:
            number += 1
            if "/registry.db>" in line or ("-wal>" in line and "pwrite64(" not in before):
                found.add(number)
        if "(" in line:
            before = line
    return frozenset(found)
