"""Workplans are read whole, with the place of whatever is wrong (R-004-01, R-004-02)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rsppc.diagnostics import DiagnosticSink
from rsppc.workplans import Workplan, read_workplan
from workspaces import rsppc_here

ROOT = Path(__file__).parent.parent.parent


def example() -> str:
    """The workplan that the page of the pilot shows."""
    text = (ROOT / "docs/pilots/guide-board.md").read_text(encoding="utf-8")
    found = re.search(r"^````markdown\n(.*?)^````$", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def read(text: str) -> tuple[Workplan | None, list[str]]:
    sink = DiagnosticSink()
    workplan = read_workplan("plan.md", text.encode(), sink)
    found = [(one.at.source.location(one.at.start), one) for one in sink.sorted()]
    return workplan, [f"{line}:{column} {sink.severity(one)}: {one.message()}" for (line, column), one in found]


def test_front_matter_is_read_key_by_key() -> None:
    """R-004-01"""
    workplan, found = read(example())
    assert found == [] and workplan is not None
    assert workplan.front == {
        "id": "EXAMPLE-WP-0001",
        "type": "workplan",
        "title": "Ingest the first run",
        "repo": "artifact-store",
        "domain": "stack",
        "status": "done",
        "owner": "jo",
        "topic_slug": "stack",
        "planning_priority": "high",
        "planning_order": 5,
        "created": "2026-05-15",
        "updated": "2026-05-17",
        "state_hub_workstream_id": "701c4d8c-5cf4-4a4a-ab60-1dcae53fe771",
    }


def test_tasks_are_read_in_order_with_the_heading_above_them() -> None:
    """R-004-02"""
    workplan, found = read(example() + "\n## Next\n\n- in a list\n\n  ```task\n  id: T2\n  status: open\n  ```\n")
    assert found == [] and workplan is not None
    first, second = workplan.tasks
    assert (first.title, first.id, first.status) == ("Register the schema", "EXAMPLE-WP-0001-T001", "done")
    assert (first.priority, first.state_hub_task_id) == ("high", "830f6822-1cfe-4955-a4e0-5b9a42fb5db1")
    assert (second.title, second.id, second.priority) == ("Next", "T2", None)


def test_windows_line_ends_and_other_blocks_do_not_matter() -> None:
    text = example().replace("## Register", "```yaml\nid: none\n```\n\n## Register")
    assert read(text.replace("\n", "\r\n"))[1] == []


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("---\nid: EX", "id: EX", "1:1 error: the page has no front matter"),
        ("---\n# ", "# ", "1:1 error: the page has no front matter: it begins with `---`, and no second such line"),
        ("owner: jo", "ownr: jo", "8:1 error: a front matter has no key `ownr`"),
        ("owner: jo", "colour: red", "8:1 warning: a front matter has no key `colour`"),
        ("planning_order: 5", "planning_order: five", "11:17 error: `planning_order` must be"),
        ('created: "2026-05-15"', "created: May", "12:10 error: `May` is not a date"),
        ("title: ", "# title: ", "2:1 error: a front matter needs the key `title`"),
        ("priority: high\nstate", "priorty: high\nstate", "23:1 error: a task has no key `priorty`"),
        ("status: done\npriority", "status: [\npriority", "22:9 error"),
        (
            "status: done\npriority",
            "status: done\nstatus: open\npriority",
            "23:1 error: the key `status` is written twice",
        ),
        ("id: EXAMPLE-WP-0001-T001\n", "", "21:1 error: a task needs the key `id`"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(before: str, after: str, said: str) -> None:
    text = example()
    assert text.count(before) == 1
    found = read(text.replace(before, after))[1]
    assert any(one.startswith(said) for one in found), found


def test_a_task_that_stands_twice_or_is_empty_is_found() -> None:
    task = "\n```task\nid: EXAMPLE-WP-0001-T001\nstatus: open\n```\n\n```task\n```\n\n```task\n- a\n```\n"
    found = read(example() + task)[1]
    assert [one.partition(": ")[2] for one in found] == [
        "the task `EXAMPLE-WP-0001-T001` stands twice in this workplan",
        "the task holds no keys",
        "the task holds no keys",
    ]


def test_a_fence_that_is_never_closed_is_found() -> None:
    assert "never closed" in read(example() + "\n```task\nid: a\n")[1][0]


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_nothing_that_is_cut_or_glued_breaks_the_reader(data: st.DataObject) -> None:
    text = example()
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(text))] * 2)))
    glue = data.draw(st.sampled_from(["", "---\n", "```task\n", "{", "\t", "\x00", "\ud7ff", "> ", "- - - "]))
    read(text[:start] + glue + text[end:])


def test_the_command_lists_tasks_and_tells_findings(tmp_path: Path) -> None:
    (tmp_path / "plan.md").write_text(example())
    done = rsppc_here(tmp_path, "store", "workplan", "check", "plan.md")
    assert done.returncode == 0
    assert done.stdout.decode().splitlines()[:2] == [
        "EXAMPLE-WP-0001  done  Ingest the first run",
        "  EXAMPLE-WP-0001-T001  done  high  Register the schema",
    ]
    (tmp_path / "bare.md").write_text("# No plan\n")
    done = rsppc_here(tmp_path, "store", "workplan", "check", "plan.md", "bare.md", "--format", "json")
    assert done.returncode == 1 and b"RSP9870" in done.stdout
    assert rsppc_here(tmp_path, "store", "workplan", "check", "none.md").returncode == 2
