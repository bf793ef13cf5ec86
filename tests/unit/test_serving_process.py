"""A store that a process of its own serves: it is stopped and started, and callers go away or take their time."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from pathlib import Path

import pytest
from rsppc.cli.store.serving import PORT, free_port
from rsppc.serving import server
from rsppc.serving.tokens import ROLES, bearer, keep_token, new_token
from rsppc.store.registry import opened
from serving_process import Process, serving
from stores import AT, FILES
from workspaces import rsppc_here

PACKAGE = {"producer": "p", "run_id": "r", "subject": "s"}


def test_what_was_published_is_there_after_a_restart(tmp_path: Path) -> None:
    rsppc_here(tmp_path, "store", "init")
    token, text = new_token(tenant="default", roles=ROLES, at=AT)
    keep_token(str(tmp_path / "store"), token)
    with serving(tmp_path, token=text) as first:
        package = json.loads(first.ask("POST", "/packages", said=PACKAGE)[1])["package_id"]
        ids = {}
        for path, data in FILES.items():
            status, body = first.ask("PUT", f"/packages/{package}/files?path={path}", data)
            assert status == 201
            ids[json.loads(body)["file"]["file_id"]] = data
        manifest = json.loads(first.ask("POST", f"/packages/{package}/finalize")[1])["manifest_digest"]
        assert first.end(signal.SIGTERM) == 0
    with serving(tmp_path, token=text) as second:
        assert json.loads(second.ask("GET", f"/packages/{package}")[1])["manifest_digest"] == manifest
        for file_id, data in ids.items():
            assert second.ask("GET", f"/files/{file_id}/download") == (200, data)
        assert second.ask("GET", f"/packages/{package}", headers={"Authorization": "Bearer x"})[0] == 401
        assert second.end(signal.SIGINT) == 0
        assert second.said_wrong() == ""
    assert rsppc_here(tmp_path, "store", "verify").returncode == 0


def test_a_development_store_is_fresh_and_for_this_machine_only(tmp_path: Path) -> None:
    """R-004-27"""
    with serving(tmp_path, "--dev") as one:
        assert one.host == "127.0.0.1" and one.store.parent == tmp_path
        assert one.ask("GET", "/packages") == (200, b'{"next_after":null,"packages":[]}')
        assert one.ask("GET", "/packages", headers={"Authorization": ""})[0] == 401
        assert bearer(str(one.store), one.token, AT) is None  # it lives as long as the process
        _requests_are_finished(one)
    assert one.store.is_dir()
    done = rsppc_here(tmp_path, "store", "serve", "--dev", "--host", "0.0.0.0", "--port", "0")
    assert done.returncode == 2


def _requests_are_finished(one: Process) -> None:
    """Strange callers, one after the other, and at last an upload that goes on while the server is told to stop."""
    package = json.loads(one.ask("POST", "/packages", said=PACKAGE)[1])["package_id"]
    target = f"/packages/{package}/files?path=a"
    for nonsense, status in ((b"\x16\x03\x01\r\n\r\n", 400), (b"GET / HTTP/1.1\r\nA: " + b"a" * 40_000, 431)):
        with one.connected() as connection:
            connection.sendall(nonsense)
            answer = _all_of(connection)
            assert answer.startswith(f"HTTP/1.1 {status} ".encode()) and b"application/problem+json" in answer
    with one.connected() as connection:  # 1 GB that is refused before it is sent
        connection.sendall(one.head(f"PUT {target}", Content_Length=10**9, Expect="100-continue"))
        assert _all_of(connection).startswith(b"HTTP/1.1 413 ")
    with one.connected() as connection:  # sends on although it was refused, and then reads
        said = one.head("POST /packages", Content_Length=3 * 2**20, Content_Type="application/json")
        connection.sendall(said.replace(b"Bearer ", b"Bearer x"))
        time.sleep(0.2)
        for _ in range(3):
            connection.sendall(b"x" * 2**20)
        answer = _all_of(connection)
        assert answer.startswith(b"HTTP/1.1 401 ") and answer.endswith(b"}")
    with one.connected() as connection:  # goes away in the middle
        connection.sendall(one.head(f"PUT {target}", Content_Length=10**6) + b"x" * 500_000)
    until = time.monotonic() + 5
    while list(one.store.glob("staging/*")) and time.monotonic() < until:
        time.sleep(0.05)
    assert json.loads(one.ask("GET", f"/packages/{package}")[1])["file_count"] == 0
    assert not list(one.store.glob("staging/*")) and not list(one.store.glob("blobs/*/*"))
    with one.connected() as waiting, one.connected() as connection:
        waiting.sendall(one.head("GET /events?after=1&wait=30"))
        connection.sendall(one.head(f"PUT {target}", Content_Length=4) + b"ab")
        time.sleep(0.3)
        ended: list[int] = []
        stopping = threading.Thread(target=lambda: ended.append(one.end()))
        stopping.start()
        time.sleep(0.5)
        connection.sendall(b"cd")
        assert _all_of(connection).startswith(b"HTTP/1.1 201 ")
        assert _all_of(waiting).endswith(b'{"events":[],"next_after":1}')
        stopping.join(30)
        assert ended == [0], one.said_wrong()
    with opened(str(one.store), writable=False) as registry:
        assert registry.package(package).file_count == 1


def _all_of(connection: socket.socket) -> bytes:
    said = b""
    while piece := connection.recv(65_536):
        said += piece
    return said


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--store", "none"), 1, "store-missing"),
        (("--host", "no such host."), 4, "cannot be listened at"),
        (("--file-size-max", "5X"), 2, "is no size"),
        (("--certificate", "a.pem"), 2, "go together"),
        (("--certificate", "a.pem", "--key", "b.pem"), 2, "there is no file"),
        (("--certificate", "odd.pem", "--key", "odd.pem"), 1, "cannot be used"),
    ],
)
def test_a_server_that_cannot_begin_says_why(tmp_path: Path, words: tuple[str, ...], code: int, said: str) -> None:
    (tmp_path / "odd.pem").write_text("odd")
    done = rsppc_here(tmp_path, "store", "serve", "--port", "0", *words)
    assert done.returncode == code and said in done.stderr.decode()


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    rsppc_here(tmp_path, "store", "init")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = rsppc_here(tmp_path, "store", "serve", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 4 and b"[store-environment]" in done.stderr


def test_a_store_for_trying_takes_another_port_where_the_usual_one_is_taken() -> None:
    """R-004-27: two may follow the procedure on one machine."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        asked: list[int] = []

        def listen(host: str, port: int) -> socket.socket:
            asked.append(port)
            return server.listen(host, taken.getsockname()[1] if port == PORT else port)

        with free_port(listen, "127.0.0.1") as bound:
            assert asked == [PORT, 0] and bound.getsockname()[1] not in (0, taken.getsockname()[1])
