"""Releases in a store's folder: `releases/<release_id>/`, the release and everything that it rests on, written once."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Mapping

from rsppc.base.record import Record


class ReleaseKept(Record):
    """The store holds the release now. `changed` is False where it held these very files before."""

    path: str
    changed: bool


class ReleaseRefused(Record):
    """What was published never changes: `file` holds something else than what is there under the same id."""

    path: str
    file: str


def put_release(root: str, release_id: str, files: Mapping[str, bytes]) -> ReleaseKept | ReleaseRefused:
    """Keep the files of a release for good, all of them or none. May raise `OSError`, with nothing half-written."""
    path = os.path.join(root, "releases", release_id)
    if os.path.isdir(path):
        return _compared(path, files)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    fresh = os.path.join(root, "releases", f".fresh-{os.getpid()}-{release_id}")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        os.mkdir(fresh)
        for name, data in files.items():
            _write(os.path.join(fresh, name), data)
        os.rename(fresh, path)
    except OSError as error:
        shutil.rmtree(fresh, ignore_errors=True)
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY):  # somebody was faster
            return _compared(path, files)
        raise
    _sync(os.path.dirname(path))
    return ReleaseKept(path=path, changed=True)


def _compared(path: str, files: Mapping[str, bytes]) -> ReleaseKept | ReleaseRefused:
    """Whether what is there are these very files."""
    for name in sorted({*os.listdir(path), *files}):
        try:
            with open(os.path.join(path, name), "rb") as file:
                there = file.read()
        except FileNotFoundError:
            return ReleaseRefused(path=path, file=name)
        if files.get(name) != there:
            return ReleaseRefused(path=path, file=name)
    return ReleaseKept(path=path, changed=False)


def _write(path: str, data: bytes) -> None:
    with open(path, "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync(path: str) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
