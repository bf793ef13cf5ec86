"""What a producer asks for when it makes a package, and what it says of each file."""

from __future__ import annotations

import re
from typing import Any

from rsppc.base.canonical_json import canonical
from rsppc.base.record import Record
from rsppc.store.manifest import DESCRIPTION_MAX, VALUES_MAX, value_count, value_fault
from rsppc.store.manifest import FILES_MAX as FILES_MAX
from rsppc.store.paths import path_fault
from rsppc.store.problems import StoreProblem

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,199}")
"""Tenants, producers, runs, subjects, kinds and roles: ASCII, so that no two look alike."""
MEDIA_TYPE = re.compile(r"[a-z]+/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,100}(; ?[a-z]+=[A-Za-z0-9._-]{1,40}){0,2}")


class PackageRequest(Record):
    """Which package, and what is known of it. Its identity is tenant, producer and run alone."""

    producer: str
    run_id: str
    subject: str
    kind: str = "run"
    tenant: str = "default"
    repository: str | None = None
    commit: str | None = None
    environment: dict[str, str] = {}
    metadata: dict[str, Any] = {}
    metadata_schema: str | None = None
    """Id of a registered schema that the metadata keep."""
    retention_class: str | None = None
    """The store's default where it is left out."""
    provenance: dict[str, Any] = {}


class Entry(Record):
    """A file of a package as its producer names it."""

    path: str
    role: str = "file"
    media_type: str = "application/octet-stream"
    expected: str | None = None
    """A digest, `blake3:…` or `sha256:…`, that the bytes must have."""
    size: int | None = None
    """The number of bytes that there must be."""


def check_request(request: PackageRequest) -> None:
    """Refuse a request that no manifest could hold."""
    for name in ("tenant", "producer", "run_id", "subject", "kind"):
        text = getattr(request, name)
        if NAME.fullmatch(text) is None:
            raise StoreProblem(
                "malformed",
                f"`{name}` is {text[:60]!a}",
                "write 1 to 200 ASCII letters, digits and `._:/@+-`, a letter or a digit first",
            )
    for name in ("repository", "commit"):
        text = getattr(request, name)
        if text is not None and (len(text) > 500 or value_fault(text) is not None):
            raise StoreProblem("malformed", f"`{name}` is not a text of at most 500 characters")
    for name in ("environment", "metadata", "provenance"):
        fault = value_fault(getattr(request, name), f"/{name}")
        if fault is not None:
            raise StoreProblem("malformed", f"the package cannot be described: {fault}")
    said = [request.environment, request.metadata, request.provenance]
    if value_count(said) > VALUES_MAX:
        what = f"environment, metadata and provenance have more than {VALUES_MAX} values and keys"
        raise StoreProblem("malformed", what, "put what is so much into a file of the package")
    if len(canonical(said)) > DESCRIPTION_MAX:
        what = f"environment, metadata and provenance have more than {DESCRIPTION_MAX} bytes"
        raise StoreProblem("malformed", what, "put what is so large into a file of the package")


def check_entry(entry: Entry) -> None:
    """Refuse a file that no package could hold."""
    fault = path_fault(entry.path)
    if fault is not None:
        raise StoreProblem("malformed", f"the path {entry.path[:100]!a} cannot stand in a package: {fault}")
    if NAME.fullmatch(entry.role) is None:
        raise StoreProblem("malformed", f"`{entry.path}` has the role {entry.role[:60]!a}", "use letters and digits")
    if MEDIA_TYPE.fullmatch(entry.media_type) is None:
        raise StoreProblem(
            "malformed", f"`{entry.path}` has the media type {entry.media_type[:60]!a}", "write it as in `text/plain`"
        )


def check_words(**words: str) -> None:
    """Refuse a name or a reason that says nothing, or more than a log should hold."""
    for name, text in words.items():
        shown = all(c.isprintable() for c in text)
        if not text.strip() or len(text) > 1000 or not shown or value_fault(text) is not None:
            raise StoreProblem("malformed", f"`{name}` is {text[:60]!a}", "say it in 1 to 1000 letters, in one line")
