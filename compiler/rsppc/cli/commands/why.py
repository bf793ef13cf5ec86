"""`rsppc why`: say where a value came from, and what it won over."""

from __future__ import annotations

import re
from typing import Any

import click

from rsppc.base.json_pointer import pointer_of, steps_of, unescaped
from rsppc.cli.entry import compile_released, find_entry
from rsppc.cli.exits import FINDINGS, OK
from rsppc.cli.session import Options, exit_code, report, usage, workspace_here
from rsppc.diagnostics import DiagnosticSink
from rsppc.driver import Compilation, open_workspace
from rsppc.ir.effective_path import path_of, steps_to


@click.command(
    "why",
    epilog="Examples: `rsppc why demo/v1 budgets.turn_budget_ms`, "
    "`rsppc why demo/v1 'edges.tts.audio->speaker.audio.buffer'`, "
    "`rsppc why demo/v1 --reverse pipelines/specs/demo_v1.yaml:13`.",
)
@click.argument("pipeline")
@click.argument("path", required=False)
@click.option("--reverse", metavar="FILE:LINE", help="List every value that a source line reaches.")
def COMMAND(pipeline: str, path: str | None, reverse: str | None) -> int:
    """Say where the values at PATH of PIPELINE came from.

    PATH is a path of a setting (`nodes.llm.config.language`), a part of one (`nodes.llm`), or a JSON Pointer into the
    ResolvedSpec.
    """
    if (path is None) == (reverse is None):
        usage("`rsppc why` takes a path or `--reverse FILE:LINE`")
    sink = DiagnosticSink()
    artifacts = open_workspace(workspace_here(sink), sink)
    compilation = compile_released(artifacts, find_entry(artifacts, pipeline))
    if not compilation.ok or compilation.program is None:
        options = Options(format="text", reports=(), strict=False, color=None)
        return exit_code(report(compilation.diagnostics, (), options))
    spec, provenance = _emitted(compilation)
    if reverse is not None:
        return _print_reverse(spec, provenance, reverse)
    assert path is not None
    return _print_path(spec, provenance, path, compilation)


def _emitted(compilation: Compilation) -> tuple[dict[str, Any], dict[str, Any]]:
    from rsppc.emit.artifacts import artifacts

    assert compilation.program is not None
    made = artifacts(compilation.program)
    return made.resolved_spec, made.provenance


def pointer_to(path: str) -> str:
    """The JSON Pointer of a path of settings, or of what is one already."""
    return path.rstrip("/") if path.startswith("/") else pointer_of(steps_to(path))


def _with_ports(path: str, compilation: Compilation) -> str:
    """A path whose edge is named as its author wrote it, under the name that it has in artifacts."""
    assert compilation.program is not None
    if not path.startswith("edges."):
        return path
    rest = re.sub(r"\s*->\s*", "->", path.removeprefix("edges."))
    for edge in compilation.program.edges:
        for alias in edge.aliases:
            if rest == alias or rest.startswith(f"{alias}."):
                return f"edges.{edge.id}{rest[len(alias) :]}"
    return path


def _print_path(spec: dict[str, Any], provenance: dict[str, Any], path: str, compilation: Compilation) -> int:
    from rsppc.emit.provenance import origin_of

    pointer = pointer_to(_with_ports(path, compilation))
    leaves = [one for one in sorted(spec["defaulting_sources"]) if one == pointer or one.startswith(pointer + "/")]
    if not leaves:
        from rsppc.base.names import near_miss

        guess = near_miss(pointer, spec["defaulting_sources"])
        shown = f"did you mean `{_shown(guess)}`?" if guess else "try a shorter path, such as `nodes` or `budgets`"
        usage(f"`{compilation.entry.ref}` has no value at `{path}`", shown)
    for leaf in leaves:
        story = origin_of(provenance, leaf) or {}
        click.echo(f"{_shown(leaf)} = {_json(_value_at(spec, leaf))}")
        winner = story.get("winner", {})
        click.echo(f"  set by      {_told(winner, spec['defaulting_sources'][leaf])}")
        for beaten in story.get("overridden", ()):
            click.echo(f"  overriding  {_json(beaten.get('value'))} from {_told(beaten, beaten.get('label', ''))}")
        for value, rule in _at_turn_time(spec, leaf):
            click.echo(f"  may become  {_json(value)} when {rule}")
    _print_inferred(provenance, pointer)
    return OK


def _at_turn_time(spec: dict[str, Any], leaf: str) -> list[tuple[Any, str]]:
    """Values that conditional layers and degrade rules would give, with the condition and who says so."""
    found = []
    for scope, layers in spec["layers"].items():
        for layer in layers:
            if leaf in layer.get("patch", {}):
                found.append((layer["patch"][leaf], f"{layer['when']['text']} ({scope} layer {layer['layer']})"))
    for rule in spec["rules"].get("degrade", ()):
        if leaf in rule.get("patch", {}):
            named = f"{rule['policy']} rule {rule['rule']}"
            found.append((rule["patch"][leaf], f"{rule['when']['text']} ({named})"))
    return found


def _print_inferred(provenance: dict[str, Any], pointer: str) -> None:
    """Types that were inferred on a node, where a whole node was asked for."""
    steps = pointer.split("/")
    if len(steps) != 3 or steps[1] != "effective_nodes":
        return
    for one in provenance["inferred"]["types"].get(unescaped(steps[2]), ()):
        click.echo(f"  inferred    {one['side']} {one['port']}: {one['attribute']} {one['value']} (rule {one['rule']})")


def _told(origin: dict[str, Any], label: str) -> str:
    place = f" at {origin['file']}:{origin['line']}:{origin['column']}" if "file" in origin else ""
    via = f", through {' / '.join(origin['via'])}" if origin.get("via") else ""
    return f"{origin.get('label', label)}{place}{via}"


def _print_reverse(spec: dict[str, Any], provenance: dict[str, Any], wanted: str) -> int:
    from rsppc.emit.provenance import origin_of

    file, separator, line = wanted.rpartition(":")
    if not separator or re.fullmatch(r"[0-9]{1,9}", line) is None:
        usage(f"`--reverse {wanted}` names no line", "write it like `pipelines/profiles/simple_v1.yaml:25`")
    reached = 0
    for leaf in sorted(spec["defaulting_sources"]):
        story = origin_of(provenance, leaf) or {}
        roles = [("sets", story.get("winner", {})), *(("is overridden at", one) for one in story.get("overridden", ()))]
        for role, origin in roles:
            if origin.get("file") == file and origin.get("line") == int(line):
                click.echo(f"{role} {_shown(leaf)} = {_json(_value_at(spec, leaf))}")
                reached += 1
    if not reached:
        click.echo(f"{wanted} reaches no value of this pipeline", err=True)
        return FINDINGS
    return OK


def _value_at(spec: dict[str, Any], pointer: str) -> Any:
    found: Any = spec
    for key in steps_of(pointer):
        found = found[int(key)] if isinstance(found, list) else found[key]
    return found


def _shown(pointer: str | None) -> str:
    """A pointer as a path of settings."""
    return path_of(steps_of(pointer or ""))


def _json(value: Any) -> str:
    from rsppc.base.canonical_json import canonical

    return canonical(value).decode()
