"""Packages in registries and in folders of the OCI layout: they come back as they were, or not at all."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import cbor2
import pytest
from registry_service import PASSWORD, TOKEN, USER, RegistryService, registry_service
from rsppc.cli.exits import ENVIRONMENT, FINDINGS, INTEGRITY, OK, USAGE
from rsppc.oci import artifact, http
from rsppc.oci.credentials import Credentials, credentials_for
from rsppc.oci.host import RegistryHost
from rsppc.oci.layout import Layout
from rsppc.oci.moving import Pushed, fetch, push, take
from rsppc.oci.places import Place
from rsppc.oci.reference import Reference, reference_of
from rsppc.store.gc import collect
from rsppc.store.problems import StoreProblem
from rsppc.store.registry import Finalized, Registry
from stores import AT, FILES, filled, kept, published, store_in
from workspaces import rsppc

NOBODY = Credentials()
MANY = {**FILES, "raw/same.txt": FILES["raw/log.txt"], "deep/ä b.txt": b"unicode\n"}


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Registry]:
    with store_in(tmp_path / "here") as registry:
        yield registry


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Registry]:
    with store_in(tmp_path / "there") as registry:
        yield registry


@pytest.fixture
def service() -> Iterator[RegistryService]:
    with registry_service() as started:
        yield started


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(str(tmp_path / "layout"))


def host(service: RegistryService, credentials: Credentials = NOBODY) -> RegistryHost:
    return RegistryHost(reference_of(f"oci://{service.host}/team/runs"), credentials, wait=lambda _: None)


def attested(registry: Registry, **said: Any) -> str:
    package = published(registry, files=MANY, **said)
    registry.record_attestation(package, "signature.json", "application/json", b'{"by":"ada"}', AT)
    return package


def pushed(registry: Registry, package: str, place: Place, tag: str | None = "v1") -> Pushed:
    return push(registry, package, place, tag, lambda _: None)


def pulled(registry: Registry, place: Place, wanted: str = "v1") -> Finalized:
    return take(registry, place, fetch(place, wanted), AT, lambda _: None)


def refusal(act: Callable[[], object]) -> StoreProblem:
    with pytest.raises(StoreProblem) as caught:
        act()
    return caught.value


def is_untouched(registry: Registry) -> bool:
    return registry.packages() == [] and registry.log.latest() == ""


# --- Names -----------------------------------------------------------------------------------------------------------


def test_a_reference_names_a_place_a_tag_and_a_digest() -> None:
    digest = "sha256:" + "a" * 64
    for text, expected in {
        "oci://Host.example:5000/a/b-c:v1.0": Reference(host="host.example:5000", path="a/b-c", tag="v1.0"),
        f"oci://host/a@{digest}": Reference(host="host", path="a", digest=digest),
        f"oci://[::1]:5000/a:v@{digest}": Reference(host="[::1]:5000", path="a", tag="v", digest=digest),
        "oci:out/dir:v1": Reference(host="", path="out/dir", tag="v1"),
        "oci:/abs": Reference(host="", path="/abs"),
    }.items():
        assert reference_of(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "x",
            "docker://h/x",
            "oci:",
            "oci://",
            "oci://host",
            "oci://host/",
            "oci://host/UPPER",
            "oci://host/a..b",
        ),
        *(
            "oci://host/a:",
            "oci://host/a:-x",
            "oci://host/a@sha256:12",
            "oci://ho st/a",
            "oci://host/../a",
            "oci:a:b:c",
        ),
        *(
            "oci://host/" + "a/" * 200 + "b",
            "oci://host/a?x=y",
            "oci://host/a#b",
            "oci://host:port/a",
            "oci://h\r\n/a",
            "oci://host:99999/a",
            "oci://host:0/a",
        ),
    ],
)
def test_what_is_no_reference_is_refused(text: str) -> None:
    assert refusal(lambda: reference_of(text)).kind == "malformed"


def test_a_password_in_a_reference_is_refused_and_not_repeated() -> None:
    problem = refusal(lambda: reference_of("oci://ada:hush@host/a"))
    assert "hush" not in problem.what + problem.advice


# --- There and back --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["folder", "registry"])
def test_a_package_comes_back_under_its_id_and_digest(
    here: Registry, there: Registry, layout: Layout, service: RegistryService, kind: str
) -> None:
    place: Place = layout if kind == "folder" else host(service)
    package = attested(here)
    made = pushed(here, package, place)
    assert made.sent == 5 and made.changed, "three contents, the attestation and the manifest; not the empty file"
    final = pulled(there, place)
    assert final.package.package_id == package and not final.reused
    assert there.manifest_bytes(package) == here.manifest_bytes(package)
    assert there.attestations(package) == here.attestations(package)
    assert {file.path: b"".join(there.content(file)) for file in there.files(package)} == MANY
    assert sorted(kept(there)) == sorted(kept(here))
    assert pulled(there, place, made.digest).reused


def test_what_is_there_is_not_sent_again(here: Registry, service: RegistryService) -> None:
    package = attested(here)
    first = pushed(here, package, host(service))
    service.asked.clear()
    again = pushed(here, package, host(service))
    assert (again.digest, again.sent, again.changed) == (first.digest, 0, False)
    assert {method for method, _ in service.asked} == {"GET", "HEAD"}
    named = pushed(here, package, host(service), "v2")
    assert named.sent == 0 and named.changed and [method for method, _ in service.asked].count("PUT") == 1
    here.record_attestation(package, "second.json", "application/json", b"{}", AT)
    more = push(here, package, host(service), "v1", lambda _: None, move_tag=True)
    assert (more.sent, more.known) == (1, 5) and more.digest != first.digest, "the tag moved, the digest is another"
    assert fetch(host(service), first.digest).digest == first.digest


def test_what_a_store_holds_is_not_fetched_again(here: Registry, there: Registry, service: RegistryService) -> None:
    package = published(here)
    pushed(here, package, host(service))
    filled(there, run="other")
    service.asked.clear()
    pulled(there, host(service))
    assert len([path for _, path in service.asked if "/blobs/" in path]) == 1, "the manifest of the package alone"


def test_damage_in_the_store_is_mended_by_pulling(
    here: Registry, there: Registry, layout: Layout, tmp_path: Path
) -> None:
    package = published(here)
    pushed(here, package, layout)
    pulled(there, layout)
    file = there.file_at(package, "run.json")
    (tmp_path / "there" / file.location).write_bytes(b"damage")
    pulled(there, layout)
    assert b"".join(there.content(file)) == FILES["run.json"]


@pytest.mark.parametrize("files", [{}, {"a": b""}, {"a": b"", "b": b"x"}])
def test_packages_of_nothing_travel_as_well(
    here: Registry, there: Registry, layout: Layout, files: Mapping[str, bytes]
) -> None:
    package = published(here, files=files)
    pushed(here, package, layout)
    assert json.loads(layout.manifest("v1") or b"")["layers"], "a manifest has a layer"
    assert pulled(there, layout).manifest_digest == here.package(package).manifest_digest


def test_the_manifest_follows_from_the_package(here: Registry, layout: Layout, tmp_path: Path) -> None:
    package = attested(here)
    with store_in(tmp_path / "second") as second:
        attested(second)
        other = Layout(str(tmp_path / "other"))
        assert pushed(here, package, layout).digest == pushed(second, package, other).digest
    value = json.loads(layout.manifest("v1") or b"")
    assert value["artifactType"] == artifact.ARTIFACT_TYPE and value["config"]["mediaType"].endswith("+cbor")
    titles = [layer["annotations"].get(artifact.TITLE) for layer in value["layers"]]
    assert titles == ["deep/ä b.txt", "raw/log.txt", "raw/same.txt", "run.json", None]


def test_an_answer_that_is_no_text_is_refused(here: Registry, layout: Layout, tmp_path: Path) -> None:
    pushed(here, published(here), layout)
    (tmp_path / "layout/index.json").write_bytes(b'{"schemaVersion": 2, "manifests": [{"digest": "\xff"}]}')
    with pytest.raises(StoreProblem, match="no index of OCI"):
        layout.manifest("v1")


def test_a_folder_keeps_what_others_wrote_into_it(here: Registry, layout: Layout, tmp_path: Path) -> None:
    package = published(here)
    pushed(here, package, layout)
    index = tmp_path / "layout/index.json"
    value = json.loads(index.read_bytes())
    other = {"mediaType": artifact.IMAGE_MANIFEST, "digest": "sha256:" + "1" * 64, "size": 9, "platform": {"os": "x"}}
    value["manifests"].append(other)
    value["annotations"] = {"of": "others"}
    index.write_text(json.dumps(value))
    pushed(here, package, layout, "v2")
    pushed(here, package, layout, "v2")
    value = json.loads(index.read_bytes())
    assert other in value["manifests"] and value["annotations"] == {"of": "others"} and len(value["manifests"]) == 3
    assert json.loads((tmp_path / "layout/oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}


def test_only_final_packages_travel(here: Registry, layout: Layout, tmp_path: Path) -> None:
    assert refusal(lambda: pushed(here, filled(here), layout)).kind == "missing"
    assert not (tmp_path / "layout").exists()


# --- Damage and lies -------------------------------------------------------------------------------------------------


def blobs(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "layout/blobs/sha256").iterdir())


def test_every_damaged_or_missing_blob_is_refused_and_nothing_is_visible(
    here: Registry, there: Registry, layout: Layout, tmp_path: Path
) -> None:
    pushed(here, attested(here), layout)
    assert len(blobs(tmp_path)) == 6

    def kind() -> str:
        found = refusal(lambda: pulled(there, layout)).kind
        assert is_untouched(there)
        collect(there, AT, delete=True)  # what came whole would not be fetched the next time
        return found

    for path in blobs(tmp_path):
        data = path.read_bytes()
        for other in (data[:-1] + bytes([data[-1] ^ 1]), data[:-1], data + b"x", b""):
            path.write_bytes(other)
            assert kind() == "corrupt"
        path.unlink()
        assert kind() == "corrupt"
        path.mkdir()
        assert kind() == "malformed"
        path.rmdir()
        os.mkfifo(path)
        assert kind() == "malformed"
        path.unlink()
        path.write_bytes(data)
    path = blobs(tmp_path)[0]
    path.write_bytes(b"damaged")
    assert pushed(here, here.packages()[0].package_id, layout).sent == 1, "pushing again mends a folder"
    pulled(there, layout)


def put_manifest(layout: Layout, value: object) -> None:
    data = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
    layout.put_manifest(data, artifact.digest_of(data), "v1", layout.tagged("v1"))


def changed(value: dict[str, Any], change: str) -> object:
    """A manifest that somebody changed, under a digest that is right."""
    match change:
        case "a file less":
            value["layers"].pop(0)
        case "a file more":
            value["layers"].append(value["layers"][0])
        case "another order":
            value["layers"].reverse()
        case "another path":
            value["layers"][0]["annotations"][artifact.TITLE] = "../../etc/passwd"
        case "another size":
            value["layers"][0]["size"] += 1
        case "another annotation":
            value["annotations"]["vnd.rsppc.subject"] = "somebody else"
        case "a key more":
            value["subject"] = {"digest": "sha256:" + "0" * 64}
        case "blanks":
            return json.dumps(value, indent=1).encode()
        case "a name of an attestation that is a path":
            value["layers"][-1]["annotations"]["vnd.rsppc.attestation.name"] = "../x"
        case "an attestation with another BLAKE3":
            value["layers"][-1]["annotations"]["vnd.rsppc.attestation.blake3"] = "blake3:" + "0" * 64
        case "an attestation twice":
            value["layers"].append(value["layers"][-1])
    return value


@pytest.mark.parametrize(
    "change",
    [
        *("a file less", "a file more", "another order", "another path", "another size", "another annotation"),
        *("a key more", "blanks", "a name of an attestation that is a path", "an attestation with another BLAKE3"),
        "an attestation twice",
    ],
)
def test_a_manifest_that_does_not_follow_from_the_package_is_refused(
    here: Registry, there: Registry, layout: Layout, change: str
) -> None:
    pushed(here, attested(here), layout)
    put_manifest(layout, changed(json.loads(layout.manifest("v1") or b""), change))
    assert refusal(lambda: pulled(there, layout)).kind in ("corrupt", "malformed", "conflict")
    assert is_untouched(there)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"[]",
        b"[" * 100_000,
        {},
        {"mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []},
        {"config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "sha256:x", "size": 2}},
        {"artifactType": artifact.ARTIFACT_TYPE, "config": {"mediaType": "x", "digest": "sha256:x", "size": 2}},
        {
            "artifactType": artifact.ARTIFACT_TYPE,
            "config": {"mediaType": "application/vnd.rsppc.manifest.v1+cbor", "digest": "../x", "size": 2**60},
        },
    ],
)
def test_what_is_no_package_is_refused(there: Registry, layout: Layout, value: object) -> None:
    put_manifest(layout, value)
    assert refusal(lambda: pulled(there, layout)).kind == "malformed"
    assert refusal(lambda: pulled(there, layout, "v2")).kind == "missing"


def test_an_index_that_is_none_is_refused(there: Registry, here: Registry, layout: Layout, tmp_path: Path) -> None:
    (tmp_path / "layout").mkdir()
    for data in (b"{", b"[]", b'{"manifests":7}', b'{"manifests":[{"digest":"../x","size":1,"annotations":{"'):
        (tmp_path / "layout/index.json").write_bytes(data)
        assert refusal(lambda: pulled(there, layout)).kind == "malformed"
        assert refusal(lambda: pushed(here, published(here), layout)).kind == "malformed"
    away = {"digest": "../../index.json", "size": 1, "annotations": {"org.opencontainers.image.ref.name": "v1"}}
    (tmp_path / "layout/index.json").write_text(json.dumps({"manifests": [away]}))
    assert refusal(lambda: pulled(there, layout)).kind == "malformed"


def test_a_pretended_collision_of_digests_is_noticed(here: Registry, there: Registry, layout: Layout) -> None:
    """Another BLAKE3 under the same SHA-256, in a manifest that is sound in itself."""
    package = published(here, files={"a": b"content\n"})
    pushed(here, package, layout)
    value = cbor2.loads(here.manifest_bytes(package))
    other = "0" * 64
    value["files"][0] |= {"digest_primary": f"blake3:{other}", "location": f"blobs/{other[:2]}/{other}"}
    data = cbor2.dumps(value, canonical=True)
    from rsppc.store.manifest_form import read_manifest

    made = artifact.manifest_bytes(data, read_manifest(data), [])
    layout.put("sha256:" + hashlib.sha256(data).hexdigest(), len(data), lambda: [data])
    layout.put_manifest(made, artifact.digest_of(made), "v1", layout.tagged("v1"))
    problem = refusal(lambda: pulled(there, layout))
    assert problem.kind == "corrupt" and "`a` has BLAKE3" in problem.what and is_untouched(there)


def test_more_files_than_a_registry_takes_are_refused(here: Registry, layout: Layout, monkeypatch: Any) -> None:
    monkeypatch.setattr(artifact, "SIZE_MAX", 500)
    problem = refusal(lambda: pushed(here, published(here), layout))
    assert problem.kind == "refused" and "export" in problem.advice and "of 3 files" in problem.what
    assert layout.tagged("v1") is None and not os.path.exists(layout.shown.removeprefix("oci:")), "nothing was sent"


# --- Registries that do not do what they say -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("does", "pulling", "pushing"),
    [
        ("changes manifests", "corrupt", None),
        ("names another digest", "corrupt", None),
        ("changes blobs", "corrupt", None),
        ("lengthens blobs", "corrupt", None),
        ("cuts blobs", "environment", None),
        ("hangs", "environment", "environment"),
        ("answers 500", "environment", "environment"),
        ("answers 503 once", None, None),
        ("denies", "environment", "environment"),
        ("knows no artifacts", None, "refused"),
        ("forgets manifests", None, "corrupt"),
        ("takes blobs elsewhere", None, "refused"),
    ],
)
def test_a_misbehaving_registry_is_refused_in_time(
    here: Registry,
    there: Registry,
    service: RegistryService,
    does: str,
    pulling: str | None,
    pushing: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http, "TIMEOUT_S", 0.3)
    pushed(here, published(here), host(service))
    second = published(here, run="r2", files={"b": b"b\n"})
    service.does = does
    started = time.monotonic()
    for wanted, act in (
        (pulling, lambda: pulled(there, host(service))),
        (pushing, lambda: pushed(here, second, host(service), "v2")),
    ):
        if wanted is not None:
            problem = refusal(act)
            assert problem.kind == wanted and problem.advice + problem.what
            assert "\x1b" not in problem.what + problem.advice
        elif does not in ("changes manifests", "names another digest"):
            act()
    assert time.monotonic() - started < 8
    assert is_untouched(there) == (pulling is not None)


def test_what_ends_early_is_taken_up_again(here: Registry, there: Registry, service: RegistryService) -> None:
    pushed(here, published(here), host(service))
    assert refusal(lambda: fetch(host(service), "sha256:" + "1" * 64)).kind == "missing"
    service.blobs.popitem()
    assert refusal(lambda: pulled(there, host(service))).kind == "corrupt"
    pushed(here, published(here), host(service))


# --- Who somebody is -------------------------------------------------------------------------------------------------

ADA = Credentials(user=USER, password=PASSWORD)


@pytest.mark.parametrize("wants", ["basic", "bearer"])
def test_who_one_is_is_told_when_asked(here: Registry, there: Registry, service: RegistryService, wants: str) -> None:
    service.wants = wants
    pushed(here, published(here), host(service, ADA))
    pulled(there, host(service, ADA))
    assert service.told[0] == "", "nothing is told before it is asked for"
    for credentials in (
        Credentials(),
        Credentials(user=USER, password="wrong"),
        Credentials(helper="docker-credential-x"),
    ):
        problem = refusal(lambda credentials=credentials: fetch(host(service, credentials), "v1"))
        assert problem.kind == "environment" and "denies access (401)" in problem.what
        assert "wrong" not in problem.what + problem.advice
    assert "docker-credential-x" in problem.advice


def test_a_password_does_not_follow_a_redirect(here: Registry, there: Registry, service: RegistryService) -> None:
    package = published(here)
    with registry_service() as other:
        service.wants = "basic"
        pushed(here, package, host(service, ADA))
        other.blobs = service.blobs
        service.blobs_at = f"http://{other.host}"
        pulled(there, host(service, ADA))
        assert len(other.asked) == 3 and set(other.told) == {""}


@pytest.mark.parametrize("where", ["http://registry.example.com", "file:///etc", "ftp://x", "//[", "gopher://x"])
def test_a_redirect_out_of_tls_is_refused(
    here: Registry, there: Registry, service: RegistryService, where: str
) -> None:
    pushed(here, published(here), host(service))
    service.blobs_at = where
    assert refusal(lambda: pulled(there, host(service))).kind == "refused"


def test_redirects_end(here: Registry, there: Registry, service: RegistryService) -> None:
    pushed(here, published(here), host(service))
    service.blobs_at = "self"
    assert refusal(lambda: pulled(there, host(service))).kind == "environment"


@pytest.mark.parametrize(
    "realm",
    [
        "http://elsewhere.example.com/token",
        "",
        "nonsense",
        "file:///etc/passwd",
        "http://[",
        "http://127.0.0.1:x/",
        "http://127.0.0.1/a b",
    ],
)
def test_a_password_goes_to_no_realm_without_tls(service: RegistryService, realm: str) -> None:
    service.wants, service.realm = "bearer", realm
    assert refusal(lambda: fetch(host(service, ADA), "v1")).kind == "refused"


def test_a_token_of_ones_own_and_one_that_is_exchanged(here: Registry, service: RegistryService) -> None:
    service.wants = "bearer"
    with pytest.raises(StoreProblem, match="characters"):
        fetch(host(service, Credentials(token="a\r\nX: y")), "v1")
    pushed(here, published(here), host(service, Credentials(token=f"{TOKEN}-pull,push")))
    fetch(host(service, Credentials(refresh=f"refresh-{TOKEN}")), "v1")
    assert refusal(lambda: fetch(host(service, Credentials(refresh="wrong")), "v1")).kind == "environment"


def test_registries_elsewhere_are_reached_with_tls_alone() -> None:
    for text, plain, root in (
        ("oci://registry.example.com/a", False, "https://registry.example.com/v2/a"),
        ("oci://registry.example.com:5000/a", True, "http://registry.example.com:5000/v2/a"),
        ("oci://localhost:5000/a", False, "http://localhost:5000/v2/a"),
        ("oci://localhost.example.com/a", False, "https://localhost.example.com/v2/a"),
        ("oci://docker.io/team/a", False, "https://registry-1.docker.io/v2/team/a"),
    ):
        assert RegistryHost(reference_of(text), ADA, plain_http=plain)._root == root


def test_credentials_are_found_where_the_usual_tools_keep_them(tmp_path: Path) -> None:
    def written(name: str, value: object) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value) if not isinstance(value, str) else value)
        return str(path)

    auth = base64.b64encode(b"ada:hush:hush").decode()
    docker = written("docker/config.json", {"auths": {"https://h/v1/": {"auth": auth}, "i": {"identitytoken": "t"}}})
    written("run/containers/auth.json", {"auths": {"h/team": {"auth": base64.b64encode(b"team:x").decode()}}})
    settings = {"DOCKER_CONFIG": os.path.dirname(docker), "XDG_RUNTIME_DIR": str(tmp_path / "run")}
    found = credentials_for("h", "other/repo", settings)
    assert (found.user, found.password) == ("ada", "hush:hush") and "hush" not in repr(found) + str(found)
    assert credentials_for("h", "team/repo", settings).user == "team"
    assert credentials_for("i", "a", settings).refresh == "t"
    assert credentials_for("none", "a", settings) == Credentials()
    environment = {"RSPPC_OCI_USER": "grace", "RSPPC_OCI_PASSWORD": "p"}
    assert credentials_for("h", "a", settings | environment).user == "grace"
    assert credentials_for("h", "a", settings | environment | {"RSPPC_OCI_TOKEN": TOKEN}).token == TOKEN
    for bad in ("{", "[]", '{"auths":7}', '{"auths":{"h":7}}', '{"auths":{"h":{"auth":"%%"}}}', "[" * 100_000):
        written("docker/config.json", bad)
        assert credentials_for("h", "other", settings) == Credentials()
    written("docker/config.json", {"credsStore": "desktop"})
    assert credentials_for("h", "other", settings).helper == "docker-credential-desktop"


# --- The command line ------------------------------------------------------------------------------------------------


def test_push_and_pull_from_the_command_line(
    here: Registry, tmp_path: Path, service: RegistryService, there: Registry
) -> None:
    package = attested(here)
    service.wants = "bearer"
    known = {"RSPPC_OCI_USER": USER, "RSPPC_OCI_PASSWORD": PASSWORD}
    at = f"oci://{service.host}/team/runs"

    def run(*words: str, **settings: str) -> tuple[int, str]:
        done = rsppc(tmp_path, *words, **settings)
        assert PASSWORD.encode() not in done.stdout + done.stderr and b"Traceback" not in done.stderr
        return done.returncode, (done.stdout + done.stderr).decode()

    code, said = run("push", package, at, "--store", "here", **known)
    assert code == OK and f"tag {package}; 5 blobs sent" in said
    reference = said.split()[0]
    code, said = run("pull", reference, "--store", "there", **known)
    assert code == OK and "1 attestation; taken in" in said
    code, said = run("pull", f"{at}:{package}", "--output", "out", **known)
    assert code == OK and reference in said and (tmp_path / "out/deep/ä b.txt").read_bytes() == b"unicode\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here", "out", "there"], "nothing is left beside it"
    assert run("pull", at, **known)[0] == USAGE
    assert run("pull", f"{at}:{package}", "--store", "there")[0] == ENVIRONMENT
    assert run("pull", "oci://H/X:y", "--store", "there", **known)[0] == FINDINGS
    service.does = "changes blobs"
    assert run("pull", reference, "--output", "out2", **known)[0] == INTEGRITY and not (tmp_path / "out2").exists()
