"""A site read as a browser would: what each page links to, which places it has, and whether its HTML holds together."""

from __future__ import annotations

import posixpath
from html.parser import HTMLParser
from pathlib import Path

_VOID = frozenset({"br", "hr", "img", "input", "link", "meta", "wbr"})


class ReadPage(HTMLParser):
    """One page: its ids, its links, what it loads, its text, and what is wrong with its tags."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.faults: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        self.faults += [f"<{tag}> is never closed" for tag in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        if len(names) != len(set(names)):
            self.faults.append(f"<{tag}> has an attribute twice")
        values = {name: value or "" for name, value in attrs}
        self.elements.append((tag, values))
        if "id" in values:
            self.ids.append(values["id"])
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif "src" in values or (tag == "link" and "href" in values):
            self.loaded.append(values.get("src") or values["href"])
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        if not self._open or self._open[-1] != tag:
            self.faults.append(f"</{tag}> closes nothing, within {self._open[-3:]}")
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        self.text += data


def read_site(folder: Path) -> dict[str, ReadPage]:
    """All pages of a site by their path."""
    return {
        path.relative_to(folder).as_posix(): ReadPage(path.read_text(encoding="utf-8"))
        for path in sorted(folder.rglob("*.html"))
    }


def broken_links(folder: Path, pages: dict[str, ReadPage]) -> list[str]:
    """Links that lead to no file or to no place in it."""
    broken = []
    for path, page in pages.items():
        for link in page.links:
            if link.startswith(("https://", "http://")):
                continue
            name, _, anchor = link.partition("#")
            target = posixpath.normpath(posixpath.join(posixpath.dirname(path), name)) if name else path
            is_there = (folder / target).is_file()
            if not is_there or (anchor and (target not in pages or anchor not in pages[target].ids)):
                broken.append(f"{path}: {link}")
    return broken
