"""Connections on which nothing happens any more are ended, each for its own reason and not before its time."""

from __future__ import annotations

import asyncio
from typing import Any

import uvicorn
from rsppc.serving.limits import Limits
from rsppc.serving.protocol import protocol_for
from uvicorn.server import ServerState

LIMITS = Limits(idle_s=20, send_s=60)


class Line:
    """The other end of a connection, as far as it is asked."""

    def __init__(self) -> None:
        self.unsent = 0
        self.aborted = self.closing = False
        self.said = b""

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def get_extra_info(self, name: str) -> Any:
        return None

    def write(self, data: bytes) -> None:
        self.said += data

    def abort(self) -> None:
        self.aborted = True

    def close(self) -> None:
        self.closing = True

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


async def _app(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.Event().wait()


def _connections(state: ServerState, count: int, connections_max: int) -> list[tuple[Any, Line]]:
    config = uvicorn.Config(_app, ws="none", lifespan="off", log_config=None)
    made = []
    for _ in range(count):
        one, line = protocol_for(LIMITS, connections_max)(config, state, {}), Line()
        one.connection_made(line)  # type: ignore[arg-type]
        made.append((one, line))
    return made


async def _looked_at() -> None:
    ((one, line),) = _connections(ServerState(), 1, 10)
    began = one.loop.time()
    one.data_received(b"GET / HT")
    one.look(began + 19)
    assert not line.aborted
    one.look(began + 21)
    assert line.aborted, "a head that is never complete"

    ((one, line),) = _connections(ServerState(), 1, 10)
    one.data_received(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    await asyncio.sleep(0)
    began = one.loop.time()
    one.look(began + 100)
    assert not line.aborted, "an answer may take its time"
    for later, unsent in ((200, 9), (250, 8), (300, 8)):
        line.unsent = unsent
        one.look(began + later)
        assert not line.aborted
    one.look(began + 311)
    assert line.aborted, "nothing was taken for a minute"


def test_a_connection_ends_when_nothing_happens_on_it() -> None:
    asyncio.run(_looked_at())


def test_there_are_so_many_connections_and_no_more() -> None:
    async def many() -> list[Line]:
        return [line for _, line in _connections(ServerState(), 4, 3)]

    lines = asyncio.run(many())
    assert [line.closing for line in lines] == [False, False, False, True]
    assert lines[3].said.startswith(b"HTTP/1.1 503 ") and b"connections-full" in lines[3].said
    assert b"retry-after: 1" in lines[3].said.lower()
