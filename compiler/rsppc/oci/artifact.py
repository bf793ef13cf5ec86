"""A package as an OCI artifact: the manifest that a registry keeps, which follows from the package's own.

    artifactType  application/vnd.rsppc.package.v1
    config        the package's manifest, canonical CBOR
    layers        a layer for each file that is not empty, its path as title; then one for each attestation

Attestations are layers and not referrers: whoever copies the artifact, with whatever tool, copies the signatures with
it, and a registry of OCI 1.0 keeps them as well. Empty files have no layer, since some registries refuse a blob of no
bytes; the manifest in the config says that they are there.

Nothing in it depends on time or place, so that one package with the same attestations has one digest in every registry.
That makes reading it simple and strict: it has to be the very bytes that would be written.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import msgspec

from rsppc.base.canonical_json import canonical
from rsppc.base.difference import first_difference
from rsppc.base.digest import Digest, digest_bytes, is_digest
from rsppc.base.record import Record
from rsppc.store import manifest
from rsppc.store.hashing import is_primary
from rsppc.store.manifest_form import Described
from rsppc.store.problems import StoreProblem
from rsppc.store.reading import Attestation

IMAGE_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
ARTIFACT_TYPE = "application/vnd.rsppc.package.v1"
FILE_TYPE = "application/vnd.rsppc.file.v1"
ATTESTATION_TYPE = "application/vnd.rsppc.attestation.v1"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
EMPTY = b"{}"
"""A manifest has at least one layer; this stands where there would be none."""

TITLE = "org.opencontainers.image.title"
_NAME, _MEDIA_TYPE, _PRIMARY = (f"vnd.rsppc.attestation.{name}" for name in ("name", "media-type", "blake3"))

SIZE_MAX = 4 * 2**20
"""Of a manifest; registries take no larger ones."""
ATTESTATIONS_MAX = 1000


class Layer(Record):
    """A blob that a manifest names."""

    mediaType: str
    digest: str
    size: int
    annotations: dict[str, str] = {}


class _Form(Record):
    """As much of any manifest as is needed to see what it is."""

    mediaType: str = ""
    artifactType: str = ""
    config: Layer | None = None
    layers: list[Layer] = []


class Outline(Record):
    """What a manifest says, before its config is at hand."""

    config: Layer
    attestations: tuple[Attestation, ...]


def manifest_bytes(data: bytes, described: Described, attestations: Sequence[Attestation]) -> bytes:
    """The OCI manifest of the package whose own manifest is `data`."""
    layers: list[dict[str, Any]] = [
        {"mediaType": FILE_TYPE, "digest": file.digest_sha256, "size": file.size, "annotations": {TITLE: file.path}}
        for file in described.files
        if file.size
    ]
    for one in sorted(attestations, key=lambda one: one.name):
        said = {_NAME: one.name, _MEDIA_TYPE: one.media_type, _PRIMARY: one.digest_primary}
        layers.append(
            {"mediaType": ATTESTATION_TYPE, "digest": one.digest_sha256, "size": one.size, "annotations": said}
        )
    if not layers:
        layers.append({"mediaType": EMPTY_TYPE, "digest": digest_bytes(EMPTY), "size": len(EMPTY)})
    value = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "artifactType": ARTIFACT_TYPE,
        "config": {"mediaType": manifest.MANIFEST_TYPE, "digest": digest_bytes(data), "size": len(data)},
        "layers": layers,
        "annotations": {
            "vnd.rsppc.package": described.package_id,
            "vnd.rsppc.manifest": manifest.digest(data),
            "vnd.rsppc.kind": described.created["package"]["kind"],
            "vnd.rsppc.subject": described.created["package"]["subject"],
        },
    }
    made = canonical(value)
    if len(made) > SIZE_MAX:
        raise StoreProblem(
            "refused",
            f"a registry takes manifests of at most {SIZE_MAX} bytes, and the one of {len(described.files)} files has"
            f" {len(made)}",
            "carry it as one file: `rsppc store export`",
        )
    return made


def outline_of(data: bytes) -> Outline:
    """What a manifest says of its config and attestations; a `StoreProblem` where it is not one of a package."""
    try:
        form = msgspec.json.decode(data, type=_Form, strict=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise StoreProblem("malformed", "what lies there is no manifest of OCI") from None
    config = form.config
    if form.artifactType != ARTIFACT_TYPE or config is None or config.mediaType != manifest.MANIFEST_TYPE:
        what = form.artifactType or (config.mediaType if config is not None else "") or form.mediaType or "nothing"
        raise StoreProblem("malformed", f"what lies there is no package but {what[:100]!a}", "name another tag")
    if not is_digest(config.digest) or not 0 < config.size <= manifest.MANIFEST_SIZE_MAX:
        raise StoreProblem("malformed", "the OCI manifest names a config that no package has")
    found = [_attestation_of(one) for one in form.layers if one.mediaType == ATTESTATION_TYPE]
    if len(found) > ATTESTATIONS_MAX:
        raise StoreProblem("refused", f"a package has at most {ATTESTATIONS_MAX} attestations")
    return Outline(config=config, attestations=tuple(found))


def refuse_other(data: bytes, own: bytes, described: Described, attestations: Sequence[Attestation]) -> None:
    """Refuse a manifest that is not the one of the package whose own manifest is in its config."""
    expected = manifest_bytes(own, described, attestations)
    if expected != data:
        try:
            found = first_difference(msgspec.json.decode(expected), msgspec.json.decode(data))
        except (msgspec.MsgspecError, RecursionError):  # keys that nobody looked at may hold what is not JSON for us
            found = None
        where = f"differs at `{found.pointer}`" if found is not None else "is written in another way"
        raise StoreProblem(
            "corrupt",
            f"the OCI manifest is not that of the package in its config: it {where}",
            "push the package again from a store that has it",
        )


def digest_of(data: bytes) -> Digest:
    """How registries name a manifest."""
    return Digest("sha256:" + sha256(data).hexdigest())


def _attestation_of(layer: Layer) -> Attestation:
    said = layer.annotations
    primary = said.get(_PRIMARY, "")
    if not is_primary(primary) or not is_digest(layer.digest) or layer.size < 0:
        raise StoreProblem("malformed", "the OCI manifest names an attestation without sound digests or size")
    return Attestation(
        name=said.get(_NAME, ""),
        media_type=said.get(_MEDIA_TYPE, ""),
        size=layer.size,
        digest_primary=primary,
        digest_sha256=layer.digest,
    )
