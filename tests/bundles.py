"""Bundles as a build could have made them, as values, so that they do not change with the standard library."""

from __future__ import annotations

from typing import Any

from rsppc.base.canonical_json import digest_value, readable
from rsppc.evidence.envelope import Release, sealed

NOTHING = "sha256:" + "0" * 64


def spec_value(bundle_id: str, version: str, **more: Any) -> dict[str, Any]:
    """A ResolvedSpec."""
    return {"bundle_id": bundle_id, "version": version, "resolved_spec_id": "rsp-1", **more}


def bundle_value(bundle_id: str, version: str, *, spec: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """The content of `bundle.json`; `spec` is more of its ResolvedSpec."""
    return {
        "schema_version": "rspp.pipeline.bundle.v1",
        "bundle_id": bundle_id,
        "version": version,
        "spec_ref": f"{bundle_id}/{version}@{NOTHING}",
        "profile_ref": f"simple/v1@{NOTHING}",
        "policy_refs": [f"quiet/v1@{NOTHING}"],
        "layer_refs": [],
        "module_refs": [],
        "node_digests": [],
        "assets": [],
        "outputs": {"resolved_spec": digest_value(spec_value(bundle_id, version, **(spec or {})))},
        **more,
    }


def bundle_files(bundle: dict[str, Any], **spec: Any) -> dict[str, bytes]:
    """What a build writes; `spec` is more of the ResolvedSpec, as in the bundle."""
    provenance = {"bundle": {"digest": digest_value(bundle)}, "leaves": {}, "origins": []}
    return {
        "bundle.json": readable(bundle),
        "resolved_spec.json": readable(spec_value(bundle["bundle_id"], bundle["version"], **spec)),
        "distribution.json": readable({"registry": {}}),
        "provenance.json": readable(provenance),
    }


RELEASE = sealed(
    "release",
    Release(bundle_ref="talk/v1", bundle_digest=digest_value(bundle_value("talk", "v1"))),
    made_at="2026-01-01T00:00:00Z",
    checks=(),
    inputs={},
    figures={"release_id": "rel-20260101T000000Z-0123456789"},
)
"""As much of the evidence of a release as a store looks at."""
