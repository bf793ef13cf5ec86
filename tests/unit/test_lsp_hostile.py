"""Editors that send what none should, die, or work on folders that change underneath: the server answers or ends."""

from __future__ import annotations

import os
import queue
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from raw_editor import SECONDS_MAX, RawEditor
from workspaces import CLEAN, SPEC, SPEC_PATH, make

pytest.importorskip("pygls")
BROKEN = SPEC.replace("speech.vad}", "speech.vadd}")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make(tmp_path / "work")


@pytest.fixture
def editor(folder: Path) -> Iterator[RawEditor]:
    one = RawEditor(folder)
    yield one
    if one.server.poll() is None:
        one.server.kill()
        one.server.wait()


def hovers(editor: RawEditor, uri: str) -> bool:
    """Whether the server still answers sensibly."""
    return "speech.vad" in str(editor.ask_at("hover", uri, 6, 38))


def framed(body: bytes) -> bytes:
    return b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


NO_MESSAGES = (
    b"Content-Length: 5\r\n\r\n{abc}",
    b"Content-Length: 2\r\n\r\n[]",
    b"Content-Length: 1\r\n\r\n7",
    b'Content-Length: 4\r\n\r\n\xff\xfe""',
    b"Content-Length: 100000\r\n\r\n" + b"[" * 100_000,
    b"Content-Length: -5\r\n\r\n",
    b"Content-Length: many\r\n\r\n",
    b"X-Other: 1\r\n\r\n",
    b"nonsense\r\n\r\n",
    b"X: " + b"a" * 200_000 + b"\r\n\r\n",
    framed(b'{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"a":1}}'),
    framed(b'{"jsonrpc":"2.0","method":"$/odd","params":[1]}'),
    framed(b'{"jsonrpc":"1.0","method":"textDocument/didOpen","params":{}}'),
    b'Content-Length: 2\r\n\r\n{}{"jsonrpc":"2.0"}\r\n\r\n',
)


def test_what_is_no_message_is_left_alone(editor: RawEditor) -> None:
    uri = editor.open(SPEC_PATH, SPEC)
    for data in NO_MESSAGES:
        editor.send(data)
        assert hovers(editor, uri), data[:80]
    assert editor.close() == 0
    assert not any("Traceback" in line for line in editor.log)


def test_a_server_that_was_told_of_more_than_comes_ends_with_its_editor(editor: RawEditor) -> None:
    editor.send(b"Content-Length: 1000\r\n\r\n{")
    assert editor.server.stdin is not None
    editor.server.stdin.close()
    assert editor.server.wait(SECONDS_MAX) in (0, 1)


def test_requests_out_of_turn_are_refused(editor: RawEditor, folder: Path) -> None:
    assert editor.ask("initialize", {"processId": None, "rootUri": None, "capabilities": {}})["code"] == -32600
    assert editor.ask("rsppc/nothing", {})["code"] == -32601
    uri = editor.open(SPEC_PATH, SPEC)
    assert hovers(editor, uri)
    assert editor.ask("shutdown", None) is None
    assert editor.ask_at("hover", uri, 6, 38)["code"] == -32600
    editor.tell("exit", None)
    assert editor.server.wait(SECONDS_MAX) == 0


def test_who_asks_before_saying_who_they_are_is_told_so(folder: Path) -> None:
    said = b'{"jsonrpc":"2.0","id":1,"method":"workspace/symbol","params":{"query":"a"}}'
    done = subprocess.run(
        [sys.executable, "-m", "rsppc", "lsp"],
        input=b"Content-Length: %d\r\n\r\n%s" % (len(said), said),
        cwd=folder,
        capture_output=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    assert b"-32002" in done.stdout and b"Traceback" not in done.stderr


def test_a_text_of_100_megabytes_is_refused_and_forgotten(editor: RawEditor) -> None:
    uri = editor.open(SPEC_PATH, SPEC)
    editor.said(uri, 1)
    before = editor.memory_kilobytes()
    editor.change(uri, 2, SPEC + "# " + "x" * (100 * 2**20))
    assert [one["code"] for one in editor.said(uri, 2)] == ["RSP0101"]
    editor.change(uri, 3, SPEC)
    assert editor.said(uri, 3) == []
    editor.ask_at("hover", uri, 0, 0)
    assert editor.memory_kilobytes() - before < 64 * 2**10


def test_a_flood_of_changes_ends_with_what_is_wrong_with_the_last_text(editor: RawEditor) -> None:
    uri = editor.open(SPEC_PATH, SPEC)
    for version in range(2, 1002):
        editor.change(uri, version, SPEC[: version % 700])
    editor.change(uri, 1002, BROKEN)
    assert [one["code"] for one in editor.said(uri, 1002)][:1] == ["RSP2110"]


def test_findings_carry_the_version_of_the_text_that_they_were_found_in(editor: RawEditor) -> None:
    """What is said of a text is never said to be of a later one, which has been typed meanwhile."""
    uri = editor.open(SPEC_PATH, SPEC)
    editor.said(uri, 1)
    for version in range(2, 200):
        editor.change(uri, version, BROKEN if version % 2 else SPEC)
    last = 0
    while last < 199:
        try:
            message = editor.next(SECONDS_MAX)
        except queue.Empty:  # pragma: no cover: a failure is clearer below
            break
        params = message.get("params") or {}
        if params.get("uri") == uri and params.get("version", 0) > 1:
            assert bool(params["diagnostics"]) == bool(params["version"] % 2), params["version"]
            last = params["version"]
    assert last == 199


def test_the_same_text_again_is_spoken_of_again(editor: RawEditor) -> None:
    uri = editor.open(SPEC_PATH, BROKEN)
    first = editor.said(uri, 1)
    editor.change(uri, 2, BROKEN)
    assert editor.said(uri, 2) == first != []


def test_a_cancelled_request_is_answered_as_cancelled_and_the_next_one_as_ever(editor: RawEditor, folder: Path) -> None:
    for number in range(300):
        make(folder, {f"pipelines/specs/other{number}_v1.yaml": SPEC.replace("_id: line", f"_id: other{number}")})
    editor.touched(*(folder / f"pipelines/specs/other{number}_v1.yaml" for number in range(300)))
    for number in range(20):
        editor.tell("workspace/symbol", {"query": "stt"}, id=f"q{number}")
        editor.tell("$/cancelRequest", {"id": f"q{number}"})
    editor.tell("$/cancelRequest", {"id": "never"})
    answers: dict[str, object] = {}
    while len(answers) < 20:
        message = editor.next()
        if str(message.get("id", "")).startswith("q"):
            answers[message["id"]] = message.get("error", {}).get("code")
    assert -32800 in answers.values()
    uri = editor.open(SPEC_PATH, SPEC)
    assert hovers(editor, uri)


KILLED = """
import sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from raw_editor import RawEditor
from workspaces import SPEC, SPEC_PATH
editor = RawEditor(Path(sys.argv[2]))
uri = editor.open(SPEC_PATH, SPEC)
print(editor.server.pid, flush=True)
for version in range(2, 10**9):
    editor.change(uri, version, SPEC[:version % 700])
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there are no signals")
def test_a_server_does_not_outlive_an_editor_that_is_killed(folder: Path) -> None:
    words = [sys.executable, "-c", KILLED, str(Path(__file__).parent.parent), str(folder)]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as killed:
        assert killed.stdout is not None
        server = int(killed.stdout.readline())
        time.sleep(0.2)
        killed.kill()
    until = time.monotonic() + SECONDS_MAX
    while time.monotonic() < until and _is_running(server):
        time.sleep(0.05)
    assert not _is_running(server)


def _is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def codes(found: list[dict[str, str]]) -> set[str]:
    return {one["code"] for one in found}


def test_a_folder_that_goes_and_comes_back_under_another_name(editor: RawEditor, folder: Path) -> None:
    uri = editor.open(SPEC_PATH, SPEC)
    assert editor.said(uri, 1) == []
    extensions, aside = folder / "pipelines/extensions", folder / "aside"
    extensions.rename(aside)
    editor.touched(extensions)  # editors tell of the folder, not of what was in it
    assert codes(editor.found(uri, 1)) == {"RSP2116"}
    aside.rename(extensions)
    editor.touched(extensions)
    assert editor.said(uri, 1) == []


def test_a_workspace_that_is_deleted_underneath(editor: RawEditor, folder: Path) -> None:
    uri = editor.open(SPEC_PATH, SPEC)
    assert editor.said(uri, 1) == []
    shutil.rmtree(folder)
    editor.touched(folder / "pipelines")
    assert codes(editor.found(uri, 1)) == {"RSP2116"}
    editor.change(uri, 2, BROKEN)
    assert "RSP2110" in codes(editor.said(uri, 2))
    assert editor.close() == 0 and not editor.log


def test_a_file_with_another_name_on_the_disk(editor: RawEditor, folder: Path) -> None:
    moved = folder / "pipelines/specs/moved_v1.yaml"
    (folder / SPEC_PATH).rename(moved)
    editor.touched(folder / SPEC_PATH, moved)
    found = editor.ask("workspace/symbol", {"query": "line/v1"})
    assert [one["location"]["uri"] for one in found if one["name"] == "line/v1"] == [moved.as_uri()]


def test_links_that_lead_in_circles_and_files_that_are_none(tmp_path: Path) -> None:
    folder = make(tmp_path / "work")
    (folder / "pipelines/loop").symlink_to(folder / "pipelines")
    (folder / "pipelines/specs/self_v1.yaml").symlink_to("self_v1.yaml")
    os.mkfifo(folder / "pipelines/specs/pipe_v1.yaml")
    (folder / "pipelines/specs/folder_v1.yaml").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path)
    for home in (folder, tmp_path):  # a folder above the workspace as well
        editor = RawEditor(home)
        uri = editor.open((folder / SPEC_PATH).relative_to(home).as_posix(), SPEC)
        assert editor.said(uri, 1) == []
        assert editor.close() == 0 and not editor.log


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_read_rights_is_said_to_have_none(folder: Path) -> None:
    (folder / SPEC_PATH).chmod(0)
    editor = RawEditor(folder)
    assert "permission denied" in editor.said((folder / SPEC_PATH).as_uri(), None)[0]["message"]
    assert editor.close() == 0


def test_two_editors_in_one_workspace_do_not_disturb_each_other(folder: Path) -> None:
    first, second = RawEditor(folder), RawEditor(folder)
    ours, theirs = first.open(SPEC_PATH, BROKEN), second.open(SPEC_PATH, SPEC)
    assert "RSP2110" in codes(first.said(ours, 1))
    assert second.said(theirs, 1) == []
    (folder / SPEC_PATH).write_text(BROKEN)  # one of them saves
    second.touched(folder / SPEC_PATH)
    second.change(theirs, 2, SPEC + "\n")
    assert second.said(theirs, 2) == []  # what is open counts as it is in the editor
    assert (first.close(), second.close()) == (0, 0)
    assert sorted(one.relative_to(folder).as_posix() for one in folder.rglob("*.yaml")) == sorted(CLEAN)


def test_places_are_where_the_editor_counts_them_whatever_ends_lines(editor: RawEditor) -> None:
    lines = ["# 🎧 ", *BROKEN.splitlines()]
    lines[7] = lines[7].replace("node_id: vad,", 'node_id: vad, lifecycle: {"🎧🎧": 1},')
    units = lines[7].encode("utf-16-le")
    start = units.index("speech.vadd".encode("utf-16-le")) // 2
    uri = editor.open(SPEC_PATH, "")
    for version, end in enumerate(("\n", "\r\n"), start=2):
        editor.change(uri, version, end.join(lines) + end)
        (unknown,) = (one["range"] for one in editor.said(uri, version) if one["code"] == "RSP2110")
        assert unknown["start"] == {"line": 7, "character": start}
        assert unknown["end"] == {"line": 7, "character": start + len("speech.vadd")}
    editor.change(uri, 9, "\r".join(lines))
    assert editor.said(uri, 9)  # one line for us, many for the editor: refused as a whole
