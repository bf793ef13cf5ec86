"""A registry that was lost is made anew from manifests, and nothing is guessed."""

from __future__ import annotations

import errno
import os
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rsppc.store import manifest
from rsppc.store.auditing import audit
from rsppc.store.gc import collect
from rsppc.store.problems import StoreProblem
from rsppc.store.rebuilding import HOLD, rebuild
from rsppc.store.registry import opened
from rsppc.store.verification import verify_package
from stores import AT, FILES, filled, published, store_in


def _lose(folder: Path) -> None:
    for name in ("registry.db", "registry.db-wal", "registry.db-shm", "registry.head"):
        (folder / name).unlink(missing_ok=True)


def test_finalised_packages_come_back_with_a_hold(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    with store_in(folder) as registry:
        made = published(registry)
        other = published(registry, "r2", {"a": b"1"}, tenant="team", retention_class="raw")
        registry.record_attestation(made, "signature", "application/json", b"{}", AT)
        open_one = filled(registry, "open", {"b": b"2"})
        before = [(registry.package(one).manifest_digest, registry.files(one)) for one in (made, other)]
    _lose(folder)
    done = rebuild(str(folder), AT)
    assert (done.packages, done.attestations, done.passed_over, done.aside) == (2, 1, (), None)
    with opened(str(folder)) as registry:
        assert [(registry.package(one).manifest_digest, registry.files(one)) for one in (made, other)] == before
        assert registry.package(made).hold == HOLD
        assert registry.attestation_bytes(made, "signature") == b"{}"
        assert registry.found(open_one) is None
        assert audit(registry.log).faults == ()
        assert verify_package(registry, other).faults == ()
        assert collect(registry, AT + timedelta(days=9999)).packages == ()


def test_a_sound_registry_is_left_alone(tmp_path: Path) -> None:
    store_in(tmp_path / "store").close()
    with pytest.raises(StoreProblem, match="is sound"):
        rebuild(str(tmp_path / "store"), AT)


@pytest.mark.parametrize("before_full", [0, 1])
def test_a_registry_whose_mark_cannot_be_written_is_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before_full: int
) -> None:
    """Without it a log can be cut, and nobody would see it; nor would anything be collected."""
    folder = tmp_path / "store"
    with store_in(folder) as registry:
        published(registry)
    _lose(folder)
    before = sorted(folder.iterdir())
    opening, written = open, 0

    def full(path: Any, *arguments: Any, **named: Any) -> Any:
        nonlocal written
        if "registry.head" in str(path) and arguments == ("wb",):
            written += 1
            if written > before_full:
                raise OSError(errno.ENOSPC, "No space left on device", path)
        return opening(path, *arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr("builtins.open", full)
        with pytest.raises(StoreProblem, match="cannot be written"):
            rebuild(str(folder), AT)
    assert sorted(folder.iterdir()) == before
    assert rebuild(str(folder), AT).packages == 1


@pytest.mark.parametrize("damage", ["format", "garbage", "truncated", "log"])
def test_a_registry_that_cannot_be_used_is_moved_aside(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "store"
    with store_in(folder) as registry:
        made = published(registry)
        registry.log.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path = folder / "registry.db"
    if damage == "garbage":
        path.write_bytes(b"garbage" * 5000)
    elif damage == "truncated":
        os.truncate(path, 8192)
    else:
        with sqlite3.connect(path) as database:
            if damage == "format":
                database.execute("PRAGMA user_version = 99")
            else:
                database.execute("DROP TRIGGER events_last")
                database.execute("DELETE FROM events WHERE seq = 2")
        database.close()
        if damage == "format":
            with pytest.raises(StoreProblem, match="has format 99"), opened(str(folder)):
                pass
    done = rebuild(str(folder), AT)
    assert done.aside is not None
    assert (Path(done.aside) / "registry.db").exists()
    with opened(str(folder)) as registry:
        assert {file.path for file in registry.files(made)} == set(FILES)


def test_of_two_manifests_the_larger_one_is_taken(tmp_path: Path) -> None:
    """The smaller one is there because somebody was killed while finalising, and later went on."""
    folder = tmp_path / "store"
    with store_in(folder) as registry:
        made = filled(registry, files={"a": b"1"})
        registry.backend.put([manifest.encode(registry.manifest_value(made))], "manifests")
        filled(registry, files={"b": b"2"})
        final = registry.finalize_package(made, AT).manifest_digest
    _lose(folder)
    done = rebuild(str(folder), AT)
    assert (done.packages, len(done.passed_over)) == (1, 1)
    with opened(str(folder)) as registry:
        assert registry.package(made).manifest_digest == final


def test_nothing_is_guessed_between_two_manifests(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    for files in ({"a": b"1"}, {"a": b"2"}):
        _lose(folder)
        with store_in(tmp_path / f"part{len(list(tmp_path.iterdir()))}") as registry:
            published(registry, files=files)
            data = registry.manifest_bytes(registry.packages()[0].package_id)
        if not folder.exists():
            store_in(folder).close()
        from rsppc.store.backends.local import LocalBackend

        LocalBackend(str(folder)).put([data], "manifests")
    _lose(folder)
    with pytest.raises(StoreProblem, match="has two manifests"):
        rebuild(str(folder), AT)
    assert not (folder / "registry.db").exists()


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    with store_in(folder) as registry:
        made = published(registry)
        published(registry, "r2", {"a": b"1"})
        digest = registry.package(made).manifest_digest or ""
    name = digest.removeprefix("blake3:")
    (folder / "manifests" / name[:2] / name).write_bytes(b"\xa0")
    _lose(folder)
    done = rebuild(str(folder), AT)
    assert done.packages == 1
    assert digest in done.passed_over[0]


def test_where_the_configuration_was_lost_as_well_nothing_is_freed(tmp_path: Path) -> None:
    from rsppc.store.config import Config, RetentionClass

    folder = tmp_path / "store"
    classes = {"standard": RetentionClass(days=365), "deeds": RetentionClass(days=1)}
    with store_in(folder, Config(retention_classes=classes)) as registry:
        made = published(registry, retention_class="deeds")
    _lose(folder)
    (folder / "store.json").unlink()
    rebuild(str(folder), AT)
    with opened(str(folder)) as registry:
        assert registry.package(made).permanent
