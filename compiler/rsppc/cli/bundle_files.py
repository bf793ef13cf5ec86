"""Files of a built bundle and of what was signed of it, and where two sets of files differ."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import msgspec

from rsppc.base.canonical_json import canonical
from rsppc.base.difference import first_difference
from rsppc.cli.session import fault
from rsppc.signing.bundles import FOLDER, PROVENANCE, SBOM

_FILE_SIZE_MAX = 1 << 28
_ORDER = ("resolved_spec.json", "bundle.json", "distribution.json", "provenance.json")
"""What differs in the first of these explains what differs in the others."""
_SHOWN_MAX = 200


def attestation_folder(bundle: str) -> str:
    """Where the attestations of a bundle lie: beside it, `build/ID/VERSION.attestations`."""
    return os.path.abspath(bundle) + FOLDER


def bundle_files(folder: str) -> dict[str, bytes]:
    """All files in a folder. What is no file has no content that anybody could have signed, and counts as an empty one
    of that name."""
    return _files(folder, None)


def attestation_files(folder: str) -> dict[str, bytes]:
    """The attestations in a folder; whatever else lies there is nobody's business here."""
    return _files(folder, (PROVENANCE, SBOM))


def _files(folder: str, wanted: tuple[str, ...] | None) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    try:
        for entry in sorted(os.scandir(folder), key=lambda one: one.name):
            if wanted is not None and entry.name not in wanted:
                continue
            if not entry.is_file():  # a pipe would be waited for, for ever
                found[entry.name] = b""
                continue
            with open(entry.path, "rb") as file:
                found[entry.name] = file.read(_FILE_SIZE_MAX)
    except FileNotFoundError:
        return found
    except OSError as error:
        fault(f"cannot read `{error.filename or folder}`: {(error.strerror or 'input/output error').lower()}")
    return found


def first_difference_of(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> str | None:
    """The first value in which two sets of files differ, with file, place and both values; None where they are equal,
    byte for byte."""
    for name in sorted({*before, *after}, key=lambda one: (_ORDER.index(one) if one in _ORDER else len(_ORDER), one)):
        if name not in before or name not in after:
            return f"`{name}` is only in one of them"
        if before[name] != after[name]:
            return _difference_in(name, before[name], after[name])
    return None


def _difference_in(name: str, before: bytes, after: bytes) -> str:
    try:
        values: list[Any] = [msgspec.json.decode(data) for data in (before, after)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return f"`{name}` cannot be read as JSON"
    found = first_difference(*values)
    if found is None:
        return f"`{name}` says the same in another layout"
    return f"`{name}` at `{found.pointer}` is {_shown(found.before)}, and {_shown(found.after)} when it is built now"


def _shown(value: Any) -> str:
    text = canonical(value).decode()
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"
