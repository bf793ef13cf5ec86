"""What is heard, thought and spoken in different languages, with nobody to translate."""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.diagnostics import Related
from rsppc.ir.program import Node
from rsppc.ir.setting import place_of
from rsppc.lint.rule import LintFinding, Rule
from rsppc.lint.view import View

_SPEAKING = ("stt", "llm", "tts", "translate")


class LanguagesDiffer(LintFinding):
    """Each provider takes its own language setting, and none of them asks the others. A voice that was told English
    reads a German answer with English sounds, and the caller understands nothing of it; a prompt in one language makes
    a model answer callers of another in the wrong one. Types know languages where ports state them; prompts and the
    text of a model state none.

    An agent that answered in Italian through an English voice was unintelligible
    (https://github.com/mattmezza/humux/issues/95); a German text was read with American sounds where only the
    recogniser had been told (https://github.com/Azure-Samples/cognitive-services-speech-sdk/issues/886)."""

    code = "RSP9622"
    name = "languages-differ"
    headline = "`{subject}` {does} `{language}`, and gets `{other_language}` from `{other}`"
    hint = "set one language along the way, or put a `speech.translate` between"
    does: str
    language: str
    other: str
    other_language: str


BAD = """
- {node_id: stt, node_type: speech.stt, provider: stt-house, config: {language: de-DE}}
- {node_id: tts, node_type: speech.tts, provider: tts-house, config: {language: en}}
"""
GOOD = """
- {node_id: stt, node_type: speech.stt, provider: stt-house, config: {language: de-DE}}
- {node_id: tts, node_type: speech.tts, provider: tts-house, config: {language: de}}
"""


def check(view: View) -> Iterator[LintFinding]:
    told: set[str] = set()
    for node in view.program.nodes.values():
        if node.id in view.languages and _modality(node) in ("stt", "translate"):
            yield from _mismatches(node, view, told)


def _mismatches(start: Node, view: View, told: set[str]) -> Iterator[LintFinding]:
    """Nodes that get the language of a node and have another, up to the next that translates."""
    waiting, seen = [start.id], {start.id}
    language = view.languages[start.id]
    for node_id in waiting:  # grows while it is walked through
        for edge in view.out_of(node_id):
            node = view.program.nodes[edge.target.node]
            if node.id in seen or _modality(node) == "translate":
                continue
            seen.add(node.id)
            finding = _mismatch(node, start, language, view)
            if finding is None:
                waiting.append(node.id)
            elif node.id not in told:
                told.add(node.id)
                yield finding


def _mismatch(node: Node, start: Node, language: str, view: View) -> LintFinding | None:
    if _modality(node) not in _SPEAKING:
        return None
    does = {"tts": "speaks", "llm": "answers in"}.get(_modality(node), "takes")
    for own, field, verb in (
        (view.languages.get(node.id), "language", does),
        (view.prompts.get(node.id), "system_prompt", "has a prompt in"),
    ):
        if own is not None and own != language:
            related = (Related(at=place_of(start.config["language"]), text=f"`{start.id}` is in `{language}`"),)
            return LanguagesDiffer(
                at=place_of(node.config[field]),
                subject=node.id,
                does=verb,
                language=own,
                other=start.id,
                other_language=language,
                related=related,
            )
    return None


def _modality(node: Node) -> str:
    return (node.type.modality if node.type is not None else None) or ""


RULE = Rule(finding=LanguagesDiffer, check=check, bad=BAD, good=GOOD)
