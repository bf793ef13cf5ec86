"""Every beginning of every reference pipeline, typed into an editor: nothing breaks, nothing hangs, and what is wrong
with the other files is said all the while. Then thousands of random edits, after which nothing stale is left and memory
is what it was.
"""

from __future__ import annotations

import multiprocessing
import random
import resource
import tempfile
import time
from pathlib import Path

from lsprotocol import types
from rsppc.lsp.desk import Desk
from typing_through import PIPELINES, reference_project, said, type_through

from checks.outcome import Outcome, outcome

NAME = "half-typed"
NEEDS = ()

_SECONDS_MAX = 1.0
"""How long a place may take with everything that can be asked there."""
_TOGETHER = 50
_EDITS = 5000
_GROWTH_MAX = 64 * 2**10
"""Kilobytes."""
_PIECES = ("", "x", "\n", "  - ", "{", "}", ": ", "🎧", "\u2028", "\r\n", '"', "nodes:", "\t", "é")


def run(folder: Path) -> Outcome:
    paths = sorted(f"pipelines/{one.relative_to(PIPELINES)}" for one in (PIPELINES / "specs").glob("*.yaml"))
    with multiprocessing.Pool() as pool:
        found = pool.map(_typed_through, paths)
    texts = sum(count for count, _ in found)
    problems = [problem for _, some in found for problem in some]
    problems += _many_edits(folder)
    return outcome(problems, f"{texts} half-typed texts of {len(paths)} pipelines, {_EDITS} random edits")


def _typed_through(path: str) -> tuple[int, list[str]]:
    with tempfile.TemporaryDirectory() as folder:
        project = reference_project(Path(folder))
        others = [one for one in project.files_with_findings() if one != path]
        before, problems, texts = said(project), [], 0
        length = len((Path(folder) / path).read_text("utf-8"))
        for first in range(0, length, _TOGETHER):
            cuts = list(range(first, min(first + _TOGETHER, length)))
            started = time.monotonic()
            try:
                texts += type_through(project, path, cuts)
            except Exception as error:
                problems.append(f"{path}:{first}: {type(error).__name__}: {error}")
            if time.monotonic() - started > _SECONDS_MAX * len(cuts):
                problems.append(f"{path}:{first}: took longer than {_SECONDS_MAX} s for each place")
            if any(not project.diagnostics(one) for one in others):
                problems.append(f"{path}:{first}: findings of other files are gone")
        while project.work():
            pass
        if said(project) != before:
            problems.append(f"{path}: after all, something else is said")
    return texts, problems


def _many_edits(folder: Path) -> list[str]:
    """Random edits of one open text through the desk, as an editor sends them."""
    reference_project(folder)
    path = folder / "pipelines/specs/voice_assistant_v1.yaml"
    text = path.read_text("utf-8")
    desk, chance = Desk(publish=lambda _: None, checkpoint=lambda: None), random.Random(11)
    desk.put(types.TextDocumentItem(uri=path.as_uri(), language_id="yaml", version=0, text=text))
    desk.sync(path.as_uri())
    while desk.spare():
        pass
    start = 0
    for version in range(1, _EDITS + 1):
        if version == _EDITS // 5:
            start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        desk.edit(_random_edit(path.as_uri(), version, text, chance))
        desk.sync(path.as_uri())
        desk.spare()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start
    problems = [f"memory grew by {grown} kB"] if grown > _GROWTH_MAX else []
    while desk.spare():
        pass
    last = desk.buffers[path.as_uri()].text
    path.write_text(last, "utf-8", newline="")
    (project,) = desk.projects()
    with tempfile.TemporaryDirectory() as other:
        fresh = reference_project(Path(other))
        fresh.open("pipelines/specs/voice_assistant_v1.yaml", last.encode())
        while fresh.work():
            pass
        if said(project) != said(fresh):
            problems.append("what is said is not what a fresh server says")
    return problems


def _random_edit(uri: str, version: int, text: str, chance: random.Random) -> types.DidChangeTextDocumentParams:
    change: types.TextDocumentContentChangeEvent
    if chance.randrange(50) == 0:  # back to something that can be read
        change = types.TextDocumentContentChangeWholeDocument(text=text)
    else:
        line = chance.randrange(90)
        start = types.Position(line=line, character=chance.randrange(60))
        end = types.Position(line=line + chance.randrange(2), character=chance.randrange(60))
        if (end.line, end.character) < (start.line, start.character):
            start, end = end, start
        change = types.TextDocumentContentChangePartial(
            range=types.Range(start=start, end=end), text=chance.choice(_PIECES)
        )
    identifier = types.VersionedTextDocumentIdentifier(uri=uri, version=version)
    return types.DidChangeTextDocumentParams(text_document=identifier, content_changes=[change])
