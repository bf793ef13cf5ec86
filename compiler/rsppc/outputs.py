"""Write the files of a build: all of a set at once, or none.

A set is written under a name made of its content, `<root>/.sets/<digest>/`; then the one name that people use,
`<root>/<bundle_id>/<version>`, a symbolic link, is exchanged in one step. Whoever reads through the link sees the
earlier set or the later one, whenever the writer is killed, however full the disk is, and whoever else builds.

Writers hold a lock on the folder in which they write, so that what a killed writer left behind can be told apart from
what somebody is still writing. Nothing is forced to the disk: outputs can be built again, and what must outlive a power
failure goes into a store.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Literal, Protocol

from rsppc.base.digest import Digest, digest_bytes, digest_chunks
from rsppc.base.record import Record, replace

try:
    import fcntl
except ImportError:  # no such locks on this system; left-overs stay then
    fcntl = None  # type: ignore[assignment]

SETS = ".sets"
_UNFINISHED = ".unfinished-"
_NAMES_MAX = 1000


class Content(Protocol):
    """What a file holds."""

    @property
    def digest(self) -> Digest:
        """Digest of what it says: where that is the same, one compiler writes the same bytes."""

    def pieces(self) -> Iterator[bytes]:
        """The bytes from the beginning, a piece at a time, so that files of any size need little memory."""


class Written(Record):
    """A set that can be read now."""

    path: str
    """The link, below the root: `<bundle_id>/<version>`."""
    digest: Digest
    """Digest of the set: of names and contents."""
    changed: bool
    """False where this very set was there before."""


class OutputFault(Record):
    """Why a set could not be written. What was there before is still there."""

    path: str
    """What could not be written, as the caller named it."""
    reason: str
    """A sentence's second half: `the disk is full`."""


def write_set(root: str, bundle_id: str, version: str, files: Mapping[str, Content]) -> Written | OutputFault:
    """Make a set of files the one that `<root>/<bundle_id>/<version>` shows."""
    return _write_set(root, bundle_id, version, files, set_digest(files))


def restore_set(root: str, written: Written, files: Mapping[str, bytes]) -> Written | OutputFault:
    """The same with a set that was written elsewhere; the caller knows that these are its files."""
    bundle_id, version = written.path.split("/")
    return _write_set(
        root, bundle_id, version, {name: _Bytes(data=data) for name, data in files.items()}, written.digest
    )


class _Bytes(Record):
    data: bytes

    @property
    def digest(self) -> Digest:
        return digest_bytes(self.data)

    def pieces(self) -> Iterator[bytes]:
        yield self.data


def _write_set(
    root: str, bundle_id: str, version: str, files: Mapping[str, Content], digest: Digest
) -> Written | OutputFault:
    name = digest.removeprefix("sha256:")
    sets, link = os.path.join(root, SETS), os.path.join(root, bundle_id, version)
    try:
        os.makedirs(sets, exist_ok=True)
        os.makedirs(os.path.join(root, bundle_id), exist_ok=True)
        if os.path.lexists(link) and not os.path.islink(link):
            return OutputFault(path=link, reason="there is a file or folder of that name, which no build made")
        stored = _holds(os.path.join(sets, name), files)
        if not stored:
            _store(sets, name, files)
        target = os.path.join(os.pardir, SETS, name)
        if stored and os.path.islink(link) and os.readlink(link) == target:
            return Written(path=f"{bundle_id}/{version}", digest=digest, changed=False)
        _exchange(link, target)
    except (OSError, NotImplementedError) as error:
        return OutputFault(path=_shown(error, link), reason=_reason(error))
    return Written(path=f"{bundle_id}/{version}", digest=digest, changed=True)


def kept_set(root: str, written: Written, files: Mapping[str, Digest]) -> Written | None:
    """A set that an earlier build wrote, known by the digests of its files; None where it is not there, or not what it
    was, or not what is shown."""
    name = written.digest.removeprefix("sha256:")
    folder, link = os.path.join(root, SETS, name), os.path.join(root, *written.path.split("/"))
    try:
        is_shown = os.path.islink(link) and os.readlink(link) == os.path.join(os.pardir, SETS, name)
        if not is_shown or sorted(os.listdir(folder)) != sorted(files):
            return None
        if any(_digest_of(os.path.join(folder, one)) != digest for one, digest in files.items()):
            return None
    except OSError:
        return None
    return replace(written, changed=False)


def set_files(root: str, written: Written, files: Mapping[str, Digest]) -> dict[str, bytes] | None:
    """The files of a set that was written; None where they are not there any more, or not what they were."""
    folder = os.path.join(root, SETS, written.digest.removeprefix("sha256:"))
    found: dict[str, bytes] = {}
    try:
        for name in files:
            with open(os.path.join(folder, name), "rb") as file:
                found[name] = file.read()
    except OSError:
        return None
    return found if all(digest_bytes(found[name]) == digest for name, digest in files.items()) else None


def byte_digests(files: Mapping[str, Content]) -> dict[str, Digest]:
    """Digest of the bytes of each file, for `kept_set`."""
    return {name: digest_chunks(content.pieces()) for name, content in files.items()}


def _digest_of(path: str) -> Digest | None:
    if not stat.S_ISREG(os.lstat(path).st_mode):
        return None
    with open(path, "rb") as file:
        return digest_chunks(iter(lambda: file.read(2**20), b""))


def remove_left_overs(root: str) -> None:
    """Remove what killed writers left below a root; what others are still writing stays."""
    if fcntl is None or not os.path.isdir(root):
        return
    for name in sorted(os.listdir(root)):
        folder = os.path.join(root, name)
        if os.path.isdir(folder) and not os.path.islink(folder):
            _remove_left_overs_in(folder)


def set_digest(files: Mapping[str, Content]) -> Digest:
    """One digest for names and contents; lengths keep two sets from running into each other."""
    parts = [f"{len(name.encode())} {name} {files[name].digest}\n" for name in sorted(files)]
    return digest_bytes("".join(parts).encode())


def _holds(folder: str, files: Mapping[str, Content]) -> bool:
    """Whether a stored set is what its name says; one that somebody edited, or another compiler wrote, is not."""
    try:
        return sorted(os.listdir(folder)) == sorted(files) and all(
            _is_written(os.path.join(folder, name), content) for name, content in files.items()
        )
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False


def _is_written(path: str, content: Content) -> bool:
    with open(path, "rb") as file:
        return all(file.read(len(piece)) == piece for piece in content.pieces()) and not file.read(1)


def _store(sets: str, name: str, files: Mapping[str, Content]) -> None:
    unfinished, lock = _new_folder(sets)
    try:
        for file_name in sorted(files):
            _write(os.path.join(unfinished, file_name), files[file_name])
        _rename_into_place(unfinished, os.path.join(sets, name), files)
    finally:
        # Once renamed, the name is free for other writers of this process, and not ours to remove.
        if lock is None or _is_same(lock, unfinished):
            _remove(unfinished)
        if lock is not None:
            os.close(lock)


def _new_folder(sets: str) -> tuple[str, int | None]:
    """A folder of our own, and the lock that says so."""
    for number in range(_NAMES_MAX):
        path = os.path.join(sets, f"{_UNFINISHED}{os.getpid()}-{number}")
        try:
            os.mkdir(path)
        except FileExistsError:
            continue
        if fcntl is None:
            return path, None
        try:
            lock = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            continue  # somebody took it for a left-over, as below
        except OSError:
            _remove(path)
            raise
        if _try_lock(lock) != "busy" and _is_same(lock, path):
            return path, lock
        os.close(lock)
    raise OSError(errno.EEXIST, "too many unfinished builds", sets)


def _is_same(folder: int, path: str) -> bool:
    """Whether an open folder still has its name."""
    try:
        return os.path.samestat(os.fstat(folder), os.stat(path))
    except FileNotFoundError:
        return False


def _write(path: str, content: Content) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        for piece in content.pieces():
            rest = memoryview(piece)
            while rest:
                rest = rest[os.write(file, rest) :]
    finally:
        os.close(file)


def _rename_into_place(unfinished: str, place: str, files: Mapping[str, Content]) -> None:
    try:
        os.rename(unfinished, place)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise
        # Another build wrote the same set, or somebody edited it; each file is put right in one step.
        if not os.path.isdir(place):
            os.unlink(place)
            os.rename(unfinished, place)
            return
        if _holds(place, files):
            return
        for extra in sorted(set(os.listdir(place)) - set(files)):
            _remove(os.path.join(place, extra))
        for name in sorted(files):
            if os.path.isdir(os.path.join(place, name)):
                _remove(os.path.join(place, name))
            os.replace(os.path.join(unfinished, name), os.path.join(place, name))


def _exchange(link: str, target: str) -> None:
    if not os.path.lexists(link):
        with suppress(FileExistsError):  # somebody else was quicker
            os.symlink(target, link)
            return
    folder, name = os.path.split(link)
    for number in range(_NAMES_MAX):
        fresh = os.path.join(folder, f"{_UNFINISHED}{name}-{os.getpid()}-{number}")
        try:
            os.symlink(target, fresh)
        except FileExistsError:
            continue
        try:
            os.replace(fresh, link)
        except FileNotFoundError:
            continue  # somebody took the fresh link for a left-over
        except OSError:
            _remove(fresh)
            raise
        return
    raise OSError(errno.EEXIST, "too many unfinished builds", folder)


def _remove_left_overs_in(folder: str) -> None:
    """Folders that nobody holds a lock on, and links that were never exchanged."""
    for name in sorted(os.listdir(folder)):
        if not name.startswith(_UNFINISHED):
            continue
        path = os.path.join(folder, name)
        if os.path.islink(path):
            if not _is_running(name):
                _remove(path)
            continue
        try:
            lock = os.open(path, os.O_RDONLY)
        except OSError:
            continue
        if _try_lock(lock) == "ours":
            _remove(path)
        os.close(lock)


def _is_running(name: str) -> bool:
    """Whether the process that a fresh link names is there; a link can hold no lock."""
    number = name.rsplit("-", 2)[-2]
    if not number.isdigit():
        return False
    try:
        os.kill(int(number), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def _try_lock(lock: int) -> Literal["ours", "busy", "unsupported"]:
    """Lock an open folder. Where the file system has no locks, writers still work, and left-overs stay."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return "busy"
    except OSError:
        return "unsupported"
    return "ours"


def _remove(path: str) -> None:
    """Remove a file or a folder of files, as far as possible: what stays is found by the next build."""
    try:
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            os.unlink(path)
            return
        for name in os.listdir(path):
            os.unlink(os.path.join(path, name))
        os.rmdir(path)
    except OSError:
        return


_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission is denied",
    errno.EPERM: "the file system does not support symbolic links, or permission is denied",
    errno.ENOTSUP: "the file system does not support symbolic links",
    errno.ENOTDIR: "a file stands where a folder is needed",
    errno.EEXIST: "a file stands where a folder is needed",
    errno.EIO: "the disk reports an error",
    errno.EMFILE: "too many files are open",
    errno.ENAMETOOLONG: "the path is too long",
}


def _reason(error: OSError | NotImplementedError) -> str:
    if isinstance(error, NotImplementedError):
        return "this system does not support symbolic links"
    if getattr(error, "winerror", None) == 1314:
        return "this system allows symbolic links to administrators only"
    number = error.errno
    if number is None:
        return "the operation failed"
    return _REASONS.get(number, f"the operation failed ({errno.errorcode.get(number, number)})")


def _shown(error: OSError | NotImplementedError, otherwise: str) -> str:
    name = getattr(error, "filename", None)
    return name if isinstance(name, str) else otherwise
