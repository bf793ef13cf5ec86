"""`docs/store_api.md` says what happens: its commands are run, and every endpoint, role and refusal stands in it.

`curl` is played here, as far as the page uses it, by requests to the application itself.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
from rsppc.serving.limits import Limits
from rsppc.serving.problems import SORTS
from rsppc.serving.table import ENDPOINTS
from rsppc.serving.tokens import ROLES
from rsppc.store.registry import ATTESTATION_SIZE_MAX
from served import Served, served
from test_docs import Block, blocks, rewrite, says, sessions
from workspaces import rsppc_here

PAGE = Path(__file__).parents[2] / "docs/store_api.md"
TEXT = PAGE.read_text(encoding="utf-8")
API = "http://127.0.0.1:8765"
FILES = {"run.json": b'{"status":"pass"}\n', "log.txt": b"one line\n" * 40, "big.iso": b"x" * 2000}


class Shell:
    """As much of a shell as the page needs, beside a store that is served."""

    def __init__(self, folder: Path, api: Served) -> None:
        self.folder = folder
        self.api = api
        self.names = {"API": API}
        self._token = ""

    def run(self, command: str) -> str:
        """What a command prints."""
        command, _, target = command.partition(" > ")
        words = [self._meant(word) for word in shlex.split(command)]
        match words:
            case ["rsppc", *arguments]:
                done = rsppc_here(self.folder, *arguments)
                said = done.stdout.decode() + done.stderr.decode()
                self._token = next(iter(re.findall(r"^rsps_\S+$", said, re.MULTILINE)), self._token)
            case ["curl", *arguments]:
                said = self._curl(arguments)
            case _:
                raise AssertionError(f"the page knows no command `{command}`")
        if target:
            (self.folder / target).write_text(said)
            return ""
        return said if said.endswith("\n") or not said else f"{said}\n"

    def export(self, text: str) -> None:
        """Lines `export NAME=VALUE`; a token is the one that was printed last."""
        for name, value in re.findall(r"^export (\w+)=(.*)$", text, re.MULTILINE):
            self.names[name] = self._token if value.startswith("rsps_") else self._meant(value.strip('"'))

    def _meant(self, word: str) -> str:
        return re.sub(r"\$(\w+)", lambda found: self.names[found[1]], word)

    def _curl(self, words: list[str]) -> str:
        headers, method, body, shown, target = [], "", b"", False, ""
        rest = iter(words)
        for word in rest:
            match word:
                case "-H":
                    name, _, value = next(rest).partition(": ")
                    headers.append((name, value))
                case "-X":
                    method = next(rest)
                case "-I":
                    method, shown = "HEAD", True
                case "-i":
                    shown = True
                case "--json":
                    headers.append(("Content-Type", "application/json"))
                    method, body = method or "POST", self._data(next(rest))
                case "-T":
                    method, body = "PUT", (self.folder / next(rest)).read_bytes()
                case "--data-binary":
                    method, body = method or "POST", self._data(next(rest))
                case _:
                    assert word.startswith(API), word
                    target = word.removeprefix(API)
        answer = self.api.ask(method or "GET", target, by=None, headers=headers, body=body)
        said = answer.body.decode("utf-8", "backslashreplace")
        if not shown:
            return said
        lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
        return "\n".join([*lines, *(f"{name}: {text}" for name, text in answer.headers.items()), "", said])

    def _data(self, text: str) -> bytes:
        return (self.folder / text[1:]).read_bytes() if text.startswith("@") else text.encode()


def test_what_the_page_shows_happens(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """R-004-10"""
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    changed: list[tuple[Block, str]] = []
    problems: list[str] = []
    with served(tmp_path / "store", Limits(file_size_max=1000)) as api:
        shell = Shell(tmp_path, api)
        for block in blocks(PAGE):
            if block.language == "sh":
                shell.export(block.text)
            elif block.text.startswith("# file: "):
                first, _, text = block.text.partition("\n")
                (tmp_path / first.removeprefix("# file: ")).write_text(text)
            elif block.language == "console":
                printed = ""
                for command, expected in sessions(block.text):
                    given = shell.run(command)
                    agrees = says(expected, given)
                    problems += [] if agrees else [f"{PAGE.name}:{block.line}: `{command}` prints\n{given}"]
                    printed += f"$ {command}\n{expected if agrees else given}"
                changed += [(block, printed)] if printed != block.text else []
    if request.config.getoption("--update-golden"):
        rewrite(PAGE, changed)
    elif problems:
        pytest.fail("\n".join(problems), pytrace=False)


def _table(heading: str) -> Iterator[list[str]]:
    found = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found is not None, heading
    for line in re.findall(r"^\| (.*) \|$", found[1], re.MULTILINE)[1:]:
        yield [cell.strip() for cell in line.split("|")]


def test_every_endpoint_stands_in_the_table_with_its_role() -> None:
    shown = [(cells[0].strip("`"), cells[1]) for cells in _table("Endpoints")]
    roles = {ROLES: "any", ("publisher",): "publisher", ("retention-officer",): "retention officer", (): "none needed"}
    assert shown == [(f"{one.method} {one.path}", roles[one.roles]) for one in ENDPOINTS]


def test_every_sort_of_refusal_stands_in_the_table() -> None:
    shown = [(cells[0].strip("`"), int(cells[1])) for cells in _table("Refusals")]
    assert shown == [(code, sort.status) for code, sort in SORTS.items()]


def test_every_limit_is_stated() -> None:
    shown = dict(re.findall(r"^\| (.+?) \| ([\d ,]+ [\w ]+) \|$", TEXT, re.MULTILINE))
    limits = Limits()
    assert shown["a file"] == f"{limits.file_size_max >> 20} MiB"
    assert shown["files of a package"] == f"{limits.files_max:,} files"
    assert shown["JSON"] == f"{limits.json_size_max >> 20} MiB"
    assert shown["a reason"] == f"{limits.words_size_max >> 10} KiB"
    assert shown["an attestation"] == f"{ATTESTATION_SIZE_MAX >> 20} MiB"
    assert shown["a manifest that is given as JSON too"] == f"{limits.projection_size_max >> 20} MiB"
    assert shown["the head of a request"] == f"{limits.head_size_max >> 10} KiB"
    assert shown["nothing comes, in a request or between two"] == f"{limits.idle_s:g} seconds"
    assert shown["nothing is taken of an answer"] == f"{limits.send_s:g} seconds"
    assert shown["bodies at once"] == f"{limits.bodies_max} bodies"
    assert shown["connections at once"] == f"{limits.connections_max:,} connections"


def test_the_page_names_no_variable_that_it_does_not_set() -> None:
    assert os.path.basename(PAGE) == "store_api.md"
    used = set(re.findall(r"\$([A-Z]+)", TEXT))
    assert used <= set(re.findall(r"^export (\w+)=", TEXT, re.MULTILINE))
