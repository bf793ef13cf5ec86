"""Documents → Program: follow the references of a bundle and say what each document means.

Runs on sound artifacts only; whatever cannot be followed is reported and left out, so that the passes see as much of
the program as there is.
"""

from __future__ import annotations

from typing import Any

from rsppc.base.digest import digest_bytes
from rsppc.base.names import parse_ref, version_key
from rsppc.base.record import replace
from rsppc.base.source import Span
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Related
from rsppc.ir.catalog import Catalog
from rsppc.ir.program import Bundle, Defaults, Layer, Module, Pinned, Policy, Program, Subgraph
from rsppc.ir.setting import FromModule, Setting, Written
from rsppc.lowering.artifacts import Artifact, Artifacts, meaning
from rsppc.lowering.changed_value import changed_value
from rsppc.lowering.extension import lower_catalog
from rsppc.lowering.governance import lower_layer, lower_policy
from rsppc.lowering.graph import OriginOf, lower_edges, lower_nodes, lower_turns
from rsppc.lowering.modules import exposed_ports, exposed_settings
from rsppc.lowering.profile import lower_profile
from rsppc.lowering.runtime import lower_runtime
from rsppc.lowering.stated_types import stated_types
from rsppc.syntax.document import Item, Mapping, Sequence


class NoProfile(Diagnostic):
    """The compiler holds no default of its own; without a profile there are none."""

    code = "RSP2103"
    name = "no-profile"
    headline = "pipeline `{subject}` names no profile"
    hint = "add `profile: simple/v1`, or release it in a bundle with a `profile_ref`"


class ProfileDiffers(Diagnostic):
    """A bundle's profile wins over the one that its spec names for use without a bundle."""

    code = "RSP2104"
    name = "profile-differs"
    severity = "note"
    moot_beside_errors = True
    headline = "the bundle's profile `{subject}` is used, not `{other}` which the spec names"
    other: str


class ImportCycle(Diagnostic):
    """A module that uses itself, through others or at once, would have no end."""

    code = "RSP2105"
    name = "import-cycle"
    headline = "module `{subject}` uses itself: {chain}"
    hint = "remove one of the uses on the way"
    chain: str


class ModuleTooOld(Diagnostic):
    """A parent may need a version of a module that has what it connects to."""

    code = "RSP2106"
    name = "module-too-old"
    headline = "`{subject}` is older than `{needed}`, which the pipeline needs"
    hint = "use `{module}/{needed}` or newer"
    needed: str
    module: str


class DuplicateSubgraph(Diagnostic):
    """The name of a module in use is the prefix of its nodes, and must be unique."""

    code = "RSP2205"
    name = "duplicate-subgraph"
    headline = "the name `{subject}` is taken"
    hint = "use another name"


class ProfileNotAllowed(Diagnostic):
    """A compatibility policy lists the profiles that may be used; others are refused before they reach a runtime. The
    policies of the workspace bind every profile. The shipped one binds where the workspace has none, and only shipped
    profiles: a profile that an author writes under a name of its own is the author's decision."""

    code = "RSP7101"
    name = "profile-not-allowed"
    headline = "profile `{subject}` is not allowed by `{policy}`"
    hint = "use one of {allowed}"
    policy: str
    allowed: str


class DigestDiffers(Diagnostic):
    """A reference with a digest pins what it leads to. What was published under a version never changes; a change needs
    a new version."""

    code = "RSP7102"
    name = "digest-differs"
    headline = "`{subject}` is no longer what was pinned"
    hint = "publish the change as `{next_version}`, or run `rsppc pin --accept` to accept it"
    next_version: str


class BundleNameTaken(Diagnostic):
    """A spec used without a bundle is released under its own name. Where a bundle has that name and version, one of the
    two would silently replace the output of the other."""

    code = "RSP7203"
    name = "bundle-name-taken"
    headline = "spec `{subject}` would be released under the name of bundle `{bundle}`"
    hint = "rename the bundle, or write one with another name that releases this spec"
    bundle: str


def lower(artifacts: Artifacts, entry: Artifact, sink: DiagnosticSink) -> Program | None:
    """What a bundle, or a spec used without one, means; None where there is too little to go on."""
    implicit = entry.kind.name == "pipeline"
    for diagnostic in entry.diagnostics:
        sink.report(diagnostic)
    if implicit:
        _check_name(artifacts, entry, sink)
    spec = entry if implicit else _reference(artifacts, entry.root, "spec_ref", "pipeline", sink)
    if spec is None:
        return None
    profile = _profile(artifacts, entry, spec, sink)
    if profile is None:
        return None
    policies = _references(artifacts, entry.root, "policy_refs", "policy", sink)
    layers = _references(artifacts, entry.root, "layer_refs", "layer", sink)
    modules = Modules(artifacts, sink)
    subgraphs = modules.subgraphs(spec.root, ())
    origin: OriginOf = Written
    edges = lower_edges(spec.root.get("edges"), origin)
    lowered_policies = tuple(_policy(policy, sink) for policy in policies)
    lowered_layers = tuple(layer for one in layers if (layer := _layer(one, sink)) is not None)
    return Program(
        bundle=Bundle(
            id=entry.id,
            version=entry.version,
            implicit=implicit,
            pinned=_pinned(entry, spec, profile, policies, layers, modules),
            compat_window=entry.root.get("compat_window"),
            place=Item(container=entry.root, key=entry.kind.id_field),
        ),
        pipeline=spec.ref,
        place=Item(container=spec.root, key="pipeline_id"),
        catalog=catalog(artifacts, sink),
        nodes={node.id: node for node in lower_nodes(spec.root.get("nodes"), origin, sink)},
        edges=edges,
        subgraphs=subgraphs,
        turns=lower_turns(spec.root.get("turns"), spec.root, origin),
        defaults=_defaults(profile, artifacts),
        policies=lowered_policies,
        layers=lowered_layers,
        stated_types=stated_types(edges, subgraphs, lowered_layers, lowered_policies, sink),
        unknown_events=_unknown_events(spec.root),
        metadata=spec.root.get("metadata"),
        asset_digest=artifacts.workspace.asset_digest,
        partial=lost_parts(spec) or modules.partial,
        runtime=lower_runtime(artifacts, entry, spec, sink) if artifacts.workspace.runtime else None,
    )


def _check_name(artifacts: Artifacts, spec: Artifact, sink: DiagnosticSink) -> None:
    bundle = artifacts.own("bundle", spec.id, spec.version)
    if bundle is not None:
        related = (Related(at=bundle.item_span(), text="the bundle"),)
        sink.report(BundleNameTaken(at=spec.item_span(), subject=spec.ref, bundle=bundle.ref, related=related))


def lost_parts(artifact: Artifact) -> bool:
    """Whether nodes, edges, modules or turns that are written in an artifact are missing from what could be lowered."""
    if artifact.partial:
        return True
    written, sound = artifact.document.root, artifact.root
    if written is None or not sound.keys() >= {"nodes", "edges"}:
        return True
    if written is sound and not artifact.diagnostics:
        return False
    return any(
        _number(written.get(key), ()) != _number(sound.get(key), needed) for key, needed in _PARTS.items()
    ) or _lost_turns(written.get("turns"), sound.get("turns"))


_PARTS = {"nodes": ("node_id",), "edges": ("from", "to"), "subgraph_refs": ("name", "module")}


def _number(items: Any, needed: tuple[str, ...]) -> int:
    """How many items of a list have the keys that they need; -1 for what is no list."""
    if items is None:
        return 0
    if not isinstance(items, list):
        return -1
    return sum(not needed or item.keys() >= set(needed) for item in items)


def _lost_turns(written: Any, sound: Any) -> bool:
    if written is None:
        return False
    if sound is None or not isinstance(written, dict):
        return True
    lists = ("barge_in", "cancel_from")
    return written.keys() - sound.keys() != set() or any(
        _number(written.get(key), ()) != _number(sound.get(key), ("from",)) for key in lists
    )


def catalog(artifacts: Artifacts, sink: DiagnosticSink) -> Catalog:
    """All node types, providers and records in sight; made once for a workspace."""
    known = artifacts.cache.get("catalog")
    if known is None:
        found = DiagnosticSink()
        own, shipped = artifacts.of_kind("extension")
        for manifest in own:
            _, unsound = artifacts.at(manifest.path)
            for diagnostic in unsound:  # what is unsound of a manifest is missing from the catalog
                found.report(diagnostic)
        made = lower_catalog([one.root for one in own], [one.root for one in shipped], found)
        known = artifacts.cache["catalog"] = (made, found.sorted())
    made, diagnostics = known
    for diagnostic in diagnostics:
        sink.report(diagnostic)
    result: Catalog = made
    return result


def _unknown_events(root: Mapping) -> Setting | None:
    if "unknown_events" not in root:
        return None
    return Setting(value=root["unknown_events"], origin=Written("pipeline", root, "unknown_events"))


def _reference(artifacts: Artifacts, root: Mapping, key: str, kind: str, sink: DiagnosticSink) -> Artifact | None:
    if key not in root:
        return None
    found = artifacts.resolve(kind, root[key], root.value_span(key), sink)
    if found is not None:
        check_pin(root[key], found, artifacts, root.value_span(key), sink)
    return found


def _references(artifacts: Artifacts, root: Mapping, key: str, kind: str, sink: DiagnosticSink) -> list[Artifact]:
    refs = root.get(key) or Sequence()
    found = []
    for index, text in enumerate(refs):
        at = refs.value_span(index)
        artifact = artifacts.resolve(kind, text, at, sink)
        if artifact is not None:
            check_pin(text, artifact, artifacts, at, sink)
            found.append(artifact)
    return found


def check_pin(text: str, artifact: Artifact, artifacts: Artifacts, at: Span, sink: DiagnosticSink) -> None:
    """Hold a reference that carries a digest against what it led to."""
    ref = parse_ref(text)
    if ref is None or ref.digest is None or ref.digest == artifact.meaning_digest:
        return
    if (ref.id, version_key(ref.version)) != (artifact.id, version_key(artifact.version)):
        return  # it leads nowhere, which has been reported; this is what was probably meant
    major, minor, _ = version_key(artifact.version)
    sink.report(
        DigestDiffers(
            at=at,
            subject=artifact.ref,
            next_version=f"{artifact.id}/v{major}.{minor + 1}",
            notes=(
                f"pinned {ref.digest}",
                f"found  {artifact.meaning_digest}",
                *first_change(ref.digest, meaning(artifact.root), artifacts),
            ),
            related=(Related(at=artifact.item_span(), text="the artifact as it is now"),),
        )
    )


def first_change(pinned: str, content: Any, artifacts: Artifacts) -> tuple[str, ...]:
    """The first value of a content that differs from what was pinned, in words; nothing where that was not kept."""
    kept = artifacts.workspace.pinned_object(pinned)
    if kept is None or digest_bytes(kept.rstrip(b"\n")) != pinned:
        return ()
    return changed_value(kept, content)


def _profile(artifacts: Artifacts, entry: Artifact, spec: Artifact, sink: DiagnosticSink) -> Artifact | None:
    if "profile_ref" in entry.root:
        named, wanted = entry.root["profile_ref"], spec.root.get("profile")
        if wanted is not None and _name(wanted) != _name(named):
            sink.report(
                ProfileDiffers(at=entry.root.value_span("profile_ref"), subject=_name(named), other=_name(wanted))
            )
        profile = _reference(artifacts, entry.root, "profile_ref", "profile", sink)
        at = entry.root.value_span("profile_ref")
    elif "profile" in spec.root:
        profile = _reference(artifacts, spec.root, "profile", "profile", sink)
        at = spec.root.value_span("profile")
    else:
        is_written = "profile" in (spec.document.root or ())  # refused then, which has been reported
        if entry is spec and not spec.partial and not is_written:
            sink.report(NoProfile(at=spec.item_span(), subject=spec.ref))
        return None
    if profile is not None:
        _check_allowed(artifacts, profile, at, sink)
    return profile


def _name(text: str) -> str:
    ref = parse_ref(text)
    return ref.name if ref is not None else text


def _check_allowed(artifacts: Artifacts, profile: Artifact, at: Span, sink: DiagnosticSink) -> None:
    own, shipped = artifacts.of_kind("compat")
    for policy in own or (shipped if profile.shipped else ()):
        for rule in policy.root.get("rules") or ():
            allowed = rule.get("profiles_allowed")
            if allowed and profile.ref not in {_name(one) for one in allowed}:
                names = ", ".join(f"`{_name(one)}`" for one in allowed)
                related = (Related(at=rule.value_span("profiles_allowed"), text="allowed are these"),)
                sink.report(
                    ProfileNotAllowed(at=at, subject=profile.ref, policy=policy.ref, allowed=names, related=related)
                )


def _defaults(profile: Artifact, artifacts: Artifacts) -> Defaults:
    if profile.lowered is None:
        profile.lowered = _with_stand_ins(lower_profile(profile.root), profile.root, artifacts)
    defaults: Defaults = profile.lowered
    return defaults


def _with_stand_ins(defaults: Defaults, root: Mapping, artifacts: Artifacts) -> Defaults:
    """The defaults with those of a shipped profile where the profile lacks a whole table, which has been reported: it
    is not to be missed again at every edge. Nothing is emitted of it."""
    buffers: Mapping = root.get("buffer_defaults") or Mapping()
    data = buffers.get("DataLane") or Mapping()
    lacking = [f"DataLane.{kind}" for kind in ("additive", "replaceable") if kind not in data]
    lacking += [lane for lane in ("ControlLane", "TelemetryLane") if lane not in buffers]
    tables = {"budget_defaults": "budgets", "edge_defaults": "edges", "lane_defaults": "lanes"}
    missing = [name for key, name in tables.items() if key not in root]
    if not lacking and not missing:
        return defaults
    _, shipped = artifacts.of_kind("profile")
    if not shipped:
        return defaults
    other = lower_profile(shipped[0].root)
    return replace(
        defaults,
        buffers={**defaults.buffers, **{frame: other.buffers[frame] for frame in lacking}},
        **{name: getattr(other, name) for name in missing},
    )


def _policy(artifact: Artifact, sink: DiagnosticSink) -> Policy:
    return lower_policy(artifact.root, artifact.meaning_digest, sink)


def _layer(artifact: Artifact, sink: DiagnosticSink) -> Layer | None:
    return lower_layer(artifact.root, sink)


class Modules:
    """The modules that a spec uses, found through each other."""

    def __init__(self, artifacts: Artifacts, sink: DiagnosticSink) -> None:
        self.artifacts = artifacts
        self.sink = sink
        self.found: dict[str, Artifact] = {}
        # Per bundle, not per workspace: what is found wrong or used on the way belongs to every bundle.
        self.lowered: dict[str, Module] = {}
        self.partial = False
        """Whether some module in use could not be read or lowered completely."""

    def subgraphs(self, root: Mapping, chain: tuple[str, ...]) -> tuple[Subgraph, ...]:
        """The modules in use in a graph; `chain` are the modules on the way to it."""
        made: dict[str, Subgraph] = {}
        taken = {node.get("node_id"): node for node in root.get("nodes") or ()}
        for item in root.get("subgraph_refs") or ():
            if not item.keys() >= {"name", "module"}:
                continue
            name = item["name"]
            if name in made or name in taken:
                self.sink.report(DuplicateSubgraph(at=item.value_span("name"), subject=name))
                continue
            made[name] = self._subgraph(item, chain)
        return tuple(made.values())

    def _subgraph(self, item: Mapping, chain: tuple[str, ...]) -> Subgraph:
        settings = item.get("settings") or Mapping()
        requires = item.get("requires") or {}
        return Subgraph(
            name=item["name"],
            module=self._module(item, chain),
            place=Item(container=item, key="name"),
            settings={
                key: Setting(value=value, origin=Written("node", settings, key)) for key, value in settings.items()
            },
            min_version=requires.get("min_version"),
        )

    def _module(self, item: Mapping, chain: tuple[str, ...]) -> Module | None:
        at = item.value_span("module")
        artifact = self.artifacts.resolve("module", item["module"], at, self.sink)
        if artifact is None:
            self.partial = self.partial or bool(chain)
            return None
        check_pin(item["module"], artifact, self.artifacts, at, self.sink)
        if artifact.ref in chain:
            shown = " → ".join((*chain[chain.index(artifact.ref) :], artifact.ref))
            self.sink.report(ImportCycle(at=at, subject=artifact.ref, chain=shown))
            self.partial = True
            return None
        self._check_version(item, artifact)
        self.found[artifact.ref] = artifact
        self.partial = self.partial or lost_parts(artifact)
        if artifact.ref not in self.lowered:
            self.lowered[artifact.ref] = self.lowered_from(artifact, (*chain, artifact.ref))
        return self.lowered[artifact.ref]

    def _check_version(self, item: Mapping, artifact: Artifact) -> None:
        needed = (item.get("requires") or {}).get("min_version")
        if needed is not None and version_key(artifact.version) < version_key(needed):
            at = item.value_span("module")
            self.sink.report(ModuleTooOld(at=at, subject=artifact.ref, needed=needed, module=artifact.id))

    def lowered_from(self, artifact: Artifact, chain: tuple[str, ...]) -> Module:
        root, ref = artifact.root, artifact.ref
        origin: OriginOf = lambda _, container, key: FromModule(ref=ref, container=container, key=key)  # noqa: E731
        exposes = root.get("exposes") or Mapping()
        return Module(
            ref=ref,
            digest=artifact.meaning_digest,
            version=artifact.version,
            nodes=lower_nodes(root.get("nodes"), origin, self.sink),
            edges=lower_edges(root.get("edges"), origin),
            subgraphs=self.subgraphs(root, chain),
            inputs=exposed_ports(exposes.get("inputs")),
            outputs=exposed_ports(exposes.get("outputs")),
            settings=exposed_settings(exposes.get("settings")),
            place=Item(container=root, key="module_id"),
        )


def _pinned(
    entry: Artifact,
    spec: Artifact,
    profile: Artifact,
    policies: list[Artifact],
    layers: list[Artifact],
    modules: Modules,
) -> tuple[Pinned, ...]:
    in_use = [spec, profile, *policies, *layers, *(modules.found[ref] for ref in sorted(modules.found))]
    place = Item(container=entry.root, key=entry.kind.id_field)
    return tuple(Pinned(kind=one.kind.name, ref=one.ref, digest=one.meaning_digest, place=place) for one in in_use)
