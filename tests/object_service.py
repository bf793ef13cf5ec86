"""A service that speaks enough S3 for `rsppc.objects`, in this process, and misbehaves as it is told."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from listening import HANGING_S, Handler, listening

MISBEHAVIOURS = (
    "hangs",
    "drips",
    "refuses",
    "breaks",
    "overwrites",
    "knows no conditions",
    "changes what is read",
    "cuts what is read",
    "changes what is written",
    "lists nothing",
    "answers 500",
    "answers 503 once",
    "forgets what is written",
    "fails at the second part",
    "cuts at the second part",
    "tells wrong tags",
    "lists backwards",
    "deletes nothing",
    "refuses to delete",
    "fails at deleting",
)


class ObjectService:
    """What there is, by path, and how it behaves."""

    def __init__(self, host: str) -> None:
        self.address = f"http://{host}"
        self.objects: dict[str, bytes] = {}
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.does = ""
        """One of the misbehaviours; empty for none."""
        self.asked: list[str] = []
        """Methods of the requests so far."""
        self.excused: set[str] = set()
        """Paths that were refused once."""
        self.ended = threading.Event()


@contextmanager
def object_service() -> Iterator[ObjectService]:
    """A service on this machine, with a bucket `bucket`."""

    with listening(_Handler, ObjectService) as service:
        yield service


class _Handler(Handler):
    service: ObjectService

    def _misbehaves(self) -> bool:
        """Whether the request got all the answer that it will get."""
        self.service.asked.append(self.command)
        match self.service.does:
            case "hangs":
                self.service.ended.wait(HANGING_S)
                self.close_connection = True
            case "refuses":
                self.answer(403, b"<Error><Code>AccessDenied</Code></Error>")
            case "breaks":
                self.answer(503, b"<Error><Code>SlowDown</Code></Error>")
            case "answers 500":
                self.answer(500, b"<Error><Code>InternalError</Code></Error>")
            case "answers 503 once" if self.path not in self.service.excused:
                self.service.excused.add(self.path)
                self.answer(503, b"<Error><Code>SlowDown</Code></Error>")
            case _:
                return False
        return True

    def do_GET(self) -> None:
        if self._misbehaves():
            return
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        if path.rstrip("/") == "/bucket":
            self._list(parse_qs(parts.query).get("prefix", [""])[0])
            return
        data = self.service.objects.get(path)
        if data is None:
            missing = "NoSuchKey" if path.startswith("/bucket/") else "NoSuchBucket"
            self.answer(404, f"<Error><Code>{missing}</Code></Error>".encode())
            return
        code, headers = 200, {"ETag": f'"{hashlib.md5(data).hexdigest()}"', "Last_Modified": _WHEN}
        wanted = self.headers.get("Range")
        if wanted is not None:
            first, last = wanted.removeprefix("bytes=").split("-")
            headers["Content_Range"] = f"bytes {first}-{last}/{len(data)}"
            data, code = data[int(first) : int(last) + 1], 206
        if self.service.does == "changes what is read":
            data = bytes([data[0] ^ 1, *data[1:]]) if data else b""
        match self.service.does:  # and the length that is stated is that of what is sent
            case "shortens what is read":
                data = data[:-1]
            case "lengthens what is read":
                data += b"\n"
        if self.service.does in ("cuts what is read", "drips"):
            self._cut(code, data, headers)
        else:
            self.answer(code, data, **headers)

    do_HEAD = do_GET

    def _cut(self, code: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2])
        self.wfile.flush()
        if self.service.does == "drips":
            self.service.ended.wait(HANGING_S)
        self.close_connection = True

    def _list(self, prefix: str) -> None:
        found = [] if self.service.does == "lists nothing" else sorted(self.service.objects.items())
        if self.service.does == "lists backwards":
            found.reverse()
        contents = "".join(
            f"<Contents><Key>{escape(path.removeprefix('/bucket/'))}</Key><LastModified>2026-01-01T00:00:00.000Z"
            f"</LastModified><ETag>x</ETag><Size>{len(data)}</Size></Contents>"
            for path, data in found
            if path.startswith(f"/bucket/{prefix}")
        )
        self.answer(200, f"<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>".encode())

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self._misbehaves():
            return
        parts = urlsplit(self.path)
        path, query = unquote(parts.path), parse_qs(parts.query)
        if self.service.does == "changes what is written":
            data += b"\n"
        if "uploadId" in query:
            number = int(query["partNumber"][0])
            if self.service.does == "cuts at the second part" and number == 2:
                self.connection.close()
                self.close_connection = True
                return
            if self.service.does == "fails at the second part" and number == 2:
                self.answer(500, b"<Error><Code>InternalError</Code></Error>")
                return
            self.service.uploads[query["uploadId"][0]][number] = data
        elif not path.startswith("/bucket/"):
            self.answer(404, b"<Error><Code>NoSuchBucket</Code></Error>")
            return
        else:
            if self.headers.get("If-None-Match") is not None and self.service.does != "overwrites":
                if self.service.does == "knows no conditions":
                    self.answer(501, b"<Error><Code>NotImplemented</Code></Error>")
                    return
                if path in self.service.objects:
                    self.answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
                    return
            if self.service.does != "forgets what is written":
                self.service.objects[path] = data
        tag = "0" * 32 if self.service.does == "tells wrong tags" else hashlib.md5(data).hexdigest()
        self.answer(200, ETag=f'"{tag}"')

    def do_DELETE(self) -> None:
        if self._misbehaves():
            return
        query = parse_qs(urlsplit(self.path).query)
        self.service.uploads.pop(query.get("uploadId", [""])[0], None)
        self.answer(204)

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self._misbehaves():
            return
        parts = urlsplit(self.path)
        path, query = unquote(parts.path), parse_qs(parts.query, keep_blank_values=True)
        if "delete" in query:
            keys = re.findall("<Key>(.*?)</Key>", sent.decode())
            for key in keys if "delet" not in self.service.does else ():
                self.service.objects.pop(f"/bucket/{key}", None)
            if self.service.does == "fails at deleting":
                self._answer(500, b"<Error><Code>InternalError</Code></Error>")
                return
            if self.service.does == "refuses to delete":
                refused = "".join(f"<Error><Key>{key}</Key><Code>AccessDenied</Code></Error>" for key in keys)
                self._answer(200, f"<DeleteResult>{refused}</DeleteResult>".encode())
                return
            body = f"<DeleteResult>{''.join(f'<Deleted><Key>{key}</Key></Deleted>' for key in keys)}</DeleteResult>"
        elif "uploads" in query:
            number = f"u{time.monotonic_ns()}"
            self.service.uploads[number] = {}
            body = f"<InitiateMultipartUploadResult><UploadId>{number}</UploadId></InitiateMultipartUploadResult>"
        else:
            parts_sent = self.service.uploads.pop(query["uploadId"][0])
            self.service.objects[path] = b"".join(parts_sent[part] for part in sorted(parts_sent))
            body = "<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>"
        self.answer(200, body.encode())


_WHEN = "Thu, 01 Jan 2026 00:00:00 GMT"
