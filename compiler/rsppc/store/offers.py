"""What is published: one version of an artifact, or a release, with everything that is kept with it.

    bundle/<id>/<version>     what `rsppc build` writes, and below `inputs/` what it was built from, by SHA-256
    release/<release id>      the release and every piece of evidence that it rests on
    pipeline/…, profile/…, policy/…   the artifact alone

`v1`, `v1.0` and `v1.0.0` are one version and have one package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from rsppc.base.canonical_json import digest_value, readable
from rsppc.base.digest import Digest, digest_bytes
from rsppc.base.names import ID, VERSION, Ref, version_key
from rsppc.base.record import Record
from rsppc.model.kinds import BY_NAME
from rsppc.store.adopting import Offered
from rsppc.store.composing import Part
from rsppc.store.folder_ingest import MEDIA_TYPES
from rsppc.store.manifest import value_fault
from rsppc.store.protocols import StoreFault
from rsppc.store.request import PackageRequest
from rsppc.turnplan.bundle import BundleFault, fault_of_bundle, read_bundle

PRODUCER = "rsppc"
RETENTION_CLASS = "release"
"""What was published is kept as long as anybody may want to know what ran."""

DOCUMENTS = {kind: f"{kind}.json" for kind in ("bundle", "pipeline", "profile", "policy", "release")}
"""The file of a package in which the artifact itself stands."""
BUNDLE_FILES = ("bundle.json", "resolved_spec.json", "distribution.json", "provenance.json")
"""What a build writes. The last says for people where values came from, and no runtime reads it."""
BUNDLE_MEANING = BUNDLE_FILES[:3]
INPUTS = "inputs/"
REF_LENGTH_MAX = 180

Attest = Callable[[str, bytes, Mapping[str, bytes]], Sequence[Offered]]
"""Gives what is to be attested of a package, by its id, its manifest, and what is attested of it already."""


class Offer(Record):
    """Something that is to be published, and was found sound."""

    kind: str
    ref: str
    """What it is called, as in `demo_bundle/v1`."""
    run_id: str
    digest: Digest
    """Of what the document says."""
    files: dict[str, bytes]
    meaning: tuple[str, ...]
    """The files that make it what it is, in the order in which they explain each other."""
    inputs: tuple[bytes, ...] = ()
    metadata: dict[str, Any] = {}
    provenance: dict[str, Any] = {}
    attest: Attest | None = None
    signatures: tuple[str, ...] = ()
    """Names of attestations without which it is not published, nor taken for published."""

    def request(self) -> PackageRequest:
        """The package that it becomes."""
        return PackageRequest(
            producer=PRODUCER,
            run_id=self.run_id,
            subject=self.ref,
            kind=self.kind,
            metadata={"digest": self.digest, **self.metadata},
            retention_class=RETENTION_CLASS,
            provenance=self.provenance,
        )

    def parts(self) -> dict[str, Part]:
        """The files of its package."""
        found = {
            name: Part(data=data, role=self.kind, media_type=MEDIA_TYPES[name.rpartition(".")[2]])
            for name, data in self.files.items()
        }
        for data in self.inputs:
            name = digest_bytes(data).removeprefix("sha256:")
            found[f"{INPUTS}{name}"] = Part(data=data, role="input", media_type="application/octet-stream")
        return found


def run_id_of(kind: str, ref: Ref) -> str:
    """Under which run a version of an artifact is published."""
    return f"{kind}/{ref.id}/v" + ".".join(map(str, version_key(ref.version)))


def states(kind: str, value: Mapping[str, Any], ref: Ref) -> bool:
    """Whether a value says of itself that it is this version of an artifact; anybody may have put it there by hand."""
    own = _ref_of(kind, value)
    return own is not None and run_id_of(kind, own) == run_id_of(kind, ref)


def artifact_offer(kind: str, value: Mapping[str, Any]) -> Offer | StoreFault:
    """An artifact by its value alone."""
    ref = _ref_of(kind, value)
    if ref is None:
        return _malformed("", f"the value states no id and version of a {kind}")
    fault = value_fault(dict(value))
    if fault is not None:
        return _malformed(ref.name, f"the value cannot be kept: {fault}")
    if value.get("schema_version") != BY_NAME[kind].schema_version:
        return _malformed(ref.name, f"`schema_version` is not `{BY_NAME[kind].schema_version}`")
    if kind == "bundle" and (broken := fault_of_bundle(value)) is not None:
        return _malformed(ref.name, _told(broken))
    return Offer(
        kind=kind,
        ref=ref.name,
        run_id=run_id_of(kind, ref),
        digest=digest_value(value),
        files={DOCUMENTS[kind]: readable(value)},
        meaning=(DOCUMENTS[kind],),
    )


def bundle_offer(
    files: Mapping[str, bytes],
    *,
    inputs: Sequence[bytes] = (),
    provenance: Mapping[str, Any] | None = None,
    attest: Attest | None = None,
    signatures: Sequence[str] = (),
) -> Offer | StoreFault:
    """A bundle with the files that a build wrote of it."""
    found = read_bundle(files)
    if isinstance(found, BundleFault):
        return _malformed("", _told(found))
    value: dict[str, Any] = msgspec.json.decode(files[DOCUMENTS["bundle"]])
    ref = _ref_of("bundle", value)
    if ref is None:
        return _malformed("", "the value states no id and version of a bundle")
    return Offer(
        kind="bundle",
        ref=ref.name,
        run_id=run_id_of("bundle", ref),
        digest=digest_value(value),
        files={name: files[name] for name in BUNDLE_FILES if name in files},
        meaning=BUNDLE_MEANING,
        inputs=tuple(inputs),
        provenance=dict(provenance or {}),
        attest=attest,
        signatures=tuple(signatures),
    )


def release_offer(
    release: Mapping[str, Any],
    files: Mapping[str, bytes],
    *,
    bundle_package: str,
    bundle_manifest: str,
    attest: Attest | None = None,
    signatures: Sequence[str] = (),
) -> Offer:
    """A release, which was judged already, of a bundle that is in the store."""
    release_id: str = release["figures"]["release_id"]
    bundle = {**release["release"], "package_id": bundle_package, "manifest_digest": bundle_manifest}
    return Offer(
        kind="release",
        ref=release["release"]["bundle_ref"],
        run_id=f"release/{release_id}",
        digest=digest_value(release),
        files=dict(files),
        meaning=(*sorted(files.keys() - {DOCUMENTS["release"]}), DOCUMENTS["release"]),
        metadata={"release_id": release_id, "bundle": bundle},
        attest=attest,
        signatures=tuple(signatures),
    )


def _ref_of(kind: str, value: Mapping[str, Any]) -> Ref | None:
    artifact_id, version = value.get(BY_NAME[kind].id_field), value.get("version")
    if not isinstance(artifact_id, str) or not isinstance(version, str):
        return None
    if len(artifact_id) + len(version) > REF_LENGTH_MAX:
        return None
    if ID.fullmatch(artifact_id) is None or VERSION.fullmatch(version) is None:
        return None
    return Ref(id=artifact_id, version=version)


def _told(fault: BundleFault) -> str:
    return f"`{fault.file}`{f' at {fault.path}' if fault.path else ''}: {fault.message}"


def _malformed(ref: str, reason: str) -> StoreFault:
    return StoreFault(kind="malformed", ref=ref, reason=reason)
