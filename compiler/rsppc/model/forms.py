"""The forms of names: declared once, for the check of documents, for the JSON Schemas, and for the reference page."""

from __future__ import annotations

from rsppc.base.names import DOTTED_ID, ID, PROVIDER_ID, VERSION
from rsppc.base.record import Record


class Form(Record):
    """How a kind of name is written."""

    pattern: str
    name: str
    """What it is, with its article, for a sentence."""
    advice: str
    example: str


NAME_LENGTH_MAX = 200
"""Most characters of a name; digests have their own length."""

NODE = rf"{ID.pattern}(/{ID.pattern})*"

FORMS: dict[str, Form] = {
    "id": Form(
        pattern=ID.pattern,
        name="a name",
        advice="names are lower-case letters, digits and `_`, beginning with a letter",
        example="language_model",
    ),
    "provider": Form(
        pattern=PROVIDER_ID.pattern,
        name="the name of a provider",
        advice="provider names are lower-case words joined by `-`, as in `stt-deepgram`",
        example="stt-deepgram",
    ),
    "dotted": Form(
        pattern=DOTTED_ID.pattern,
        name="a dotted name",
        advice="write lower-case words joined by dots, as in `speech.stt`",
        example="speech.stt",
    ),
    "version": Form(
        pattern=VERSION.pattern, name="a version", advice="versions are `v1`, `v1.2` or `v1.2.3`", example="v1.2"
    ),
    "node": Form(
        pattern=NODE,
        name="the name of a node",
        advice="names are lower-case letters, digits and `_`; a node of a module is `module/node`",
        example="transcribe/stt",
    ),
    "port": Form(
        pattern=rf"{NODE}(\.{ID.pattern})?",
        name="an end of an edge",
        advice="write `node.port`, or `node` where only one port fits",
        example="mic.audio",
    ),
    "digest": Form(
        pattern="sha256:[0-9a-f]{64}",
        name="a digest",
        advice="digests are `sha256:` and 64 hexadecimal digits",
        example="sha256:" + "0123456789abcdef" * 4,
    ),
    "date": Form(
        pattern="[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])",
        name="a date",
        advice="write it like `2026-11-01`",
        example="2026-11-01",
    ),
    "secret": Form(
        pattern="secret://[a-z0-9_-]+/[A-Za-z0-9_./-]+",
        name="a reference to a secret",
        advice="write `secret://store/name`",
        example="secret://store/name",
    ),
    "path": Form(
        pattern="[A-Za-z0-9_][A-Za-z0-9_./-]*",
        name="a relative path",
        advice="write a relative path with forward slashes",
        example="prompts/simple_en.txt",
    ),
}


def reference_pattern(kind: str) -> str:
    """How a reference to an artifact of a kind is written."""
    return rf"({kind}:)?{ID.pattern}/{VERSION.pattern}(@{FORMS['digest'].pattern})?"
