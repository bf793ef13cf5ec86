"""Publishing into a store that another process serves: the pilot's runs become the packages that they become here."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from listening import Handler, listening
from rsppc.resources import read_text
from rsppc.serving.problems import SORTS
from rsppc.serving.tokens import ROLES, keep_token, new_token
from rsppc.store.client import KINDS, Client
from rsppc.store.metadata_schemas import read_schema
from rsppc.store.pilots.guide_board import Run, ingest_read, ingest_run, read_run
from rsppc.store.problems import StoreProblem
from rsppc.store.registry import opened
from rsppc.store.request import Entry, PackageRequest
from run_directories import FIXTURE, NOW, SCHEMA_FILE, copied, store_in
from serving_process import Process, serving
from stores import AT
from workspaces import rsppc, rsppc_here

INGEST = ("store", "ingest", "guide-board", str(FIXTURE))


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """One server for all that is tried here."""
    folder = tmp_path_factory.mktemp("served")
    with serving(folder, "--dev") as process:
        yield process
        assert process.said_wrong() == ""


def client_of(one: Process, *, tenant: str | None = None, roles: tuple[str, ...] = ROLES) -> Client:
    """A client with the token of a tenant that knows the pilot's schema."""
    text = one.token
    if tenant is not None:
        token, text = new_token(tenant=tenant, roles=roles, at=AT)
        keep_token(str(one.store), token)
    client = Client(one.address, text)
    if "publisher" in roles:
        client.register_schema(read_schema(read_text("schemas", SCHEMA_FILE).encode()))
    return client


def test_a_run_becomes_the_same_package_here_and_over_the_network(tmp_path: Path, one: Process) -> None:
    """R-004-12, R-004-17, R-004-22, R-004-29, R-004-32."""
    with store_in(tmp_path / "here") as registry:
        here = ingest_run(str(FIXTURE), store=registry, at=NOW)
        files = {file.path: file for file in registry.files(here.package_id)}
    client = client_of(one)
    assert ingest_run(str(FIXTURE), store=client, at=NOW) == here
    with opened(str(one.store), writable=False) as there:
        assert {file.path: file for file in there.files(here.package_id)} == files
        assert there.package(here.package_id).retention_class == "standard"
        seq = there.log.head().seq
    again = ingest_run(str(FIXTURE), store=client, at=NOW)
    assert again.reused_existing and again.manifest_digest == here.manifest_digest
    with opened(str(one.store), writable=False) as there:
        assert there.log.head().seq == seq, "nothing is written for it"


def test_the_command_takes_address_and_token_from_the_environment(
    tmp_path: Path, one: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-004-12, R-004-29: and what is said on the command line wins."""
    client_of(one)
    monkeypatch.setenv("ARTIFACT_STORE_API_URL", one.address)
    monkeypatch.setenv("RSPPC_STORE_TOKEN", one.token)
    done = rsppc(tmp_path, *INGEST, ARTIFACT_STORE_API_URL=one.address, RSPPC_STORE_TOKEN=one.token)
    assert done.returncode == 0 and json.loads(done.stdout)["file_count"] == 23, done.stderr
    assert rsppc_here(tmp_path, *INGEST, "--store", "none").returncode == 1
    for odd in (("--store", "s", "--api", one.address), ("--tenant", "acme")):
        assert rsppc_here(tmp_path, *INGEST, *odd).returncode == 2
    monkeypatch.setenv("RSPPC_STORE_TOKEN", "x")
    refused = rsppc_here(tmp_path, *INGEST)
    assert refused.returncode == 1 and b"RSPPC_STORE_TOKEN" in refused.stderr


def test_whose_it_is_the_token_says_and_a_reader_publishes_nothing(one: Process) -> None:
    made = ingest_run(str(FIXTURE), store=client_of(one, tenant="acme"), at=NOW)
    with opened(str(one.store), writable=False) as there:
        assert there.package(made.package_id).tenant == "acme"
    reader = client_of(one, tenant="acme", roles=("reader",))
    with pytest.raises(StoreProblem, match="role publisher") as refused:
        ingest_run(str(FIXTURE), store=reader, at=NOW)
    assert refused.value.kind == "refused"
    with pytest.raises(StoreProblem, match="role publisher"):  # also where the answer comes in the middle of a body
        reader.ingest_files(made.package_id, [(Entry(path="large"), [b"x" * 2**20] * 3)], NOW)


def test_an_interrupted_ingest_goes_on_and_sends_nothing_twice(one: Process) -> None:
    client, run = client_of(one, tenant="again"), read_run(str(FIXTURE))
    sent: list[int] = []

    def interrupted(size: int) -> None:
        sent.append(size)
        if len(sent) == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest_read(run, store=client, at=NOW, told=interrupted)
    taken = len(sent) - 1
    sent.clear()
    assert ingest_read(run, store=client, at=NOW, told=sent.append).file_count == 23
    assert len(sent) == 23 - taken


def test_other_content_under_the_same_run_is_refused(tmp_path: Path, one: Process) -> None:
    client = client_of(one, tenant="other")
    first = ingest_run(str(FIXTURE), store=client, at=NOW)
    run = copied(tmp_path)
    (run / "reports/report.md").write_text("other")
    with pytest.raises(StoreProblem, match="in the package already") as refused:
        ingest_read(read_run(str(run)), store=client, at=NOW)
    assert refused.value.kind == "conflict"
    assert ingest_run(str(FIXTURE), store=client, at=NOW).manifest_digest == first.manifest_digest


@pytest.mark.parametrize("before", ["GET", "POST"])
def test_what_others_add_to_the_package_of_a_run_is_not_taken_for_its_own(
    one: Process, monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    """Also where it comes between the last look and the end: nothing becomes final then."""
    client, rival = (client_of(one, tenant=f"rival-{before.lower()}") for _ in range(2))

    def asked(method: str, target: str, *rest: Any) -> tuple[int, bytes]:
        if method == before and len(sent) == 23 and "stray" not in sent:
            sent.append("stray")
            rival.ingest_files(target.split("/")[2], [(Entry(path="stray"), [b"x"])], NOW)
        sent.extend([target] if method == "PUT" else [])
        return real(method, target, *rest)

    sent: list[str] = []
    real = client._asked
    monkeypatch.setattr(client, "_asked", asked)
    with pytest.raises(StoreProblem, match="holds `stray`") as refused:
        ingest_run(str(FIXTURE), store=client, at=NOW)
    assert refused.value.kind == "conflict"
    with opened(str(one.store), writable=False) as there:
        (package,) = there.packages(f"rival-{before.lower()}")
    assert package.state == "open"


def test_a_file_that_grows_or_shrinks_meanwhile_is_not_published(one: Process) -> None:
    client = client_of(one, tenant="growing")
    asked = PackageRequest(producer="p", run_id="r", subject="s")
    package = client.create_package(asked, NOW).package
    entry = Entry(path="a", size=3)
    for pieces in ([b"ab"], [b"ab", b"cd"], []):
        with pytest.raises(StoreProblem, match="bytes") as refused:
            client.ingest_files(package.package_id, [(entry, pieces)], NOW)
        assert refused.value.kind == "corrupt"
    wrong = Entry(path="a", expected="sha256:" + "0" * 64)
    with pytest.raises(StoreProblem, match="digest") as refused:
        client.ingest_files(package.package_id, [(wrong, [b"abc"])], NOW)
    assert refused.value.kind == "corrupt"
    with pytest.raises(StoreProblem, match="cannot stand in a package"):
        client.ingest_files(package.package_id, [(Entry(path="../a"), [b"abc"])], NOW)
    (file,) = client.ingest_files(package.package_id, [(Entry(path="a"), [b"ab", b"c"])], NOW)
    assert file.size == 3 and client.create_package(asked, NOW).reused
    assert client.finalize_package(package.package_id, NOW).package.file_count == 1


# --- Answers that are none --------------------------------------------------------------------------------------------


class Odd:
    """A service with one answer to everything."""

    def __init__(self, host: str) -> None:
        self.address = f"http://{host}"
        self.status, self.body = 200, b"{}"
        self.ended = threading.Event()


class _Handler(Handler):
    service: Odd

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.answer(self.service.status, self.service.body, Location="http://127.0.0.1:9/", Content_Type="a/b")

    do_POST = do_PUT = do_GET


@contextmanager
def odd_service(tls: ssl.SSLContext | None = None) -> Iterator[Odd]:
    with listening(_Handler, Odd, tls) as service:
        yield service


def _certificate(folder: Path) -> Path:
    """One of this machine, which nobody trusts, with its key."""
    key, pem = ec.generate_private_key(ec.SECP256R1()), serialization.Encoding.PEM
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "here")])
    day = datetime(2020, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, day, day.replace(year=2120))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "here.pem").write_bytes(made.public_bytes(pem) + plain)
    return folder / "here.pem"


def test_a_certificate_that_nobody_trusts_is_said_and_can_be_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = _certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with odd_service(context) as service:
        service.body = b'{"days":{}}'
        client = Client(service.address.replace("http:", "https:"), "t")
        with pytest.raises(StoreProblem, match="is not trusted") as refused:
            client.retention_days()
        assert "SSL_CERT_FILE" in refused.value.advice
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert client.retention_days() == {}


def test_every_code_of_a_problem_has_a_kind() -> None:
    assert KINDS.keys() == SORTS.keys()
    assert all(kind == code.removeprefix("store-") for code, kind in KINDS.items() if code.startswith("store-"))


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (500, {"code": "store-corrupt", "detail": "x"}, "corrupt"),
        (503, {"code": "store-environment", "detail": "x"}, "environment"),
        (503, {"code": "store-busy", "detail": "x"}, "busy"),
        (422, {"code": "body-differs", "detail": "x"}, "corrupt"),
        (403, {"code": "store-refused", "detail": "x", "advice": "name a later time"}, "refused"),
        (409, {"code": "yet-unknown", "title": "x"}, "conflict"),
        (404, "<html>x", "missing"),
        (502, ["x"], "environment"),
        (302, {}, "malformed"),
        (400, {"code": ["store-busy"], "detail": 7}, "malformed"),
    ],
)
def test_the_kind_of_a_problem_is_that_of_its_code(status: int, body: Any, kind: str) -> None:
    with odd_service() as service:
        service.status, service.body = status, json.dumps(body).encode()
        with pytest.raises(StoreProblem) as refused:
            Client(service.address, "t").retention_days()
    assert refused.value.kind == kind
    token = "RSPPC_STORE_TOKEN" in refused.value.advice
    assert not token, "a rule of the store is no reason to ask for another token"


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'{"days":{"a":"b"}}', b"x" * (2**21 + 1), b"[" * 10_000])
def test_an_answer_that_means_nothing_is_no_answer(body: bytes) -> None:
    with odd_service() as service:
        service.body = body
        with pytest.raises(StoreProblem) as refused:
            Client(service.address).retention_days()
    assert refused.value.kind == "environment"


def test_a_store_that_says_it_took_something_else_is_not_believed() -> None:
    run: Run = read_run(str(FIXTURE))
    entry = run.entries[0]
    file = {"file_id": "f", "path": entry.path, "role": entry.role, "media_type": entry.media_type, "location": "l"}
    file |= {"size": entry.size, "digest_primary": "blake3:" + "0" * 64, "digest_sha256": "sha256:" + "0" * 64}
    with odd_service() as service:
        service.body = json.dumps({"file": file, "files": [], "next_after": None}).encode()
        with pytest.raises(StoreProblem, match="something else") as refused:
            Client(service.address).ingest_files("p", [(entry, [(FIXTURE / entry.path).read_bytes()])], NOW)
    assert refused.value.kind == "corrupt"


@pytest.mark.parametrize(
    "url",
    [
        "http://a:99999",
        "http://a?x=1",
        "http://a#x",
        "http://u:p@a",
        "http://[::1",
        "file:///etc/passwd",
        "http://",
        "http://a b",
        "http://a\r\nX: y",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(StoreProblem) as refused:
        Client(url)
    assert refused.value.kind == "malformed"


def test_neither_a_proxy_of_the_environment_nor_a_redirect_gets_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    with odd_service() as elsewhere, odd_service() as service:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, elsewhere.address)
        service.body = b'{"days":{"standard":365}}'
        assert Client(service.address, "t").retention_days() == {"standard": 365}
