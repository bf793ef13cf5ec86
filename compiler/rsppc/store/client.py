"""A client of a store that is served (`docs/store_api.md`): as much of it as registering schemas and publishing need.

It has the methods by which a pilot publishes into a registry (`store/pilots/`), so that a run becomes the same package
here and over the network. Times are not sent: the server has a clock. Whose a package is, the token says.

Only the standard library is used. A redirect is not followed and no proxy asked, since either would take the token
elsewhere, and a token travels in the clear to the machine itself only. Nothing is tried again: every step can be
repeated, and what the store has already is not sent once more.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, suppress
from datetime import datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from ssl import SSLCertVerificationError
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from rsppc.base.canonical_json import canonical
from rsppc.base.record import Record
from rsppc.diagnostics.visible import visible
from rsppc.store.claims import Claim
from rsppc.store.metadata_schemas import Registered, Schema
from rsppc.store.problems import Kind, StoreProblem
from rsppc.store.registry import Created, File, Finalized, Package
from rsppc.store.request import Entry, PackageRequest, check_entry

ANSWER_SIZE_MAX = 2**21
TIMEOUT_S = 60.0
_HERE = ("127.0.0.1", "::1", "localhost")
_PAGE = 500

KINDS: Mapping[str, Kind] = {
    "store-malformed": "malformed",
    "store-missing": "missing",
    "store-conflict": "conflict",
    "store-refused": "refused",
    "store-corrupt": "corrupt",
    "store-busy": "busy",
    "store-environment": "environment",
    "request-malformed": "malformed",
    "token-missing": "refused",
    "token-refused": "refused",
    "role-missing": "refused",
    "place-unknown": "missing",
    "method-unknown": "malformed",
    "body-too-slow": "environment",
    "precondition-failed": "conflict",
    "body-too-large": "refused",
    "body-differs": "corrupt",
    "media-type-unknown": "malformed",
    "range-unsatisfiable": "malformed",
    "head-too-large": "malformed",
    "bodies-waiting": "busy",
    "connections-full": "busy",
    "server-bug": "environment",
}
"""The code of a problem → its kind here."""

_OF_OTHERS: Mapping[int, Kind] = {
    401: "refused",
    403: "refused",
    404: "missing",
    409: "conflict",
    429: "busy",
    503: "busy",
}
"""The same by status, for answers of what stands between and knows no codes."""
_TOKEN = ("token-missing", "token-refused", "role-missing", 401, 403)
"""Codes, or statuses without a code, for which another token is the way out."""

_Answer = TypeVar("_Answer")


class _Classes(Record):
    days: dict[str, int | None]


class _Files(Record):
    files: list[File]
    next_after: str | None


class _Taken(Record):
    file: File


class Client:
    """The API of a store at an address. Methods raise `StoreProblem`."""

    def __init__(self, url: str, token: str | None = None) -> None:
        try:
            parts = urlsplit(url)
            self._host, self._port = parts.hostname or "", parts.port
        except ValueError:
            raise _no_address(url) from None
        odd = parts.username is not None or parts.query or parts.fragment or not url.isprintable() or " " in url
        if parts.scheme not in ("http", "https") or not self._host or odd:
            raise _no_address(url)
        if token is not None and parts.scheme == "http" and self._host not in _HERE:
            raise StoreProblem("refused", "a token is not sent in the clear", "use an address with `https:`")
        if token is not None and not (token.isascii() and token.isprintable() and " " not in token):
            raise StoreProblem("malformed", "the token holds characters that no token has")
        self._encrypted = parts.scheme == "https"
        self._url = url.rstrip("/")
        self._prefix = parts.path.rstrip("/")
        self._token = token

    def register_schema(self, schema: Schema) -> Registered:
        """Make a schema known to the tenant that the token stands for."""
        headers = {"Content-Type": "application/schema+json"}
        status, _ = self._asked("POST", "/metadata-schemas", [schema.body], headers, len(schema.body))
        return Registered(schema=schema, fresh=status == 201)

    def retention_days(self) -> Mapping[str, int | None]:
        """For how many days each retention class keeps packages; None is for ever."""
        return self._given("GET", "/retention-classes", _Classes).days

    def create_package(self, request: PackageRequest, at: datetime) -> Created:
        """Make a package, or find the one that this very request made before."""
        said = {name: value for name, value in msgspec.to_builtins(request).items() if name != "tenant"}
        body, headers = canonical(said), {"Content-Type": "application/json"}
        status, data = self._asked("POST", "/packages", [body], headers, len(body))
        return Created(package=self._read(data, Package), reused=status == 200)

    def ingest_files(
        self,
        package_id: str,
        incoming: Iterable[tuple[Entry, Iterable[bytes]]],
        at: datetime,
        *,
        claim: Claim | None = None,
    ) -> list[File]:
        """Take files into an open package, in order. What was taken stays, also where a later file is refused; what the
        package has already, as far as the entry says its digest, is not sent again."""
        there = {file.path: file for file in self._files(package_id)}
        if claim is not None:
            claim.hold(there.values())
        taken = []
        for entry, pieces in incoming:
            file = there.get(entry.path)
            if file is None or entry.expected is None or not _is_of(entry, file):
                file = self._put(package_id, entry, pieces)
            taken.append(file)
            if claim is not None:
                claim.told([file])
        return taken

    def finalize_package(self, package_id: str, at: datetime, *, claim: Claim | None = None) -> Finalized:
        """Let the server write the manifest of a package, of which nothing changes any more.

        With a claim, only where it holds nothing else: if somebody adds a file after this look, its number is another.
        """
        place = f"/packages/{quote(package_id, safe='')}"
        if claim is None:
            return self._given("POST", f"{place}/finalize", Finalized)
        self._hold(claim, self._given("GET", place, Package))
        try:
            return self._given("POST", f"{place}/finalize?file_count={claim.count}", Finalized)
        except StoreProblem as problem:
            if problem.kind == "conflict":  # say which file it is
                self._hold(claim, self._given("GET", place, Package))
            raise

    # Inside

    def _hold(self, claim: Claim | None, package: Package) -> None:
        if claim is not None and not claim.knows_all(package):
            claim.hold(self._files(package.package_id))

    def _files(self, package_id: str) -> Iterator[File]:
        after: str | None = ""
        while after is not None:
            query = urlencode({"after": after, "limit": _PAGE}, quote_via=quote)
            page = self._given("GET", f"/packages/{quote(package_id, safe='')}/files?{query}", _Files)
            yield from page.files
            # A server that leads in a circle is left.
            after = page.next_after if page.next_after is None or page.next_after > after else None

    def _put(self, package_id: str, entry: Entry, pieces: Iterable[bytes]) -> File:
        check_entry(entry)
        headers = {"Content-Type": entry.media_type}
        if entry.expected is not None:
            headers["Expected-Digest"] = entry.expected
        query = urlencode({"path": entry.path, "role": entry.role}, quote_via=quote)
        target = f"/packages/{quote(package_id, safe='')}/files?{query}"
        _, data = self._asked("PUT", target, _held(entry, pieces), headers, entry.size)
        file = self._read(data, _Taken).file
        if file.path != entry.path or not _is_of(entry, file):
            raise StoreProblem("corrupt", f"the store at `{self._url}` took something else for `{entry.path}`")
        return file

    def _given(self, method: str, target: str, kind: type[_Answer]) -> _Answer:
        return self._read(self._asked(method, target)[1], kind)

    def _read(self, data: bytes, kind: type[_Answer]) -> _Answer:
        try:
            return msgspec.json.decode(data, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise StoreProblem(
                "environment", f"the store at `{self._url}` answers what this program does not understand"
            ) from None

    def _asked(
        self,
        method: str,
        target: str,
        body: Iterable[bytes] | None = None,
        headers: Mapping[str, str] = {},
        size: int | None = None,
    ) -> tuple[int, bytes]:
        """Status and body of an answer that is no refusal. A body without a size comes in chunks."""
        given = {**headers, "Accept": "application/json, application/problem+json", "Connection": "close"}
        if self._token is not None:
            given["Authorization"] = f"Bearer {self._token}"
        if size is not None or body is None:
            given["Content-Length"] = str(size or 0)
        else:
            given["Transfer-Encoding"] = "chunked"
        try:
            with closing(self._connection()) as connection:
                answer = _answer_to(connection, method, self._prefix + target, body, given)
                status, data = answer.status, answer.read(ANSWER_SIZE_MAX + 1)
        except SSLCertVerificationError as error:
            raise StoreProblem(
                "environment",
                f"the certificate of the store at `{self._url}` is not trusted: {visible(error.verify_message[:200])}",
                "name the certificates that you trust, in a file, in SSL_CERT_FILE",
            ) from None
        except (HTTPException, OSError, UnicodeError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise StoreProblem(
                "environment", f"the store at `{self._url}` does not answer: {visible(why[:200])}", "try again"
            ) from None
        if status not in (200, 201):
            raise _problem(status, data)
        if len(data) > ANSWER_SIZE_MAX:
            raise StoreProblem("environment", f"the store at `{self._url}` answers more than {ANSWER_SIZE_MAX} bytes")
        return status, data

    def _connection(self) -> HTTPConnection:
        kind = HTTPSConnection if self._encrypted else HTTPConnection
        return kind(self._host, self._port, timeout=TIMEOUT_S)


def _answer_to(
    connection: HTTPConnection, method: str, target: str, body: Iterable[bytes] | None, headers: Mapping[str, str]
) -> HTTPResponse:
    chunked = "Transfer-Encoding" in headers
    with suppress(BrokenPipeError, ConnectionResetError):  # whoever hangs up in the middle of a body has said why
        connection.request(method, target, body, dict(headers), encode_chunked=chunked)
    return connection.getresponse()


def _held(entry: Entry, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes of a file, of which there must be as many as are announced: what follows would be read as a request."""
    size = 0
    for piece in pieces:
        size += len(piece)
        if entry.size is not None and size > entry.size:
            raise StoreProblem("corrupt", f"`{entry.path}` has more than {entry.size} bytes")
        yield piece
    if entry.size is not None and size != entry.size:
        raise StoreProblem("corrupt", f"`{entry.path}` has {size} bytes, not {entry.size}")


def _is_of(entry: Entry, file: File) -> bool:
    """Whether a file is what an entry says, as far as that says anything."""
    return (
        (file.role, file.media_type) == (entry.role, entry.media_type)
        and entry.expected in (None, file.digest_primary, file.digest_sha256)
        and entry.size in (None, file.size)
    )


def _no_address(url: str) -> StoreProblem:
    return StoreProblem("malformed", f"{url[:100]!a} is no address of a store", "write `https://HOST[:PORT]`")


def _problem(status: int, data: bytes) -> StoreProblem:
    """What the store refused, from its `application/problem+json` (RFC 9457)."""
    try:
        value: Any = json.loads(data)
    except (ValueError, RecursionError):
        value = None
    said: dict[str, Any] = value if isinstance(value, dict) else {}
    code = _text(said, "code")
    by_status = _OF_OTHERS.get(status, "malformed" if status < 500 else "environment")
    kind = KINDS.get(code, by_status)
    what = _text(said, "detail") or _text(said, "title") or f"the store answers {status} and does not say why"
    of_token = (code if code in KINDS else status) in _TOKEN
    advice = "set a token of a publisher in RSPPC_STORE_TOKEN" if of_token else _text(said, "advice")
    return StoreProblem(kind, what, advice, pointer=_text(said, "pointer") or None)


def _text(said: Mapping[str, Any], name: str) -> str:
    text = said.get(name)
    return visible(text[:2000]) if isinstance(text, str) else ""
