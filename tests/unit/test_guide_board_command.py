"""The commands of the guide-board pilot, the script that tells the State Hub, and the page that puts them together."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from golden_harness import files_below
from rsppc.cli import artifactstore
from rsppc.resources import folder, read_text
from rsppc.store.hashing import blake3_of
from rsppc.store.metadata_schemas import read_schema, register_schema
from rsppc.store.problems import StoreProblem
from rsppc.store.registry import opened
from run_directories import FIXTURE, SCHEMA_FILE, change, copied
from serving_process import serving
from workspaces import environment, rsppc, rsppc_here

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs/pilots/guide-board.md"
SCRIPT = Path(folder("templates")) / "state_hub/link_run.py"
INGEST = ("store", "ingest", "guide-board")
ID = r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"


# --- Doubles of services ---------------------------------------------------------------------------------------------


class Call:
    """What a service was asked."""

    def __init__(self, path: str, headers: dict[str, str], body: bytes) -> None:
        self.path, self.headers, self.body = path, headers, body


Answer = Callable[[Call], tuple[int, Any]]


@contextlib.contextmanager
def service(answer: Answer) -> Iterator[tuple[str, list[Call]]]:
    """A service on this machine that answers every POST, with its address and what it was asked."""
    calls: list[Call] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            calls.append(Call(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            status, value = answer(calls[-1])
            data = json.dumps(value).encode()
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            self.send_header("Content-Type", "application/json" if status < 400 else "application/problem+json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", calls
        finally:
            server.shutdown()
            thread.join()


def registering(store: Path) -> Answer:
    """What a served store answers to a schema: 201, 200 where it has it, 409 where it has another one."""

    def answer(call: Call) -> tuple[int, Any]:
        assert call.path == "/metadata-schemas"
        try:
            with opened(str(store)) as registry:
                made = register_schema(registry.log, "default", read_schema(call.body))
        except StoreProblem as problem:
            status = {"conflict": 409, "malformed": 422}.get(problem.kind, 500)
            return status, {"title": problem.kind, "status": status, "detail": problem.what}
        return (201 if made.fresh else 200), {"schema_id": made.schema.schema_id, "digest": made.schema.digest}

    return answer


# --- Registering -----------------------------------------------------------------------------------------------------


def test_the_schema_is_registered_by_a_bootstrap_command(tmp_path: Path) -> None:
    """R-004-11: once, again without harm, and the store is made if there is none."""
    for said in (b"registered\n", b"was registered before\n"):
        done = rsppc_here(tmp_path, "store", "schema", "bootstrap", "--store", "s")
        assert done.returncode == 0 and done.stdout.endswith(said), done.stderr
    listed = rsppc_here(tmp_path, "store", "schema", "list", "--store", "s").stdout.decode()
    assert re.fullmatch(r"blake3:[0-9a-f]{64}  guide-board\.run\.v1\n", listed)
    shown = rsppc_here(tmp_path, "store", "schema", "show", "guide-board.run.v1", "--store", "s")
    assert json.loads(shown.stdout) == json.loads(read_text("schemas", SCHEMA_FILE))
    assert rsppc_here(tmp_path, "store", "schema", "show", "none.v1", "--store", "s").returncode == 1


def test_schemas_are_registered_from_files_all_or_none(tmp_path: Path) -> None:
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    (tmp_path / "a.json").write_text(json.dumps({**head, "$id": "a.v1"}))
    (tmp_path / "b.json").write_text(json.dumps({**head, "$id": "b.v1", "pattern": "(a+)+"}))
    done = rsppc_here(tmp_path, "store", "schema", "register", "a.json", "b.json", "--store", "s")
    assert done.returncode == 1 and b"`b.json` cannot be registered: `/pattern`" in done.stderr
    assert not (tmp_path / "s").exists()
    assert rsppc_here(tmp_path, "store", "schema", "register", "a.json", "--store", "s").returncode == 0
    (tmp_path / "a.json").write_text(json.dumps({**head, "$id": "a.v1", "type": "object"}))
    done = rsppc_here(tmp_path, "store", "schema", "register", "a.json", "--store", "s")
    assert done.returncode == 3 and len(re.findall(rb"blake3:[0-9a-f]{64}", done.stderr)) == 2


def test_the_bootstrap_posts_to_a_served_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-004-10, R-004-11: `POST /metadata-schemas` with the schema as body and the token of a publisher."""
    rsppc_here(tmp_path, "store", "init", "--store", "s")
    monkeypatch.setenv("RSPPC_STORE_TOKEN", "s3cret")
    with service(registering(tmp_path / "s")) as (url, calls):
        for said in ("registered", "was registered before"):
            done = rsppc_here(tmp_path, "store", "schema", "bootstrap", "--api", url)
            assert done.returncode == 0 and done.stdout.decode().endswith(f" {said}\n"), done.stderr
        other = json.loads(read_text("schemas", SCHEMA_FILE)) | {"title": "other"}
        (tmp_path / "other.json").write_text(json.dumps(other))
        done = rsppc_here(tmp_path, "store", "schema", "register", "other.json", "--api", url)
    assert done.returncode == 3 and b"[store-conflict]" in done.stderr and b"s3cret" not in done.stderr
    assert {call.path for call in calls} == {"/metadata-schemas"}
    assert {call.headers["authorization"] for call in calls} == {"Bearer s3cret"}
    assert json.loads(calls[0].body) == json.loads(read_text("schemas", SCHEMA_FILE))


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [(401, 1, "RSPPC_STORE_TOKEN"), (404, 1, "store-missing"), (500, 4, "store-environment"), (302, 1, "302")],
)
def test_what_a_served_store_answers_is_said(tmp_path: Path, status: int, code: int, said: str) -> None:
    with service(lambda _: (status, [])) as (url, _):
        done = rsppc_here(tmp_path, "store", "schema", "bootstrap", "--api", url)
    assert done.returncode == code and said in done.stderr.decode()


@pytest.mark.parametrize(
    ("url", "code"), [("http://127.0.0.1:9", 4), ("ftp://a", 1), ("nonsense", 1), ("http://store.example.org", 1)]
)
def test_an_address_that_leads_nowhere_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, code: int
) -> None:
    """Above all a token is never sent in the clear to another machine."""
    monkeypatch.setenv("RSPPC_STORE_TOKEN", "s3cret")
    done = rsppc_here(tmp_path, "store", "schema", "bootstrap", "--api", url)
    assert done.returncode == code and b"s3cret" not in done.stderr


# --- Ingesting -------------------------------------------------------------------------------------------------------


def test_one_command_ingests_a_run(tmp_path: Path) -> None:
    """R-004-12, R-004-18, R-004-29."""
    rsppc_here(tmp_path, "store", "schema", "bootstrap", "--store", "s")
    done = rsppc_here(tmp_path, *INGEST, str(FIXTURE), "--store", "s")
    assert done.returncode == 0 and done.stderr == b""
    made = json.loads(done.stdout)
    assert made.keys() == {"package_id", "manifest_digest", "file_count", "reused_existing"}
    assert re.fullmatch(ID, made["package_id"]) and re.fullmatch("blake3:[0-9a-f]{64}", made["manifest_digest"])
    assert (made["file_count"], made["reused_existing"]) == (23, False)
    again = json.loads(rsppc_here(tmp_path, *INGEST, str(FIXTURE), "--store", "s").stdout)
    assert again == made | {"reused_existing": True}


def test_the_console_script_is_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-004-12: `artifactstore guide-board ingest`."""
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts["artifactstore"] == "rsppc.cli.artifactstore:main"
    said: list[list[str]] = []
    monkeypatch.setattr(artifactstore, "rsppc", lambda: said.append(sys.argv[1:]))
    monkeypatch.setattr(sys, "argv", ["artifactstore", "guide-board", "ingest", "run", "--store", "s"])
    artifactstore.main()
    assert said == [["store", "ingest", "guide-board", "run", "--store", "s"]]
    for words, code in (([], 2), (["guide-board", "eat"], 2), (["--help"], 0)):
        monkeypatch.setattr(sys, "argv", ["artifactstore", *words])
        with pytest.raises(SystemExit) as end:
            artifactstore.main()
        assert end.value.code == code


def test_a_refused_run_is_told_with_its_places_and_leaves_nothing(tmp_path: Path) -> None:
    """R-004-34"""
    rsppc_here(tmp_path, "store", "schema", "bootstrap", "--store", "s")
    before = files_below(tmp_path / "s")
    run = copied(tmp_path)
    (run / "reports/cmis-summary.md").unlink()
    done = rsppc(tmp_path, *INGEST, "run", "--store", "s")
    assert done.returncode == 1
    assert b"cmis-summary: report fragment not found: reports/cmis-summary.md\n  run/reports/" in done.stdout
    assert files_below(tmp_path / "s") == before
    told = json.loads(rsppc_here(tmp_path, *INGEST, "run", "--store", "s", "--format", "json").stdout.splitlines()[0])
    assert "RSP9851" in json.dumps(told)
    change(run, "reports/assessment-package.json", lambda package: package["files"][0].update(size=1))
    assert rsppc_here(tmp_path, *INGEST, "run", "--store", "s").returncode == 3, "bytes are not what was declared"


def test_what_stays_out_is_said(tmp_path: Path) -> None:
    rsppc_here(tmp_path, "store", "schema", "bootstrap", "--store", "s")
    (copied(tmp_path) / "notes.txt").write_text("x")
    done = rsppc_here(tmp_path, *INGEST, "run", "--store", "s")
    assert done.returncode == 0 and b"left out: 1 undeclared file, `notes.txt`" in done.stderr


def test_a_store_that_does_not_know_the_schema_says_what_to_do(tmp_path: Path) -> None:
    rsppc_here(tmp_path, "store", "init", "--store", "s")
    done = rsppc_here(tmp_path, *INGEST, str(FIXTURE), "--store", "s")
    assert done.returncode == 1 and b"rsppc store schema" in done.stderr


def test_a_schema_that_was_exchanged_fails_the_verification(tmp_path: Path) -> None:
    rsppc_here(tmp_path, "store", "schema", "bootstrap", "--store", "s")
    rsppc_here(tmp_path, *INGEST, str(FIXTURE), "--store", "s")
    assert rsppc_here(tmp_path, "store", "verify", "--store", "s").returncode == 0
    with contextlib.closing(sqlite3.connect(tmp_path / "s/registry.db")) as database, database:
        database.execute("UPDATE metadata_schemas SET body = ?", (b"{}",))
    done = rsppc_here(tmp_path, "store", "verify", "--store", "s")
    assert done.returncode == 3 and b"`guide-board.run.v1`" in done.stdout


def test_a_folder_may_be_called_like_a_pilot(tmp_path: Path) -> None:
    """The generic command is meant where a path is written."""
    done = rsppc_here(tmp_path, "store", "ingest", "./guide-board")
    assert done.returncode == 2 and b"--producer" in done.stderr
    assert b"guide-board" in rsppc_here(tmp_path, "store", "ingest", "--help").stdout


# --- The State Hub ---------------------------------------------------------------------------------------------------

PACKAGE = {
    "file_count": 23,
    "manifest_digest": "blake3:" + "4" * 64,
    "package_id": "1c0cef1a-82f2-5b96-b2f6-aa699c6f3124",
    "reused_existing": False,
}


def link(stdin: bytes, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run the script as whoever copied it does."""
    return subprocess.run(
        [sys.executable, "-I", str(SCRIPT)],
        input=stdin,
        env=environment(**variables),
        capture_output=True,
        timeout=60,
        check=False,
    )


def test_the_state_hub_gets_id_and_summary_and_no_bytes() -> None:
    """R-004-06, R-004-25, R-004-26: exactly the call that the page documents."""
    with service(lambda _: (201, {"id": 7})) as (url, calls):
        done = link(
            json.dumps(PACKAGE).encode(),
            RUN_DIR=str(FIXTURE),
            STATE_HUB_URL=url,
            STATE_HUB_TOKEN="t0ken",
            STATE_HUB_WORKSTREAM_ID="w",
            ARTIFACT_STORE_API_URL="http://127.0.0.1:8765",
        )
    assert (done.returncode, done.stdout) == (0, f"{url}/progress/ answered 201\n".encode())
    (call,) = calls
    assert (call.path, call.headers["content-type"]) == ("/progress/", "application/json")
    assert call.headers["authorization"] == "Bearer t0ken"
    run = json.loads((FIXTURE / "run.json").read_bytes())
    body = json.loads(call.body)
    assert body == {
        "event_type": "artifact_link",
        "author": "artifact-store",
        "workstream_id": "w",
        "task_id": None,
        "summary": f"guide-board run {run['run_id']} is package {PACKAGE['package_id']} "
        f"(23 files, {PACKAGE['manifest_digest']})",
        "detail": {
            "producer": "guide-board",
            "artifact_store_api_url": "http://127.0.0.1:8765",
            "run_dir": str(FIXTURE),
            **{name: run[name] for name in ("run_id", "target_profile_ref", "assessment_profile_ref")},
            **PACKAGE,
        },
    }
    assert _shape(_documented()) == _shape(body), "the page shows the same keys"


def _documented() -> Any:
    found = re.search(r"```json\n(\{\n  \"event_type\".*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def _shape(value: Any) -> Any:
    return {key: _shape(one) for key, one in value.items()} if isinstance(value, dict) else None


@pytest.mark.parametrize(
    ("stdin", "left_out", "code"),
    [
        (b"", None, 1),
        (b"[]", None, 1),
        (b"{}", None, 1),
        (json.dumps(PACKAGE | {"manifest_digest": "md5:1"}).encode(), None, 1),
        (json.dumps(PACKAGE | {"file_count": "x" * 20_000}).encode(), None, 1),
        (json.dumps(PACKAGE).encode(), "STATE_HUB_URL", 2),
        (json.dumps(PACKAGE).encode(), "RUN_DIR", 2),
        (json.dumps(PACKAGE).encode(), "ARTIFACT_STORE_API_URL", 2),
        (json.dumps(PACKAGE).encode(), None, 4),
    ],
)
def test_the_script_says_what_is_wrong(stdin: bytes, left_out: str | None, code: int) -> None:
    """Nobody listens at the address, so that what is sound ends with 4."""
    variables = {"RUN_DIR": str(FIXTURE), "STATE_HUB_URL": "http://127.0.0.1:9", "ARTIFACT_STORE_API_URL": "http://a"}
    done = link(stdin, **{name: value for name, value in variables.items() if name != left_out})
    assert done.returncode == code and b"Traceback" not in done.stderr and done.stderr.startswith(b"link_run: ")


def test_a_hub_that_refuses_is_told_and_a_run_without_documents_too(tmp_path: Path) -> None:
    with service(lambda _: (422, {"detail": "no such workstream"})) as (url, _):
        done = link(
            json.dumps(PACKAGE).encode(), RUN_DIR=str(FIXTURE), STATE_HUB_URL=url, ARTIFACT_STORE_API_URL="http://a"
        )
        assert done.returncode == 4 and b"422" in done.stderr and b"no such workstream" in done.stderr
        done = link(
            json.dumps(PACKAGE).encode(), RUN_DIR=str(tmp_path), STATE_HUB_URL=url, ARTIFACT_STORE_API_URL="http://a"
        )
        assert done.returncode == 1
    done = link(
        json.dumps(PACKAGE).encode(),
        RUN_DIR=str(FIXTURE),
        STATE_HUB_URL="http://127.0.0.1:9",
        ARTIFACT_STORE_API_URL="http://a",
    )
    assert b"cannot be reached: [Errno" in done.stderr and b"urlopen" not in done.stderr


# --- The page --------------------------------------------------------------------------------------------------------


def test_the_procedure_can_be_followed_line_by_line(tmp_path: Path) -> None:
    """R-004-27, R-004-28, R-004-37: all lines of the page, in its order, in less than five minutes.

    What `make dev` runs is started as it stands in the Makefile, on a port that is free.
    """
    text = PAGE.read_text(encoding="utf-8")
    started = time.monotonic()
    with serving(tmp_path, "--dev") as api, service(lambda _: (201, {})) as (hub, told):
        shown = re.findall(r"^(\w+)  +\S+$", text, re.MULTILINE)
        assert shown == ["store", "address", "token"] and api.store.name.startswith("rsppc-dev-store-")
        given = {
            "RUN_DIR": str(FIXTURE),
            "STORE": str(api.store),
            "ARTIFACT_STORE_API_URL": api.address,
            "RSPPC_STORE_TOKEN": api.token,
            "STATE_HUB_URL": hub,
            "STATE_HUB_WORKSTREAM_ID": "w",
        }
        assert re.findall(r"^export (\w+)=", text, re.MULTILINE) == list(given)
        (tmp_path / "templates").symlink_to(folder("templates"))
        shell = environment(**given, PATH=f"{_commands(tmp_path / 'bin')}:{os.environ['PATH']}")
        steps = [step for block in re.findall(r"^```console\n(.*?)^```$", text, re.M | re.S) for step in _steps(block)]
        assert len(steps) == 7
        for command, expected in steps:
            done = subprocess.run(
                ["bash", "-c", command],
                cwd=tmp_path,
                env=shell,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
            pattern = re.escape(expected).replace("…", ".*")
            assert re.fullmatch(pattern, done.stdout), f"{command}\n{done.stdout}"
        package = json.loads((tmp_path / "package.json").read_bytes())
        status, manifest = api.ask("GET", f"/packages/{package['package_id']}/manifest")
        assert status == 200 and blake3_of(manifest) == package["manifest_digest"]
    assert [call.path for call in told] == ["/progress/"]
    assert json.loads(told[0].body)["detail"]["manifest_digest"] == package["manifest_digest"]
    assert time.monotonic() - started < 300


def _steps(block: str) -> Iterator[tuple[str, str]]:
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        yield command, expected


def _commands(place: Path) -> Path:
    """The commands as they are installed, made of this interpreter."""
    place.mkdir()
    modules = {"rsppc": "rsppc.cli.main", "artifactstore": "rsppc.cli.artifactstore"}
    for name, module in modules.items():
        (place / name).write_text(f"#!{sys.executable}\nfrom {module} import main\nmain()\n")
        (place / name).chmod(0o755)
    (place / "python").symlink_to(sys.executable)
    return place


def test_make_dev_serves_a_fresh_store() -> None:
    """R-004-27"""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^dev: .*\n\t\$\(BIN\)/rsppc store serve --dev$", makefile, re.MULTILINE)


def test_the_program_of_the_page_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """R-004-17"""
    rsppc_here(tmp_path, "store", "schema", "bootstrap", "--store", "store")
    found = re.search(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None
    program = found[1].replace("/srv/store", str(tmp_path / "store")).replace("runs/nightly", str(FIXTURE))
    exec(compile(program, str(PAGE), "exec"), {})
    assert re.fullmatch(rf"{ID} blake3:[0-9a-f]{{64}} 23 False\n", capsys.readouterr().out)
