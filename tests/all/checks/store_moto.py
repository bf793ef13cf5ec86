"""The content of a store in S3, against a server that keeps conditional writes (moto)."""

from __future__ import annotations

from pathlib import Path

from checks.outcome import Outcome
from checks.s3_servers import moto
from checks.s3_story import told

NAME = "store-moto"
NEEDS = ("moto", "boto3", "obstore")


def run(folder: Path) -> Outcome:
    (folder / "moto").mkdir()
    with moto(folder / "moto") as server:
        return told(folder, server, second_creator="yes", knows_who=False)
