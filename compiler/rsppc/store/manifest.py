"""The manifest of a package: what it is and which files it holds, as canonical CBOR, whose BLAKE3 is its identity.

Nothing in it depends on when, where or by which backend a package was stored: clocks, keys and receipts stand in the
event log. So one run has one digest, on every backend and every time.

    manifest_version   1
    package            package_id, tenant, kind, producer, run_id, subject and, where given, repository, commit,
                       environment, metadata, metadata_schema {schema_id, digest}
    files              by path: file_id, path, role, media_type, size, digest_primary, digest_sha256, location
    retention_summary  retention_class
    provenance         what the producer says of how it was made

With text as the only keys, the order of keys is that of RFC 8949 4.2.1 and of RFC 7049 at once.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import cbor2

from rsppc.base.canonical_json import INTEGER_MAX, canonical
from rsppc.base.json_pointer import escaped
from rsppc.store import strict_cbor
from rsppc.store.hashing import blake3_of
from rsppc.store.problems import StoreProblem

MANIFEST_VERSION = 1
NOTE_VERSION = 1
NOTE_SIZE_MAX = 4096
MANIFEST_TYPE = "application/vnd.rsppc.manifest.v1+cbor"
MANIFEST_SIZE_MAX = 256 * 2**20
DEPTH_MAX = 32
FILES_MAX = 250_000
"""So many fit into a manifest, whatever their paths."""
DESCRIPTION_MAX = 2 * 2**20
"""Bytes of all that a manifest says beside its files: environment, metadata, provenance."""
VALUES_MAX = 200_000
"""Values and keys in them."""
_VALUES_AROUND = 100
"""More than a manifest of nothing has."""

_NAMESPACE = uuid.UUID("5d4f4bdc-32a0-5f0b-9f3e-6f2d3f1f6f5e")
"""Made once, at random, for the identities below; it must never change."""


def package_id_of(tenant: str, producer: str, run_id: str) -> str:
    """The id of the one package that a run of a producer becomes."""
    return str(uuid.uuid5(_NAMESPACE, canonical([tenant, producer, run_id]).decode()))


def file_id_of(package_id: str, path: str) -> str:
    """The id of a file in a package."""
    return str(uuid.uuid5(uuid.UUID(package_id), path))


def location_of(primary: str) -> str:
    """Where content lies below the root of any backend."""
    name = primary.removeprefix("blake3:")
    return f"blobs/{name[:2]}/{name}"


def manifest_of(
    package: Mapping[str, Any],
    files: Sequence[Mapping[str, Any]],
    retention_class: str,
    provenance: Mapping[str, Any],
) -> dict[str, Any]:
    """The manifest of a package; files in order of their paths."""
    return {
        "manifest_version": MANIFEST_VERSION,
        "package": dict(package),
        "files": sorted((dict(file) for file in files), key=lambda file: file["path"].encode()),
        "retention_summary": {"retention_class": retention_class},
        "provenance": dict(provenance),
    }


def encode(manifest: Mapping[str, Any]) -> bytes:
    """Canonical CBOR."""
    return cbor2.dumps(manifest, canonical=True)


def encode_note(package_id: str, attestation: Mapping[str, Any]) -> bytes:
    """What lies beside the manifests and says that something was attested of a package."""
    return cbor2.dumps({"note_version": NOTE_VERSION, "package_id": package_id, **attestation}, canonical=True)


def decode_note(data: bytes) -> dict[str, Any] | None:
    """The value of a note; None where bytes are none."""
    if len(data) > NOTE_SIZE_MAX:
        return None
    try:
        value = _strict(data, NOTE_SIZE_MAX)
    except strict_cbor.NotCanonical:
        return None
    return value if isinstance(value, dict) and value.get("note_version") == NOTE_VERSION else None


def _strict(data: bytes, values_max: int) -> Any:
    return strict_cbor.decode(data, depth_max=DEPTH_MAX, values_max=values_max)


def digest(data: bytes) -> str:
    """The identity of a manifest: BLAKE3 of its canonical bytes."""
    return blake3_of(data)


def decode(data: bytes) -> dict[str, Any]:
    """The value of canonical bytes; a `StoreProblem` where they are anything else."""
    if len(data) > MANIFEST_SIZE_MAX:
        raise StoreProblem("malformed", f"a manifest has at most {MANIFEST_SIZE_MAX} bytes")
    # One byte can be a list of its own, which takes sixty bytes of memory; files are texts and sizes alone.
    size, count = _files_part(data)
    if len(data) - size > 2 * DESCRIPTION_MAX:
        raise StoreProblem("malformed", f"the manifest says more than {DESCRIPTION_MAX} bytes beside its files")
    try:
        value = _strict(data, VALUES_MAX + _VALUES_AROUND + count * _FILE_VALUES)
    except strict_cbor.NotCanonical:
        raise StoreProblem("malformed", "the manifest is not canonical CBOR, or says too much") from None
    if not isinstance(value, dict):
        raise StoreProblem("malformed", "the manifest is no map")
    if value.get("manifest_version") != MANIFEST_VERSION:
        raise StoreProblem(
            "malformed",
            f"the manifest has version {str(value.get('manifest_version'))[:20]}, and this program reads "
            f"{MANIFEST_VERSION}",
            "use a newer rsppc",
        )
    return value


_FILES = b"\xa5\x65files"
"""How a manifest begins: a map of five, in which the files come first."""
_FILE = b"\xa8"
_FILE_VALUES = 17
"""A file is a map of eight keys with a text or a number each."""
_FILE_KEYS = (
    (b"\x64path", 0),
    (b"\x64role", 0),
    (b"\x64size", 0),
    (b"\x67file_id\x78\x24", 36),
    (b"\x68location\x78\x49", 73),
    (b"\x6amedia_type", 0),
    (b"\x6ddigest_sha256\x78\x47", 71),
    (b"\x6edigest_primary\x78\x47", 71),
)
"""In canonical order. Where a text has one length, its head belongs to the key, and the length follows."""


def _files_part(data: bytes) -> tuple[int, int]:
    """How many bytes at the beginning are a list of files, and of how many, seen without decoding it; zeros where there
    is none."""
    if not data.startswith(_FILES):
        return 0, 0
    try:
        kind, count, at = strict_cbor.head(data, len(_FILES))
        if kind != strict_cbor.LIST:
            return 0, 0
        if count > FILES_MAX:
            raise StoreProblem("refused", f"a package has at most {FILES_MAX} files")
        for _ in range(count):
            at = _behind_file(data, at)
    except IndexError:
        return 0, 0
    return at, count


def _behind_file(data: bytes, at: int) -> int:
    """Where a file ends; `IndexError` where none begins."""
    if not data.startswith(_FILE, at):
        raise IndexError
    at += 1
    for key, length in _FILE_KEYS:
        if not data.startswith(key, at):
            raise IndexError
        at += len(key) + length
        if length == 0:
            kind, size, at = strict_cbor.head(data, at)
            if kind == strict_cbor.TEXT:
                at += size
            elif kind != strict_cbor.NUMBER:
                raise IndexError
    return at


def projection(manifest: Mapping[str, Any]) -> bytes:
    """The same manifest as canonical JSON (RFC 8785)."""
    return canonical(manifest)


def value_fault(value: Any, pointer: str = "", depth: int = 0) -> str | None:
    """What keeps a value out of a manifest, with its JSON Pointer; None where it may stand there."""
    if depth > DEPTH_MAX:
        return f"`{pointer[:80]}` is nested deeper than {DEPTH_MAX}"
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int):
        return None if abs(value) <= INTEGER_MAX else f"`{pointer}` is beyond 2^53 - 1"
    if isinstance(value, str):
        return _text_fault(value, pointer)
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                return f"`{pointer}` has a key that is no text"
            step = f"{pointer}/{escaped(key)}"
            fault = _text_fault(key, step) or value_fault(item, step, depth + 1)
            if fault is not None:
                return fault
        return None
    if isinstance(value, list):
        for index, item in enumerate(value):
            fault = value_fault(item, f"{pointer}/{index}", depth + 1)
            if fault is not None:
                return fault
        return None
    if isinstance(value, float):
        return f"`{pointer}` is no whole number; state it as a text, or as a whole number of a smaller unit"
    return f"`{pointer}` is a {type(value).__name__}"


def value_count(value: Any) -> int:
    """How many values and keys there are in a value, itself included."""
    if isinstance(value, dict):
        return 1 + len(value) + sum(map(value_count, value.values()))
    if isinstance(value, list):
        return 1 + sum(map(value_count, value))
    return 1


def _text_fault(text: str, pointer: str) -> str | None:
    if any("\ud800" <= c <= "\udfff" for c in text) if not text.isascii() else False:
        return f"`{pointer!a}` holds a lone surrogate"
    return None
