"""How the questions of a run are answered by the compiler: here, and on a machine that was sent the workspace.

A question is a line such as `check pipelines/specs/line_v1.yaml`. What an answer depends on besides the workspace is a
`Task`, so that whoever has both says the same.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from typing import Any

import msgspec

from rsppc.base.digest import digest_bytes
from rsppc.base.record import Record
from rsppc.batch import NOT_THERE, Parcel
from rsppc.caching.asking import AskedArtifacts, Noted, noted
from rsppc.caching.carried import NotCarried, carried, carry
from rsppc.caching.compiler import compiler_digest
from rsppc.cli.gathering import judge, judge_alone
from rsppc.cli.naming import open_for_runtime
from rsppc.diagnostics import DiagnosticSink
from rsppc.driver import Purpose, released_by
from rsppc.lowering.artifacts import Artifacts
from rsppc.version import VERSION
from rsppc.workspace import Workspace


class Task(Record):
    """What decides about answers besides the workspace."""

    purpose: Purpose
    strict: bool
    runtime: str | None
    snapshot: str = ""


def find_out(artifacts: Artifacts, task: Task, question: str) -> Any:
    """The answer of the compiler."""
    word, _, path = question.partition(" ")
    match word:
        case "check":
            return judge(artifacts, path, purpose=task.purpose, strict=task.strict)
        case "alone":
            return judge_alone(artifacts, path, purpose=task.purpose, strict=task.strict)
        case "build":
            from rsppc.cli.building import compile_entry  # nothing is emitted by a check

            entry, _ = artifacts.at(path)
            assert entry is not None, "what is built was asked for before"
            return compile_entry(artifacts, entry, snapshot=task.snapshot, strict=task.strict)
        case "releases":
            artifact, _ = artifacts.at(path)
            is_bundle = artifact is not None and artifact.kind.name == "bundle"
            return (released_by(artifact, artifacts) or "") if artifact is not None and is_bundle else ""
        case "what":
            artifact, _ = artifacts.at(path)
            return artifact.kind.name if artifact is not None else ""
    raise AssertionError(f"nobody can answer `{question}`")


# --- On another machine ----------------------------------------------------------------------------------------------


def parcel_of(workspace: Workspace, task: Task) -> Parcel:
    """A workspace and a task, to be sent."""
    data = msgspec.msgpack.encode((msgspec.to_builtins(task), carry(workspace)))
    return Parcel(data=data, digest=digest_bytes(data), work=answer_each, identity=identity)


def answer_each(digest: str, data: bytes, questions: Sequence[str]) -> list[Any]:
    """Answers to some questions about what was sent, each with what was asked for on the way."""
    with _LOCK:  # workers may have several threads; a workspace is for one of them
        if _OPENED.get("digest") != digest:
            _OPENED.clear()
            _OPENED.update(digest=digest, opened=_opened(data))
        task, artifacts = _OPENED["opened"]
        return [_answer(artifacts, task, question) for question in questions]


def identity() -> dict[str, str]:
    """What decides about results on this machine, by name."""
    with _LOCK:
        if not _IDENTITY:
            python = sys.version.split()[0]
            _IDENTITY.update({"rsppc": VERSION, "Python": python, "the compiler": compiler_digest()})
        return dict(_IDENTITY)


_LOCK = threading.Lock()
_OPENED: dict[str, Any] = {}
_IDENTITY: dict[str, str] = {}


def _opened(data: bytes) -> tuple[Task, AskedArtifacts]:
    plain, content = msgspec.msgpack.decode(data)
    task = msgspec.convert(plain, Task)
    artifacts = open_for_runtime(carried(content), task.runtime, DiagnosticSink(), kind=AskedArtifacts)
    assert isinstance(artifacts, AskedArtifacts)
    return task, artifacts


def _answer(artifacts: AskedArtifacts, task: Task, question: str) -> Noted | str:
    try:
        return noted(artifacts, lambda: find_out(artifacts, task, question))
    except NotCarried:
        return NOT_THERE
