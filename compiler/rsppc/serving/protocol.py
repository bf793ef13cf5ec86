"""HTTP/1.1 on one connection: uvicorn's, with an end to what never ends, and refusals in the form of all others.

uvicorn waits without a bound for the head of a first request, and for a caller who takes nothing of an answer. A look
at all connections once a second ends both, and needs no timer for each of ten thousand.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import STATUS_PHRASES, H11Protocol

from rsppc.serving.answers import ALWAYS
from rsppc.serving.limits import Limits
from rsppc.serving.problems import MEDIA_TYPE, encoded, told


def protocol_for(limits: Limits, connections_max: int) -> type[H11Protocol]:
    """The class of connections of a server with these limits."""
    return type("Connection", (_Connection,), {"limits": limits, "connections_max": connections_max})


class _Connection(H11Protocol):
    limits: Limits
    connections_max: int

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._idle_since = self._stuck_since = self.loop.time()
        self._unsent = 0
        if len(self.connections) > self.connections_max:
            self._refuse("connections-full", "try again when others are done")

    def look(self, now: float) -> None:
        """End the connection where nothing happens on it any more."""
        busy = self.cycle is not None and not self.cycle.response_complete
        if busy:
            self._idle_since = now
        elif now - self._idle_since > self.limits.idle_s:
            self.transport.abort()
            return
        unsent = self.transport.get_write_buffer_size()
        if unsent == 0 or unsent != self._unsent:
            self._unsent, self._stuck_since = unsent, now
        elif now - self._stuck_since > self.limits.send_s:
            self.transport.abort()

    def on_response_complete(self) -> None:
        self._idle_since = self.loop.time()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """What is no request, or ends in the middle of one."""
        error: Any = sys.exception()
        too_large = getattr(error, "error_status_hint", 400) == 431
        self._refuse("head-too-large" if too_large else "request-malformed", "this is no HTTP request")

    def _refuse(self, code: str, what: str) -> None:
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.abort()  # another answer has begun
            return
        problem = told(code, what)
        status = problem.problem.status
        body = encoded(problem.problem)
        headers = [
            *problem.headers.items(),
            *ALWAYS.items(),
            ("Content-Type", MEDIA_TYPE),
            ("Content-Length", str(len(body))),
            ("Connection", "close"),
        ]
        response = h11.Response(status_code=status, headers=headers, reason=STATUS_PHRASES[status])
        for event in (response, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
