"""`rsppc extension`: manifests checked, everything in sight listed, and plugins tried."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import click
import msgspec

from rsppc.base.canonical_json import canonical, readable
from rsppc.base.names import near_miss, parse_ref
from rsppc.base.source import Source, file_span
from rsppc.checking import check_file
from rsppc.cli.exits import FINDINGS, OK
from rsppc.cli.session import Options, exit_code, finding_options, report, usage, workspace_here
from rsppc.cli.trying import run_trial
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.driver import open_workspace
from rsppc.extensions.child import Task
from rsppc.extensions.discovery import Installed, installed, is_value
from rsppc.extensions.manifest import Manifest, kind_of, manifest_of, streaming
from rsppc.extensions.registry import admission_problems
from rsppc.extensions.release import check_release
from rsppc.extensions.trial import Trial
from rsppc.ir.catalog import NodeType
from rsppc.lowering.artifacts import Artifact, Artifacts
from rsppc.lowering.changed_value import changed_value
from rsppc.lowering.lower import catalog


@click.group(
    "extension",
    epilog="Examples: `rsppc extension check --release`, `rsppc extension list`, "
    "`rsppc extension try custom.sentiment --plugin sentiment_lexicon:Lexicon`.",
)
def COMMAND() -> None:
    """Check and list extensions, and try a node type."""


# --- check ------------------------------------------------------------------------------------------------------------


@COMMAND.command(
    "check",
    epilog="Examples: `rsppc extension check`, `rsppc extension check house_nodes/v1 --release`, "
    "`rsppc extension check pipelines/extensions/house_nodes_v1.yaml --format json`.",
)
@click.argument("names", nargs=-1, metavar="[FILE|REF]...")
@click.option("--release", is_flag=True, help="Ask for what a release needs: digests, bills of materials, proofs.")
@finding_options
def check(
    names: tuple[str, ...], release: bool, format: str, reports: tuple[str, ...], strict: bool, color: bool | None
) -> int:
    """Check manifests, all of the workspace where none is named: form, guards, records, ports, plugins."""
    sink = DiagnosticSink()
    artifacts = open_workspace(workspace_here(sink), sink)
    strict = strict or artifacts.workspace.strict
    found: list[Diagnostic] = list(sink.sorted())
    paths = [_path_of(name, artifacts) for name in names] or list(_own_paths(artifacts))
    for path in dict.fromkeys(paths):
        found += check_file(artifacts, path, purpose="check", strict=strict).diagnostics
        artifact, _ = artifacts.at(path)
        if release and artifact is not None:
            at_release = DiagnosticSink(strict=strict)
            check_release(artifacts, artifact, at_release)
            found += at_release.sorted()
    made = report(found, paths, Options(format=format, reports=reports, strict=strict, color=color))
    if format == "text" and not made.diagnostics:
        click.echo(f"checked {len(paths)} manifest{'s' if len(paths) != 1 else ''}: no findings")
    return exit_code(made)


def _own_paths(artifacts: Artifacts) -> Iterator[str]:
    """Files of the workspace that hold a manifest, or nothing that could be read where manifests lie."""
    own, _ = artifacts.of_kind("extension")
    folder = f"{artifacts.workspace.sources}/extensions/"
    unreadable = [path for path in artifacts.paths() if path.startswith(folder) and artifacts.at(path)[0] is None]
    yield from sorted({*(one.path for one in own), *unreadable})


def _path_of(name: str, artifacts: Artifacts) -> str:
    """The file of the workspace that a reference or a path names."""
    if parse_ref(name) is not None and not os.path.exists(name):
        found = artifacts.resolve("extension", name, file_span(Source("", "", b"")), DiagnosticSink())
        if found is None or found.ref != name.partition("@")[0].removeprefix("extension:"):
            own, _ = artifacts.of_kind("extension")
            guess = near_miss(name, [one.ref for one in own])
            usage(
                f"there is no manifest `{name}`", f"did you mean `{guess}`?" if guess else "see `rsppc extension list`"
            )
        if found.shipped:
            usage(f"`{name}` ships with the compiler, and is checked with it")
        return found.path
    path = os.path.relpath(os.path.realpath(name), artifacts.workspace.root).replace(os.sep, "/")
    if path not in artifacts.paths():
        usage(f"`{name}` is no source of this workspace", "name a manifest by its file or by its reference")
    artifact, _ = artifacts.at(path)
    if artifact is not None and artifact.kind.name != "extension":
        usage(f"`{name}` is a {artifact.kind.title}, and no manifest of extensions")
    return path


# --- list -------------------------------------------------------------------------------------------------------------


@COMMAND.command("list", epilog="Examples: `rsppc extension list`, `rsppc extension list --json`.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.option(
    "--installed/--no-installed", "with_installed", default=True, help="Whether to look at what is installed."
)
def list_(as_json: bool, with_installed: bool) -> int:
    """List the manifests of the workspace and those that ship, and the plugins that are installed in this Python.

    Nothing that is installed is imported, and nothing of it changes what is compiled.
    """
    artifacts = open_workspace(workspace_here(DiagnosticSink()), DiagnosticSink())
    manifests = _manifests(artifacts)
    records = frozenset(catalog(artifacts, DiagnosticSink()).records)
    plugins = installed(records=records) if with_installed else ()
    if as_json:
        document = {
            "manifests": [_manifest_json(manifest, artifact) for manifest, artifact in manifests],
            "installed": [_installed_json(plugin, manifests) for plugin in plugins],
        }
        click.echo(readable(document), nl=False)
        return OK
    for manifest, artifact in manifests:
        where = "shipped" if artifact.shipped else artifact.path
        click.echo(f"{manifest.ref}  {manifest.type}  {manifest.trust_level or 'trust not stated'}  {where}")
        for kind, name, rest in _held(manifest):
            click.echo(f"  {kind} {name}  {rest}")
        if manifest.problems:
            click.echo(f"  admits nothing: {manifest.problems[0]}")
    listed = {artifact.path for _, artifact in manifests}
    for path in _own_paths(artifacts):
        if path not in listed:
            click.echo(f"{path}  cannot be read as a manifest; `rsppc extension check` says why")
    for plugin in plugins:
        click.echo(f"installed: {plugin.kind} {plugin.name}  {plugin.value}  {plugin.distribution}")
        for note in (*plugin.problems, *_differences(plugin, manifests)):
            click.echo(f"  {note}")
    return OK


def _manifests(artifacts: Artifacts) -> list[tuple[Manifest, Artifact]]:
    """All manifests in sight, those of the workspace first; a shipped one that the workspace replaces is left out."""
    records = frozenset(catalog(artifacts, DiagnosticSink()).records)
    own, shipped = artifacts.of_kind("extension")
    replaced = {artifact.ref for artifact in own}
    found = []
    for artifact in (*own, *(one for one in shipped if one.ref not in replaced)):
        if artifact.root.keys() >= {"type", "api_version"}:
            sink = DiagnosticSink()
            for diagnostic in artifact.diagnostics:
                sink.report(diagnostic)
            found.append((manifest_of(artifact.root, sink, records=records), artifact))
    return sorted(found, key=lambda one: (one[1].shipped, one[0].ref))


def _held(manifest: Manifest) -> Iterator[tuple[str, str, str]]:
    """What a manifest declares: what it is, its name, and the rest in words."""
    for name, node_type in sorted(manifest.node_types.items()):
        yield "node type", name, f"{_runs(node_type)}  streaming: {_streaming(node_type)}"
    for name, entry in sorted(manifest.plugins.items()):
        does = entry.decides or entry.transports
        yield entry.kind, name, f"{entry.execution_mode}  {', '.join(does)}"


def _runs(node_type: NodeType) -> str:
    own = node_type.trust_level == "untrusted"
    return f"{node_type.execution_mode}{', untrusted' if own else ''}"


def _streaming(node_type: NodeType) -> str:
    return streaming(node_type) or "as what is connected"


def _differences(plugin: Installed, manifests: list[tuple[Manifest, Artifact]]) -> Iterator[str]:
    """What an installed plugin has to do with the manifests that count here."""
    if plugin.manifest is None:
        return
    for manifest, artifact in manifests:
        if manifest.ref == plugin.manifest.ref and manifest.digest != plugin.manifest.digest:
            where = "the shipped one" if artifact.shipped else f"`{artifact.path}`"
            (difference,) = changed_value(canonical(manifest.content), plugin.manifest.content)
            yield f"its manifest {manifest.ref} differs from {where}, which counts: {difference}"
            break
        if manifest.ref == plugin.manifest.ref:
            yield f"its manifest is {manifest.ref}, as here"
            break
    else:
        yield f"its manifest {plugin.manifest.ref} is not in this workspace, so that nothing here can use it"
    declared = plugin.manifest.node_types.get(plugin.name) or plugin.manifest.plugins.get(plugin.name)
    if declared is not None and declared.digest is not None and declared.digest != plugin.digest:
        yield f"its files have the digest {plugin.digest}, and its manifest pins {declared.digest}"


def _manifest_json(manifest: Manifest, artifact: Artifact) -> dict[str, Any]:
    return {
        "ref": manifest.ref,
        "type": manifest.type,
        "api_version": manifest.api_version,
        "trust_level": manifest.trust_level,
        "digest": manifest.digest,
        "from": "shipped" if artifact.shipped else artifact.path,
        "holds": [{"kind": kind, "name": name} for kind, name, _ in _held(manifest)],
        "problems": list(manifest.problems),
    }


def _installed_json(plugin: Installed, manifests: list[tuple[Manifest, Artifact]]) -> dict[str, Any]:
    return {
        "kind": plugin.kind,
        "name": plugin.name,
        "entry_point": plugin.value,
        "distribution": plugin.distribution,
        "manifest": plugin.manifest.ref if plugin.manifest is not None else None,
        "digest": plugin.digest,
        "problems": list(plugin.problems),
        "notes": list(_differences(plugin, manifests)),
    }


# --- try --------------------------------------------------------------------------------------------------------------


@COMMAND.command(
    "try",
    epilog="Examples: `rsppc extension try custom.sentiment --plugin sentiment_lexicon:Lexicon`, "
    "`rsppc extension try house.greeter --seed 7 --events 200`.",
)
@click.argument("name")
@click.option("--plugin", metavar="MODULE:NAME", help="The plugin; where left out, the installed one of this name.")
@click.option("--seed", default=0, type=click.IntRange(0, 2**63 - 1), metavar="N", help="Seed of the events.")
@click.option(
    "--events", default=24, type=click.IntRange(1, 10_000), metavar="N", help="How many events or snapshots go in."
)
@click.option(
    "--seconds", default=30, type=click.IntRange(1, 3600), metavar="N", help="When a trial is ended by force."
)
@click.option("--json", "as_json", is_flag=True, help="Print the trial as JSON.")
def try_(name: str, plugin: str | None, seed: int, events: int, seconds: int, as_json: bool) -> int:
    """Try the plugin of a node type, of a policy or of a runtime adapter: check what its manifest promises.

    NAME is what the manifest calls it. It gets synthetic events or snapshots, in processes of its own, on a virtual
    clock. What is not trusted or runs outside of the runtime's process is never imported.
    """
    artifacts = open_workspace(workspace_here(DiagnosticSink()), DiagnosticSink())
    declaring = {
        one: pair for pair in reversed(_manifests(artifacts)) for one in (*pair[0].node_types, *pair[0].plugins)
    }
    if name not in declaring:
        guess = near_miss(name, declaring)
        usage(f"no manifest in sight declares `{name}`", f"did you mean `{guess}`?" if guess else "")
    manifest, artifact = declaring[name]
    kind = kind_of(manifest, name)
    refused = admission_problems(kind, name, manifest)
    if plugin is None:
        candidate = _installed(name, kind, frozenset(catalog(artifacts, DiagnosticSink()).records))
        if candidate.manifest is not None:
            refused += admission_problems(kind, name, candidate.manifest)
        refused += candidate.problems
    elif not is_value(plugin):
        usage(f"`--plugin {plugin}` is not `MODULE:NAME`", "as in `sentiment_lexicon:Lexicon`")
    if refused:
        click.echo(f"rsppc: `{name}` is not tried", err=True)
        for reason in dict.fromkeys(refused):
            click.echo(f"  {reason}", err=True)
        return FINDINGS
    task = Task(
        manifest_path=artifact.path,
        manifest=artifact.document.source.text,
        records=msgspec.json.decode(canonical(catalog(artifacts, DiagnosticSink()).records)),
        name=name,
        plugin=plugin if plugin is not None else candidate.value,
        is_local=plugin is not None,
        seed=seed,
        events=events,
    )
    trial = run_trial(task, seconds=seconds)
    if as_json:
        click.echo(readable(msgspec.to_builtins(trial)), nl=False)
    else:
        _tell(trial, manifest.ref)
    return OK if trial.ok else FINDINGS


def _installed(name: str, kind: str, records: frozenset[str]) -> Installed:
    kinds = ("node type", "external node") if kind == "node type" else (kind,)
    found = [one for one in installed(records=records) if one.name == name and one.kind in kinds]
    if not found:
        usage(f"no plugin for `{name}` is installed", "name one with `--plugin MODULE:NAME`, as in `house:Greeter`")
    return found[0]


def _tell(trial: Trial, ref: str) -> None:
    events = f", seed {trial.seed}: {trial.events_in} in, {trial.events_out} out" if trial.events_in else ""
    click.echo(f"{trial.subject} of {ref}{events}")
    words = {"pass": "pass", "fail": "FAIL", "not_run": "not run"}
    for check in trial.checks:
        click.echo(f"  {words[check.status]:8}{check.name:13}{check.message}".rstrip())
    counts = {status: sum(check.status == status for check in trial.checks) for status in words}
    click.echo(f"{counts['pass']} passed, {counts['fail']} failed, {counts['not_run']} not run")
