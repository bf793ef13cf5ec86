"""A cache in an object store, served by a real server: shared by two machines, damaged, closed, hanging and gone."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rsppc.cli.exits import OK
from workspaces import BUNDLE, CLEAN, SPEC, built_files, environment, make

from checks.outcome import Outcome, outcome

NAME = "shared-cache"
NEEDS = ("obstore", "moto", "boto3")

_BUNDLES = 20
_URL = "s3://rsppc-cache/team"
_SECONDS_MAX = 120
_HANGING_SECONDS_MAX = 45
_SCRIPT = (
    "import sys; from rsppc.caching import folder; folder._JUST_NOW_NS = -10**20; sys.argv[0] = 'rsppc'\n"
    "from rsppc.cli.main import main; main()"
)


def run(folder: Path) -> Outcome:
    server = _Server(folder)
    problems: list[str] = []
    try:
        server.start()
        problems += [f"{what.__name__.strip('_')}: {words}" for what in _PARTS for words in what(folder, server)]
    finally:
        server.end()
    return outcome(problems, f"{len(_PARTS)} situations, {_BUNDLES + 1} bundles, the bytes of a build without a cache")


class _Server:
    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self._log = folder / "log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with open(self._log, "ab") as log:
            words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
            self.process = subprocess.Popen(words, stdout=log, stderr=log)
        end = time.monotonic() + _SECONDS_MAX
        while time.monotonic() < end:
            with socket.socket() as trial:
                if trial.connect_ex(("127.0.0.1", self.port)) == 0:
                    self.client().create_bucket(Bucket="rsppc-cache")
                    return
            time.sleep(0.1)
        raise TimeoutError("the server does not start")

    def client(self) -> Any:
        import boto3

        keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-east-1"}
        return boto3.client("s3", endpoint_url=self.address, **keys)

    def objects(self) -> list[str]:
        return [one["Key"] for one in self.client().list_objects_v2(Bucket="rsppc-cache").get("Contents", [])]

    def end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


def _started(server: _Server, workspace: Path, *words: str, url: str = _URL, **changes: str) -> subprocess.Popen[bytes]:
    access = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_ENDPOINT_URL": server.address, **changes}
    command = [sys.executable, "-c", _SCRIPT, *words, "--cache", url, "--explain-cache"]
    return subprocess.Popen(
        command, cwd=workspace, env=environment(**access), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def _ended(run: subprocess.Popen[bytes]) -> list[str]:
    """What a run said of its cache."""
    _, told = run.communicate(timeout=_SECONDS_MAX)
    assert run.returncode == OK and b"Traceback" not in told, told.decode()
    return told.decode().splitlines()


def _anew(lines: list[str]) -> int:
    return int(lines[-1].split()[-2])


def _machine(folder: Path, name: str) -> Path:
    """The workspace on a machine that has seen nothing of it."""
    shutil.rmtree(folder / name, ignore_errors=True)
    more: dict[str, str | bytes] = {}
    for number in range(_BUNDLES):
        more[f"pipelines/specs/s{number}_v1.yaml"] = SPEC.replace("id: line", f"id: s{number}")
        bundle = BUNDLE.replace("line_bundle", f"b{number}").replace("line/v1", f"s{number}/v1")
        more[f"pipelines/bundles/b{number}_v1.yaml"] = bundle
    return make(folder / name, {**CLEAN, **more})


def _expected(folder: Path) -> dict[str, bytes]:
    plain = _machine(folder, "plain")
    command = [sys.executable, "-m", "rsppc", "build", "--no-cache"]
    subprocess.run(command, cwd=plain, env=environment(), check=True, capture_output=True)
    return built_files(plain / "build")


def _differs(folder: Path, machine: Path) -> list[str]:
    return [] if built_files(machine / "build") == _expected(folder) else ["the files are not those without a cache"]


# --- Situations ------------------------------------------------------------------------------------------------------


def _two_at_once(folder: Path, server: _Server) -> list[str]:
    """Both find out everything; neither spoils what the other leaves, and a third machine has nothing to do."""
    first, second = (_machine(folder, name) for name in ("first", "second"))
    for one in [_started(server, machine, "build") for machine in (first, second)]:
        _ended(one)
    third = _machine(folder, "third")
    lines = _ended(_started(server, third, "build"))
    said = [] if _anew(lines) == 0 and f"from {_URL}, 0 anew" in lines[-1] else [f"the third machine: {lines[-1]}"]
    return [*said, *_differs(folder, first), *_differs(folder, second), *_differs(folder, third)]


def _two_commands_in_one_workspace(folder: Path, server: _Server) -> list[str]:
    machine = _machine(folder, "busy")
    runs = [_started(server, machine, *words) for words in (("check",), ("build",), ("check", "--jobs", "2"))]
    for one in runs:
        _ended(one)
    return _differs(folder, machine)


def _flipped_bytes(folder: Path, server: _Server) -> list[str]:
    """Every object with one bit turned: nothing of it is believed, and it is put right."""
    client = server.client()
    for key in server.objects():
        data = client.get_object(Bucket="rsppc-cache", Key=key)["Body"].read()
        client.put_object(Bucket="rsppc-cache", Key=key, Body=data[:-5] + bytes([data[-5] ^ 4]) + data[-4:])
    machine = _machine(folder, "flipped")
    lines = _ended(_started(server, machine, "build"))
    said = [] if any("damaged in" in line for line in lines) and _anew(lines) > _BUNDLES else [f"flipped: {lines[-1]}"]
    again = _ended(_started(server, _machine(folder, "after"), "build"))
    said += [] if _anew(again) == 0 else [f"it was not put right: {again[-1]}"]
    return [*said, *_differs(folder, machine)]


def _swapped_objects(folder: Path, server: _Server) -> list[str]:
    """Whole objects under each other's keys."""
    client, keys = server.client(), server.objects()
    held = [client.get_object(Bucket="rsppc-cache", Key=key)["Body"].read() for key in keys]
    for key, data in zip(keys, [*held[1:], held[0]], strict=True):
        client.put_object(Bucket="rsppc-cache", Key=key, Body=data)
    machine = _machine(folder, "swapped")
    lines = _ended(_started(server, machine, "build"))
    return [*([] if _anew(lines) > _BUNDLES else [f"swapped: {lines[-1]}"]), *_differs(folder, machine)]


def _warned(folder: Path, run: Callable[[Path], subprocess.Popen[bytes]], reason: str) -> list[str]:
    machine = _machine(folder, "alone")
    started = time.monotonic()
    lines = [line for line in _ended(run(machine)) if not line.startswith("cache: ")]
    seconds = time.monotonic() - started
    said = [] if len(lines) == 2 and reason in lines[0] else [f"instead of one warning: {lines}"]
    said += [f"it took {seconds:.0f} s"] if seconds > _HANGING_SECONDS_MAX else []
    return [*said, *_differs(folder, machine)]


def _missing_bucket(folder: Path, server: _Server) -> list[str]:
    url = "s3://rsppc-no-such/team"
    return _warned(folder, lambda machine: _started(server, machine, "build", url=url), "there is no bucket")


def _denied(folder: Path, server: _Server) -> list[str]:
    """A server that refuses everybody; the real one lets everybody in."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        process = subprocess.Popen([sys.executable, "-c", _REFUSING, str(closed.fileno())], pass_fds=[closed.fileno()])
        try:
            address = f"http://127.0.0.1:{closed.getsockname()[1]}"
            return _warned(
                folder,
                lambda machine: _started(server, machine, "build", AWS_ENDPOINT_URL=address),
                "access is denied (403)",
            )
        finally:
            process.kill()
            process.wait()


_REFUSING = """
import socket, sys
server = socket.socket(fileno=int(sys.argv[1]))
while True:
    connection, _ = server.accept()
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 403 Forbidden\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
    connection.close()
"""


def _hanging(folder: Path, server: _Server) -> list[str]:
    assert server.process is not None
    server.process.send_signal(signal.SIGSTOP)
    try:
        return _warned(folder, lambda machine: _started(server, machine, "build"), "it does not answer in time")
    finally:
        server.process.send_signal(signal.SIGCONT)


def _killed_meanwhile(folder: Path, server: _Server) -> list[str]:
    """A run that is killed at any time leaves nothing that others would believe wrongly."""
    for step in range(8):
        one = _started(server, _machine(folder, "killed"), "build", url=f"{_URL}/killed")
        time.sleep(0.15 * step)
        one.kill()
        one.communicate()
    machine = _machine(folder, "later")
    lines = _ended(_started(server, machine, "build", url=f"{_URL}/killed"))
    return [*([] if lines[-1].startswith("cache: 0 from") else [lines[-1]]), *_differs(folder, machine)]


def _gone(folder: Path, server: _Server) -> list[str]:
    server.end()
    return _warned(folder, lambda machine: _started(server, machine, "build"), "there is no connection to it")


_PARTS = (
    _two_at_once,
    _two_commands_in_one_workspace,
    _flipped_bytes,
    _swapped_objects,
    _missing_bucket,
    _denied,
    _hanging,
    _killed_meanwhile,
    _gone,
)
