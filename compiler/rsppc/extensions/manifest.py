"""A manifest as registration and trials need it: what it declares by name, and why it cannot be relied on if it cannot.

It is read with the very checks of `rsppc check`; a manifest with an error in it admits nothing.
"""

from __future__ import annotations

from typing import Any, Literal

from rsppc.base.canonical_json import digest_value
from rsppc.base.digest import Digest
from rsppc.base.record import Record
from rsppc.diagnostics import DiagnosticSink
from rsppc.extensions.check import API_VERSIONS, check_manifest
from rsppc.extensions.streaming import Streaming, streaming_of
from rsppc.ir.catalog import Limits, NodeType
from rsppc.lowering.artifacts import meaning
from rsppc.lowering.check_shape import sound_mapping
from rsppc.lowering.extension import PLUGINS, PluginKind, limits_of, lower_catalog, trust_of
from rsppc.model.extension import EXTENSION_MANIFEST
from rsppc.syntax.document import Mapping
from rsppc.syntax.reader import read


class PluginEntry(Record):
    """A policy plugin or a runtime adapter, as its manifest declares it."""

    kind: PluginKind
    name: str
    execution_mode: str
    digest: str | None
    trust_level: str | None
    timeout_ms: int | None
    limits: Limits
    decides: tuple[str, ...] = ()
    """Actions of a policy plugin."""
    transports: tuple[str, ...] = ()
    event_abi: str = "v1"
    preserves: tuple[str, ...] = ()
    capabilities: tuple[str, ...] = ()


class Manifest(Record):
    """What one ExtensionManifest declares."""

    ref: str
    type: str
    api_version: str
    trust_level: str | None
    content: dict[str, Any]
    """What it means, without metadata and comments."""
    digest: Digest
    """Of that content."""
    node_types: dict[str, NodeType]
    plugins: dict[str, PluginEntry]
    records: dict[str, dict[str, Any]]
    problems: tuple[str, ...] = ()
    """Errors in it; as long as there are some, nothing is admitted by it."""


def read_manifest(path: str, data: bytes, *, records: frozenset[str] = frozenset()) -> Manifest | tuple[str, ...]:
    """The manifest in a file, or why there is none in it. `records` are those that others declare."""
    sink = DiagnosticSink()
    document = read(path, data, sink)
    root = document.root if document is not None else None
    if root is None or sink.has_errors:
        return tuple(found.message() for found in sink.sorted()) or ("the file is empty",)
    if root.get("schema_version") != EXTENSION_MANIFEST.schema_version:
        return (f"it is no manifest: its `schema_version` is not `{EXTENSION_MANIFEST.schema_version}`",)
    root = sound_mapping(root, EXTENSION_MANIFEST.shape, sink)
    if not root.keys() >= {"extension_id", "version", "type", "api_version"}:
        return tuple(found.message() for found in sink.sorted())
    return manifest_of(root, sink, records=records)


def manifest_of(root: Mapping, sink: DiagnosticSink, *, records: frozenset[str] = frozenset()) -> Manifest:
    """The manifest in a sound mapping; what the sink holds already is counted among its problems."""
    catalog = lower_catalog([root], (), sink)
    check_manifest(root, catalog, records | catalog.records.keys(), sink)
    return Manifest(
        ref=f"{root['extension_id']}/{root['version']}",
        type=root["type"],
        api_version=root["api_version"],
        trust_level=root.get("trust_level"),
        content=meaning(root),
        digest=digest_value(meaning(root)),
        node_types=catalog.node_types,
        plugins={entry.name: entry for entry in _plugins(root)},
        records=catalog.records,
        problems=tuple(f"{found.code} {found.message()}" for found in sink.sorted() if found.severity == "error"),
    )


def kind_of(manifest: Manifest, name: str) -> Literal["node type", "policy plugin", "runtime adapter"]:
    """What a manifest declares under a name."""
    return "node type" if name in manifest.node_types else manifest.plugins[name].kind


def streaming(node_type: NodeType) -> Streaming | None:
    """How a node type streams: as it states, or else by its ports; None where they leave it open."""
    return node_type.streaming or streaming_of(
        [port.type for port in node_type.inputs.values()], [port.type for port in node_type.outputs.values()]
    )


def _plugins(root: Mapping) -> list[PluginEntry]:
    found = []
    for key, name, kind in PLUGINS:
        for item in root.get(key) or ():
            if name not in item:
                continue
            found.append(
                PluginEntry(
                    kind=kind,
                    name=item[name],
                    execution_mode=item.get("execution_mode", "in_process"),
                    digest=item.get("digest"),
                    trust_level=trust_of(item, root),
                    timeout_ms=item.get("timeout_ms"),
                    limits=limits_of(item.get("resource_limits") or {}, root.get("resource_limits") or {}),
                    decides=tuple(item.get("decides") or ()),
                    transports=tuple(item.get("transports") or ()),
                    event_abi=item.get("event_abi", API_VERSIONS[0]),
                    preserves=tuple(item.get("preserves") or ()),
                    capabilities=tuple(item.get("capabilities") or ()),
                )
            )
    return found
