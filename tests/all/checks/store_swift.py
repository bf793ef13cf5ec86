"""The content of a store in S3, against production code that checks who asks (Swift with its S3 API)."""

from __future__ import annotations

from pathlib import Path

from checks.outcome import Outcome
from checks.s3_servers import swift
from checks.s3_story import told

NAME = "store-swift"
NEEDS = ("swift", "memcached", "boto3", "obstore")


def run(folder: Path) -> Outcome:
    (folder / "swift").mkdir()
    with swift(folder / "swift") as server:
        return told(folder, server, second_creator="no: not known there", knows_who=True)
