"""Much content held against its digests: by processes where it lies on this machine, since threads would wait for each
other between two files, and by threads where it lies in a service, and most of the time goes by waiting.

Workers are told what content should be, and answer only which is not, so that next to nothing travels.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha256

from rsppc.base.record import Record
from rsppc.batch import each
from rsppc.store.backends.protocol import Backend
from rsppc.store.problems import StoreProblem
from rsppc.store.reading import Attestation, File

GROUP_FILES = 32
GROUP_BYTES = 4 * 2**20
"""So much is one task of a worker."""
WORKER_BYTES = 32 * 2**20
"""For less than this nobody starts another process."""
FILE_BYTES = 64 * 2**10
"""To open a file costs as much as to digest so many bytes."""
REMOTE_AT_ONCE = 8
"""Threads for content that lies in a service."""


class Seen(Record):
    """What became of a group, by primary digests."""

    sound: int
    """How many bytes are what they should be."""
    damaged: list[str]
    unread: dict[str, str]
    """What could not be read for a reason that says nothing of it; also if it can be read the next time."""


def looked_at(backend: Backend, contents: Iterable[File | Attestation]) -> Iterator[Seen]:
    """Hold content against its digests, each content once. The first answer comes at once and is empty: it says that
    workers have begun, so that whoever asks may do something else meanwhile."""
    groups = _groups(contents)
    work = partial(_group_looked_at, backend)
    if backend.name == "local":
        yield from each(groups, work, jobs=_jobs(groups))
        return
    with ThreadPoolExecutor(REMOTE_AT_ONCE, "verify") as pool:
        try:
            yield from pool.map(work, groups)
        finally:
            pool.shutdown(cancel_futures=True)


def fault_of(backend: Backend, one: File | Attestation) -> str | None:
    """What content is instead of what it should be. Raises `StoreProblem` where it could not be read, for whatever
    reason."""
    hasher, size = sha256(), 0
    for piece in backend.read(one.digest_primary):  # which takes the primary digest
        hasher.update(piece)
        size += len(piece)
    if size != one.size:
        return f"it has {size} bytes, not {one.size}"
    digest = "sha256:" + hasher.hexdigest()
    return f"its SHA-256 is {digest}, not {one.digest_sha256}" if digest != one.digest_sha256 else None


def _group_looked_at(backend: Backend, group: Sequence[File | Attestation]) -> Seen:
    sound = 0
    damaged: list[str] = []
    unread: dict[str, str] = {}
    for one in group:
        try:
            fault = fault_of(backend, one)
        except StoreProblem as problem:
            if problem.kind in ("environment", "busy"):
                unread[one.digest_primary] = problem.what
                continue
            fault = problem.what
        if fault is None:
            sound += one.size
        else:
            damaged.append(one.digest_primary)
    return Seen(sound=sound, damaged=damaged, unread=unread)


def _groups(contents: Iterable[File | Attestation]) -> list[list[File | Attestation]]:
    """Several small ones at a time; the first group is empty."""
    groups: list[list[File | Attestation]] = [[], []]
    known: set[tuple[str, str, int]] = set()
    size = 0
    for one in contents:
        said = (one.digest_primary, one.digest_sha256, one.size)
        if said in known:  # which is told apart from another that is said to have the same digest
            continue
        known.add(said)
        if len(groups[-1]) >= GROUP_FILES or size >= GROUP_BYTES:
            groups.append([])
            size = 0
        groups[-1].append(one)
        size += one.size
    return groups


def _jobs(groups: Sequence[Sequence[File | Attestation]]) -> int:
    cost = sum(one.size + FILE_BYTES for group in groups for one in group)
    return max(1, min(os.cpu_count() or 1, cost // WORKER_BYTES)) if hasattr(os, "fork") else 1
