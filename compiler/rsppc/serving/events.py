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
    looked_at_max = call.service.limits.events_looked_at_max
    until = asyncio.get_running_loop().time() + call.count("wait", 0)

    def page(registry: Registry) -> messages.EventPage:
        return _page(registry, call.tenant, after, limit, looked_at_max)

    while True:
        found = await call.service.threads.read(page)
        if found.events or found.next_after > after:
            return answer(found)
        while await call.service.head() <= after:
            if call.service.stopping or asyncio.get_running_loop().time() >= until:
                return answer(found)
            await asyncio.sleep(_LOOK_S)


def _page(registry: Registry, tenant: str, after: int, limit: int, looked_at_max: int) -> messages.EventPage:
    events = []
    for seq, body, _ in registry.log.events(after, looked_at_max):
        after = seq
        try:
            event = _DECODER.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise StoreProblem("corrupt", f"event {seq} is not what its digest says") from None
        if event.tenant == tenant:
            values = {name: getattr(event, name) for name in messages.TenantEvent.__struct_fields__}
            events.append(messages.TenantEvent(**values))
            if len(events) == limit:
                break
    return messages.EventPage(events=events, next_after=after)


HANDLERS: dict[str, Handler] = {"list_events": list_events}
