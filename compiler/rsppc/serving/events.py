"""The events of a tenant, as they happen."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from starlette.responses import Response

from rsppc.base.record import Record
from rsppc.serving import messages
from rsppc.serving.answers import answer
from rsppc.serving.call import Call, Handler
from rsppc.store.problems import StoreProblem
from rsppc.store.registry import Registry

_LOOK_S = 0.3


class _Event(Record):
    """What is read of an event, without the digest by which it is chained."""

    seq: int
    type: str
    at: str
    tenant: str
    package_id: str
    data: dict[str, Any]


_DECODER = msgspec.json.Decoder(_Event)


async def list_events(call: Call) -> Response:
    limit, after = call.count("limit", 100), call.count("after", 0)
    size_max = call.service.limits.events_size_max
    until = asyncio.get_running_loop().time() + call.count("wait", 0)

    def page(registry: Registry) -> messages.EventPage:
        return _page(registry, call.tenant, after, limit, size_max)

    while True:
        looked = await call.service.head()
        found = await call.service.threads.read(page)
        if found.events:
            return answer(found)
        # What happens to packages of others is no reason to answer: nobody learns of it here.
        while await call.service.head() <= looked:
            if call.service.stopping or asyncio.get_running_loop().time() >= until:
                return answer(found)
            await asyncio.sleep(_LOOK_S)


def _page(registry: Registry, tenant: str, after: int, limit: int, size_max: int) -> messages.EventPage:
    events: list[messages.TenantEvent] = []
    size = 0
    for seq, body in registry.log.events_of(tenant, after, limit):
        size += len(body)
        if events and size > size_max:
            break
        events.append(_told(seq, body, tenant))
    return messages.EventPage(events=events, next_after=events[-1].seq if events else after)


def _told(seq: int, body: bytes, tenant: str) -> messages.TenantEvent:
    try:
        event = _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        event = None
    if event is None or event.tenant != tenant:  # the table that leads to it may be what is damaged
        raise StoreProblem("corrupt", f"event {seq} is not what its digest says")
    return messages.TenantEvent(**{name: getattr(event, name) for name in messages.TenantEvent.__struct_fields__})


HANDLERS: dict[str, Handler] = {"list_events": list_events}
