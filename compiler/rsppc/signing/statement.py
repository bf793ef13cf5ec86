"""What a builder says of a bundle: an in-toto Statement with SLSA provenance.

    subject                 every file of the bundle by name, with SHA-256 and BLAKE3
    externalParameters      the arguments of the build
    internalParameters      whether every reference of the bundle was pinned by digest
    resolvedDependencies    every file that the build read: by path in the workspace, and by `rsppc:PATH` what ships
                            with the compiler, which is found by its version
    runDetails              which compiler, and the bill of materials as a by-product

A statement is canonical JSON and holds no time, host, user or folder, so that whoever builds the same bundle says the
same, byte for byte. A time stands in it only where the caller gives one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from rsppc.base.canonical_json import canonical
from rsppc.base.digest import is_digest
from rsppc.base.record import Record
from rsppc.evidence.moment import moment_text
from rsppc.signing.refusals import Refused, refused
from rsppc.store.hashing import Digests

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:rspp:build:bundle:v1"
BUILDER_ID = "urn:rspp:builder:rsppc"
SBOM_TYPE = "application/vnd.cyclonedx+json; version=1.6"
SHIPPED = "rsppc:"
"""How the names of inputs begin that ship with the compiler."""
INPUTS_MAX = 100_000


class Arguments(Record, forbid_unknown_fields=True):
    """What was asked of the compiler."""

    bundle: str
    snapshot: str
    runtime: str
    """Empty where none is named but in `rsppc.toml`."""
    strict: bool


class Input(Record):
    """A file that a build read."""

    name: str
    sha256: str
    """`sha256:<64 hex>`"""


class _Descriptor(Record, forbid_unknown_fields=True, omit_defaults=True):
    name: str
    digest: dict[str, str]
    uri: str = ""
    mediaType: str = ""


class _Internal(Record, forbid_unknown_fields=True):
    locked: bool


class _Definition(Record, forbid_unknown_fields=True):
    buildType: str
    externalParameters: Arguments
    internalParameters: _Internal
    resolvedDependencies: list[_Descriptor]


class _Builder(Record, forbid_unknown_fields=True):
    id: str
    version: dict[str, str]


class _Metadata(Record, forbid_unknown_fields=True):
    finishedOn: str


class _Details(Record, forbid_unknown_fields=True, omit_defaults=True):
    builder: _Builder
    byproducts: list[_Descriptor]
    metadata: _Metadata | None = None


class _Provenance(Record, forbid_unknown_fields=True):
    buildDefinition: _Definition
    runDetails: _Details


class _Statement(Record, forbid_unknown_fields=True, rename={"type": "_type"}):
    type: str
    subject: list[_Descriptor]
    predicateType: str
    predicate: _Provenance


class _Announced(Record, rename={"type": "_type"}):
    """As much of any statement as says what it is."""

    type: str
    predicateType: str


class Statement(Record):
    """What a builder says, once the signature was checked."""

    subjects: dict[str, dict[str, str]]
    """Digests of files by name, then by algorithm, in hexadecimal."""
    arguments: Arguments
    locked: bool
    """Whether everything that the bundle refers to was pinned by digest, so that `build --locked` takes it."""
    inputs: tuple[Input, ...]
    byproducts: dict[str, dict[str, str]]
    compiler: str
    """Version of rsppc."""
    finished_on: str | None


def statement(
    files: Mapping[str, Digests],
    arguments: Arguments,
    inputs: Sequence[Input],
    byproducts: Mapping[str, Digests],
    *,
    locked: bool,
    compiler: str,
    finished_on: datetime | None = None,
) -> bytes:
    """What is signed of a bundle."""
    made = _Statement(
        type=STATEMENT_TYPE,
        subject=[_Descriptor(name=name, digest=_hex(files[name])) for name in sorted(files)],
        predicateType=PREDICATE_TYPE,
        predicate=_Provenance(
            buildDefinition=_Definition(
                buildType=BUILD_TYPE,
                externalParameters=arguments,
                internalParameters=_Internal(locked=locked),
                resolvedDependencies=[_input(one, compiler) for one in sorted(inputs, key=lambda one: one.name)],
            ),
            runDetails=_Details(
                builder=_Builder(id=BUILDER_ID, version={"rsppc": compiler}),
                byproducts=[
                    _Descriptor(name=name, digest=_hex(byproducts[name]), mediaType=SBOM_TYPE)
                    for name in sorted(byproducts)
                ],
                metadata=_Metadata(finishedOn=moment_text(finished_on)) if finished_on is not None else None,
            ),
        ),
    )
    return canonical(made)


def read_statement(payload_type: str, payload: bytes, name: str) -> Statement:
    """The statement in a payload whose signature was checked; refused where it is of another type, or malformed."""
    if payload_type != PAYLOAD_TYPE:
        what = f"`{name}` holds `{payload_type[:80]}`, and not `{PAYLOAD_TYPE}`"
        raise refused("payload-type", what, "name the envelope of a statement")
    found = _converted(payload, _Announced, name)
    if found.type != STATEMENT_TYPE:
        raise refused("predicate-other", f"`{name}` is a statement of type `{found.type[:80]}`", _OTHER)
    if found.predicateType != PREDICATE_TYPE:
        what = f"`{name}` states `{found.predicateType[:80]}`, and not `{PREDICATE_TYPE}`"
        raise refused("predicate-other", what, _OTHER)
    made = _converted(payload, _Statement, name)
    if canonical(made) != payload:
        raise _malformed(name, "it is not in the canonical form")
    definition, details = made.predicate.buildDefinition, made.predicate.runDetails
    if definition.buildType != BUILD_TYPE or details.builder.id != BUILDER_ID:
        raise refused("predicate-other", f"`{name}` tells of a build by another kind of builder", _OTHER)
    return Statement(
        subjects=_by_name(made.subject, name),
        arguments=definition.externalParameters,
        locked=definition.internalParameters.locked,
        inputs=tuple(_inputs(definition.resolvedDependencies, name)),
        byproducts=_by_name(details.byproducts, name),
        compiler=details.builder.version.get("rsppc", "of an unknown version"),
        finished_on=details.metadata.finishedOn if details.metadata is not None else None,
    )


def _inputs(descriptors: Sequence[_Descriptor], name: str) -> Iterator[Input]:
    for one, digest in _by_name(descriptors, name).items():
        sha256 = f"sha256:{digest.get('sha256', '')}"
        if not is_digest(sha256):
            raise _malformed(name, f"the input {one[:80]!a} has no SHA-256")
        yield Input(name=one, sha256=sha256)


def _hex(digests: Digests) -> dict[str, str]:
    return {"blake3": digests.primary.removeprefix("blake3:"), "sha256": digests.sha256.removeprefix("sha256:")}


def _input(one: Input, compiler: str) -> _Descriptor:
    digest = {"sha256": one.sha256.removeprefix("sha256:")}
    if not one.name.startswith(SHIPPED):
        return _Descriptor(name=one.name, digest=digest)
    uri = f"pkg:pypi/rsppc@{compiler}#pipelines/{one.name.removeprefix(SHIPPED)}"
    return _Descriptor(name=one.name, digest=digest, uri=uri)


def _converted(payload: bytes, kind: type[Any], name: str) -> Any:
    try:
        return msgspec.json.decode(payload, type=kind, strict=True)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(name, str(error)) from None


def _by_name(descriptors: Sequence[_Descriptor], name: str) -> dict[str, dict[str, str]]:
    if len(descriptors) > INPUTS_MAX:
        raise _malformed(name, f"it names more than {INPUTS_MAX} files")
    found = {one.name: one.digest for one in descriptors}
    if len(found) != len(descriptors):
        raise _malformed(name, "it names a file twice")
    return found


_OTHER = "name the provenance that `rsppc sign` wrote for this bundle"


def _malformed(name: str, why: str) -> Refused:
    return refused("payload-malformed", f"the statement in `{name}` cannot be read: {why}", "sign again")
