"""A folder becomes a package: all of its files, or a refusal before anything is written.

Files that the log has told of already are read again and compared, and not sent again; so a run that was killed is
continued by the same command.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from rsppc.base.record import Record
from rsppc.store.claims import Claim
from rsppc.store.hashing import Hasher
from rsppc.store.problems import StoreProblem
from rsppc.store.reading import File, refuse_collected
from rsppc.store.registry import Finalized, Registry
from rsppc.store.request import FILES_MAX, Entry, PackageRequest
from rsppc.store.walking import Found, Walked, read_found

WORKERS = 8
"""Files that are on their way to the backend at once: while some wait for the disk, others are digested."""

MEDIA_TYPES = {
    "cbor": "application/cbor",
    "csv": "text/csv",
    "html": "text/html",
    "json": "application/json",
    "jsonl": "application/jsonl",
    "log": "text/plain",
    "md": "text/markdown",
    "pdf": "application/pdf",
    "png": "image/png",
    "svg": "image/svg+xml",
    "toml": "application/toml",
    "txt": "text/plain",
    "wav": "audio/wav",
    "xml": "application/xml",
    "yaml": "application/yaml",
    "yml": "application/yaml",
    "zip": "application/zip",
}
"""What names end with. A table of its own: what the system knows would make digests differ between machines."""


class Ingested(Record):
    """A folder that is a package now."""

    final: Finalized
    sent: int
    """Files that were told of in this run."""
    known: int
    """Files that were told of before."""


def entry_of(file: Found) -> Entry:
    """What a package says of a file that was found."""
    ending = file.path.rpartition(".")[2].lower()
    return Entry(path=file.path, media_type=MEDIA_TYPES.get(ending, "application/octet-stream"), size=file.size)


def ingest_folder(
    registry: Registry,
    request: PackageRequest,
    folder: Walked,
    at: datetime,
    *,
    told: Callable[[int], None] = lambda _: None,
    workers: int = WORKERS,
) -> Ingested:
    """Put the files of a folder into a package, and finalise it. `told` is called with each piece that was read; by
    several threads, one at a time."""
    if not folder.files:  # a package is for good, and a run that left nothing is a folder that was mistaken
        raise StoreProblem(
            "refused", f"`{folder.root}` holds no file", "name the folder in which the run left its files"
        )
    if len(folder.files) > FILES_MAX:
        raise StoreProblem("refused", f"a package has at most {FILES_MAX} files", "publish parts as runs of their own")
    package = registry.create_package(request, at).package
    refuse_collected(package)
    claim = _claim_of(folder, told)
    known = registry.files(package.package_id)
    claim.hold(known)

    def incoming() -> Iterator[tuple[Entry, Iterable[bytes]]]:
        for file in folder.files:
            if not claim.knows(file.path):
                yield entry_of(file), read_found(folder.root, file, told)

    sent = registry.ingest_files(package.package_id, incoming(), at, workers=workers, claim=claim)
    final = registry.finalize_package(package.package_id, at, claim=claim)
    return Ingested(final=final, sent=len(sent), known=len(known))


def _claim_of(folder: Walked, told: Callable[[int], None]) -> Claim:
    """All files of a folder; others of the same run are compared with them."""
    mine = {file.path: file for file in folder.files}

    def judge(there: Sequence[File]) -> None:
        for one in there:
            if one.path not in mine:
                raise StoreProblem(
                    "conflict",
                    f"the package of this run holds `{one.path}`, which is not in the folder",
                    "publish other content as another run",
                    pointer="/files",
                )
        for one in there:
            _compare(folder.root, mine[one.path], one, told)

    return Claim(judge)


def _compare(root: str, file: Found, there: File, told: Callable[[int], None]) -> None:
    """Hold a file against what the log told of it before."""
    hasher = Hasher()
    for piece in read_found(root, file, told):
        hasher.update(piece)
    found = hasher.digests()
    if found.primary != there.digest_primary or found.sha256 != there.digest_sha256:
        raise StoreProblem(
            "conflict",
            f"`{file.path}` is in the package already, with other content",
            f"it has {there.digest_primary}; now it is {found.primary}: publish it as another run",
            pointer="/digest_primary",
        )
