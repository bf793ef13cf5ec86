"""What a store needs of the file system that it lies on, and the small things that are done to its files."""

from __future__ import annotations

import errno
import os
import re
import threading

from rsppc.store.problems import StoreProblem

_NETWORK_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ncpfs", "fuse.sshfs", "ceph"})


def sync_folder(folder: str) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_folder(folder: str) -> None:
    """Make a folder and those above it; each new name is durable before anything lies below it."""
    at, missing = os.path.abspath(folder), []
    while not os.path.lexists(at):
        missing.append(at)
        at = os.path.dirname(at)
    for path in reversed(missing):
        os.makedirs(path, exist_ok=True)  # somebody else may have been quicker
        sync_folder(os.path.dirname(path))
    os.makedirs(folder, exist_ok=True)


def refuse_folderless(path: str) -> None:
    """A `StoreProblem` where there is no folder in which a file could be made."""
    folder = os.path.dirname(path)
    if folder and not os.path.isdir(folder):
        raise StoreProblem("missing", f"there is no folder `{folder}`", f"make it, and then `{path}` can be written")


def fresh_name(path: str) -> str:
    """A name beside a path that nobody else writes to."""
    return f"{path}.fresh-{os.getpid()}-{threading.get_ident()}"


def remove_fresh(folder: str, name: str) -> None:
    """Remove what killed writers left beside a file; only where nobody else can be writing it."""
    for other in os.listdir(folder):
        if other.startswith(f"{name}.fresh-"):
            os.unlink(os.path.join(folder, other))


def is_read_only(folder: str) -> bool:
    """Whether nobody at all can write on the file system that a folder lies on."""
    try:
        return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    except (OSError, AttributeError):
        return False


PATH_MAX = 490
"""SQLite takes 512 bytes, `-journal` and the like included."""


def refuse_long(folder: str) -> None:
    """A `StoreProblem` where the path of a folder is longer than its database can have."""
    if len(os.fsencode(os.path.abspath(folder))) > PATH_MAX:
        raise StoreProblem(
            "environment", f"the path of the store has more than {PATH_MAX} bytes", "its database cannot lie so deep"
        )


def refuse_network(folder: str) -> None:
    """A `StoreProblem` where a folder lies on a file system that several machines share: SQLite's locks fail there."""
    system = file_system_of(folder)
    if system in _NETWORK_SYSTEMS:
        raise StoreProblem(
            "environment",
            f"`{folder}` lies on a network file system ({system}), whose locks are not to be trusted",
            "keep the registry on a local disk; the content may lie in S3 (`--backend s3://…`)",
        )


def file_system_of(folder: str, mounts: str = "/proc/self/mounts") -> str:
    """The type of the file system that a folder lies on; empty where this system does not say."""
    best, system, inside = "", "", os.path.realpath(folder) + "/"
    try:
        with open(mounts, encoding="utf-8", errors="replace") as file:
            for line in file:
                _, point, kind, *_ = line.split(" ")
                point = _OCTAL.sub(lambda found: chr(int(found[1], 8)), point).rstrip("/") + "/"
                if inside.startswith(point) and len(point) >= len(best):
                    best, system = point, kind
    except (OSError, ValueError):
        return ""
    return system


_OCTAL = re.compile(r"\\([0-7]{3})")


def spoken(error: OSError) -> str:
    """Why the system refused, in words."""
    name = errno.errorcode.get(error.errno or 0, "unknown error")
    return {
        "ENOENT": "it is not there",
        "ENOTDIR": "it is no folder",
        "EISDIR": "it is a folder",
        "EEXIST": "something else stands there",
        "ENAMETOOLONG": "the name is too long",
        "ENOSPC": "the disk is full",
        "EDQUOT": "the quota is used up",
        "EROFS": "the file system is read-only",
        "EACCES": "permission is denied",
        "EPERM": "it is not permitted",
        "EMFILE": "too many files are open",
        "ENFILE": "too many files are open",
        "EIO": "the disk failed",
    }.get(name, f"the operation failed ({name})")
