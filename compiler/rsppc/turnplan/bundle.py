"""A built bundle, loaded: every digest checked, everything read that turns will need.

Nothing is believed that is not pinned: references carry digests, the ResolvedSpec has the digest that the bundle gives
it, and where `provenance.json` lies beside the bundle, the bundle has the digest that this gives it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from rsppc.base.canonical_json import digest_value
from rsppc.base.digest import is_digest
from rsppc.base.record import Record

SCHEMA_VERSION = "rspp.pipeline.bundle.v1"
FILES = ("bundle.json", "resolved_spec.json", "provenance.json")


class BundleFault(Record):
    """Why a bundle is not loaded: the file that is wrong, the place in it, and what to do."""

    file: str
    path: str
    message: str
    advice: str = "build the bundle again, or fetch it again from where it was published"


class LoadedBundle(Record):
    """A bundle that may be used. `spec` is its ResolvedSpec as plain values, to be read and never changed."""

    bundle_id: str
    version: str
    digest: str
    resolved_spec_id: str
    spec: dict[str, Any]
    runtime_window: tuple[str, str] | None
    """Lowest and highest version of the runtime that the bundle was released for."""

    @property
    def pipeline_version(self) -> str:
        return f"{self.bundle_id}/{self.version}"


def read_bundle(files: Mapping[str, bytes], *, digest: str | None = None) -> LoadedBundle | BundleFault:
    """The bundle in files by name; `digest` is the one that it must have, where the caller knows it."""
    values: dict[str, dict[str, Any]] = {}
    for name in FILES:
        if name not in files:
            if name == "provenance.json":
                continue
            return BundleFault(file=name, path="", message="the file is not there")
        try:
            values[name] = msgspec.json.decode(files[name], type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return BundleFault(file=name, path="$", message=f"it cannot be read as JSON: {error}")
    bundle, spec = values["bundle.json"], values["resolved_spec.json"]
    fault = fault_of_bundle(bundle, digest, values.get("provenance.json"))
    if fault is None:
        fault = _fault_of_spec(bundle, spec)
    if fault is not None:
        return fault
    window = bundle.get("compat_window", {}).get("runtime")
    return LoadedBundle(
        bundle_id=bundle["bundle_id"],
        version=bundle["version"],
        digest=digest_value(bundle),
        resolved_spec_id=spec["resolved_spec_id"],
        spec=spec,
        runtime_window=(window["min"], window["max"]) if window else None,
    )


_KEYS = {
    "schema_version": str,
    "bundle_id": str,
    "version": str,
    "spec_ref": str,
    "profile_ref": str,
    "policy_refs": list,
    "layer_refs": list,
    "module_refs": list,
    "node_digests": list,
    "assets": list,
    "outputs": dict,
}


def fault_of_bundle(
    bundle: Mapping[str, Any], digest: str | None = None, provenance: Mapping[str, Any] | None = None
) -> BundleFault | None:
    """What is wrong with the content of `bundle.json` alone; None where nothing is."""

    def fault(path: str, message: str) -> BundleFault:
        return BundleFault(file="bundle.json", path=path, message=message)

    if bundle.get("schema_version") != SCHEMA_VERSION:
        return fault("$.schema_version", f"it is not `{SCHEMA_VERSION}`")
    for key, kind in _KEYS.items():
        if not isinstance(bundle.get(key), kind):
            return fault(f"$.{key}", "it is missing" if key not in bundle else "it is of another type")
    unknown = sorted(bundle.keys() - _KEYS.keys() - {"compat_window"})
    if unknown:
        return fault(f"$.{unknown[0]}", "there is no such key")
    for path, ref in _references(bundle):
        if not isinstance(ref, str) or not is_digest(ref.rpartition("@")[2]):
            return fault(path, "it is not pinned by a SHA-256 digest")
    if digest is not None and digest_value(bundle) != digest:
        return fault("$", f"its digest is not `{digest}`")
    if provenance is not None:
        stated = provenance.get("bundle")
        if not isinstance(stated, dict) or stated.get("digest") != digest_value(bundle):
            return fault("$", "its digest is not the one that `provenance.json` gives it")
    return None


def _references(bundle: Mapping[str, Any]) -> list[tuple[str, Any]]:
    found = [(f"$.{key}", bundle[key]) for key in ("spec_ref", "profile_ref")]
    for key in ("policy_refs", "layer_refs", "module_refs"):
        found.extend((f"$.{key}[{index}]", ref) for index, ref in enumerate(bundle[key]))
    found.append(("$.outputs.resolved_spec", bundle["outputs"].get("resolved_spec")))
    return found


def _fault_of_spec(bundle: dict[str, Any], spec: dict[str, Any]) -> BundleFault | None:
    if digest_value(spec) != bundle["outputs"]["resolved_spec"]:
        return BundleFault(
            file="resolved_spec.json", path="$", message="its digest is not the one that `bundle.json` gives it"
        )
    for key in ("bundle_id", "version"):
        if spec.get(key) != bundle[key]:
            return BundleFault(file="resolved_spec.json", path=f"$.{key}", message="it is of another bundle")
    return None
