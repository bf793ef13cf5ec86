"""A registry that speaks enough OCI distribution for `rsppc.oci`, in this process, and misbehaves as it is told."""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

from listening import HANGING_S, Handler, listening

USER, PASSWORD, TOKEN = "ada", "hush-hush", "token-of-ada"


class RegistryService:
    """What there is, and how it behaves."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, bytes] = {}
        """By `REPOSITORY@TAG or digest`."""
        self.does = ""
        self.wants = ""
        """`basic`, `bearer`, or nothing at all."""
        self.blobs_at = ""
        """Another origin, to which reads of blobs are sent."""
        self.realm = f"http://{host}/token"
        self.asked: list[tuple[str, str]] = []
        """Methods and paths of the requests so far."""
        self.told: list[str] = []
        """What stood in `Authorization`."""
        self.accepted: list[str] = []
        """What stood in `Accept`."""
        self.excused: set[str] = set()
        self.ended = threading.Event()


@contextmanager
def registry_service(tls: ssl.SSLContext | None = None) -> Iterator[RegistryService]:
    """A registry on this machine."""

    with listening(_Handler, RegistryService, tls) as service:
        yield service


class _Handler(Handler):
    service: RegistryService

    def _error(self, code: int, name: str) -> None:
        self.answer(code, json.dumps({"errors": [{"code": name, "message": "\x1b[31mprose"}]}).encode())

    def _stopped(self) -> bool:
        """Whether the request got all the answer that it will get."""
        service, told = self.service, self.headers.get("Authorization", "")
        service.asked.append((self.command, self.path))
        service.told.append(told)
        service.accepted.append(self.headers.get("Accept", ""))
        if service.does == "hangs":
            service.ended.wait(HANGING_S)
            self.close_connection = True
            return True
        if service.does == "answers 500":
            self._error(500, "UNKNOWN")
            return True
        if service.does == "answers 503 once" and (self.command, self.path) not in service.excused:
            service.excused.add((self.command, self.path))
            self._error(503, "UNAVAILABLE")
            return True
        if service.does == "denies":
            self._error(403, "DENIED")
            return True
        basic = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if service.wants == "basic" and told != basic:
            self.answer(401, WWW_Authenticate='Basic realm="here"')
            return True
        if service.wants == "bearer" and not self.path.startswith("/token"):
            scope = "pull" if self.command in ("GET", "HEAD") else "pull,push"
            if told not in (f"Bearer {TOKEN}-pull,push", f"Bearer {TOKEN}-{scope}"):
                challenge = f'Bearer realm="{service.realm}",service="here",scope="{scope}"'
                self.answer(401, WWW_Authenticate=challenge)
                return True
        return False

    def _token(self) -> None:
        basic = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != basic:
            self.answer(401)
            return
        scope = parse_qs(urlsplit(self.path).query)["scope"][0]
        self.answer(200, json.dumps({"token": f"{TOKEN}-{scope}"}).encode())

    def do_GET(self) -> None:
        if self._stopped():
            return
        if self.path.startswith("/token"):
            self._token()
            return
        name, _, last = self.path.rpartition("/")
        if "/manifests" in name:
            self._manifest(name, last)
        elif self.service.blobs_at:
            where = f"{self.service.blobs_at}{self.path}"
            self.answer(307, Location=self.path if self.service.blobs_at == "self" else where)
        else:
            self._blob(self.service.blobs.get(last))

    do_HEAD = do_GET

    def _manifest(self, name: str, last: str) -> None:
        data = self.service.manifests.get(f"{name}@{last}")
        if data is None:
            self._error(404, "MANIFEST_UNKNOWN")
            return
        digest = _sha256(data)
        if self.service.does == "changes manifests":
            data = data.replace(b"desk", b"disk")
        if self.service.does == "names another digest":
            digest = "sha256:" + "0" * 64
        self.answer(200, data, Docker_Content_Digest=digest)

    def _blob(self, data: bytes | None) -> None:
        if data is None:
            self._error(404, "BLOB_UNKNOWN")
            return
        if self.service.does == "changes blobs":
            data = data[:-1] + bytes([data[-1] ^ 1])
        if self.service.does == "lengthens blobs" and self.command == "GET":
            data += b"more"
        if self.service.does != "cuts blobs" or self.command == "HEAD":
            self.answer(200, data)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2])
        self.close_connection = True

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        if self._stopped():
            return
        if self.path.startswith("/token"):
            form = {name: values[0] for name, values in parse_qs(sent.decode()).items()}
            known = form.get("refresh_token") == f"refresh-{TOKEN}"
            self.answer(200 if known else 401, json.dumps({"access_token": f"{TOKEN}-{form['scope']}"}).encode())
        else:
            path = f"{urlsplit(self.path).path}u1?state=a%3Db"
            away = "http://registry.example.com" if self.service.does == "takes blobs elsewhere" else ""
            self.answer(202, Location=away + path)

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if self._stopped():
            return
        parts = urlsplit(self.path)
        name, _, last = parts.path.rpartition("/")
        if "/manifests" in name:
            if self.service.does == "knows no artifacts":
                self._error(400, "MANIFEST_INVALID")
                return
            if self.service.does != "forgets manifests":
                for key in (last, _sha256(data)):
                    self.service.manifests[f"{name}@{key}"] = data
            self.answer(201)
            return
        digest = parse_qs(parts.query)["digest"][0]
        excused = self.path in self.service.excused and self.service.does.endswith("once")
        if self.service.does.startswith("calls blobs wrong") and not excused:
            self.service.excused.add(self.path)
            self._error(400, "DIGEST_INVALID")
            return
        if _sha256(data) != digest or parse_qs(parts.query)["state"] != ["a=b"]:
            self._error(400, "DIGEST_INVALID")
            return
        self.service.blobs[digest] = data
        self.answer(201)


def _sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()
