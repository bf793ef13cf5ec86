"""Every endpoint, as data: where it is, who may use it, what it takes and what it gives.

The routes, the checks of a request before its handler sees it, and the published description are all made of this.
"""

from __future__ import annotations

from typing import Any, Literal

from rsppc.base.record import Record
from rsppc.serving import messages
from rsppc.serving.tokens import PUBLISHER, RETENTION_OFFICER, ROLES
from rsppc.store.manifest import MANIFEST_TYPE
from rsppc.store.registry import Attestation, Package

ANYBODY: tuple[str, ...] = ()
READERS = ROLES
PUBLISHERS = (PUBLISHER,)
RETENTION_OFFICERS = (RETENTION_OFFICER,)

COUNT_MAX = 10**15 - 1
PAGE_MAX = 1000
WAIT_MAX_S = 30

JSON = "application/json"
BYTES = "application/octet-stream"


class Parameter(Record, kw_only=False):
    """A part of the query, or a header."""

    name: str
    kind: Literal["text", "count"]
    summary: str
    required: bool = False
    place: Literal["query", "header"] = "query"
    least: int = 0
    most: int = COUNT_MAX
    choices: tuple[str, ...] = ()
    """The texts that it may be; any where there are none."""


class Endpoint(Record):
    """One method at one address."""

    method: str
    path: str
    name: str
    summary: str
    roles: tuple[str, ...]
    """Of which the token must have one; empty where no token is needed."""
    parameters: tuple[Parameter, ...] = ()
    takes: Any = None
    """The record that the JSON body states; `BYTES` where the body is content; None where there is no body."""
    takes_types: tuple[str, ...] = (JSON,)
    statuses: tuple[int, ...] = (200,)
    gives: Any = None
    """The record of the answer, or its media type."""
    headers: tuple[str, ...] = ()
    """Of the answer, besides those of every answer."""
    makes: tuple[str, str] | None = None
    """The name in addresses that the answer gives, and the JSON Pointer to it."""
    refusals: tuple[int, ...] = ()
    """Besides those that every endpoint with a token has."""


_PATH = Parameter("path", "text", "Where the file lies in the package, as in `raw/log.txt`.", required=True)
_CONDITIONS = (
    Parameter("If-Match", "text", "Only if the content has one of these ETags.", place="header"),
    Parameter("If-None-Match", "text", "Only if the content has none of these ETags.", place="header"),
)
_RANGE = (
    Parameter("Range", "text", "One range of bytes, as in `bytes=0-99`; several give the whole.", place="header"),
    Parameter("If-Range", "text", "The whole, unless the content still has this ETag.", place="header"),
)
_EXPECTED = Parameter(
    "Expected-Digest", "text", "`blake3:…` or `sha256:…`, which the body must have, in hex.", place="header"
)
_TAKING_JSON = (400, 408, 413, 415, 422)
_OF_PACKAGE = (404,)


def _page(of: str, kind: Literal["text", "count"]) -> tuple[Parameter, Parameter]:
    after = Parameter("after", kind, f"Begin behind this {of}: `next_after` of the page before.")
    limit = Parameter("limit", "count", "At most so many; 100 where left out.", least=1, most=PAGE_MAX)
    return (after, limit)


def _uploading(method: str, name: str) -> Endpoint:
    return Endpoint(
        method=method,
        path="/packages/{package_id}/files",
        name=name,
        summary="Take a file into an open package.",
        roles=PUBLISHERS,
        parameters=(_PATH, Parameter("role", "text", "What the file is for; `file` where left out."), _EXPECTED),
        takes=BYTES,
        takes_types=("*/*",),
        statuses=(200, 201),
        gives=messages.FileOfPackage,
        headers=("Location",),
        makes=("file_id", "/file/file_id"),
        refusals=(404, 408, 409, 413, 415, 422),
    )


def _deciding(path: str, name: str, summary: str, takes: Any) -> Endpoint:
    return Endpoint(
        method="POST",
        path=f"/packages/{{package_id}}/retention/{path}",
        name=name,
        summary=summary,
        roles=RETENTION_OFFICERS,
        takes=takes,
        gives=Package,
        refusals=(*_OF_PACKAGE, *_TAKING_JSON),
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="POST",
        path="/packages",
        name="create_package",
        summary="Make a package, or find the one that this very request made before.",
        roles=PUBLISHERS,
        takes=messages.NewPackage,
        statuses=(200, 201),
        gives=Package,
        headers=("Location",),
        makes=("package_id", "/package_id"),
        refusals=(404, 409, *_TAKING_JSON),
    ),
    Endpoint(
        method="GET",
        path="/packages",
        name="list_packages",
        summary="Packages in the order of their creation.",
        roles=READERS,
        parameters=(
            Parameter("kind", "text", "Only packages of this kind."),
            Parameter("subject", "text", "Only packages about this."),
            Parameter("state", "text", "Only packages in this state.", choices=("open", "finalized", "collected")),
            *_page("number", "count"),
        ),
        gives=messages.PackagePage,
    ),
    Endpoint(
        method="GET",
        path="/packages/{package_id}",
        name="show_package",
        summary="A package.",
        roles=READERS,
        gives=Package,
        refusals=_OF_PACKAGE,
    ),
    _uploading("PUT", "put_file"),
    _uploading("POST", "post_file"),
    Endpoint(
        method="GET",
        path="/packages/{package_id}/files",
        name="list_files",
        summary="The files of a package in the order of their paths.",
        roles=READERS,
        parameters=_page("path", "text"),
        gives=messages.FilePage,
        refusals=_OF_PACKAGE,
    ),
    Endpoint(
        method="POST",
        path="/packages/{package_id}/finalize",
        name="finalize_package",
        summary="Write the manifest of a package, apply its retention, and let nothing of it change any more.",
        roles=PUBLISHERS,
        parameters=(Parameter("file_count", "count", "Only if the package holds so many files."),),
        gives=messages.FinalPackage,
        refusals=_OF_PACKAGE,
    ),
    Endpoint(
        method="GET",
        path="/packages/{package_id}/manifest",
        name="manifest_cbor",
        summary="The manifest of a finalised package, as the canonical CBOR whose BLAKE3 is its identity.",
        roles=READERS,
        parameters=_CONDITIONS,
        statuses=(200, 304),
        gives=MANIFEST_TYPE,
        headers=("ETag",),
        refusals=(404, 412),
    ),
    Endpoint(
        method="GET",
        path="/packages/{package_id}/manifest.json",
        name="manifest_json",
        summary="The same manifest as canonical JSON (RFC 8785).",
        roles=READERS,
        parameters=_CONDITIONS,
        statuses=(200, 304),
        gives=JSON,
        headers=("ETag",),
        refusals=(404, 412),
    ),
    Endpoint(
        method="GET",
        path="/packages/{package_id}/attestations",
        name="list_attestations",
        summary="What was said of a package, such as signatures.",
        roles=READERS,
        gives=messages.AttestationList,
        refusals=_OF_PACKAGE,
    ),
    Endpoint(
        method="PUT",
        path="/packages/{package_id}/attestations/{name}",
        name="attest",
        summary="Keep something that is said of a finalised package beside it, under a name.",
        roles=PUBLISHERS,
        takes=BYTES,
        takes_types=("*/*",),
        statuses=(200, 201),
        gives=Attestation,
        makes=("name", "/name"),
        refusals=(404, 408, 409, 413, 415, 422),
    ),
    Endpoint(
        method="GET",
        path="/packages/{package_id}/attestations/{name}",
        name="show_attestation",
        summary="The bytes of what was said.",
        roles=READERS,
        parameters=_CONDITIONS,
        statuses=(200, 304),
        gives=BYTES,
        headers=("ETag", "Content-Disposition"),
        refusals=(404, 412),
    ),
    _deciding("extensions", "extend_retention", "Keep a package longer; never shorter.", messages.Extension),
    _deciding("hold", "set_hold", "Keep a package, whatever its retention says.", messages.Decision),
    _deciding("hold/release", "release_hold", "Let the retention of a package count again.", messages.Decision),
    Endpoint(
        method="GET",
        path="/retention-classes",
        name="list_retention_classes",
        summary="The retention classes that packages can have.",
        roles=READERS,
        gives=messages.RetentionClasses,
    ),
    Endpoint(
        method="GET",
        path="/files/{file_id}",
        name="show_file",
        summary="A file, and the package that it is part of.",
        roles=READERS,
        gives=messages.FileOfPackage,
        refusals=(404,),
    ),
    Endpoint(
        method="GET",
        path="/files/{file_id}/download",
        name="download",
        summary="The bytes of a file, or a range of them.",
        roles=READERS,
        parameters=(*_RANGE, *_CONDITIONS),
        statuses=(200, 206, 304),
        gives=BYTES,
        headers=("ETag", "Repr-Digest", "Accept-Ranges", "Content-Range", "Content-Disposition"),
        refusals=(404, 412, 416),
    ),
    Endpoint(
        method="POST",
        path="/metadata-schemas",
        name="register_schema",
        summary="Register a JSON Schema of draft 2020-12 under its `$id`, for good.",
        roles=PUBLISHERS,
        takes=JSON,
        takes_types=("application/schema+json", JSON),
        statuses=(200, 201),
        gives=messages.SchemaEntry,
        headers=("Location",),
        makes=("schema_id", "/schema_id"),
        refusals=(409, *_TAKING_JSON),
    ),
    Endpoint(
        method="GET",
        path="/metadata-schemas",
        name="list_schemas",
        summary="The metadata schemas that are registered.",
        roles=READERS,
        gives=messages.SchemaList,
    ),
    Endpoint(
        method="GET",
        path="/metadata-schemas/{schema_id}",
        name="show_schema",
        summary="A metadata schema, as canonical JSON.",
        roles=READERS,
        gives="application/schema+json",
        refusals=(404,),
    ),
    Endpoint(
        method="GET",
        path="/events",
        name="list_events",
        summary="What happened to packages of the tenant, in order.",
        roles=READERS,
        parameters=(
            *_page("number", "count"),
            Parameter("wait", "count", "Where there is nothing yet, wait so many seconds for it.", most=WAIT_MAX_S),
        ),
        gives=messages.EventPage,
    ),
    Endpoint(
        method="GET",
        path="/openapi.json",
        name="describe",
        summary="This description.",
        roles=ANYBODY,
        gives=JSON,
    ),
    Endpoint(
        method="GET",
        path="/health/live",
        name="live",
        summary="Whether the server answers at all.",
        roles=ANYBODY,
        gives=messages.Health,
    ),
    Endpoint(
        method="GET",
        path="/health/ready",
        name="ready",
        summary="Whether the server can use its store.",
        roles=ANYBODY,
        gives=messages.Health,
        refusals=(503,),
    ),
)
"""In the order of the page."""
