"""The high-water mark of a log, in `registry.head` beside it: the last event, so that a log that was cut is noticed.

It is written after each commit, so that it may lag but never lead.
"""

from __future__ import annotations

import os
from contextlib import suppress

from rsppc.base.record import Record
from rsppc.store.hashing import blake3_of
from rsppc.store.places import fresh_name, spoken
from rsppc.store.problems import StoreProblem

HEAD = "registry.head"
MISSING = (
    f"`{HEAD}`, the log's mark, is missing: nobody can see whether the last events are as well; bring it back, or let"
    " the next event make it anew"
)
"""There is one before the first event is told, so that it was lost."""


class Head(Record):
    """The last event: its number, 0 where there is none, and its digest."""

    seq: int
    digest: str


def read_mark(folder: str) -> tuple[Head | None, str | None]:
    """The high-water mark beside a log, and what is wrong with it. A mark that was damaged is passed over like one that
    is not there: it says nothing of the log, and the next event makes it anew."""
    try:
        with open(os.path.join(folder, HEAD), "rb") as file:
            line = file.read(200)
    except FileNotFoundError:
        return None, None
    except OSError as error:
        raise StoreProblem("environment", f"`{folder}/{HEAD}` cannot be read: {spoken(error)}") from None
    seq, _, rest = line.decode("ascii", "backslashreplace").partition(" ")
    if seq.isdecimal() and seq.isascii() and len(seq) < 16:
        head = Head(seq=int(seq), digest=rest.partition(" ")[0])
        if _mark_of(head) == line:
            return head, None
    return None, f"`{HEAD}`, the log's mark, is damaged; the next event makes it anew"


def _mark_of(head: Head) -> bytes:
    """The line of a mark. It has a check of its own, so that damage to it is not taken for damage to the log."""
    said = f"{head.seq} {head.digest}"
    return f"{said} {blake3_of(said.encode()).removeprefix('blake3:')[:16]}\n".encode("ascii")


def write_mark(folder: str, head: Head) -> None:
    """Exchange the mark."""
    path = os.path.join(folder, HEAD)
    fresh = fresh_name(path)
    try:
        with open(fresh, "wb") as file:
            file.write(_mark_of(head))
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except OSError:
        with suppress(OSError):
            os.unlink(fresh)
        raise
