"""A store whose writer is killed before each single call that changes the disk.

Killed are `store ingest`, `import`, `gc --delete`, `verify --record`, `events replay`, `rebuild`, `init`, and the calls
of the library one by one: before the first call of a kind, before the second, and so on until there are no more. Each
time whatever was promised must be there byte for byte, nothing half done may be visible, the log must have no gap, and
the same command again must come to the same events as if nothing had happened.
"""

from __future__ import annotations

import shutil
import sys
from collections import Counter
from pathlib import Path

from checks.interrupted import KILL, interrupted
from checks.outcome import NotRun, Outcome, outcome
from checks.store_stories import SLOW, Story, faults_of, stories

NAME = "store-kill"
NEEDS = ("root", "strace")

CALLS = (
    *("write", "pwrite64", "fsync", "fdatasync", "rename", "link", "openat", "unlink", "unlinkat", "ftruncate"),
    *("mkdir", "rmdir"),
)
"""As this machine names them. What happens between two of them changes nothing that another process sees."""
_MUST = ("write", "pwrite64", "fsync", "fdatasync", "rename", "openat", "unlink", "ftruncate", "mkdir")
_NUMBER_MAX = 2000


def run(folder: Path) -> Outcome:
    folder = in_memory(folder)
    try:
        told = stories(folder)
        problems: list[str] = []
        points: Counter[str] = Counter()
        calls: Counter[str] = Counter()
        for story in told:
            for call in CALLS:
                count = _at_each(story, call, folder, problems)
                points[story.name] += count
                calls[call] += count
    except PermissionError as error:
        return NotRun(str(error))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    problems += [f"no `{call}` was ever reached" for call in _MUST if not calls[call]]
    shown = ", ".join(f"{count} of {name}" for name, count in points.items())
    kept = "" if problems else ": nothing lost, nothing torn, no gap"
    return outcome(problems, f"{sum(points.values())} writers killed ({shown}){kept}")


def in_memory(folder: Path) -> Path:
    """A folder on a file system in memory, if there is one: being killed has nothing to do with disks."""
    shared = Path("/dev/shm")
    if not shared.is_dir():
        return folder
    there = shared / folder.name
    there.mkdir()
    return there


def fresh_store(story: Story, folder: Path) -> Path:
    """The store of a story as it is before."""
    store = folder / "now" / "store"
    shutil.rmtree(store.parent, ignore_errors=True)
    store.parent.mkdir()
    if (story.folder / "store").exists():
        shutil.copytree(story.folder / "store", store)
    return store


def steps_of(story: Story, call: str) -> int:
    return 5 if story.name in SLOW and call in ("pwrite64", "openat") else 1


def _at_each(story: Story, call: str, folder: Path, problems: list[str]) -> int:
    """Kill the writer before the first, second … call of a name; how many there were."""
    for tried, number in enumerate(range(1, _NUMBER_MAX, steps_of(story, call))):
        store = fresh_store(story, folder)
        done = interrupted(lambda: story.work(store), call, KILL, str(number), folder)  # noqa: B023 - called at once
        place = f"{story.name}, {call} number {number}: {done.hit.partition(' ')[2][:120]}"
        found = faults_of(story, store, done.code, done.said, done.told)
        problems += [f"{place}: {words}" for words in found]
        for words in found:
            print(f"  {place}: {words}", file=sys.stderr)
        if not done.hit:
            return tried
    problems.append(f"{story.name}, {call}: there is no end of it")
    return _NUMBER_MAX
