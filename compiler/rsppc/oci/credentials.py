"""Who somebody is to a registry, from where the usual tools keep it. None of it is ever printed."""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from rsppc.base.record import Record, replace

_FILE_SIZE_MAX = 2**20
_DOCKER_HUB = ("docker.io", "index.docker.io", "registry-1.docker.io")
_DOCKER_HUB_TOKENS = "auth.docker.io"


class Credentials(Record):
    """A name and a password, or a token. All of them empty is nobody."""

    user: str = ""
    password: str = ""
    token: str = ""
    """Sent as it is, instead of a name and a password."""
    refresh: str = ""
    """Exchanged for a token where a registry asks for one."""
    helper: str = ""
    """The program that would know, which is not run."""
    token_host: str = ""
    """A host that may be told as well, since it gives tokens for the registry."""

    def __repr__(self) -> str:  # a password is not to stand in a traceback
        return "Credentials(…)"

    @property
    def basic(self) -> str | None:
        """The value of a header, where there is a name."""
        if not self.user:
            return None
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


def credentials_for(host: str, repository: str, settings: Mapping[str, str]) -> Credentials:
    """Those of the environment, or else of the first file that has any for a repository.

    `RSPPC_OCI_TOKEN`, or `RSPPC_OCI_USER` and `RSPPC_OCI_PASSWORD`; then the files of `docker login`, `podman login`
    and `skopeo login`. A file that cannot be read has none.
    """
    return replace(_found(host, repository, settings), token_host=settings.get("RSPPC_OCI_TOKEN_HOST", "").lower())


def may_be_told(host: str, registry: str, credentials: Credentials) -> bool:
    """Whether a host that a registry sends to for a token may know who asks: the registry's own, one whose name the
    registry's lies below, and one that was named. A registry that hands on what others answer names no other."""
    hub = registry in _DOCKER_HUB and host == _DOCKER_HUB_TOKENS
    above = "." in host and registry.endswith(f".{host}")
    return hub or above or (host != "" and host in (registry, credentials.token_host))


def _found(host: str, repository: str, settings: Mapping[str, str]) -> Credentials:
    if settings.get("RSPPC_OCI_TOKEN"):
        return Credentials(token=settings["RSPPC_OCI_TOKEN"].strip())
    if settings.get("RSPPC_OCI_USER"):
        return Credentials(user=settings["RSPPC_OCI_USER"], password=settings.get("RSPPC_OCI_PASSWORD", ""))
    helper = ""
    for path in _files(settings):
        config = _read(path)
        found = _in(config, host, repository)
        if found is not None:
            return found
        helper = helper or _helper_of(config, host)
    return Credentials(helper=helper)


def _files(settings: Mapping[str, str]) -> Iterator[str]:
    if settings.get("REGISTRY_AUTH_FILE"):
        yield settings["REGISTRY_AUTH_FILE"]
    if settings.get("XDG_RUNTIME_DIR"):
        yield os.path.join(settings["XDG_RUNTIME_DIR"], "containers", "auth.json")
    home = settings.get("HOME", "")
    folder = settings.get("DOCKER_CONFIG") or (os.path.join(home, ".docker") if home else "")
    if folder:
        yield os.path.join(folder, "config.json")


def _read(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            value = json.loads(file.read(_FILE_SIZE_MAX))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _in(config: Mapping[str, Any], host: str, repository: str) -> Credentials | None:
    auths = config.get("auths")
    if not isinstance(auths, dict):
        return None
    for name in _names(host, repository):
        one = auths.get(name)
        if isinstance(one, dict) and (found := _of(one)) is not None:
            return found
    return None


def _names(host: str, repository: str) -> Iterator[str]:
    """Under which names a file may hold them, the closest first."""
    steps = repository.split("/")
    for count in range(len(steps), 0, -1):
        yield "/".join([host, *steps[:count]])
    hosts = _DOCKER_HUB if host in _DOCKER_HUB else (host,)
    for one in hosts:
        yield one
        for path in ("", "/", "/v1/", "/v2/"):
            yield f"https://{one}{path}"


def _of(one: Mapping[str, Any]) -> Credentials | None:
    for key, field in (("registrytoken", "token"), ("identitytoken", "refresh")):
        if isinstance(one.get(key), str) and one[key]:
            return Credentials(**{field: one[key]})
    try:
        user, colon, password = base64.b64decode(one.get("auth") or "", validate=True).decode().partition(":")
    except (binascii.Error, TypeError, ValueError):
        return None
    return Credentials(user=user, password=password.rstrip("\0")) if colon and user else None


def _helper_of(config: Mapping[str, Any], host: str) -> str:
    helpers = config.get("credHelpers")
    found = helpers.get(host) if isinstance(helpers, dict) else None
    found = found or config.get("credsStore") or ""
    return f"docker-credential-{found}"[:80] if isinstance(found, str) and found else ""
