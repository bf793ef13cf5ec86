"""`rsppc diff`: what differs, why, and what it means; from files, folders, revisions and the store."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from rsppc.changes.compare import compared
from rsppc.changes.impact import MEANING, TABLE, row_of, unit_of
from rsppc.changes.leaves import ABSENT, changed_leaves
from rsppc.changes.side import Side
from rsppc.changes.wording import LENGTH_MAX, value_text
from rsppc.diagnostics import DiagnosticSink
from rsppc.lowering.check_shape import sound_mapping
from rsppc.model.change import DIFF, IMPACTS
from rsppc.store.artifacts import Publisher
from rsppc.store.protocols import Kept
from rsppc.syntax.reader import read
from stores import AT
from workspaces import BUNDLE_PATH, CLEAN, PROVIDERS_PATH, SPEC_PATH, make, rsppc, rsppc_here

GOLDEN = Path(__file__).parents[2] / "golden"
QUICK = {SPEC_PATH: CLEAN[SPEC_PATH].replace("silence_ms: 400", "silence_ms: 300")}
QUICK_LINE = "nodes.endpoint.config.silence_ms  400 ms → 300 ms (−100)"


def diff(folder: Path, *arguments: str, code: int = 1) -> str:
    done = rsppc_here(folder, "diff", *arguments)
    assert (done.stderr, done.returncode) == (b"", code)
    return done.stdout.decode()


def document(folder: Path, *arguments: str, code: int = 1) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(diff(folder, *arguments, "--format", "json", code=code))
    return found


@pytest.fixture
def both(tmp_path: Path) -> Path:
    make(tmp_path / "before")
    make(tmp_path / "after", {**CLEAN, **QUICK})
    return tmp_path


# --- What a leaf means


def _paths() -> Iterator[tuple[str, tuple[str, ...]]]:
    """The paths of all leaves of all golden bundles."""
    for file in sorted(GOLDEN.rglob("resolved_spec.json")):
        bundle = json.loads((file.parent / "bundle.json").read_text("utf-8"))
        side = Side(name="", bundle=bundle, spec=json.loads(file.read_text("utf-8")))
        for leaf in changed_leaves({}, side.value()):
            section = {"effective_nodes": "nodes", "effective_edges": "edges"}.get(leaf.path[0], leaf.path[0])
            yield file.as_posix(), (section, *leaf.path[1:])


def test_every_leaf_of_every_golden_bundle_has_an_impact() -> None:
    found = list(_paths())
    assert len(found) > 1000
    assert [(file, path) for file, path in found if row_of(path) is None] == []


def test_the_table_is_complete_in_itself() -> None:
    assert {row.impact for row in TABLE} == {*MEANING} == {*IMPACTS}
    assert len({row.pattern for row in TABLE}) == len(TABLE)


@pytest.mark.parametrize(
    ("path", "impact", "unit"),
    [
        ("nodes.tts.config.voice", "quality", ""),
        ("nodes.llm.config.max_output_tokens", "cost", "tokens"),
        ("nodes.own.config.grace_ms", "latency", "ms"),
        ("rules.insert.p/v1/r.node.config.rate_hz", "wire", "Hz"),
        ("rules.insert.p/v1/r.into.buffer.max_queue_bytes", "latency", "bytes"),
        ("rules.provider.p/v1/r.retry.max_attempts", "policy", ""),
        ("default_buffer.watermarks.queue_ms.high", "latency", "ms"),
        ("default_buffer.watermarks.queue_items.low", "latency", "items"),
        ("turns.barge_in.vad.min_speech_ms", "latency", "ms"),
        ("assets.prompts/a.txt", "quality", ""),
    ],
)
def test_what_a_leaf_means_and_its_unit(path: str, impact: str, unit: str) -> None:
    steps = tuple(path.replace("a.txt", "a").split("."))
    row = row_of(steps)
    assert row is not None
    assert (row.impact, unit_of(steps)) == (impact, unit)


def test_values_are_shown_as_people_read_them() -> None:
    assert value_text(262144, "bytes") == "256 KiB"
    assert value_text(1000, "bytes") == "1000 bytes"
    assert value_text(750, "‰") == "750‰"
    assert value_text(True, "") == "yes"
    assert value_text([], "") == "nothing"
    assert value_text(f"v1@sha256:{'0' * 64}", "") == "v1@sha256:000000000000…"
    assert len(value_text("line\n" * 100, "")) == LENGTH_MAX


# --- Sides


def test_equal_sides_give_no_output_to_read_and_no_code(both: Path) -> None:
    assert diff(both, "before", "before", code=0) == "before → before: nothing differs\n"
    assert document(both, "before", "before", code=0)["equal"] is True
    assert "Nothing differs." in diff(both, "before", "before", "--format", "markdown", code=0)


@pytest.mark.parametrize("side", ["before", f"before/{SPEC_PATH}", f"before/{BUNDLE_PATH}"])
def test_folders_and_files_are_compiled_in_their_own_workspace(side: str, both: Path) -> None:
    assert QUICK_LINE in diff(both, side, "after")


def test_a_built_folder_and_what_stands_in_the_workspace(both: Path) -> None:
    assert rsppc_here(both / "before", "build").returncode == 0
    assert QUICK_LINE in diff(both / "after", "../before/build/line_bundle/v1", "line_bundle/v1")
    assert diff(both / "before", "build/line_bundle/v1", "line_bundle/v1", code=0)


def test_a_side_without_provenance_still_has_labels(both: Path) -> None:
    assert rsppc_here(both / "before", "build").returncode == 0
    folder = both / "before/build/line_bundle/v1"
    (folder / "provenance.json").unlink()
    said = diff(both / "after", "../before/build/line_bundle/v1", "line_bundle/v1")
    assert QUICK_LINE in said and "no cause" not in said


def test_a_bundle_of_the_store_brings_its_resolved_spec(both: Path) -> None:
    assert rsppc_here(both / "before", "publish", "line_bundle/v1").returncode == 0
    shutil.move(both / "before/store", both / "after/store")
    assert QUICK_LINE in diff(both / "after", "store:line_bundle/v1", "line_bundle/v1")
    assert diff(both / "after", "store:line_bundle/v1", "store:line_bundle/v1.0", code=0)


def test_a_bundle_of_the_store(both: Path) -> None:
    """One that was put there by its value alone; its ResolvedSpec is what was pinned."""
    folder = both / "before"
    assert rsppc_here(folder, "pin", "line_bundle/v1").returncode == 0
    assert rsppc_here(folder, "build").returncode == 0
    bundle = json.loads((folder / "build/line_bundle/v1/bundle.json").read_bytes())
    assert isinstance(Publisher(root=str(folder / "store"), at=AT).put_bundle(bundle), Kept)
    make(folder, {**QUICK, BUNDLE_PATH: CLEAN[BUNDLE_PATH]})  # no longer pinned, so that it compiles
    done = rsppc_here(folder, "diff", "store:line_bundle/v1", "pipelines/specs/line_v1.yaml")
    assert done.returncode == 1
    missing = rsppc_here(folder, "diff", "store:other/v1", "line_bundle/v1")
    assert missing.returncode == 2 and b"the store has no bundle" in missing.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("line_bundel/v1", "line_bundle/v1"), "did you mean `line_bundle/v1`?"),
        (("pipelines", "line_bundle/v1"), "neither a built bundle nor a workspace"),
        (("pipelines/extensions/house_providers_v1.yaml", "line_bundle/v1"), "holds neither a bundle nor a spec"),
        (("git:main", "line_bundle/v1"), "git"),
        (("-x", "line_bundle/v1"), "No such option"),
    ],
)
def test_a_name_of_nothing_is_wrong_use(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = rsppc(make(tmp_path), "diff", *arguments)
    assert done.returncode == 2, done.stdout
    assert said in done.stderr.decode()


def test_a_side_that_does_not_compile_is_told(both: Path) -> None:
    make(both / "after", {SPEC_PATH: CLEAN[SPEC_PATH].replace("speech.vad", "speech.vat")})
    done = rsppc_here(both, "diff", "before", "after")
    assert done.returncode == 1
    assert b"does not compile" in done.stderr and b"did you mean" in done.stdout


def test_a_workspace_of_several_bundles_needs_a_name(both: Path) -> None:
    second = CLEAN[BUNDLE_PATH].replace("line_bundle", "other_bundle")
    make(both / "after", {BUNDLE_PATH.replace("line_bundle", "other_bundle"): second})
    done = rsppc_here(both, "diff", "after", "after")
    assert done.returncode == 2 and b"does not say which bundle is meant" in done.stderr
    assert QUICK_LINE in diff(both, "before", "after")  # the other side says which


# --- Revisions


def git(folder: Path, *arguments: str) -> None:
    who = {
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b.c",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b.c",
    }
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    command = ["git", "-c", "init.defaultBranch=main", *arguments]
    subprocess.run(command, cwd=folder, env={**os.environ, **who, **alone}, check=True, capture_output=True)


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", message)


needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = make(tmp_path / "repository" / "voice")
    git(tmp_path / "repository", "init", "-q")
    commit(folder, "one")
    make(folder, QUICK)
    commit(folder, "two")
    make(folder, {SPEC_PATH: CLEAN[SPEC_PATH]})  # not committed
    return folder


@needs_git
@pytest.mark.parametrize(
    "sides",
    [
        ("HEAD~1", "HEAD"),
        ("line_bundle/v1", "main"),
        ("HEAD~1:line_bundle/v1", "HEAD:line/v1"),
        (f"main~1:{SPEC_PATH}", f"git:main:{BUNDLE_PATH}"),
        (f"main~1:voice/{SPEC_PATH}", f"git:main:voice/{BUNDLE_PATH}"),  # as git takes it
        ("git:HEAD~1", "HEAD"),
    ],
)
def test_revisions_are_compiled_from_their_own_sources(sides: tuple[str, str], repository: Path) -> None:
    assert QUICK_LINE in diff(repository, *sides)
    status = subprocess.run(["git", "status", "--short"], cwd=repository, capture_output=True, check=True).stdout
    assert status == f" M {SPEC_PATH}\n".encode() or status == f" M voice/{SPEC_PATH}\n".encode()


@needs_git
def test_what_a_hook_sets_leads_nowhere_else(repository: Path, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "other")
    done = rsppc(repository, "diff", "HEAD~1", "HEAD", GIT_DIR=str(tmp_path / "other/.git"), GIT_INDEX_FILE="/x")
    assert done.returncode == 1 and QUICK_LINE in done.stdout.decode()


@needs_git
def test_attributes_of_the_repository_change_no_source(repository: Path) -> None:
    make(repository, {".gitattributes": "*.yaml export-ignore ident text eol=crlf\n"})
    commit(repository, "attributes")
    assert diff(repository, "HEAD", "line_bundle/v1", code=0)


@needs_git
def test_only_the_sources_of_the_workspace_are_read(repository: Path) -> None:
    make(repository, {"rsppc.toml": 'sources = "voices"\n', "unread/big.bin": b"\0" * 1000})
    (repository / "pipelines").rename(repository / "voices")
    (repository / "voices/extensions/out.yaml").symlink_to("/etc/passwd")
    commit(repository, "moved")
    (repository / "voices/extensions/out.yaml").unlink()
    assert diff(repository, "HEAD", "line_bundle/v1", code=0)
    assert QUICK_LINE.replace("400 ms → 300 ms (−100)", "300 ms → 400 ms (+100)") in diff(repository, "HEAD~1", "HEAD")


@needs_git
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("git:nowhere", "git knows no revision `nowhere`"),
        ("git:--help", "git knows no revision `--help`"),
        ("git:--output=seen", "git knows no revision `--output=seen`"),
        ("git:HEAD:nothing/v1", "has no bundle and no spec `nothing/v1`"),
        ("git:", "git knows no revision ``"),
    ],
)
def test_a_revision_of_nothing_is_wrong_use(name: str, said: str, repository: Path) -> None:
    done = rsppc_here(repository, "diff", name, "line_bundle/v1")
    assert done.returncode == 2, done.stdout
    assert said in done.stderr.decode()


@needs_git
def test_a_revision_before_the_workspace_was_there(repository: Path) -> None:
    git(repository, "checkout", "-q", "--orphan", "empty")
    git(repository, "rm", "-rfq", "--cached", ".")
    git(repository, "commit", "-q", "--allow-empty", "-m", "nothing")
    done = rsppc_here(repository, "diff", "empty", "line_bundle/v1")
    assert done.returncode == 2 and "has no sources in `pipelines`" in done.stderr.decode()


@pytest.mark.parametrize("name", ["git:main", "main"])
def test_no_git_is_said(name: str, tmp_path: Path) -> None:
    done = rsppc(make(tmp_path), "diff", name, "line_bundle/v1", PATH="/nonexistent")
    assert done.returncode == 2
    assert "there is no program `git` here" in done.stderr.decode()


@needs_git
def test_a_clone_without_history_says_what_it_lacks(repository: Path, tmp_path: Path) -> None:
    commit(repository, "three")
    git(repository, "config", "uploadpack.allowFilter", "true")
    origin = f"file://{repository.parent}"
    git(tmp_path, "clone", "-q", "--depth=1", origin, "shallow")
    assert diff(tmp_path / "shallow/voice", "HEAD", "line_bundle/v1", code=0)
    for name in ("HEAD~1", "git:HEAD~1"):
        done = rsppc_here(tmp_path / "shallow/voice", "diff", name, "HEAD")
        assert (done.returncode, b"this clone is shallow" in done.stderr) == (2, True), done.stderr
    git(tmp_path, "clone", "-q", "--filter=blob:none", "--no-checkout", origin, "partial")
    git(tmp_path / "partial", "sparse-checkout", "set", "voice/pipelines/bundles")
    git(tmp_path / "partial", "checkout", "-q", "main")
    done = rsppc_here(tmp_path / "partial/voice", "diff", "HEAD~1", "HEAD")
    assert done.returncode == 4 and b"not all files of `HEAD~1` are in this clone" in done.stderr


@needs_git
def test_a_bare_repository_and_one_without_a_branch(repository: Path, tmp_path: Path) -> None:
    make(tmp_path / "top")
    git(tmp_path / "top", "init", "-q")
    commit(tmp_path / "top", "one")
    make(tmp_path / "top", QUICK)
    commit(tmp_path / "top", "two")
    git(tmp_path, "clone", "-q", "--bare", "top", "bare.git")
    assert QUICK_LINE in diff(tmp_path / "bare.git", "HEAD~1", "main")
    git(tmp_path / "top", "checkout", "-q", "--detach", "HEAD~1")
    assert QUICK_LINE in diff(tmp_path / "top", "HEAD", "main")


@needs_git
def test_modules_of_other_repositories_and_links_are_no_sources(repository: Path, tmp_path: Path) -> None:
    git(repository, "checkout", "-q", "--", ".")
    git(repository, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(repository.parent), "pipelines/x")
    (repository / "pipelines/specs/outside_v1.yaml").symlink_to("/etc/passwd")
    commit(repository, "strange")
    assert diff(repository, "HEAD~1", "HEAD", code=0)


PLACES = ("pipelines/bundles/line_bundle_v1", "build/line_bundle/v1", "HEAD~1")


@needs_git
@pytest.mark.parametrize("notation", ["yaml", "json", "rspp"])
def test_any_two_of_file_folder_and_revision(notation: str, repository: Path) -> None:
    git(repository, "checkout", "-q", "--", ".")  # as quick as the revision is slow
    for path in (SPEC_PATH, BUNDLE_PATH, PROVIDERS_PATH) if notation != "yaml" else ():
        done = rsppc_here(repository, "convert", path, "--to", notation)
        assert done.returncode == 0, done.stderr
        (repository / path).unlink()
        (repository / path).with_suffix(f".{notation}").write_bytes(done.stdout)
    assert rsppc_here(repository, "build").returncode == 0
    file, folder, revision = f"{PLACES[0]}.{notation}", *PLACES[1:]
    for before, after in product((file, folder, revision), repeat=2):
        said = diff(repository, before, after, code=int((before == revision) != (after == revision)))
        quick = (
            QUICK_LINE if before == revision else QUICK_LINE.replace("400 ms → 300 ms (−100)", "300 ms → 400 ms (+100)")
        )
        assert ("nothing differs" in said) != (quick in said), (before, after, said)


@needs_git
def test_breaking_goes_against_a_revision(repository: Path) -> None:
    done = rsppc_here(repository, "breaking", "--against", "main", "--level", "budget")
    assert done.returncode == 1
    assert b"at `main`, under the same version" in done.stdout


# --- Causes and forms


def _causes(after: Mapping[str, str], folder: Path) -> list[tuple[str, str]]:
    make(folder / "before")
    make(folder / "after", {**CLEAN, **after})
    found = document(folder, "before", "after")
    return [(cause["kind"], cause.get("part", "")) for cause in found["causes"] if cause["kind"] != "sources"]


def test_a_source_explains_all_that_it_changes(tmp_path: Path) -> None:
    layer = (
        "schema_version: rspp.config.layer.v1\nlayer_id: hall\nversion: v1\nscope: environment\n"
        "set: {nodes.endpoint.config.silence_ms: 300, buffers.DataLane.additive.max_queue_ms: 200}\n"
    )
    bundle = CLEAN[BUNDLE_PATH] + "layer_refs: [hall/v1]\n"
    after = {"pipelines/policies/hall_v1.yaml": layer, BUNDLE_PATH: bundle}
    assert _causes(after, tmp_path) == [("layer", "environment"), ("follows", "")]


def test_another_compiler_is_a_cause(both: Path) -> None:
    assert rsppc_here(both / "before", "build").returncode == 0
    folder = both / "before/build/line_bundle/v1"
    bundle, spec, provenance = (
        json.loads((folder / f"{name}.json").read_bytes()) for name in ("bundle", "resolved_spec", "provenance")
    )
    before = Side(name="a", bundle=bundle, spec=spec, provenance=provenance)
    newer = {**spec, "analysis": {**spec["analysis"], "queue_bytes": 1}}
    after = Side(name="b", bundle=bundle, spec=newer, provenance={**provenance, "compiler": "rsppc 9.0.0"})
    (group,) = compared(before, after).groups
    assert (group.cause.kind, group.cause.after) == ("compiler", "rsppc 9.0.0")
    same_compiler = Side(name="b", bundle=bundle, spec=newer, provenance=provenance)
    (group,) = compared(before, same_compiler).groups
    assert group.cause.kind == "unexplained"


def test_the_document_has_its_declared_form(both: Path) -> None:
    text = diff(both, "before", "after", "--format", "json")
    sink = DiagnosticSink()
    read_back = read("diff.json", text.encode(), sink)
    assert read_back is not None and read_back.root is not None
    sound = sound_mapping(read_back.root, DIFF, sink)
    assert sink.sorted() == ()
    assert sound == json.loads(text)
    changes = [change for cause in sound["causes"] for change in cause["changes"]]
    assert sum(sound["impact"].values()) == len(changes)


def test_all_shows_every_leaf_on_a_line(both: Path) -> None:
    said, found = diff(both, "before", "after", "--all"), document(both, "before", "after")
    paths = [change["path"] for cause in found["causes"] for change in cause["changes"]]
    lines = [
        line.split("  ")[1].split()[-1] for line in said.splitlines() if line.startswith("  ") and "  " in line[2:]
    ]
    assert len(paths) == len(set(paths))
    assert all(any(path in line for line in said.splitlines()) for path in paths)
    assert len(lines) >= len(paths)


def test_markdown_ends_no_cell_early(tmp_path: Path) -> None:
    make(tmp_path / "before")
    spec = CLEAN[SPEC_PATH].replace("speech.tts, ", 'speech.tts, config: {voice: "a|b<script>`c`"}, ')
    make(tmp_path / "after", {**CLEAN, SPEC_PATH: spec})
    said = diff(tmp_path, "before", "after", "--format", "markdown")
    assert "<script>" not in said
    rows = [line for line in said.splitlines() if line.startswith("|") and "voice" in line]
    assert rows and all(row.replace("\\|", "").count("|") in (4, 5) for row in rows)


def test_a_comment_stays_short_enough_for_a_code_host(tmp_path: Path) -> None:
    make(tmp_path / "before")
    turned = CLEAN[SPEC_PATH].replace("sentences", "pieces").replace("speaker", "loudspeaker").replace("mic", "mouth")
    turned = turned.replace("text.segmenter}", "text.segmenter, config: {min_partial_chars: 30}}")
    turned = turned.replace("transport.ingress}", "transport.ingress, config: {jitter_buffer_ms: 19}}")
    turned = turned.replace("transport.egress}", "transport.egress, config: {playout_delay_ms: 19}}")
    make(tmp_path / "after", {**CLEAN, SPEC_PATH: turned})
    said = diff(tmp_path, "before", "after", "--format", "markdown")
    assert "more; `rsppc diff --all` shows them" in said
    assert len(said) < 65000


def test_absent_is_equal_to_no_value() -> None:
    (leaf,) = changed_leaves({}, {"a": "(absent)"})
    assert leaf.before is ABSENT and leaf.after == "(absent)"


# --- What somebody else wrote


@pytest.mark.parametrize(
    "damage",
    [
        lambda said: said.update(leaves={}),
        lambda said: said.update(origins=[]),
        lambda said: said.update(origins=[{}]),
        lambda said: said["origins"][0]["winner"].pop("file", None),
        lambda said: said.update(leaves={"budgets": [1]}),
        lambda said: said.update(leaves={"budgets": 10**9, "turns": {"owner": -1}}),
        lambda said: said.pop("compiler"),
    ],
    ids=["no leaves", "no origins", "no winner", "no file", "a list", "far away", "no compiler"],
)
def test_a_damaged_side_file_is_no_bug(damage: Any, both: Path) -> None:
    assert rsppc_here(both / "before", "build").returncode == 0
    file = both / "before/build/line_bundle/v1/provenance.json"
    said = json.loads(file.read_bytes())
    damage(said)
    file.unlink()
    file.write_text(json.dumps(said), "utf-8")
    assert QUICK_LINE in diff(both / "after", "../before/build/line_bundle/v1", "line_bundle/v1")


def test_a_built_folder_that_was_changed_is_refused(both: Path) -> None:
    assert rsppc_here(both / "before", "build").returncode == 0
    file = both / "before/build/line_bundle/v1/resolved_spec.json"
    text = file.read_text("utf-8")
    file.unlink()
    file.write_text(text.replace("1800", "1700"), "utf-8")
    done = rsppc_here(both / "after", "diff", "../before/build/line_bundle/v1", "line_bundle/v1")
    assert done.returncode == 3 and b"its digest is not the one" in done.stderr
