"""Names, versions and references: their shapes, and what an author probably meant."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rsppc.base.record import Record

ID = re.compile(r"[a-z][a-z0-9_]*")
PROVIDER_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
DOTTED_ID = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*")
VERSION = re.compile(r"v(0|[1-9][0-9]{0,8})(\.(0|[1-9][0-9]{0,8})){0,2}")
_REF = re.compile(
    r"(?:(?P<kind>[a-z_]+):)?(?P<id>[a-z][a-z0-9_]*)/(?P<version>v[0-9.]+)(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)

_FILE_NAME = re.compile(r"(?P<id>.+)_(?P<version>v[0-9]{1,9}(?:\.[0-9]{1,9}){0,2})")


class Ref(Record):
    """A reference to one version of one artifact, as in `simple/v1` or `profile:simple/v1@sha256:…`."""

    id: str
    version: str
    kind: str | None = None
    digest: str | None = None

    def __str__(self) -> str:
        kind = f"{self.kind}:" if self.kind else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{kind}{self.id}/{self.version}{digest}"

    @property
    def name(self) -> str:
        """The short form, without kind and digest."""
        return f"{self.id}/{self.version}"


def name_of_file(path: str) -> re.Match[str] | None:
    """The `id` and `version` that the name of a source file states; None if it states none."""
    return _FILE_NAME.fullmatch(path.rsplit("/", 1)[-1].rpartition(".")[0])


def parse_ref(text: str) -> Ref | None:
    """The reference that a text states; None if it states none."""
    found = _REF.fullmatch(text)
    if found is None or VERSION.fullmatch(found["version"]) is None:
        return None
    return Ref(kind=found["kind"], id=found["id"], version=found["version"], digest=found["digest"])


def version_key(version: str) -> tuple[int, int, int]:
    """Sort key of a version; `v1`, `v1.0` and `v1.0.0` are one version and have one key."""
    numbers = [int(part) for part in version[1:].split(".")]
    major, minor, patch = (*numbers, 0, 0)[:3]
    return major, minor, patch


def in_range(version: str, oldest: str, newest: str) -> bool:
    """Whether a version lies in a range, both ends included; `v1` as the upper end means every v1.x."""
    found = version_key(version)
    return version_key(oldest) <= found and (found <= version_key(newest) or version.startswith(f"{newest}."))


def near_miss(name: str, known: Iterable[str]) -> str | None:
    """The known name that was probably meant, if one is near enough to be worth suggesting."""
    from difflib import get_close_matches  # only when something is wrong: 3 ms of import

    if len(name) > 200:
        return None
    found = get_close_matches(name, sorted(known)[:5000], n=1, cutoff=0.7)
    return found[0] if found else None
