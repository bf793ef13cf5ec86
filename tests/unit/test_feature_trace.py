"""READMEs, schemas and the gate manifest name the same features (R-001-86)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from rsppc.diagnostics import DiagnosticSink
from rsppc.model.features import FEATURES, features_of
from rsppc.model.json_schema import schema_of
from rsppc.model.kinds import KINDS
from rsppc.resources import folder
from rsppc.syntax.reader import SUFFIXES, read

LIBRARY = Path(folder("pipelines"))

TRACE = {
    "specs": "`F-001` to `F-019`, `F-015`, `F-016`",
    "profiles": "`F-078` to `F-082`, `F-143`, `F-148`",
    "modules": "`F-019`, `F-003`, `F-005`, `F-006`, `F-018`",
    "policies": "`F-056` to `F-062`, `F-066`, `F-102`",
    "bundles": "`F-015`, `F-092`, `F-100`, `F-149`, `NF-010`",
    "rollouts": "`F-093`, `F-098`, `F-100`, `F-165`",
    "extensions": "`F-011`, `F-121` to `F-124`, `F-164`, `F-171`",
    "replay": "`F-029`, `F-071`, `F-072`, `F-149` to `F-154`, `F-176`, `NF-028`",
    "compat": "`F-028`, `F-032`, `F-162`, `F-163`, `NF-032`",
    "examples": "`F-079`, `F-125`, `F-126`, `F-130`",
    "tests": "`F-127`, `F-128`, `NF-024` to `NF-029`, `NF-038`",
}
"""The demanded trace of each folder, in the words of the table that demands it."""


def ids(words: str) -> set[str]:
    """`F-056` to `F-058` is three ids."""
    found: set[str] = set()
    for family, low, high in re.findall(r"`(N?F)-(\d{3})`(?: to `N?F-(\d{3})`)?", words):
        found |= {f"{family}-{number:03d}" for number in range(int(low), int(high or low) + 1)}
    return found


def artifacts(place: str) -> list[dict[str, Any]]:
    files = sorted(file for file in (LIBRARY / place).iterdir() if file.suffix in SUFFIXES)
    documents = [read(file.name, file.read_bytes(), DiagnosticSink()) for file in files]
    return [document.root for document in documents if document is not None and document.root is not None]


@pytest.mark.parametrize("place", TRACE)
def test_each_readme_carries_its_feature_trace(place: str) -> None:
    readme = (LIBRARY / place / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| Feature trace \| (.*) \|$", readme, re.MULTILINE)
    assert len(rows) == 1
    assert ids(rows[0]) == ids(TRACE[place])


def test_the_declared_trace_is_the_demanded_one() -> None:
    assert FEATURES.keys() == TRACE.keys()
    for place, words in TRACE.items():
        assert set(features_of(place)) == ids(words)
        assert len(features_of(place)) == len(ids(words))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_each_schema_carries_the_trace_of_its_folder(kind: Any) -> None:
    assert set(schema_of(kind)["x-features"]) == ids(TRACE[kind.folder])


def test_gates_prove_features_of_the_trace_and_leave_none_out() -> None:
    (manifest,) = artifacts("tests")
    proved = [gate["feature"] for gate in manifest["gates"]]
    assert len(set(proved)) == len(proved)
    assert set(proved) == {one for one in ids(TRACE["tests"]) if one.startswith("NF-")}
    assert set(manifest["metadata"]["features"]) == ids(TRACE["tests"])


def test_what_gates_and_other_folders_share_is_shared_by_their_readmes() -> None:
    (manifest,) = artifacts("tests")
    proved = {gate["feature"]: gate for gate in manifest["gates"]}
    shared = {(place, one) for place in TRACE if place != "tests" for one in ids(TRACE[place]) & proved.keys()}
    assert shared == {("replay", "NF-028")}
    (replay,) = artifacts("replay")
    assert "NF-028" in replay["metadata"]["features"]
    assert f"{replay['replay_id']}/{replay['version']}" in proved["NF-028"]["formula"]


@pytest.mark.parametrize("place", [place for place in TRACE if place != "examples"])
def test_every_artifact_names_features_that_it_serves(place: str) -> None:
    for artifact in artifacts(place):
        features = artifact["metadata"]["features"]
        assert features and all(re.fullmatch(r"N?F-\d{3}", one) for one in features)
        assert len(set(features)) == len(features)
    served = {one for artifact in artifacts(place) for one in artifact["metadata"]["features"]}
    assert served & ids(TRACE[place]), "no artifact serves what the folder is for"
