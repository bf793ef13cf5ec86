"""What the server says of itself, to anybody."""

from __future__ import annotations

from functools import cache

from starlette.responses import Response

from rsppc.base.canonical_json import canonical
from rsppc.serving import messages, openapi
from rsppc.serving.answers import answer
from rsppc.serving.call import Call, Handler
from rsppc.store.problems import StoreProblem
from rsppc.store.registry import Registry


async def live(_: Call) -> Response:
    return answer(messages.Health(status="ok"))


async def ready(call: Call) -> Response:
    """Whether the store can be read, and the server is not about to stop."""
    if call.service.stopping:
        raise StoreProblem("busy", "the server is told to stop")
    await call.service.threads.read(_read)
    return answer(messages.Health(status="ok"))


def _read(registry: Registry) -> None:
    with registry.log.spoken():
        registry.log.head()


async def describe(_: Call) -> Response:
    return Response(_description(), 200, {"Cache-Control": "no-cache"}, media_type="application/json")


@cache
def _description() -> bytes:
    return canonical(openapi.document())


HANDLERS: dict[str, Handler] = {"live": live, "ready": ready, "describe": describe}
