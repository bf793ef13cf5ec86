"""Whose content lies below a prefix: one store's, which wrote its mark there.

What a log does not speak of is deleted by `gc`. If two stores kept content in one place, each would delete the other's.
So the first one leaves a mark with an id that it drew, keeps the id in `backend.json` beside its registry, and nobody
whose id is another deletes anything.
"""

from __future__ import annotations

import os
import re

import msgspec

from rsppc.base.canonical_json import canonical, readable
from rsppc.base.record import Record
from rsppc.objects.protocol import Guarantees, ObjectFault, ObjectStore, Occupied
from rsppc.store.places import fresh_name, spoken, sync_folder
from rsppc.store.problems import Kind, StoreProblem

MARK = "rsppc-store.json"
NOTE = "backend.json"
NOTE_VERSION = "rspp.store.backend.v1"
_SIZE_MAX = 4096
_ID = re.compile(r"[0-9a-f]{32}")
_ALONE = "give every store a prefix of its own"

_ADVICE = {
    "missing": "make the bucket, or name another one",
    "denied": "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and that they may list, read, write and delete",
    "unreachable": "check AWS_ENDPOINT_URL and the network, and try again",
}


class Note(Record, forbid_unknown_fields=True):
    """`backend.json`: which store the folder is to its bucket, and what the service was seen to keep."""

    url: str
    store: str
    guarantees: Guarantees
    schema_version: str = NOTE_VERSION


class _Mark(Record, forbid_unknown_fields=True):
    store: str


class Ownership:
    """The mark of one store at a place."""

    def __init__(self, objects: ObjectStore, folder: str, url: str) -> None:
        self._objects = objects
        self._path = os.path.join(folder, NOTE)
        self._url = url

    def claim(self, guarantees: Guarantees, *, take_over: bool) -> None:
        """Make the place that of this store, unless it is another's; `take_over` makes this store the one it is of."""
        there = self._there()
        own = self._note()
        store = own.store if own is not None and own.url == self._url else os.urandom(16).hex()
        if there is not None and there != store:
            if not take_over:
                raise StoreProblem(
                    "conflict",
                    f"`{self._url}` holds the content of another store already",
                    f"{_ALONE}; if the folder of that store is lost, see `--take-over`",
                )
            store = there
        self._write(Note(url=self._url, store=store, guarantees=guarantees))
        data = canonical(_Mark(store=store))
        made = self._objects.create(MARK, data)
        if isinstance(made, Occupied):
            raise StoreProblem("conflict", f"`{self._url}` holds the content of another store already", _ALONE)
        if isinstance(made, ObjectFault):
            raise problem_of(made, self._url)

    def check(self) -> None:
        """Refuse to delete anything where the place is not this store's alone."""
        own = self._note()
        if own is None or own.url != self._url:
            raise StoreProblem(
                "refused",
                f"`{self._path}` does not say that the content in `{self._url}` is this store's alone",
                "nothing is deleted there; `rsppc store init --backend URL --take-over` claims it, once no other"
                " store uses it",
            )
        if self._there() != own.store:
            raise StoreProblem(
                "refused", f"`{self._url}` is marked as another store's", f"nothing is deleted; {_ALONE}"
            )

    def _there(self) -> str | None:
        """The id in the mark of the place."""
        data = self._objects.read(MARK, lambda data: True, size_max=_SIZE_MAX)
        if isinstance(data, ObjectFault):
            if data.kind == "missing":
                return None
            raise problem_of(data, self._url)
        try:
            mark = msgspec.json.decode(data, type=_Mark, strict=True)
        except (msgspec.DecodeError, UnicodeDecodeError):
            mark = None
        if mark is None or _ID.fullmatch(mark.store) is None:
            raise StoreProblem("corrupt", f"`{self._url}/{MARK}` is no mark of a store", _ALONE)
        return mark.store

    def _note(self) -> Note | None:
        try:
            with open(self._path, "rb") as file:
                return msgspec.json.decode(file.read(_SIZE_MAX), type=Note, strict=True)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreProblem("environment", f"`{self._path}` cannot be read: {spoken(error)}") from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise StoreProblem("malformed", f"`{self._path}` has another form: {str(error)[:200]}") from None

    def _write(self, note: Note) -> None:
        fresh = fresh_name(self._path)
        try:
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            with open(fresh, "wb") as file:
                file.write(readable(note))
                file.flush()
                os.fsync(file.fileno())
            os.replace(fresh, self._path)
            sync_folder(os.path.dirname(self._path))
        except OSError as error:
            raise StoreProblem("environment", f"`{self._path}` cannot be written: {spoken(error)}") from None


def problem_of(fault: ObjectFault, url: str) -> StoreProblem:
    """What the store says of a service that did not answer as it should."""
    kind: Kind = "corrupt" if fault.kind in ("corrupt", "too_large") else "environment"
    return StoreProblem(
        kind,
        f"the content of the store in `{url}` cannot be used: {fault.reason}",
        _ADVICE.get(fault.kind, "use another service"),
    )


def refuse_faithless(guarantees: Guarantees, url: str) -> None:
    """Refuse a service that was seen to lose or change what is written."""
    if not guarantees.read_after_write:
        raise StoreProblem(
            "corrupt", f"`{url}` does not give back what was written there a moment before", "use another service"
        )
