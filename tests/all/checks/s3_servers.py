"""S3 servers for checks, each in processes of its own: moto, and Swift with its S3 API."""

from __future__ import annotations

import contextlib
import getpass
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from rsppc.base.record import Record

_START_S = 90


class Server(Record):
    """A server that runs, and whom it knows."""

    name: str
    address: str
    key_id: str
    secret: str

    @property
    def settings(self) -> dict[str, str]:
        keys = {"AWS_ACCESS_KEY_ID": self.key_id, "AWS_SECRET_ACCESS_KEY": self.secret}
        return {"AWS_ENDPOINT_URL": self.address, "AWS_REGION": "us-east-1", **keys}


@contextlib.contextmanager
def moto(folder: Path) -> Iterator[Server]:
    port = _free_port()
    with _running(folder, "moto", [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]):
        _wait_for(port, folder / "moto.log")
        yield Server(name="moto", address=f"http://127.0.0.1:{port}", key_id="a", secret="b")


_PARTS = ("account", "container", "object")
_RUN = """
import sys
from swift.common import utils, wsgi
utils.SWIFT_CONF_FILE = sys.argv[2]
sys.exit(wsgi.run_wsgi(sys.argv[1], sys.argv[3]))
"""
"""Runs a server with a `swift.conf` elsewhere than in `/etc`."""

_STORAGE = """
[DEFAULT]
devices = {folder}/devices
mount_check = false
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {folder}
disable_fallocate = true
[pipeline:main]
pipeline = {part}-server
[app:{part}-server]
use = egg:swift#{part}
"""
_PROXY = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 0
user = {user}
swift_dir = {folder}
[pipeline:main]
pipeline = catch_errors cache s3api tempauth slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{memory}
[filter:s3api]
use = egg:swift#s3api
[filter:tempauth]
use = egg:swift#tempauth
user_team_ada = hush .admin
[filter:slo]
use = egg:swift#slo
"""


@contextlib.contextmanager
def swift(folder: Path) -> Iterator[Server]:
    """Four processes and memcached; nothing outside of the folder is touched."""
    user = getpass.getuser()
    (folder / "devices/d1").mkdir(parents=True)
    (folder / "swift.conf").write_text("[swift-hash]\nswift_hash_path_suffix = a\nswift_hash_path_prefix = b\n")
    ports = {part: _free_port() for part in (*_PARTS, "proxy", "memory")}
    for part in _PARTS:
        text = _STORAGE.format(folder=folder, port=ports[part], user=user, part=part)
        (folder / f"{part}.conf").write_text(text)
        for words in (
            ["create", "4", "1", "0"],
            ["add", f"r1z1-127.0.0.1:{ports[part]}/d1", "1"],
            ["rebalance"],
        ):
            builder = ["swift-ring-builder", f"{folder}/{part}.builder", *words]
            subprocess.run(builder, check=True, capture_output=True, timeout=60)
    text = _PROXY.format(folder=folder, port=ports["proxy"], user=user, memory=ports["memory"])
    (folder / "proxy.conf").write_text(text)
    memory = ["memcached", "-l", "127.0.0.1", "-p", str(ports["memory"]), "-u", user]
    with contextlib.ExitStack() as running:
        running.enter_context(_running(folder, "memory", memory))
        for part in (*_PARTS, "proxy"):
            words = ["/usr/bin/python3", "-c", _RUN, f"{folder}/{part}.conf", f"{folder}/swift.conf", f"{part}-server"]
            running.enter_context(_running(folder, part, words))
        for part, port in ports.items():
            _wait_for(port, folder / f"{part}.log")
        address = f"http://127.0.0.1:{ports['proxy']}"
        _wait_for_answer(f"{address}/info")
        yield Server(name="Swift", address=address, key_id="team:ada", secret="hush")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


@contextlib.contextmanager
def _running(folder: Path, name: str, words: list[str]) -> Iterator[None]:
    with open(folder / f"{name}.log", "wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log, cwd=folder)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(port: int, log: Path) -> None:
    until = time.monotonic() + _START_S
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise RuntimeError(f"`{log.stem}` did not start: {log.read_text()[-500:]}")


def _wait_for_answer(url: str) -> None:
    until = time.monotonic() + _START_S
    while time.monotonic() < until:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.1)
    raise RuntimeError(f"`{url}` does not answer")
