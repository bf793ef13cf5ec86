"""`rsppc graph`: the graph of a bundle or a spec as a picture."""

from __future__ import annotations

from typing import cast

import click

from rsppc.cli.exits import OK
from rsppc.cli.picturing import pictured, resolved, write
from rsppc.cli.session import usage
from rsppc.pictures.graph import Graph, graph_of
from rsppc.pictures.palette import Theme


@click.command(
    "graph",
    epilog="Examples: `rsppc graph demo/v1 --output demo.svg`, `rsppc graph build/demo/v1 --format mermaid`, "
    "`rsppc graph demo/v1 --theme dark > demo.svg`.",
)
@click.argument("name")
@click.option(
    "--format",
    type=click.Choice(("svg", "mermaid", "dot")),
    default="svg",
    show_default=True,
    help="What is written.",
)
@click.option("--output", metavar="FILE", help="Where to write; standard output where left out.")
@click.option(
    "--theme",
    type=click.Choice(("light", "dark", "auto")),
    default="auto",
    show_default=True,
    help="Colours of an SVG; `auto` follows the reader's choice.",
)
def COMMAND(name: str, format: str, output: str | None, theme: str) -> int:
    """Draw the graph of NAME.

    NAME is a bundle or a spec of the workspace, by reference or by file, or a folder that `rsppc build` wrote.
    """
    graph = graph_of(resolved(name, pictured(name)))
    write(_drawn(graph, format, cast(Theme, theme)), output)
    return OK


def _drawn(graph: Graph, format: str, theme: Theme) -> str:
    match format:
        case "mermaid":
            from rsppc.pictures.mermaid import graph_mermaid

            return graph_mermaid(graph)
        case "dot":
            from rsppc.pictures.dot import graph_dot

            return graph_dot(graph)
    from rsppc.pictures.svg import graph_svg, is_too_large

    if is_too_large(graph):
        usage(
            f"`{graph.ref}` has {len(graph.boxes)} nodes and {len(graph.links)} links, too many for a picture",
            "write it with `--format dot` for a program that lays out large graphs",
        )
    return graph_svg(graph, theme)
