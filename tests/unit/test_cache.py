"""The cache: what invalidates it, what damages it, and what it does when it cannot be used."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rsppc.base.source import Source, Span
from rsppc.caching import compiler as cache_compiler
from rsppc.caching import folder as cache_folder
from rsppc.caching import memory as cache_memory
from rsppc.caching.folder import CacheFolder
from rsppc.caching.plain import NotKept, from_plain, to_plain
from rsppc.caching.traces import Book, Learnt, Recall, continued, from_bytes, to_bytes
from rsppc.cli.answers import CACHE
from rsppc.diagnostics import DiagnosticSink
from rsppc.driver import Compilation
from rsppc.lowering.lower import ModuleTooOld
from rsppc.lowering.tracking import TrackedArtifacts
from rsppc.workspace import find_workspace
from workspaces import (
    BUNDLE,
    BUNDLE_PATH,
    CLEAN,
    PROVIDERS,
    PROVIDERS_PATH,
    SPEC,
    SPEC_PATH,
    built_files,
    make,
    rsppc_here,
)

PROMPTED = SPEC.replace("provider: llm-house}", "provider: llm-house, config: {system_prompt: prompts/line.txt}}")
PROMPT_PATH = "pipelines/assets/prompts/line.txt"
SHIPPED = Path(__file__).parents[2] / "pipelines"
SIMPLE = (SHIPPED / "profiles" / "simple_v1.yaml").read_text()


@pytest.fixture(autouse=True)
def any_compiler_is_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_folder, "_JUST_NOW_NS", -(10**20))
    monkeypatch.setattr(cache_memory, "compiler_stamp", lambda: ("sha256:" + "0" * 64, 0))


def explained(folder: Path, *arguments: str) -> list[str]:
    """What a check says of its cache."""
    done = rsppc_here(folder, "check", "--cache", "--explain-cache", *arguments)
    return [line.removeprefix("cache: ") for line in done.stderr.decode().splitlines() if line.startswith("cache: ")]


def anew(folder: Path, *arguments: str) -> dict[str, str]:
    """Files that a check judged anew, with the reasons."""
    lines = [line for line in explained(folder, *arguments) if line.startswith("check ")]
    return {path.removeprefix("check "): reason for path, _, reason in (line.partition(": ") for line in lines)}


def book_of(folder: Path) -> Path:
    (book,) = (folder / CACHE).glob("*.book")
    return book


# --- What is found again, and what is not ----------------------------------------------------------------------------


def test_an_unchanged_workspace_is_not_compiled_again(tmp_path: Path) -> None:
    folder = make(tmp_path)
    assert set(anew(folder).values()) == {"first time"}
    assert explained(folder) == ["3 from the cache, 0 anew"]


def test_without_the_folder_nothing_is_remembered_and_with_it_everything_is(tmp_path: Path) -> None:
    folder = make(tmp_path)
    done = rsppc_here(folder, "check", "--explain-cache")
    assert done.stderr == b"cache: not used\n" and not (folder / CACHE).exists()
    (folder / CACHE).mkdir()
    rsppc_here(folder, "check")
    assert book_of(folder).is_file()
    assert rsppc_here(folder, "check", "--no-cache", "--explain-cache").stderr == b"cache: not used\n"
    assert (folder / CACHE / ".gitignore").read_text() == "*\n"


Change = Callable[[Path], object]


@pytest.mark.parametrize(
    ("change", "path", "reason"),
    [
        (lambda f: make(f, {SPEC_PATH: PROMPTED + "\n"}), BUNDLE_PATH, f"{SPEC_PATH} was sha256:"),
        (lambda f: make(f, {PROMPT_PATH: "Be kind."}), BUNDLE_PATH, "assets/prompts/line.txt was sha256:"),
        (lambda f: (f / PROMPT_PATH).unlink(), BUNDLE_PATH, "assets/prompts/line.txt was sha256:"),
        (lambda f: (f / SPEC_PATH).unlink(), BUNDLE_PATH, " is gone"),
        (
            lambda f: make(f, {"pipelines/profiles/simple_v1.yaml": SIMPLE + "\n"}),
            BUNDLE_PATH,
            "pipelines/profiles/simple_v1.yaml was not there and is sha256:",
        ),
        (lambda f: make(f, {"pipelines/a/line_v1.yaml": SPEC}), BUNDLE_PATH, "pipelines/a/line_v1.yaml was not there"),
        (lambda f: make(f, {"pipelines/extensions/x_v1.yaml": "a: rspp.extension.manifest.v1"}), BUNDLE_PATH, "x_v1"),
        (lambda f: make(f, {"rsppc.toml": "strict = true\n"}), BUNDLE_PATH, "option strict changed from false to true"),
        (lambda f: make(f, {"rsppc.toml": '[lint]\ndouble-detector = "error"\n'}), BUNDLE_PATH, "the lint is another"),
    ],
    ids=["spec", "asset", "asset gone", "spec gone", "shadow", "same name", "manifest", "strict", "lint"],
)
def test_what_changed_is_found_out_again_and_named(tmp_path: Path, change: Change, path: str, reason: str) -> None:
    folder = make(tmp_path, CLEAN, **{SPEC_PATH: PROMPTED, PROMPT_PATH: "Be brief."})
    explained(folder)
    change(folder)
    reasons = anew(folder)
    assert reason in reasons[path]
    assert rsppc_here(folder, "check", "--cache").stdout == rsppc_here(folder, "check", "--no-cache").stdout


def test_what_does_not_depend_on_a_change_stays(tmp_path: Path) -> None:
    folder = make(tmp_path, CLEAN, **{"pipelines/specs/other_v1.yaml": SPEC.replace("id: line", "id: other")})
    explained(folder)
    make(folder, {"pipelines/specs/other_v1.yaml": SPEC.replace("id: line", "id: other") + "\n"})
    assert list(anew(folder)) == ["pipelines/specs/other_v1.yaml"]


def test_strict_after_plain_is_another_question(tmp_path: Path) -> None:
    folder = make(tmp_path)
    explained(folder)
    assert "option strict changed from false to true" in anew(folder, "--strict")[BUNDLE_PATH]
    assert explained(folder)[-1] == explained(folder, "--strict")[-1] == "3 from the cache, 0 anew"


def reasons_of(folder: Path, *arguments: str) -> str:
    """What a command says of its cache, in one text."""
    done = rsppc_here(folder, *arguments, "--cache", "--explain-cache")
    assert b"bug" not in done.stderr
    return done.stderr.decode()


def test_a_build_asks_other_questions_than_a_check(tmp_path: Path) -> None:
    folder = make(tmp_path)
    explained(folder)
    assert f"check {PROVIDERS_PATH}: option purpose changed from check to build" in reasons_of(folder, "build")


def test_another_runtime_is_another_question(tmp_path: Path) -> None:
    folder = make(tmp_path)
    explained(folder)
    assert "option runtime changed from none to rspp_go/v1" in reasons_of(folder, "check", "--runtime", "rspp_go/v1")


def test_another_snapshot_is_another_question(tmp_path: Path) -> None:
    snapshot = (SHIPPED / "rollouts" / "local_v1.yaml").read_text()
    folder = make(tmp_path, CLEAN, **{"pipelines/rollouts/mine_v1.yaml": snapshot.replace("id: local", "id: mine")})
    reasons_of(folder, "build")
    told = reasons_of(folder, "build", "--snapshot", "mine/v1")
    assert "option snapshot changed from local/v1 to mine/v1" in told


def test_a_snapshot_that_shadows_another_is_noticed(tmp_path: Path) -> None:
    snapshot = (SHIPPED / "rollouts" / "local_v1.yaml").read_text()
    folder = make(tmp_path)
    reasons_of(folder, "build")
    make(folder, {"pipelines/rollouts/local_v1.yaml": snapshot + "\n"})
    assert "rollouts/local_v1.yaml was not there and is sha256:" in reasons_of(folder, "build")


def test_other_folders_of_sources_are_another_question(tmp_path: Path) -> None:
    folder = make(tmp_path)
    explained(folder)
    (folder / "pipelines").rename(folder / "voice")
    (folder / "rsppc.toml").write_text('sources = "voice"\n')
    (folder / "pipelines").mkdir()
    assert len(anew(folder)) == 2
    make(folder, CLEAN)
    (folder / "rsppc.toml").unlink()
    assert anew(folder) == {}


def test_a_place_in_the_configuration_is_an_input(tmp_path: Path) -> None:
    config = 'runtime = "rspp_go/v1"\n'
    folder = make(tmp_path, CLEAN, **{"rsppc.toml": config})
    explained(folder)
    (folder / "rsppc.toml").write_text("\n" + config)
    assert "rsppc.toml was sha256:" in anew(folder)[BUNDLE_PATH]
    assert rsppc_here(folder, "check", "--cache").stdout == rsppc_here(folder, "check", "--no-cache").stdout


def test_a_runtime_of_the_workspace_that_shadows_a_shipped_one_is_noticed(tmp_path: Path) -> None:
    runtime = (SHIPPED / "compat" / "rspp_go_v1.yaml").read_text()
    folder = make(tmp_path, CLEAN, **{"rsppc.toml": 'runtime = "rspp_go/v1"\n'})
    explained(folder)
    make(folder, {"pipelines/compat/rspp_go_v1.yaml": runtime + "\n"})
    assert "rspp_go_v1.yaml was not there and is sha256:" in anew(folder)[BUNDLE_PATH]


def test_what_was_proposed_is_an_input(tmp_path: Path) -> None:
    """A message names what is there; another file of the kind is another message."""
    folder = make(tmp_path, CLEAN, **{BUNDLE_PATH: BUNDLE.replace("profile_ref: simple/v1", "profile_ref: nobodys/v1")})
    explained(folder)
    make(folder, {"pipelines/profiles/nobodies_v1.yaml": SIMPLE.replace("id: simple", "id: nobodies")})
    assert "nobodies_v1.yaml was not there and is sha256:" in str(anew(folder))


def test_a_file_that_nobody_could_name_is_an_input(tmp_path: Path) -> None:
    path = "pipelines/specs/strange.yaml"
    folder = make(tmp_path, CLEAN, **{path: "nodes: [\n"})
    before = rsppc_here(folder, "check", "--cache").stdout
    make(folder, {path: "nodes: 'x\n"})
    assert "strange.yaml was sha256:" in anew(folder)[path]
    assert rsppc_here(folder, "check", "--cache").stdout == rsppc_here(folder, "check", "--no-cache").stdout != before


def test_a_second_file_of_an_artifact_is_an_input_of_the_first(tmp_path: Path) -> None:
    path, text = "pipelines/specs/other_v1.yaml", SPEC.replace("id: line", "id: other")
    folder = make(tmp_path, CLEAN, **{path: text})
    explained(folder)
    make(folder, {"pipelines/a/other_v1.yaml": text + "\n"})
    assert "pipelines/a/other_v1.yaml was not there" in anew(folder)[path]
    assert rsppc_here(folder, "check", "--cache").stdout == rsppc_here(folder, "check", "--no-cache").stdout


def test_a_pinned_object_is_an_input(tmp_path: Path) -> None:
    folder = make(tmp_path)
    assert rsppc_here(folder, "pin", "line_bundle/v1").returncode == 0
    make(folder, {SPEC_PATH: SPEC.replace("400", "450")})
    explained(folder)
    before = rsppc_here(folder, "check", "--cache").stdout
    objects = sorted((folder / "pipelines/bundles/objects").iterdir())
    assert objects
    for one in objects:
        one.unlink()
    assert "objects/sha256:" in str(anew(folder))
    assert rsppc_here(folder, "check", "--cache").stdout == rsppc_here(folder, "check", "--no-cache").stdout != before


def same_with_and_without_the_cache(folder: Path) -> bool:
    """Whether a check says with the cache what it says without."""
    return rsppc_here(folder, "check", "--cache").stdout == rsppc_here(folder, "check", "--no-cache").stdout


OTHER_PATH = "pipelines/specs/other_v1.yaml"
OTHER = SPEC.replace("pipeline_id: line", "pipeline_id: other")


def test_a_second_file_of_what_nobody_refers_to_is_an_input_of_the_first(tmp_path: Path) -> None:
    profile = SIMPLE.replace("profile_id: simple", "profile_id: house")
    folder = make(tmp_path, CLEAN, **{"pipelines/profiles/house_v1.yaml": profile})
    explained(folder)
    make(folder, {"pipelines/a/house_v1.yaml": profile + "\n"})
    assert "pipelines/a/house_v1.yaml was not there" in anew(folder)["pipelines/profiles/house_v1.yaml"]
    assert same_with_and_without_the_cache(folder)


def test_a_bundle_that_takes_the_name_of_a_spec_is_an_input_of_the_spec(tmp_path: Path) -> None:
    folder = make(tmp_path, CLEAN, **{OTHER_PATH: OTHER})
    explained(folder)
    make(folder, {"pipelines/bundles/other_v1.yaml": BUNDLE.replace("bundle_id: line_bundle", "bundle_id: other")})
    assert "pipelines/bundles/other_v1.yaml was not there" in anew(folder)[OTHER_PATH]
    assert same_with_and_without_the_cache(folder)


LOST_BUNDLE = BUNDLE.replace("profile_ref: simple/v1", "profile_ref: nobodys/v1")
NOBODIES = {"pipelines/profiles/nobodies_v1.yaml": SIMPLE.replace("profile_id: simple", "profile_id: nobodies")}


def test_what_is_found_out_once_for_all_files_is_an_input_of_each(tmp_path: Path) -> None:
    """Versions of a kind, the catalog and the runtime are remembered while a workspace is checked: a file that is
    checked later has asked for them as much as the first one."""
    second = "pipelines/bundles/second_v1.yaml"
    lost = {BUNDLE_PATH: LOST_BUNDLE, second: LOST_BUNDLE.replace("bundle_id: line_bundle", "bundle_id: second")}
    config = {"rsppc.toml": 'runtime = "nobody_go/v1"\n'}
    runtime = (SHIPPED / "compat" / "rspp_go_v1.yaml").read_text().replace("id: rspp_go", "id: nobodi_go")
    manifest = {PROVIDERS_PATH: PROVIDERS.replace("p95_ms: 300", "p95_ms: 1900")}
    cases: list[tuple[dict[str, str], dict[str, str], tuple[str, str]]] = [
        (lost, NOBODIES, (BUNDLE_PATH, second)),
        ({OTHER_PATH: OTHER}, manifest, (BUNDLE_PATH, OTHER_PATH)),
        ({OTHER_PATH: OTHER, **config}, {"pipelines/compat/nobodi_go_v1.yaml": runtime}, (BUNDLE_PATH, OTHER_PATH)),
    ]
    for number, (before, change, paths) in enumerate(cases):
        folder = make(tmp_path / str(number), {**CLEAN, **before})
        explained(folder)
        assert anew(folder) == {}
        make(folder, change)
        assert set(paths) <= set(anew(folder))
        assert same_with_and_without_the_cache(folder)


def test_what_a_repair_depends_on_is_an_input(tmp_path: Path) -> None:
    """A spec that cannot be read as one leads nowhere; with its repair in place it leads to a module."""
    module = "pipelines/modules/hearing_v1.yaml"
    hearing = (
        "schema_version: rspp.graph.module.v1\nmodule_id: hearing\nversion: v1\n"
        "exposes: {inputs: [{name: audio, port: stt.audio}], outputs: [{name: text, port: norm.text}]}\n"
        "nodes:\n  - {node_id: stt, node_type: speech.stt, provider: stt-house}\n"
        "  - {node_id: norm, node_type: text.normalizer}\nedges:\n  - {from: stt.text, to: norm.text}\n"
    )
    ear = SPEC.replace("stt.", "ear.").replace(
        "edges:\n", "subgraph_refs: [{name: ear, module: hearing/v1}]\nedges:\n", 1
    )
    spec = "".join(line for line in ear.splitlines(keepends=True) if "node_id: stt" not in line)
    slip = spec.replace("rspp.pipeline.spec", "rspp.pipline.spec")
    folder = make(tmp_path, CLEAN, **{SPEC_PATH: slip, module: hearing})
    before = rsppc_here(folder, "check", "--cache", "--format", "json", BUNDLE_PATH).stdout
    make(folder, {module: hearing.replace("text.normalizer", "text.nothing")})
    after = rsppc_here(folder, "check", "--cache", "--format", "json", BUNDLE_PATH).stdout
    assert after == rsppc_here(folder, "check", "--no-cache", "--format", "json", BUNDLE_PATH).stdout != before


def test_to_ask_whether_something_has_a_name_is_to_depend_on_the_name(tmp_path: Path) -> None:
    workspace = find_workspace(str(make(tmp_path)), DiagnosticSink())
    assert workspace is not None
    artifacts = TrackedArtifacts(workspace, None, DiagnosticSink())
    assert artifacts.own("bundle", "nobody", "v1") is None
    assert "id nobody" in artifacts.asked()
    assert artifacts.at(BUNDLE_PATH)[0] is not None
    assert {f"path {BUNDLE_PATH}", "id line_bundle"} <= artifacts.asked()


def test_going_back_finds_what_was_known(tmp_path: Path) -> None:
    folder = make(tmp_path)
    explained(folder)
    make(folder, {SPEC_PATH: SPEC + "\n"})
    explained(folder)
    make(folder, {SPEC_PATH: SPEC})
    assert explained(folder) == ["3 from the cache, 0 anew"]


def test_another_compiler_believes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make(tmp_path)
    explained(folder)
    monkeypatch.setattr(cache_memory, "compiler_stamp", lambda: ("sha256:" + "1" * 64, 0))
    assert set(anew(folder).values()) == {"the compiler is another one"}


def test_a_compiler_that_changes_meanwhile_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stamps = iter([("sha256:" + "0" * 64, 0), ("sha256:" + "1" * 64, 0)])
    monkeypatch.setattr(cache_memory, "compiler_stamp", lambda: next(stamps))
    folder = make(tmp_path)
    explained(folder)
    assert not (folder / CACHE).exists()


def test_a_compiler_of_just_now_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_folder, "_JUST_NOW_NS", 10**20)
    folder = make(tmp_path)
    explained(folder)
    assert not list((folder / CACHE).glob("*.book"))


def test_the_stamp_of_the_compiler_follows_its_files(tmp_path: Path) -> None:
    lines: list[str] = []
    (tmp_path / "one.py").write_text("x = 1\n")
    newest = cache_compiler._stamp_folder(str(tmp_path), lines)
    (tmp_path / "one.py").write_text("x = 2\n")
    again: list[str] = []
    assert cache_compiler._stamp_folder(str(tmp_path), again) >= newest
    assert again != lines


# --- What is damaged -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: data.replace(b"sha256:", b"sha257:"),
        lambda data: data.replace(b'"artifact":""', b'"artifact":"x"'),
        lambda data: data[:-1] + b"\x00",
        lambda data: b"rsppc cache 1 sha256:" + b"0" * 64 + b"\n" + data.partition(b"\n")[2],
        lambda data: b"\xff" * 1000,
    ],
    ids=["cut", "empty", "head", "edited", "last byte", "digest", "noise"],
)
def test_a_damaged_book_is_made_anew(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    folder = make(tmp_path)
    explained(folder)
    book = book_of(folder)
    book.write_bytes(damage(book.read_bytes()))
    assert set(anew(folder).values()) == {"cache entry damaged"}
    assert explained(folder) == ["3 from the cache, 0 anew"]


def test_a_book_with_a_right_digest_and_nonsense_in_it_is_no_book() -> None:
    assert from_bytes(b'{"options": {}, "rows": [], "traces": {"x": [{"rows": [3], "answer": 1}]}}') is None
    assert from_bytes(b'{"options": 3}') is None
    assert from_bytes(b"[" * 100_000) is None


@pytest.mark.parametrize("stands", ["pipe", "folder", "link"])
def test_something_else_in_the_place_of_a_book_is_no_book(tmp_path: Path, stands: str) -> None:
    folder = make(tmp_path)
    explained(folder)
    book = book_of(folder)
    moved = book.rename(tmp_path / "moved")
    {"pipe": lambda: os.mkfifo(book), "folder": book.mkdir, "link": lambda: book.symlink_to(moved)}[stands]()
    done = rsppc_here(folder, "check", "--cache", "--explain-cache")
    assert done.returncode == 0 and b"0 from the cache, 3 anew" in done.stderr


def test_a_cache_folder_that_is_a_link_is_not_used(tmp_path: Path) -> None:
    folder = make(tmp_path / "workspace")
    (tmp_path / "elsewhere").mkdir()
    (folder / CACHE).symlink_to(tmp_path / "elsewhere")
    assert explained(folder)[-1] == "0 from the cache, 3 anew"
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_file_in_the_place_of_the_folder_is_said_once(tmp_path: Path) -> None:
    folder = make(tmp_path, CLEAN, **{CACHE: "mine"})
    told = [line for line in explained(folder) if "the run did without" in line]
    assert len(told) == 1 and (folder / CACHE).read_text() == "mine"
    assert b"did without" not in rsppc_here(folder, "check", "--cache").stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    folder = make(tmp_path)
    (folder / CACHE).mkdir(mode=0o500)
    done = rsppc_here(folder, "check", "--cache", "--explain-cache")
    assert done.returncode == 0 and done.stderr.count(b"the run did without") == 1


def test_a_write_that_fails_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make(tmp_path)

    def refuse(*_: object) -> None:
        raise PermissionError(30, "Read-only file system")

    monkeypatch.setattr(cache_folder.os, "replace", refuse)
    done = rsppc_here(folder, "check", "--cache", "--explain-cache")
    assert done.returncode == 0 and done.stderr.count(b"cannot be written: read-only file system") == 1
    assert not [one for one in (folder / CACHE).iterdir() if one.name.startswith(".unfinished")]


# --- Several at once, and killed -------------------------------------------------------------------------------------


def started(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    script = (
        "import sys; from rsppc.caching import folder, memory; folder._JUST_NOW_NS = -10**20; sys.argv[0] = 'rsppc'\n"
        "memory.compiler_stamp = lambda: ('sha256:' + '0' * 64, 0)\n"
        "from rsppc.cli.main import main; main()"
    )
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_two_runs_at_once_say_the_same_and_leave_one_sound_book(tmp_path: Path) -> None:
    more = {f"pipelines/specs/s{n}_v1.yaml": SPEC.replace("id: line", f"id: s{n}") for n in range(10)}
    folder = make(tmp_path, CLEAN, **more)
    runs = [started(folder, "check", "--cache", *jobs) for jobs in ([], ["--jobs", "2"], [])]
    said = {run.communicate()[0] for run in runs}
    assert len(said) == 1 and all(run.returncode == 0 for run in runs)
    assert explained(folder)[-1] == "13 from the cache, 0 anew"


def test_what_somebody_else_learnt_meanwhile_is_kept(tmp_path: Path) -> None:
    folder = make(tmp_path, CLEAN, **{"pipelines/specs/other_v1.yaml": SPEC.replace("id: line", "id: other")})
    late = rsppc_here
    real = cache_memory.Memory.finish

    def finish(memory: cache_memory.Memory, built: Callable[[], tuple[()]]) -> None:
        cache_memory.Memory.finish = real  # type: ignore[method-assign]
        late(folder, "check", "--cache", "pipelines/specs/other_v1.yaml")
        real(memory, built)

    cache_memory.Memory.finish = finish  # type: ignore[method-assign]
    try:
        rsppc_here(folder, "check", "--cache", SPEC_PATH)
    finally:
        cache_memory.Memory.finish = real  # type: ignore[method-assign]
    assert list(anew(folder)) == [PROVIDERS_PATH]


def test_whoever_is_killed_leaves_the_earlier_book_or_the_later_one(tmp_path: Path) -> None:
    folder = make(tmp_path)
    explained(folder)
    for step in range(12):
        make(folder, {SPEC_PATH: SPEC + "\n" * (step + 1)})
        run = started(folder, "check", "--cache")
        time.sleep(0.02 * step)
        run.send_signal(signal.SIGKILL)
        run.communicate()
        assert all(CacheFolder(str(folder / CACHE)).read(one.name) for one in (folder / CACHE).glob("*.book"))
    plain, cached = (rsppc_here(folder, "check", option).stdout for option in ("--no-cache", "--cache"))
    assert plain == cached
    assert explained(folder)[-1] == "3 from the cache, 0 anew"


def test_whoever_is_killed_while_writing_leaves_the_earlier_book(tmp_path: Path) -> None:
    folder, book = CacheFolder(str(tmp_path / CACHE)), Book(options={"a": "b"})
    folder.write("x.book", book, older_than_ns=0)
    child = os.fork()
    if child == 0:
        cache_folder.os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        folder.write("x.book", Book(options={"a": "c"}), older_than_ns=0)
        os._exit(0)
    os.waitpid(child, 0)
    assert folder.read("x.book") == book
    left = next(one for one in (tmp_path / CACHE).iterdir() if one.name.startswith(".unfinished"))
    folder.write("x.book", book, older_than_ns=0)
    assert left.exists()  # perhaps somebody is writing it
    os.utime(left, ns=(0, 0))
    folder.write("x.book", book, older_than_ns=0)
    assert not left.exists()


def test_books_that_nobody_used_for_long_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_folder, "BOOKS_MAX", 3)
    folder = CacheFolder(str(tmp_path / CACHE))
    for number in range(6):
        folder.write(f"{number}.book", Book(options={}), older_than_ns=0)
        os.utime(tmp_path / CACHE / f"{number}.book", ns=(number * 10**9, number * 10**9))
    left = {one.name for one in (tmp_path / CACHE).glob("*.book")}
    assert left == {"3.book", "4.book", "5.book"}


# --- Builds ----------------------------------------------------------------------------------------------------------


def test_a_build_from_the_cache_leaves_the_same_bytes(tmp_path: Path) -> None:
    folder = make(tmp_path)
    first = rsppc_here(folder, "build", "--cache", "--output", "out")
    before = built_files(folder / "out")
    again = rsppc_here(folder, "build", "--cache", "--output", "out", "--explain-cache")
    assert again.stderr.endswith(b"0 anew\n") and built_files(folder / "out") == before
    assert again.stdout.replace(b"unchanged out", b"written out") == first.stdout.replace(
        b"built 1 of 1 bundle", b"built 1 of 1 bundle, 1 unchanged"
    )


@pytest.mark.parametrize("harm", ["edited", "missing", "more", "link", "all"])
def test_outputs_that_are_not_what_was_built_are_built_again(tmp_path: Path, harm: str) -> None:
    import shutil

    folder = make(tmp_path)
    rsppc_here(folder, "build", "--cache", "--output", "out")
    before, link = built_files(folder / "out"), folder / "out" / "line_bundle" / "v1"
    match harm:
        case "edited":
            (link / "bundle.json").write_text("{}")
        case "missing":
            (link / "bundle.json").unlink()
        case "more":
            (link / "more.json").write_text("{}")
        case "link":
            link.unlink()
        case "all":
            shutil.rmtree(folder / "out")
    assert rsppc_here(folder, "build", "--cache", "--output", "out").returncode == 0
    assert built_files(folder / "out") == before


# --- The parts -------------------------------------------------------------------------------------------------------


def test_a_name_that_nothing_answered_to_is_an_input() -> None:
    learnt = [Learnt(question="q", inputs={"id x": {}}, answer=b"1")]
    book = continued([], learnt, {}, {})
    assert [bytes(one.answer) for one in Recall(book, lambda _: {}).answers("q")] == [b"1"]
    assert Recall(book, lambda _: {"x_v1.yaml": "sha256:0"}).answers("q") == []


def test_books_survive_being_written_down() -> None:
    learnt = [Learnt(question=f"q{n}", inputs={"path a": {"a": "1"}, "id b": {}}, answer=b"[1]") for n in range(3)]
    book = continued([], learnt, {"a": ("1", ("pipeline",))}, {"strict": "true"})
    assert len(book.rows) == 2
    again = from_bytes(to_bytes(book))
    assert again is not None and to_bytes(again) == to_bytes(book)
    assert to_bytes(continued([again], [], {}, {"strict": "true"})) == to_bytes(book)


def test_findings_survive_being_written_down() -> None:
    source = Source("a.yaml", "x: ü\n", "x: ü\n".encode())
    found = ModuleTooOld(at=Span(source=source, start=3, end=4), subject="x", needed="v2", module="m", notes=("a", "b"))
    again = from_plain(to_plain((found,), lambda _: source), lambda _: source)
    assert again == (found,) and type(again[0]) is ModuleTooOld
    with pytest.raises(NotKept):
        from_plain(to_plain(found, lambda _: source), lambda _: Source("a.yaml", "y", b"y"))


@pytest.mark.parametrize("value", [1.5, {1}, 2**60, "\ud800", Compilation, object()])
def test_what_is_not_known_is_not_kept(value: object) -> None:
    with pytest.raises(NotKept):
        to_plain((value,), lambda _: None)


def test_nothing_but_records_of_ours_is_made_of_what_was_read() -> None:
    for text in (b'[{"record":["os","system",{}]},[]]', b'[{"record":["rsppc.cli.main","main",{}]},[]]', b"[", b"{}"):
        with pytest.raises(NotKept):
            from_plain(text, lambda _: None)
