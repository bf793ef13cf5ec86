"""How a place of packages is named: a repository of a registry, or a folder in the layout of OCI images."""

from __future__ import annotations

import re

from rsppc.base.digest import is_digest
from rsppc.base.record import Record
from rsppc.store.problems import StoreProblem

_HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_PORT_MAX = 65535
_STEP = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_STEP}(?:/{_STEP})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_REPOSITORY_MAX = 255
_ADVICE = "write `oci://HOST/REPOSITORY[:TAG][@sha256:…]`, or `oci:FOLDER[:TAG]` for a folder"


class Reference(Record):
    """A place, and perhaps which package of those that are there."""

    host: str
    """With its port; empty for a folder."""
    path: str
    """The repository, or the folder."""
    tag: str | None = None
    digest: str | None = None
    """Of the manifest, `sha256:…`; it goes before the tag."""

    @property
    def shown(self) -> str:
        """The place alone."""
        return f"oci://{self.host}/{self.path}" if self.host else f"oci:{self.path}"

    @property
    def wanted(self) -> str | None:
        """By what the package is asked for."""
        return self.digest or self.tag


def reference_of(text: str) -> Reference:
    """The reference that a text is; a `StoreProblem` where it is none."""
    if text.startswith("oci://"):
        host, _, rest = text.removeprefix("oci://").partition("/")
        if "@" in host:
            raise StoreProblem("malformed", "a password has no place in a reference", _credentials_advice())
        name, tag, digest = _parts(rest)
        port = host.rpartition(":")[2] if not host.endswith("]") and ":" in host else "1"
        if _HOST.fullmatch(host) is None or not 0 < int(port) <= _PORT_MAX:
            raise _malformed(text)
        if _REPOSITORY.fullmatch(name) is None or len(name) > _REPOSITORY_MAX:
            raise _malformed(text)
        return Reference(host=host.lower(), path=name, tag=tag, digest=digest)
    if text.startswith("oci:"):
        folder, tag, digest = _parts(text.removeprefix("oci:"))
        if not folder or "\0" in folder:
            raise _malformed(text)
        return Reference(host="", path=folder, tag=tag, digest=digest)
    raise _malformed(text)


def _parts(text: str) -> tuple[str, str | None, str | None]:
    """Name, tag and digest."""
    rest, at, digest = text.partition("@")
    name, colon, tag = rest.partition(":")
    if (at and not is_digest(digest)) or (colon and _TAG.fullmatch(tag) is None):
        raise _malformed(text)
    return name, tag if colon else None, digest if at else None


def _malformed(text: str) -> StoreProblem:
    return StoreProblem("malformed", f"{text[:120]!a} names no place of packages", _ADVICE)


def _credentials_advice() -> str:
    return "set RSPPC_OCI_USER and RSPPC_OCI_PASSWORD, or log in with `docker login` or `skopeo login`"
