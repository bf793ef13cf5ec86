"""The bill of materials of a bundle: what runs when it is called, as CycloneDX.

Node types are components with the digest of their implementation, providers are services, and the extension manifests
that declare both are data. What nobody states, such as a licence, is left out and not guessed. The serial number
follows from the bundle, and there is no time unless the caller gives one: the same bundle has the same bill.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from rsppc.base.canonical_json import readable
from rsppc.base.record import Record
from rsppc.evidence.moment import moment_text
from rsppc.signing.refusals import Refused, refused

SPEC_VERSION = "1.6"
_NAMESPACE = uuid.UUID("8a0f7a53-5f0c-52b4-9d57-0a4b1d5a4f11")
"""Made once, at random, for serial numbers; it must never change."""


class Part(Record):
    """Something that a bundle needs."""

    name: str
    manifest: str
    """Reference of the extension manifest that declares it."""
    digest: str | None = None
    """Of its implementation, where it is stated."""
    properties: tuple[tuple[str, str], ...] = ()
    sbom_ref: str | None = None
    attestation_ref: str | None = None


class Manifest(Record):
    """An extension manifest, or another file, with the digest of its bytes."""

    name: str
    version: str
    digest: str
    license: str | None = None


class Materials(Record):
    """Everything that a bill is made of."""

    bundle_id: str
    version: str
    digest: str
    """Of the bytes of `bundle.json`."""
    node_types: tuple[Part, ...]
    providers: tuple[Part, ...]
    manifests: tuple[Manifest, ...]
    assets: tuple[Manifest, ...]


def bill_of(materials: Materials, *, compiler: str, now: datetime | None = None) -> bytes:
    """The bill of materials of a bundle, as the file `sbom.cdx.json`."""
    components = [
        *(_node_type(one) for one in _sorted(materials.node_types)),
        *(_manifest(one) for one in _sorted(materials.manifests)),
        *(_asset(one) for one in _sorted(materials.assets)),
    ]
    services = [_provider(one) for one in _sorted(materials.providers)]
    made: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, materials.digest)}",
        "version": 1,
        "metadata": {
            **({"timestamp": moment_text(now)} if now is not None else {}),
            "tools": {"components": [{"type": "application", "name": "rsppc", "version": compiler}]},
            "component": {
                "type": "application",
                "bom-ref": _ref_of(materials),
                "name": materials.bundle_id,
                "version": materials.version,
                "hashes": _hashes(materials.digest),
            },
        },
        "components": components,
        "services": services,
        "dependencies": _dependencies(materials, [one["bom-ref"] for one in (*components, *services)]),
    }
    return readable(made)


def check_bill(data: bytes, bundle_id: str, version: str, name: str) -> None:
    """Refuse what is no bill of this bundle."""
    try:
        value: Any = msgspec.json.decode(data)
        about = value["metadata"]["component"]
        sound = value["bomFormat"] == "CycloneDX" and value["specVersion"] == SPEC_VERSION
        same = (about["name"], about["version"]) == (bundle_id, version)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError):
        raise _malformed(name, f"is no bill of materials in CycloneDX {SPEC_VERSION}") from None
    if not sound:
        raise _malformed(name, f"is no bill of materials in CycloneDX {SPEC_VERSION}")
    if not same:
        raise _malformed(name, f"is the bill of another bundle than `{bundle_id}/{version}`")


def _malformed(name: str, what: str) -> Refused:
    return refused("sbom-malformed", f"`{name}` {what}", "sign the bundle again")


def _ref_of(materials: Materials) -> str:
    return f"bundle:{materials.bundle_id}/{materials.version}"


def _node_type(one: Part) -> dict[str, Any]:
    return {"type": "library", "bom-ref": f"node_type:{one.name}", "name": one.name, **_stated(one)}


def _provider(one: Part) -> dict[str, Any]:
    return {"bom-ref": f"provider:{one.name}", "name": one.name, **_stated(one)}


def _manifest(one: Manifest) -> dict[str, Any]:
    made = {"type": "data", "bom-ref": f"extension:{one.name}/{one.version}", "name": one.name, "version": one.version}
    licensed = {"licenses": [{"license": {"name": one.license}}]} if one.license is not None else {}
    return {**made, "hashes": _hashes(one.digest), **licensed}


def _asset(one: Manifest) -> dict[str, Any]:
    return {"type": "data", "bom-ref": f"asset:{one.name}", "name": one.name, "hashes": _hashes(one.digest)}


def _stated(one: Part) -> dict[str, Any]:
    """What is known of a part, without what is not."""
    links = (("bom", one.sbom_ref), ("attestation", one.attestation_ref))
    references = [{"type": kind, "url": url} for kind, url in links if url is not None]
    properties = [{"name": f"rspp:{name}", "value": value} for name, value in one.properties]
    return {
        **({"hashes": _hashes(one.digest)} if one.digest is not None else {}),
        **({"externalReferences": references} if references else {}),
        **({"properties": properties} if properties else {}),
    }


def _dependencies(materials: Materials, refs: Sequence[str]) -> list[dict[str, Any]]:
    """The bundle needs all of it; a part needs the manifest that declares it."""
    needs = {_ref_of(materials): sorted(refs)}
    for kind, parts in (("node_type", materials.node_types), ("provider", materials.providers)):
        needs.update({f"{kind}:{one.name}": [f"extension:{one.manifest}"] for one in parts})
    return [{"ref": ref, "dependsOn": [one for one in needs[ref] if one in refs]} for ref in sorted(needs)]


def _hashes(digest: str) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": digest.removeprefix("sha256:")}]


def _sorted(parts: Iterable[Any]) -> list[Any]:
    return sorted(parts, key=lambda one: one.name)
