"""Files of packages: taken in, listed, and given, also in parts."""

from __future__ import annotations

from starlette.responses import Response

from rsppc.serving import bodies, messages, ranges
from rsppc.serving.answers import answer, attachment, content, etag_of, repr_digest, unless_held
from rsppc.serving.call import Call, Handler
from rsppc.serving.problems import Refusal
from rsppc.store.problems import StoreProblem
from rsppc.store.reading import refuse_collected
from rsppc.store.registry import File, Package, Registry
from rsppc.store.request import Entry, check_entry

BYTES = "application/octet-stream"


async def put_file(call: Call) -> Response:
    """Nothing of the body is read before it is known that it could be taken."""
    entry = Entry(
        path=call.query["path"],
        role=call.query.get("role", "file"),
        media_type=call.header("content-type") or BYTES,
        expected=call.header("expected-digest"),
    )
    bodies.check_types(call)
    check_entry(entry)
    known = await call.service.threads.read(lambda registry: _known(registry, call, entry))
    async with bodies.kept(call, call.service.limits.file_size_max, entry.expected) as body:

        def ingest(registry: Registry) -> File:
            return registry.ingest_file(call.package_id, entry, body.pieces(), call.now())

        file = await call.service.threads.write(ingest)
    made = messages.FileOfPackage(package_id=call.package_id, file=file)
    return answer(made, 200 if known else 201, {"Location": f"/files/{file.file_id}"})


def _known(registry: Registry, call: Call, entry: Entry) -> bool:
    """Whether the package has such a file; a refusal where it could not have it."""
    package = registry.package(call.package_id, call.tenant)
    refuse_collected(package)
    try:
        registry.file_at(call.package_id, entry.path)
    except StoreProblem as problem:
        if problem.kind != "missing":
            raise
    else:
        return True
    most = call.service.limits.files_max
    if package.file_count >= most:
        raise StoreProblem("refused", f"a package has at most {most} files here", "publish it on the machine itself")
    return False


async def list_files(call: Call) -> Response:
    limit, after = call.count("limit", 100), call.query.get("after", "")

    def listed(registry: Registry) -> list[File]:
        registry.package(call.package_id, call.tenant)
        return registry.files(call.package_id, after=after, limit=limit + 1)

    found = await call.service.threads.read(listed)
    page = found[:limit]
    return answer(messages.FilePage(files=page, next_after=page[-1].path if len(found) > limit else None))


async def show_file(call: Call) -> Response:
    package, file = await _file(call)
    return answer(messages.FileOfPackage(package_id=package.package_id, file=file))


async def download(call: Call) -> Response:
    """Whole content is held against its digest while it is sent; of a part, only the caller could tell."""
    package, file = await _file(call)
    refuse_collected(package)
    etag = etag_of(file.digest_primary)
    held = unless_held(call, etag)
    if held is not None:
        return held
    name = file.path.rpartition("/")[2]
    headers = {
        **attachment(name, file.media_type),
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Repr-Digest": repr_digest(file.digest_sha256),
    }
    if call.request.method == "HEAD":
        return Response(b"", 200, {**headers, "Content-Length": str(file.size)})
    wanted = call.header("range") if ranges.is_same(call.header("if-range"), etag) else None
    match ranges.part_of(wanted, file.size):
        case "none":
            raise Refusal(
                "range-unsatisfiable",
                f"the content has {file.size} bytes",
                headers={"Content-Range": f"bytes */{file.size}", "ETag": etag},
            )
        case "whole":
            pieces = await call.service.threads.read(lambda registry: registry.content(file))
            return await content(call, pieces, file.size, 200, headers)
        case (start, length):
            pieces = await call.service.threads.read(
                lambda registry: registry.content(file, offset=start, length=length)
            )
            headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{file.size}"
            return await content(call, pieces, length, 206, headers)


async def _file(call: Call) -> tuple[Package, File]:
    return await call.service.threads.read(lambda registry: registry.file(call.ids["file_id"], call.tenant))


HANDLERS: dict[str, Handler] = {
    "put_file": put_file,
    "post_file": put_file,
    "list_files": list_files,
    "show_file": show_file,
    "download": download,
}
