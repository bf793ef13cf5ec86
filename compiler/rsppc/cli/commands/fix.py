"""`rsppc fix`: apply the repairs that the compiler has tried."""

from __future__ import annotations

import os

import click

from rsppc.base.record import replace
from rsppc.cli.exits import FINDINGS, OK
from rsppc.cli.fixing import Applied, Choice, Repaired, repaired
from rsppc.cli.rewriting import Rewriting, SourceFile, counted, files_named, print_diffs
from rsppc.cli.session import quick_collection, usage, workspace_here
from rsppc.diagnostics import DiagnosticSink, severity_in
from rsppc.workspace import Workspace


@click.command(
    "fix",
    epilog="Examples: `rsppc fix --diff`, `rsppc fix`, `rsppc fix pipelines/specs/demo_v1.yaml --plan-changes`.",
)
@click.argument("paths", nargs=-1)
@click.option("--diff", is_flag=True, help="Write nothing; print what would change, and exit with 1.")
@click.option("--plan-changes", is_flag=True, help="Apply repairs that change what runtimes do as well.")
@click.option("--unverified", is_flag=True, help="Apply repairs as well that leave something to do at their place.")
@click.option("--strict", is_flag=True, help="Treat warnings, unknown facts and unchecked edges as errors.")
def COMMAND(paths: tuple[str, ...], diff: bool, plan_changes: bool, unverified: bool, strict: bool) -> int:
    """Apply repairs to PATHS, files and folders, or the whole workspace; each is tried before it is kept."""
    sink = DiagnosticSink()
    workspace = workspace_here(sink)
    strict = strict or workspace.strict
    quick_collection()
    choice = Choice(paths=_chosen(workspace, paths), unverified=unverified, plan_changes=plan_changes)
    made = repaired(workspace, choice, strict=strict)
    writing = Rewriting()
    if diff:
        print_diffs((path, before, after) for path, (before, after) in made.texts.items())
    else:
        unwritten = _written(workspace, made, writing)
        made = replace(
            made,
            texts={path: texts for path, texts in made.texts.items() if path not in unwritten},
            applied=tuple(one for one in made.applied if one.found.at.source.path not in unwritten),
        )
    for one in made.applied:
        click.echo(_told(one, diff=diff), err=diff)
    click.echo(_summary(made, diff=diff, strict=strict), err=diff)
    has_errors = any(severity_in(one, strict=strict) == "error" for one in made.remaining)
    return max(writing.code, FINDINGS if has_errors or (diff and made.texts) else OK)


def _chosen(workspace: Workspace, names: tuple[str, ...]) -> frozenset[str] | None:
    """The files that may be changed, as the workspace calls them."""
    if not names:
        return None
    sources = set(workspace.files(DiagnosticSink()))
    chosen = [file.path for file in files_named(names, DiagnosticSink())]
    for path in chosen:
        if path not in sources:
            usage(f"`{path}` is no source of this workspace", f"sources are the files below `{workspace.sources}/`")
    return frozenset(chosen)


def _written(workspace: Workspace, made: Repaired, writing: Rewriting) -> set[str]:
    """Write what was repaired, and give the files that could not be; a byte order mark stays where there was one."""
    unwritten = set()
    for path, (_, after) in made.texts.items():
        place = os.path.join(workspace.root, path)
        before = made.data[path]
        mark = _MARK if before.startswith(_MARK) else b""
        if not writing.write(
            SourceFile(place=place, path=path, real=os.path.realpath(place)), before, mark + after.encode()
        ):
            unwritten.add(path)
    return unwritten


_MARK = b"\xef\xbb\xbf"


def _told(one: Applied, *, diff: bool) -> str:
    line, _ = one.found.at.source.location(one.found.at.start)
    changes = ", changes the plan" if one.changes_plan else ""
    kind = f"{one.found.code} {one.found.name}"
    return f"{'would fix' if diff else 'fixed'} {one.found.at.source.path}:{line}: {kind}: {one.fix.title}{changes}"


def _summary(made: Repaired, *, diff: bool, strict: bool) -> str:
    """What was done, what remains, and which options would do more."""
    number = len(made.applied)
    done = f"{counted(number, 'finding')} {'would be ' if diff else ''}fixed"
    done += f" in {counted(len(made.texts))}" if made.texts else ""
    severities = [severity_in(one, strict=strict) for one in made.remaining]
    left = [counted(severities.count(one), one) for one in ("error", "warning") if one in severities]
    lines = [f"{done}; left: {' and '.join(left) if left else 'none'}"]
    unverified = sum(not one.fix.verified for one in made.held_back)
    if len(made.held_back) > unverified:
        repairs = counted(len(made.held_back) - unverified, "repair")
        lines.append(f"{repairs} left out, which would change the plan: see `--plan-changes`")
    if unverified:
        repairs = counted(unverified, "repair")
        lines.append(f"{repairs} left out, which could not be proved: see `--unverified`")
    return "\n".join(lines)
