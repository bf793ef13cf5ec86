"""Every reference pipeline typed into an editor, letter by letter: nothing breaks, nothing hangs, and what is wrong
with another file is said all the while.

Every beginning of every pipeline in `pipelines/specs`, as YAML, as JSON and in the text form, is put before the
analysis that the server runs, in this process: it is compiled as far as it goes, and asked for hover, completion and
definition where it ends. Each eighth one is asked for everything that an editor can ask for, once as it is and once
with the lines behind it. Some beginnings, a few dozen letters apart, also go through a real server over its standard
streams, which has to answer at each of them in time; so do thousands of random edits, after which nothing stale may be
left, and memory has to be what it was.

All beginnings through the protocol would take an hour, and show nothing more of the analysis.
"""

from __future__ import annotations

import multiprocessing
import random
import tempfile
import time
from pathlib import Path

from raw_editor import RawEditor
from typing_through import PIPELINES, half_typed, in_notation, open_settled, reference_project, said, type_through

from checks.outcome import Outcome, outcome

NAME = "half-typed"
NEEDS = ()

NOTATIONS = ("yaml", "json", "rspp")
_SECONDS_MAX = 1.0
"""How long a place may take with everything that is asked there."""
_TOGETHER = 48
_EVERYTHING = 8
_APART = 61
"""Letters between the beginnings that go through a real server."""
_EDITS = 5000
_GROWTH_MAX = 32 * 2**10
"""Kilobytes."""
_PIECES = ("", "x", "\n", "  - ", "{", "}", ": ", "🎧", "\u2028", "\r\n", '"', "nodes:", "\t", "é", "\r")
_BROKEN = "pipelines/specs/broken_v1.yaml"
"""A file beside those that are typed, with a finding that has to stay."""


def run(folder: Path) -> Outcome:
    pipelines = sorted((PIPELINES / "specs").glob("*.yaml"))
    tasks = [(path.stem, notation) for path in pipelines for notation in NOTATIONS]
    with multiprocessing.Pool() as pool:
        edits = pool.apply_async(_many_edits, (folder / "edits",))
        servers = pool.starmap_async(_through_a_server, [(folder, *task) for task in tasks], chunksize=1)
        found = pool.starmap(_typed_through, tasks, chunksize=1)
        through_servers = servers.get()
        problems = edits.get()
    problems += [problem for _, some in (*found, *through_servers) for problem in some]
    texts, sent = (sum(count for count, _ in some) for some in (found, through_servers))
    return outcome(
        problems,
        f"{texts} half-typed texts of {len(pipelines)} pipelines in {len(NOTATIONS)} notations, {sent} of them and "
        f"{_EDITS} random edits through a server",
    )


def _workspace(folder: Path, stem: str, notation: str) -> str:
    """The shipped pipelines, one of them in a notation, and a broken one beside them; gives the path of the one."""
    reference_project(folder)
    source = folder / f"pipelines/specs/{stem}.yaml"
    text = in_notation(source.read_text("utf-8"), notation)
    source.unlink()
    path = f"pipelines/specs/{stem}.{notation}"
    (folder / path).write_text(text, "utf-8")
    (folder / _BROKEN).write_text("schema_version: rspp.pipeline.spec.v1\npipeline_id: broken\n", "utf-8")
    return path


def _typed_through(stem: str, notation: str) -> tuple[int, list[str]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = _workspace(folder, stem, notation)
        project = open_settled(folder)
        before, problems, texts = said(project), [], 0
        length = len((folder / path).read_text("utf-8"))
        for first in range(0, length + 1, _TOGETHER):
            cuts = range(first, min(first + _TOGETHER, length + 1))
            started = time.process_time()
            try:
                texts += type_through(project, path, cuts, everything=_EVERYTHING)
            except Exception as error:
                problems.append(f"{path}:{first}: {type(error).__name__}: {error}")
            if time.process_time() - started > _SECONDS_MAX * len(cuts):
                problems.append(f"{path}:{first}: took longer than {_SECONDS_MAX} s for each place")
            if not project.diagnostics(_BROKEN):
                problems.append(f"{path}:{first}: findings of another file are gone")
        while project.work():
            pass
        if said(project) != before:
            problems.append(f"{path}: after all, something else is said")
    return texts, problems


def _through_a_server(folder: Path, stem: str, notation: str) -> tuple[int, list[str]]:
    """Beginnings of a pipeline through a real server; how many that were, and what went wrong."""
    sent, problems = 0, []
    home = folder / f"{stem}-{notation}"
    path = _workspace(home, stem, notation)
    text = (home / path).read_text("utf-8")
    editor = RawEditor(home)
    uri, version = editor.open(path, text, language=notation), 1
    before = editor.said_in_the_end(uri)
    for cut in range(0, len(text), _APART):
        for typed in half_typed(text, cut):
            version, sent = version + 1, sent + 1
            editor.change(uri, version, typed)
            line = text.count("\n", 0, cut)
            answer = editor.ask_at("completion", uri, line, cut - text.rfind("\n", 0, cut) - 1)
            if answer is not None and "code" in answer:
                problems.append(f"{path}:{cut}: {answer}")
    editor.change(uri, version + 1, text)
    if editor.said_in_the_end(uri) != before:
        problems.append(f"{path}: after all, something else is said")
    if editor.close() or editor.log:
        problems.append(f"{path}: {''.join(editor.log)[-2000:]}")
    return sent, problems


def _many_edits(folder: Path) -> list[str]:
    """Random edits of one open text through a server; afterwards a fresh one has to say the same, place by place."""
    path = _workspace(folder, "voice_assistant_v1", "yaml")
    text = (folder / path).read_text("utf-8")
    chance, start = random.Random(11), 0
    editor = RawEditor(folder)
    uri = editor.open(path, text)
    for version in range(2, _EDITS + 2):
        if version == _EDITS // 5:
            editor.ask_at("hover", uri, 0, 0)
            start = editor.memory_kilobytes()
        identifier = {"uri": uri, "version": version}
        editor.tell("textDocument/didChange", {"textDocument": identifier, "contentChanges": [_edit(text, chance)]})
        if version % 20 == 0:
            editor.ask_at("completion", uri, chance.randrange(90), chance.randrange(60))
    grown = editor.memory_kilobytes() - start
    problems = [f"memory grew by {grown} kB"] if grown > _GROWTH_MAX else []
    last = "🎧" + text.replace("node_type", "nöde_type 🎧", 3)
    editor.change(uri, _EDITS + 2, last)
    now = editor.said_in_the_end(uri)
    fresh = RawEditor(folder)
    fresh.open(path, last)
    if now != fresh.said_in_the_end(uri) or not now:
        problems.append("what is said is not what a fresh server says")
    if editor.close() or fresh.close() or editor.log:
        problems.append("".join(editor.log)[-2000:])
    return problems


def _edit(text: str, chance: random.Random) -> dict[str, object]:
    if chance.randrange(50) == 0:  # back to something that can be read
        return {"text": text}
    line = chance.randrange(90)
    first, last = sorted(((line, chance.randrange(60)), (line + chance.randrange(2), chance.randrange(60))))
    start, end = ({"line": one, "character": character} for one, character in (first, last))
    return {"range": {"start": start, "end": end}, "text": chance.choice(_PIECES)}
