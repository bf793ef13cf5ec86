"""The files of a run directory: those that are ordinary files of its own."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

from rsppc.store.hashing import CHUNK, Digests, Hasher
from rsppc.store.opening import UnsafeFile, folder_below, opened_below


class RunFolder:
    """A run directory. `FileNotFoundError` where it, or a file in it, is not there."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        self._names: Counter[tuple[int, int]] | None = None

    def close(self) -> None:
        os.close(self._handle)

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def pieces(self, path: str) -> Iterator[bytes]:
        """The bytes of a file, a piece at a time."""
        handle = self._opened(path)
        try:
            while piece := os.read(handle, CHUNK):
                yield piece
        finally:
            os.close(handle)

    def digests(self, path: str) -> Digests:
        """Both digests of a file, and its size."""
        hasher = Hasher()
        for piece in self.pieces(path):
            hasher.update(piece)
        return hasher.digests()

    def head(self, path: str, size: int) -> bytes:
        """The first bytes of a file."""
        found = bytearray()
        for piece in self.pieces(path):
            found += piece
            if len(found) >= size:
                break
        return bytes(found[:size])

    def paths(self) -> list[str]:
        """Paths of all files and links in the folder, in order."""
        return sorted(path for path, entry in _walk(self._handle) if not entry.is_dir(follow_symlinks=False))

    def _opened(self, path: str) -> int:
        try:
            handle = opened_below(self._handle, path)
        except PermissionError as error:
            raise PermissionError(error.errno, error.strerror, path) from None  # all of it, not its last name alone
        try:
            self._refuse_unsafe(os.fstat(handle))
        except UnsafeFile:
            os.close(handle)
            raise
        return handle

    def _refuse_unsafe(self, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise UnsafeFile("is no ordinary file")
        if status.st_nlink > 1 and status.st_nlink > self._names_of(status):
            raise UnsafeFile("is a hard link, and the file has a name outside the run directory")

    def _names_of(self, status: os.stat_result) -> int:
        """How many names in the folder stand for a file."""
        if self._names is None:
            self._names = Counter((one.st_dev, one.st_ino) for one in _statuses(self._handle))
        return self._names[status.st_dev, status.st_ino]


def _statuses(handle: int) -> Iterator[os.stat_result]:
    for _, entry in _walk(handle):
        if entry.is_file(follow_symlinks=False):
            yield entry.stat(follow_symlinks=False)


def _walk(handle: int) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Everything below a folder with its path; links are not followed. An entry is of use until the next one."""
    waiting = [""]
    while waiting:
        before = waiting.pop()
        with (
            suppress(UnsafeFile, FileNotFoundError),
            folder_below(handle, before) as folder,
            os.scandir(folder) as entries,
        ):
            for entry in entries:
                yield f"{before}{entry.name}", entry
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(f"{before}{entry.name}/")
