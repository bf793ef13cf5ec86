"""`rsppc store` as it is called, where it is more than the registry."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from rsppc.cli.exits import FINDINGS, INTEGRITY, OK
from workspaces import rsppc_here

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
