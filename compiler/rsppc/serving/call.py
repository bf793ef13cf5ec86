"""One request, read strictly: an unknown or repeated name in the query is a mistake that somebody wants to hear of."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import TypeVar
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from rsppc.serving import tokens
from rsppc.serving.problems import Refusal
from rsppc.serving.service import Service
from rsppc.serving.table import Endpoint
from rsppc.serving.tokens import Token
from rsppc.store.json_text import object_of
from rsppc.store.violations import Violation, Violations

Handler = Callable[["Call"], Awaitable[Response]]
"""What an endpoint does."""

_Record = TypeVar("_Record", bound=msgspec.Struct)
_COUNT = re.compile(r"[0-9]{1,15}")
_BEARER = re.compile(r"bearer +([\x21-\x7e]{1,500})", re.IGNORECASE)
_REALM = 'Bearer realm="rsppc store"'
_FIELDS_MAX = 20
_HALF_ENCODED = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class Call:
    """A request to an endpoint. Its caller is known once `admit` let it in."""

    def __init__(self, service: Service, endpoint: Endpoint, request: Request) -> None:
        self.service = service
        self.endpoint = endpoint
        self.request = request
        self.ids: Mapping[str, str] = request.path_params
        headers = request.headers
        self.body_taken = headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers
        self.query: Mapping[str, str] = {}
        self._caller: Token | None = None

    async def admit(self) -> None:
        """See who asks, whether they may, and what they ask for."""
        if self.endpoint.roles:
            self._caller = await self._bearer()
            if not set(self._caller.roles) & set(self.endpoint.roles):
                roles = " or ".join(self.endpoint.roles)
                raise Refusal("role-missing", f"this needs the role {roles}", "ask for a token that has it")
        self.query = self._query()

    @property
    def caller(self) -> Token:
        assert self._caller is not None
        return self._caller

    @property
    def tenant(self) -> str:
        return self.caller.tenant

    @property
    def package_id(self) -> str:
        return self.ids["package_id"]

    def now(self) -> datetime:
        return self.service.clock()

    def header(self, name: str) -> str | None:
        """A header that may be there once."""
        found = self.request.headers.getlist(name)
        if len(found) > 1:
            raise Refusal("request-malformed", f"the header `{name}` is there {len(found)} times")
        return found[0] if found else None

    def count(self, name: str, default: int) -> int:
        """A number of the query, within the bounds that the table gives it."""
        text = self.query.get(name)
        if text is None:
            return default
        one = next(one for one in self.endpoint.parameters if one.name == name)
        if _COUNT.fullmatch(text) is None or not one.least <= int(text) <= one.most:
            raise Refusal(
                "request-malformed", f"`{name}` is {text[:40]!a}", f"it is a number, {one.least} to {one.most}"
            )
        return int(text)

    async def _bearer(self) -> Token:
        given = self.header("authorization")
        if given is None:
            raise Refusal(
                "token-missing",
                "the request has no token",
                "send `Authorization: Bearer TOKEN`; `rsppc store token add` makes one",
                headers={"WWW-Authenticate": _REALM},
            )
        found = _BEARER.fullmatch(given)
        at, service = self.now(), self.service
        token = None
        if found is not None:
            text = found[1]
            token = await service.threads.run(lambda: tokens.bearer(service.folder, text, at, service.others))
        if token is None:
            raise Refusal(
                "token-refused",
                "this token is unknown, revoked or expired",
                headers={"WWW-Authenticate": f'{_REALM}, error="invalid_token"'},
            )
        return token

    def _query(self) -> dict[str, str]:
        known = {one.name: one for one in self.endpoint.parameters if one.place == "query"}
        raw: bytes = self.request.scope["query_string"]
        try:
            if _HALF_ENCODED.search(raw):  # which `parse_qsl` would take as it stands
                raise ValueError
            pairs = parse_qsl(
                raw.decode("ascii"),
                keep_blank_values=True,
                strict_parsing=bool(raw),
                errors="strict",
                max_num_fields=_FIELDS_MAX,
            )
        except (UnicodeDecodeError, ValueError):
            raise Refusal("request-malformed", "the query is not `NAME=VALUE&…` in percent-encoded UTF-8") from None
        query = dict(pairs)
        if len(query) != len(pairs):
            raise Refusal("request-malformed", "a name stands twice in the query")
        for name in query:
            if name not in known:
                there = ", ".join(f"`{one}`" for one in known) or "none"
                raise Refusal("request-malformed", f"the query has {name[:40]!a}, which means nothing here", there)
            allowed = known[name].choices
            if allowed and query[name] not in allowed:
                there = ", ".join(f"`{one}`" for one in allowed)
                raise Refusal("request-malformed", f"`{name}` is {query[name][:40]!a}", f"it is one of {there}")
        for name, one in known.items():
            if one.required and name not in query:
                raise Refusal("request-malformed", f"`{name}` is missing in the query", one.summary)
        return query


async def record_of(call: Call, data: bytes, kind: type[_Record]) -> _Record:
    """The record that a JSON body states."""
    return await call.service.threads.run(lambda: _record(data, kind))


def _record(data: bytes, kind: type[_Record]) -> _Record:
    value = object_of("the body", data, size_max=len(data))
    try:
        return msgspec.json.decode(msgspec.json.encode(value), type=kind, strict=True)
    except msgspec.ValidationError as error:
        problem, _, place = str(error).partition(" - at `$")
        # Of a mapping it is not said which key is meant, so that the place is the mapping.
        pointer = "/".join(re.split(r"[.\[\]]+", place.rstrip("`").replace("[...]", "").rstrip("]"))) if place else ""
        raise Violations("the body is refused", [Violation(pointer=pointer, problem=problem)]) from None
