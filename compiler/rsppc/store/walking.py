"""The files of a folder, as they may go into a package: found without following anything, and read as they were found.

Whatever is no plain file of this folder is refused before anything is written: symbolic links, hard links whose other
names are elsewhere, devices, pipes, names that no other system would take. Every step from the folder to a file is
opened without following links, so that nobody can put one in the way later.
"""

from __future__ import annotations

import errno
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator

from rsppc.base.record import Record
from rsppc.store.hashing import CHUNK
from rsppc.store.opening import UnsafeFile, opened_below
from rsppc.store.paths import path_fault, twin_key
from rsppc.store.places import spoken
from rsppc.store.problems import Kind, StoreProblem
from rsppc.store.violations import Violation, Violations

DEPTH_MAX = 64
_OF_THE_FOLDER = {errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG}
"""Errors that are about what lies in the folder, and not about the machine that reads it."""


class Found(Record):
    """A file as it was when the folder was looked through."""

    path: str
    size: int
    mark: tuple[int, int, int, int, int]
    """Device, inode, size, and the times of its last change of content and of anything."""


class Walked(Record):
    """A folder that was looked through: its files in order of their paths."""

    root: str
    files: tuple[Found, ...]

    @property
    def byte_count(self) -> int:
        return sum(file.size for file in self.files)


def walk(root: str) -> Walked:
    """All files of a folder; `Violations` that name everything in it that cannot be kept."""
    found: list[Found] = []
    wrong: list[Violation] = []
    links: Counter[tuple[int, int]] = Counter()
    several: dict[str, tuple[tuple[int, int], int]] = {}
    try:
        top = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        kind: Kind = "missing" if error.errno in _OF_THE_FOLDER else "environment"
        raise StoreProblem(kind, f"`{root}` cannot be read as a folder: {spoken(error)}") from None
    try:
        for path, status in _below(top, "", wrong, 0):
            fault = _fault(path, status)
            if fault is not None:
                wrong.append(Violation(pointer=_shown(path), problem=fault))
                continue
            if status.st_nlink > 1:
                links[status.st_dev, status.st_ino] += 1
                several[path] = ((status.st_dev, status.st_ino), status.st_nlink)
            found.append(Found(path=path, size=status.st_size, mark=_mark(status)))
    finally:
        os.close(top)
    for path, (inode, names) in several.items():
        if links[inode] != names:
            wrong.append(Violation(pointer=path, problem="it has another name outside of the folder (a hard link)"))
    wrong += _twins(found)
    if wrong:
        wrong.sort(key=lambda one: one.pointer)
        raise Violations(f"`{root}` cannot be kept as it is", wrong)
    return Walked(root=root, files=tuple(sorted(found, key=lambda one: one.path.encode())))


def read_found(root: str, file: Found, told: Callable[[int], None]) -> Iterator[bytes]:
    """The bytes of a file that was found; a `StoreProblem` where it is not the same any more."""
    handle = _opened(root, file)
    try:
        if _mark(os.fstat(handle)) != file.mark:
            raise _changed(file)
        size = 0
        while piece := _read(handle, file):
            size += len(piece)
            told(len(piece))
            yield piece
        if size != file.size or _mark(os.fstat(handle)) != file.mark:
            raise _changed(file)
    finally:
        os.close(handle)


def _below(folder: int, prefix: str, wrong: list[Violation], depth: int) -> Iterator[tuple[str, os.stat_result]]:
    if depth > DEPTH_MAX:
        wrong.append(Violation(pointer=_shown(prefix), problem=f"it lies deeper than {DEPTH_MAX} folders"))
        return
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        wrong.append(_unreadable(prefix, error))
        return
    for name in names:
        path = prefix + name
        try:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if not stat.S_ISDIR(status.st_mode):
                yield path, status
                continue
            inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
        except OSError as error:
            wrong.append(_unreadable(path, error))
            continue
        try:
            yield from _below(inner, f"{path}/", wrong, depth + 1)
        finally:
            os.close(inner)


def _unreadable(path: str, error: OSError) -> Violation:
    """What keeps a part of the folder from being read; a `StoreProblem` where that may be otherwise the next time."""
    if error.errno not in _OF_THE_FOLDER:
        raise StoreProblem("environment", f"`{_shown(path)}` cannot be read: {spoken(error)}")
    return Violation(pointer=_shown(path), problem=f"it cannot be read: {spoken(error)}")


def _fault(path: str, status: os.stat_result) -> str | None:
    mode = status.st_mode
    if stat.S_ISLNK(mode):
        return "it is a symbolic link; keep the file itself"
    if not stat.S_ISREG(mode):
        return "it is no file (a device, a pipe or a socket)"
    return path_fault(path)


def _twins(found: list[Found]) -> list[Violation]:
    first: dict[str, str] = {}
    wrong = []
    for file in found:
        other = first.setdefault(twin_key(file.path), file.path)
        if other != file.path:
            wrong.append(
                Violation(pointer=file.path, problem=f"it is one file with `{other}` where case does not count")
            )
    return wrong


def _opened(root: str, file: Found) -> int:
    try:
        top = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            return opened_below(top, file.path)
        finally:
            os.close(top)
    except (UnsafeFile, FileNotFoundError):
        raise _changed(file) from None
    except OSError as error:
        raise StoreProblem("environment", f"`{file.path}` cannot be read: {spoken(error)}") from None


def _read(handle: int, file: Found) -> bytes:
    try:
        return os.read(handle, CHUNK)
    except OSError as error:
        raise StoreProblem("environment", f"`{file.path}` cannot be read: {spoken(error)}") from None


def _mark(status: os.stat_result) -> tuple[int, int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _changed(file: Found) -> StoreProblem:
    return StoreProblem(
        "corrupt", f"`{file.path}` changed while the folder was read", "try again when nobody writes into it"
    )


def _shown(path: str) -> str:
    return path.encode("utf-8", "backslashreplace").decode() or "."
