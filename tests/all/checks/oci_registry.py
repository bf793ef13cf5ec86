"""Packages in a real registry (`docker-registry`), copied by a real tool (`skopeo`), and one that gives other bytes."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from golden_harness import files_below
from rsppc.cli.exits import ENVIRONMENT, INTEGRITY, OK
from workspaces import rsppc

from checks.outcome import Outcome, outcome

NAME = "oci-registry"
NEEDS = ("docker-registry", "skopeo")

_FILES = {
    "run.json": b'{"run": 17}\n',
    "raw/empty": b"",
    "raw/same.json": b'{"run": 17}\n',
    "raw/large.bin": bytes(range(256)) * 40_960,
    "ä ö.txt": b"unicode\n",
}
_USER, _PASSWORD = "ada", "hush-hush"
_HTPASSWD = "ada:$2b$05$abcdefghijklmnopqrstuu4uoW5CdSDmY8cLkib7pLDRBlvRVo8Pe\n"
"""Of that password, as the registry wants it (bcrypt)."""
_SECONDS_MAX = 120


def run(folder: Path) -> Outcome:
    for path, data in _FILES.items():
        (folder / "run" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "run" / path).write_bytes(data)
    story = _Story(folder)
    with _registry(folder / "open") as host:
        story.travel(host)
        story.lie(host)
    with _registry(folder / "closed", _HTPASSWD) as host:
        story.log_in(host)
    return outcome(story.problems, f"{story.digest}, {story.steps} commands of rsppc and skopeo")


class _Story:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[str] = []
        self.steps = 0
        self.package = self.digest = ""

    def run(self, *words: str, code: int = OK, says: str = "", **settings: str) -> str:
        done = rsppc(self.folder, *words, seconds_max=_SECONDS_MAX, **settings)
        said = (done.stdout + done.stderr).decode()
        self.steps += 1
        if done.returncode != code or says not in said or "Traceback" in said or _PASSWORD in said:
            self.problems.append(f"`rsppc {' '.join(words)}` ends with {done.returncode}, not {code}: {said[-500:]}")
        return done.stdout.decode()

    def skopeo(self, *words: str) -> str:
        done = subprocess.run(
            ["skopeo", *words], cwd=self.folder, capture_output=True, timeout=_SECONDS_MAX, check=False
        )
        self.steps += 1
        if done.returncode:
            self.problems.append(f"`skopeo {' '.join(words)}`: {done.stderr.decode()[-500:]}")
        return done.stdout.decode()

    def store(self, name: str) -> str:
        self.run("store", "init", "--store", name)
        return name

    def same(self, store: str) -> None:
        """The package of a store is the one that was pushed, byte for byte."""
        self.run("store", "verify", "--store", store, says="1 package")
        self.run("verify", self.package, "--store", store, "--key", "ada.key.pub", says="is what was signed")
        self.run("store", "get", self.package, "--store", store, "--output", f"{store}-files")
        if files_below(self.folder / f"{store}-files") != files_below(self.folder / "run"):
            self.problems.append(f"what is in `{store}` is not what was pushed")

    def travel(self, host: str) -> None:
        self.store("here")
        words = ("--producer", "check", "--run-id", "r1", "--subject", "desk", "--store", "here")
        self.package, manifest = self.run("store", "ingest", "run", *words).split()[:2]
        self.run("sign", "--generate", "ada.key")
        self.run("sign", self.package, "--key", "ada.key", "--store", "here", says="signed")
        said = self.run("push", self.package, f"oci://{host}/team/runs:v1", "--store", "here", says="5 blobs sent")
        self.digest = said.split()[0].rpartition("@")[2]
        self.run("push", self.package, f"oci://{host}/team/runs:v1", "--store", "here", says="there before")
        self.run("push", self.package, f"oci://{host}/other/runs", "--store", "here", says=self.digest)
        raw = json.loads(self.skopeo("inspect", "--raw", "--tls-verify=false", f"docker://{host}/team/runs:v1"))
        if raw["artifactType"] != "application/vnd.rsppc.package.v1":
            self.problems.append(f"skopeo sees {raw}")
        away = ("copy", "--src-tls-verify=false", "--dest-tls-verify=false", f"docker://{host}/team/runs:v1")
        self.skopeo(*away, f"docker://{host}/copies/runs:v2")
        self.skopeo(*away[:2], away[3], "oci:layout:v3")
        self.run("pull", f"oci://{host}/copies/runs:v2", "--store", self.store("there"), says=manifest)
        self.same("there")
        self.run("pull", "oci:layout:v3", "--store", self.store("copied"), says=self.digest)
        self.same("copied")
        self.run("push", self.package, "oci:ours:v4", "--store", "there", says=self.digest)
        self.skopeo("copy", "--dest-tls-verify=false", "oci:ours:v4", f"docker://{host}/back/runs:v4")
        self.run("pull", f"oci://{host}/back/runs@{self.digest}", "--store", self.store("last"), says=manifest)
        self.same("last")

    def lie(self, host: str) -> None:
        """Between us and the registry stands somebody who changes what passes."""
        for what in ("manifests", "blobs"):
            with _liar(host, what) as other:
                name = self.store(f"lied-to-{what}")
                self.run("pull", f"oci://{other}/team/runs:v1", "--store", name, code=INTEGRITY)
                self.run("pull", f"oci://{other}/team/runs:v1", "--output", f"{name}-files", code=INTEGRITY)
                said = self.run("store", "list", "--store", name)
                if said or (self.folder / f"{name}-files").exists():
                    self.problems.append(f"something of what was changed is visible: {said}")

    def log_in(self, host: str) -> None:
        words = ("push", self.package, f"oci://{host}/team/runs:v1", "--store", "here")
        self.run(*words, code=ENVIRONMENT, says="denies access (401)", HOME="/nonexistent")
        self.run(*words, code=ENVIRONMENT, says="denies", RSPPC_OCI_USER=_USER, RSPPC_OCI_PASSWORD="wrong")
        self.run(*words, says=self.digest, RSPPC_OCI_USER=_USER, RSPPC_OCI_PASSWORD=_PASSWORD)
        auth = base64.b64encode(f"{_USER}:{_PASSWORD}".encode()).decode()
        (self.folder / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
        settings = {"DOCKER_CONFIG": str(self.folder)}
        self.run("pull", f"oci://{host}/team/runs:v1", "--store", self.store("known"), says=self.digest, **settings)
        self.same("known")


@contextlib.contextmanager
def _registry(folder: Path, passwords: str | None = None) -> Iterator[str]:
    folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    config = f"version: 0.1\nlog: {{level: error}}\nhttp: {{addr: '{host}'}}\n"
    config += f"storage: {{filesystem: {{rootdirectory: '{folder}/data'}}}}\n"
    if passwords is not None:
        (folder / "htpasswd").write_text(passwords)
        config += f"auth: {{htpasswd: {{realm: here, path: '{folder}/htpasswd'}}}}\n"
    (folder / "config.yml").write_text(config)
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(["docker-registry", "serve", str(folder / "config.yml")], stdout=log, stderr=log)
    try:
        until = time.monotonic() + 60
        while True:
            name, _, port = host.partition(":")
            with contextlib.suppress(OSError), socket.create_connection((name, int(port)), timeout=1):
                break
            if time.monotonic() > until or process.poll() is not None:
                raise RuntimeError(f"the registry did not start: {(folder / 'log').read_text()[-500:]}")
            time.sleep(0.05)
        yield host
    finally:
        process.terminate()
        process.wait(30)


@contextlib.contextmanager
def _liar(host: str, what: str) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            return

        def do_GET(self) -> None:
            connection = http.client.HTTPConnection(host)
            connection.request("GET", self.path, headers={"Accept": self.headers.get("Accept", "*/*")})
            answer = connection.getresponse()
            data = answer.read()
            if f"/{what}/" in self.path and data:
                data = data[:-3] + bytes([data[-3] ^ 1]) + data[-2:]
            self.send_response(answer.status)
            for name in ("Docker-Content-Digest", "Content-Type"):
                self.send_header(name, answer.getheader(name, ""))
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
            connection.close()

        do_HEAD = do_GET

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
