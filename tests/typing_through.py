"""Half-typed texts through every feature of an editor: the beginning of a file, alone and with the rest of it behind a
broken line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from shutil import copytree, ignore_patterns

from rsppc.cli.gathering import compiled_files
from rsppc.diagnostics import DiagnosticSink, sort_diagnostics
from rsppc.driver import open_workspace, released_specs
from rsppc.ide.features import (
    call_hierarchy,
    code_actions,
    code_lens,
    completion,
    definition,
    document_symbols,
    folding,
    hover,
    inlay_hints,
    layout,
    references,
    rename,
    semantic_tokens,
    workspace_symbols,
)
from rsppc.ide.project import Project, open_project
from rsppc.syntax.reader import read
from rsppc.syntax.rspp_printer import print_rspp
from rsppc.workspace import find_workspace

PIPELINES = Path(__file__).parent.parent / "pipelines"


def reference_project(folder: Path) -> Project:
    """A workspace that holds a copy of the shipped pipelines."""
    copytree(PIPELINES, folder / "pipelines", ignore=ignore_patterns("examples", "*.py", "__pycache__"))
    return open_settled(folder)


def open_settled(folder: Path) -> Project:
    """A project over a folder, completely examined."""
    project = open_project(str(folder))
    assert project is not None
    while project.work():
        pass
    return project


def in_notation(text: str, notation: str) -> str:
    """A source in YAML, JSON or the text form."""
    root = read("a.yaml", text.encode(), DiagnosticSink()).root  # type: ignore[union-attr]
    assert root is not None
    return {"yaml": text, "json": json.dumps(root, indent=1) + "\n", "rspp": print_rspp(root)}[notation]


def half_typed(text: str, cut: int) -> Iterator[str]:
    """A text as it is while somebody types at an offset: nothing behind it yet, or the lines that follow."""
    yield text[:cut]
    line_end = text.find("\n", cut)
    if line_end >= 0:
        yield text[:cut] + text[line_end:]


def ask_at(project: Project, path: str, offset: int) -> None:
    """What an editor asks at every letter."""
    hover.FEATURE(project, path, offset)
    completion.FEATURE(project, path, offset)
    definition.FEATURE(project, path, offset)


def ask_everything(project: Project, path: str, offset: int) -> None:
    """Every feature at one place."""
    end = len(project.source(path).text) if project.source(path) else 0  # type: ignore[union-attr]
    ask_at(project, path, offset)
    before = max(0, offset - 3)
    references.FEATURE(project, path, before)
    rename.FEATURE(project, path, before, "another_name")
    call_hierarchy.FEATURE(project, path, before)
    inlay_hints.FEATURE(project, path, 0, end)
    semantic_tokens.FEATURE(project, path)
    document_symbols.FEATURE(project, path)
    folding.FEATURE(project, path)
    code_lens.FEATURE(project, path)
    workspace_symbols.FEATURE(project, "st")


def type_through(project: Project, path: str, cuts: Iterable[int], *, everything: int = 1) -> int:
    """Type a file up to each of some offsets, and ask there; at every so many of them with the rest of the file behind,
    and for everything. Gives how many texts that were."""
    text = (Path(project.workspace.root) / path).read_text("utf-8")
    texts = 0
    for number, cut in enumerate(cuts):
        is_whole = number % everything == 0
        for typed in half_typed(text, cut) if is_whole else (text[:cut],):
            project.open(path, typed.encode())
            while project.is_urgent:
                project.work()
            if is_whole:
                ask_everything(project, path, cut)
            else:
                ask_at(project, path, cut)
            texts += 1
    for found in project.diagnostics(path)[:1]:
        code_actions.FEATURE(project, path, found.at.start, found.at.end)
    layout.FEATURE(project, path)
    project.close(path)
    return texts


def said(project: Project) -> list[tuple[str, int, int, str, str]]:
    """Everything that a project says, to be compared."""
    found = [one for path in project.files_with_findings() for one in project.diagnostics(path)]
    return [(one.at.source.path, one.at.start, one.at.end, one.code, one.message()) for one in sort_diagnostics(found)]


def checked(folder: Path) -> list[tuple[str, int, int, str, str]]:
    """What the command line says of the files on the disk."""
    sink = DiagnosticSink()
    workspace = find_workspace(str(folder), sink)
    assert workspace is not None
    artifacts = open_workspace(workspace, sink)
    released = released_specs(artifacts)
    paths = [path for path in artifacts.paths() if path not in released]
    outcomes = compiled_files(artifacts, paths, purpose="check", strict=workspace.strict, jobs=1)
    found = [*sink.sorted(), *(one for outcome in outcomes for one in outcome.diagnostics)]
    return [(one.at.source.path, one.at.start, one.at.end, one.code, one.message()) for one in sort_diagnostics(found)]
