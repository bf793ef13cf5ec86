"""`rsppc store` as it is called, where it is more than the registry."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from rsppc.cli.exits import ENVIRONMENT, FINDINGS, INTEGRITY, OK, USAGE
from run_directories import FIXTURE
from workspaces import environment, rsppc_here

NAME_OF_255 = "n" * 255


def said(folder: Path, *words: str, code: int = OK) -> str:
    done = rsppc_here(folder, "store", *words)
    text = (done.stdout + done.stderr).decode()
    assert done.returncode == code, text
    return text


@pytest.fixture
def package(tmp_path: Path) -> str:
    """A package with a name as long as a name can be, in `store`."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / NAME_OF_255).write_bytes(b"long")
    said(tmp_path, "init", "--store", "store")
    words = ("ingest", "run", "--producer", "p", "--run-id", "r", "--subject", "s", "--store", "store")
    return said(tmp_path, *words).split()[0]


def test_a_name_as_long_as_a_name_can_be_comes_back(tmp_path: Path, package: str) -> None:
    said(tmp_path, "get", package, "--output", "out", "--store", "store")
    assert (tmp_path / "out" / NAME_OF_255).read_bytes() == b"long"
    said(tmp_path, "get", package, NAME_OF_255, "--output", NAME_OF_255, "--store", "store")
    assert (tmp_path / NAME_OF_255).read_bytes() == b"long"
    assert sorted(one.name for one in tmp_path.iterdir()) == [NAME_OF_255, "out", "run", "store"]


def test_all_is_not_sound_where_the_log_is_not(tmp_path: Path, package: str) -> None:
    assert said(tmp_path, "verify", "--store", "store").endswith("; all sound\n")
    with sqlite3.connect(tmp_path / "store/registry.db") as database:
        database.execute("UPDATE packages SET expires_at = '2000-01-01T00:00:00Z'")
    assert said(tmp_path, "verify", "--store", "store", code=INTEGRITY).endswith("; all sound, but not the log\n")


def test_a_configuration_that_is_no_text_is_refused(tmp_path: Path) -> None:
    said(tmp_path, "init", "--store", "store")
    (tmp_path / "store/store.json").write_bytes(b'{"backend": "\xe6"}')
    assert "[store-malformed]" in said(tmp_path, "list", "--store", "store", code=FINDINGS)


def test_a_place_in_which_nothing_can_be_written_is_named(tmp_path: Path, package: str) -> None:
    here = ("--store", "store")
    for words in (("get", package, NAME_OF_255, "--output"), ("get", package, "--manifest", "json", "--output")):
        assert "there is no folder `none`" in said(tmp_path, *words, "none/file", *here, code=FINDINGS)
        assert "`run` is a folder" in said(tmp_path, *words, "run", *here, code=USAGE)
    assert "there is no folder `none`" in said(tmp_path, "export", package, "none/p.tar", *here, code=FINDINGS)
    (tmp_path / "file").write_text("")
    assert "`file`: something else stands there" in said(tmp_path, "init", "--store", "file", code=ENVIRONMENT)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["file", "run", "store"]


def test_names_and_metadata_that_are_refused_are_told_with_what_would_do(tmp_path: Path, package: str) -> None:
    words = ("ingest", "run", "--producer", "p", "--run-id", "r2", "--store", "store", "--subject")
    assert "write 1 to 200 ASCII letters" in said(tmp_path, *words, "a b", code=FINDINGS)
    (tmp_path / "m.json").write_text("#")
    assert "`m.json` is refused: " in said(tmp_path, *words, "s", "--metadata", "m.json", code=FINDINGS)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals")
@pytest.mark.parametrize(
    ("words", "label"),
    [
        (("ingest", "run", "--producer", "p", "--run-id", "r2", "--subject", "s"), "ingesting"),
        (("ingest", "guide-board", str(FIXTURE)), "ingesting"),
        (("verify",), "verifying"),
    ],
    ids=["ingest", "pilot", "verify"],
)
def test_whoever_waits_at_a_terminal_sees_how_far_it_is(
    tmp_path: Path, package: str, words: tuple[str, ...], label: str
) -> None:
    """And nobody else: the tests above read the standard error of commands that have no terminal."""
    said(tmp_path, "schema", "bootstrap", "--store", "store")
    ours, theirs = os.openpty()
    with open(ours, "rb", buffering=0) as terminal:
        with open(theirs, "wb") as drawing:
            command = [sys.executable, "-m", "rsppc", "store", *words, "--store", "store"]
            done = subprocess.run(
                command,
                cwd=tmp_path,
                env=environment(TERM="xterm"),
                stdout=subprocess.PIPE,
                stderr=drawing,
                check=False,
            )
        drawn = ""
        with contextlib.suppress(OSError):  # which is how a terminal ends that nobody drew on
            drawn = terminal.read(65536).decode()
    assert done.returncode == OK, drawn
    assert label in drawn and "100%" in drawn
    assert label not in done.stdout.decode()


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("--class", "x=0"), "retention class `x` keeps 0 days, which is not between 1 and 36500"),
        (("--class", "x=36501"), "retention class `x` keeps 36501 days"),
        (("--default-class", "audit"), "the default is retention class `audit`, and there are permanent, raw"),
    ],
)
def test_a_store_that_could_not_be_opened_is_not_made(tmp_path: Path, words: tuple[str, ...], fault: str) -> None:
    assert fault in said(tmp_path, "init", "--store", "store", *words, code=FINDINGS)
    assert not (tmp_path / "store").exists()


def test_a_store_of_another_configuration_says_what_is_otherwise(tmp_path: Path) -> None:
    said(tmp_path, "init", "--store", "store", "--class", "audit=30")
    told = said(tmp_path, "init", "--store", "store", "--class", "audit=60", code=INTEGRITY)
    assert "another configuration at `/retention_classes/audit/days`" in told
    assert "it has 30; asked for was 60; to change it, edit `store.json` there" in told
    assert 'it has {"days":30}; asked for was none' in said(tmp_path, "init", "--store", "store", code=INTEGRITY)
    said(tmp_path, "init", "--store", "store", "--class", "audit=30")


def test_what_a_rebuild_could_not_use_is_not_lost_unawares(tmp_path: Path, package: str) -> None:
    """Content that only a damaged manifest names looks like rubbish, and the hold of no package keeps it."""
    (manifest,) = (tmp_path / "store/manifests").glob("*/*")
    whole = manifest.read_bytes()
    manifest.write_bytes(whole[:-1])
    (tmp_path / "store/registry.db").unlink()
    told = said(tmp_path, "rebuild", "--store", "store")
    assert "goes with the next `rsppc store gc --delete`; to save it, bring back what is damaged" in told
    manifest.write_bytes(whole)
    (tmp_path / "store/registry.db").unlink()
    assert "gc --delete" not in said(tmp_path, "rebuild", "--store", "store")
    assert package in said(tmp_path, "list", "--store", "store")
