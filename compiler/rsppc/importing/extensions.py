"""The earlier extensions: which plugin serves which node. Providers that ship with the compiler need no manifest."""

from __future__ import annotations

from typing import Any

from rsppc.base.names import PROVIDER_ID
from rsppc.diagnostics import DiagnosticSink
from rsppc.importing.earlier import Earlier, EarlierKind, Target, target
from rsppc.importing.fields import TEXT
from rsppc.importing.findings import Became, EarlierRepetition, NotCarried
from rsppc.importing.linking import EarlierSet
from rsppc.importing.spec import MODALITIES
from rsppc.model.extension import EXTENSION_MANIFEST
from rsppc.model.shape import Listing, Nested, Shape, field

SHIPPED_PROVIDERS = ("stt-deepgram", "stt-assemblyai", "llm-anthropic", "llm-cohere", "tts-elevenlabs")
"""Providers of `providers_mvp/v1`."""

EXTENSIONS = EarlierKind(
    name="extensions",
    schema_version="rspp.extensions.v1",
    id_key="extensions_id",
    shape=Shape(
        name="list of extensions",
        doc="Plugins of nodes.",
        fields=(
            field("schema_version", TEXT, "Announces the kind of artifact.", required=True),
            field("extensions_id", TEXT, "Name and version of the list.", required=True),
            field(
                "node_catalog",
                Listing(
                    item=Nested(
                        shape=Shape(
                            name="plugin",
                            doc="The plugin of a node.",
                            fields=(
                                field("node_id", TEXT, "The node.", required=True),
                                field("plugin_ref", TEXT, "The plugin that serves it.", required=True),
                            ),
                        )
                    ),
                    length_min=1,
                ),
                "The plugins.",
                required=True,
            ),
        ),
    ),
)


def translate_extensions(earlier: Earlier, all_: EarlierSet, sink: DiagnosticSink) -> list[Target]:
    """A manifest of the providers that do not ship with the compiler; nothing where all do."""
    seen: dict[str, str] = {}
    unknown: dict[str, dict[str, Any]] = {}
    for index, entry in enumerate(earlier.root["node_catalog"]):
        path, at = f"node_catalog[{index}]", entry.value_span("node_id")
        if entry["node_id"] in seen:
            sink.report(EarlierRepetition(at=at, subject=f"{path}.node_id", first=seen[entry["node_id"]]))
            continue
        seen[entry["node_id"]] = f"{path}.node_id"
        provider = _provider(entry["plugin_ref"])
        at, path = entry.value_span("plugin_ref"), f"{path}.plugin_ref"
        if provider is None:
            forms = ", ".join(f"`providers/{one}/…`" for one in MODALITIES)
            reason = f"`{entry['plugin_ref']}` says nothing about its ports, as {forms} do"
            sink.report(NotCarried(at=at, subject=path, reason=reason))
        elif provider in SHIPPED_PROVIDERS:
            outcome = f"is `{provider}`, which ships with the compiler"
            sink.report(Became(at=at, subject=path, outcome=outcome))
        else:
            unknown[provider] = {"provider_id": provider, "modality": provider.partition("-")[0]}
            outcome = f"becomes the provider `{provider}`, of which no latency and no format is known"
            sink.report(Became(at=at, subject=path, outcome=outcome))
    _report_differences(earlier, all_, sink)
    if not unknown:
        return []
    content = {"type": "provider", "api_version": "v1", "trust_level": "untrusted", "providers": list(unknown.values())}
    return [target(earlier, EXTENSION_MANIFEST, content)]


def _provider(plugin_ref: str) -> str | None:
    """The provider that a plugin of the form `providers/stt/deepgram` stands for."""
    steps = plugin_ref.split("/")
    if len(steps) != 3 or steps[0] != "providers" or steps[1] not in MODALITIES:
        return None
    provider = f"{steps[1]}-{steps[2].lower().replace('_', '-')}"
    return provider if PROVIDER_ID.fullmatch(provider) is not None else None


def _report_differences(earlier: Earlier, all_: EarlierSet, sink: DiagnosticSink) -> None:
    """A plugin and a binding of one modality that differ: today the policy alone decides."""
    for bundle in all_.bundles_naming("extensions_ref", earlier):
        path = bundle.root.get("policy_ref")
        for policy in all_.find(path) if isinstance(path, str) else ():
            if policy.kind.name != "policy" or not policy.sound:
                continue
            for index, entry in enumerate(earlier.root["node_catalog"]):
                provider = _provider(entry["plugin_ref"])
                bound = policy.root["provider_bindings"].get(provider.partition("-")[0]) if provider else None
                if bound is not None and bound != provider:
                    at, subject = entry.value_span("plugin_ref"), f"node_catalog[{index}].plugin_ref"
                    reason = f"`{policy.file_name}` binds `{bound}`, and today the policy alone decides"
                    sink.report(NotCarried(at=at, subject=subject, reason=reason))
