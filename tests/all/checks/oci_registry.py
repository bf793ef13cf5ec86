"""Packages in a real registry (`docker-registry`), copied by a real tool (`skopeo`), and one that gives other bytes."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from forward_proxy import forward_proxy
from golden_harness import files_below
from killed import killed_at_each_step
from rsppc.cli.exits import ENVIRONMENT, FINDINGS, INTEGRITY, OK
from workspaces import command, environment, rsppc

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
_MANY = 4


def run(folder: Path) -> Outcome:
    for path, data in _FILES.items():
        (folder / "run" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "run" / path).write_bytes(data)
    story = _Story(folder)
    with _registry(folder / "open") as host:
        story.travel(host)
        story.tags(host)
        story.killed(host)
        story.at_once(host)
        story.behind_a_proxy(host)
        story.lie(host)
    with _registry(folder / "closed", _HTPASSWD) as host:
        story.log_in(host)
    return outcome(story.problems, f"{story.digest}, {story.steps} commands of rsppc and skopeo")


class _Story:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[str] = []
        self.steps = 0
        self.package = self.other = self.digest = ""

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

    def tags(self, host: str) -> None:
        """A tag stays with what it names, an image of others as well."""
        (self.folder / "run/more.txt").write_text("more")
        words = ("--producer", "check", "--run-id", "r2", "--subject", "desk", "--store", "here")
        self.other = self.run("store", "ingest", "run", *words).split()[0]
        (self.folder / "run/more.txt").unlink()
        taken = ("push", self.other, f"oci://{host}/team/runs:v1", "--store", "here")
        self.run(*taken, code=INTEGRITY, says=f"names {self.digest}")
        self.run("pull", f"oci://{host}/team/runs:v1", "--output", "still", says=self.digest)
        moved = self.run(*taken, "--move-tag").split()[0]
        self.run("pull", f"oci://{host}/team/runs:v1", "--output", "moved", says=moved)
        self.run("pull", f"oci://{host}/team/runs@{self.digest}", "--output", "kept", says=self.digest)
        self.run("push", self.package, *taken[2:], "--move-tag", says=self.digest)
        _put_index(host, "foreign/image", "v1")
        self.run(
            "push", self.package, f"oci://{host}/foreign/image:v1", "--store", "here", code=INTEGRITY, says="names"
        )
        self.run("pull", f"oci://{host}/foreign/image:v1", "--output", "image", code=FINDINGS, says="no package")

    def killed(self, host: str) -> None:
        """Whoever is killed leaves nothing that can be found, or all of it; the same command finishes it."""
        for target, steps, least in (
            (f"oci://{host}/killed/runs:v1", {"steps": ("http.client.HTTPConnection.send",)}, 10),
            ("oci:killed:v1", {}, 5),
        ):

            def look(target: str = target) -> None:
                done = rsppc(self.folder, "pull", target, "--output", "killed-files", seconds_max=_SECONDS_MAX)
                if done.returncode not in (OK, FINDINGS):
                    self.problems.append(f"after a kill, {target} is half there: {done.stderr.decode()[-300:]}")
                shutil.rmtree(self.folder / "killed-files", ignore_errors=True)

            words = ("push", self.package, target, "--store", "here")
            kills = killed_at_each_step(self.folder, *words, look=look, **steps)
            self.steps += 2 * kills
            if kills < least:
                self.problems.append(f"only {kills} who push to {target} were killed: nothing is proved")
            self.run(*words, says="there before")
            self.run("pull", target, "--output", "killed-files", says=self.digest)
            shutil.rmtree(self.folder / "killed-files")

    def at_once(self, host: str) -> None:
        """Of many who push under one tag one wins; the others are told, and everybody's own tag is there."""
        for where in (f"oci://{host}/many/runs", "oci:many"):
            packages = (self.package, self.other)
            started = [
                _started(self.folder, "push", packages[number % 2], f"{where}:{tag}", "--store", "here")
                for number in range(_MANY)
                for tag in ("same", f"v{number}")
            ]
            ended = [one.wait(_SECONDS_MAX) for one in started]
            self.steps += len(started)
            if set(ended[1::2]) != {OK} or not set(ended[::2]) <= {OK, INTEGRITY} or OK not in ended:
                self.problems.append(f"{_MANY} who push to {where} at once end with {ended}")
            for tag in ("same", *(f"v{number}" for number in range(_MANY))):
                self.run("pull", f"{where}:{tag}", "--output", "many-files")
                shutil.rmtree(self.folder / "many-files", ignore_errors=True)

    def behind_a_proxy(self, host: str) -> None:
        """The registry under another name, which only the proxy knows."""
        at = f"registry.example.com:{host.rpartition(':')[2]}/team/runs:v1"
        with forward_proxy(host) as proxy:
            settings = {"HTTP_PROXY": f"http://{proxy.host}", "NO_PROXY": ""}
            words = ("pull", f"oci://{at}", "--plain-http", "--output", "proxied")
            self.run(*words, says=self.digest, **settings)
            if not proxy.asked or any(not where.startswith("http://registry.example.com:") for _, where in proxy.asked):
                self.problems.append(f"the proxy was asked for {proxy.asked}")
        self.run(*words[:-1], "unproxied", code=ENVIRONMENT, NO_PROXY="*", HTTP_PROXY=settings["HTTP_PROXY"])

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


def _put_index(host: str, repository: str, tag: str) -> None:
    """Let a tag name something of others: an index of images, with none in it."""
    data = b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}'
    connection = http.client.HTTPConnection(host)
    headers = {"Content-Type": "application/vnd.oci.image.index.v1+json"}
    connection.request("PUT", f"/v2/{repository}/manifests/{tag}", data, headers)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    if answer.status != 201:
        raise RuntimeError(f"the registry takes no index: {answer.status}")


def _started(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    """A command that goes on by itself."""
    null = subprocess.DEVNULL
    return subprocess.Popen(command(*words), cwd=folder, env=environment(), stdin=null, stdout=null, stderr=null)


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
