"""What could be typed at the cursor: only what the place takes, and of ports only those that fit. Works in the middle
of a half-typed line."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rsppc.base.record import Record
from rsppc.ide.cursor import Typing, typing_at
from rsppc.ide.project import Project
from rsppc.ide.proposals import Proposal
from rsppc.ide.typed_text_form import kind_of_text_form, typed_text_at
from rsppc.ide.views import view_of
from rsppc.ide.wanted import wanted
from rsppc.model import shape as m
from rsppc.model.kinds import KINDS
from rsppc.model.shape import ArtifactKind
from rsppc.syntax.rspp_printer import has_statement, name_written

PROPOSALS_MAX = 500


class Completion(Record):
    """Something to put in the place of a stretch."""

    proposal: Proposal
    text: str
    start: int
    end: int


def FEATURE(
    project: Project, path: str, offset: int
) -> list[Completion]:  # the module's one member, found by this name
    source = project.source(path)
    if source is None:
        return []
    offers = _in_text_form if path.endswith(".rspp") else _in_data
    return _fitting(list(offers(project, path, source.text, offset)), source.text[:offset])


def _fitting(offers: list[Completion], before: str) -> list[Completion]:
    """What begins with what is there, or has its letters in it; the most likely first, each word once."""
    found: dict[str, tuple[bool, int, Completion]] = {}
    for one in offers:
        letters, text = before[one.start :].lower(), one.proposal.text.lower()
        if _has(text, letters):
            found.setdefault(one.proposal.text, (not text.startswith(letters), one.proposal.rank, one))
    ordered = sorted(found.values(), key=lambda one: (one[0], one[1], one[2].proposal.text))
    return [one for _, _, one in ordered[:PROPOSALS_MAX]]


def _has(text: str, letters: str) -> bool:
    rest = iter(text)
    return all(letter in rest for letter in letters)


# --- YAML and JSON ---------------------------------------------------------------------------------------------------


def _in_data(project: Project, path: str, text: str, offset: int) -> Iterator[Completion]:
    artifact = project.artifact(path)
    kind = artifact.kind if artifact is not None else _announced(text)
    typing = typing_at(path, text, kind, offset)
    if typing is None:
        return
    written = _as_key if typing.spot.part == "key" else _as_value
    for one in wanted(project, view_of(project, path), typing, kind, path):
        yield Completion(proposal=one, text=written(one.text, typing, text, path), start=typing.start, end=typing.end)


def _as_key(text: str, typing: Typing, whole: str, path: str) -> str:
    has_colon = re.match(r"[\"']?[ \t]*:", whole[typing.end :]) is not None
    if path.endswith(".json"):
        key = f'"{text}"' if typing.quote else text
        return key if has_colon else f"{key}: " if typing.quote else key
    return text if has_colon else f"{text}: "


def _as_value(text: str, typing: Typing, whole: str, path: str) -> str:
    is_word = text in ("true", "false") or text.lstrip("-").isdigit()
    return f'"{text}"' if path.endswith(".json") and typing.quote and not is_word else text


_ANNOUNCES = re.compile(r"schema_version\"?:[ \t]*\"?(?P<version>rspp\.[a-z.]+\.v[0-9]+)")


def _announced(text: str) -> ArtifactKind | None:
    """The kind that a text announces which cannot be read."""
    found = _ANNOUNCES.search(text)
    return next((one for one in KINDS if found is not None and one.schema_version == found["version"]), None)


# --- The text form ---------------------------------------------------------------------------------------------------


def _in_text_form(project: Project, path: str, text: str, offset: int) -> Iterator[Completion]:
    typed = typed_text_at(path, text, offset)
    if typed is None:
        return
    for word, rank in typed.keywords:
        proposal = Proposal(text=word, kind="keyword", rank=rank)
        yield Completion(proposal=proposal, text=word, start=typed.start, end=typed.end)
    kind = kind_of_text_form(text)
    view = view_of(project, path)
    for typing in typed.readings:
        is_key = typing.spot.part == "key"
        for one in wanted(project, view, typing, kind, path):
            if is_key and kind is not None and has_statement(_block_around(typing, kind), one.text):
                continue
            put = _as_field(one.text, typing, text) if is_key else _as_name(one.text, typing, text)
            yield Completion(proposal=one, text=put, start=typing.start, end=typing.end)


def _block_around(typing: Typing, kind: ArtifactKind) -> str:
    """The kind of artifact or of block whose keys are typed."""
    declared = typing.spot.container_type(kind)
    is_root = len(typing.spot.steps) < 2
    return kind.name if is_root else declared.shape.name if isinstance(declared, m.Nested) else ""


def _as_field(text: str, typing: Typing, whole: str) -> str:
    is_written = re.match(r"\"?[ \t]*[={]", whole[typing.end :]) is not None
    return text if is_written else f"{text} = "


_NUMBER = re.compile(r"-?[0-9]+(?:ms|s|Hz|kHz|B|KiB|MiB|GiB)?")


def _as_name(text: str, typing: Typing, whole: str) -> str:
    is_quoted = whole[typing.start - 1 : typing.start] == '"'
    is_condition = isinstance(typing.step.type, m.Expression)
    is_action = "allowed_actions" in typing.spot.route  # `degrade` and others are actions there, and no keywords
    if is_quoted or is_condition or is_action or text in ("true", "false") or _NUMBER.fullmatch(text):
        return text
    return name_written(text)
