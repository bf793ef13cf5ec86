"""Markdown that ships with the compiler as HTML of the site.

Headings get the anchors that other renderers give them, rows of tables that begin with a name get one of their own, and
links between files become links between pages; a link to what the site does not hold becomes its text. Comments in
a page speak to tests and are left out; any other HTML is shown as it is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from rsppc.model.reference_page import anchor

Resolve = Callable[[str], str | None]
"""Target of a link, as written → where it leads from the page; None where it leads nowhere."""


def html_of(text: str, resolve: Resolve) -> tuple[str, Markup]:
    """The title of a Markdown page, and its HTML."""
    reader = MarkdownIt("commonmark", {"html": True}).enable("table")
    tokens = reader.parse(text)
    ids, labels = _Ids(), _Ids()
    heading = section = ""
    for index, token in enumerate(tokens):
        following = tokens[index + 1 : index + 3]
        if token.type == "heading_open":
            section = _words(following[0])
            heading = ids.take(anchor(section))
            token.attrSet("id", heading)
        elif token.type == "table_open":
            token.meta = {"label": labels.take(f"Table of {section}")}
        elif token.type == "tr_open" and (name := _name_of_row(following)):
            token.attrSet("id", ids.take("-".join(f"{heading}.{name}".split())))
        elif token.type == "th_open" and not following[0].content:
            token.tag = following[1].tag = "td"  # a head that says nothing is none
        elif token.type == "html_block":
            token.content = _harmless(token.content)
        elif token.children:
            token.children = _with_links(token.children, resolve)
    made = reader.renderer.render(list(_scrollable(tokens)), reader.options, {})
    return _title(tokens), Markup(made.replace("<pre>", '<pre tabindex="0">'))  # so that keys can move what is wide


def _scrollable(tokens: Sequence[Token]) -> Iterator[Token]:
    """Tables in frames of their own, which keys can move where the screen is narrow."""
    for token in tokens:
        if token.type == "table_open":
            label = escape(token.meta["label"])
            frame = f'<div class="scroll" role="region" aria-label="{label}" tabindex="0">\n'
            yield Token("html_block", "", 0, content=frame)
        yield token
        if token.type == "table_close":
            yield Token("html_block", "", 0, content="</div>\n")


class _Ids:
    """Names on a page, each once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, wanted: str) -> str:
        name, number = wanted, 0
        while name in self._taken:
            number += 1
            name = f"{wanted}-{number}"
        self._taken.add(name)
        return name


def _title(tokens: Sequence[Token]) -> str:
    first = next((index for index, token in enumerate(tokens) if token.type == "heading_open"), None)
    return _words(tokens[first + 1]) if first is not None else ""


def _words(inline: Token) -> str:
    return "".join(child.content for child in inline.children or () if child.type in ("text", "code_inline"))


def _name_of_row(cell: Sequence[Token]) -> str:
    """The name that a row begins with; empty where it begins with prose, and in the head of a table."""
    if len(cell) < 2 or cell[0].type != "td_open" or not cell[1].children:
        return ""
    shown = [child for child in cell[1].children if child.type in ("text", "code_inline") and child.content]
    return shown[0].content if shown[0].type == "code_inline" and len(shown) == 1 else ""


def _with_links(children: Sequence[Token], resolve: Resolve) -> list[Token]:
    """The pieces of a line with their links resolved."""
    kept: list[Token] = []
    is_dropped = False
    for child in children:
        if child.type == "link_open":
            target = resolve(str(child.attrGet("href") or ""))
            is_dropped = target is None
            if target is None:
                continue
            child.attrSet("href", target)
        elif child.type == "link_close" and is_dropped:
            is_dropped = False
            continue
        elif child.type == "text" and kept and kept[-1].type == "link_open":
            child.content = child.content.removesuffix(".md")  # on a site there are pages, not files
        elif child.type == "image":
            child.type, child.tag = "text", ""  # nothing that ships has one, and the site loads nothing
        elif child.type == "html_inline":
            child.content = _harmless(child.content)
        kept.append(child)
    return kept


def _harmless(html: str) -> str:
    return "" if html.lstrip().startswith("<!--") and html.rstrip().endswith("-->") else escape(html)
