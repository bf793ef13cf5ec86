"""The index of the search: every section and every key of the site, with the words that stand there.

It is a script that gives one variable a value in JSON, because a page that was opened from a file may load scripts from
its folder and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable

from rsppc.base.canonical_json import canonical
from rsppc.handbook.page import Page, spots

FILE = "search_index.js"


def index(pages: Iterable[Page]) -> str:
    """The script. Pages are `[path, title, group]`, places `[page, anchor, title, text]`; a page's own place has no
    anchor."""
    listed = tuple(pages)
    places = [
        [number, spot.anchor, spot.title, spot.text]
        for number, page in enumerate(listed)
        for spot in spots(page)
        if spot.title or spot.text
    ]
    value = {"pages": [[page.path, page.title, page.group] for page in listed], "places": places}
    return f"var RSPPC_INDEX = {canonical(value).decode()};\n"
