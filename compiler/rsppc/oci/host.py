"""A repository of a registry: the protocol of OCI distribution, as much of it as registries of 1.0 know.

A password goes to the registry itself and to its server of tokens, over TLS; blobs may come from elsewhere, where no
password goes along. Only a registry on this machine sends to this machine without TLS: what listens here is not meant
for others. What fails for the moment is tried a few times.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

import msgspec

from rsppc.base.digest import Digest
from rsppc.oci.artifact import IMAGE_MANIFEST, SIZE_MAX, digest_of
from rsppc.oci.credentials import Credentials, may_be_told
from rsppc.oci.http import EMPTY, LOOPBACK, Answer, Body, Connections, body_of, host_of, origin_of, parts_of
from rsppc.oci.login import authorisation, denied
from rsppc.oci.places import moved
from rsppc.oci.proxies import Proxy
from rsppc.oci.reference import Reference
from rsppc.store.problems import StoreProblem

_TRIES = 3
_WAIT_S = 0.3
_REDIRECTS_MAX = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_LATER = (429, 500, 502, 503, 504)
_LOST = (400, 404)
"""How a registry ends an upload while somebody else brings the same bytes: it finds them wrong, or knows of none."""
_ERROR_SIZE_MAX = 2**16
_ERROR_CODE = re.compile(r"[A-Z_]{1,40}")
_ANY_MANIFEST = ", ".join(
    (
        IMAGE_MANIFEST,
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
    )
)
"""A tag that names an image is not free; registries keep silent of kinds that they are not asked for."""
_HUB = {"docker.io": "registry-1.docker.io", "index.docker.io": "registry-1.docker.io"}

_T = TypeVar("_T")


class _ForNow(Exception):
    """An answer that may be another one the next time."""


class RegistryHost:
    """The packages in a repository."""

    def __init__(
        self,
        reference: Reference,
        credentials: Credentials,
        *,
        plain_http: bool = False,
        proxy_for: Callable[[str, str], Proxy | None] = lambda _scheme, _host: None,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        host = _HUB.get(reference.host, reference.host)
        self._plain = plain_http
        self._name = urlsplit(f"//{host}").hostname or ""
        scheme = "http" if plain_http or self._name in LOOPBACK else "https"
        self._root = f"{scheme}://{host}/v2/{reference.path}"
        self._shown = reference.shown
        self._credentials = credentials
        self._authorisation = ""
        self._connections = Connections(proxy_for)
        self._wait = wait

    @property
    def shown(self) -> str:
        return self._shown

    def close(self) -> None:
        self._connections.close()

    def manifest(self, wanted: str) -> bytes | None:
        def ask() -> bytes | None:
            answer = self._asked("GET", f"{self._root}/manifests/{wanted}", {"Accept": _ANY_MANIFEST})
            if answer.status == 404:
                answer.close()
                return None
            self._expect(answer, 200)
            said = answer.headers.get("Docker-Content-Digest")
            data = answer.read(SIZE_MAX)
            found = digest_of(data)
            for digest in (said, wanted if wanted.startswith("sha256:") else None):
                if digest is not None and digest.startswith("sha256:") and digest != found:
                    raise StoreProblem(
                        "corrupt",
                        f"`{self._shown}` answers `{wanted}` with a manifest that has {found}, not {digest[:80]!a}",
                        "something between changes what is sent; use another way to the registry",
                    )
            return data

        return self._patient(ask)

    def tagged(self, tag: str) -> Digest | None:
        data = self.manifest(tag)
        return None if data is None else digest_of(data)

    def has(self, digest: str, size: int) -> bool:
        def ask() -> bool:
            answer = self._followed("HEAD", f"{self._root}/blobs/{digest}")
            if answer.status == 404:
                answer.close()
                return False
            self._expect(answer, 200)
            answer.close()
            said = answer.headers.get("Content-Length", "")
            return not said.isdigit() or int(said) == size

        return self._patient(ask)

    def blob(self, digest: str, size: int) -> Iterator[bytes]:
        def ask() -> Answer:
            answer = self._followed("GET", f"{self._root}/blobs/{digest}")
            if answer.status == 404:
                answer.close()
                raise StoreProblem(
                    "corrupt",
                    f"the blob {digest} is missing in `{self._shown}`",
                    "push the package again from a store that has it",
                )
            self._expect(answer, 200)
            return answer

        yield from self._patient(ask).pieces(size)

    def put(self, digest: str, size: int, pieces: Callable[[], Iterable[bytes]]) -> None:
        def ask() -> None:
            begun = self._asked("POST", f"{self._root}/blobs/uploads/", {}, EMPTY)
            self._expect(begun, 202)
            begun.read(_ERROR_SIZE_MAX)
            place = _joined(begun)
            self._refuse_plain(place)
            headers = {"Content-Type": "application/octet-stream"}
            answer = self._asked("PUT", _with(place, digest=digest), headers, Body(size=size, pieces=pieces))
            self._expect(answer, 201, later=(*_LATER, *_LOST))
            answer.read(_ERROR_SIZE_MAX)

        self._patient(ask)

    def put_manifest(self, data: bytes, digest: str, tag: str | None, named: str | None) -> None:
        def ask() -> None:
            if tag is not None and (other := self.tagged(tag)) not in (named, digest):
                raise moved(self._shown, tag, other)  # the protocol has no way to ask and write at once
            url = f"{self._root}/manifests/{tag or digest}"
            answer = self._asked("PUT", url, {"Content-Type": IMAGE_MANIFEST}, body_of(data))
            self._expect(answer, 201)
            answer.read(_ERROR_SIZE_MAX)

        self._patient(ask)

    # Inside

    def _patient(self, ask: Callable[[], _T]) -> _T:
        """Try again what may work the next time. What a body could not give is no fault of the registry."""
        for number in range(_TRIES):
            try:
                return ask()
            except _ForNow as fault:
                problem: StoreProblem = fault.args[0]
            except StoreProblem as fault:
                if fault.kind != "environment" or number == _TRIES - 1 or not fault.advice.endswith("try again"):
                    raise
                problem = fault
            if number < _TRIES - 1:
                self._wait(_WAIT_S * 4**number)
        raise problem

    def _followed(self, method: str, url: str) -> Answer:
        """An answer, perhaps from elsewhere."""
        for _ in range(_REDIRECTS_MAX):
            answer = self._asked(method, url, {})
            if answer.status not in _REDIRECTS:
                return answer
            answer.close()
            url = _joined(answer)
            self._refuse_plain(url)
        raise StoreProblem("environment", f"`{self._shown}` sends elsewhere again and again")

    def _asked(self, method: str, url: str, headers: dict[str, str], body: Body | None = None) -> Answer:
        """An answer, after saying who we are where the registry itself wants to know."""
        if origin_of(url) != origin_of(self._root):
            return self._connections.ask(method, url, headers, body)
        answer = self._connections.ask(method, url, self._with_name(headers), body)
        if answer.status != 401:
            return answer
        answer.read(_ERROR_SIZE_MAX)
        self._authorisation = authorisation(
            answer.headers, self._credentials, self._connections.ask, self._refuse_place_of_tokens
        )
        if not self._authorisation:
            raise denied(answer, self._credentials)
        return self._connections.ask(method, url, self._with_name(headers), body)

    def _with_name(self, headers: dict[str, str]) -> dict[str, str]:
        return {**headers, "Authorization": self._authorisation} if self._authorisation else headers

    def _expect(self, answer: Answer, status: int, later: tuple[int, ...] = _LATER) -> None:
        if answer.status == status:
            return
        if answer.status in (401, 403):
            answer.close()
            raise denied(answer, self._credentials)
        said = f"answers {answer.status}{_reason(answer)}"
        if answer.status in _LATER:
            raise _ForNow(StoreProblem("environment", f"`{host_of(answer.url)}` {said}", "try again"))
        problem = StoreProblem(
            "refused" if 400 <= answer.status < 500 else "environment",
            f"`{self._shown}` does not do it: it {said}",
            "see whether the repository is there, may be written, and takes artifacts of OCI",
        )
        raise _ForNow(problem) if answer.status in later else problem

    def _refuse_plain(self, url: str) -> None:
        """Refuse to go where everybody listens, unless that is the way that was asked for."""
        parts = parts_of(url)
        if parts is None:
            raise StoreProblem("refused", f"`{self._shown}` sends to {url[:100]!a}, which is no address")
        local = parts.hostname in LOOPBACK and self._name in LOOPBACK
        if parts.scheme == "http" and not self._plain and not local:
            raise StoreProblem(
                "refused",
                f"`{self._shown}` sends to `{host_of(url)}` without TLS",
                "`--plain-http` allows it, for a network that nobody else is in",
            )

    def _refuse_place_of_tokens(self, url: str, tells: bool) -> None:
        """Refuse a server of tokens that is not to be asked, or that is nobody to tell a password."""
        self._refuse_plain(url)
        host = urlsplit(url).hostname or ""
        if tells and not may_be_told(host, self._name, self._credentials):
            raise StoreProblem(
                "refused",
                f"`{self._shown}` wants `{host}` to be told who you are, which is another host",
                f"if that is where it has its tokens from, set RSPPC_OCI_TOKEN_HOST={host}",
            )


def _joined(answer: Answer) -> str:
    """Where an answer sends."""
    try:
        return urljoin(answer.url, answer.headers.get("Location", ""))
    except ValueError:
        return ""


def _with(url: str, **more: str) -> str:
    parts = urlsplit(url)
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *more.items()])
    return urlunsplit(parts._replace(query=query, fragment=""))


def _reason(answer: Answer) -> str:
    """The code of the first error in an answer; its prose is anybody's."""
    try:
        value: Any = msgspec.json.decode(answer.read(_ERROR_SIZE_MAX))
        code = value["errors"][0]["code"]
    except (msgspec.DecodeError, UnicodeDecodeError, StoreProblem, LookupError, TypeError, RecursionError):
        return ""
    return f" ({code})" if isinstance(code, str) and _ERROR_CODE.fullmatch(code) is not None else ""
