"""Content in a service that speaks S3, below a prefix: `blobs/<2 hex>/<64 hex>` and `manifests/<2 hex>/<64 hex>`.

Content is named by its digest, so the digest has to be known before the first byte is sent: content is taken into
memory, or beyond some size into a file on the store's own disk, and sent from there. A service is not believed: what
was written is read back, and whatever is read is held against its digest. Two writers of one name write the same bytes,
so that nothing here needs a service that keeps two creators apart.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import BinaryIO, NoReturn, cast

from rsppc.base.digest import Digest
from rsppc.base.record import Record
from rsppc.objects.place import BadPlace, place_of
from rsppc.objects.protocol import Guarantees, ObjectFault, ObjectStore, Occupied
from rsppc.objects.s3 import Limits, open_objects
from rsppc.store.backends.local import STAGING, checked, key_of
from rsppc.store.backends.ownership import Ownership, problem_of, refuse_faithless
from rsppc.store.backends.protocol import Put, Receipt, Space
from rsppc.store.hashing import Hasher, blake3_of
from rsppc.store.places import spoken
from rsppc.store.problems import StoreProblem

PART = 8 * 2**20
"""What is larger is staged on the disk, sent in parts, and read in parts."""
LIMITS = Limits(connect_ms=5_000, request_ms=60_000, operation_ms=300_000, retries=3)


def open_backend(url: str, folder: str, settings: Mapping[str, str], limits: Limits = LIMITS) -> S3Backend:
    """The backend at an `s3://` URL of the store in a folder. Nothing is asked of the service yet."""
    return S3Backend(objects_at(url, settings, limits), folder, url)


def objects_at(url: str, settings: Mapping[str, str], limits: Limits = LIMITS) -> ObjectStore:
    """The objects at a URL, with the settings of the standard names (`AWS_ENDPOINT_URL` and so on)."""
    place = place_of(url, settings)
    if isinstance(place, BadPlace):
        raise StoreProblem("malformed", place.problem, place.advice)
    objects = open_objects(place, limits)
    if isinstance(objects, ObjectFault):
        raise StoreProblem(
            "environment", f"`{place.url}` cannot be used: {objects.reason}", "run `pip install 'rsppc[s3]'`"
        )
    return objects


class Prepared(Record):
    """A place that is a store's alone."""

    guarantees: Guarantees
    filled: bool
    """Whether there are manifests already."""


def prepare_backend(
    url: str, folder: str, settings: Mapping[str, str], *, take_over: bool = False, limits: Limits = LIMITS
) -> Prepared:
    """Try the service at a URL, and make the place that of the store in a folder. What was seen is kept there too."""
    objects = objects_at(url, settings, limits)
    found = objects.probe()
    if isinstance(found, ObjectFault):
        raise problem_of(found, objects.url)
    refuse_faithless(found, objects.url)
    Ownership(objects, folder, url).claim(found, take_over=take_over)
    first = next(open_backend(url, folder, settings, limits).listed("manifests"), None)
    return Prepared(guarantees=found, filled=first is not None)


class S3Backend:
    """Content below one prefix of one bucket. May be used by several threads."""

    def __init__(self, objects: ObjectStore, folder: str, url: str) -> None:
        self.objects = objects
        self._staging = os.path.join(folder, STAGING)
        self._ownership = Ownership(objects, folder, url)
        self._owned = False
        self._large = threading.Lock()
        """What goes in parts goes one after the other: each needs several parts of memory."""

    @property
    def name(self) -> str:
        return "s3"

    def begin(self) -> None:
        """Nothing is to be remembered of what was put before."""

    def put(self, pieces: Iterable[bytes], space: Space = "blobs") -> Put:
        hasher = Hasher()
        with self._staged() as file:
            for piece in pieces:  # what goes wrong in the source is not the store's, and passes as it is
                hasher.update(piece)
                with self._spoken():
                    file.write(piece)
            digests = hasher.digests()
            key = key_of(digests.primary, space)
            with self._spoken():
                file.seek(0)
            if digests.size > PART:
                with self._large:
                    made = self.objects.create_from(key, file, Digest(digests.sha256), mends=True)
            else:
                made = self.objects.create_from(key, file, Digest(digests.sha256), mends=True)
        if isinstance(made, ObjectFault):
            self._refuse(made, digests.primary)
        assert not isinstance(made, Occupied)  # it is mended
        return Put(digests=digests, receipt=Receipt(backend=self.name, key=key), fresh=made.changed)

    def settle(self) -> None:
        """Nothing is left to do: what was put was read back, and a service that answers has made it durable."""

    def read(
        self, primary: str, space: Space = "blobs", *, offset: int = 0, length: int | None = None
    ) -> Iterator[bytes]:
        key = key_of(primary, space)
        if not offset and length is None:
            small = self.objects.read(key, lambda data: blake3_of(data) == primary, size_max=PART)
            if isinstance(small, bytes):
                return iter([small] if small else [])
            if small.kind != "too_large":
                self._refuse(small, primary)
        size = self.objects.size_of(key)
        if isinstance(size, ObjectFault):
            self._refuse(size, primary)
        end = size if length is None else min(offset + length, size)
        pieces = self._parts(key, primary, offset, end)
        return checked(pieces, primary) if not offset and length is None else pieces

    def size(self, primary: str, space: Space = "blobs") -> int | None:
        found = self.objects.size_of(key_of(primary, space))
        if isinstance(found, ObjectFault):
            if found.kind == "missing":
                return None
            self._refuse(found, primary)
        return found

    def delete(self, primaries: Sequence[str], space: Space = "blobs") -> None:
        if not self._owned:  # who deletes what its own log does not speak of has to be the only one who speaks
            self._ownership.check()
            self._owned = True
        fault = self.objects.delete([key_of(primary, space) for primary in primaries])  # in one request
        if fault is not None:
            raise problem_of(fault, self.objects.url)

    def listed(self, space: Space = "blobs") -> Iterator[tuple[str, int]]:
        last = ""
        for one in self.objects.list_all(space):
            if isinstance(one, ObjectFault):
                self._refuse(one, "")
            digest = "blake3:" + one.key.rpartition("/")[2]
            if key_of(digest, space) != one.key or len(digest) != 71:
                continue  # somebody else's
            if digest <= last:  # whoever compares it with the log relies on the order
                raise StoreProblem(
                    "environment", f"`{self.objects.url}` is not listed in the order of keys", "use another service"
                )
            last = digest
            yield digest, one.size

    # Inside

    def _parts(self, key: str, primary: str, start: int, end: int) -> Iterator[bytes]:
        while start < end:
            length = min(PART, end - start)
            piece = self.objects.read_range(key, lambda data: True, start=start, length=length)
            if isinstance(piece, ObjectFault):
                self._refuse(piece, primary)
            start += length
            yield piece

    @contextmanager
    def _staged(self) -> Iterator[BinaryIO]:
        """A file without a name: it is gone when its writer is, however that ends."""
        with self._spoken():
            os.makedirs(self._staging, exist_ok=True)
        with tempfile.SpooledTemporaryFile(max_size=PART, dir=self._staging) as file:
            yield cast("BinaryIO", file)

    @contextmanager
    def _spoken(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreProblem("environment", f"`{self._staging}` cannot be written: {spoken(error)}") from None

    def _refuse(self, fault: ObjectFault, primary: str) -> NoReturn:
        """Say what a service did. That nothing is there proves only something where the bucket is."""
        if fault.kind == "missing":
            bucket = self.objects.list(STAGING, count_max=0)
            if isinstance(bucket, ObjectFault) and bucket.kind != "too_large":
                raise problem_of(bucket, self.objects.url)
            raise StoreProblem(
                "corrupt", f"the content {primary} is missing", "restore it from a copy, or publish it again"
            )
        if fault.kind in ("corrupt", "too_large"):
            raise StoreProblem(
                "corrupt",
                f"the content {primary} in `{self.objects.url}` is not what its digest says",
                "the service keeps or gives other bytes than were written; publish it again, or use another service",
            )
        raise problem_of(fault, self.objects.url)
