"""What is asked about compatibility, from the names on the command line."""

from __future__ import annotations

import os
from datetime import datetime

from rsppc.base.digest import digest_bytes
from rsppc.base.names import VERSION
from rsppc.base.record import replace
from rsppc.cli.distributing import read_input
from rsppc.cli.naming import artifact_named
from rsppc.cli.session import usage
from rsppc.cli.turns import bundle_folder
from rsppc.compat.conformance import read_results
from rsppc.compat.inspection import Asked, policies_in_sight
from rsppc.compat.release import Versions
from rsppc.diagnostics import DiagnosticSink
from rsppc.lowering.artifacts import Artifact, Artifacts
from rsppc.syntax.document import Mapping
from rsppc.syntax.reader import read
from rsppc.turnplan import LoadedBundle


def asked_of(
    artifacts: Artifacts,
    sink: DiagnosticSink,
    *,
    refs: tuple[str, ...],
    bundle: str | None,
    loaded: LoadedBundle | None,
    runtime: str | None,
    control_plane: str | None,
    schema: str | None,
    conformance: str | None,
    now: datetime,
) -> tuple[Asked, dict[str, str]]:
    """What is asked, and name and digest of everything that the answers will rest on."""
    inputs: dict[str, str] = {}
    asked = Asked(
        policies=_policies(artifacts, refs, inputs),
        now=now,
        versions=_versions(artifacts, inputs, runtime=runtime, control_plane=control_plane, schema=schema),
        runtime=runtime,
    )
    if loaded is not None:
        inputs[f"bundle:{loaded.pipeline_version}"] = loaded.digest
        asked = replace(asked, bundle=_manifest(str(bundle), sink))
    if conformance is not None:
        reading = DiagnosticSink()
        data = read_input(conformance)
        inputs["conformance results"] = digest_bytes(data)
        results = read_results("<stdin>" if conformance == "-" else conformance, data, reading)
        asked = replace(asked, results=results, unread=reading.sorted())
    return asked, dict(sorted(inputs.items()))


def _policies(artifacts: Artifacts, refs: tuple[str, ...], inputs: dict[str, str]) -> tuple[Artifact, ...]:
    """The policies that are named, or all that are in sight."""
    named = [artifact_named(artifacts, "compat", ref) for ref in refs]
    policies = tuple({one.ref: one for one in named}.values()) if refs else policies_in_sight(artifacts)
    inputs |= {f"compat:{policy.ref}": policy.meaning_digest for policy in policies}
    return policies


def _versions(
    artifacts: Artifacts,
    inputs: dict[str, str],
    *,
    runtime: str | None,
    control_plane: str | None,
    schema: str | None,
) -> Versions | None:
    """What is to meet; None where that is not said. A runtime alone says whose conformance is meant."""
    for option, text in (("--control-plane", control_plane), ("--schema", schema)):
        if text is not None and VERSION.fullmatch(text) is None:
            usage(f"`{option} {text}` is no version", "versions look like `v1` or `v1.2`")
    version = _runtime_version(artifacts, runtime, inputs) if runtime is not None else None
    if control_plane is None and schema is None:
        return None
    if version is None or control_plane is None or schema is None:
        given = {"--runtime": runtime, "--control-plane": control_plane, "--schema": schema}
        missing = [f"`{option}`" for option, text in given.items() if text is None]
        usage("versions go together or not as three", f"name {' and '.join(missing)} as well")
    return Versions(runtime=version, control_plane=control_plane, schema=schema)


def _runtime_version(artifacts: Artifacts, text: str, inputs: dict[str, str]) -> str:
    """The version of a runtime that is named by it alone, or by its RuntimeCapability, whose version it has."""
    if VERSION.fullmatch(text) is not None:
        return text
    found = artifact_named(artifacts, "runtime", text)
    inputs[f"runtime:{found.ref}"] = found.meaning_digest
    return found.version


def _manifest(bundle: str, sink: DiagnosticSink) -> Mapping | None:
    """The manifest of a bundle that was loaded, with its places."""
    path = os.path.join(bundle_folder(bundle), "bundle.json")
    document = read(os.path.relpath(path), read_input(path), sink)
    return document.root if document is not None else None
