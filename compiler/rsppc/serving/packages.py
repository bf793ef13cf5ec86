"""Packages: made, shown, finalised, with their manifests and what was said of them."""

from __future__ import annotations

from urllib.parse import quote

from starlette.responses import Response

from rsppc.serving import bodies, messages
from rsppc.serving.answers import answer, attachment, content, etag_of, unless_held
from rsppc.serving.call import Call, Handler, record_of
from rsppc.store import manifest
from rsppc.store.problems import StoreProblem
from rsppc.store.reading import refuse_collected
from rsppc.store.registry import ATTESTATION_SIZE_MAX, Attached, Attestation, Finalized, Registry
from rsppc.store.request import PackageRequest

BYTES = "application/octet-stream"


async def create_package(call: Call) -> Response:
    data = await bodies.whole(call, call.service.limits.json_size_max)
    asked = await record_of(call, data, messages.NewPackage)
    request = PackageRequest(
        tenant=call.tenant, **{name: getattr(asked, name) for name in messages.NewPackage.__struct_fields__}
    )
    made = await call.service.threads.write(lambda registry: registry.create_package(request, call.now()))
    place = f"/packages/{made.package.package_id}"
    return answer(made.package, 200 if made.reused else 201, {"Location": place})


async def list_packages(call: Call) -> Response:
    limit, after = call.count("limit", 100), call.count("after", 0)
    chosen = {name: call.query.get(name) for name in ("kind", "subject", "state")}
    found = await call.service.threads.read(
        lambda registry: registry.packages(call.tenant, after=after, limit=limit + 1, **chosen)
    )
    page = found[:limit]
    following = page[-1].created_seq if len(found) > limit else None
    return answer(messages.PackagePage(packages=page, next_after=following))


async def show_package(call: Call) -> Response:
    return answer(await call.service.threads.read(lambda registry: registry.package(call.package_id, call.tenant)))


async def finalize_package(call: Call) -> Response:
    def finalize(registry: Registry) -> Finalized:
        registry.package(call.package_id, call.tenant)
        count = call.count("file_count", -1)
        return registry.finalize_package(call.package_id, call.now(), file_count=count if count >= 0 else None)

    made = await call.service.threads.write(finalize)
    return answer(messages.FinalPackage(package=made.package, manifest_digest=made.manifest_digest, reused=made.reused))


async def manifest_cbor(call: Call) -> Response:
    """Straight from the disk, a piece at a time: it may be long."""
    digest = await call.service.threads.read(lambda registry: _manifest_digest(registry, call))
    headers = {"ETag": etag_of(digest), "Cache-Control": "private, no-cache", "Content-Type": manifest.MANIFEST_TYPE}
    held = unless_held(call, headers["ETag"])
    if held is not None:
        return held
    size = await call.service.threads.read(lambda registry: _manifest_size(registry, digest))
    if call.request.method == "HEAD":
        return Response(b"", 200, {**headers, "Content-Length": str(size)})
    pieces = await call.service.threads.read(lambda registry: registry.backend.read(digest, "manifests"))
    return await content(call, pieces, size, 200, headers)


async def manifest_json(call: Call) -> Response:
    """Made anew for each caller, and so of manifests alone that are not too long."""
    digest = await call.service.threads.read(lambda registry: _manifest_digest(registry, call))
    headers = {"ETag": etag_of(f"{digest}-json"), "Cache-Control": "private, no-cache"}
    held = unless_held(call, headers["ETag"])
    if held is not None:
        return held
    most = call.service.limits.projection_size_max
    if await call.service.threads.read(lambda registry: _manifest_size(registry, digest)) > most:
        raise StoreProblem("refused", f"a manifest of more than {most} bytes is not given as JSON", "take the CBOR")
    async with call.service.projecting:
        data = await call.service.threads.read(
            lambda registry: manifest.projection(manifest.decode(registry.manifest_bytes(call.package_id)))
        )
    return Response(data, 200, headers, media_type="application/json")


def _manifest_digest(registry: Registry, call: Call) -> str:
    package = registry.package(call.package_id, call.tenant)
    refuse_collected(package)
    if package.manifest_digest is None:
        raise StoreProblem("missing", f"package `{package.package_id}` is not finalised", "finalise it first")
    return package.manifest_digest


def _manifest_size(registry: Registry, digest: str) -> int:
    size = registry.backend.size(digest, "manifests")
    if size is None:
        raise StoreProblem("corrupt", f"the manifest {digest} is missing")
    return size


async def list_attestations(call: Call) -> Response:
    def listed(registry: Registry) -> list[Attestation]:
        registry.package(call.package_id, call.tenant)
        return registry.attestations(call.package_id)

    return answer(messages.AttestationList(attestations=await call.service.threads.read(listed)))


async def attest(call: Call) -> Response:
    name, media_type = call.ids["name"], call.header("content-type") or BYTES
    bodies.check_types(call)

    def check(registry: Registry) -> None:
        registry.package(call.package_id, call.tenant)
        registry.check_attestation(name, media_type, b"")

    await call.service.threads.read(check)
    async with bodies.kept(call, ATTESTATION_SIZE_MAX) as body:

        def record(registry: Registry) -> Attached:
            data, tenant = b"".join(body.pieces()), call.tenant
            return registry.record_attestation(call.package_id, name, media_type, data, call.now(), tenant=tenant)

        made = await call.service.threads.write(record)
    place = f"/packages/{call.package_id}/attestations/{quote(name, safe='')}"
    return answer(made.attestation, 200 if made.reused else 201, {"Location": place})


async def show_attestation(call: Call) -> Response:
    name = call.ids["name"]

    def shown(registry: Registry) -> tuple[Attestation | None, bytes]:
        registry.package(call.package_id, call.tenant)
        data = registry.attestation_bytes(call.package_id, name)
        found = [one for one in registry.attestations(call.package_id) if one.name == name]
        return (found[0] if found else None), data

    one, data = await call.service.threads.read(shown)
    assert one is not None  # its bytes were there
    etag = etag_of(one.digest_primary)
    return unless_held(call, etag) or Response(data, 200, {**attachment(name, one.media_type), "ETag": etag})


HANDLERS: dict[str, Handler] = {
    "create_package": create_package,
    "list_packages": list_packages,
    "show_package": show_package,
    "finalize_package": finalize_package,
    "manifest_cbor": manifest_cbor,
    "manifest_json": manifest_json,
    "list_attestations": list_attestations,
    "attest": attest,
    "show_attestation": show_attestation,
}
