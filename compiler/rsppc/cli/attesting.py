"""Build a bundle again to say what it is made of: its files, every file that went into them, and its bill of materials.

What a build reads is written down as it is for the cache (`caching/asking.py`): names that were asked for, and the
files that answered. Those of the workspace can be laid out elsewhere; those that ship come with the compiler.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from rsppc.base.digest import digest_bytes, is_digest
from rsppc.base.record import Record, replace
from rsppc.caching.asking import AskedArtifacts
from rsppc.caching.sealed import SealedWorkspace, look, sealed
from rsppc.cli.building import Compiled, compile_entry, report_locked
from rsppc.cli.entry import find_entry
from rsppc.cli.naming import open_for_runtime
from rsppc.cli.session import fault, refuse_unread
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.lowering.artifacts import Artifacts
from rsppc.lowering.lower import catalog
from rsppc.resources import folder
from rsppc.signing.sbom import Manifest, Materials, Part, bill_of
from rsppc.signing.statement import SHIPPED, Arguments, Input
from rsppc.version import LICENSE, VERSION
from rsppc.workspace import CONFIG_FILE, OBJECTS, Workspace


class Attested(Record):
    """A bundle that was built just now, and what it was made of."""

    arguments: Arguments
    locked: bool
    """Whether `build --locked` would take it."""
    files: dict[str, bytes]
    inputs: tuple[Input, ...]
    sbom: bytes
    compiled: Compiled


def attested(
    workspace: Workspace, arguments: Arguments, *, now: datetime | None
) -> tuple[Attested | None, tuple[Diagnostic, ...]]:
    """The bundle that arguments name, built in memory; None, with findings, where it does not compile."""
    looked_at = sealed(workspace)
    look(looked_at, {})
    refuse_unread(looked_at.sight.unread)
    sink = DiagnosticSink(strict=arguments.strict)
    for diagnostic in looked_at.sight.listing:
        sink.report(diagnostic)
    artifacts = open_for_runtime(looked_at, arguments.runtime or None, sink, kind=AskedArtifacts)
    assert isinstance(artifacts, AskedArtifacts)
    entry = find_entry(artifacts, arguments.bundle)
    artifacts.begin()  # what else was looked at to find the entry is no part of it
    artifacts.at(entry.path)
    compiled = compile_entry(artifacts, entry, snapshot=arguments.snapshot, strict=arguments.strict)
    refuse_unread(artifacts.unread())
    found = (*sink.sorted(), *compiled.built.diagnostics)
    if compiled.documents is None:
        return None, found
    inputs = _inputs(artifacts)
    if looked_at.sight.drifted:
        fault("a source changed while it was read", "try again when nobody is writing")
    files = {name: b"".join(one.pieces()) for name, one in compiled.documents.items()}
    bill = bill_of(_materials(files, artifacts, inputs), compiler=VERSION, now=now)
    made = Attested(
        arguments=replace(arguments, bundle=f"{compiled.id}/{compiled.version}"),
        locked=not report_locked(entry, artifacts),
        files=files,
        inputs=tuple(Input(name=name, sha256=inputs[name]) for name in sorted(inputs)),
        sbom=bill,
        compiled=compiled,
    )
    return made, found


def input_bytes(workspace: Workspace, one: Input) -> bytes:
    """The content of an input of the workspace; ends the command where it is not what was read before."""
    path = os.path.join(workspace.root, one.name)
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        fault(f"cannot read `{path}`: {(error.strerror or 'input/output error').lower()}")
    if digest_bytes(data) != one.sha256:
        fault(f"`{path}` changed while it was read", "try again when nobody is writing")
    return data


# --- What was read ----------------------------------------------------------------------------------------------------


def _inputs(artifacts: AskedArtifacts) -> dict[str, str]:
    """Every file that had a say, with the digest of its bytes."""
    own, shipped = artifacts.sealed, shipped_workspace()
    found = _config(own)
    for name in sorted(artifacts.asked()):
        word, _, what = name.partition(" ")
        match word:
            case "asset":
                found.update(_digests({f"{own.sources}/assets/{what}": own.sight.values[name]}))
            case "pinned":
                path = f"{own.sources}/{OBJECTS}/{what.removeprefix('sha256:')}.json"
                found.update(_digests({path: own.sight.values[name]}))
            case "paths":
                found.update(_digests({path: own.sight.digests[path] for path in own.sight.paths}))
            case "path" | "id" | "kind":
                found.update(_digests(own.now(name)))
                found.update(_digests({shipped_name(path): one for path, one in shipped.now(name).items()}))
    return found


def _digests(files: Mapping[str, str]) -> dict[str, str]:
    """Files that were there; one that was not has no digest, and its absence needs no laying out."""
    return {path: digest for path, digest in files.items() if is_digest(digest)}


def _config(workspace: SealedWorkspace) -> dict[str, str]:
    """`rsppc.toml`, which says where the sources are, whether or not anything in it was asked for."""
    try:
        with open(os.path.join(workspace.root, CONFIG_FILE), "rb") as file:
            return {CONFIG_FILE: digest_bytes(file.read())}
    except FileNotFoundError:
        return {}
    except OSError as error:
        fault(f"cannot read `{CONFIG_FILE}`: {(error.strerror or 'input/output error').lower()}")


def shipped_workspace() -> SealedWorkspace:
    """What ships with the compiler, with the digests of its files."""
    made = sealed(Workspace(root=folder("pipelines"), sources="."))
    look(made, {})
    refuse_unread(made.sight.unread)
    return made


def shipped_name(path: str) -> str:
    """How an input is named that ships with the compiler."""
    return f"{SHIPPED}{path.removeprefix('./')}"


# --- The bill of materials --------------------------------------------------------------------------------------------


def _materials(files: Mapping[str, bytes], artifacts: Artifacts, inputs: Mapping[str, str]) -> Materials:
    bundle: dict[str, Any] = msgspec.json.decode(files["bundle.json"])
    spec: dict[str, Any] = msgspec.json.decode(files["resolved_spec.json"])
    known = catalog(artifacts, DiagnosticSink())
    node_types = [_node_part(one, known.node_types[one["node_type"]]) for one in bundle["node_digests"]]
    providers = [
        Part(
            name=name,
            manifest=known.providers[name].manifest,
            properties=(("modality", known.providers[name].modality), ("manifest", known.providers[name].manifest)),
        )
        for name in sorted(_providers(spec))
        if name in known.providers
    ]
    wanted = {one.manifest for one in (*node_types, *providers)}
    return Materials(
        bundle_id=bundle["bundle_id"],
        version=bundle["version"],
        digest=digest_bytes(files["bundle.json"]),
        node_types=tuple(node_types),
        providers=tuple(providers),
        manifests=tuple(_manifests(artifacts, wanted, inputs)),
        assets=tuple(Manifest(name=one["path"], version="", digest=one["digest"]) for one in bundle["assets"]),
    )


def _node_part(one: Mapping[str, str], node_type: Any) -> Part:
    return Part(
        name=one["node_type"],
        manifest=node_type.manifest,
        digest=one.get("digest"),
        properties=(
            ("impl_ref", one["impl_ref"]),
            ("execution_mode", one["execution_mode"]),
            ("manifest", node_type.manifest),
        ),
        sbom_ref=node_type.sbom_ref,
        attestation_ref=node_type.attestation_ref,
    )


def _providers(spec: Mapping[str, Any]) -> set[str]:
    """Every provider that can come to serve."""
    by_rule: Iterable[str] = (name for rule in spec["rules"].get("provider", ()) for name in rule["use"])
    return {*spec["node_provider_bindings"].values(), *by_rule}


def _manifests(artifacts: Artifacts, wanted: set[str], inputs: Mapping[str, str]) -> Iterable[Manifest]:
    """The manifests that declare what is in use; of one name that of the workspace, which wins everywhere else too."""
    left = set(wanted)
    own, shipped = artifacts.of_kind("extension")
    for one in (*own, *shipped):
        if one.ref not in left:
            continue
        left.remove(one.ref)
        labels = (one.root.get("metadata") or {}).get("labels") or {}
        stated = labels.get("license") or labels.get("licence") or (LICENSE if one.shipped else None)
        yield Manifest(name=one.id, version=one.version, digest=inputs[one.path], license=stated)
