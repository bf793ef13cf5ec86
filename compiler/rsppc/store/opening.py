"""Files below a folder, opened so that no name leads out of it.

Every step of a path is opened from the folder before it, and none of them may be a link: what was checked is what is
read, also where somebody exchanges names meanwhile.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager


class UnsafeFile(Exception):
    """Why a name stands for nothing that may be read; the end of a sentence that begins with it."""


def opened_below(folder: int, path: str) -> int:
    """A file below an open folder, opened; `FileNotFoundError` where there is none. What it is, is for the caller to
    see: a pipe does not make anybody wait."""
    before, separator, name = path.rpartition("/")
    with folder_below(folder, before + separator) as last:
        return _step(name, last, os.O_NONBLOCK)


@contextmanager
def folder_below(folder: int, path: str) -> Iterator[int]:
    """A folder below an open one; its path ends with a slash, or is empty."""
    at = os.dup(folder)
    try:
        for name in path.split("/")[:-1]:
            deeper = _step(name, at, os.O_DIRECTORY)
            os.close(at)
            at = deeper
        yield at
    finally:
        os.close(at)


def _step(name: str, folder: int, how: int) -> int:
    try:
        return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | how, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK):
            if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                raise UnsafeFile("is a symbolic link, or lies behind one") from None
            raise FileNotFoundError(errno.ENOENT, "not found", name) from None
        if error.errno in (errno.ENXIO, errno.ENODEV):
            raise UnsafeFile("is no ordinary file") from None
        raise
