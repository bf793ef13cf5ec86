"""The application: from a request to the handler of its endpoint, from whatever goes wrong to one form of answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from itertools import groupby

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import Message, Receive, Scope, Send

from rsppc.serving import events, files, health, packages, retention, schemas
from rsppc.serving.answers import ALWAYS, refusal
from rsppc.serving.call import Call, Handler
from rsppc.serving.limits import Limits
from rsppc.serving.problems import ClientGone, Refusal, problem_of
from rsppc.serving.service import Service
from rsppc.serving.table import ENDPOINTS, Endpoint

HANDLERS: Mapping[str, Handler] = {
    **packages.HANDLERS,
    **files.HANDLERS,
    **retention.HANDLERS,
    **schemas.HANDLERS,
    **events.HANDLERS,
    **health.HANDLERS,
}
_ANY_PATH = {"schema_id"}
"""Names that may hold a slash."""


class App:
    """The ASGI application of a served store."""

    def __init__(self, service: Service) -> None:
        self._service = service
        places = groupby(sorted(ENDPOINTS, key=lambda one: one.path), key=lambda one: one.path)
        routes = [Route(_route(path), _Place(service, {one.method: one for one in ones})) for path, ones in places]
        self._router = Router(routes, redirect_slashes=False, default=_nothing_here)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        answering = _Answering(receive, send, self._service.limits)
        try:
            _refuse_long_head(scope, self._service.limits.head_size_max)
            await self._router(scope, receive, answering)
        except ClientGone:
            return
        except Exception as error:
            told = problem_of(error)
            if told.private is not None:
                self._service.note(told, error, f"{scope['method']} {scope['path'][:200]!a}")
            if not answering.started:
                await _closing(refusal(told), scope)(scope, receive, answering)
            # What has begun ends here, before its length: the server closes the connection.


class _Place:
    """All methods at one address."""

    def __init__(self, service: Service, endpoints: Mapping[str, Endpoint]) -> None:
        self._service = service
        self._endpoints = dict(endpoints)
        if "GET" in self._endpoints:
            self._endpoints["HEAD"] = self._endpoints["GET"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._endpoints.get(scope["method"])
        if endpoint is None:
            allowed = ", ".join(sorted(self._endpoints))
            raise Refusal("method-unknown", f"there is {allowed} here", headers={"Allow": allowed})
        call = Call(self._service, endpoint, Request(scope, receive))
        scope["rsppc.call"] = call
        await call.admit()
        made = await HANDLERS[endpoint.name](call)
        await _closing(made, scope)(scope, receive, send)


class _Answering:
    """Adds to an answer what every answer has, and remembers whether it has begun.

    Where an answer is the last one of its connection because nobody reads the body, that is taken for a moment before
    the connection is closed: one that is closed with bytes in it is reset, and the answer can be lost with it.
    """

    def __init__(self, receive: Receive, send: Send, limits: Limits) -> None:
        self._receive = receive
        self._send = send
        self._limits = limits
        self._lingers = False
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            given = {name.lower() for name, _ in message["headers"]}
            self._lingers = b"connection" in given
            more = [(name.lower().encode(), text.encode()) for name, text in ALWAYS.items()]
            message["headers"] = [*message["headers"], *((name, text) for name, text in more if name not in given)]
        elif self._lingers and not message.get("more_body", False):
            await self._send({**message, "more_body": True})
            await self._linger()
            message = {"type": "http.response.body"}
        await self._send(message)

    async def _linger(self) -> None:
        rest = self._limits.linger_size_max
        with suppress(TimeoutError):
            async with asyncio.timeout(min(self._limits.linger_s, self._limits.idle_s)):
                while rest > 0:
                    message = await self._receive()
                    if not message.get("more_body", False):
                        return
                    rest -= len(message.get("body", b""))


def _closing(made: Response, scope: Scope) -> Response:
    """An answer to a body that nobody reads to its end is the last one of its connection."""
    call: Call | None = scope.get("rsppc.call")
    headers = {name for name, _ in scope["headers"]}
    has_body = bool(headers & {b"content-length", b"transfer-encoding"})
    if has_body and (call is None or not call.body_taken):
        made.headers["Connection"] = "close"
    return made


def _refuse_long_head(scope: Scope, size_max: int) -> None:
    """The server itself looks only where a head does not come at once."""
    size = len(scope["raw_path"]) + len(scope["query_string"]) + sum(len(a) + len(b) + 4 for a, b in scope["headers"])
    if size > size_max:
        raise Refusal("head-too-large", f"the head of a request has at most {size_max} bytes here")


async def _nothing_here(scope: Scope, receive: Receive, send: Send) -> None:
    raise Refusal("place-unknown", "there is nothing at this address", "`/openapi.json` says what there is")


def _route(path: str) -> str:
    for name in _ANY_PATH:
        path = path.replace(f"{{{name}}}", f"{{{name}:path}}")
    return path
