"""The site that `rsppc docs` writes: its links, its search, what authors may have written into it, its folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from rsppc.handbook.manual import LEFT_OUT, NAMES
from rsppc.handbook.markdown import html_of
from rsppc.handbook.page import Page, spots
from rsppc.handbook.site import to
from rsppc.handbook.templates import prose, source
from rsppc.model import shape as m
from rsppc.model.kinds import KINDS
from rsppc.model.reference_page import anchor
from site_reading import ReadPage, broken_links, read_site
from workspaces import CLEAN, SPEC, SPEC_PATH, make, rsppc

ROOT = Path(__file__).parent.parent.parent
EVIL = "\"><script>alert(1)</script><img src=x onerror=alert(2)> ' {{ 7*7 }} \u202e [x](javascript:alert(3)) `<b>`"
MANIFEST = f"""\
schema_version: rspp.extension.manifest.v1
extension_id: house
version: v1
type: external_node
api_version: v1
trust_level: trusted
resource_limits: {{cpu_milli: 1000, memory_bytes: 536870912, max_concurrency: 16}}
metadata:
  title: {json.dumps(EVIL)}
  owner: {json.dumps(EVIL)}
  description: {json.dumps(EVIL)}
  labels: {{{json.dumps(EVIL)}: {json.dumps(EVIL)}}}
node_types:
  - node_type: house.mood
    doc: {json.dumps(EVIL)}
    execution_mode: external
    impl_ref: {json.dumps("package:" + EVIL)}
    digest: sha256:{"0" * 64}
    ports:
      - {{name: text, direction: in, type: text<final>, lane: DataLane, doc: {json.dumps(EVIL)}}}
      - {{name: mood, direction: out, type: record<house.mood.v1>, lane: DataLane, required: false}}
    config:
      - name: words
        type: enum
        values: [{json.dumps(EVIL)}, calm]
        default: {json.dumps(EVIL)}
        doc: {json.dumps(EVIL)}
      - {{name: window_ms, type: duration_ms, default: 2000, min: 100, max: 10000, doc: How much speech is judged.}}
    cancel: {{mode: cooperative, cancel_latency_ms: 40, style: soft}}
    state: session_hot
    scope: turn
    latency: {{mood: {{p50_ms: 12, p95_ms: 30}}}}
    timeout_ms: 200
records:
  - schema_id: house.mood.v1
    schema: {{type: object, description: {json.dumps(EVIL)}, properties: {{mood: {{type: string}}}}, required: [mood]}}
"""
WORKSPACE = {**CLEAN, "pipelines/extensions/house_v1.yaml": MANIFEST}
Site = dict[str, ReadPage]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of a workspace whose author means harm."""
    place = make(tmp_path_factory.mktemp("site"), WORKSPACE)
    said = rsppc(place, "docs", "--output", "public", "--title", f"Voice {EVIL}")
    assert said.returncode == 0, said.stdout.decode() + said.stderr.decode()
    return place / "public"


@pytest.fixture(scope="module")
def site(folder: Path) -> Site:
    return read_site(folder)


def index_of(folder: Path) -> dict[str, Any]:
    text = (folder / "search_index.js").read_text("utf-8")
    value: dict[str, Any] = json.loads(text.removeprefix("var RSPPC_INDEX = ").removesuffix(";\n"))
    return value


def found(folder: Path, *words: str) -> list[str]:
    """Addresses of the places in which all words occur, as the search on the pages finds them."""
    value = index_of(folder)
    return [
        value["pages"][page][0] + (f"#{anchor}" if anchor else "")
        for page, anchor, title, text in value["places"]
        if all(word in f"{title} {text}".lower() for word in words)
    ]


# --- Pages ------------------------------------------------------------------------------------------------------------


def test_every_link_leads_to_a_page_and_to_a_place_on_it(folder: Path, site: Site) -> None:
    assert broken_links(folder, site) == []


def test_the_search_for_broken_links_finds_them(tmp_path: Path) -> None:
    (tmp_path / "one.html").write_text(
        '<a href="two.html">x</a><a href="#no">y</a><a href="one.html#yes">z</a><p id="yes">'
    )
    pages = {"one.html": ReadPage((tmp_path / "one.html").read_text())}
    assert broken_links(tmp_path, pages) == ["one.html: two.html", "one.html: #no"]


def test_tags_are_closed_and_ids_stand_once(site: Site) -> None:
    assert {path: page.faults for path, page in site.items() if page.faults} == {}
    assert [path for path, page in site.items() if len(page.ids) != len(set(page.ids))] == []


def test_everything_has_a_page(site: Site) -> None:
    own = ("pipeline/line_v1", "bundle/line_bundle_v1", "extension/house_v1", "extension/house_providers_v1")
    expected = [f"workspace/{name}.html" for name in own]
    expected += ["node_types/house.mood.html", "node_types/speech.stt.html", "providers/stt-house.html"]
    expected += ["library/profile/simple_v1.html", "diagnostics/RSP3104.html", "manual/tutorial.html"]
    assert [path for path in expected if path not in site] == []
    pages = {path.stem for path in (ROOT / "docs/diagnostics").glob("RSP*.md")}
    assert pages == {path[12:-5] for path in site if path.startswith("diagnostics/RSP")}


def test_every_page_can_be_reached_from_the_first(site: Site) -> None:
    reached, waiting = {"index.html"}, ["index.html"]
    while waiting:
        path = waiting.pop()
        for link in site[path].links:
            target = os.path.normpath(os.path.join(os.path.dirname(path), link.partition("#")[0]))
            if target in site and target not in reached:
                reached.add(target)
                waiting.append(target)
    assert sorted(set(site) - reached) == []


def test_every_key_of_every_kind_has_a_place(site: Site) -> None:
    missing = []
    for kind in KINDS:
        shapes: list[m.Shape] = [kind.shape, *inside(kind.shape)]
        ids = set(site[f"kinds/{kind.name}.html"].ids)
        names = {f"{anchor(shape.name)}.{field.name}" for shape in shapes for field in shape.fields}
        missing += [f"{kind.name}: {name}" for name in sorted(names - ids)]
    assert missing == []


def inside(shape: m.Shape) -> list[m.Shape]:
    """All shapes inside a shape."""
    found: list[m.Shape] = []
    waiting: list[m.FieldType] = [field.type for field in shape.fields]
    while waiting:
        match waiting.pop():
            case m.Nested(shape=one):
                found.append(one)
                waiting += [field.type for field in one.fields]
            case m.Listing(item=inner) | m.Table(value=inner):
                waiting.append(inner)
            case m.OneOf(options=options):
                waiting += options
            case _:
                pass
    return found


def test_each_page_of_the_manual_is_on_the_site_or_left_out_on_purpose(site: Site) -> None:
    assert sorted((*NAMES, *LEFT_OUT)) == sorted(path.stem for path in (ROOT / "docs").glob("*.md"))
    assert [name for name in NAMES if f"manual/{name}.html" not in site] == []


def test_a_node_type_shows_ports_config_latency_and_who_uses_it(site: Site) -> None:
    page = site["node_types/house.mood.html"]
    assert {"in.text", "out.mood", "config.window_ms", "latency", "facts.scope"} <= set(page.ids)
    for word in ("2000", "100 to 10000", "How much speech is judged.", "12", "30"):
        assert word in page.text
    assert "../workspace/pipeline/line_v1.html" in site["node_types/speech.stt.html"].links


def test_a_pipeline_links_what_it_names_and_shows_its_graph(site: Site) -> None:
    page = site["workspace/pipeline/line_v1.html"]
    assert {
        "../../node_types/speech.stt.html",
        "../../providers/stt-house.html",
        "../../library/profile/simple_v1.html",
        "../../kinds/pipeline.html#node.node_type",
        "../bundle/line_bundle_v1.html",
    } <= set(page.links)
    assert "svg" in {tag for tag, _ in page.elements}
    assert "silence_ms: 400" in page.text


def test_what_ships_is_compiled_with_what_ships_beside_it(site: Site) -> None:
    """Examples of the library are shown as what they become, with prompts that no workspace has."""
    pages = [path for path in site if path.startswith(("library/pipeline/", "library/bundle/"))]
    assert len(pages) >= 10
    assert [path for path in pages if "graph" not in site[path].ids] == []


def test_what_does_not_compile_has_a_page_without_a_graph(tmp_path: Path) -> None:
    broken = SPEC.replace("to: endpoint.activity", "to: nobody.activity")
    make(tmp_path, {**CLEAN, SPEC_PATH: broken})
    assert rsppc(tmp_path, "docs").returncode == 0
    page = ReadPage((tmp_path / "site/workspace/pipeline/line_v1.html").read_text("utf-8"))
    assert "svg" not in {tag for tag, _ in page.elements}
    assert "nobody.activity" in page.text


# --- What authors may have written --------------------------------------------------------------------------------


def test_what_an_author_wrote_is_text_and_nothing_else(site: Site) -> None:
    for path, page in site.items():
        scripts = [values for tag, values in page.elements if tag == "script"]
        assert [values.get("src", "").rpartition("/")[2] for values in scripts] == ["search.js"], path
        tags = {tag for tag, _ in page.elements}
        assert tags.isdisjoint({"img", "iframe", "object", "embed", "b", "style"}), path
        assert not any(name.startswith("on") for _, values in page.elements for name in values), path
        assert not any(link.lower().startswith(("javascript:", "data:")) for link in page.links), path
    mood = site["node_types/house.mood.html"]
    assert "<script>alert(1)</script><img src=x onerror=alert(2)>" in mood.text
    assert "{{ 7*7 }}" in mood.text


def test_what_cannot_be_seen_is_shown(site: Site) -> None:
    page = site["workspace/extension/house_v1.html"]
    assert "\u202e" not in page.text
    assert "<U+202E>" in page.text


def test_a_page_loads_what_is_beside_it_and_forbids_everything_else(folder: Path, site: Site) -> None:
    for path, page in site.items():
        assert sorted(one.rpartition("/")[2] for one in page.loaded) == ["search.js", "style.css"], path
        assert not any("://" in one for one in page.loaded), path
        policy = [v["content"] for _, v in page.elements if v.get("http-equiv") == "Content-Security-Policy"]
        assert policy and policy[0].startswith("default-src 'none'"), path
    for name in ("style.css", "search.js"):
        assert "://" not in (folder / name).read_text("utf-8")
    assert "innerHTML" not in (folder / "search.js").read_text("utf-8")


# --- Search -----------------------------------------------------------------------------------------------------------


def test_the_search_finds_keys_types_messages_and_prose(folder: Path) -> None:
    assert "node_types/speech.endpointing.html#config.silence_ms" in found(folder, "silence_ms")
    assert "node_types/house.mood.html#config.window_ms" in found(folder, "window_ms")
    assert "diagnostics/RSP3104.html" in found(folder, "rsp3104")
    assert "kinds/pipeline.html#node.node_type" in found(folder, "node_type", "what the node is")
    assert any(one.startswith("manual/tutorial.html") for one in found(folder, "rsppc init"))
    assert "manual/cli.html#rsppc-build.--locked" in found(folder, "--locked")


def test_every_place_in_the_index_is_there(folder: Path, site: Site) -> None:
    value = index_of(folder)
    pages = [page for page, *_ in value["pages"]]
    assert sorted(pages) == sorted(site)
    assert [
        (pages[page], anchor) for page, anchor, *_ in value["places"] if anchor and anchor not in site[pages[page]].ids
    ] == []


def test_places_of_a_page_are_its_sections_and_rows() -> None:
    _, body = html_of("# T\n\nIntro `x`.\n\n## One\n\n| Key | Says |\n|---|---|\n| `a b` | yes |\n", lambda link: link)
    places = [(one.anchor, one.title, one.text) for one in spots(Page(path="p", title="T", group="", body=body))]
    assert places == [("", "T", "Intro x."), ("one", "One", ""), ("one.a-b", "a b", "yes")]


# --- Markdown and text ------------------------------------------------------------------------------------------------


def test_markdown_keeps_comments_to_itself_and_shows_other_html_as_text() -> None:
    _, body = html_of("# T\n\n<!-- run in x -->\n\n<b onclick=x>hm</b> <!-- y -->\n", lambda link: link)
    assert "run in x" not in body and "<b" not in body and "&lt;b onclick=x&gt;" in body


def test_a_link_that_leads_nowhere_becomes_its_text() -> None:
    _, body = html_of("# T\n\n[one](a.md) and [two](b.md).", lambda link: "a.html" if link == "a.md" else None)
    assert '<a href="a.html">one</a> and two.' in body


def test_headings_of_one_name_have_anchors_of_their_own() -> None:
    title, body = html_of("# `T` x\n\n## Same\n\n## Same\n", lambda link: link)
    assert title == "T x" and 'id="same"' in body and 'id="same-1"' in body


def test_prose_has_code_between_backticks_and_nothing_else() -> None:
    assert prose("a `b<c>` d\n\n`e") == "<p>a <code>b&lt;c&gt;</code> d</p>\n<p>`e</p>\n"


def test_sources_keep_their_lines_and_lose_what_cannot_be_shown() -> None:
    assert source("a\r\n\tb\u202e\ud800\n") == "a\n    b&lt;U+202E&gt;&lt;U+D800&gt;"


@pytest.mark.parametrize(
    ("path", "target", "link"),
    [
        ("index.html", "a/b.html#c", "a/b.html#c"),
        ("a/b.html", "index.html", "../index.html"),
        ("a/b/c.html", "a/d/e.html", "../d/e.html"),
        ("a/b.html", "a/b.html#x", "b.html#x"),
    ],
)
def test_links_are_relative(path: str, target: str, link: str) -> None:
    assert to(path, target) == link


# --- The folder -------------------------------------------------------------------------------------------------------


def bytes_below(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_surroundings_change_no_byte(folder: Path, tmp_path: Path) -> None:
    make(tmp_path / "elsewhere", WORKSPACE)
    said = rsppc(
        tmp_path / "elsewhere",
        *("docs", "--output", "public", "--title", f"Voice {EVIL}"),
        PYTHONHASHSEED="4711",
        TZ="Asia/Tokyo",
    )
    assert said.returncode == 0
    assert bytes_below(tmp_path / "elsewhere/public") == bytes_below(folder)


def test_a_site_is_replaced_as_a_whole(tmp_path: Path) -> None:
    make(tmp_path)
    assert rsppc(tmp_path, "docs").returncode == 0
    (tmp_path / "site/workspace/pipeline/gone_v1.html").write_text("an earlier page")
    assert rsppc(tmp_path, "docs").returncode == 0
    assert not (tmp_path / "site/workspace/pipeline/gone_v1.html").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pipelines", "site"]


@pytest.mark.parametrize("place", [".", "pipelines", "pipelines/site", "mine", "file.txt"])
def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path, place: str) -> None:
    make(tmp_path, {**CLEAN, "mine/thesis.txt": "years of work", "file.txt": "x"})
    before = bytes_below(tmp_path)
    said = rsppc(tmp_path, "docs", "--output", place)
    assert said.returncode == 2
    assert b"--output" in said.stderr
    assert bytes_below(tmp_path) == before


def test_an_empty_folder_may_become_a_site(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "public").mkdir()
    assert rsppc(tmp_path, "docs", "--output", "public").returncode == 0
    assert (tmp_path / "public/index.html").is_file()


def test_a_file_that_cannot_be_read_is_said_and_nothing_is_written(tmp_path: Path) -> None:
    make(tmp_path, {**CLEAN, SPEC_PATH: "nodes: [\n"})
    said = rsppc(tmp_path, "docs")
    assert said.returncode == 1
    assert b"pipelines/specs/line_v1.yaml" in said.stdout
    assert not (tmp_path / "site").exists()


def test_a_folder_that_cannot_be_made_is_a_fault_of_the_machine(tmp_path: Path) -> None:
    make(tmp_path, {**CLEAN, "file.txt": "x"})
    said = rsppc(tmp_path, "docs", "--output", "file.txt/site")
    assert said.returncode == 4
    assert b"cannot write `file.txt/site`" in said.stderr


def test_a_workspace_without_artifacts_has_a_site_too(tmp_path: Path) -> None:
    (tmp_path / "pipelines").mkdir()
    assert rsppc(tmp_path, "docs").returncode == 0
    pages = read_site(tmp_path / "site")
    assert "holds no artifacts yet" in pages["index.html"].text
    assert broken_links(tmp_path / "site", pages) == []
