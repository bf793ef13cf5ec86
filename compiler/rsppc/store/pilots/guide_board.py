"""Run directories of guide-board become packages: one run, one package (`docs/pilots/guide-board.md`).

A run is read and checked as a whole first (`read_run`), so that whatever is wrong with it is known before anything is
written. Then it is handed to a store (`ingest_read`), which is any object with the methods of `PackageStore`: the
registry of a store in a folder, or a client of one that is served. The registry knows nothing of this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from rsppc.base.record import Record
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.store.claims import Claim
from rsppc.store.hashing import Digests
from rsppc.store.manifest import value_fault
from rsppc.store.opening import UnsafeFile
from rsppc.store.paths import path_fault, twin_key
from rsppc.store.pilots.findings import (
    ChangedRunFile,
    MalformedRun,
    MissingReportFragment,
    MissingRunFile,
    UnsafeRunFile,
    UnsafeRunPath,
)
from rsppc.store.pilots.guide_board_schemas import SCHEMA_ID
from rsppc.store.pilots.run_documents import (
    ALL_DOCUMENTS,
    PACKAGE,
    RUN,
    SUMMARY,
    Declared,
    Documents,
    declared_files,
    metadata_of,
    origin_of,
    read_documents,
    twice_declared,
)
from rsppc.store.pilots.run_folder import RunFolder
from rsppc.store.places import spoken
from rsppc.store.problems import StoreProblem
from rsppc.store.registry import Created, File, Finalized
from rsppc.store.request import Entry, PackageRequest

PRODUCER = "guide-board"
KIND = "guide-board.run"


class PackageStore(Protocol):
    """What a store must be able to do, here and over the network. Methods raise `StoreProblem`."""

    def retention_days(self) -> Mapping[str, int | None]:
        """For how many days each retention class keeps packages; None is for ever."""
        ...

    def create_package(self, request: PackageRequest, at: datetime) -> Created: ...

    def ingest_files(
        self,
        package_id: str,
        incoming: Iterable[tuple[Entry, Iterable[bytes]]],
        at: datetime,
        *,
        claim: Claim | None = None,
    ) -> Sequence[File]: ...

    def finalize_package(self, package_id: str, at: datetime, *, claim: Claim | None = None) -> Finalized: ...


class Ingested(Record):
    """The package that a run became."""

    package_id: str
    manifest_digest: str
    file_count: int
    reused_existing: bool


class Run(Record):
    """A run directory that was read and found sound."""

    path: str
    request: PackageRequest
    """Without a retention class, which depends on the store."""
    entries: tuple[Entry, ...]
    policy_days: int | None
    """For how long the producer wants the longest-lived part to be kept."""
    retention_class: str | None
    """The class that the producer names."""
    undeclared: tuple[str, ...]
    """Files that no document names; they stay out."""


class RunRefused(StoreProblem):
    """A run directory with something wrong in it; `findings` is all of that, each with its place."""

    def __init__(self, findings: Sequence[Diagnostic]) -> None:
        changed = any(isinstance(one, ChangedRunFile) for one in findings)
        more = f"; {len(findings) - 1} more problems" if len(findings) > 1 else ""
        super().__init__("corrupt" if changed else "malformed", findings[0].message() + more, findings[0].next_step())
        self.findings = tuple(findings)


def ingest_run(
    path: str, *, store: PackageStore, at: datetime, tenant: str = "default", retention_class: str | None = None
) -> Ingested:
    """Make a finalised package of a run directory. The same run again gives the same package, and writes nothing."""
    return ingest_read(read_run(path, tenant=tenant), store=store, at=at, retention_class=retention_class)


def read_run(path: str, *, tenant: str = "default") -> Run:
    """A run directory, read and checked as a whole; `RunRefused` with everything that is wrong with it."""
    sink = DiagnosticSink()
    try:
        with RunFolder(path) as folder:
            run = _read(folder, tenant, sink)
    except NotADirectoryError:
        raise StoreProblem("malformed", f"`{path}` is no folder", "name the run directory itself") from None
    except FileNotFoundError:
        raise StoreProblem("missing", f"there is no run directory `{path}`") from None
    except OSError as error:
        raise StoreProblem("environment", f"`{error.filename or path}` cannot be read: {spoken(error)}") from None
    if run is None or sink.has_errors:
        raise RunRefused(sink.sorted())
    return run


def ingest_read(
    run: Run,
    *,
    store: PackageStore,
    at: datetime,
    retention_class: str | None = None,
    told: Callable[[int], None] = lambda _: None,
) -> Ingested:
    """Make a finalised package of a run that was read. `told` is called with the size of each piece."""
    chosen = class_for(run, store.retention_days(), retention_class)
    values = {name: getattr(run.request, name) for name in PackageRequest.__struct_fields__}
    package_id = store.create_package(PackageRequest(**{**values, "retention_class": chosen}), at).package.package_id
    claim = _claim_of(run)
    with RunFolder(run.path) as folder:
        store.ingest_files(package_id, _incoming(folder, run.entries, told), at, claim=claim)
    final = store.finalize_package(package_id, at, claim=claim)
    return Ingested(
        package_id=package_id,
        manifest_digest=final.manifest_digest,
        file_count=final.package.file_count,
        reused_existing=final.reused,
    )


def _claim_of(run: Run) -> Claim:
    """All files of a run; others that were told of under its id are held against them."""
    mine = {entry.path: entry for entry in run.entries}

    def judge(there: Sequence[File]) -> None:
        for one in there:
            if one.path not in mine:
                raise StoreProblem(
                    "conflict",
                    f"the package of this run holds `{one.path}`, which the run does not, or no longer declares",
                    "publish it as another run",
                    pointer="/files",
                )
            if one.digest_primary != mine[one.path].expected:
                raise StoreProblem(
                    "conflict",
                    f"`{one.path}` is in the package already, with other content",
                    f"it has {one.digest_primary}; now it is {mine[one.path].expected}: publish it as another run",
                    pointer="/digest_primary",
                )

    return Claim(judge)


def class_for(run: Run, classes: Mapping[str, int | None], given: str | None) -> str | None:
    """The retention class of a run's package: the one that is given, else the one that the producer names, else the
    shortest that keeps what its policy demands; None leaves it to the store.

    A package is kept as one, so that its longest-lived part decides.
    """
    named, wanted = given or run.retention_class, run.policy_days
    if wanted is None:
        return named
    if named is not None:
        days = classes.get(named)
        if days is None or days >= wanted:
            return named  # a class that the store does not have is refused by the store, which knows the others
        raise StoreProblem(
            "refused",
            f"the retention class `{named}` keeps {days} days, and the `retention_policy` of the run demands {wanted}",
            "name a longer one with `--class`",
        )
    enough = [(days is None, days or 0, name) for name, days in classes.items() if days is None or days >= wanted]
    if not enough:
        raise StoreProblem(
            "refused",
            f"no retention class keeps {wanted} days, which the `retention_policy` of the run demands",
            "add one to `store.json`",
        )
    return min(enough)[2]


def _read(folder: RunFolder, tenant: str, sink: DiagnosticSink) -> Run | None:
    documents = read_documents(folder, sink)
    declared = declared_files(documents)
    digests = _checked(folder, declared, documents, sink)
    for path, at in twice_declared(documents):
        sink.report(MalformedRun(at=at, subject=path, problem="it is declared twice"))
    if not {RUN, SUMMARY, PACKAGE} <= documents.keys():
        return None
    metadata = metadata_of(documents, sink)
    entries = [
        Entry(
            path=one.path,
            role=one.role,
            media_type=one.media_type,
            expected=digests[one.path].primary,
            size=digests[one.path].size,
        )
        for one in declared
        if one.path in digests
    ]
    if sink.has_errors:
        return None
    run, summary = documents[RUN], documents[SUMMARY]
    repository, commit = origin_of(documents)
    policy = metadata.get("retention_policy", {})
    request = PackageRequest(
        tenant=tenant,
        producer=PRODUCER,
        run_id=metadata["run_id"],
        subject=metadata["target_profile_ref"],
        kind=KIND,
        repository=repository,
        commit=commit,
        environment=dict(run.get("environment", {})),
        metadata=metadata,
        metadata_schema=SCHEMA_ID,
    )
    _refuse_unwritable(request, documents, sink)
    known = {one.path for one in declared}
    return Run(
        path=folder.path,
        request=request,
        entries=tuple(entries),
        policy_days=max(policy.values(), default=None),
        retention_class=summary.get("retention_class"),
        undeclared=tuple(path for path in folder.paths() if path not in known),
    )


def _refuse_unwritable(request: PackageRequest, documents: Documents, sink: DiagnosticSink) -> None:
    """What a schema lets pass and no manifest holds: a whole number that is written as a fraction, say."""
    for key, value in {**request.metadata, "environment": request.environment}.items():
        fault = value_fault(value, f"/{key}")
        if fault is not None:
            root = next(one for one in documents.values() if key in one)
            sink.report(MalformedRun(at=root.value_span(key), subject=f"/{key}", problem=fault))


def _checked(
    folder: RunFolder, declared: Sequence[Declared], documents: Documents, sink: DiagnosticSink
) -> dict[str, Digests]:
    """The digests of all files that may be taken; what is wrong with the others goes to the sink."""
    found: dict[str, Digests] = {}
    twins: dict[str, str] = {}
    for one in declared:
        if one.path in ALL_DOCUMENTS and one.path not in documents:
            continue  # what is wrong with it has been said
        fault = path_fault(one.path)
        twin = twins.setdefault(twin_key(one.path), one.path) if fault is None else one.path
        if twin != one.path:
            fault = f"it and `{twin}` are one file where case does not count"
        if fault is not None:
            sink.report(UnsafeRunPath(at=one.at, subject=one.path[:100].encode("unicode_escape").decode(), fault=fault))
            continue
        try:
            digests = folder.digests(one.path)
        except (FileNotFoundError, IsADirectoryError):
            sink.report(_missing(one))
        except UnsafeFile as unsafe:
            sink.report(UnsafeRunFile(at=one.at, subject=one.path, fault=str(unsafe)))
        else:
            if one.path in documents and digests.sha256 != documents[one.path].source.digest:
                raise _exchanged(one.path)  # what was understood of the run would not be what is kept of it
            found[one.path] = digests
            _compare(one, digests, sink)
    return found


def _missing(one: Declared) -> Diagnostic:
    if one.fragment is not None:
        return MissingReportFragment(at=one.at, subject=one.path, fragment=one.fragment)
    return MissingRunFile(at=one.at, subject=one.path)


def _compare(one: Declared, digests: Digests, sink: DiagnosticSink) -> None:
    if one.size is not None and one.size != digests.size:
        found, stated = f"{digests.size} bytes", str(one.size)
        sink.report(ChangedRunFile(at=one.at, subject=one.path, found=found, stated=stated))
    elif one.sha256 is not None and one.sha256 != digests.sha256:
        sink.report(ChangedRunFile(at=one.at, subject=one.path, found=digests.sha256, stated=one.sha256))


def _incoming(
    folder: RunFolder, entries: Sequence[Entry], told: Callable[[int], None]
) -> Iterator[tuple[Entry, Iterator[bytes]]]:
    for entry in entries:
        yield entry, _unchanged(folder, entry, told)


def _unchanged(folder: RunFolder, entry: Entry, told: Callable[[int], None]) -> Iterator[bytes]:
    """The bytes of a file; the store holds them against the digest that was found when the run was read."""
    try:
        for piece in folder.pieces(entry.path):
            told(len(piece))
            yield piece
    except (FileNotFoundError, UnsafeFile):
        raise _exchanged(entry.path) from None
    except OSError as error:
        raise StoreProblem("environment", f"`{entry.path}` cannot be read: {spoken(error)}") from None


def _exchanged(path: str) -> StoreProblem:
    return StoreProblem(
        "corrupt", f"`{path}` was exchanged while the run was read", "see who else writes there, and try again"
    )
