"""Graphs as Mermaid and DOT, read by the programs that they are written for, with names that try to break out."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from rsppc.pictures.dot import graph_dot
from rsppc.pictures.graph import Graph, graph_of
from rsppc.pictures.mermaid import graph_mermaid
from rsppc.pictures.resolved import Resolved, read

from checks.browser import page
from checks.outcome import Outcome, outcome
from checks.packages import npm_package

NAME = "graph-texts"
NEEDS = ("browser", "npm", "dot")

_MERMAID = ("mermaid", "11.17.2")
_NAMES = (
    "plain",
    "<script>alert(1)</script>",
    'quo"ted',
    "back\\slash\\",
    "line\nbreak",
    "{{ braces }}",
    "[a](b) `c` | d",
    "&amp; #35; end",
    "%%{init: {}}%%",
    "節点 нода",
    "class subgraph end graph",
)


def run(folder: Path) -> Outcome:
    mermaid = (npm_package(*_MERMAID, folder) / "dist" / "mermaid.min.js").read_text(encoding="utf-8")
    graphs = dict(_graphs())
    problems: list[str] = []
    blank = folder / "blank.html"
    blank.write_text("<!DOCTYPE html><meta charset=utf-8><body>", encoding="utf-8")
    with page(folder) as browser:
        browser.open(blank)
        browser.run(f"{mermaid}; mermaid.initialize({{startOnLoad: false}}); 0")
        for name, graph in graphs.items():
            drawn = browser.run(
                f"mermaid.render('drawn', {json.dumps(graph_mermaid(graph))}).then("
                "said => { const box = document.createElement('div'); box.innerHTML = said.svg;"
                " return ['.node', 'script'].map(one => box.querySelectorAll(one).length).concat(box.textContent) },"
                " problem => [0, 0, String(problem)])"
            )
            problems += [f"Mermaid, {name!r}: {problem}" for problem in _problems(graph, name, *drawn)]
    for name, graph in graphs.items():
        problems += [f"DOT, {name!r}: {problem}" for problem in _problems(graph, name, *_dot(graph))]
    return outcome(problems, f"{len(graphs)} graphs drawn by Mermaid and by Graphviz as they were meant")


def _graphs() -> Iterator[tuple[str, Graph]]:
    for name in _NAMES:
        nodes = {one: {"node_type": name, "scope": "turn"} for one in (name, f"{name}2")}
        edge: dict[str, Any] = {"from": f"{name}.a", "to": f"{name}2.b", "type": name, "when": {"text": name}}
        spec = {"bundle_id": name, "version": "v1", "effective_nodes": nodes, "effective_edges": {"e": edge}}
        yield name, graph_of(read(spec, Resolved))


def _dot(graph: Graph) -> tuple[int, int, str]:
    done = subprocess.run(["dot", "-Tsvg"], input=graph_dot(graph).encode(), capture_output=True, check=False)
    if done.returncode or done.stderr:
        return 0, 0, done.stderr.decode(errors="replace")
    root = ElementTree.fromstring(done.stdout)
    nodes = [one for one in root.iter() if one.get("class") == "node"]
    scripts = [one for one in root.iter() if one.tag.endswith("script")]
    return len(nodes), len(scripts), "".join(root.itertext())


def _problems(graph: Graph, name: str, nodes: int, scripts: int, text: str) -> list[str]:
    shown = name.replace("\n", "\\u000a")
    problems = []
    if nodes != len(graph.boxes):
        problems.append(f"{nodes} of {len(graph.boxes)} nodes: {text[:200]}")
    elif "".join(shown.split()) not in "".join(text.split()):
        problems.append(f"the name is not what is shown: {text[:200]}")
    if scripts:
        problems.append("a script came to be")
    return problems
