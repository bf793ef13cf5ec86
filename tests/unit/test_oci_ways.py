"""The ways to a registry: proxies, servers of tokens, and where a registry may send; and what is said of strangers."""

from __future__ import annotations

import contextlib
import datetime
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from forward_proxy import ForwardProxy, forward_proxy
from registry_service import PASSWORD, USER, RegistryService, registry_service
from rsppc.cli.exits import ENVIRONMENT, FINDINGS, OK
from rsppc.oci import http
from rsppc.oci.credentials import Credentials, may_be_told
from rsppc.oci.host import RegistryHost
from rsppc.oci.http import Answer, Body
from rsppc.oci.moving import fetch, push
from rsppc.oci.proxies import proxy_of
from rsppc.oci.reference import reference_of
from rsppc.store.problems import StoreProblem
from rsppc.store.registry import Registry
from stores import published, store_in
from workspaces import rsppc_here

AWAY = "registry.example.com"
ADA = Credentials(user=USER, password=PASSWORD)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Registry]:
    with store_in(tmp_path / "here") as registry:
        yield registry


@pytest.fixture
def service() -> Iterator[RegistryService]:
    with registry_service() as started:
        yield started


def refusal(act: Callable[[], object]) -> StoreProblem:
    with pytest.raises(StoreProblem) as caught:
        act()
    return caught.value


# --- Proxies ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of a registry elsewhere, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, AWAY)])
    day = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, day, day.replace(year=2120))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(AWAY)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    pem = serialization.Encoding.PEM
    form = serialization.PrivateFormat.PKCS8
    path.write_bytes(made.public_bytes(pem) + key.private_bytes(pem, form, serialization.NoEncryption()))
    return path


def over_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def told(folder: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[bytes]:
    """A command in an environment with these settings."""
    with pytest.MonkeyPatch.context() as patched:
        for name in ("http_proxy", "https_proxy", "no_proxy", "SSL_CERT_FILE"):
            patched.delenv(name, raising=False)
        for name, value in settings.items():
            patched.setenv(name, value)
        return rsppc_here(folder, *words)


def through(proxy: ForwardProxy, folder: Path, *words: str, **settings: str) -> tuple[int, str]:
    """What a command says that is told of a proxy, with credentials for the registry."""
    known = {"RSPPC_OCI_USER": USER, "RSPPC_OCI_PASSWORD": PASSWORD, "NO_PROXY": ""}
    at = f"http://{f'{proxy.wants}@' if proxy.wants else ''}{proxy.host}"
    done = told(folder, *words, **known | {"HTTPS_PROXY": at, "HTTP_PROXY": at} | settings)
    said = (done.stdout + done.stderr).decode()
    assert PASSWORD not in said and "pass-word" not in said and "\x1b" not in said and "Traceback" not in said
    return done.returncode, said


def test_a_registry_with_tls_is_reached_by_a_tunnel(here: Registry, tmp_path: Path, certificate: Path) -> None:
    package = published(here)
    with registry_service(over_tls(certificate)) as service, forward_proxy(service.host) as proxy:
        service.wants, proxy.wants = "basic", "grace:pass-word"
        tls = {"SSL_CERT_FILE": str(certificate)}
        words = ("push", package, f"oci://{AWAY}/team/runs:v1", "--store", "here")
        code, said = through(proxy, tmp_path, *words, **tls)
        assert code == OK, said
        assert {*proxy.asked} == {("CONNECT", f"{AWAY}:443")}, "it sees the host, and no more"
        assert through(proxy, tmp_path, "pull", f"oci://{AWAY}/team/runs:v1", "--output", "out", **tls)[0] == OK
        code, said = through(proxy, tmp_path, *words, HTTPS_PROXY=f"http://{proxy.host}", **tls)
        assert code == ENVIRONMENT and f"the proxy `{proxy.host}` answers 407" in said and "HTTPS_PROXY" in said
        code, said = through(proxy, tmp_path, *words)
        assert code == ENVIRONMENT and "certificate is not trusted" in said


def test_a_registry_without_tls_is_fetched_by_the_proxy(
    here: Registry, tmp_path: Path, service: RegistryService
) -> None:
    package = published(here)
    with forward_proxy(service.host) as proxy:
        service.wants, proxy.wants = "basic", "grace:pass-word"
        words = ("push", package, f"oci://{AWAY}:5000/team/runs:v1", "--store", "here", "--plain-http")
        code, said = through(proxy, tmp_path, *words)
        assert code == OK, said
        assert {where.partition("/v2/")[0] for _, where in proxy.asked} == {f"http://{AWAY}:5000"}
        code, said = through(proxy, tmp_path, *words, HTTP_PROXY=f"http://{proxy.host}")
        assert code == ENVIRONMENT and f"the proxy `{proxy.host}` answers 407" in said


def test_a_proxy_is_asked_for_each_host_by_itself(here: Registry, service: RegistryService) -> None:
    """The registry may be behind the proxy, and the blobs beside it."""
    push(
        here, published(here), RegistryHost(reference_of(f"oci://{service.host}/team/runs"), ADA), "v1", lambda _: None
    )
    asked = []

    def proxy_for(scheme: str, host: str) -> None:
        asked.append((scheme, host))

    service.blobs_at = "http://blobs.invalid:81"
    with forward_proxy(service.host) as proxy:
        way = proxy_of(proxy.host)
        host = RegistryHost(
            reference_of(f"oci://{AWAY}/team/runs"),
            ADA,
            plain_http=True,
            proxy_for=lambda scheme, to: way if to == AWAY else proxy_for(scheme, to),
            wait=lambda _: None,
        )
        problem = refusal(lambda: fetch(host, "v1"))
        assert "blobs.invalid:81" in problem.what and "proxy" not in problem.what
    assert {*asked} == {("http", "blobs.invalid:81")}


def test_this_machine_is_reached_without_a_proxy(here: Registry, tmp_path: Path, service: RegistryService) -> None:
    package = published(here)
    with forward_proxy(service.host) as proxy:
        words = ("push", package, f"oci://{service.host}/team/runs:v1", "--store", "here")
        assert through(proxy, tmp_path, *words)[0] == OK and not proxy.asked


@pytest.mark.parametrize(
    ("at", "says"),
    [
        ("http://ada:hush@proxy:port", "no address"),
        ("https://ada:hush@proxy:3128", "https"),
        ("socks5://ada:hush@proxy", "socks5"),
        ("http://ada:hush@", "no host"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_said_and_not_passed_by(tmp_path: Path, at: str, says: str) -> None:
    problem = refusal(lambda: proxy_of(at))
    assert problem.kind == "malformed" and says in problem.what and "hush" not in problem.what + problem.advice
    done = told(tmp_path, "pull", f"oci://{AWAY}/a:v1", "--output", "x", HTTPS_PROXY=at, NO_PROXY="")
    assert done.returncode == FINDINGS and says in done.stderr.decode()


def test_a_proxy_has_an_address() -> None:
    assert proxy_of("") is None
    for text, host, port in (("proxy", "proxy", 80), ("proxy:3128", "proxy", 3128), ("http://[::1]:8/", "::1", 8)):
        found = proxy_of(text)
        assert found is not None and (found.host, found.port, found.headers) == (host, port, {})
    named = proxy_of("http://ada:h%40sh@proxy")
    assert named is not None and named.headers == {"Proxy-Authorization": "Basic YWRhOmhAc2g="}
    assert "YWR" not in repr(named)


@pytest.mark.parametrize("said", [b"HTTP/1.1 100 Continue\r\n\r\n", b"X"])
def test_who_never_comes_to_the_point_is_not_waited_for(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every single step is in time, and all of them together have no end."""
    monkeypatch.setattr(http, "TIMEOUT_S", 0.3)

    def talk(listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                there, _ = listening.accept()
                with there, contextlib.suppress(OSError):
                    while True:
                        there.sendall(said)
                        time.sleep(0.02)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=talk, args=(listening,), daemon=True).start()
        at = f"oci://127.0.0.1:{listening.getsockname()[1]}/a"
        host = RegistryHost(reference_of(at), Credentials(), wait=lambda _: None)
        started = time.monotonic()
        problem = refusal(lambda: host.manifest("v1"))
    assert problem.kind == "environment" and "in time" in problem.what and time.monotonic() - started < 5


# --- Servers of tokens, and being sent elsewhere ---------------------------------------------------------------------


def test_who_may_be_told_who_asks() -> None:
    for host, registry, told in (
        ("r.example.com", "r.example.com", True),
        ("example.com", "r.example.com", True),
        ("auth.docker.io", "registry-1.docker.io", True),
        ("auth.example.com", "r.example.com", False),
        ("auth.docker.io", "r.example.com", False),
        ("evilexample.com", "r.example.com", False),
        ("com", "r.example.com", False),
        ("", "r.example.com", False),
        ("r.example.com.evil.org", "r.example.com", False),
    ):
        assert may_be_told(host, registry, ADA) == told, host
    named = Credentials(user=USER, password=PASSWORD, token_host="auth.example.com")
    assert may_be_told("auth.example.com", "r.example.com", named)


class _Recorded(RegistryHost):
    """A registry elsewhere, whose answers are given here, and what it was told."""

    def __init__(self, credentials: Credentials, realm: str) -> None:
        super().__init__(reference_of(f"oci://{AWAY}/a"), credentials, wait=lambda _: None)
        self.told: list[tuple[str, bool]] = []
        self._realm = realm
        self._connections.ask = self._answered  # type: ignore[method-assign]

    def _answered(self, method: str, url: str, headers: object, body: Body | None) -> Answer:
        tells = "Authorization" in str(headers) or (body is not None and b"refresh_token" in b"".join(body.pieces()))
        self.told.append((url.partition("?")[0], tells))
        return _Denied(url, self._realm)


class _Denied(Answer):
    def __init__(self, url: str, realm: str) -> None:
        from email.message import Message

        self.url, self.status = url, 401
        self.headers = Message()  # type: ignore[assignment]
        self.headers["WWW-Authenticate"] = f'Bearer realm="{realm}",service="x"'

    def read(self, size_max: int) -> bytes:
        return b""

    def close(self) -> None:
        return


@pytest.mark.parametrize("credentials", [ADA, Credentials(refresh="refresh")])
def test_no_other_host_is_told_who_asks_for_a_token(credentials: Credentials) -> None:
    host = _Recorded(credentials, "https://tokens.example.org/token")
    problem = refusal(lambda: host.manifest("v1"))
    assert problem.kind == "refused" and "RSPPC_OCI_TOKEN_HOST=tokens.example.org" in problem.advice
    assert [where for where, _ in host.told] == [f"https://{AWAY}/v2/a/manifests/v1"]
    for may in (f"https://{AWAY}/token", "https://example.com/token"):
        host = _Recorded(credentials, may)
        assert "denies access" in refusal(lambda host=host: host.manifest("v1")).what
        assert host.told[-1] == (may, True)


def test_who_is_nobody_may_ask_for_a_token_anywhere() -> None:
    host = _Recorded(Credentials(), "https://tokens.example.org/token")
    assert "denies access" in refusal(lambda: host.manifest("v1")).what
    assert host.told[-1] == ("https://tokens.example.org/token", False)


def test_a_registry_elsewhere_sends_nobody_to_what_listens_on_this_machine(service: RegistryService) -> None:
    host = _Recorded(Credentials(), f"http://{service.host}/token")
    assert refusal(lambda: host.manifest("v1")).kind == "refused" and len(host.told) == 1 and not service.asked
