"""What the documents of a run say, taken together: the metadata of its package, and the files that it is made of.

Read are `run.json`, `retention-summary.json`, `reports/assessment-package.json` and, where it is there,
`reports/fragments.json`. What several of them say has to be the same in all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import msgspec

from rsppc.base.difference import ABSENT, Difference, first_difference
from rsppc.base.record import Record
from rsppc.base.source import Source, Span, file_span
from rsppc.diagnostics import DiagnosticSink
from rsppc.store import schema_engine
from rsppc.store.folder_ingest import MEDIA_TYPES
from rsppc.store.json_text import span_at
from rsppc.store.opening import UnsafeFile
from rsppc.store.pilots import guide_board_schemas as forms
from rsppc.store.pilots.findings import DisagreeingRun, MalformedRun, MissingRunFile, UnsafeRunFile
from rsppc.store.pilots.run_folder import RunFolder
from rsppc.syntax import document
from rsppc.syntax.json_reader import read_json
from rsppc.syntax.limits import EmptyFile, RootNotAMapping
from rsppc.syntax.source_text import SOURCE_BYTES_MAX, read_source

RUN = "run.json"
SUMMARY = "retention-summary.json"
PACKAGE = "reports/assessment-package.json"
FRAGMENTS = "reports/fragments.json"

_FORMS = {
    RUN: forms.RUN,
    SUMMARY: forms.RETENTION_SUMMARY,
    PACKAGE: forms.ASSESSMENT_PACKAGE,
    FRAGMENTS: forms.FRAGMENTS,
}
ALL_DOCUMENTS = (*_FORMS,)
_ROLES = {RUN: "run", SUMMARY: "retention-summary", PACKAGE: "assessment-package", FRAGMENTS: "report-fragments"}
_AGREED = (
    "run_id",
    "target_profile_ref",
    "assessment_profile_ref",
    "result_status",
    "source_commits",
    "evidence_counts",
    "finding_counts",
    "retention_policy",
)
"""Keys that documents share, and that must be equal in all that have them."""


class Declared(Record):
    """A file that a document of the run names, and where it does."""

    path: str
    role: str
    media_type: str
    at: Span
    sha256: str | None = None
    size: int | None = None
    fragment: str | None = None
    """Where it is a part of the report: the name of that part."""


Documents = Mapping[str, document.Mapping]
"""The documents of a run by path; all of them are sound."""


def read_documents(folder: RunFolder, sink: DiagnosticSink) -> Documents:
    """The documents of a run. What is missing or malformed goes to the sink, and is left out."""
    found = {}
    for path, form in _FORMS.items():
        root = _read(folder, path, form, sink)
        if root is not None:
            found[path] = root
    return found


def _read(folder: RunFolder, path: str, form: dict[str, Any], sink: DiagnosticSink) -> document.Mapping | None:
    shown = f"{folder.path}/{path}"
    nowhere = file_span(Source(shown, "", b""))
    try:
        data = folder.head(path, SOURCE_BYTES_MAX + 1)
    except FileNotFoundError:
        if path != FRAGMENTS:
            sink.report(MissingRunFile(at=nowhere, subject=path))
        return None
    except UnsafeFile as fault:
        sink.report(UnsafeRunFile(at=nowhere, subject=path, fault=str(fault)))
        return None
    reading = DiagnosticSink()
    source = read_source(shown, data, reading)
    root = read_json(source, reading, fractions=True).root if source is not None else None
    for one in reading.sorted():  # what the reader says of artifacts is not meant here
        is_other = isinstance(one, EmptyFile | RootNotAMapping)
        sink.report(MalformedRun(at=one.at, subject="/", problem="it holds no JSON object") if is_other else one)
    if root is None or reading.has_errors:
        return None
    wrong = schema_engine.instance_violations(_body(form), root)
    for violation in wrong:
        at, subject = span_at(root, violation.pointer), violation.pointer or "/"
        sink.report(MalformedRun(at=at, subject=subject, problem=violation.problem))
    return None if wrong else root


def _body(form: dict[str, Any]) -> bytes:
    return msgspec.json.encode(form)


# --- Metadata --------------------------------------------------------------------------------------------------------


def metadata_of(documents: Documents, sink: DiagnosticSink) -> dict[str, Any]:
    """The metadata of the package; what is missing or said in two ways goes to the sink."""
    _report_disagreements(documents, sink)
    run, summary = documents[RUN], documents[SUMMARY]
    metadata: dict[str, Any] = {}
    for key in _AGREED:
        for document_ in (run, summary):
            if key in document_:
                metadata.setdefault(key, msgspec.to_builtins(document_[key]))
    if "status" in run:
        metadata.setdefault("result_status", run["status"])
    paths = {path for one in (run, summary, documents[PACKAGE]) for path in one.get("report_paths", ())}
    if any("report_paths" in one for one in (run, summary, documents[PACKAGE])):
        metadata["report_paths"] = sorted(paths)
    for key in ("started_at", "completed_at"):
        if key in run:
            metadata[key] = run[key]
    for key in forms.REQUIRED:
        if key not in metadata:
            at, problem = run.span(), f"it is missing here and in `{SUMMARY}`"
            at = Span(source=at.source, start=at.start, end=at.start + 1)
            sink.report(MalformedRun(at=at, subject=f"/{key}", problem=problem))
    return metadata


def _report_disagreements(documents: Documents, sink: DiagnosticSink) -> None:
    for key in _AGREED:
        having = [(path, one) for path, one in documents.items() if key in one]
        for other_path, second in having[1:]:
            path, first = having[0]
            for found in _differences(first[key], second[key]):
                pointer = f"/{key}{found.pointer}"
                sink.report(
                    DisagreeingRun(
                        at=span_at(second, pointer),
                        subject=pointer,
                        here=_shown(found.after),
                        here_in=f"`{other_path}`",
                        there=_shown(found.before),
                        there_in=f"`{path}`",
                    )
                )


def _differences(first: Any, second: Any) -> Iterator[Difference]:
    """Every member in which two objects differ; of other values the one difference."""
    if not (isinstance(first, dict) and isinstance(second, dict)):
        found = first_difference(first, second)
        if found is not None:
            yield found
        return
    for name in sorted(first.keys() | second.keys()):
        found = first_difference(*({name: one[name]} if name in one else {} for one in (first, second)))
        if found is not None:
            yield found


def _shown(value: Any) -> str:
    return "absent" if value == ABSENT else f"`{str(value)[:80]}`"


def origin_of(documents: Documents) -> tuple[str | None, str | None]:
    """Repository and commit of the producer: as the run states them, else by the commits of its sources."""
    run = documents[RUN]
    commits: Mapping[str, str] = run.get("source_commits") or documents[SUMMARY].get("source_commits") or {}
    slug = "guide-board" if "guide-board" in commits else next(iter(commits), None) if len(commits) == 1 else None
    repository = run.get("repository", slug)
    return repository, run.get("commit", commits.get(repository) if repository is not None else None)


# --- Files -----------------------------------------------------------------------------------------------------------


def declared_files(documents: Documents) -> list[Declared]:
    """Every file that the documents name, and the documents themselves, by path; a file that is named several times
    counts once, as it is described best."""
    found: dict[str, Declared] = {}
    for one in _declarations(documents):
        there = found.get(one.path)
        if there is None:
            found[one.path] = one
        elif there.fragment is None and one.fragment is not None:
            found[one.path] = msgspec.structs.replace(there, fragment=one.fragment)
    return [found[path] for path in sorted(found)]


def _declarations(documents: Documents) -> Iterator[Declared]:
    files: document.Sequence = documents[PACKAGE]["files"] if PACKAGE in documents else document.Sequence()
    for one in files:
        yield Declared(
            path=one["path"],
            role=one.get("role", _role_of(one["path"], documents)),
            media_type=one.get("media_type", _media_type_of(one["path"])),
            at=one.value_span("path"),
            sha256=f"sha256:{one['sha256'].removeprefix('sha256:')}" if "sha256" in one else None,
            size=one.get("size"),
            fragment=_stem(one["path"]) if str(one.get("role", "")).startswith("report") else None,
        )
    for path, root in documents.items():
        yield _named(path, file_span(root.source), documents)
        listed: document.Sequence = root.get("report_paths", document.Sequence())
        for index, report in enumerate(listed):
            yield msgspec.structs.replace(
                _named(report, listed.value_span(index), documents), role="report", fragment=_stem(report)
            )
        for one in root.get("fragments", ()) if path in (PACKAGE, FRAGMENTS) else ():
            part = _named(one["path"], one.value_span("path"), documents)
            yield msgspec.structs.replace(part, role="report-fragment", fragment=one["id"])


def _named(path: str, at: Span, documents: Documents) -> Declared:
    return Declared(path=path, role=_role_of(path, documents), media_type=_media_type_of(path), at=at)


def _role_of(path: str, documents: Documents) -> str:
    return _ROLES[path] if path in documents else "artifact"


def _media_type_of(path: str) -> str:
    return MEDIA_TYPES.get(path.rpartition(".")[2].lower(), "application/octet-stream")


def _stem(path: str) -> str:
    return PurePosixPath(path).stem


def twice_declared(documents: Documents) -> Sequence[tuple[str, Span]]:
    """Paths that the list of files holds twice, with the place of the second one."""
    seen: set[str] = set()
    found = []
    for one in documents[PACKAGE]["files"] if PACKAGE in documents else ():
        if one["path"] in seen:
            found.append((one["path"], one.value_span("path")))
        seen.add(one["path"])
    return found
