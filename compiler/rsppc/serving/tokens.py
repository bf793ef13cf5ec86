"""Who may ask: tokens, each of one tenant, with one or more roles.

A token is a file of its own below the store, `tokens/ID.json`, which holds the SHA-256 of the token and never the token
itself. The secret in it is 256 bits of chance, so that no slower digest would make it any safer. Making one cannot
disturb another one, and a token ends at the moment in which its file does.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256

import msgspec

from rsppc.base.canonical_json import readable
from rsppc.base.record import Record
from rsppc.evidence.moment import moment_text
from rsppc.store.places import spoken, sync_folder
from rsppc.store.problems import StoreProblem
from rsppc.store.request import NAME, check_words

FOLDER = "tokens"
SCHEMA_VERSION = "rspp.store.token.v1"
READER, PUBLISHER, RETENTION_OFFICER = "reader", "publisher", "retention-officer"
ROLES = (READER, PUBLISHER, RETENTION_OFFICER)
"""Every role may read; publishers make packages, retention officers decide how long they are kept."""

_ID = re.compile(r"[0-9a-f]{12}")
_PRESENTED = re.compile(r"rsps_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")
_SIZE_MAX = 2**14
_NO_DIGEST = "sha256:" + "0" * 64


class Token(Record):
    """What a store remembers of a token."""

    schema_version: str = SCHEMA_VERSION
    token_id: str
    tenant: str
    roles: tuple[str, ...]
    name: str
    """Who has it; their decisions stand in the log under this name."""
    digest: str
    created_at: str
    expires_at: str | None = None

    def holds_at(self, at: datetime) -> bool:
        return self.expires_at is None or moment_text(at) < self.expires_at


def new_token(
    *, tenant: str, roles: Sequence[str], at: datetime, name: str | None = None, expires: datetime | None = None
) -> tuple[Token, str]:
    """A token, and the text of it, which nobody can find out later."""
    if NAME.fullmatch(tenant) is None:
        raise StoreProblem("malformed", f"there can be no tenant {tenant[:60]!a}")
    if not roles or any(role not in ROLES for role in roles):
        raise StoreProblem("malformed", "a token has one role or more", f"there are {', '.join(ROLES)}")
    token_id = secrets.token_hex(6)
    text = f"rsps_{token_id}_{secrets.token_urlsafe(32)}"
    name = f"token {token_id}" if name is None else name
    check_words(name=name)
    token = Token(
        token_id=token_id,
        tenant=tenant,
        roles=tuple(role for role in ROLES if role in roles),
        name=name,
        digest=_digest_of(text),
        created_at=moment_text(at),
        expires_at=None if expires is None else moment_text(expires),
    )
    return token, text


def keep_token(store: str, token: Token) -> None:
    """Let the token in from now on."""
    folder = os.path.join(store, FOLDER)
    fresh = os.path.join(folder, f".{token.token_id}.fresh")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(readable(msgspec.to_builtins(token)))
            file.flush()
            os.fsync(file.fileno())
        os.rename(fresh, _path(store, token.token_id))
        sync_folder(folder)
    except OSError as error:
        raise StoreProblem("environment", f"no token can be kept in `{folder}`: {spoken(error)}") from None


def tokens(store: str) -> list[Token]:
    """All tokens of a store, by the time at which they were made."""
    try:
        names = os.listdir(os.path.join(store, FOLDER))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreProblem("environment", f"the tokens of `{store}` cannot be read: {spoken(error)}") from None
    ids = sorted(name.removesuffix(".json") for name in names if name.endswith(".json"))
    found = [token for token_id in ids if _ID.fullmatch(token_id) and (token := _read(store, token_id)) is not None]
    return sorted(found, key=lambda token: (token.created_at, token.token_id))


def revoke_token(store: str, token_id: str) -> None:
    """Let a token in no more."""
    try:
        if _ID.fullmatch(token_id) is None:
            raise FileNotFoundError
        os.unlink(_path(store, token_id))
        sync_folder(os.path.join(store, FOLDER))
    except FileNotFoundError:
        raise StoreProblem(
            "missing", f"the store has no token `{token_id[:60]}`", "see `rsppc store token list`"
        ) from None
    except OSError as error:
        raise StoreProblem("environment", f"the token cannot be revoked: {spoken(error)}") from None


def bearer(store: str, text: str, at: datetime, others: Sequence[Token] = ()) -> Token | None:
    """The token that a text is; None where it is not let in. `others` are let in besides those of the store."""
    found = _PRESENTED.fullmatch(text)
    token_id = found[1] if found is not None else ""
    token = next((one for one in others if one.token_id == token_id), None)
    if token is None and token_id:
        token = _read(store, token_id)
    # Compared also where there is nothing to compare with, so that the time it takes says nothing.
    same = hmac.compare_digest(_digest_of(text), token.digest if token is not None else _NO_DIGEST)
    return token if token is not None and same and token.holds_at(at) else None


def _read(store: str, token_id: str) -> Token | None:
    try:
        with open(_path(store, token_id), "rb") as file:
            data = file.read(_SIZE_MAX)
        token = msgspec.json.decode(data, type=Token, strict=True)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreProblem("environment", f"token `{token_id}` cannot be read: {spoken(error)}") from None
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError):
        raise StoreProblem("corrupt", f"token `{token_id}` is not what it should be", "make another one") from None
    if token.schema_version != SCHEMA_VERSION or token.token_id != token_id or not set(token.roles) <= set(ROLES):
        raise StoreProblem("corrupt", f"token `{token_id}` is not what it should be", "make another one")
    return token


def _path(store: str, token_id: str) -> str:
    return os.path.join(store, FOLDER, f"{token_id}.json")


def _digest_of(text: str) -> str:
    return "sha256:" + sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
