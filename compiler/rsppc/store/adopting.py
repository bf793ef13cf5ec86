"""A package that was finalised elsewhere becomes one of this store: by its manifest, whose digest it keeps.

Nothing is visible before all of it has proved to be what the manifest says. Who brings it (an exported file, a
registry, another store) only says where the bytes are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

import msgspec

from rsppc.base.difference import first_difference
from rsppc.base.record import Record
from rsppc.store import events, manifest
from rsppc.store.backends.protocol import Put
from rsppc.store.hashing import digests_of
from rsppc.store.manifest_form import Described, read_manifest
from rsppc.store.problems import StoreProblem
from rsppc.store.reading import FINALISE, Attestation, File, Package, refuse_collected
from rsppc.store.registry import Finalized, Registry
from rsppc.store.request import Entry
from rsppc.store.retention import stamp


class Offered(Record):
    """An attestation that comes with a package."""

    name: str
    media_type: str
    data: bytes


def adopt(
    registry: Registry,
    data: bytes,
    pieces: Callable[[File], Iterable[bytes]],
    at: datetime,
    *,
    attestations: Sequence[Offered] = (),
    complete: Callable[[], None] = lambda: None,
) -> Finalized:
    """Take in the package whose manifest these bytes are. `pieces` is asked for the content of each file, in the order
    of the manifest; `complete` may refuse at the end, before anything is visible."""
    described = read_manifest(data)
    digest = manifest.digest(data)
    _refuse_other(registry, described, data)
    with registry.putting():
        puts = [_put(registry, file, pieces(file)) for file in described.files]
        complete()
        manifest_put = registry.backend.put([data], "manifests")
        attested = [_put_attestation(registry, described.package_id, one) for one in attestations]
        registry.backend.settle()
        with registry.log.writing():
            there = registry.found(described.package_id)
            reused = there is not None
            if there is None:
                tell_package(registry, described, data, puts, manifest_put, at)
            elif there.manifest_digest != digest:
                raise StoreProblem("busy", "somebody else publishes this run at this moment", "try again")
            made = registry.package(described.package_id)
            for one, put, note in attested:
                registry.tell_attested(made, one, put, note, at)
    return Finalized(package=made, manifest_digest=digest, reused=reused)


def tell_package(
    registry: Registry, described: Described, data: bytes, puts: Sequence[Put], manifest_put: Put, at: datetime
) -> Package:
    """Write all events of a package; inside `log.writing`."""
    registry.log.append(events.CREATED, stamp(at), described.tenant, described.package_id, described.created)
    package = registry.package(described.package_id)
    for file, put in zip(described.files, puts, strict=True):
        entry = Entry(path=file.path, role=file.role, media_type=file.media_type)
        registry.tell_file(package, entry, put, at)
    if manifest.encode(registry.manifest_value(described.package_id)) != data:
        raise StoreProblem("malformed", "the manifest says something that no package can hold")
    registry.tell_final(registry.package(described.package_id), manifest_put, at)
    return registry.package(described.package_id)


def _refuse_other(registry: Registry, described: Described, data: bytes) -> None:
    """Refuse early what could not be taken in at the end."""
    if described.created["retention_class"] not in registry.config.retention_classes:
        raise StoreProblem(
            "refused",
            f"this store has no retention class `{described.created['retention_class']}`, which the package has",
            "add it to `store.json` of the store",
        )
    if "metadata_schema" in described.created["package"]:
        from rsppc.store.metadata_schemas import check_brought

        check_brought(registry.log, described.created["package"])
    there = registry.found(described.package_id)
    if there is None or there.manifest_digest == manifest.digest(data):
        if there is not None:
            refuse_collected(there)
        return
    refuse_collected(there)
    if there.state == "open":
        raise StoreProblem("conflict", "this run is in the store already, and is not finalised", FINALISE)
    found = first_difference(registry.manifest_value(described.package_id), manifest.decode(data))
    pointer = found.pointer if found is not None else ""
    raise StoreProblem(
        "conflict",
        f"this run is in the store already, with other content at `{pointer}`",
        f"the store has manifest {there.manifest_digest}; this one has {manifest.digest(data)}",
        pointer=pointer,
    )


def _put(registry: Registry, file: File, pieces: Iterable[bytes]) -> Put:
    put = registry.backend.put(_limited(file, pieces))
    found = put.digests
    if found.size != file.size:
        raise StoreProblem("corrupt", f"`{file.path}` has {found.size} bytes, not {file.size}")
    for name, has, said in (
        ("BLAKE3", found.primary, file.digest_primary),
        ("SHA-256", found.sha256, file.digest_sha256),
    ):
        if has != said:
            raise StoreProblem("corrupt", f"`{file.path}` has {name} {has}, and its manifest says {said}")
    return put


def _limited(file: File, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Pieces, up to the size that was said: a source without an end fills no disk."""
    rest = file.size
    for piece in pieces:
        rest -= len(piece)
        if rest < 0:
            raise StoreProblem("corrupt", f"`{file.path}` has more bytes than the {file.size} that its manifest says")
        yield piece


def _put_attestation(registry: Registry, package_id: str, one: Offered) -> tuple[Attestation, Put, str]:
    registry.check_attestation(one.name, one.media_type, one.data)
    put = registry.backend.put([one.data])
    made = attestation_of(one)
    note = registry.backend.put([manifest.encode_note(package_id, msgspec.to_builtins(made))], "manifests")
    return made, put, note.digests.primary


def attestation_of(one: Offered) -> Attestation:
    """What the tables hold of an attestation."""
    found = digests_of(one.data)
    return Attestation(
        name=one.name,
        media_type=one.media_type,
        size=found.size,
        digest_primary=found.primary,
        digest_sha256=found.sha256,
    )
