"""Whatever an author writes is shown on the site as it was written, and is never a tag."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rsppc.diagnostics.visible import visible
from rsppc.handbook.markdown import html_of
from rsppc.handbook.page import Page, spots
from rsppc.handbook.templates import line, prose, render, source, told
from rsppc.model.kinds import KINDS
from site_reading import ReadPage

TEXTS = st.text(st.characters() | st.sampled_from("<>&\"'`{}%[]()#|\\\n\t\u202e")) | st.sampled_from(
    ["<script>x</script>", "<!-- x -->", "</code></pre>", "{{ 7 }}", "[x](javascript:y)", "&lt;", "]]>"]
)


@given(TEXTS)
def test_prose_and_sources_show_their_text_and_no_tag_of_it(text: str) -> None:
    shown = ReadPage(told(text))
    assert {tag for tag, _ in shown.elements} <= {"code"}
    assert shown.text.replace("`", "") == visible(line(text)).replace("`", "")
    assert {tag for tag, _ in ReadPage(prose(text)).elements} <= {"p", "code"}
    assert ReadPage(source(text)).elements == []


@given(TEXTS, TEXTS)
def test_a_page_around_any_title_is_whole_and_loads_nothing_more(title: str, word: str) -> None:
    body = render("macros.html.j2") + source(word)
    page = Page(path="kinds/x.html", title=title, group=word, body=body)
    made = render(
        "frame.html.j2", page=page, site=_Site(word), navigation=[], contents=spots(page), to=lambda path: path
    )
    read = ReadPage(made)
    assert read.faults == []
    assert read.loaded == ["style.css", "search.js"]
    assert [values for tag, values in read.elements if tag == "script"] == [{"src": "search.js", "defer": ""}]


class _Site:
    def __init__(self, word: str) -> None:
        self.title = self.made_by = word


@given(TEXTS)
def test_markdown_of_any_text_is_whole_and_holds_no_script(text: str) -> None:
    _, body = html_of(f"# {KINDS[0].title}\n\n{text}\n", lambda link: link)
    read = ReadPage(str(body))
    assert read.faults == []
    assert {tag for tag, _ in read.elements}.isdisjoint({"script", "img", "iframe", "style"})
    assert len(read.ids) == len(set(read.ids))
