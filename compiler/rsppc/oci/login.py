"""What a registry wants to know before it answers, and how that is told: `WWW-Authenticate`, and tokens."""

from __future__ import annotations

import re
from collections.abc import Callable
from http.client import HTTPMessage
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import msgspec

from rsppc.oci.credentials import Credentials
from rsppc.oci.http import Answer, Body, body_of, host_of
from rsppc.store.problems import StoreProblem

TOKEN_SIZE_MAX = 2**20
_PARAMETER = re.compile(r'([a-z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^",\s]+))', re.IGNORECASE)
_TOKEN = re.compile(r"[\x21-\x7e]{1,65536}")

Ask = Callable[[str, str, dict[str, str], Body | None], Answer]
"""Method, URL, headers, body."""


def challenges(headers: HTTPMessage) -> dict[str, dict[str, str]]:
    """Ways to say who one is, in small letters, each with its parameters."""
    found = {}
    for text in headers.get_all("WWW-Authenticate") or ():
        scheme, _, rest = text[:8192].strip().partition(" ")
        parameters = {name.lower(): quoted or plain for name, quoted, plain in _PARAMETER.findall(rest)}
        found[scheme.lower()] = parameters
    return found


def authorisation(
    headers: HTTPMessage, credentials: Credentials, ask: Ask, refuse_place: Callable[[str, bool], None]
) -> str:
    """The value of the header that a registry wants; empty where there is none to give. `refuse_place` refuses a server
    of tokens that is not to be asked, or not to be told who asks."""
    found = challenges(headers)
    if credentials.token:
        if _TOKEN.fullmatch(credentials.token) is None:
            raise StoreProblem("malformed", "the token for the registry holds characters that no token has")
        return f"Bearer {credentials.token}"
    if "bearer" in found:
        return f"Bearer {_token(found['bearer'], credentials, ask, refuse_place)}"
    return (credentials.basic or "") if "basic" in found else ""


def _token(
    challenge: dict[str, str], credentials: Credentials, ask: Ask, refuse_place: Callable[[str, bool], None]
) -> str:
    realm = challenge.get("realm", "")
    refuse_place(realm, bool(credentials.refresh) or credentials.basic is not None)
    wanted = {name: challenge[name] for name in ("service", "scope") if challenge.get(name)}
    if credentials.refresh:
        form = {"grant_type": "refresh_token", "refresh_token": credentials.refresh, "client_id": "rsppc", **wanted}
        sent = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = ask("POST", realm, sent, body_of(urlencode(form).encode()))
    else:
        headers = {"Authorization": credentials.basic} if credentials.basic is not None else {}
        answer = ask("GET", _with_query(realm, wanted), headers, None)
    data = answer.read(TOKEN_SIZE_MAX)
    if answer.status != 200:
        raise denied(answer, credentials)
    token = _in(data)
    if _TOKEN.fullmatch(token) is None:
        raise StoreProblem("environment", f"`{host_of(realm)}` gives no token that could be one")
    return token


def _in(data: bytes) -> str:
    try:
        value: Any = msgspec.json.decode(data)
        found = value.get("token") or value.get("access_token")
    except (msgspec.DecodeError, UnicodeDecodeError, AttributeError, RecursionError):
        return ""
    return found if isinstance(found, str) else ""


def _with_query(url: str, more: dict[str, str]) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query=urlencode([*parse_qsl(parts.query), *more.items()]), fragment=""))


def denied(answer: Answer, credentials: Credentials) -> StoreProblem:
    """What is said where a registry does not let somebody in."""
    what = f"`{host_of(answer.url)}` denies access ({answer.status})"
    if credentials.helper:
        advice = f"the password is kept by `{credentials.helper}`, which is not run; set RSPPC_OCI_USER and"
        return StoreProblem("environment", what, f"{advice} RSPPC_OCI_PASSWORD")
    known = credentials.basic is not None or credentials.token or credentials.refresh
    advice = "see whether they are right, and allow this" if known else "none were found"
    return StoreProblem(
        "environment",
        what,
        f"credentials come from RSPPC_OCI_USER and RSPPC_OCI_PASSWORD, or from `docker login`; {advice}",
    )
