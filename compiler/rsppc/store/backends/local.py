"""Content in a folder: `blobs/<2 hex>/<64 hex>` and `manifests/<2 hex>/<64 hex>`, named by BLAKE3.

Content is written under a name of its own in `staging/`, forced to the disk, and moved into place in one step, so that
no partial file is ever seen under a digest. A folder that got new names is forced to the disk by `settle`, once for all
of them.
"""

from __future__ import annotations

import errno
import itertools
import os
import re
import stat
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from io import FileIO

from blake3 import blake3

from rsppc.store.backends.protocol import Put, Receipt, Space
from rsppc.store.hashing import CHUNK, Digests, Hasher
from rsppc.store.places import spoken, sync_folder
from rsppc.store.problems import StoreProblem

try:
    import fcntl
except ImportError:  # no such locks on this system; what killed writers left stays then
    fcntl = None  # type: ignore[assignment]

STAGING = "staging"
_PART = re.compile(r"[0-9a-f]{2}")
_NAME = re.compile(r"[0-9a-f]{64}")


class LocalBackend:
    """Content below one folder. May be used by several threads."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._top = os.path.abspath(root)
        self._unsettled: set[str] = set()
        self._broken: StoreProblem | None = None
        self._known: set[str] = set()
        """Folders that are there."""
        self._numbers = itertools.count()
        self._mutex = threading.Lock()

    @property
    def name(self) -> str:
        return "local"

    def put(self, pieces: Iterable[bytes], space: Space = "blobs") -> Put:
        with self._spoken():
            fresh, handle = self._staged()
        moved = False
        try:
            hasher = Hasher()
            for piece in pieces:  # what goes wrong in the source is not the store's, and passes as it is
                hasher.update(piece)
                with self._spoken():
                    _write(handle, piece)
            digests = hasher.digests()
            key = key_of(digests.primary, space)
            path = os.path.join(self._top, key)
            with self._spoken():
                if not self._holds(path, digests):
                    os.fsync(handle)
                    self._move(fresh, path)
                    moved = True
        finally:
            os.close(handle)
            if not moved:
                with suppress(OSError):
                    os.unlink(fresh)
        return Put(digests=digests, receipt=Receipt(backend=self.name, key=key), fresh=moved)

    def settle(self) -> None:
        with self._mutex:
            folders, self._unsettled = sorted(self._unsettled), set()
        if self._broken is not None:
            raise self._broken
        try:
            with self._spoken():
                for folder in folders:
                    sync_folder(folder)
        except StoreProblem as problem:
            self._broken = problem  # a disk that failed once may say yes the next time, and have lost what it had
            raise

    def read(
        self, primary: str, space: Space = "blobs", *, offset: int = 0, length: int | None = None
    ) -> Iterator[bytes]:
        with self._spoken():
            try:
                file = _opened(os.path.join(self._top, key_of(primary, space)))
            except FileNotFoundError:
                raise StoreProblem(
                    "corrupt", f"the content {primary} is missing", "restore it from a copy, or publish it again"
                ) from None
        return self._pieces(file, primary, offset, length)

    def _pieces(self, file: FileIO, primary: str, offset: int, length: int | None) -> Iterator[bytes]:
        with file:
            if not offset and length is None:
                yield from checked(self._some(file, None), primary)
                return
            with self._spoken():
                file.seek(offset)
            yield from self._some(file, length)

    def _some(self, file: FileIO, length: int | None) -> Iterator[bytes]:
        with self._spoken():
            there = os.fstat(file.fileno()).st_size - file.tell()
        rest = there + 1 if length is None else length  # one byte more shows a file that grew
        while rest > 0:
            with self._spoken():
                piece = file.read(min(CHUNK, rest))
            if not piece:
                return
            rest -= len(piece)
            yield piece

    def size(self, primary: str, space: Space = "blobs") -> int | None:
        with self._spoken():
            try:
                return os.stat(os.path.join(self._top, key_of(primary, space))).st_size
            except FileNotFoundError:
                return None

    def delete(self, primary: str, space: Space = "blobs") -> None:
        with self._spoken(), suppress(FileNotFoundError):
            os.unlink(os.path.join(self._top, key_of(primary, space)))

    def listed(self, space: Space = "blobs") -> Iterator[tuple[str, int]]:
        top = os.path.join(self._top, space)
        for part in self._names(top, _PART):
            folder = os.path.join(top, part)
            for name in self._names(folder, _NAME):
                with self._spoken():
                    try:
                        size = os.stat(os.path.join(folder, name)).st_size
                    except FileNotFoundError:
                        continue
                yield f"blake3:{name}", size

    def _names(self, folder: str, form: re.Pattern[str]) -> list[str]:
        with self._spoken():
            try:
                return sorted(name for name in os.listdir(folder) if form.fullmatch(name) is not None)
            except (FileNotFoundError, NotADirectoryError):
                return []

    def leftovers(self) -> Iterator[tuple[str, int]]:
        """Path and size of what dead writers left in `staging/`; only while nobody else may put content."""
        folder = os.path.join(self._top, STAGING)
        for name in self._names(folder, re.compile(r".+")):
            path = os.path.join(folder, name)
            with self._spoken():
                try:
                    handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
                except OSError:
                    continue
                try:
                    if fcntl is not None:
                        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    size = os.fstat(handle).st_size
                except BlockingIOError:
                    continue  # its writer is alive
                finally:
                    os.close(handle)
            yield path, size

    def _staged(self) -> tuple[str, int]:
        """A new file that no other writer has, under a lock that ends with its writer."""
        folder = os.path.join(self._top, STAGING)
        self._made(folder)
        while True:
            path = os.path.join(folder, f"{os.getpid()}-{next(self._numbers)}")
            try:
                handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
            except FileExistsError:
                continue
            if fcntl is not None:
                fcntl.flock(handle, fcntl.LOCK_EX)
            return path, handle

    def _move(self, fresh: str, path: str) -> None:
        """Give staged content its name; over content of the same digest, if any: that was damaged."""
        folder = os.path.dirname(path)
        self._made(folder)
        os.rename(fresh, path)
        with self._mutex:
            self._unsettled.add(folder)

    def _made(self, folder: str) -> None:
        """See that a folder is there, and is durable before anybody is told of what it holds."""
        if folder in self._known:
            return
        parent = os.path.dirname(folder)
        if parent != self._top:
            self._made(parent)
        os.makedirs(folder, exist_ok=True)
        with self._mutex:  # also if somebody else made it, who may not have got as far as this
            self._unsettled.add(parent)
            self._known.add(folder)

    def _holds(self, path: str, digests: Digests) -> bool:
        """Whether content is there, and is what it should be."""
        try:
            file = _opened(path)
        except FileNotFoundError:
            return False
        with file:
            hasher = Hasher()
            while piece := file.read(CHUNK):
                hasher.update(piece)
        if hasher.digests() != digests:
            return False
        with self._mutex:  # whoever wrote it may not have got as far as this
            self._unsettled.add(os.path.dirname(path))
        return True

    @contextmanager
    def _spoken(self) -> Iterator[None]:
        """Turn what the system says into what the store says."""
        try:
            yield
        except OSError as error:
            raise StoreProblem(
                "environment", f"the content of the store in `{self.root}` cannot be used: {spoken(error)}"
            ) from None


def key_of(primary: str, space: Space) -> str:
    """Where content lies below a root."""
    name = primary.removeprefix("blake3:")
    return f"{space}/{name[:2]}/{name}"


def _opened(path: str) -> FileIO:
    """Content that is there; `FileNotFoundError` where something else stands in its place, such as a pipe, which nobody
    should wait for."""
    file = FileIO(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    raise FileNotFoundError(errno.ENOENT, "no file of content", path)


def _write(handle: int, piece: bytes) -> None:
    rest = memoryview(piece)
    while rest:
        rest = rest[os.write(handle, rest) :]


def checked(pieces: Iterator[bytes], primary: str) -> Iterator[bytes]:
    """Pieces, the last of which comes only if all of them are what the digest says."""
    hasher = blake3()
    held = b""
    for piece in pieces:
        hasher.update(piece)
        if held:
            yield held
        held = piece
    if "blake3:" + hasher.hexdigest() != primary:
        raise StoreProblem("corrupt", f"the content {primary} is not what its digest says", "restore it from a copy")
    if held:
        yield held
