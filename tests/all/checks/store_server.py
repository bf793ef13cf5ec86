"""A served store under callers who do not mean well: ten thousand at once, slow ones, and a gigabyte.

Each is refused or served, the server lives, and its memory and its threads stay within bounds.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from serving_process import Process, serving

from checks.outcome import Outcome, outcome

NAME = "store-server"
NEEDS = ("starlette",)

_GETS = 10_000
_DATA = os.urandom(64 * 1024)
_GIGABYTE = 10**9
_MEMORY_MAX = 600 * 2**20
_THREADS_MAX = 40
_SECONDS_MAX = 240
_PUBLISHERS = 24
_SLOW_S = 45
"""After so long a caller of whom nothing comes must have been sent away."""


def run(folder: Path) -> Outcome:
    problems: list[str] = []
    with serving(folder, "--dev") as one:
        package, file_id = _package(one)
        for name, check in (
            ("gigabyte", lambda: _gigabytes(one, package)),
            ("slow", lambda: asyncio.run(_slow(one, package))),
            ("publishers", lambda: _publishers(one)),
            ("parallel", lambda: asyncio.run(_parallel(one, package, file_id))),
        ):
            problems += [f"{name}: {problem}" for problem in _timed(check)]
            status, data = one.ask("GET", f"/files/{file_id}/download")
            if (status, data) != (200, _DATA):
                problems.append(f"{name}: afterwards the store answers {status}")
            if (memory := _status(one, "VmHWM") * 1024) > _MEMORY_MAX:
                problems.append(f"{name}: the server took {memory >> 20} MiB")
            if (threads := _status(one, "Threads")) > _THREADS_MAX:
                problems.append(f"{name}: the server has {threads} threads")
        memory = _status(one, "VmHWM") >> 10
        if list(one.store.glob("staging/*")):
            problems.append("something was left in `staging/`")
        if one.said_wrong():
            problems.append(f"the server said: {one.said_wrong()[-1000:]}")
    return outcome(
        problems, f"{_GETS} gets at once, {_PUBLISHERS} publishers, slow callers, 1 GB bodies; at most {memory} MiB"
    )


def _package(one: Process) -> tuple[str, str]:
    said = {"producer": "p", "run_id": "r", "subject": "s"}
    package = json.loads(one.ask("POST", "/packages", said=said)[1])["package_id"]
    put = one.ask("PUT", f"/packages/{package}/files?path=data", _DATA)[1]
    return package, json.loads(put)["file"]["file_id"]


def _timed(check: Callable[[], list[str]]) -> list[str]:
    started = time.monotonic()
    problems = check()
    took = time.monotonic() - started
    return [*problems, f"it took {took:.0f} s"] if took > _SECONDS_MAX else problems


def _status(one: Process, name: str) -> int:
    for line in Path(f"/proc/{one.process.pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    return 0


# --- A gigabyte ------------------------------------------------------------------------------------------------------


def _gigabytes(one: Process, package: str) -> list[str]:
    """Of stated and of unstated length, wherever a body is taken."""
    problems = []
    for method, target, media_type in (
        ("PUT", f"/packages/{package}/files?path=large", "application/octet-stream"),
        ("POST", "/packages", "application/json"),
        ("POST", "/metadata-schemas", "application/schema+json"),
        ("PUT", f"/packages/{package}/attestations/a", "application/octet-stream"),
    ):
        for headers in ({"Content_Length": _GIGABYTE}, {"Transfer_Encoding": "chunked"}):
            sent, status = _sent(one, one.head(f"{method} {target}", Content_Type=media_type, **headers), headers)
            if status not in (413, 415):
                problems.append(f"{method} {target} with {headers} is answered by {status}")
            if "Content_Length" in headers and sent > 2**24:
                problems.append(f"{method} {target}: {sent} bytes were taken before it was refused")
    return problems


def _sent(one: Process, head: bytes, headers: dict[str, object]) -> tuple[int, int]:
    """Send a gigabyte as long as it is taken; how much was, and the status."""
    piece = b"x" * 2**20
    if "Transfer_Encoding" in headers:
        piece = b"100000\r\n" + piece + b"\r\n"
    sent = 0
    with one.connected() as connection:
        connection.sendall(head)
        try:
            for _ in range(_GIGABYTE // 2**20):
                connection.sendall(piece)
                sent += len(piece)
        except OSError:  # it hangs up, as it should
            pass
        said = b""
        try:
            while b"\r\n\r\n" not in said and (more := connection.recv(65_536)):
                said += more
        except OSError:
            pass
    return sent, int(said[9:12]) if said.startswith(b"HTTP/1.1 ") else 0


# --- Slow callers ----------------------------------------------------------------------------------------------------


async def _slow(one: Process, package: str) -> list[str]:
    """Callers who begin and do not go on, or who take nothing of what they asked for."""
    target = f"PUT /packages/{package}/files?path=slow"
    kinds: dict[str, bytes] = {
        "says nothing": b"",
        "half a head": b"GET /health/live HTTP/1.1\r\nHost: a\r\nX-A: ",
        "half a body": one.head(target, Content_Length=1000) + b"x" * 10,
        "half a chunk": one.head(target, Transfer_Encoding="chunked") + b"5\r\nab",
    }
    callers = [(name, _until_gone(one, start)) for name, start in kinds.items() for _ in range(50)]
    waited = await asyncio.gather(*(caller for _, caller in callers))
    late = Counter(name for (name, _), seconds in zip(callers, waited, strict=True) if seconds > _SLOW_S)
    return [f"{count} callers of the kind `{name}` were not sent away" for name, count in late.items()]


async def _until_gone(one: Process, start: bytes) -> float:
    """How long a caller is held who sends this and then a byte a second, of which nothing is ever complete."""
    began = time.monotonic()
    reader, writer = await asyncio.open_connection(one.host, one.port)
    try:
        writer.write(start)
        await writer.drain()
        while time.monotonic() - began < _SLOW_S + 10:
            try:
                async with asyncio.timeout(1):
                    if not await reader.read(65_536):
                        break
            except TimeoutError:
                if start:
                    writer.write(b"x")
    except OSError:
        pass
    finally:
        writer.close()
    return time.monotonic() - began


# --- Publishers of one run -------------------------------------------------------------------------------------------


def _publishers(one: Process) -> list[str]:
    """All publish the same run at once; one of them is right, and so are all others, or it is a conflict."""
    with ThreadPoolExecutor(_PUBLISHERS) as pool:
        same = list(pool.map(lambda _: _published(one, "same", b"same"), range(_PUBLISHERS)))
        other = list(pool.map(lambda number: _published(one, "other", b"%d" % number), range(_PUBLISHERS)))
    problems = [] if len(set(same)) == 1 and same[0].startswith("blake3:") else [f"the same content gives {set(same)}"]
    won = [digest for digest in other if digest.startswith("blake3:")]
    if len(won) != 1 or set(other) - set(won) != {"409"}:
        problems.append(f"other content under one name gives {sorted(set(other))}, {len(won)} times a digest")
    return problems


def _published(one: Process, run: str, data: bytes) -> str:
    """The digest of what was published, or the status of what refused it."""
    said = {"producer": "p", "run_id": run, "subject": "s"}
    _, body = one.ask("POST", "/packages", said=said)
    package = json.loads(body)["package_id"]
    for number in range(5):
        status, body = one.ask("PUT", f"/packages/{package}/files?path=f{number}", data)
        if status not in (200, 201):
            return str(status)
    while True:
        status, body = one.ask("POST", f"/packages/{package}/finalize")
        if status != 503:
            return str(json.loads(body)["manifest_digest"]) if status == 200 else str(status)
        time.sleep(0.1)


# --- Ten thousand at once --------------------------------------------------------------------------------------------


async def _parallel(one: Process, package: str, file_id: str) -> list[str]:
    """Connections that are all open before the first of them asks."""
    targets = _endlessly(f"/packages/{package}", f"/files/{file_id}/download", "/packages?limit=10", "/health/live")
    opened = [await _connection(one) for _ in range(_count_possible())]
    answers = await asyncio.gather(*(_asked(one, pair, target) for pair, target in zip(opened, targets, strict=False)))
    counted = Counter(answers)
    wrong = {status: count for status, count in counted.items() if status not in (200, 503)}
    problems = [f"{count} were answered by {status}" for status, count in wrong.items()]
    if counted[200] < len(opened) * 0.99:
        problems.append(f"only {counted[200]} of {len(opened)} were served")
    if len(opened) < _GETS:
        problems.append(f"only {len(opened)} connections could be opened here")
    return problems


def _endlessly(*targets: str) -> Iterator[str]:
    while True:
        yield from targets


def _count_possible() -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _GETS + 200
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
    return min(_GETS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 200)


async def _connection(one: Process) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(one.host, one.port)


async def _asked(one: Process, pair: tuple[asyncio.StreamReader, asyncio.StreamWriter], target: str) -> int:
    """The status, if the answer is whole."""
    reader, writer = pair
    try:
        writer.write(one.head(f"GET {target}", Connection="close"))
        await writer.drain()
        said = await reader.read(-1)
    except OSError:
        return 0
    finally:
        writer.close()
    head, _, body = said.partition(b"\r\n\r\n")
    length = next((line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), b": -1")
    return int(head[9:12]) if head and int(length.split(b":")[1]) == len(body) else 0
