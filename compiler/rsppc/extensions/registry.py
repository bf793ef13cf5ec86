"""Who may run: plugins are held against the manifests that declare them before any of their code is loaded.

Every answer is data. What is refused leaves no trace, what is accepted is seen in the next snapshot; a registry belongs
to whoever made it, and there is no other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Literal, cast

from rsppc.base.record import Record
from rsppc.extensions.adapter_contract import EventABIContract, TransportContract, contract_problems
from rsppc.extensions.manifest import Manifest, PluginEntry
from rsppc.extensions.plugins import (
    ExternalNodeBoundary,
    NodePlugin,
    Offer,
    PolicyPlugin,
    RuntimeAdapterPlugin,
)
from rsppc.ir.catalog import NodeType

Kind = Literal["node type", "external node", "policy plugin", "runtime adapter"]

INJECTED = ("session_id", "turn_id", "event_id", "authority_epoch", "traceparent")
"""What goes over every border, so that events, logs and traces of the other side can be joined with ours."""

_METHODS: dict[Kind, tuple[str, ...]] = {
    "node type": ("open", "on_event", "on_cancel", "close"),
    "policy plugin": ("decide",),
    "runtime adapter": ("validate_contract", "build_adapter"),
}


class Reason(Record):
    """Why something is refused."""

    rule: str
    """A name for the rule that is broken; it stays."""
    message: str


class Accepted(Record):
    """It is registered now."""

    kind: Kind
    name: str
    manifest: str


class Refused(Record):
    """It is not registered, and nothing has changed."""

    kind: Kind
    name: str
    reasons: tuple[Reason, ...]


Answer = Accepted | Refused


class RegistrySnapshot(Record):
    """What is registered at a moment; it never changes."""

    node_plugins: Mapping[str, NodePlugin]
    external_nodes: Mapping[str, ExternalNodeBoundary]
    policy_plugins: Mapping[str, PolicyPlugin]
    runtime_adapters: Mapping[str, RuntimeAdapterPlugin]


class ExtensionRegistry:
    """The plugins that the manifests in sight let in."""

    def __init__(
        self,
        manifests: Iterable[Manifest],
        *,
        transports: Iterable[TransportContract] = (),
        event_abi: EventABIContract | None = None,
    ) -> None:
        self._manifests = {manifest.ref: manifest for manifest in manifests}
        self._transports = {transport.kind: transport for transport in transports}
        self._event_abi = event_abi if event_abi is not None else EventABIContract()
        self._registered: dict[Kind, dict[str, Any]] = {
            kind: {} for kind in ("node type", "external node", "policy plugin", "runtime adapter")
        }

    def snapshot(self) -> RegistrySnapshot:
        """What is registered now."""
        held = {kind: MappingProxyType(dict(sorted(known.items()))) for kind, known in self._registered.items()}
        return RegistrySnapshot(
            node_plugins=held["node type"],
            external_nodes=held["external node"],
            policy_plugins=held["policy plugin"],
            runtime_adapters=held["runtime adapter"],
        )

    def register_node_plugin(self, offer: Offer) -> Answer:
        """Let a node in the runtime's own process in. Its code is loaded only if its papers allow that."""
        manifest, reasons = self._manifest(offer.manifest)
        node_type = manifest.node_types.get(offer.name) if manifest is not None else None
        if manifest is not None and node_type is None:
            reasons.append(_undeclared(offer.name, "node type", manifest))
        if node_type is not None:
            reasons += loading_refused("node type", offer.name, node_type.execution_mode, node_type.trust_level)
        return self._loaded("node type", offer, manifest, node_type, reasons)

    def register_external_node_boundary(self, boundary: ExternalNodeBoundary) -> Answer:
        """Let a node in another process in. None of its code is loaded here, ever."""
        manifest, reasons = self._manifest(boundary.manifest)
        name = boundary.node_type
        node_type = manifest.node_types.get(name) if manifest is not None else None
        if manifest is not None and node_type is None:
            reasons.append(_undeclared(name, "node type", manifest))
        if node_type is not None:
            reasons += _boundary_problems(boundary, node_type)
        reasons += self._taken("external node", name)
        if reasons:
            return Refused(kind="external node", name=name, reasons=tuple(reasons))
        self._registered["external node"][name] = boundary
        return Accepted(kind="external node", name=name, manifest=boundary.manifest)

    def register_policy_plugin(self, offer: Offer) -> Answer:
        """Let an evaluator of policies in."""
        return self._registered_plugin("policy plugin", offer)

    def register_runtime_adapter(self, offer: Offer) -> Answer:
        """Let a bridge to a transport in, if it keeps what holds for every event."""
        return self._registered_plugin("runtime adapter", offer)

    def _registered_plugin(self, kind: Literal["policy plugin", "runtime adapter"], offer: Offer) -> Answer:
        manifest, reasons = self._manifest(offer.manifest)
        entry = manifest.plugins.get(offer.name) if manifest is not None else None
        if manifest is not None and (entry is None or entry.kind != kind):
            entry = None
            reasons.append(_undeclared(offer.name, kind, manifest))
        if entry is not None:
            reasons += loading_refused(kind, offer.name, entry.execution_mode, entry.trust_level)
        return self._loaded(kind, offer, manifest, entry, reasons)

    def _manifest(self, ref: str) -> tuple[Manifest | None, list[Reason]]:
        """The manifest that is named, and why it cannot be relied on."""
        manifest = self._manifests.get(ref)
        if manifest is None:
            return None, [Reason(rule="unknown-manifest", message=f"there is no manifest `{ref}` in sight")]
        problems = [
            Reason(rule="unsound-manifest", message=f"manifest `{ref}`: {problem}") for problem in manifest.problems
        ]
        return manifest, problems

    def _taken(self, kind: Kind, name: str) -> list[Reason]:
        """A node type has one implementation, in this process or in another."""
        kinds: tuple[Kind, ...] = (kind,)
        if kind in ("node type", "external node"):
            kinds = ("node type", "external node")
        if any(name in self._registered[one] for one in kinds):
            return [Reason(rule="registered-twice", message=f"`{name}` is registered already")]
        return []

    def _loaded(
        self,
        kind: Kind,
        offer: Offer,
        manifest: Manifest | None,
        declared: NodeType | PluginEntry | None,
        reasons: list[Reason],
    ) -> Answer:
        """Load what the papers allow, and hold the plugin itself against them."""
        reasons = [*reasons, *self._taken(kind, offer.name)]
        if manifest is not None and offer.installed_manifest not in (None, manifest.digest):
            message = f"it came with another manifest `{manifest.ref}` than the one in sight"
            reasons.append(Reason(rule="other-manifest", message=message))
        if declared is not None and declared.digest is not None and offer.digest != declared.digest:
            reasons.append(_other_digest(offer.digest, declared.digest))
        if reasons:  # from here on code of the plugin runs
            return Refused(kind=kind, name=offer.name, reasons=tuple(reasons))
        plugin, wrong = instance_of(kind, offer)
        if not wrong:
            try:
                wrong = self._claims(kind, plugin, offer, declared)
            except Exception as error:  # what it says of itself is code of its own
                wrong = [Reason(rule="no-plugin", message=f"asked what it is, it fails: {said(error)}")]
        if wrong:
            return Refused(kind=kind, name=offer.name, reasons=tuple(wrong))
        self._registered[kind][offer.name] = plugin
        return Accepted(kind=kind, name=offer.name, manifest=offer.manifest)

    def _claims(self, kind: Kind, plugin: Any, offer: Offer, declared: object) -> list[Reason]:
        """What a plugin says of itself, against its manifest."""
        name = getattr(plugin, {"node type": "node_type", "policy plugin": "policy_plugin"}.get(kind, "id"), None)
        wrong = []
        if name != offer.name:
            wrong.append(Reason(rule="other-name", message=f"it calls itself `{str(name)[:80]}`, not `{offer.name}`"))
        if plugin.manifest != offer.manifest:
            message = f"it names manifest `{str(plugin.manifest)[:80]}`, not `{offer.manifest}`"
            wrong.append(Reason(rule="other-manifest", message=message))
        if kind == "runtime adapter" and not wrong:
            wrong = self._adapter_problems(plugin, cast(PluginEntry, declared))
        return wrong

    def _adapter_problems(self, plugin: RuntimeAdapterPlugin, entry: PluginEntry) -> list[Reason]:
        """What an adapter says that it keeps, by our own comparison first and then by its own word."""
        found: dict[tuple[str, str], None] = {}
        for kind in entry.transports:
            transport = self._transports.get(kind, TransportContract(kind=kind))
            for rule, message in contract_problems(plugin.contract, transport, self._event_abi):
                found[rule, f"`{kind}`: {message}"] = None
            try:
                own = tuple(plugin.validate_contract(transport, self._event_abi))
            except Exception as error:  # a plugin may do anything
                own = (f"`validate_contract` failed: {said(error)}",)
            for message in own:
                found["refuses-itself", f"`{kind}`: {message}"] = None
        if extra := sorted(set(plugin.contract.capabilities) - set(entry.capabilities)):
            words = ", ".join(f"`{one}`" for one in extra)
            found["capabilities", f"it has capabilities that its manifest does not state: {words}"] = None
        return [Reason(rule=rule, message=message) for rule, message in found]


def loading_refused(kind: Kind, name: str, execution_mode: str, trust_level: str | None) -> list[Reason]:
    """Why code of a plugin may not be loaded into this process; empty where it may."""
    if execution_mode != "in_process":
        message = f"{kind} `{name}` runs as `{execution_mode}`: its code is never loaded here"
        return [Reason(rule="not-in-process", message=message)]
    if trust_level != "trusted":
        word = "untrusted" if trust_level else "of no stated trust"
        message = f"{kind} `{name}` is {word}: such code never runs in this process"
        return [Reason(rule="untrusted-in-process", message=message)]
    return []


def admission_problems(kind: Kind, name: str, manifest: Manifest) -> list[str]:
    """Why a manifest does not let the code of a plugin be loaded, what weighs most first; empty where it does."""
    plugin = manifest.plugins.get(name)
    held: NodeType | PluginEntry | None = plugin if plugin is not None and plugin.kind == kind else None
    if kind == "node type":
        held = manifest.node_types.get(name)
    if held is None:
        return [_undeclared(name, kind, manifest).message]
    refused = loading_refused(kind, name, held.execution_mode, held.trust_level)
    return [*(one.message for one in refused), *(f"manifest `{manifest.ref}`: {one}" for one in manifest.problems)]


def instance_of(kind: Kind, offer: Offer) -> tuple[Any, list[Reason]]:
    """The plugin that an offer leads to, and what is wrong with it. Code of the plugin runs here for the first time."""
    try:
        found = offer.load()
        plugin = found() if isinstance(found, type) else found
        missing = [name for name in _METHODS[kind] if not callable(getattr(plugin, name, None))]
        claims = ("manifest", "contract") if kind == "runtime adapter" else ("manifest",)
        missing += [name for name in claims if not hasattr(plugin, name)]
    except (Exception, SystemExit) as error:  # a plugin may do anything
        return None, [Reason(rule="does-not-load", message=f"it does not load: {said(error)}")]
    if missing:
        words = ", ".join(f"`{name}`" for name in missing)
        return None, [Reason(rule="no-plugin", message=f"it is no {kind}: it has no {words}")]
    return plugin, []


def said(error: BaseException) -> str:
    """What an exception says, on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())[:300].rstrip(": ")


def _undeclared(name: str, kind: str, manifest: Manifest) -> Reason:
    known = [*manifest.node_types, *manifest.plugins]
    words = ", ".join(f"`{one}`" for one in sorted(known)) or "nothing that has code"
    message = f"manifest `{manifest.ref}` declares no {kind} `{name}`; it declares {words}"
    return Reason(rule="undeclared", message=message)


def _other_digest(at_hand: str | None, declared: str | None) -> Reason:
    if at_hand is None:
        message = f"the manifest pins {declared}, and nobody has computed the digest of what is at hand"
        return Reason(rule="digest-unknown", message=message)
    return Reason(rule="digest-differs", message=f"its digest is {at_hand}, and the manifest's {declared}")


def _boundary_problems(boundary: ExternalNodeBoundary, node_type: NodeType) -> list[Reason]:
    """What a border leaves open, and where it is wider than the manifest allows."""
    found: list[tuple[str, str]] = []
    if node_type.execution_mode == "in_process":
        found.append(("not-external", f"node type `{node_type.name}` runs in process, and has no border"))
    if boundary.cancel_ms is None:
        found.append(("no-cancel", "it states no `cancel_ms`: nobody knows when it has stopped"))
    elif node_type.cancel is not None and boundary.cancel_ms > (node_type.cancel.latency_ms or 0):
        found.append(
            (
                "slow-cancel",
                f"`cancel_ms` is {boundary.cancel_ms}, above the {node_type.cancel.latency_ms} of the manifest",
            )
        )
    if boundary.timeout_ms is None:
        found.append(("no-timeout", "it states no `timeout_ms`: nobody knows when to give up"))
    elif node_type.timeout_ms is not None and boundary.timeout_ms > node_type.timeout_ms:
        found.append(
            ("late-timeout", f"`timeout_ms` is {boundary.timeout_ms}, above the {node_type.timeout_ms} of the manifest")
        )
    if boundary.isolation is None:
        found.append(("no-isolation", "it does not say what holds the node apart"))
    elif node_type.execution_mode == "sandbox" and boundary.isolation.kind == "process":
        found.append(("weak-isolation", "the manifest asks for a sandbox, and a process is none"))
    if node_type.trust_level == "untrusted" and boundary.isolation is not None and boundary.isolation.kind == "process":
        found.append(("weak-isolation", "untrusted code needs a sandbox or a container; a process is neither"))
    missing = ", ".join(f"`{one}`" for one in INJECTED if one not in boundary.injects)
    if missing:
        found.append(("no-observability", f"it does not hand over {missing}"))
    if boundary.digest is None or boundary.digest != node_type.digest:
        differs = _other_digest(boundary.digest, node_type.digest)
        found.append((differs.rule, differs.message))
    for limit in ("cpu_milli", "memory_bytes", "max_concurrency"):
        ceiling, own = getattr(node_type.limits, limit), getattr(boundary.limits, limit)
        if ceiling is not None and own is None:
            found.append(("no-limit", f"it states no `{limit}`; the manifest allows {ceiling}"))
        elif ceiling is not None and own > ceiling:
            found.append(("above-ceiling", f"`{limit}` is {own}, above the {ceiling} of the manifest"))
    return [Reason(rule=rule, message=message) for rule, message in dict.fromkeys(found)]
