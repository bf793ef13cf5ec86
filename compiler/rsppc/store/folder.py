"""An ArtifactStore in a folder.

    objects/<hex>.json                   canonical bytes, named by their digest
    names/<kind>/<id>/<version>          the digest that a version stands for; written once

An object is written before its name, a name appears in one step and is never replaced: whatever is readable is
complete. `v1`, `v1.0` and `v1.0.0` are one version and have one name.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from typing import Any

import msgspec

from rsppc.base.canonical_json import canonical
from rsppc.base.difference import first_difference
from rsppc.base.digest import Digest, digest_bytes, is_digest
from rsppc.base.names import ID, VERSION, Ref, parse_ref, version_key
from rsppc.base.record import Record
from rsppc.model.kinds import BY_NAME
from rsppc.store.protocols import Kept, Refused, Stored, StoreFault

_REF_LENGTH_MAX = 300


class FolderStore(Record):
    """A store below one folder, which need not exist yet."""

    root: str

    def get_pipeline_spec(self, ref: str) -> Stored | StoreFault:
        return self.get("pipeline", ref)

    def get_execution_profile(self, ref: str) -> Stored | StoreFault:
        return self.get("profile", ref)

    def get_policy_overlay(self, ref: str) -> Stored | StoreFault:
        return self.get("policy", ref)

    def get_bundle(self, ref: str) -> Stored | StoreFault:
        return self.get("bundle", ref)

    def put_bundle(self, bundle: Mapping[str, Any]) -> Kept | Refused | StoreFault:
        return self.put("bundle", bundle)

    def get(self, kind: str, text: str) -> Stored | StoreFault:
        """The artifact of a kind that a reference names; a digest in the reference must be its own."""
        ref = parse_ref(text) if len(text) <= _REF_LENGTH_MAX else None
        if ref is None or (ref.kind or kind) != kind:
            return StoreFault(kind="malformed", ref=text, reason=f"`{text}` is no reference to a {kind}")
        try:
            digest = self._digest_of(kind, ref)
            if digest is None:
                return StoreFault(kind="missing", ref=text, reason=f"the store has no {kind} `{ref.name}`")
            if ref.digest is not None and ref.digest != digest:
                return StoreFault(kind="corrupt", ref=text, reason=f"the store has `{ref.name}` with digest {digest}")
            value = self._object(digest)
        except OSError as error:
            return _fault(text, error)
        if value is None:
            return StoreFault(kind="corrupt", ref=text, reason=f"the stored bytes of `{ref.name}` are not {digest}")
        return Stored(ref=ref.name, digest=digest, value=value)

    def put(self, kind: str, value: Mapping[str, Any]) -> Kept | Refused | StoreFault:
        """Keep an artifact for good under the id and version that it states."""
        ref = _ref_of(kind, value)
        if ref is None:
            return StoreFault(kind="malformed", ref="", reason=f"the value states no id and version of a {kind}")
        data = canonical(value)
        digest = digest_bytes(data)
        try:
            stored = self._digest_of(kind, ref)
            if stored is None:
                self._keep(digest, data)
                if self._name(kind, ref, digest):
                    return Kept(ref=ref.name, digest=digest, changed=True)
                stored = self._digest_of(kind, ref)  # somebody was faster
            if stored == digest:
                # An object that was lost or damaged since is put right by whoever still has its bytes.
                self._keep(digest, data)
                return Kept(ref=ref.name, digest=digest, changed=False)
            before = self._object(stored) if stored is not None else None
        except OSError as error:
            return _fault(ref.name, error)
        if stored is None or before is None:
            return StoreFault(kind="corrupt", ref=ref.name, reason=f"the stored bytes of `{ref.name}` are damaged")
        found = first_difference(before, msgspec.json.decode(data))
        pointer = found.pointer if found is not None else ""
        return Refused(ref=ref.name, pointer=pointer, stored=stored, offered=digest)

    def _digest_of(self, kind: str, ref: Ref) -> Digest | None:
        """What a name stands for; None where there is no such name."""
        try:
            with open(self._path_of(kind, ref), "rb") as file:
                text = file.read(200).decode("ascii", "replace").strip()
        except FileNotFoundError:
            return None
        if not is_digest(text):
            raise OSError(errno.EIO, "a name leads to no digest", self._path_of(kind, ref))
        return Digest(text)

    def _object(self, digest: Digest) -> dict[str, Any] | None:
        """The value of an object; None where its bytes are missing or not what its name says."""
        try:
            with open(self._object_path(digest), "rb") as file:
                data = file.read()
        except FileNotFoundError:
            return None
        if digest_bytes(data) != digest:
            return None
        value = msgspec.json.decode(data)
        return value if isinstance(value, dict) else None

    def _keep(self, digest: Digest, data: bytes) -> None:
        path = self._object_path(digest)
        try:
            with open(path, "rb") as file:
                if file.read(len(data) + 1) == data:
                    return
        except FileNotFoundError:
            pass
        fresh = _fresh_file(path, data)
        os.replace(fresh, path)
        _sync_folder(os.path.dirname(path))

    def _name(self, kind: str, ref: Ref, digest: Digest) -> bool:
        """Give a name its one digest; False where it has one already."""
        path = self._path_of(kind, ref)
        fresh = _fresh_file(path, f"{digest}\n".encode())
        try:
            # Unlike a rename, a link never takes the place of a name that somebody else made in the meantime.
            os.link(fresh, path)
        except FileExistsError:
            return False
        finally:
            os.unlink(fresh)
        _sync_folder(os.path.dirname(path))
        return True

    def _path_of(self, kind: str, ref: Ref) -> str:
        version = "v" + ".".join(map(str, version_key(ref.version)))
        return os.path.join(self.root, "names", kind, ref.id, version)

    def _object_path(self, digest: Digest) -> str:
        return os.path.join(self.root, "objects", digest.removeprefix("sha256:") + ".json")


def _ref_of(kind: str, value: Mapping[str, Any]) -> Ref | None:
    artifact_id, version = value.get(BY_NAME[kind].id_field), value.get("version")
    if not isinstance(artifact_id, str) or not isinstance(version, str):
        return None
    if len(artifact_id) + len(version) > _REF_LENGTH_MAX:
        return None
    if ID.fullmatch(artifact_id) is None or VERSION.fullmatch(version) is None:
        return None
    return Ref(id=artifact_id, version=version)


def _fresh_file(path: str, data: bytes) -> str:
    """A file of our own beside a path, complete and durable, to be moved or linked into place."""
    folder = os.path.dirname(path)
    os.makedirs(folder, exist_ok=True)
    for number in range(1000):
        fresh = os.path.join(folder, f".fresh-{os.getpid()}-{number}")
        try:
            file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            continue
        try:
            _write(file, data)
        except OSError:
            os.unlink(fresh)
            raise
        return fresh
    raise OSError(errno.EEXIST, "too many unfinished files", folder)


def _write(file: int, data: bytes) -> None:
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(file, rest) :]
        os.fsync(file)
    finally:
        os.close(file)


def _sync_folder(path: str) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _fault(ref: str, error: OSError) -> StoreFault:
    name = errno.errorcode.get(error.errno or 0, "unknown error")
    reason = {"ENOSPC": "the disk is full", "EROFS": "the file system is read-only", "EACCES": "permission is denied"}
    return StoreFault(kind="environment", ref=ref, reason=reason.get(name, f"the operation failed ({name})"))
