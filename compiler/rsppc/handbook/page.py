"""A page of the site, and what can be found on it: its sections and keys, read from its own HTML.

Pages are made in two ways, by templates and of Markdown. Contents, anchors and the index of the search are made of what
a reader will see, so that there is one way to make them.
"""

from __future__ import annotations

from html.parser import HTMLParser

from markupsafe import Markup

from rsppc.base.record import Record

_HEADINGS = ("h1", "h2", "h3")


class Page(Record):
    """One page; `path` is below the site."""

    path: str
    title: str
    group: str
    """What it is among others, as in `Node types`: said in the search, and marked in the navigation."""
    body: Markup
    code_is_found: bool = True
    """Whether the search looks into blocks of code; examples that resemble each other would hide everything else."""


class Spot(Record):
    """A place on a page that can be found and linked: the page itself, a section, or a row of a table."""

    anchor: str
    title: str
    text: str
    level: int
    """1 to 3 for headings, 0 for a row."""


def spots(page: Page) -> tuple[Spot, ...]:
    """The places of a page, in reading order. What stands in a row belongs to the row, not to its section."""
    reader = _Reader(page)
    reader.feed(str(page.body))
    reader.close()
    return tuple(
        Spot(anchor=one.anchor, title=_line(one.title), text=_line(one.text), level=one.level) for one in reader.found
    )


def _line(pieces: list[str]) -> str:
    return " ".join("".join(pieces).split())


class _Open:
    """A spot that is being read."""

    def __init__(self, anchor: str, level: int) -> None:
        self.anchor, self.level = anchor, level
        self.title: list[str] = []
        self.text: list[str] = []


class _Reader(HTMLParser):
    """Collects spots while it walks over a page."""

    def __init__(self, page: Page) -> None:
        super().__init__(convert_charrefs=True)
        self._skips_code = not page.code_is_found
        self._section = _Open("", 1)
        self._section.title.append(page.title)
        self._row: _Open | None = None
        self._is_heading = self._is_name = False
        self._skipped = 0
        self.found = [self._section]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        anchor = dict(attrs).get("id") or ""
        if tag in _HEADINGS and anchor:
            self._is_heading = True
            if tag != "h1":  # the page itself is the first spot
                self._section = _Open(anchor, int(tag[1]))
                self.found.append(self._section)
        elif tag == "tr" and anchor:
            self._row = _Open(anchor, 0)
            self._is_name = True
            self.found.append(self._row)
        if self._is_skipped(tag):
            self._skipped += 1
        if tag not in ("code", "span", "a", "em", "strong", "wbr"):
            (self._row or self._section).text.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in _HEADINGS:
            self._is_heading = False
        elif tag == "tr":
            self._row = None
        elif tag in ("td", "th"):
            self._is_name = False
        elif self._is_skipped(tag):
            self._skipped -= 1

    def _is_skipped(self, tag: str) -> bool:
        return tag in ("svg", "thead") or (tag == "pre" and self._skips_code)

    def handle_data(self, data: str) -> None:
        if self._skipped:
            return
        if self._row is not None:
            (self._row.title if self._is_name else self._row.text).append(data)
        elif self._is_heading:
            if self._section.level > 1:
                self._section.title.append(data)
        else:
            self._section.text.append(data)
