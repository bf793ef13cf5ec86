"""Workplans: Markdown pages with front matter, and tasks as fenced `task` blocks, both in YAML.

A page begins with a line `---`, the front matter follows up to the next such line. A task belongs to the heading above
it, whose text is its title.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from rsppc.base.record import Record
from rsppc.base.source import Source, Span, file_span
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Related
from rsppc.lowering.check_shape import UnknownKey, sound_mapping
from rsppc.model.workplan import FRONT_MATTER, TASK
from rsppc.spectest.page import Block, sections_of
from rsppc.syntax.limits import EmptyFile, RootNotAMapping
from rsppc.syntax.source_text import read_source
from rsppc.syntax.yaml_reader import read_yaml


class NoFrontMatter(Diagnostic):
    """A workplan says at its top what it is: its id, its title and how far it is. Without that, no other page can
    refer to it."""

    code = "RSP9870"
    name = "no-front-matter"
    headline = "the page has no front matter{why}"
    hint = "begin the page with a line `---`, the keys of the workplan, and a second line `---`"
    why: str = ""


class RepeatedTask(Diagnostic):
    """A task is named by its id wherever its progress is told; two tasks of one id would share theirs."""

    code = "RSP9871"
    name = "repeated-task"
    headline = "the task `{subject}` stands twice in this workplan"
    hint = "give one of the two another id"


class EmptyBlock(Diagnostic):
    """Front matter and tasks are mappings of keys to values in YAML."""

    code = "RSP9872"
    name = "no-keys-in-block"
    headline = "the {what} holds no keys"
    hint = "write keys and values, as in `id: EXAMPLE-WP-0001`"
    what: str


class Task(Record):
    """A task of a workplan. Keys that were not written, or not soundly, are None."""

    title: str
    at: Span
    id: str | None = None
    status: str | None = None
    priority: str | None = None
    state_hub_task_id: str | None = None


class Workplan(Record):
    """A workplan as far as it is sound: its front matter as written, and its tasks in order."""

    front: dict[str, Any]
    tasks: tuple[Task, ...]


def read_workplan(path: str, data: bytes, sink: DiagnosticSink) -> Workplan | None:
    """The workplan in a page; None where it has no front matter. Problems go to the sink."""
    page = read_source(path, data, sink)
    if page is None:
        return None
    front, rest = _parted(page, sink)
    if front is None:
        return None
    values = _mapping(front, FRONT_MATTER, "front matter", sink)
    return Workplan(front=values, tasks=tuple(_tasks(rest, sink)))


_FRONT = re.compile(r"---[ \t]*\r?\n(?P<keys>(?:.*\n)*?)---[ \t]*(?:\r?\n|\Z)")


def _parted(page: Source, sink: DiagnosticSink) -> tuple[Block | None, Source]:
    """The front matter, and the rest of the page with the same line numbers."""
    found = _FRONT.match(page.text)
    if found is None:
        why = ": it begins with `---`, and no second such line follows" if page.text.startswith("---") else ""
        sink.report(NoFrontMatter(at=file_span(page), why=why))
        return None, page
    fence = Span(source=page, start=0, end=3)
    front = Block(language="yaml", words=(), text=found["keys"], line=2, page=page, fence=fence)
    # Markdown would take the last key for a heading, which a line of dashes underlines.
    return front, Source(page.path, "\n" * found[0].count("\n") + page.text[found.end() :], page.data)


def _tasks(page: Source, sink: DiagnosticSink) -> Sequence[Task]:
    found: list[Task] = []
    ids: dict[str, Span] = {}
    for section in sections_of(page, sink):
        for block in section.blocks:
            if block.language != "task":
                continue
            values = _mapping(block, TASK, "task", sink)
            task = Task(title=section.titles[-1] if section.titles else "", at=block.fence, **values)
            found.append(task)
            if task.id is not None and (first := ids.setdefault(task.id, block.fence)) is not block.fence:
                related = (Related(at=first, text="the first one"),)
                sink.report(RepeatedTask(at=block.fence, subject=task.id, related=related))
    return found


def _mapping(block: Block, shape: Any, what: str, sink: DiagnosticSink) -> dict[str, Any]:
    """The sound keys of a block of YAML, with what is wrong with the others at its place in the page."""
    reading = DiagnosticSink()
    source = Source(block.page.path, block.text, block.text.encode())
    root = read_yaml(source, reading).root
    sound = sound_mapping(root, shape, reading) if root is not None else {}
    for found in reading.sorted():
        if isinstance(found, EmptyFile | RootNotAMapping):
            sink.report(EmptyBlock(at=block.fence, what=what))
        else:
            sink.report(_placed(found, block))
    known = {field.name for field in shape.fields}
    return {key: value for key, value in sound.items() if key in known}


def _placed(found: Diagnostic, block: Block) -> Diagnostic:
    """A finding about a block, at its place in the page. A key that looks like none of ours is some other tool's."""
    related = tuple(Related(at=block.place(one.at), text=one.text) for one in found.related)
    level = "warning" if isinstance(found, UnknownKey) and not found.fixes else found.level
    return msgspec.structs.replace(found, at=block.place(found.at), related=related, level=level, fixes=())
