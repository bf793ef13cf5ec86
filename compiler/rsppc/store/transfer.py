"""A package as one file, and back.

The file is a plain tar archive that any tar can open, without compression: `manifest.cbor`, `attestations.json`, then
`attestations/NAME` and `files/PATH`, in order. It holds no time, owner or mode of anybody, so that one package has one
archive, byte for byte. That makes reading it simple and strict: what stands where follows from the manifest, and each
header must be the very one that would be written. There is no place in which a link, a device, a second file of a name,
a compressed bomb or a path out of the folder could stand.
"""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from io import FileIO
from typing import Any

import msgspec

from rsppc.base.canonical_json import canonical
from rsppc.base.record import Record
from rsppc.store import manifest
from rsppc.store.adopting import Offered, adopt
from rsppc.store.hashing import CHUNK, blake3_of, digests_of
from rsppc.store.locking import using_content
from rsppc.store.manifest_form import Described, read_manifest
from rsppc.store.places import fresh_name, refuse_folderless, spoken, sync_folder
from rsppc.store.problems import StoreProblem
from rsppc.store.reading import Attestation, File
from rsppc.store.registry import ATTESTATION_NAME, ATTESTATION_SIZE_MAX, Finalized, Registry

MANIFEST = "manifest.cbor"
INDEX = "attestations.json"
INDEX_SIZE_MAX = 2**20
BLOCK = 512
END = bytes(2 * BLOCK)

_TYPES = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
    tarfile.FIFOTYPE: "a pipe",
    tarfile.DIRTYPE: "a folder",
    tarfile.GNUTYPE_SPARSE: "a sparse file",
}


class Exported(Record):
    """A package that lies in a file now."""

    path: str
    size: int
    manifest_digest: str


def export_package(registry: Registry, package_id: str, path: str, told: Callable[[int], None]) -> Exported:
    """Write a finalised package into a file that is not there yet; it appears when it is whole."""
    with using_content(registry.folder):  # nobody collects it meanwhile
        data = registry.manifest_bytes(package_id)
        pieces = _archive(registry, data, registry.attestations(package_id), registry.files(package_id))
        size = _written(path, pieces, told)
    return Exported(path=path, size=size, manifest_digest=manifest.digest(data))


def _written(path: str, pieces: Iterator[bytes], told: Callable[[int], None]) -> int:
    fresh = fresh_name(path)
    try:
        if os.path.lexists(path):
            raise StoreProblem("refused", f"`{path}` is there already", "name a file that is not")
        refuse_folderless(path)
        with open(fresh, "xb") as file:
            for piece in pieces:
                file.write(piece)
                told(len(piece))
            file.flush()
            os.fsync(file.fileno())
            size = file.tell()
        os.link(fresh, path)  # unlike a rename, this takes nobody's place
        sync_folder(os.path.dirname(path) or ".")
    except FileExistsError:
        raise StoreProblem("refused", f"`{path}` is there already", "name a file that is not") from None
    except OSError as error:
        raise StoreProblem("environment", f"`{path}` cannot be written: {spoken(error)}") from None
    finally:
        if os.path.lexists(fresh):
            os.unlink(fresh)
    return size


def import_package(registry: Registry, path: str, at: datetime, told: Callable[[int], None]) -> Finalized:
    """Take in the package of a file, once everything in it has proved to be what its manifest says."""
    with _opened(path) as file:
        return _Archive(file, told).into(registry, at)


def described_in(path: str) -> Described:
    """What the manifest in a file says, before anything else in it was looked at."""
    with _opened(path) as file:
        return read_manifest(_Archive(file, lambda _: None).manifest())


@contextmanager
def _opened(path: str) -> Iterator[FileIO]:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise StoreProblem("missing", f"there is no file `{path}`") from None
        raise StoreProblem("environment", f"`{path}` cannot be read: {spoken(error)}") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise StoreProblem("malformed", f"`{path}` is no file", "name one that `rsppc store export` made")
    with FileIO(handle) as file:
        yield file


# Writing


def header_of(name: str, size: int) -> bytes:
    """The one header that a file has in an archive."""
    info = tarfile.TarInfo(name)  # a file of mode 0644, of nobody, from the beginning of time
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT, "utf-8", "strict")


def _archive(registry: Registry, data: bytes, attestations: list[Attestation], files: list[File]) -> Iterator[bytes]:
    index = _index_of(manifest.digest(data), attestations)
    for name, content in ((MANIFEST, data), (INDEX, index)):
        yield header_of(name, len(content)) + content + _padding(len(content))
    for one in attestations:
        yield header_of(f"attestations/{one.name}", one.size)
        yield from registry.backend.read(one.digest_primary)
        yield _padding(one.size)
    for file in files:
        yield header_of(f"files/{file.path}", file.size)
        yield from registry.content(file)
        yield _padding(file.size)
    yield END


class _Index(Record):
    """What is attested of a package, and a digest that shows where a byte of it changed. Who made it, it does not show:
    that is what the attestations themselves are for."""

    attestations: list[Attestation]
    digest: str


def _index_of(manifest_digest: str, attestations: list[Attestation]) -> bytes:
    listed = [msgspec.to_builtins(one) for one in attestations]
    return canonical({"attestations": listed, "digest": blake3_of(canonical([manifest_digest, listed]))})


def _padding(size: int) -> bytes:
    return bytes(-size % BLOCK)


# Reading


class _Archive:
    """An archive that is read as it should be, and refused at the first byte that is otherwise."""

    def __init__(self, file: FileIO, told: Callable[[int], None]) -> None:
        self._file = file
        self._told = told
        self._size = os.fstat(file.fileno()).st_size

    def into(self, registry: Registry, at: datetime) -> Finalized:
        data = self.manifest()
        described = read_manifest(data)
        attestations = self._index(manifest.digest(data))
        self._check_headers(described, attestations)
        offered = [self._offered(one) for one in attestations]
        return adopt(registry, data, self._content, at, attestations=offered, complete=self._end)

    def manifest(self) -> bytes:
        """The first member."""
        return self._small(MANIFEST, manifest.MANIFEST_SIZE_MAX)

    def _small(self, name: str, size_max: int) -> bytes:
        """A member whose size only its header says."""
        head = self._exactly(BLOCK, name)
        try:
            size = tarfile.TarInfo.frombuf(head, "utf-8", "strict").size
        except (tarfile.HeaderError, UnicodeDecodeError):
            raise StoreProblem("malformed", f"this is no exported package: `{name}` has no sound header") from None
        if head != header_of(name, max(size, 0)):
            raise _misplaced(head, name)
        if size > size_max:
            raise StoreProblem("malformed", f"`{name}` has {size} bytes by its header, which is too much")
        if size > self._size:
            raise _ended(name)
        data = self._exactly(size, name)
        self._pad(size, name)
        return data

    def _index(self, manifest_digest: str) -> list[Attestation]:
        data = self._small(INDEX, INDEX_SIZE_MAX)
        try:
            found = msgspec.json.decode(data, type=_Index, strict=True).attestations
        except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError) as error:
            raise StoreProblem("malformed", f"`{INDEX}` has another form: {str(error)[:200]}") from None
        if any(not 0 <= one.size <= ATTESTATION_SIZE_MAX for one in found):
            raise StoreProblem("malformed", f"`{INDEX}` has a size that is too large")
        if _index_of(manifest_digest, found) != data:
            raise StoreProblem("corrupt", f"`{INDEX}` is not what its own digest says")
        names = [one.name for one in found]
        if names != sorted(set(names)) or not all(ATTESTATION_NAME.fullmatch(name) for name in names):
            raise StoreProblem("malformed", f"`{INDEX}` has names that are unsound, twice, or not in order")
        return found

    def _check_headers(self, described: Described, attestations: list[Attestation]) -> None:
        """Look at every header before a byte of content is kept: what is missing, too much or another is named."""
        begin = self._file.tell()
        for name, size in _members(described, attestations):
            expected = header_of(name, size)
            head = self._read(len(expected))
            if head != expected:
                if expected.startswith(head):
                    raise _ended(name)
                raise _misplaced(head, name)
            self._file.seek(size + len(_padding(size)), os.SEEK_CUR)
            if self._file.tell() > self._size:
                raise _ended(name)
        self._end()
        self._file.seek(begin)

    def _offered(self, one: Attestation) -> Offered:
        name = f"attestations/{one.name}"
        self._exactly(len(header_of(name, one.size)), name)
        data = self._exactly(one.size, name)
        self._pad(one.size, name)
        found = digests_of(data)
        if (found.primary, found.sha256) != (one.digest_primary, one.digest_sha256):
            raise StoreProblem("corrupt", f"`{name}` is not what `{INDEX}` says: it has {found.primary}")
        return Offered(name=one.name, media_type=one.media_type, data=data)

    def _content(self, file: File) -> Iterator[bytes]:
        name = f"files/{file.path}"
        expected = header_of(name, file.size)
        if self._exactly(len(expected), name) != expected:
            raise StoreProblem("corrupt", f"`{name}` changed while it was read")
        rest = file.size
        while rest:
            piece = self._read(min(CHUNK, rest))
            if not piece:
                raise _ended(name)
            rest -= len(piece)
            self._told(len(piece))
            yield piece
        self._pad(file.size, name)

    def _pad(self, size: int, name: str) -> None:
        if self._exactly(-size % BLOCK, name).strip(b"\0"):
            raise StoreProblem("malformed", f"after `{name}` stands what should not")

    def _end(self) -> None:
        end = self._read(len(END))
        if END.startswith(end) and end != END:
            raise StoreProblem("corrupt", "the file ends before the archive does", _BRING_AGAIN)
        if end[:BLOCK] != END[:BLOCK]:
            raise _misplaced(end, None)
        if end != END or self._read(1):
            raise StoreProblem("malformed", "something stands after the end of the archive")

    def _exactly(self, size: int, name: str) -> bytes:
        pieces = []
        while size:
            piece = self._read(size)  # all of it at once as a rule, so that a large manifest is in memory once
            if not piece:
                raise _ended(name)
            size -= len(piece)
            pieces.append(piece)
        return b"".join(pieces)

    def _read(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except OSError as error:
            raise StoreProblem("environment", f"the file cannot be read: {spoken(error)}") from None


def _members(described: Described, attestations: list[Attestation]) -> Iterator[tuple[str, int]]:
    for one in attestations:
        yield f"attestations/{one.name}", one.size
    for file in described.files:
        yield f"files/{file.path}", file.size


_BRING_AGAIN = "it was cut off on its way; copy or export it again"


def _ended(name: str) -> StoreProblem:
    return StoreProblem("corrupt", f"the file ends within `{name}`", _BRING_AGAIN)


def _misplaced(head: bytes, expected: str | None) -> StoreProblem:
    """What stands where something else, or the end, should be."""
    wanted = f"`{expected}` should be" if expected is not None else "the archive should end"
    if not head.strip(b"\0"):
        return StoreProblem("corrupt", f"the archive ends where {wanted}")
    info: Any = None
    if len(head) >= BLOCK:
        try:
            info = tarfile.TarInfo.frombuf(head[:BLOCK], "utf-8", "surrogateescape")
        except tarfile.HeaderError:
            info = None
    if info is None:
        return StoreProblem("malformed", f"something that is no header of a file stands where {wanted}")
    what = _TYPES.get(info.type, "a file")
    same = expected is not None and info.name == expected
    shown = f"{what} {info.name[:200]!a}" + (" with another size, mode, owner or time" if same else "")
    return StoreProblem("corrupt" if same else "malformed", f"{shown} stands where {wanted}")
