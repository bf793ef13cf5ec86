"""Which files of a workspace are read, and what is said of those that cannot be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.workspace import Workspace, find_workspace


def check(root: Path) -> tuple[list[str], tuple[Diagnostic, ...]]:
    """The source files of a workspace, and what is wrong with them."""
    sink = DiagnosticSink()
    workspace = find_workspace(str(root), sink)
    assert workspace is not None
    paths = list(workspace.files(sink))
    for path in paths:
        workspace.read(path, sink)
    return paths, sink.sorted()


@pytest.fixture
def specs(tmp_path: Path) -> Path:
    folder = tmp_path / "desk" / "pipelines" / "specs"
    folder.mkdir(parents=True)
    (folder / "echo_v1.yaml").write_text("")
    return folder


def test_files_are_found_in_order_and_assets_and_examples_are_left_out(specs: Path) -> None:
    for path in (
        "../assets/a.yaml",
        "../examples/b.yaml",
        "../bundles/objects/c.json",
        ".hidden.yaml",
        "notes.md",
        "a.rspp",
    ):
        (specs / path).parent.mkdir(parents=True, exist_ok=True)
        (specs / path).write_text("")
    assert check(specs.parents[1]) == (["pipelines/specs/a.rspp", "pipelines/specs/echo_v1.yaml"], ())


def test_a_link_out_of_the_sources_is_not_followed(specs: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.yaml").write_text("secret: true\n")
    os.symlink(tmp_path / "elsewhere.yaml", specs / "borrowed_v1.yaml")
    os.symlink(specs / "echo_v1.yaml", specs / "same_v1.yaml")
    paths, (found,) = check(specs.parents[1])
    assert paths == ["pipelines/specs/echo_v1.yaml", "pipelines/specs/same_v1.yaml"]
    assert (found.code, found.subject) == ("RSP0002", "pipelines/specs/borrowed_v1.yaml")
    assert found.next_step() == "copy the file into the workspace"


def test_a_link_that_leads_nowhere_is_said_to_be_unreadable(specs: Path) -> None:
    os.symlink(specs / "gone.yaml", specs / "lost_v1.yaml")
    _, (found,) = check(specs.parents[1])
    assert found.code == "RSP0001"
    assert found.message() == "`pipelines/specs/lost_v1.yaml` cannot be read: it is not there"


def test_every_unsound_entry_of_the_configuration_is_reported_and_the_sound_ones_hold(specs: Path) -> None:
    root = specs.parents[1]
    (root / "rsppc.toml").write_text('output = "../out"\nstrikt = true\nsources = "pipelines"\nstrict = 1\n')
    sink = DiagnosticSink()
    assert find_workspace(str(specs), sink) == Workspace(root=str(root.resolve()))
    places = [(found.at.text, found.message()) for found in sink.sorted()]
    assert places == [
        ("output", "`rsppc.toml`: `output` must be a folder inside the workspace"),
        ("strikt", "`rsppc.toml`: there is no key `strikt`"),
        ("strict", "`rsppc.toml`: `strict` must be true or false"),
    ]


def test_a_link_to_another_place_in_the_workspace_is_read(specs: Path) -> None:
    root = specs.parents[1]
    (root / "shared").mkdir()
    (root / "shared" / "line.yaml").write_text("")
    os.symlink(root / "shared" / "line.yaml", specs / "line_v1.yaml")
    assert check(root) == (["pipelines/specs/echo_v1.yaml", "pipelines/specs/line_v1.yaml"], ())


@pytest.mark.parametrize(
    "text, said",
    [
        ('output = "pipelines"', "`output` is the folder of the sources"),
        ('output = "pipelines/build"', "`output` lies inside `sources`"),
        ('output = "./"', "`sources` lies inside `output`"),
        ('sources = "."', "`output` lies inside `sources`"),
        ("lint = {}", None),
        ("lint = 1", "`lint` must be a table"),
        ('output = "pipelines2"', None),
    ],
)
def test_folders_lie_apart_and_rules_stand_in_a_table(text: str, said: str | None, specs: Path) -> None:
    root = specs.parents[1]
    (root / "rsppc.toml").write_text(text + "\n")
    sink = DiagnosticSink()
    assert find_workspace(str(root), sink) is not None
    assert [found.message() for found in sink.sorted()] == ([] if said is None else [f"`rsppc.toml`: {said}"])
