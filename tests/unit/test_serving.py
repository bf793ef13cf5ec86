"""The API of a served store, endpoint by endpoint (R-004-10, R-004-30, R-004-31)."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cbor2
import pytest
from blake3 import blake3
from rsppc.base.canonical_json import canonical
from rsppc.resources import read_text
from rsppc.serving.app import HANDLERS
from rsppc.serving.limits import Limits
from rsppc.serving.problems import SORTS
from rsppc.serving.table import ENDPOINTS
from rsppc.store.auditing import audit
from rsppc.store.problems import Kind
from rsppc.store.registry import opened
from served import Answer, Served, answer_to, served

FILES = {"run.json": b'{"run":1}\n', "raw/log.txt": b"line\n" * 300, "raw/empty": b""}
DATA = bytes(range(256)) * 4


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path / "store") as one:
        yield one


def test_a_package_is_made_filled_finalised_and_read_back(api: Served) -> None:
    made = api.ask(
        "POST", "/packages", by="publisher", said={"producer": "p", "run_id": "r", "subject": "s", "metadata": {"a": 1}}
    )
    package = made.value["package_id"]
    assert made.status == 201 and made.headers["location"] == f"/packages/{package}" and made.value["state"] == "open"
    digests = {}
    for path, data in FILES.items():
        put = api.ask("PUT", f"/packages/{package}/files?path={path}", by="publisher", body=data)
        assert put.status == 201 and put.value["package_id"] == package
        digests[put.value["file"]["file_id"]] = data
        assert put.value["file"]["digest_primary"] == "blake3:" + blake3(data).hexdigest()
    final = api.ask("POST", f"/packages/{package}/finalize", by="publisher")
    assert final.status == 200 and not final.value["reused"] and final.value["package"]["file_count"] == 3
    manifest = api.ask("GET", f"/packages/{package}/manifest", by="reader")
    assert manifest.headers["content-type"] == "application/vnd.rsppc.manifest.v1+cbor"
    assert final.value["manifest_digest"] == "blake3:" + blake3(manifest.body).hexdigest()
    assert manifest.headers["etag"] == f'"{final.value["manifest_digest"]}"'
    as_json = api.ask("GET", f"/packages/{package}/manifest.json", by="reader")
    assert as_json.body == canonical(cbor2.loads(manifest.body))
    assert as_json.headers["etag"] != manifest.headers["etag"]
    for file_id, data in digests.items():
        assert api.ask("GET", f"/files/{file_id}/download", by="reader").body == data
    with opened(str(api.folder), writable=False) as registry:
        assert registry.log.head().seq == 6


def test_what_was_done_before_is_no_mistake_and_no_change(api: Served) -> None:
    package = api.package(files=FILES)
    again = api.ask("POST", "/packages", said={"producer": "p", "run_id": "r1", "subject": "desk"})
    assert again.status == 200 and again.value["package_id"] == package
    put = api.ask("POST", f"/packages/{package}/files?path=run.json", body=FILES["run.json"])
    assert put.status == 200
    first = api.ask("POST", f"/packages/{package}/finalize").value
    second = api.ask("POST", f"/packages/{package}/finalize").value
    assert second["reused"] and second["manifest_digest"] == first["manifest_digest"]
    assert api.ask("PUT", f"/packages/{package}/files?path=run.json", body=FILES["run.json"]).status == 200


def test_other_content_under_the_same_name_is_a_conflict_with_its_place(api: Served) -> None:
    package = api.package(files=FILES)
    other = api.ask("POST", "/packages", said={"producer": "p", "run_id": "r1", "subject": "elsewhere"})
    assert other.status == 409 and other.code == "store-conflict" and other.value["pointer"] == "/package/subject"
    put = api.ask("PUT", f"/packages/{package}/files?path=run.json", body=b"other")
    assert put.status == 409 and put.value["pointer"]
    api.ask("POST", f"/packages/{package}/finalize")
    assert api.ask("PUT", f"/packages/{package}/files?path=late", body=b"x").status == 409


def test_lists_come_in_pages(api: Served) -> None:
    packages = [api.package(f"r{number}") for number in range(5)]
    seen: list[str] = []
    after: int | None = 0
    while after is not None:
        page = api.ask("GET", f"/packages?limit=2&after={after}").value
        seen += [one["package_id"] for one in page["packages"]]
        after = page["next_after"]
    assert seen == packages
    assert api.ask("GET", "/packages?kind=none").value == {"packages": [], "next_after": None}
    assert len(api.ask("GET", "/packages?state=open&subject=desk&kind=run").value["packages"]) == 5
    package = api.package(files={f"f{number}": b"x" for number in range(5)})
    first = api.ask("GET", f"/packages/{package}/files?limit=3").value
    second = api.ask("GET", f"/packages/{package}/files?limit=3&after={first['next_after']}").value
    assert [one["path"] for one in first["files"] + second["files"]] == ["f0", "f1", "f2", "f3", "f4"]
    assert second["next_after"] is None


def test_a_file_is_given_in_parts(api: Served) -> None:
    package = api.package(files={"data.bin": DATA})
    file = api.ask("GET", f"/packages/{package}/files").value["files"][0]
    place = f"/files/{file['file_id']}/download"
    assert api.ask("GET", f"/files/{file['file_id']}").value == {"file": file, "package_id": package}
    whole = api.ask("GET", place)
    assert whole.body == DATA and whole.headers["accept-ranges"] == "bytes" and whole.complete
    part = api.ask("GET", place, headers={"Range": "bytes=100-199"})
    assert part.status == 206 and part.body == DATA[100:200] and part.headers["content-range"] == "bytes 100-199/1024"
    last = api.ask("GET", place, headers={"Range": "bytes=-24", "If-Range": whole.headers["etag"]})
    assert last.status == 206 and last.body == DATA[-24:]
    other = api.ask("GET", place, headers={"Range": "bytes=-24", "If-Range": '"other"'})
    assert other.status == 200 and other.body == DATA
    none = api.ask("GET", place, headers={"Range": "bytes=1024-"})
    assert none.status == 416 and none.headers["content-range"] == "bytes */1024"
    assert none.code == "range-unsatisfiable"
    head = api.ask("HEAD", place, headers={"Range": "bytes=0-1"})
    assert head.status == 200 and head.body == b"" and head.headers["content-length"] == "1024"
    held = api.ask("GET", place, headers={"If-None-Match": whole.headers["etag"]})
    assert held.status == 304 and held.body == b""
    assert api.ask("GET", place, headers={"If-Match": '"other"'}).status == 412
    stated = whole.headers["repr-digest"].removeprefix("sha-256=:").removesuffix(":")
    assert base64.b64decode(stated) == hashlib.sha256(DATA).digest()


def test_content_is_given_so_that_no_browser_runs_it(api: Served) -> None:
    package = api.package()
    names = {
        "page.html": ("text/html", "application/octet-stream"),
        "picture.svg": ("image/svg+xml", "application/octet-stream"),
        "a.xml": ("application/atom+xml", "application/octet-stream"),
        "a.pdf": ("application/pdf", "application/octet-stream"),
        "a.txt": ("text/plain; charset=utf-8", "text/plain; charset=utf-8"),
        "a.json": ("application/json", "application/json"),
    }
    for name, (stated, given) in names.items():
        put = api.ask(
            "PUT", f"/packages/{package}/files?path=d/{name}", body=b"<script>", headers={"Content-Type": stated}
        )
        assert put.value["file"]["media_type"] == stated
        answer = api.ask("GET", f"/files/{put.value['file']['file_id']}/download")
        assert answer.headers["content-type"] == given
        assert answer.headers["content-disposition"].startswith(f'attachment; filename="{name}";')
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]
    put = api.ask("PUT", f"/packages/{package}/files?path=a%C3%A4%27%3B.txt", body=b"")
    answer = api.ask("GET", f"/files/{put.value['file']['file_id']}/download")
    assert (
        answer.headers["content-disposition"] == "attachment; filename=\"a___.txt\"; filename*=UTF-8''a%C3%A4%27%3B.txt"
    )


def test_a_body_is_held_against_the_digest_that_it_should_have(api: Served) -> None:
    package = api.package()
    place = f"/packages/{package}/files?path=a"
    for algorithm, digest in (("blake3", blake3(b"abc").hexdigest()), ("sha256", hashlib.sha256(b"abc").hexdigest())):
        right = {"Expected-Digest": f"{algorithm}:{digest}"}
        wrong = {"Expected-Digest": f"{algorithm}:{'0' * 64}"}
        refused = api.ask("PUT", f"{place}-{algorithm}", body=b"abc", headers=wrong)
        assert refused.status == 422 and refused.code == "body-differs" and digest in refused.value["detail"]
        assert api.ask("PUT", f"{place}-{algorithm}", body=b"abc", headers=right).status == 201
    assert api.ask("PUT", place, body=b"abc", headers={"Expected-Digest": "md5:abc"}).status == 400
    assert api.ask("GET", f"/packages/{package}").value["file_count"] == 2


def test_large_bodies_go_by_way_of_the_disk_and_arrive_whole(api: Served) -> None:
    package = api.package()
    pieces = [bytes([number]) * 65_536 for number in range(40)]
    data = b"".join(pieces)
    digest = {"Expected-Digest": "sha256:" + hashlib.sha256(data).hexdigest()}
    put = api.ask("PUT", f"/packages/{package}/files?path=large", body=list(pieces), headers=digest)
    assert put.status == 201 and put.value["file"]["size"] == len(data)
    answer = api.ask("GET", f"/files/{put.value['file']['file_id']}/download")
    assert answer.body == data and answer.complete


def test_retention_is_decided_by_its_officers_and_touches_no_bytes(api: Served) -> None:
    """R-004-31"""
    package = api.package(files=FILES)
    final = api.ask("POST", f"/packages/{package}/finalize").value
    place = f"/packages/{package}/retention"
    later = {"new_expires_at": "2030-01-01T00:00:00Z", "reason": "audit"}
    done = api.ask("POST", f"{place}/extensions", by="officer", said=later)
    assert done.status == 200 and done.value["expires_at"] == "2030-01-01T00:00:00Z"
    again = api.ask("POST", f"{place}/extensions", by="officer", said=later)
    assert again.status == 403 and again.code == "store-refused" and "not later" in again.value["detail"]
    odd = api.ask("POST", f"{place}/extensions", by="officer", said={"new_expires_at": "soon", "reason": "audit"})
    assert odd.status == 422 and odd.value["violations"][0]["pointer"] == "/new_expires_at"
    assert api.ask("POST", f"{place}/hold", by="officer", said={"reason": "case 17"}).value["hold"] == "case 17"
    assert api.ask("POST", f"{place}/hold", by="officer", said={"reason": "case 18"}).status == 403
    assert api.ask("POST", f"{place}/hold/release", by="officer", said={"reason": "closed"}).value["hold"] is None
    ever = api.ask(
        "POST", f"{place}/extensions", by="officer", said={"new_expires_at": "forever", "reason": "deed"}
    ).value
    assert ever["permanent"] and ever["manifest_digest"] == final["manifest_digest"]
    decided = [one for one in api.ask("GET", "/events").value["events"] if one["type"].startswith("v1.retention.h")]
    assert {one["data"]["by"] for one in decided} == {f"token {api.tokens['officer'].split('_')[1]}"}


def test_retention_classes_can_be_known_before_one_is_chosen(api: Served) -> None:
    told = api.ask("GET", "/retention-classes", by="reader").value
    assert told == {"default": "standard", "days": {"permanent": None, "raw": 30, "release": 3650, "standard": 365}}


def test_attestations_lie_beside_a_package(api: Served) -> None:
    package = api.package(files=FILES)
    place = f"/packages/{package}/attestations"
    early = api.ask("PUT", f"{place}/build.sig", body=b"signed")
    assert early.status == 403 and early.code == "store-refused"
    api.ask("POST", f"/packages/{package}/finalize")
    typed = {"Content-Type": "application/json"}
    made = api.ask("PUT", f"{place}/build.sig", body=b"signed", headers=typed)
    assert made.status == 201 and made.value["size"] == 6
    assert api.ask("PUT", f"{place}/build.sig", body=b"signed", headers=typed).status == 200
    assert api.ask("PUT", f"{place}/build.sig", body=b"other").status == 409
    assert api.ask("PUT", f"{place}/NO", body=b"other").status == 422
    assert api.ask("GET", place).value == {"attestations": [made.value]}
    shown = api.ask("GET", f"{place}/build.sig")
    assert shown.body == b"signed" and shown.headers["content-disposition"].startswith("attachment")
    assert api.ask("GET", f"{place}/none").status == 404


SCHEMA = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:x/y.v1", "type": "object"}


def test_metadata_schemas_are_registered_and_kept(api: Served) -> None:
    """R-004-10"""
    schema = {**SCHEMA, "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    made = api.ask("POST", "/metadata-schemas", said=schema)
    assert made.status == 201 and made.value["schema_id"] == "urn:x/y.v1"
    assert api.ask("POST", "/metadata-schemas", said=schema).status == 200
    other = api.ask("POST", "/metadata-schemas", said={**schema, "title": "other"})
    assert other.status == 409 and other.value["detail"].count("blake3:") == 2
    assert api.ask("GET", "/metadata-schemas").value == {"metadata_schemas": [made.value]}
    assert api.ask("GET", made.headers["location"]).value == schema
    asked = {"producer": "p", "run_id": "r", "subject": "s", "metadata_schema": "urn:x/y.v1"}
    refused = api.ask("POST", "/packages", said={**asked, "metadata": {"n": "one"}})
    assert refused.status == 422 and refused.value["violations"][0]["pointer"] == "/n"
    assert api.ask("POST", "/packages", said={**asked, "metadata": {"n": 1}}).status == 201
    assert api.ask("POST", "/packages", said={**asked, "run_id": "q", "metadata_schema": "none"}).status == 404


def test_events_are_read_on_from_where_one_was(api: Served) -> None:
    package = api.package(files=FILES)
    api.package("theirs", by="other", files=FILES)
    first = api.ask("GET", "/events?limit=2").value
    assert [one["type"] for one in first["events"]] == ["v1.package.created", "v1.file.ingested"]
    rest = api.ask("GET", f"/events?after={first['next_after']}").value
    assert len(rest["events"]) == 2 and rest["next_after"] == 4
    assert {one["package_id"] for one in first["events"] + rest["events"]} == {package}
    assert api.ask("GET", "/events?after=4&wait=0").value == {"events": [], "next_after": 4}, (
        "nor how many others there are"
    )


def test_events_of_one_tenant_cost_what_they_are(api: Served) -> None:
    """However many others there are: their bodies are not looked at, here not even readable."""
    package = api.package(files=FILES)
    api.package("theirs", by="other", files=FILES)
    with contextlib.closing(sqlite3.connect(api.folder / "registry.db")) as database, database:
        database.execute("DROP TRIGGER events_stay")
        database.execute("UPDATE events SET body = X'00' WHERE seq > 4")
    mine = api.ask("GET", "/events").value["events"]
    assert [one["seq"] for one in mine] == [1, 2, 3, 4] and {one["package_id"] for one in mine} == {package}
    assert api.ask("GET", "/events", by="other").code == "store-corrupt"


def test_a_table_that_leads_to_events_of_others_shows_none_of_them(api: Served) -> None:
    api.package("theirs", by="other")
    with contextlib.closing(sqlite3.connect(api.folder / "registry.db")) as database, database:
        database.execute("UPDATE tenant_events SET tenant = 'default'")
    assert api.ask("GET", "/events").code == "store-corrupt"
    with opened(str(api.folder)) as registry:
        assert any("events replay" in fault for fault in audit(registry.log).faults)


def test_a_page_of_events_ends_before_it_is_too_large(tmp_path: Path) -> None:
    with served(tmp_path / "s", Limits(events_size_max=3000)) as api:
        for run in range(4):
            said = {"producer": "p", "run_id": f"r{run}", "subject": "s", "metadata": {"a": "x" * 2000}}
            assert api.ask("POST", "/packages", said=said).status == 201
        seen: list[int] = []
        while page := api.ask("GET", f"/events?after={seen[-1] if seen else 0}").value["events"]:
            assert len(page) == 1
            seen += [one["seq"] for one in page]
    assert seen == [1, 2, 3, 4]


def test_waiting_for_events_ends_with_one_or_when_the_server_stops(api: Served) -> None:
    token = ("Authorization", f"Bearer {api.tokens['all']}")

    async def ask(target: str) -> Answer:
        return await answer_to(api.app, "GET", target, [token], [b""])

    async def both() -> tuple[Any, Any]:
        waiting = asyncio.create_task(ask("/events?wait=20"))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        body = canonical({"producer": "p", "run_id": "r", "subject": "s"})
        headers = [token, ("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        await answer_to(api.app, "POST", "/packages", headers, [body])
        told = await waiting
        waiting = asyncio.create_task(ask("/events?after=1&wait=20"))
        await asyncio.sleep(0.1)
        headers[0] = ("Authorization", f"Bearer {api.tokens['other']}")
        await answer_to(api.app, "POST", "/packages", headers, [body])
        await asyncio.sleep(0.7)
        assert not waiting.done(), "what others do is no news"
        api.service.stop()
        return told.value, (await waiting).value

    told, stopped = api.runner.run(both())
    assert [one["type"] for one in told["events"]] == ["v1.package.created"]
    assert stopped == {"events": [], "next_after": 1}
    assert api.ask("GET", "/health/ready", by=None).status == 503


def test_anybody_may_know_how_the_server_is_and_what_it_does(api: Served) -> None:
    assert api.ask("GET", "/health/live", by=None).value == {"status": "ok"}
    assert api.ask("GET", "/health/ready", by=None).value == {"status": "ok"}
    described = api.ask("GET", "/openapi.json", by=None)
    assert described.value == json.loads(read_text("schemas", "store_api.v1.openapi.json"))


def test_every_endpoint_is_handled_and_described(api: Served) -> None:
    assert {one.name for one in ENDPOINTS} == set(HANDLERS)
    paths = api.ask("GET", "/openapi.json", by=None).value["paths"]
    assert {(one.path, one.method.lower()) for one in ENDPOINTS} == {
        (path, method) for path, place in paths.items() for method in place if method != "parameters"
    }


def test_every_kind_of_refusal_of_the_store_has_one_status() -> None:
    kinds = Kind.__args__  # type: ignore[attr-defined]
    assert {f"store-{kind}" for kind in kinds} == {code for code in SORTS if code.startswith("store-")}


def test_a_long_manifest_is_given_as_cbor_only(tmp_path: Path) -> None:
    with served(tmp_path / "store", Limits(projection_size_max=10)) as api:
        package = api.package(files=FILES)
        assert api.ask("GET", f"/packages/{package}/manifest").status == 404
        api.ask("POST", f"/packages/{package}/finalize")
        assert api.ask("GET", f"/packages/{package}/manifest.json").status == 403
        cbor = api.ask("GET", f"/packages/{package}/manifest")
        assert cbor.complete and len(cbor.body) == int(cbor.headers["content-length"])
        head = api.ask("HEAD", f"/packages/{package}/manifest")
        assert head.headers["content-length"] == cbor.headers["content-length"] and head.body == b""
        held = api.ask("GET", f"/packages/{package}/manifest", headers={"If-None-Match": cbor.headers["etag"]})
        assert held.status == 304


def test_a_package_takes_so_many_files(tmp_path: Path) -> None:
    with served(tmp_path / "store", Limits(files_max=2)) as api:
        package = api.package(files={"a": b"", "b": b""})
        more = api.ask("PUT", f"/packages/{package}/files?path=c", body=b"")
        assert more.status == 403 and "at most 2 files" in more.value["detail"]
        assert api.ask("PUT", f"/packages/{package}/files?path=b", body=b"").status == 200
