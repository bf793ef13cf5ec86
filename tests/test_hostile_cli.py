"""What is thrown at the command line in the wild: every case ends with a documented exit code, in time, within bounds,
and never with a traceback (`workspaces.rsppc` insists on that).
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from killed import killed_at_each_step
from rsppc.cli.exits import ENVIRONMENT, FINDINGS, INTERRUPTED, OK, USAGE
from workspaces import (
    BUNDLE_PATH,
    CLEAN,
    PROVIDERS_PATH,
    SPEC,
    SPEC_PATH,
    built_files,
    command,
    environment,
    limit_memory,
    make,
    rsppc,
    rsppc_here,
)

MEGABYTE = 2**20
REFUSAL_MEMORY_MAX = 512 * MEGABYTE
REFUSAL_SECONDS_MAX = 10
"""Two seconds are promised; a shared machine may be several times as slow."""

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 10)
)
JSON_PATH = "pipelines/specs/other_v1.json"
TEXT_PATH = "pipelines/specs/other_v1.rspp"
DATA = SPEC.encode()

HOSTILE_FILES: dict[str, tuple[str, bytes, str]] = {
    "binary": (SPEC_PATH, bytes(range(256)) * 64, "RSP0102"),
    "NUL": (SPEC_PATH, DATA.replace(b"owner", b"ow\0ner"), "RSP0104"),
    "surrogate in UTF-8": (SPEC_PATH, DATA.replace(b"mic", b"mi\xed\xa0\x80c"), "RSP0102"),
    "surrogate escape": (SPEC_PATH, DATA + b'metadata: {title: "\\ud800"}\n', "RSP0201"),
    "surrogate escape in JSON": (JSON_PATH, b'{"schema_version": "\\ud800"}', "RSP0304"),
    "mark inside": (SPEC_PATH, DATA.replace(b"nodes:", b"\xef\xbb\xbfnodes:"), "RSP0105"),
    "UTF-16": (SPEC_PATH, SPEC.encode("utf-16"), "RSP0103"),
    "lone carriage returns": (SPEC_PATH, DATA.replace(b"\n", b"\r"), "RSP0106"),
    "tabs": (SPEC_PATH, DATA.replace(b"  - {", b"\t- {"), "RSP0204"),
    "open brackets": (SPEC_PATH, DATA + b"metadata: " + b"[" * 10_000, "RSP0111"),
    "nested brackets": (SPEC_PATH, DATA + b"metadata: " + b"[" * 10_000 + b"]" * 10_000, "RSP0111"),
    "nested lines": (SPEC_PATH, DATA + b"metadata:\n" + b"".join(b" " * n + b"a:\n" for n in range(1, 999)), "RSP0111"),
    "nested JSON": (JSON_PATH, b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "RSP0111"),
    "nested JSON lists": (JSON_PATH, b"[" * 10_000 + b"]" * 10_000, "RSP0111"),
    "nested text form": (TEXT_PATH, b"pipeline a v1 { a -> b when " + b"(" * 50_000, "RSP0404"),
    "alias bomb": (SPEC_PATH, BOMB.encode(), "RSP0113"),
    "cyclic alias": (SPEC_PATH, DATA + b"metadata: &a {labels: [*a]}\n", "RSP0216"),
    "duplicate key": (SPEC_PATH, DATA + b"version: v1\n", "RSP0115"),
    "merge key": (SPEC_PATH, DATA + b"metadata: {<<: {title: a}}\n", "RSP0210"),
    "right-to-left name": (SPEC_PATH, DATA.replace(b"node_id: mic", b'node_id: "mi\xe2\x80\xaec"'), "RSP0107"),
    "long number": (SPEC_PATH, DATA.replace(b"400", b"9" * 10_000), "RSP0116"),
    "long number in JSON": (JSON_PATH, b'{"version": ' + b"9" * 10_000 + b"}", "RSP0116"),
    "long version": (SPEC_PATH, DATA.replace(b"version: v1\n", b"version: v" + b"9" * 5000 + b"\n"), "RSP1107"),
    "long version of a reference": (SPEC_PATH, DATA.replace(b"simple/v1", b"simple/v" + b"9" * 5000), "RSP1113"),
    "long value": (SPEC_PATH, DATA + b'metadata: {title: "' + b"x" * 7_000_000 + b'"}\n', "RSP0114"),
    "many keys": (SPEC_PATH, DATA + b"metadata:\n" + b"".join(b"  k%d: 1\n" % n for n in range(60_000)), "RSP0112"),
    "several documents": (SPEC_PATH, DATA + b"---\na: b\n", "RSP0218"),
    "empty": (SPEC_PATH, b"", "RSP0117"),
    "no file name for it": (SPEC_PATH, DATA.replace(b"pipeline_id: line", b"pipeline_id: other"), "RSP1003"),
}


def codes(done: subprocess.CompletedProcess[bytes]) -> set[str]:
    """Codes of the findings that `--format json` printed."""
    return {json.loads(line)["code"] for line in done.stdout.splitlines()}


def test_hostile_files_are_refused_in_time_each_with_its_place(tmp_path: Path) -> None:
    """R-002: nothing a file can hold makes the compiler crash, hang or show its inside."""
    expected = {}
    for number, (path, content, code) in enumerate(HOSTILE_FILES.values()):
        placed = path.replace("_v1", f"{number}_v1")
        make(tmp_path, {placed: content})
        expected[placed] = code
    started = time.monotonic()
    done = rsppc(tmp_path, "check", "--format", "json", memory_max=REFUSAL_MEMORY_MAX)
    assert time.monotonic() - started < REFUSAL_SECONDS_MAX
    assert done.returncode == FINDINGS
    found = [json.loads(line) for line in done.stdout.splitlines()]
    seen = {path: {one["code"] for one in found if one["primary"]["file"] == path} for path in expected}
    assert {path: code for path, code in expected.items() if code not in seen[path]} == {}
    assert all(min(one["primary"]["start"]) >= 1 for one in found)
    assert len(done.stdout) < MEGABYTE


@pytest.mark.parametrize("name", ["alias bomb", "nested JSON", "long value", "binary"])
def test_a_hostile_file_alone_is_refused_quickly(name: str, tmp_path: Path) -> None:
    path, content, code = HOSTILE_FILES[name]
    make(tmp_path, CLEAN, **{path: content})
    done = rsppc(tmp_path, "check", "--format", "json", memory_max=256 * MEGABYTE, seconds_max=REFUSAL_SECONDS_MAX)
    assert done.returncode == FINDINGS
    assert code in codes(done)


def test_a_huge_file_is_refused_by_its_size(tmp_path: Path) -> None:
    make(tmp_path)
    with open(tmp_path / SPEC_PATH, "ab") as file:
        file.truncate(100 * MEGABYTE)
    done = rsppc(tmp_path, "check", "--format", "json", memory_max=256 * MEGABYTE)
    assert done.returncode == FINDINGS
    assert "RSP0101" in codes(done)


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    make(tmp_path, CLEAN, **{SPEC_PATH: b"\xef\xbb\xbf" + DATA.replace(b"\n", b"\r\n")})
    assert rsppc(tmp_path, "check").returncode == OK


def test_an_endless_standard_input_is_refused(tmp_path: Path) -> None:
    make(tmp_path)
    with open("/dev/zero", "rb") as endless:
        done = subprocess.run(
            command("check", "-", "--format", "json"),
            cwd=tmp_path,
            stdin=endless,
            capture_output=True,
            timeout=REFUSAL_SECONDS_MAX,
            env=environment(),
            preexec_fn=lambda: limit_memory(REFUSAL_MEMORY_MAX),
            check=False,
        )
    assert done.returncode == FINDINGS
    assert codes(done) == {"RSP0101"}


CONFIGS = {
    "not TOML": b"\xff\xfe\0",
    "nested": b"a = " + b"[" * 10_000,
    "long number": b"a = " + b"9" * 10_000,
    "NUL in a path": b'sources = "a\\u0000b"',
    "path out": b'sources = "../elsewhere"',
    "no such folder": b'sources = "nowhere"',
    "a file as folder": b'sources = "rsppc.toml"',
    "huge": b"#" * 200_000,
    "one long blank": b" " * 60_000 + b"\nsources = 3\n",
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_hostile_configuration_is_a_finding(name: str, tmp_path: Path) -> None:
    make(tmp_path, CLEAN, **{"rsppc.toml": CONFIGS[name]})
    done = rsppc_here(tmp_path, "check", "--format", "json")
    assert done.returncode == FINDINGS
    assert "RSP0003" in codes(done)


# --- Files that are not what they seem -------------------------------------------------------------------------------


def test_a_link_out_of_the_workspace_is_refused_and_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.yaml"
    secret.write_text("top: secret\n")
    inside = make(tmp_path / "workspace")
    (inside / "pipelines/specs/other_v1.yaml").symlink_to(secret)
    (inside / "pipelines/more").symlink_to(tmp_path)
    done = rsppc(inside, "check", "--format", "json")
    assert done.returncode == FINDINGS
    assert codes(done) == {"RSP0002"}
    assert len(done.stdout.splitlines()) == 2
    assert b"secret" not in done.stdout.replace(b"secret.yaml", b"")


def test_an_asset_is_not_taken_from_outside(tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text("secret")
    spec = SPEC.replace("provider: llm-house}", "provider: llm-house, config: {system_prompt: prompts/a.txt}}")
    inside = make(tmp_path / "workspace", CLEAN, **{SPEC_PATH: spec, "pipelines/assets/prompts/b.txt": ""})
    (inside / "pipelines/assets/prompts/a.txt").symlink_to(tmp_path / "outside.txt")
    assert rsppc(inside, "check").returncode == FINDINGS


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(make(tmp_path) / "pipelines/specs/pipe_v1.yaml")
    done = rsppc(tmp_path, "check", "--format", "json", seconds_max=REFUSAL_SECONDS_MAX)
    assert done.returncode == ENVIRONMENT
    assert codes(done) == {"RSP0001"}


def test_a_folder_named_like_a_file_is_a_folder(tmp_path: Path) -> None:
    (make(tmp_path) / "pipelines/specs/folder_v1.yaml").mkdir()
    assert rsppc(tmp_path, "check").returncode == OK


def test_a_link_that_leads_to_itself_cannot_be_read(tmp_path: Path) -> None:
    (make(tmp_path) / "pipelines/specs/loop_v1.yaml").symlink_to("loop_v1.yaml")
    done = rsppc(tmp_path, "check", "--format", "json")
    assert done.returncode == ENVIRONMENT
    assert codes(done) == {"RSP0001"}


def test_a_file_that_may_not_be_read_is_reported(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("the system lets root read everything")
    (make(tmp_path) / SPEC_PATH).chmod(0)
    done = rsppc(tmp_path, "check", "--format", "json")
    assert done.returncode == ENVIRONMENT
    assert "RSP0001" in codes(done)


def test_a_folder_that_may_not_be_listed_is_reported(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("the system lets root read everything")
    (make(tmp_path) / "pipelines/specs").chmod(0)
    try:
        done = rsppc(tmp_path, "check", "--format", "json")
    finally:
        (tmp_path / "pipelines/specs").chmod(0o755)
    assert done.returncode == ENVIRONMENT
    assert "RSP0001" in codes(done)


def test_a_file_that_vanishes_during_the_run_is_reported(tmp_path: Path) -> None:
    """A dangling link is what the listing shows and the reading does not find, as with a file that was just removed."""
    (make(tmp_path) / "pipelines/specs/gone_v1.yaml").symlink_to("was_here_v1.yaml")
    done = rsppc(tmp_path, "check", "--format", "json")
    assert done.returncode == ENVIRONMENT
    assert codes(done) == {"RSP0001"}


def test_a_name_that_is_no_text_is_reported(tmp_path: Path) -> None:
    folder = os.fsencode(make(tmp_path) / "pipelines/specs") + b"/\xff"
    os.mkdir(folder)
    os.rename(tmp_path / SPEC_PATH, folder + b"/line_v1.yaml")
    done = rsppc(tmp_path, "build", "--format", "json")
    assert done.returncode == ENVIRONMENT
    assert "RSP0001" in codes(done)


def test_a_name_with_control_characters_is_shown_and_not_sent_to_the_terminal(tmp_path: Path) -> None:
    make(tmp_path, CLEAN, **{"pipelines/specs/a\n\x1b[31m_v1.yaml": "a: b\n"})
    done = rsppc(tmp_path, "check")
    assert done.returncode == FINDINGS
    assert b"\x1b" not in done.stdout
    assert b"<U+001B>" in done.stdout


def test_a_folder_of_the_workspace_that_is_gone_is_a_fault_of_the_environment(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f"cd {gone} && rmdir {gone} && exec {' '.join(command('check'))}"
    done = subprocess.run(["sh", "-c", script], capture_output=True, env=environment(), check=False)
    assert (done.returncode, b"Traceback" in done.stderr) == (ENVIRONMENT, False)


# --- Large graphs ----------------------------------------------------------------------------------------------------


def graph(nodes: list[str], edges: list[tuple[str, str]]) -> str:
    """The clean spec with more in it."""
    head, _, rest = SPEC.partition("edges:\n")
    before, _, after = rest.partition("turns:\n")
    more = "".join(f"  - {{from: {source}, to: {target}}}\n" for source, target in edges)
    return f"{head}{''.join(f'  - {{{node}}}{chr(10)}' for node in nodes)}edges:\n{before}{more}turns:\n{after}"


def test_a_chain_of_ten_thousand_nodes_compiles(tmp_path: Path) -> None:
    count = 10_000
    nodes = [f"node_id: n{index}, node_type: text.normalizer" for index in range(count)]
    edges = [(f"n{index}.text", f"n{index + 1}.text") for index in range(count - 1)]
    spec = graph(nodes, [("sentences.text", "n0.text"), *edges, (f"n{count - 1}.text", "tts.text")])
    spec = spec.replace("  - {from: sentences.text, to: tts.text}\n", "")
    make(tmp_path, {SPEC_PATH: spec, PROVIDERS_PATH: CLEAN[PROVIDERS_PATH]})
    done = rsppc(tmp_path, "check", "--format", "json", memory_max=2048 * MEGABYTE)
    assert done.returncode == FINDINGS
    assert codes(done) <= {"RSP5402", "RSP5403", "RSP5404", "RSP5405", "RSP5406", "RSP5407", "RSP5101"}, done.stdout


def test_a_wide_fan_out_compiles(tmp_path: Path) -> None:
    count = 2000
    nodes = [f"node_id: n{index}, node_type: signal.dtmf" for index in range(count)]
    nodes += ["node_id: hole, node_type: flow.opaque, config: {inputs: [in], outputs: [out]}"]
    spec = graph(nodes, [("mic.audio", f"n{index}.audio") for index in range(count)])
    make(tmp_path, {SPEC_PATH: spec, PROVIDERS_PATH: CLEAN[PROVIDERS_PATH]})
    done = rsppc(tmp_path, "check", "--format", "json")
    assert done.returncode == FINDINGS  # nobody consumes what they find
    assert len(done.stdout.splitlines()) >= count


def test_a_wide_fan_in_is_reported_once_for_each_input(tmp_path: Path) -> None:
    count = 1000
    nodes = [f"node_id: n{index}, node_type: text.normalizer" for index in range(count)]
    edges = [("stt.text", f"n{index}.text") for index in range(count)]
    edges += [(f"n{index}.text", "llm.prompt") for index in range(count)]
    make(tmp_path, {SPEC_PATH: graph(nodes, edges), PROVIDERS_PATH: CLEAN[PROVIDERS_PATH]})
    done = rsppc(tmp_path, "check")
    assert done.returncode == FINDINGS
    assert len(done.stdout) < MEGABYTE


def test_a_file_in_which_everything_is_wrong_is_refused_in_time(tmp_path: Path) -> None:
    """Neither the places of the findings nor guesses at what was meant, nor repairs that are tried, take all day."""
    keys = SPEC + "".join(f"k{index}: 1\n" for index in range(10_000))
    nodes = [f"node_id: n{index}, node_type: text.normalizer" for index in range(2000)]
    wires = graph(nodes, [(f"n{index}x.text", f"n{index}y.text") for index in range(2000)])
    for number, spec in enumerate((keys, wires)):
        folder = make(tmp_path / str(number), {SPEC_PATH: spec, PROVIDERS_PATH: CLEAN[PROVIDERS_PATH]})
        done = rsppc(folder, "check", "--format", "github", seconds_max=REFUSAL_SECONDS_MAX)
        assert done.returncode == FINDINGS
        assert len(done.stdout.splitlines()) >= 2000


def test_edges_of_a_node_into_itself_are_reported(tmp_path: Path) -> None:
    make(tmp_path, CLEAN, **{SPEC_PATH: graph([], [("llm.text", "llm.prompt"), ("tts.audio", "tts.text")])})
    done = rsppc(tmp_path, "check", "--format", "json")
    assert done.returncode == FINDINGS
    assert "RSP4104" in codes(done)


# --- Writing ---------------------------------------------------------------------------------------------------------


def changed(folder: Path) -> None:
    """Give the next build something else to write."""
    path = folder / SPEC_PATH
    path.write_text(path.read_text().replace("400", "401"))


@pytest.fixture
def built(tmp_path: Path) -> Path:
    assert rsppc(make(tmp_path), "build").returncode == OK
    return tmp_path


def test_a_full_disk_leaves_the_earlier_output_whole(built: Path) -> None:
    """A limit on the size of files makes each write fail half-way, as a full disk does."""
    before = built_files(built / "build")
    changed(built)
    for limit in (0, 1, 4000, 20_000):
        done = rsppc(built, "build", file_size_max=limit)
        assert done.returncode == ENVIRONMENT
        assert b"earlier output is still there" in done.stderr
        assert built_files(built / "build") == before
    assert rsppc(built, "build").returncode == OK
    assert built_files(built / "build") != before
    assert [path.name for path in (built / "build/.sets").iterdir() if path.name.startswith(".")] == []


def test_a_killed_build_leaves_the_earlier_output_whole(built: Path) -> None:
    """Killed at many moments, one after the other; whoever reads sees the old set or the new one."""
    old = built_files(built / "build")
    changed(built)
    reference = make(built / "elsewhere", {path: (built / path).read_text() for path in CLEAN})
    assert rsppc(reference, "build").returncode == OK
    new = built_files(reference / "build")
    assert new != old
    started = time.monotonic()
    assert rsppc(built, "build", "--output", "other").returncode == OK
    whole = time.monotonic() - started
    for share in (0.6, 0.8, 0.9, 1.0):
        running = subprocess.Popen(
            command("build"), cwd=built, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(whole * share)
        running.kill()
        running.wait()
        assert built_files(built / "build") in (old, new)
    assert rsppc(built, "build").returncode == OK
    assert built_files(built / "build") == new


def test_a_build_killed_before_any_step_of_writing_leaves_the_earlier_output_whole(built: Path) -> None:
    """Before each single call that changes the disk, not only at moments that chance picks."""
    old = built_files(built / "build")
    changed(built)
    assert rsppc(built, "build", "--output", "other").returncode == OK
    new = built_files(built / "other")

    def look() -> None:
        assert built_files(built / "build") in (old, new)

    steps = killed_at_each_step(built, "build", look=look)
    assert steps >= 8, "there are folders, four files and a link to write"
    assert built_files(built / "build") == new
    assert rsppc(built, "build").returncode == OK
    assert list((built / "build").rglob(".unfinished-*")) == []


def test_two_builds_at_once_give_what_one_gives(built: Path) -> None:
    changed(built)
    running = [
        subprocess.Popen(command("build"), cwd=built, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    assert [one.wait(timeout=60) for one in running] == [OK] * 3
    for one in running:
        one.communicate()
    alone = make(built / "alone", {path: (built / path).read_text() for path in CLEAN})
    assert rsppc(alone, "build").returncode == OK
    assert built_files(built / "build") == built_files(alone / "build")
    assert list((built / "build").rglob(".unfinished-*")) == []


@pytest.mark.parametrize("place", ["/proc/none", SPEC_PATH], ids=["a system folder", "below a file"])
def test_an_output_folder_that_cannot_be_written_is_a_fault(place: str, tmp_path: Path) -> None:
    done = rsppc(make(tmp_path), "build", "--output", place)
    assert done.returncode == ENVIRONMENT
    assert b"cannot write" in done.stderr


def test_a_source_that_cannot_be_written_whole_is_not_left_behind(tmp_path: Path) -> None:
    make(tmp_path)
    for arguments in (["convert", SPEC_PATH, "--to", "json", "--output", "out.json"], ["init", "fresh"]):
        assert rsppc(tmp_path, *arguments, file_size_max=100).returncode == ENVIRONMENT
        assert rsppc(tmp_path, *arguments).returncode == OK


def test_a_pin_that_cannot_be_written_leaves_the_bundle_as_it_was(tmp_path: Path) -> None:
    make(tmp_path)
    for limit in (0, 10, 1000, 5000):
        rsppc(tmp_path, "pin", "line_bundle/v1", file_size_max=limit)
        seen = (tmp_path / BUNDLE_PATH).read_text()
        assert seen == CLEAN[BUNDLE_PATH] or seen.count("@sha256:") == 2
    assert rsppc(tmp_path, "pin", "line_bundle/v1").returncode == OK
    assert rsppc(tmp_path, "build", "--locked").returncode == OK


def test_a_report_that_cannot_be_written_is_a_fault(tmp_path: Path) -> None:
    make(tmp_path)
    for place in ("/proc/none/x.json", "none/x.json", "pipelines"):
        done = rsppc(tmp_path, "check", "--report", f"json={place}")
        assert done.returncode == ENVIRONMENT
        assert b"cannot write the report" in done.stderr


# --- Streams, signals and surroundings -------------------------------------------------------------------------------


def shell(folder: Path, script: str, **changes: str) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(
        ["bash", "-c", script.replace("rsppc", " ".join(command()))],
        cwd=folder,
        env=environment(**changes),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert b"Traceback" not in done.stderr + done.stdout, done.stderr
    assert b"a bug of ours" not in done.stderr
    assert b"Exception ignored" not in done.stderr
    return done


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("rsppc why line/v1 / | head -c 1 >/dev/null", OK),
        ("rsppc check --format sarif | head -c 0", OK),
        ("rsppc --help | head -c 0", OK),
        ("rsppc --version >&- | cat >/dev/null", OK),
        ("rsppc check >&- | cat >/dev/null", OK),
        ("rsppc check 2>&- | cat >/dev/null", OK),
        ("rsppc check - <&- | cat >/dev/null", FINDINGS),
        ("rsppc check >/dev/full | cat >/dev/null", ENVIRONMENT),
        ("rsppc --help >/dev/full | cat >/dev/null", ENVIRONMENT),
        ("rsppc nonsense 2>/dev/full | cat >/dev/null", ENVIRONMENT),
        ("rsppc check --report json=/dev/full | cat >/dev/null", ENVIRONMENT),
        ("rsppc check --report json=/dev/null | cat >/dev/null", OK),
    ],
)
def test_closed_and_full_streams_end_as_documented(words: str, code: int, tmp_path: Path) -> None:
    spec = SPEC.replace("node_type: speech.vad}", "node_type: speech.vad, surprise: 1}")
    make(tmp_path, CLEAN, **({SPEC_PATH: spec} if "json=/dev/full" in words else {}))
    done = shell(tmp_path, f"{words}; exit ${{PIPESTATUS[0]}}")
    assert done.returncode == code


def many(folder: Path, count: int) -> Path:
    """A workspace that takes a while."""
    specs = {
        f"pipelines/specs/line{index}_v1.yaml": SPEC.replace("pipeline_id: line", f"pipeline_id: line{index}")
        for index in range(count)
    }
    return make(folder, {**specs, PROVIDERS_PATH: CLEAN[PROVIDERS_PATH]})


def slow(folder: Path) -> Path:
    """A workspace of two specs, each of which takes a second or so."""
    nodes = [f"node_id: n{index}, node_type: text.normalizer" for index in range(6000)]
    edges = [(f"n{index}.text", f"n{index + 1}.text") for index in range(5999)]
    spec = graph(nodes, [("stt.text", "n0.text"), *edges])
    specs = {
        f"pipelines/specs/{name}_v1.yaml": spec.replace("pipeline_id: line", f"pipeline_id: {name}")
        for name in ("left", "right")
    }
    return make(folder, {**specs, PROVIDERS_PATH: CLEAN[PROVIDERS_PATH]})


def started(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command(*arguments),
        cwd=folder,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        # Where the tests themselves run in the background, they were told to ignore interrupts, and would pass that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def wait_until(seen: Callable[[], object], running: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while not seen():
        assert running.poll() is None, "it was over before the signal came"
        assert time.monotonic() < deadline
        time.sleep(0.01)


def children(process: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def test_an_interrupt_ends_a_run_quietly(tmp_path: Path) -> None:
    """A pipe holds far less than what is written to it here, so the command is at work once all of it is written."""
    running = started(make(tmp_path), "check", "-")
    assert running.stdin is not None
    running.stdin.write(b"#" * MEGABYTE)
    running.stdin.flush()
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=30)
    assert (running.returncode, said.strip()) == (INTERRUPTED, b"")


@pytest.mark.parametrize("group", [False, True], ids=["the process", "its group"])
def test_an_interrupt_ends_a_run_on_several_processors_quietly(group: bool, tmp_path: Path) -> None:
    running = started(slow(tmp_path), "check", "--jobs", "2")
    wait_until(lambda: len(children(running.pid)) == 2, running)
    workers = children(running.pid)
    (os.killpg if group else os.kill)(running.pid, signal.SIGINT)
    _, said = running.communicate(timeout=30)
    assert (running.returncode, said.strip()) == (INTERRUPTED, b"")
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)


def test_an_interrupted_build_leaves_whole_sets_only(tmp_path: Path) -> None:
    running = started(many(tmp_path, 200), "build")
    wait_until(lambda: list(tmp_path.glob("build/*/v1")), running)
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=30)
    assert running.returncode == INTERRUPTED
    files = built_files(tmp_path / "build")
    assert len(files) > 0
    assert len(files) % 4 == 0


def test_a_worker_that_is_killed_is_a_fault_of_the_environment_and_no_hang(tmp_path: Path) -> None:
    running = started(slow(tmp_path), "check", "--jobs", "2")
    wait_until(lambda: len(children(running.pid)) == 2, running)
    os.kill(children(running.pid)[0], signal.SIGKILL)
    _, said = running.communicate(timeout=30)
    assert running.returncode == ENVIRONMENT
    assert b"worker" in said


def test_the_locale_changes_nothing(tmp_path: Path) -> None:
    """What is not ASCII in a source is shown as it is, whatever the terminal's locale claims."""
    spec = SPEC.replace("node_type: speech.vad}", 'node_type: speech.vad, surprise: "ü → 🎙"}')
    make(tmp_path, CLEAN, **{SPEC_PATH: spec})
    seen = {
        rsppc(tmp_path, "check", **changes).stdout
        for changes in (
            {"LC_ALL": "C.UTF-8"},
            {"LC_ALL": "C", "LANG": "C"},
            {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
            {"LC_ALL": "POSIX", "PYTHONIOENCODING": "ascii"},
        )
    }
    assert len(seen) == 1
    assert "ü → 🎙".encode() in seen.pop()


def test_other_commands_print_in_an_ascii_locale_as_well(tmp_path: Path) -> None:
    make(tmp_path)
    for arguments in (["build"], ["why", "line/v1", "nodes.llm"], ["dump", "line/v1"]):
        for changes in (
            {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
            {"PYTHONIOENCODING": "latin-1"},
        ):
            assert rsppc(tmp_path, *arguments, **changes).returncode == OK


def test_a_folder_whose_name_is_no_text_can_be_spoken_of(tmp_path: Path) -> None:
    done = rsppc(tmp_path, "init", "\udcff", "--name", "line", LC_ALL="C.UTF-8", PYTHONIOENCODING="utf-8:strict")
    assert done.returncode == OK
    assert b"\\udcff" in done.stdout


def test_a_converted_source_is_utf8_whatever_the_terminal_speaks(tmp_path: Path) -> None:
    make(tmp_path, CLEAN, **{SPEC_PATH: SPEC + 'metadata: {title: "ü → 🎙"}\n'})
    done = rsppc(tmp_path, "convert", SPEC_PATH, "--to", "rspp", PYTHONIOENCODING="ascii")
    assert (done.returncode, "ü → 🎙".encode() in done.stdout) == (OK, True)


def test_an_endless_source_is_not_read_to_its_end(tmp_path: Path) -> None:
    done = rsppc(make(tmp_path), "convert", "/dev/zero", "--to", "json", memory_max=REFUSAL_MEMORY_MAX)
    assert done.returncode == FINDINGS


def test_colour_needs_a_terminal_or_a_wish(tmp_path: Path) -> None:
    make(tmp_path, CLEAN, **{SPEC_PATH: SPEC.replace("speech.vad}", "speech.vad, surprise: 1}")})
    assert b"\x1b" not in rsppc(tmp_path, "check").stdout
    assert b"\x1b" in rsppc(tmp_path, "check", "--color").stdout
    assert b"\x1b" not in rsppc(tmp_path, "check", "--no-color").stdout


@pytest.mark.parametrize(("changes", "colored"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_a_terminal_gets_colour_unless_it_says_no(changes: dict[str, str], colored: bool, tmp_path: Path) -> None:
    make(tmp_path, CLEAN, **{SPEC_PATH: SPEC.replace("speech.vad}", "speech.vad, surprise: 1}")})
    ours, theirs = os.openpty()
    environ = environment(**{"TERM": "xterm", **changes})
    running = subprocess.Popen(command("check"), cwd=tmp_path, env=environ, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = b""
    while True:
        try:
            read = os.read(ours, 65536)
        except OSError:
            break
        if not read:
            break
        seen += read
    os.close(ours)
    assert running.wait(timeout=30) == FINDINGS
    assert (b"\x1b[" in seen) == colored


def test_too_many_open_files_are_a_fault_of_the_environment(tmp_path: Path) -> None:
    """Python itself needs a few; below that, nothing of ours runs."""
    make(tmp_path)
    done = subprocess.run(
        command("build"),
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (5, 5)),
    )
    assert done.returncode in (OK, ENVIRONMENT), done.stderr
    assert b"Traceback" not in done.stderr


# --- Wrong use -------------------------------------------------------------------------------------------------------

WRONG = {
    "no such command": ["nonsense"],
    "no such option": ["check", "--nonsense"],
    "no such format": ["check", "--format", "xml"],
    "no such file": ["check", "none.yaml"],
    "a folder": ["check", "pipelines"],
    "a file elsewhere": ["check", "/etc/passwd"],
    "no processors": ["check", "--jobs", "0"],
    "report without a file": ["check", "--report", "json"],
    "report in no format": ["check", "--report", "xml=x"],
    "standard input twice": ["check", "-", "-"],
    "a name for no standard input": ["check", "--stdin-name", SPEC_PATH],
    "standard input elsewhere": ["check", "-", "--stdin-name", "/etc/passwd"],
    "why of nothing": ["why", "line/v1"],
    "why of both": ["why", "line/v1", "budgets", "--reverse", "a:1"],
    "why of no pipeline": ["why", "none/v1", "budgets"],
    "why of a long version": ["why", "line/v" + "9" * 5000, "budgets"],
    "why of no value": ["why", "line/v1", "budgets.none"],
    "why of an empty path": ["why", "line/v1", ""],
    "reverse without a line": ["why", "line/v1", "--reverse", "a"],
    "reverse of a strange line": ["why", "line/v1", "--reverse", "a:²"],
    "reverse of a long line": ["why", "line/v1", "--reverse", "a:" + "9" * 5000],
    "dump of nothing": ["dump"],
    "dump after no pass": ["dump", "line/v1", "--after", "none"],
    "build of nothing": ["build", "none/v1"],
    "bytes for a name": ["build", "\udcff/v1"],
    "a name that is no name": ["init", "x", "--name", "../x"],
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_use_ends_with_its_own_code_and_a_hint(name: str, tmp_path: Path) -> None:
    make(tmp_path)
    done = rsppc_here(tmp_path, *WRONG[name])
    assert done.returncode == USAGE
    assert done.stdout == b""
    assert done.stderr.strip() != b""
    assert not (tmp_path / "build").exists()


def test_outside_of_a_workspace_every_command_says_so(tmp_path: Path) -> None:
    for arguments in (["check"], ["build"], ["why", "a/v1", "b"], ["dump", "a/v1"]):
        done = rsppc_here(tmp_path, *arguments)
        assert done.returncode == USAGE
        assert b"rsppc init" in done.stderr


# --- Standard input --------------------------------------------------------------------------------------------------


def test_standard_input_takes_the_place_of_a_file(tmp_path: Path) -> None:
    make(tmp_path)
    draft = SPEC.replace("speech.vad}", "speech.vad, surprise: 1}").encode()
    done = rsppc(tmp_path, "check", "-", "--stdin-name", SPEC_PATH, "--format", "json", stdin=draft)
    assert done.returncode == FINDINGS
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["code"], one["primary"]["file"]) for one in found] == [("RSP1101", SPEC_PATH)]
    assert rsppc(tmp_path, "check", "-", "--stdin-name", SPEC_PATH, stdin=DATA).returncode == OK


def test_standard_input_without_a_name_needs_no_file_name(tmp_path: Path) -> None:
    (make(tmp_path) / SPEC_PATH).unlink()
    (tmp_path / BUNDLE_PATH).unlink()
    done = rsppc(tmp_path, "check", "-", stdin=DATA)
    assert done.returncode == OK, done.stdout
