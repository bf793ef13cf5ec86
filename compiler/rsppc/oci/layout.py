"""A folder in the layout of OCI images: `oci-layout`, `index.json`, and `blobs/sha256/<64 hex>`.

Other tools read it and copy it to registries, so that packages travel on a disk as well. Files appear whole, and the
index that names them comes last, under a lock.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from io import BufferedReader
from typing import Any

import msgspec

from rsppc.base.canonical_json import canonical
from rsppc.base.digest import is_digest
from rsppc.base.record import Record
from rsppc.oci.artifact import ARTIFACT_TYPE, IMAGE_MANIFEST, SIZE_MAX, digest_of
from rsppc.store.hashing import CHUNK
from rsppc.store.places import fresh_name, spoken, sync_folder
from rsppc.store.problems import StoreProblem

try:
    import fcntl
except ImportError:  # no such locks on this system; two who push at once may lose a tag there
    fcntl = None  # type: ignore[assignment]

VERSION = b'{"imageLayoutVersion":"1.0.0"}'
_TAG = "org.opencontainers.image.ref.name"


class _Entry(Record):
    digest: str
    size: int
    annotations: dict[str, str] = {}


class _Index(Record):
    manifests: list[_Entry] = []


class Layout:
    """The packages in a folder."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    @property
    def shown(self) -> str:
        return f"oci:{self._folder}"

    def manifest(self, wanted: str) -> bytes | None:
        index = self._index()
        if index is None:
            return None
        for one in index.manifests:
            if wanted in (one.digest, one.annotations.get(_TAG)):
                break
        else:
            return None
        if not is_digest(one.digest):
            raise StoreProblem("malformed", f"`{self._folder}/index.json` names a manifest without a digest")
        data = self._read(self._blob_path(one.digest), SIZE_MAX)
        if data is None or digest_of(data) != one.digest:
            what = "is missing" if data is None else "is not what its digest says"
            raise StoreProblem("corrupt", f"the manifest {one.digest} in `{self._folder}` {what}")
        return data

    def has(self, digest: str, size: int) -> bool:
        """Whether a blob is there and sound: nobody but us would notice."""
        with self._spoken():
            try:
                if os.stat(self._blob_path(digest)).st_size != size:
                    return False
            except FileNotFoundError:
                return False
        made = sha256()
        for piece in self.blob(digest, size):
            made.update(piece)
        return f"sha256:{made.hexdigest()}" == digest

    def blob(self, digest: str, size: int) -> Iterator[bytes]:
        path = self._blob_path(digest)
        rest = size + 1
        with self._spoken():
            try:
                file = _opened(path)
            except FileNotFoundError:
                raise StoreProblem("corrupt", f"the blob {digest} is missing in `{self._folder}`") from None
        with file:
            while rest > 0:
                with self._spoken():
                    piece = file.read(min(CHUNK, rest))
                if not piece:
                    return
                rest -= len(piece)
                yield piece

    def put(self, digest: str, size: int, pieces: Callable[[], Iterable[bytes]]) -> None:
        self._write(self._blob_path(digest), pieces())

    def put_manifest(self, data: bytes, digest: str, tag: str | None) -> None:
        self._write(self._blob_path(digest), [data])
        marker = os.path.join(self._folder, "oci-layout")
        with self._spoken():
            if not os.path.exists(marker):
                self._write(marker, [VERSION])
            with open(marker, "rb") as lock:
                if fcntl is not None:
                    fcntl.flock(lock, fcntl.LOCK_EX)
                self._name(digest, len(data), tag)

    # Inside

    def _name(self, digest: str, size: int, tag: str | None) -> None:
        """Let the index name a manifest; what others wrote into it stays as it is."""
        path = os.path.join(self._folder, "index.json")
        held = self._read(path, SIZE_MAX)
        self._index()  # which refuses what is none
        value: dict[str, Any] = msgspec.json.decode(held) if held is not None else {"schemaVersion": 2, "manifests": []}
        rest = []
        for one in value["manifests"]:
            said = one.get("annotations") or {}
            if tag is not None and said.get(_TAG) == tag:
                continue
            if one["digest"] == digest and _TAG not in said:
                continue
            rest.append(one)
        entry: dict[str, Any] = {"mediaType": IMAGE_MANIFEST, "artifactType": ARTIFACT_TYPE}
        entry |= {"digest": digest, "size": size}
        if tag is not None:
            entry["annotations"] = {_TAG: tag}
        value["manifests"] = sorted([*rest, entry], key=lambda one: canonical([one.get("annotations"), one["digest"]]))
        self._write(path, [canonical(value)])

    def _index(self) -> _Index | None:
        path = os.path.join(self._folder, "index.json")
        data = self._read(path, SIZE_MAX)
        if data is None:
            return None
        try:
            return msgspec.json.decode(data, type=_Index, strict=True)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise StoreProblem("malformed", f"`{path}` is no index of OCI") from None

    def _read(self, path: str, size_max: int) -> bytes | None:
        with self._spoken():
            try:
                with _opened(path) as file:
                    data = file.read(size_max + 1)
            except FileNotFoundError:
                return None
        if len(data) > size_max:
            raise StoreProblem("refused", f"`{path}` has more than {size_max} bytes")
        return data

    def _write(self, path: str, pieces: Iterable[bytes]) -> None:
        fresh = fresh_name(path)
        folder = os.path.dirname(path)
        with self._spoken():
            os.makedirs(folder, exist_ok=True)
            file = open(fresh, "xb")  # noqa: SIM115
        try:
            with file:
                for piece in pieces:  # what goes wrong in the source passes as it is
                    with self._spoken():
                        file.write(piece)
                with self._spoken():
                    file.flush()
                    os.fsync(file.fileno())
            with self._spoken():
                os.replace(fresh, path)
                sync_folder(folder)
        finally:
            if os.path.lexists(fresh):
                os.unlink(fresh)

    def _blob_path(self, digest: str) -> str:
        return os.path.join(self._folder, "blobs", "sha256", digest.removeprefix("sha256:"))

    @contextmanager
    def _spoken(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreProblem("environment", f"the folder `{self._folder}` cannot be used: {spoken(error)}") from None


def _opened(path: str) -> BufferedReader:
    """A file. Folders are not ours to make: something that never ends may stand there under any name."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise StoreProblem("malformed", f"`{path}` is no file")
    return open(handle, "rb")
