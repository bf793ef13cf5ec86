"""The folder `.rsppc-cache/`: the one module here that touches files.

A book is written beside its place and exchanged in one step, so that a reader sees the earlier one or the later one,
whoever else writes and whenever somebody is killed. Its first line holds the digest of the rest. Nothing in the folder
is believed without it, and nothing in the folder is needed: whatever cannot be read or written is done without.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from contextlib import suppress

from rsppc.base.digest import digest_bytes
from rsppc.caching.traces import Book, from_bytes, to_bytes

BOOK_SIZE_MAX = 64 * 2**20
FOLDER_SIZE_MAX = 256 * 2**20
BOOKS_MAX = 32
NOTE_SIZE_MAX = 1000
_HEAD = b"rsppc cache 1 "
_UNFINISHED = ".unfinished-"
_ABANDONED_NS = 3600 * 10**9
_JUST_NOW_NS = 10 * 10**9
_NOTES = {
    "CACHEDIR.TAG": b"Signature: 8a477f597d28d172789f06886806bc55\n# Results of rsppc; safe to delete.\n",
    ".gitignore": b"*\n",
}


class CacheFolder:
    """Books in a folder, by name."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.trouble = ""
        """Why the folder cannot be used, in words."""
        self.damaged = False
        """Whether a book was there and was not what its first line says."""

    def read(self, name: str) -> Book | None:
        """A book; None where there is none, or none to be believed."""
        try:
            data = self._bytes(name)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            self.trouble = f"cannot be read: {(error.strerror or 'input/output error').lower()}"
            return None
        head, _, rest = data.partition(b"\n")
        book = from_bytes(rest) if head == _HEAD + digest_bytes(rest).encode() else None
        self.damaged = self.damaged or book is None
        return book

    def stamp(self, name: str) -> tuple[int, ...]:
        """Something that is another after a book was exchanged."""
        try:
            found = os.stat(os.path.join(self.path, name), follow_symlinks=False)
        except OSError:
            return ()
        return found.st_ino, found.st_mtime_ns, found.st_size

    def write(self, name: str, book: Book, *, older_than_ns: int) -> None:
        """Put a book in its place, unless it is too large to be kept, or the compiler was changed only just now: then
        nobody can say whether all of the run was of the later one."""
        rest = to_bytes(book)
        if len(rest) > BOOK_SIZE_MAX:
            return
        try:
            self._make()
            self._exchange(name, _HEAD + digest_bytes(rest).encode() + b"\n" + rest, older_than_ns=older_than_ns)
            self._prune(name)
        except OSError as error:
            self.trouble = f"cannot be written: {(error.strerror or 'input/output error').lower()}"

    def note(self, name: str) -> str:
        """A short text that was left here; empty where there is none."""
        try:
            data = self._bytes(name)
        except OSError:
            return ""
        return data[:NOTE_SIZE_MAX].decode("ascii", "replace")

    def leave_note(self, name: str, text: str) -> None:
        """Leave a short text; whoever reads it checks whether it is about them."""
        with suppress(OSError):
            self._make()
            self._exchange(name, text.encode("ascii"))

    def touch(self, name: str) -> None:
        """Note that a book is in use; those that were not used for the longest time go first."""
        with suppress(OSError):
            os.utime(os.path.join(self.path, name))

    def books(self) -> Iterator[Book]:
        """All books, the one that was used last first."""
        for _, name, _ in sorted(self._entries(), reverse=True):
            book = self.read(name)
            if book is not None:
                yield book

    def _bytes(self, name: str) -> bytes:
        # A pipe would be waited for, for ever; and a link could lead anywhere.
        if os.path.islink(self.path):
            raise OSError(0, "it is a link")
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
        with open(os.open(os.path.join(self.path, name), flags), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_size > BOOK_SIZE_MAX + 1024:
                return b""
            return file.read()

    def _make(self) -> None:
        if os.path.islink(self.path):
            raise OSError(0, "it is a link")
        os.makedirs(self.path, exist_ok=True)
        for name, content in _NOTES.items():
            if not os.path.exists(os.path.join(self.path, name)):
                self._exchange(name, content)

    def _exchange(self, name: str, content: bytes, *, older_than_ns: int = 0) -> None:
        fresh = os.path.join(self.path, f"{_UNFINISHED}{name}-{os.getpid()}")
        with suppress(FileNotFoundError):
            os.unlink(fresh)  # of a process that had our number once
        try:
            with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as file:
                file.write(content)
            if os.stat(fresh).st_mtime_ns - older_than_ns < _JUST_NOW_NS:
                os.unlink(fresh)
                return
            os.replace(fresh, os.path.join(self.path, name))
        except BaseException:
            with suppress(OSError):
                os.unlink(fresh)
            raise

    def _entries(self) -> list[tuple[int, str, int]]:
        """Time of use, name and size of each book."""
        found = []
        try:
            for entry in os.scandir(self.path):
                if entry.name.endswith(".book"):
                    status = entry.stat(follow_symlinks=False)
                    found.append((status.st_mtime_ns, entry.name, status.st_size))
        except OSError:
            return []
        return found

    def _prune(self, written: str) -> None:
        """Remove the books that were not used for the longest time, and what killed writers left long ago."""
        size = now = 0
        for number, (used, name, bytes_) in enumerate(sorted(self._entries(), reverse=True)):
            size += bytes_
            now = max(now, used)
            if name != written and (size > FOLDER_SIZE_MAX or number >= BOOKS_MAX):
                with suppress(OSError):
                    os.unlink(os.path.join(self.path, name))
        for entry in os.scandir(self.path):
            if entry.name.startswith(_UNFINISHED):
                with suppress(OSError):
                    if now - entry.stat(follow_symlinks=False).st_mtime_ns > _ABANDONED_NS:
                        os.unlink(entry.path)


def is_settled(changed_ns: int) -> bool:
    """Whether the compiler was not changed only just now, by the clock of this machine."""
    return time.time_ns() - changed_ns >= _JUST_NOW_NS
