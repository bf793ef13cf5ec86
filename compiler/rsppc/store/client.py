"""A client of a store that is served (`docs/store_api.md`): as much of it as registering a schema needs.

Only the standard library is used. A redirect is not followed, since it would take the token elsewhere, and a token
travels in the clear to the machine itself only.
"""

from __future__ import annotations

import json
from http.client import HTTPException, HTTPMessage
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from rsppc.diagnostics.visible import visible
from rsppc.store.metadata_schemas import Registered, Schema
from rsppc.store.problems import Kind, StoreProblem

ANSWER_SIZE_MAX = 2**20
TIMEOUT_S = 30.0
_HERE = ("127.0.0.1", "::1", "localhost")
_KINDS: dict[int, Kind] = {401: "refused", 403: "refused", 404: "missing", 409: "conflict", 429: "busy", 503: "busy"}


class Client:
    """The API of a store at an address. Methods raise `StoreProblem`."""

    def __init__(self, url: str, token: str | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise StoreProblem("malformed", f"{url[:100]!a} is no address of a store", "write `https://HOST[:PORT]`")
        if token is not None and parts.scheme == "http" and parts.hostname not in _HERE:
            raise StoreProblem("refused", "a token is not sent in the clear", "use an address with `https:`")
        if token is not None and not (token.isascii() and token.isprintable() and " " not in token):
            raise StoreProblem("malformed", "the token holds characters that no token has")
        self._url = url.rstrip("/")
        self._token = token

    def register_schema(self, schema: Schema) -> Registered:
        """Make a schema known to the tenant that the token stands for."""
        status = self._post("/metadata-schemas", schema.body, "application/schema+json")
        return Registered(schema=schema, fresh=status == 201)

    def _post(self, path: str, data: bytes, media_type: str) -> int:
        headers = {"Content-Type": media_type, "Accept": "application/json, application/problem+json"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        request = Request(f"{self._url}{path}", data=data, headers=headers, method="POST")
        try:
            with build_opener(_NoRedirects).open(request, timeout=TIMEOUT_S) as answer:
                answer.read(ANSWER_SIZE_MAX)
                status: int = answer.status
        except HTTPError as error:
            with error:
                raise _problem(error) from None
        except (URLError, HTTPException, OSError) as error:
            reason = getattr(error, "reason", error)
            raise StoreProblem(
                "environment", f"the store at `{self._url}` does not answer: {str(reason)[:200]}", "try again"
            ) from None
        if status not in (200, 201):
            raise StoreProblem("environment", f"the store at `{self._url}` answers {status}, which means nothing here")
        return status


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        return None


def _problem(error: HTTPError) -> StoreProblem:
    """What the store refused, from its `application/problem+json` (RFC 9457)."""
    kind = _KINDS.get(error.code, "malformed" if error.code < 500 else "environment")
    try:
        value: Any = json.loads(error.read(ANSWER_SIZE_MAX))
        said = value.get("detail") or value.get("title")
    except (ValueError, AttributeError, RecursionError, OSError):
        said = None
    what = visible(said[:2000]) if isinstance(said, str) else f"the store answers {error.code} and does not say why"
    advice = "set a token of a publisher in RSPPC_STORE_TOKEN" if error.code in (401, 403) else ""
    return StoreProblem(kind, what, advice)
