"""Objects in a service that speaks S3, through `obstore`: the one module that imports it.

Every request has a bound on its time and on how often it is tried again, so that every operation ends, whatever the
service does; one of many requests also has a bound of its own. Requests of one operation run side by side, each in a
thread. The library's calls for asyncio are not used: they hand over results in threads of its own, and one that is
still at it when the process ends aborts it.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from hashlib import sha256
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO, Literal, TypeVar

from rsppc.base.digest import Digest, digest_bytes
from rsppc.base.record import Record
from rsppc.objects.place import Place
from rsppc.objects.protocol import (
    Created,
    Creation,
    Expected,
    FaultKind,
    Guarantees,
    Listed,
    ObjectFault,
    ObjectStore,
    Occupied,
    as_expected,
    is_key,
)

if TYPE_CHECKING:
    from obstore.store import S3Config, S3Store

_AT_ONCE = 16
_PART_SIZE = 8 * 2**20
_PARTS_AT_ONCE = 4
_STATUS = re.compile(r"status code: (\d{3})")
_TRIAL = "rsppc-trial"

_T = TypeVar("_T")


class Limits(Record):
    """How long a service is waited for."""

    connect_ms: int = 3_000
    request_ms: int = 60_000
    operation_ms: int = 120_000
    """After that, an operation of many requests begins no further one."""
    retries: int = 1
    """How often a request is made again."""


def open_objects(place: Place, limits: Limits) -> ObjectStore | ObjectFault:
    """The objects at a place. Nothing is asked of the service yet."""
    try:
        from obstore.store import S3Store
    except ImportError:
        return ObjectFault(kind="unsupported", key="", reason="the package `obstore` is not installed")
    config: S3Config = {"region": place.region}
    if place.endpoint:
        config["endpoint"] = place.endpoint
    if place.key_id:
        config["access_key_id"], config["secret_access_key"] = place.key_id, place.secret
        if place.token:
            config["session_token"] = place.token
    else:
        config["skip_signature"] = True  # it would look for a machine that hands out credentials
    store = S3Store(
        place.bucket,
        prefix=place.prefix or None,
        config=config,
        client_options={
            "allow_http": place.endpoint.startswith("http://"),
            "connect_timeout": timedelta(milliseconds=limits.connect_ms),
            "timeout": timedelta(milliseconds=limits.request_ms),
        },
        retry_config={
            "max_retries": limits.retries,  # a service that answers 501 would be asked ten times
            "retry_timeout": timedelta(milliseconds=limits.request_ms),
            "backoff": {
                "init_backoff": timedelta(milliseconds=100),
                "max_backoff": timedelta(milliseconds=500),
                "base": 2,
            },
        },
    )
    return _S3Objects(store, place, limits)


class _S3Objects:
    def __init__(self, store: S3Store, place: Place, limits: Limits) -> None:
        self._store = store
        self._place = place
        self._limits = limits
        self._create: str = "untried"

    @property
    def url(self) -> str:
        return self._place.url

    # --- Operations ---------------------------------------------------------------------------------------------------

    def probe(self) -> Guarantees | ObjectFault:
        key = f"{_TRIAL}/{os.urandom(16).hex()}"
        found = self._run(key, lambda: self._tried(key))
        if isinstance(found, Guarantees):
            self._create = found.create if found.exclusive else "ignored"
        return found

    def create(self, key: str, data: bytes) -> Creation:
        return self._run(key, lambda: self._created(key, data))

    def create_each(self, objects: Mapping[str, bytes]) -> dict[str, Creation] | ObjectFault:
        def create(key: str) -> Creation:
            return self._created(key, objects[key])

        def ask() -> dict[str, Creation]:
            return self._each(objects, create)

        return self._run("", ask)

    def create_from(self, key: str, file: BinaryIO, digest: Digest, *, mends: bool = False) -> Creation:
        return self._run(key, lambda: self._streamed(key, file, digest, mends))

    def read(self, key: str, expected: Expected, *, size_max: int) -> bytes | ObjectFault:
        return self._run(key, lambda: self._checked(key, expected, size_max))

    def read_range(self, key: str, expected: Expected, *, start: int, length: int) -> bytes | ObjectFault:
        def ask() -> bytes | ObjectFault:
            import obstore

            data = bytes(obstore.get_range(self._store, key, start=start, length=length))
            return data if len(data) == length and as_expected(data, expected) else _corrupt(key)

        return self._run(key, ask)

    def read_each(
        self, wanted: Mapping[str, Expected], *, size_max: int
    ) -> dict[str, bytes | ObjectFault] | ObjectFault:
        return self._run("", lambda: self._each(wanted, lambda key: self._checked(key, wanted[key], size_max)))

    def digest_of(self, key: str) -> Digest | ObjectFault:
        return self._run(key, lambda: self._digest(key))

    def size_of(self, key: str) -> int | ObjectFault:
        def ask() -> int:
            import obstore

            return obstore.head(self._store, key)["size"]

        return self._run(key, ask)

    def list(self, prefix: str, *, count_max: int) -> list[Listed] | ObjectFault:
        def ask() -> list[Listed] | ObjectFault:
            import obstore

            found: list[Listed] = []
            for batch in obstore.list(self._store, prefix=prefix or None):
                found += [Listed(key=one["path"], size=one["size"]) for one in batch]
                if len(found) > count_max:
                    return ObjectFault(kind="too_large", key=prefix, reason=f"there are more than {count_max} objects")
            return sorted(found, key=lambda one: one.key)

        return self._run(prefix, ask)

    def list_all(self, prefix: str) -> Iterator[Listed | ObjectFault]:
        import obstore

        try:
            for batch in obstore.list(self._store, prefix=prefix or None, chunk_size=1000):
                for one in batch:
                    yield Listed(key=one["path"], size=one["size"])
        except _exceptions() as error:
            yield self._fault(prefix, error)

    def delete(self, keys: Iterable[str]) -> ObjectFault | None:
        gone = list(keys)

        def ask() -> None:
            import obstore

            with contextlib.suppress(FileNotFoundError):
                obstore.delete(self._store, gone)

        return self._run("", ask) if gone else None

    # --- Their parts --------------------------------------------------------------------------------------------------

    def _each(self, keys: Iterable[str], work: Callable[[str], _T]) -> dict[str, _T | ObjectFault]:
        """Work on many objects at once, each with its own end."""
        until = time.monotonic() + self._limits.operation_ms / 1000

        def one(key: str) -> _T | ObjectFault:
            if time.monotonic() > until:
                return ObjectFault(kind="unreachable", key=key, reason="it does not answer in time")
            return self._answer(key, lambda: work(key))

        wanted = [*keys]
        with ThreadPoolExecutor(min(_AT_ONCE, len(wanted)) or 1, "objects") as pool:
            return dict(zip(wanted, pool.map(one, wanted), strict=True))

    def _put(self, key: str, data: bytes, *, only_create: bool) -> bool:
        """Write; False where there is something."""
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        mode: Literal["create", "overwrite"] = "create" if only_create else "overwrite"
        try:
            obstore.put(self._store, key, data, mode=mode, use_multipart=False)
        except (AlreadyExistsError, PreconditionError):
            return False
        return True

    def _get(self, key: str, size_max: int) -> bytes | ObjectFault:
        import obstore

        answer = obstore.get(self._store, key)
        if answer.meta["size"] > size_max:
            return ObjectFault(kind="too_large", key=key, reason=f"it is larger than {size_max} bytes")
        return bytes(answer.bytes())

    def _checked(self, key: str, expected: Expected, size_max: int) -> bytes | ObjectFault:
        data = self._get(key, size_max)
        if isinstance(data, ObjectFault):
            return data
        return data if as_expected(data, expected) else _corrupt(key)

    def _digest(self, key: str) -> Digest:
        import obstore

        answer = obstore.get(self._store, key)
        size, made = answer.meta["size"], sha256()
        if size <= _PART_SIZE:
            made.update(answer.bytes())
        else:  # one request has a bound on its time, and objects have none on their size
            for start in range(0, size, _PART_SIZE):
                length = min(_PART_SIZE, size - start)
                made.update(obstore.get_range(self._store, key, start=start, length=length))
        return Digest(f"sha256:{made.hexdigest()}")

    def _created(self, key: str, data: bytes) -> Creation:
        if self._create == "honoured":
            fresh = self._put(key, data, only_create=True)
        else:
            # Nobody has seen that the service refuses a second creator: it is looked whether there is something.
            there = self._answer(key, lambda: self._get(key, len(data)))
            if isinstance(there, bytes) or there.kind == "too_large":
                same = there == data
                return _found(key, data, changed=False, exclusive=False) if same else Occupied(key=key)
            if there.kind != "missing":
                return there
            fresh = self._put(key, data, only_create=False)
        back = self._get(key, len(data))
        if isinstance(back, ObjectFault) or back != data:
            return _corrupt(key) if fresh else Occupied(key=key)
        return _found(key, data, changed=fresh, exclusive=self._create == "honoured")

    def _streamed(self, key: str, file: BinaryIO, digest: Digest, mends: bool) -> Creation:
        import obstore

        there = self._answer(key, lambda: self._digest(key))
        if there == digest:
            return Created(key=key, digest=digest, changed=False, exclusive=False)
        if isinstance(there, ObjectFault):
            if there.kind != "missing":
                return there
        elif not mends:
            return Occupied(key=key)
        first = file.read(_PART_SIZE)
        if len(first) < _PART_SIZE:
            self._put(key, first, only_create=False)
        else:
            pieces = chain([first], iter(lambda: file.read(_PART_SIZE), b""))  # unlike a file, this takes an interrupt
            obstore.put(self._store, key, pieces, chunk_size=_PART_SIZE, max_concurrency=_PARTS_AT_ONCE)
        back = self._answer(key, lambda: self._digest(key))
        if isinstance(back, ObjectFault):
            return back
        return Created(key=key, digest=digest, changed=True, exclusive=False) if back == digest else _corrupt(key)

    def _tried(self, key: str) -> Guarantees | ObjectFault:
        first, second = (f"{_TRIAL} {number} {key}\n".encode() for number in (1, 2))
        tried = self._answer(key, lambda: self._put(key, first, only_create=True))
        knows = not isinstance(tried, ObjectFault)
        if isinstance(tried, ObjectFault):
            if tried.kind != "unsupported":
                return tried
            plain = self._answer(key, lambda: self._put(key, first, only_create=False))
            if isinstance(plain, ObjectFault):
                return plain
        refused = self._answer(key, lambda: self._put(key, second, only_create=True)) if knows else False
        kept = self._answer(key, lambda: self._get(key, len(first)))
        part = self._answer(key, lambda: self._get_part(key))
        listed = self._answer(key, lambda: self._lists(key))
        gone = self._answer(key, lambda: self._is_removed(key))
        honoured = tried is True and refused is False and kept == first
        return Guarantees(
            create="unsupported" if not knows else "honoured" if honoured else "ignored",
            read_after_write=kept in (first, second) and part == first[1:5],
            list_after_write=listed is True,
            delete=gone is True,
        )

    def _get_part(self, key: str) -> bytes:
        import obstore

        return bytes(obstore.get_range(self._store, key, start=1, length=4))

    def _lists(self, key: str) -> bool:
        import obstore

        return any(one["path"] == key for batch in obstore.list(self._store, prefix=_TRIAL) for one in batch)

    def _is_removed(self, key: str) -> bool:
        import obstore

        obstore.delete(self._store, key)
        found = self._answer(key, lambda: self._get(key, 1000))
        return isinstance(found, ObjectFault) and found.kind == "missing"

    # --- How they end -------------------------------------------------------------------------------------------------

    def _run(self, key: str, ask: Callable[[], _T]) -> _T | ObjectFault:
        """An operation, to its end."""
        if key and not is_key(key):
            raise ValueError(f"no key of an object: {key!r}")  # made by us, wrongly
        return self._answer(key, ask)

    def _answer(self, key: str, ask: Callable[[], _T]) -> _T | ObjectFault:
        """An answer, or why there is none."""
        try:
            return ask()
        except _exceptions() as error:
            return self._fault(key, error)

    def _fault(self, key: str, error: Exception) -> ObjectFault:
        kind, reason = self._cause(error)
        return ObjectFault(kind=kind, key=key, reason=reason)

    def _cause(self, error: Exception) -> tuple[FaultKind, str]:
        """What an exception of the library says, in words; it shows the answer of the service as its own text."""
        said = str(error)
        found = _STATUS.search(said)
        status = int(found[1]) if found is not None else 0
        if "NoSuchBucket" in said:
            return "missing", f"there is no bucket `{self._place.bucket}`"
        if status in (401, 403):
            return "denied", f"access is denied ({status})"
        if status == 501 or isinstance(error, NotImplementedError):
            return "unsupported", "the service does not know this operation (501)"
        if status == 404 or isinstance(error, FileNotFoundError):
            return "missing", "it is not there"
        if status:
            return "unreachable", f"the service answers {status}"
        if "TimedOut" in said or "timed out" in said:
            return "unreachable", "it does not answer in time"
        if "redirect" in said:
            return "unreachable", "the service answers from another region; set `AWS_REGION`"
        if "sending request" in said:
            return "unreachable", "there is no connection to it"
        return "unreachable", "its answer makes no sense, or ends early"


def _exceptions() -> tuple[type[Exception], ...]:
    """What the library raises where a service fails."""
    from obstore.exceptions import BaseError

    return BaseError, FileNotFoundError, NotImplementedError, PermissionError


def _corrupt(key: str) -> ObjectFault:
    return ObjectFault(kind="corrupt", key=key, reason="the service gives other bytes than were written")


def _found(key: str, data: bytes, *, changed: bool, exclusive: bool) -> Created:
    return Created(key=key, digest=digest_bytes(data), changed=changed, exclusive=exclusive)
