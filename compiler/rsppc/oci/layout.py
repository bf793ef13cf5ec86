"""A folder in the layout of OCI images: `oci-layout`, `index.json`, and `blobs/sha256/<64 hex>`.

Other tools read it and copy it to registries, so that packages travel on a disk as well. Files appear whole, and the
index that names them comes last, under a lock on the folder.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from hashlib import sha256
from io import BufferedReader
from typing import Any

import msgspec

from rsppc.base.canonical_json import canonical
from rsppc.base.digest import is_digest
from rsppc.base.record import Record
from rsppc.oci.artifact import ARTIFACT_TYPE, IMAGE_MANIFEST, SIZE_MAX, digest_of
from rsppc.oci.places import moved
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
        digest = self.tagged(wanted)
        if digest is None:
            return None
        data = self._read(self._blob_path(digest), SIZE_MAX)
        if data is None or digest_of(data) != digest:
            what = "is missing" if data is None else "is not what its digest says"
            raise StoreProblem(
                "corrupt",
                f"the manifest {digest} in `{self._folder}` {what}",
                "push the package again from a store that has it",
            )
        return data

    def tagged(self, tag: str) -> str | None:
        """The digest that a tag names, or that is named itself."""
        index = self._index()
        for one in index.manifests if index is not None else ():
            if tag in (one.digest, one.annotations.get(_TAG)):
                if not is_digest(one.digest):
                    raise StoreProblem("malformed", f"`{self._folder}/index.json` names a manifest without a digest")
                return one.digest
        return None

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

    def put_manifest(self, data: bytes, digest: str, tag: str | None, named: str | None) -> None:
        self._write(self._blob_path(digest), [data])
        marker = os.path.join(self._folder, "oci-layout")
        with self._locked():
            if not os.path.exists(marker):
                self._write(marker, [VERSION])
            if tag is not None and (other := self.tagged(tag)) not in (named, digest):
                raise moved(self.shown, tag, other)
            self._name(digest, len(data), tag)

    # Inside

    def _name(self, digest: str, size: int, tag: str | None) -> None:
        """Let the index name a manifest; what others wrote into it stays as it is."""
        path = os.path.join(self._folder, "index.json")
        held = self._read(path, SIZE_MAX)
        self._index()  # which refuses what is none
        try:
            value: dict[str, Any] = msgspec.json.decode(held) if held is not None else {"schemaVersion": 2}
        except (msgspec.DecodeError, RecursionError):  # in what others wrote, at which nobody looked before
            raise _no_index(path) from None
        rest = _others(value.get("manifests", ()), digest, tag)
        entry: dict[str, Any] = {"mediaType": IMAGE_MANIFEST, "artifactType": ARTIFACT_TYPE}
        entry |= {"digest": digest, "size": size}
        if tag is not None:
            entry["annotations"] = {_TAG: tag}
        value["manifests"] = sorted([*rest, entry], key=lambda one: canonical([one.get("annotations"), one["digest"]]))
        made = canonical(value)
        if len(made) > SIZE_MAX:  # nobody could read it afterwards
            raise StoreProblem("refused", f"`{path}` would have more than {SIZE_MAX} bytes", "begin another folder")
        self._write(path, [made])

    def _index(self) -> _Index | None:
        path = os.path.join(self._folder, "index.json")
        data = self._read(path, SIZE_MAX)
        if data is None:
            return None
        try:
            return msgspec.json.decode(data, type=_Index, strict=True)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise _no_index(path) from None

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
            try:
                for piece in pieces:  # what goes wrong in the source passes as it is
                    with self._spoken():
                        file.write(piece)
                with self._spoken():
                    file.flush()
                    os.fsync(file.fileno())
            finally:
                with suppress(OSError):  # what could not be written was said already
                    file.close()
            with self._spoken():
                os.replace(fresh, path)
                sync_folder(folder)
        finally:
            if os.path.lexists(fresh):
                os.unlink(fresh)

    def _blob_path(self, digest: str) -> str:
        return os.path.join(self._folder, "blobs", "sha256", digest.removeprefix("sha256:"))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Nobody else of this program changes the index meanwhile. The lock is on the folder, since a file in it may be
        another one by the time that it is locked."""
        with self._spoken():
            folder = os.open(self._folder, os.O_RDONLY)
        try:
            with self._spoken():
                if fcntl is not None:
                    fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    @contextmanager
    def _spoken(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreProblem("environment", f"the folder `{self._folder}` cannot be used: {spoken(error)}") from None


def _others(entries: Sequence[dict[str, Any]], digest: str, tag: str | None) -> list[dict[str, Any]]:
    """The entries beside that of a manifest. What the tag named before stays there by its digest."""
    rest = []
    for one in entries:
        said = one.get("annotations") or {}
        if tag is not None and said.get(_TAG) == tag:
            if any(other["digest"] == one["digest"] for other in entries if other is not one):
                continue
            one = {**one, "annotations": {name: text for name, text in said.items() if name != _TAG}}
        if one["digest"] != digest or _TAG in one.get("annotations", {}):
            rest.append(one)
    return rest


def _no_index(path: str) -> StoreProblem:
    return StoreProblem("malformed", f"`{path}` is no index of OCI", "name another folder, or mend the file")


def _opened(path: str) -> BufferedReader:
    """A file. Folders are not ours to make: something that never ends may stand there under any name."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise StoreProblem("malformed", f"`{path}` is no file")
    return open(handle, "rb")
