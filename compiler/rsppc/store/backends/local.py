"""Content in a folder: `blobs/<2 hex>/<64 hex>` and `manifests/<2 hex>/<64 hex>`, named by BLAKE3.

Content is written under a name of its own in `staging/`, forced to the disk, and moved into place in one step, so that
no partial file is ever seen under a digest. A folder that got new names is forced to the disk by `settle`, once for all
of them.

A disk that once failed to do so may say yes the next time, and have lost what it had: the system forgets what it could
not write, and tells one caller alone. So whoever sees that makes `content.doubt` one byte longer. All who were putting
content at that moment are refused, and as long as it is there, content that is found is written anew. It goes with
`gc`, after which there is only content that was told of, and so was durable before.
"""

from __future__ import annotations

import errno
import itertools
import os
import re
import stat
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from io import FileIO

from blake3 import blake3

from rsppc.store.backends.protocol import Put, Receipt, Space
from rsppc.store.hashing import CHUNK, Digests, Hasher
from rsppc.store.places import spoken
from rsppc.store.problems import StoreProblem

try:
    import fcntl
except ImportError:  # no such locks on this system; what killed writers left stays then
    fcntl = None  # type: ignore[assignment]

STAGING = "staging"
DOUBT = "content.doubt"
_STIRRED = "stirred"
_PART = re.compile(r"[0-9a-f]{2}")
_NAME = re.compile(r"[0-9a-f]{64}")


class LocalBackend:
    """Content below one folder. May be used by several threads."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._top = os.path.abspath(root)
        self._spoken = _Spoken(root)
        self._unsettled: set[str] = set()
        self._broken: StoreProblem | None = None
        self._doubts = 0
        """How often the disk had failed when this began to put content."""
        self._known: set[str] = set()
        """Folders that are there."""
        self._numbers = itertools.count()
        self._mutex = threading.Lock()

    @property
    def name(self) -> str:
        return "local"

    def begin(self) -> None:
        with self._spoken:
            doubts = self._doubted()
        with self._mutex:
            if self._broken is not None or doubts != self._doubts:
                self._unsettled, self._known = set(), set()
            self._broken, self._doubts = None, doubts

    def put(self, pieces: Iterable[bytes], space: Space = "blobs") -> Put:
        with self._spoken:
            fresh, handle = self._staged()
        moved = False
        try:
            hasher = Hasher()
            for piece in pieces:  # what goes wrong in the source is not the store's, and passes as it is
                hasher.update(piece)
                with self._spoken:
                    _write(handle, piece)
            digests = hasher.digests()
            key = key_of(digests.primary, space)
            path = os.path.join(self._top, key)
            with self._spoken:
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
            with self._spoken:
                for folder in folders:
                    self._sync(folder)
                doubts = self._doubted()
            if doubts != self._doubts:
                raise StoreProblem(
                    "environment",
                    f"the disk of `{self.root}` failed to keep what somebody else put there at the same time",
                    "try again; what may be lost is written anew",
                )
        except StoreProblem as problem:
            self._broken = problem
            raise

    def read(
        self, primary: str, space: Space = "blobs", *, offset: int = 0, length: int | None = None
    ) -> Iterator[bytes]:
        with self._spoken:
            try:
                file = _opened(os.path.join(self._top, key_of(primary, space)))
            except FileNotFoundError:
                raise StoreProblem(
                    "corrupt", f"the content {primary} is missing", "restore it from a copy, or publish it again"
                ) from None
            except _NoContent as other:
                raise StoreProblem(
                    "corrupt",
                    f"in the place of the content {primary} stands {other}, through which nothing is read",
                    "restore it from a copy, or publish it again",
                ) from None
        return self._pieces(file, primary, offset, length)

    def _pieces(self, file: FileIO, primary: str, offset: int, length: int | None) -> Iterator[bytes]:
        with file:
            if not offset and length is None:
                yield from checked(self._some(file, None), primary)
                return
            with self._spoken:
                file.seek(offset)
            yield from self._some(file, length)

    def _some(self, file: FileIO, length: int | None) -> Iterator[bytes]:
        with self._spoken:
            there = os.fstat(file.fileno()).st_size - file.tell()
        rest = there + 1 if length is None else length  # one byte more shows a file that grew
        while rest > 0:
            with self._spoken:
                piece = file.read(min(CHUNK, rest))
            if not piece:
                return
            rest -= len(piece)
            yield piece

    def size(self, primary: str, space: Space = "blobs") -> int | None:
        with self._spoken:
            try:
                status = os.lstat(os.path.join(self._top, key_of(primary, space)))
            except FileNotFoundError:
                return None
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def delete(self, primaries: Sequence[str], space: Space = "blobs") -> None:
        for primary in primaries:
            with self._spoken, suppress(FileNotFoundError):
                os.unlink(os.path.join(self._top, key_of(primary, space)))

    def listed(self, space: Space = "blobs") -> Iterator[tuple[str, int]]:
        top = os.path.join(self._top, space)
        for part in self._names(top, _PART):
            folder = os.path.join(top, part)
            for name in self._names(folder, _NAME):
                with self._spoken:
                    try:
                        status = os.lstat(f"{folder}/{name}")
                    except FileNotFoundError:
                        continue
                if not stat.S_ISDIR(status.st_mode):  # a link or a pipe is listed: it is to be named, or to go
                    yield f"blake3:{name}", status.st_size

    def _names(self, folder: str, form: re.Pattern[str]) -> list[str]:
        with self._spoken:
            try:
                return sorted(name for name in os.listdir(folder) if form.fullmatch(name) is not None)
            except (FileNotFoundError, NotADirectoryError):
                return []

    def leftovers(self) -> Iterator[tuple[str, int]]:
        """Path and size of what dead writers left in `staging/`; only while nobody else may put content."""
        folder = os.path.join(self._top, STAGING)
        for name in self._names(folder, re.compile(r".+")):
            path = os.path.join(folder, name)
            with self._spoken:
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

    def end_doubt(self) -> None:
        """Trust what is there; only when all of it was told of, and while nobody else may put content."""
        if not self._doubted():
            return
        for space in ("blobs", "manifests"):
            top = os.path.join(self._top, space)
            for part in self._names(top, _PART):
                for path in (os.path.join(top, part, _STIRRED), os.path.join(top, part)):
                    with suppress(OSError):
                        os.rmdir(path)  # an empty folder may be lost as well
        with self._spoken:
            os.unlink(os.path.join(self._top, DOUBT))

    def _doubted(self) -> int:
        """How often the disk failed to keep names."""
        try:
            return os.stat(os.path.join(self._top, DOUBT)).st_size
        except FileNotFoundError:
            return 0

    def _sync(self, folder: str) -> None:
        """Make the names in a folder durable. Others who do the same wait, so that they hear of a failure in time."""
        handle = os.open(folder, os.O_RDONLY)
        try:
            if fcntl is not None:
                fcntl.flock(handle, fcntl.LOCK_EX)
            if self._doubts:
                _stir(folder)
            try:
                os.fsync(handle)
            except OSError:
                self._doubt()
                raise
        finally:
            os.close(handle)

    def _doubt(self) -> None:
        """Tell everybody that names may be lost. Where even that fails, nobody can tell of content either."""
        with suppress(OSError), open(os.path.join(self._top, DOUBT), "ab") as file:
            file.write(b"!")

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
        """Whether content is there, is what it should be, and can be made durable as it is."""
        if self._doubts:
            return False
        try:
            file = _opened(path)
        except (FileNotFoundError, _NoContent):
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


class _Spoken:
    """Turns what the system says into what the store says. It is entered a few times for each content, and costs a
    quarter of a generator that does the same."""

    def __init__(self, root: str) -> None:
        self._root = root

    def __enter__(self) -> None:
        """Nothing is kept: it may be entered by several threads, and again inside."""

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if isinstance(error, OSError):
            raise StoreProblem(
                "environment", f"the content of the store in `{self._root}` cannot be used: {spoken(error)}"
            ) from None


def key_of(primary: str, space: Space) -> str:
    """Where content lies below a root."""
    name = primary.removeprefix("blake3:")
    return f"{space}/{name[:2]}/{name}"


class _NoContent(Exception):
    """What stands in the place of content."""


def _opened(path: str) -> FileIO:
    """Content that is there; `_NoContent` where something else stands in its place: a link may lead anywhere, and for a
    pipe nobody should wait."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EMLINK):
            raise _NoContent("a symbolic link") from None
        if error.errno in (errno.ENXIO, errno.ENODEV):
            raise _NoContent("a socket or a device") from None
        raise
    mode = os.fstat(handle).st_mode
    if stat.S_ISREG(mode):
        return FileIO(handle)
    os.close(handle)
    raise _NoContent("a folder" if stat.S_ISDIR(mode) else "a pipe or a device")


def _stir(folder: str) -> None:
    """Change a folder, so that it is written once more: of what the system could not write it believes that it did."""
    path = os.path.join(folder, _STIRRED)
    with suppress(FileExistsError):  # of somebody who was killed here
        os.mkdir(path)
    os.rmdir(path)


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
