"""Two locks beside a store: content may be used by many at once, and is collected by nobody but one alone.

Between the moment in which content is put and the event that speaks of it, it looks like rubbish. So whoever puts
content holds `content.lock` together with others, and `gc` holds it alone. The system lets go of it when a process
ends.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rsppc.store.problems import StoreProblem

try:
    import fcntl
except ImportError:  # no such locks on this system; nothing is collected there
    fcntl = None  # type: ignore[assignment]

LOCK = "content.lock"


@contextmanager
def using_content(folder: str, *, wait_s: float = 30.0) -> Iterator[None]:
    """While this holds, no content is collected."""
    with _held(folder, shared=True, wait_s=wait_s):
        yield


@contextmanager
def collecting_content(folder: str, *, wait_s: float = 30.0) -> Iterator[None]:
    """While this holds, nobody puts content."""
    with _held(folder, shared=False, wait_s=wait_s):
        yield


@contextmanager
def _held(folder: str, *, shared: bool, wait_s: float) -> Iterator[None]:
    if fcntl is None:
        if not shared:
            raise StoreProblem("environment", "this system has no file locks, without which nothing is collected")
        yield
        return
    try:
        handle = _opened(folder, shared)
    except OSError as error:
        if shared and error.errno == errno.EROFS:  # nobody collects what nobody can delete
            yield
            return
        raise StoreProblem("environment", f"`{folder}/{LOCK}` cannot be opened: {error.strerror}") from None
    try:
        if not _locked(handle, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, wait_s):
            what = "collecting content (`rsppc store gc`)" if shared else "putting or reading content"
            raise StoreProblem(
                "busy", f"somebody else has been {what} for {wait_s:g} s", "try again when they are done"
            )
        yield
    finally:
        os.close(handle)


def _opened(folder: str, shared: bool) -> int:
    path = os.path.join(folder, LOCK)
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError:
        if not shared or not os.path.exists(path):
            raise
        return os.open(path, os.O_RDONLY)  # who may only read can still keep others from collecting


def _locked(handle: int, how: int, wait_s: float) -> bool:
    until = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(handle, how | fcntl.LOCK_NB)
            return True
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise StoreProblem("environment", f"the store cannot be locked: {error.strerror}") from None
        if time.monotonic() >= until:
            return False
        time.sleep(0.02)
