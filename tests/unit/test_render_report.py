"""Reports, the lookup of renderers, and writing a report to a file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from rsppc.base.source import Source, Span
from rsppc.diagnostics import Diagnostic, renderers
from rsppc.diagnostics.report import Report, render_report, report_of, write_report


class FakeRun(Diagnostic):
    code = "RSP3105"
    name = "odd"
    severity = "warning"
    headline = "odd"


SOURCE = Source("a.yaml", "one: 1\ntwo: 2\n", b"")
ONE, TWO = Span(source=SOURCE, start=0, end=3), Span(source=SOURCE, start=7, end=10)
REPORT = Report(diagnostics=(FakeRun(at=ONE),), files=("a.yaml",), version="0.1.0")


def test_every_module_of_the_folder_is_a_format() -> None:
    assert renderers.names() == ("github", "json", "junit", "markdown", "sarif", "text")
    for name in renderers.names():
        found = renderers.find(name)
        assert found is not None and found.name == name


@pytest.mark.parametrize("name", ["", "yaml", "__init__", "../text", "text.py", "os"])
def test_there_is_no_renderer_of_another_name(name: str) -> None:
    assert renderers.find(name) is None


def test_only_the_renderer_asked_for_is_imported() -> None:
    program = (
        "import sys; from rsppc.diagnostics import renderers; renderers.find('json');"
        "print([name for name in ('text', 'sarif', 'junit') if f'rsppc.diagnostics.renderers.{name}' in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "[]\n"


def test_a_report_sorts_its_findings_and_drops_duplicates() -> None:
    first, second = FakeRun(at=ONE), FakeRun(at=TWO)
    report = report_of([second, first, FakeRun(at=ONE)], strict=True, files=["b.yaml"], version="1")
    assert report.diagnostics == (first, second)
    assert report.counts() == {"error": 2, "warning": 0, "note": 0}
    assert report.all_files() == ("a.yaml", "b.yaml")


def test_colour_is_ignored_where_a_format_has_none() -> None:
    assert b"\x1b[" in render_report(REPORT, "text", color=True)
    assert render_report(REPORT, "json", color=True) == render_report(REPORT, "json")


def test_an_unknown_format_names_the_known_ones() -> None:
    known = "github, json, junit, markdown, sarif, text"
    with pytest.raises(ValueError, match=f"no renderer is named 'html'; there are {known}"):
        render_report(REPORT, "html")


def test_a_report_replaces_a_file_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")
    write_report(REPORT, "json", path)
    assert path.read_bytes() == render_report(REPORT, "json")
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.json"]


def test_a_failed_write_keeps_the_old_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_report(REPORT, "json", path)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.json"]


def test_a_file_left_by_a_killed_run_is_stepped_around(tmp_path: Path) -> None:
    left_over = tmp_path / f".rsppc-report.{os.getpid()}.0.tmp"
    left_over.write_text("left over")
    write_report(REPORT, "json", tmp_path / "report.json")
    assert (tmp_path / "report.json").read_bytes() == render_report(REPORT, "json")
    assert left_over.read_text() == "left over"


def test_a_symbolic_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "report.json").symlink_to("target.json")
    write_report(REPORT, "json", tmp_path / "report.json")
    assert (tmp_path / "report.json").is_symlink()
    assert (tmp_path / "target.json").read_bytes() == render_report(REPORT, "json")


def test_a_device_is_written_to_and_not_replaced() -> None:
    write_report(REPORT, "json", Path("/dev/null"))
    assert Path("/dev/null").is_char_device()
