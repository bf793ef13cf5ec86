"""How long packages are kept, and what is decided of it later. Who decides, the token says."""

from __future__ import annotations

from datetime import datetime

from starlette.responses import Response

from rsppc.evidence.moment import read_moment
from rsppc.serving import bodies, messages
from rsppc.serving.answers import answer
from rsppc.serving.call import Call, Handler, record_of
from rsppc.store.registry import Package, Registry
from rsppc.store.violations import Violation, Violations


async def list_retention_classes(call: Call) -> Response:
    def classes(registry: Registry) -> messages.RetentionClasses:
        return messages.RetentionClasses(default=registry.config.default_class, days=registry.retention_days())

    return answer(await call.service.threads.read(classes))


async def extend_retention(call: Call) -> Response:
    data = await bodies.whole(call, call.service.limits.words_size_max)
    asked = await record_of(call, data, messages.Extension)
    until = _until(asked.new_expires_at)

    def extend(registry: Registry) -> Package:
        by, at, tenant = call.caller.name, call.now(), call.tenant
        return registry.extend_retention(call.package_id, until, by=by, reason=asked.reason, at=at, tenant=tenant)

    return answer(await call.service.threads.write(extend))


async def set_hold(call: Call) -> Response:
    reason = await _reason(call)

    def hold(registry: Registry) -> Package:
        by, at, tenant = call.caller.name, call.now(), call.tenant
        return registry.set_hold(call.package_id, by=by, reason=reason, at=at, tenant=tenant)

    return answer(await call.service.threads.write(hold))


async def release_hold(call: Call) -> Response:
    reason = await _reason(call)

    def release(registry: Registry) -> Package:
        by, at, tenant = call.caller.name, call.now(), call.tenant
        return registry.release_hold(call.package_id, by=by, reason=reason, at=at, tenant=tenant)

    return answer(await call.service.threads.write(release))


async def _reason(call: Call) -> str:
    data = await bodies.whole(call, call.service.limits.words_size_max)
    return (await record_of(call, data, messages.Decision)).reason


def _until(text: str) -> datetime | None:
    if text == "forever":
        return None
    moment = read_moment(text)
    if moment is None:
        problem = "it is no time as in `2030-01-01T00:00:00Z`, and not `forever`"
        raise Violations("the body is refused", [Violation(pointer="/new_expires_at", problem=problem)])
    return moment


HANDLERS: dict[str, Handler] = {
    "list_retention_classes": list_retention_classes,
    "extend_retention": extend_retention,
    "set_hold": set_hold,
    "release_hold": release_hold,
}
