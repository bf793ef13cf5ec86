"""From the sections of a page to its tests: what each block is for, and what a test inherits.

A section inherits the files and settings of the sections around it; a file of its own takes the place of one of the
same name. It is a test where it expects something, or where it brings files and no section below it does: then its
files must compile without a finding. Whatever of the page is not understood is reported, so that nothing that looks
like a test is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from rsppc.base.names import near_miss
from rsppc.base.record import Record, replace
from rsppc.base.source import Source, Span, file_span
from rsppc.diagnostics import Diagnostic, DiagnosticSink, moved
from rsppc.lowering.check_shape import sound_mapping
from rsppc.model.kinds import BY_SCHEMA_VERSION
from rsppc.model.shape import Shape
from rsppc.spectest.declarations import EXPECTING, PLAN, TEST
from rsppc.spectest.expectation import Expectation, expectations_of, is_expectation
from rsppc.spectest.page import Block, Section, sections_of
from rsppc.spectest.proof import Proof, proofs_of, says_nothing
from rsppc.syntax.document import Mapping
from rsppc.syntax.reader import read
from rsppc.syntax.source_text import read_source


class UnknownBlock(Diagnostic):
    """A block that was meant as a part of a test and is not understood would leave the test with less than it says."""

    code = "RSP9503"
    name = "unknown-block"
    headline = "{problem}"
    hint = "{advice}"
    problem: str
    advice: str


class NamelessBlock(Diagnostic):
    """A source without a name gets that of the artifact in it; where that cannot be read, nobody could refer to it."""

    code = "RSP9504"
    name = "nameless-block"
    headline = "this block does not say which file it is, nor which artifact stands in it"
    hint = "write `{language} pipelines/specs/demo_v1.yaml` behind the fence, say, or `{language} ignore`"
    language: str


class FileTwice(Diagnostic):
    """In one section every file stands once; which of two is meant would depend on how one reads the page."""

    code = "RSP9505"
    name = "file-twice"
    headline = "`{subject}` stands in this section twice"
    hint = "begin another section, in which a block takes the place of one above"


class NoTest(Diagnostic):
    """A suite that tests nothing would pass whatever is wrong."""

    code = "RSP9506"
    name = "no-test"
    headline = "this page holds no test"
    hint = "a test is a section with a source, a `plan` or `proofs` in a fenced block"


class NoWorkspace(Diagnostic):
    """A test that uses a workspace is about what stands there."""

    code = "RSP9508"
    name = "no-workspace"
    headline = "this test uses the workspace, and there is none around the page"
    hint = "run `rsppc init` to make one, or leave out `uses: workspace`"


class ExpectsNothing(Diagnostic):
    """A turn of which nothing is expected passes whatever becomes of it."""

    code = "RSP9507"
    name = "expects-nothing"
    headline = "this block expects nothing"
    hint = "{advice}"
    advice: str


class SettingsOfNoTest(Diagnostic):
    """Settings hold in their section and in those below it; where there is no test, somebody believes in vain that some
    test is run like this."""

    code = "RSP9509"
    name = "settings-of-no-test"
    headline = "no test is run with these settings"
    hint = "put them into the section of the tests that they are meant for, or into one around it"


Role = Literal["source", "asset", "plan", "proofs", "test", ""]


class Plan(Record):
    """A block `plan`: a turn, and what is expected of it."""

    block: Block
    said: Mapping


class Settings(Record):
    """How the tests of a section are run."""

    uses_workspace: bool = False
    strict: bool = False
    runtime: str = ""
    lint: dict[str, str] = {}
    lint_at: dict[str, Span] = {}


class Test(Record):
    """One test. Its name is the way of headings that leads to it."""

    __test__ = False  # for a framework that takes every class of this name for its own

    page: Source
    name: str
    at: Span
    settings: Settings
    sources: dict[str, Block]
    """By path, those of the sections around it included."""
    assets: dict[str, Block]
    own: tuple[str, ...]
    """Paths of the sources that stand in the section itself."""
    expected: dict[str, tuple[Expectation, ...]]
    """By path of the source."""
    plans: tuple[Plan, ...]
    proofs: tuple[Proof, ...]

    @property
    def title(self) -> str:
        """Page and name."""
        return f"{self.page.path}: {self.name}" if self.name else self.page.path


class Suite(Record):
    """A page with its tests."""

    page: Source
    tests: tuple[Test, ...]


class _Part(Record):
    """What a section brings."""

    section: Section
    settings: Settings
    sources: dict[str, Block]
    assets: dict[str, Block]
    own: tuple[str, ...]
    plans: tuple[Plan, ...]
    proofs: tuple[Proof, ...]


def read_suite(path: str, data: bytes, sink: DiagnosticSink, *, must_test: bool = True) -> Suite | None:
    """The suite in a page; None where its bytes are no text. `must_test` is for pages that somebody named."""
    page = read_source(path, data, sink)
    if page is None:
        return None
    parts: list[_Part] = []
    for section in sections_of(page, sink):
        parts.append(_part(section, parts[section.parent] if section.parent >= 0 else None, sink))
    expected: dict[int, tuple[Expectation, ...]] = {}
    for part in parts:
        for source in part.own:
            block = part.sources[source]
            expected[id(block)] = tuple(expectations_of(block, sink))
    tests = tuple(_tests(page, parts, expected))
    if tests or not must_test:
        _check_settings(parts, tests, sink)
    elif not sink.has_errors:
        sink.report(NoTest(at=file_span(page)))
    return Suite(page=page, tests=tests)


def _check_settings(parts: list[_Part], tests: tuple[Test, ...], sink: DiagnosticSink) -> None:
    """Report settings of sections that hold no test, nor do those below them."""
    tested = {test.at.start for test in tests}
    running = {number for number, part in enumerate(parts) if part.section.at.start in tested}
    running |= {around for number in tuple(running) for around in _around(parts[number].section, parts)}
    for number, part in enumerate(parts):
        if number not in running:
            for block in part.section.blocks:
                if _role(block) == "test":
                    sink.report(SettingsOfNoTest(at=block.fence))


def is_suite(path: str, data: bytes) -> bool:
    """Whether a page that nobody named is meant as a suite: whether something in it is expected, or set."""
    sink = DiagnosticSink()
    page = read_source(path, data, sink)
    if page is None or ("```" not in page.text and "~~~" not in page.text):
        return False
    blocks = [block for section in sections_of(page, sink) for block in section.blocks]
    return any(
        _role(block) in ("plan", "proofs", "test")
        or (block.language in _SOURCES and "ignore" not in block.words and is_expectation(block.text))
        for block in blocks
    )


def _tests(page: Source, parts: list[_Part], expected: dict[int, tuple[Expectation, ...]]) -> Iterator[Test]:
    has_below = {around for part in parts if _brings(part) for around in _around(part.section, parts)}
    for number, part in enumerate(parts):
        holds = {path: expected[id(block)] for path, block in part.sources.items()}
        says = part.plans or part.proofs or any(holds[path] for path in part.own)
        if says or (part.own and number not in has_below):
            yield Test(
                page=page,
                name=" / ".join(part.section.titles),
                at=part.section.at,
                settings=part.settings,
                sources=part.sources,
                assets=part.assets,
                own=part.own,
                expected=holds,
                plans=part.plans,
                proofs=part.proofs,
            )


def _brings(part: _Part) -> bool:
    return bool(part.own or part.plans or part.proofs)


def _around(section: Section, parts: list[_Part]) -> Iterator[int]:
    while section.parent >= 0:
        yield section.parent
        section = parts[section.parent].section


_SOURCES = ("yaml", "json", "rspp")
_ROLES = ("plan", "proofs", "test", "ignore")
_ENDINGS = (".yaml", ".yml", ".json", ".rspp")


def _part(section: Section, around: _Part | None, sink: DiagnosticSink) -> _Part:
    settings = around.settings if around is not None else Settings()
    sources = dict(around.sources) if around is not None else {}
    assets = dict(around.assets) if around is not None else {}
    own: dict[str, Block] = {}
    plans: list[Plan] = []
    proofs: list[Proof] = []
    for block in section.blocks:
        role = _role(block)
        if role in ("source", "asset"):
            path = _path(block, sink)
            if path in own:
                sink.report(FileTwice(at=block.fence, subject=path))
            elif path:
                own[path] = block
                (sources if role == "source" else assets)[path] = block
        elif role == "proofs":
            found = tuple(proofs_of(block, sink))
            proofs.extend(found)
            if not found and says_nothing(block):
                sink.report(ExpectsNothing(at=block.fence, advice="write a line like `e2e p95 <= 1800 ms`"))
        elif role == "test":
            settings = _settings(settings, _declared(block, TEST, sink), block)
        elif role == "plan":
            plans.extend(_plan(block, sink))
        else:
            _check_other(block, sink)
    return _Part(
        section=section,
        settings=settings,
        sources=sources,
        assets=assets,
        own=tuple(path for path in own if path in sources),
        plans=tuple(plans),
        proofs=tuple(proofs),
    )


def _role(block: Block) -> Role:
    """What a block is for; empty where it is none of ours, or not understood."""
    if block.language == "proofs":
        return "proofs"
    word = block.words[0] if block.words else ""
    if word.endswith(_ENDINGS):
        return "source"
    if "/assets/" in word or word.startswith("assets/"):
        return "asset"
    if block.language not in _SOURCES:
        return ""
    if word in ("plan", "test") and block.language != "rspp":
        return "plan" if word == "plan" else "test"
    return "source" if not word or word[0] in "{[" or "=" in word else ""


def _check_other(block: Block, sink: DiagnosticSink) -> None:
    """Report a block that is none of ours by a slip only."""
    word = block.words[0] if block.words else ""
    if word == "ignore" or word in _PROSE.get(block.language, ()):
        return
    if word in ("plan", "test", "proofs"):
        advice = f"write `{'proofs' if word == 'proofs' else f'yaml {word}'}` behind the fence"
        shown = " ".join((block.language, word))
        sink.report(UnknownBlock(at=block.fence, problem=f"there is no block `{shown}`", advice=advice))
    elif block.language in (*_SOURCES, "yml"):
        guess = near_miss(word, _ROLES) if word else None
        advice = f"did you mean `{guess}`?" if guess else "write the path of a file, `plan`, `test`, or `ignore`"
        if block.language == "yml":
            advice = "write `yaml`"
        problem = f"there is no block `{' '.join((block.language, word)).strip()}`"
        sink.report(UnknownBlock(at=block.fence, problem=problem, advice=advice))
    elif "/" in word and "=" not in word:
        advice = "sources end in `.yaml`, `.json` or `.rspp`, assets lie below `pipelines/assets/`"
        sink.report(UnknownBlock(at=block.fence, problem=f"`{word}` is no file of a workspace", advice=advice))


_PROSE: dict[str, tuple[str, ...]] = {"diff": ("plan",), "terraform": ("plan",)}
"""Words of ours that mean something else in blocks of other languages."""


def _path(block: Block, sink: DiagnosticSink) -> str:
    """The file that a block stands for; empty where that cannot be said."""
    word = block.words[0] if block.words else ""
    if "/" in word or word.endswith(_ENDINGS):
        steps = word.split("/")
        if word.startswith("/") or ".." in steps or "" in steps or "\\" in word:
            advice = "write a path like `pipelines/specs/demo_v1.yaml`"
            sink.report(UnknownBlock(at=block.fence, problem=f"`{word}` leads out of the workspace", advice=advice))
            return ""
        return word
    document = read(f"block.{block.language}", block.text.encode(), DiagnosticSink())
    root = document.root if document is not None else None
    kind = BY_SCHEMA_VERSION.get(str(root.get("schema_version"))) if root is not None else None
    if root is None or kind is None or not all(isinstance(root.get(key), str) for key in (kind.id_field, "version")):
        sink.report(NamelessBlock(at=block.fence, language=block.language))
        return ""
    return f"pipelines/{kind.folder}/{root[kind.id_field]}_{root['version']}.{block.language}"


def _declared(block: Block, shape: Shape, sink: DiagnosticSink) -> Mapping | None:
    """The sound part of a block; what is wrong with it goes to the sink, with its place in the page."""
    found = DiagnosticSink()
    document = read(f"block.{block.language}", block.text.encode(), found)
    root = document.root if document is not None else None
    if root is not None and not found.has_errors:
        root = sound_mapping(root, shape, found)
    for diagnostic in found.sorted():
        sink.report(moved(diagnostic, block.place))
    return root if not found.has_errors else None


def _plan(block: Block, sink: DiagnosticSink) -> Iterator[Plan]:
    said = _declared(block, PLAN, sink)
    if said is None:
        return
    # Whatever becomes of a turn, all of an empty list of rules hold; an empty `outcome` still is one.
    if not any(key in said and (said[key] or key == "outcome") for key in EXPECTING):
        advice = f"say what must come of the turn: {', '.join(f'`{key}`' for key in EXPECTING)}"
        sink.report(ExpectsNothing(at=block.fence, advice=advice))
    elif "outcome" in said and len([key for key in EXPECTING if key in said]) > 1:
        advice = "a turn has a plan, or an outcome in its place: write two blocks"
        sink.report(
            UnknownBlock(at=block.fence, problem="this block expects a plan and an outcome as well", advice=advice)
        )
    else:
        yield Plan(block=block, said=said)


def _settings(before: Settings, said: Mapping | None, block: Block) -> Settings:
    if said is None:
        return before
    changes: dict[str, Any] = {key: said[key] for key in ("strict", "runtime") if key in said}
    if "uses" in said:
        changes["uses_workspace"] = said["uses"] == "workspace"
    if "lint" in said:
        lint = said["lint"]
        changes["lint"] = {**before.lint, **lint}
        changes["lint_at"] = {**before.lint_at, **{name: block.place(lint.key_span(name)) for name in lint}}
    return replace(before, **changes)
