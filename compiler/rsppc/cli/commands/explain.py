"""`rsppc explain`: say what a diagnostic means, why the compiler insists, and what can be done."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from rsppc.base.names import near_miss
from rsppc.cli.session import usage
from rsppc.diagnostics.visible import visible
from rsppc.resources import read_text


@click.command("explain", epilog="Examples: `rsppc explain RSP3104`, `rsppc explain edge-format`, `rsppc explain`.")
@click.argument("diagnostic", required=False)
def COMMAND(diagnostic: str | None) -> None:  # the module's one member, found by this name
    """Explain a DIAGNOSTIC, given by its code or by its name; without one, list them all."""
    index = read_text("pages", "README.md")
    if diagnostic is None:
        click.echo(_plain(index), nl=False)
        return
    codes = _codes(index)
    code = codes.get(diagnostic.upper()) or codes.get(diagnostic.lower())
    if code is None:
        guess = near_miss(diagnostic.upper(), codes) or near_miss(diagnostic.lower(), codes)
        usage(
            f"there is no diagnostic `{visible(diagnostic[:100])}`",
            f"did you mean `{guess}`?" if guess else "run `rsppc explain` to see all of them",
        )
    click.echo(_plain(read_text("pages", f"{code}.md")), nl=False)


_ROW = re.compile(
    r"\| \[(?P<code>RSP[0-9]{4})\]\([^)]*\) \| (?P<name>[^ ]+) \| (?P<severity>[a-z]+) \| (?P<said>.*) \|"
)


def _codes(index: str) -> dict[str, str]:
    """Every code, by itself and by the name that goes with it."""
    rows = list(_ROW.finditer(index))
    return {row["code"]: row["code"] for row in rows} | {row["name"]: row["code"] for row in rows}


def _plain(page: str) -> str:
    """A generated page as text for a terminal: what is Markdown about it is said by indentation."""
    return "\n".join(_plain_lines(page)).strip("\n") + "\n"


_MARKUP = ("<!--", "|---", "| Code")


def _plain_lines(page: str) -> Iterator[str]:
    fence, blank = "", False
    for line in page.split("\n"):
        if fence:
            if line == fence:
                fence, blank = "", False
            else:
                yield f"    {line}".rstrip()
        elif line.startswith("```"):
            fence = line.rstrip("abcdefghijklmnopqrstuvwxyz")
        elif not line.startswith(_MARKUP) and not (blank and not line):
            yield _plain_line(line)
            blank = not line


def _plain_line(line: str) -> str:
    row = _ROW.fullmatch(line)
    if row is not None:
        return f"  {row['code']}  {row['name']:<28} {row['said']}".replace("\\|", "|")
    if line.startswith("#"):
        return line.lstrip("# ")
    return f"  {line.removeprefix('> ')}".rstrip()
