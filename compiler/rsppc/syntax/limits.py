"""Limits that hold for YAML and JSON alike, and what both refuse about a document as a whole.

The limits are far above what a speech pipeline needs; they are there so that no file, however it was made, can hang or
crash the compiler or anything that later walks the document.
"""

from __future__ import annotations

from rsppc.diagnostics import Diagnostic

DEPTH_MAX = 64
KEYS_MAX = 50_000
NODES_MAX = 1_000_000
SCALAR_CHARACTERS_MAX = 1024 * 1024
INTEGER_MAX = 2**53 - 1


class TooDeep(Diagnostic):
    """Lists and mappings may stand inside one another 64 levels deep. Nobody reads deeper ones; attacks use them."""

    code = "RSP0111"
    name = "nesting-too-deep"
    headline = "nesting deeper than 64"
    hint = "flatten this part, or move it to a module of its own"


class TooManyKeys(Diagnostic):
    """One mapping has at most 50,000 keys."""

    code = "RSP0112"
    name = "too-many-keys"
    headline = "this mapping has more than 50000 keys"
    hint = "split the mapping"


class TooManyNodes(Diagnostic):
    """A document has at most 1,000,000 values, counted after every alias is replaced by what it stands for.

    A few lines of aliases to aliases can stand for billions of values.
    """

    code = "RSP0113"
    name = "too-many-nodes"
    headline = "too many expanded nodes: from here on the document has more than 1000000 values"
    hint = "{remedy}"

    remedy: str = "split the document"


class ScalarTooLong(Diagnostic):
    """One value or key has at most 1,048,576 characters."""

    code = "RSP0114"
    name = "scalar-too-long"
    headline = "this {what} has {length} characters; at most 1048576 are allowed"
    hint = "keep long content in a file under `assets/` and refer to it"

    what: str
    length: int


class DuplicateKey(Diagnostic):
    """A key stands once in a mapping. Readers disagree about which of two counts, so neither is safe to write."""

    code = "RSP0115"
    name = "duplicate-key"
    headline = "the key `{subject}` is written twice in one mapping (first on line {first_line}, column {first_column})"
    hint = "keep one of the two"

    first_line: int
    first_column: int


class IntegerOutOfRange(Diagnostic):
    """Integers lie within ±9007199254740991 (2^53 − 1): every language that runs a plan keeps those exactly."""

    code = "RSP0116"
    name = "number-out-of-range"
    headline = "the number {subject} is out of range: it must lie between -{largest} and {largest}"
    hint = "use a smaller number, or quote it if it is not meant to be counted with"

    largest: int = INTEGER_MAX


class EmptyFile(Diagnostic):
    """One file holds one artifact; a file with nothing in it holds none."""

    code = "RSP0117"
    name = "empty-file"
    headline = "this file {what}; it should hold one artifact"
    hint = "begin with `schema_version`, for instance `schema_version: rspp.pipeline.spec.v1`"

    what: str


class RootNotAMapping(Diagnostic):
    """An artifact is a mapping from keys to values."""

    code = "RSP0118"
    name = "root-not-a-mapping"
    headline = "this file holds {what}; an artifact is a mapping of keys to values"
    hint = "begin with `schema_version`, for instance `schema_version: rspp.pipeline.spec.v1`"

    what: str


def shortened(text: str, length_max: int = 40) -> str:
    """A written value as a message quotes it: on one line and not too long."""
    line = " ".join(text.split())
    return line if len(line) <= length_max else f"{line[: length_max - 1]}…"
