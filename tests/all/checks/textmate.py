"""How an editor colours the text form agrees with how it is read: every `.rspp` of the repository, token by token.

The grammar is run as editors run it, by `vscode-textmate`. A keyword of the reader has the scope of one, a name never;
texts, comments, conditions, numbers and constants have theirs.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from rsppc.base.source import Source
from rsppc.syntax import rspp_tokens as r

from checks.outcome import Outcome, outcome
from checks.packages import ROOT, call, npm_package

NAME = "textmate"
NEEDS = ("npm",)

_PACKAGES = (("vscode-textmate", "9.3.2"), ("vscode-oniguruma", "2.0.1"))
_GRAMMAR = ROOT / "editors/vscode/syntaxes/rspp.tmLanguage.json"
_KEYWORD = ("keyword.control", "keyword.other", "storage.type")
_WANTED: dict[int, tuple[str, ...]] = {
    r.STRING: ("string.quoted",),
    r.LONG_STRING: ("string.quoted",),
    r.NUMBER: ("constant.numeric",),
    r.QUANTITY: ("constant.numeric",),
    r.CONDITION: ("punctuation.section", "meta.condition"),
}
_WORDS_EACH_MIN = 1
"""How often each keyword has to occur in what is compared."""

Line = list[tuple[int, int, list[str]]]


def run(folder: Path) -> Outcome:
    places = [npm_package(*package, folder) for package in _PACKAGES]
    every = folder / "every_word.rspp"
    every.write_text(_every_word(), encoding="utf-8")
    files = [every, *(path for path in sorted(ROOT.rglob("*.rspp")) if "build" not in path.relative_to(ROOT).parts)]
    files = [path for path in files if _is_read(path)]
    driver = Path(__file__).with_name("textmate_driver.mjs")
    said = call(["node", str(driver), *map(str, places), str(_GRAMMAR), *map(str, files)], folder)
    colours: dict[str, list[Line]] = json.loads(said)
    problems, seen = [], Counter[str]()
    for path in files:
        for problem in _differences(path, colours[str(path)], seen):
            problems.append(f"{path.name}:{problem}")
    problems += [f"no file holds the keyword `{word}`" for word in r.KEYWORDS if seen[word] < _WORDS_EACH_MIN]
    return outcome(
        problems, f"{sum(seen.values())} tokens of {len(files)} files, {len(r.KEYWORDS)} keywords among them"
    )


def _is_read(path: Path) -> bool:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return False
    return text.isascii() and "\r" not in text and not r.tokens_of(Source(str(path), text, text.encode())).findings


def _every_word() -> str:
    """Each keyword where it is one, and as a name where every word is."""
    lines = [
        f"  {word} {{ {word} = {word}  {word} : {word}  a -> {word} -> b  x = [{word}, {word}] }}"
        for word in r.KEYWORDS
    ]
    lines += [f"  {word} one, {word}, two" for word in r.KEYWORDS]
    return "pipeline every v1 {\n" + "\n".join(lines) + "\n}\n"


def _differences(path: Path, lines: list[Line], seen: Counter[str]) -> Iterator[str]:
    text = path.read_text(encoding="utf-8")
    source = Source(str(path), text, text.encode())
    tokens = r.tokens_of(source)
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    places = [(start, tokens.kinds[number]) for number, start in enumerate(tokens.starts)]
    places += [(start, -1) for start, _ in r.comment_places(source)]
    for start, kind in sorted(places):
        if kind == r.END or kind in r.PUNCTUATION.values():
            continue
        number = max(index for index, begin in enumerate(starts) if begin <= start)
        column = start - starts[number]
        scopes = next((scopes for first, last, scopes in lines[number] if first <= column < last), [])
        word = text[start:].split(None, 1)[0]
        seen[word if kind in r.KEYWORDS.values() else "other"] += 1
        problem = _problem(kind, scopes)
        if problem:
            yield f"{number + 1}:{column + 1}: `{word[:30]}` {problem}; its scopes are {', '.join(scopes) or 'none'}"


def _problem(kind: int, scopes: list[str]) -> str:
    def has(*names: str) -> bool:
        return any(scope.startswith(names) for scope in scopes)

    if kind == -1:
        return "" if has("comment") else "is a comment"
    if kind in r.CONSTANT_KINDS:
        return "" if has("constant.language") else "is a constant"
    if kind in _WANTED:
        return "" if has(*_WANTED[kind]) else f"is a {r.KIND_NAMES[kind]}"
    if kind == r.WORD:
        return "is a name" if has(*_KEYWORD, "comment", "constant.language", "string.quoted") or not scopes else ""
    return "" if has(*_KEYWORD) else "is a keyword"
