"""`rsppc check`: report every problem, write nothing."""

from __future__ import annotations

import os
import sys

import click

from rsppc.cli.gathering import compiled_files, quick_collection, unreleased
from rsppc.cli.session import Options, exit_code, finding_options, report, usage, workspace_here
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.driver import open_workspace
from rsppc.lowering.artifacts import Artifact, Artifacts
from rsppc.workspace import FILE_SIZE_MAX


@click.command(
    "check",
    epilog="Examples: `rsppc check`, `rsppc check pipelines/specs/demo_v1.yaml --format json`, "
    "`cat draft.yaml | rsppc check - --stdin-name pipelines/specs/draft_v1.yaml`.",
)
@click.argument("files", nargs=-1)
@click.option("--stdin-name", metavar="FILE", help="Path under which text from standard input (`-`) is checked.")
@click.option("--jobs", default=1, type=click.IntRange(1, 256), show_default=True, help="Processors to use.")
@finding_options
def COMMAND(  # the module's one member, found by this name
    files: tuple[str, ...],
    stdin_name: str | None,
    jobs: int,
    format: str,
    reports: tuple[str, ...],
    strict: bool,
    color: bool | None,
) -> int:
    """Check FILES, or the whole workspace: report every problem, write nothing."""
    if files.count("-") > 1 or (stdin_name is not None and "-" not in files):
        usage("`-` stands for standard input, once, and `--stdin-name` for its path")
    sink = DiagnosticSink()
    workspace = workspace_here(sink)
    options = Options(format=format, reports=reports, strict=strict or workspace.strict, color=color)
    quick_collection()
    artifacts = open_workspace(workspace, sink)
    paths = tuple(_known_path(name, stdin_name, artifacts) for name in files)
    to_check = tuple(dict.fromkeys(_released_in(path, artifacts) for path in paths)) or unreleased(artifacts)
    found: list[Diagnostic] = list(sink.sorted())
    for outcome in compiled_files(artifacts, to_check, purpose="check", strict=options.strict, jobs=jobs):
        found.extend(outcome.diagnostics)
    paths = paths or artifacts.paths()
    made = report(found, paths, options)
    if options.format == "text" and not made.diagnostics:
        click.echo(f"checked {len(paths)} file{'s' if len(paths) != 1 else ''}: no findings")
    return exit_code(made)


def _known_path(name: str, stdin_name: str | None, artifacts: Artifacts) -> str:
    """The workspace path of a file that was named; text from standard input takes the place of one."""
    workspace = artifacts.workspace
    if name == "-":
        path = stdin_name or f"{workspace.sources}/<stdin>.yaml"
        relative = _relative(path, workspace.root) if stdin_name else path
        if relative.startswith("../"):
            usage(f"`{path}` lies outside of this workspace")
        artifacts.add(relative, sys.stdin.buffer.read(FILE_SIZE_MAX + 1))
        return relative
    relative = _relative(name, workspace.root)
    if not os.path.isfile(name):
        usage(f"there is no file `{name}`")
    if relative not in artifacts.paths():
        usage(f"`{name}` is no source of this workspace", f"sources are the files below `{workspace.sources}/`")
    return relative


def _released_in(path: str, artifacts: Artifacts) -> str:
    """The file of the one bundle that releases the spec in a file, which is judged as part of it; else the file."""
    spec, _ = artifacts.at(path)
    if spec is None or spec.kind.name != "pipeline":
        return path
    bundles, _ = artifacts.of_kind("bundle")
    releasing = [bundle.path for bundle in bundles if _releases(bundle, spec, artifacts)]
    return releasing[0] if len(releasing) == 1 else path


def _releases(bundle: Artifact, spec: Artifact, artifacts: Artifacts) -> bool:
    if "spec_ref" not in bundle.root:
        return False
    found = artifacts.resolve("pipeline", bundle.root["spec_ref"], bundle.item_span(), DiagnosticSink())
    return found is not None and found.path == spec.path


def _relative(name: str, root: str) -> str:
    return os.path.relpath(os.path.realpath(name), root).replace(os.sep, "/")
