"""What is promised is on the disk: how the database is set, and in which order content is written.

Whether that is enough, the heavier checks find out with disks whose power is cut; here is what no later change may undo
unseen.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from stores import published, store_in


def test_a_commit_is_on_the_disk_before_anybody_is_told(tmp_path: Path) -> None:
    with store_in(tmp_path / "store") as registry:
        settings = [
            registry.log.database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")
        ]
    assert settings == ["wal", 2], "2 is FULL"


def test_content_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a power cut leaves a name under which there is nothing."""
    synced: set[int] = set()
    named: list[bool] = []
    fsync, rename = os.fsync, os.rename

    def seen_fsync(handle: int) -> None:
        synced.add(os.fstat(handle).st_ino)
        fsync(handle)

    def seen_rename(old: str, new: str) -> None:
        if "/blobs/" in new or "/manifests/" in new:
            named.append(os.stat(old).st_ino in synced)
        rename(old, new)

    with store_in(tmp_path / "store") as registry:
        monkeypatch.setattr(os, "fsync", seen_fsync)
        monkeypatch.setattr(os, "rename", seen_rename)
        published(registry)
    assert named == [True] * 4, "three files and a manifest"
