"""Requests that should not be: each is refused with a code, and the server goes on."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rsppc.serving import ranges
from rsppc.serving.limits import Limits
from rsppc.store.registry import Registry
from served import Served, served
from stores import FILES

LIMITS = Limits(file_size_max=2**20, idle_s=0.3, rate_min=2**20)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """For requests that change nothing."""
    with served(tmp_path_factory.mktemp("shared") / "store", LIMITS) as one:
        yield one


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path / "store", LIMITS) as one:
        yield one


def below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if "registry" not in path.name)


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "/etc/passwd",
        "a/../../x",
        "C:%5Cx",
        "a%00b",
        "NUL",
        "a/",
        "",
        ".",
        "x.",
        "a%5Cb",
        "e%CC%81",
        "%E2%80%AE",
        "a" * 300,
        "a%0Ab",
        "CON.txt",
    ],
)
def test_paths_that_could_lead_elsewhere_are_refused(shared: Served, path: str) -> None:
    package, parent = shared.package(), shared.folder.parent
    before = below(parent)
    answer = shared.ask("PUT", f"/packages/{package}/files?path={path}", body=b"x")
    assert answer.status == 422 and answer.code == "store-malformed"
    assert below(parent) == before


def test_paths_that_are_twins_are_refused(api: Served) -> None:
    package = api.package(files={"a.txt": b"1"})
    assert api.ask("PUT", f"/packages/{package}/files?path=A.TXT", body=b"2").status == 422


@pytest.mark.parametrize(
    "target",
    [
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/packages/",
        "//packages",
        "/packages/../packages",
        "/",
        "/tokens",
        "/files/../../registry.db/download",
        "/packages/x/manifest.xml",
        "/packages%00",
        "/ÿ",
    ],
)
def test_there_is_nothing_at_other_addresses(shared: Served, target: str) -> None:
    assert shared.ask("GET", target).status in (404,)


@pytest.mark.parametrize("target", ["/files/%2e%2e%2f%2e%2e%2fregistry.db/download", "/packages/%27%20OR%201=1--"])
def test_ids_are_names_and_nothing_else(shared: Served, target: str) -> None:
    assert shared.ask("GET", target).status == 404


@pytest.mark.parametrize("method", ["DELETE", "PATCH", "TRACE", "OPTIONS", "CONNECT", "BREW", "get"])
def test_methods_that_mean_nothing_here_are_refused(shared: Served, method: str) -> None:
    answer = shared.ask(method, "/packages")
    assert answer.status == 405 and answer.headers["allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=x",
        "limit=-1",
        "after=9999999999999999",
        "limit=1&limit=2",
        "other=1",
        "kind=%FF",
        "kind=%zz",
        "kind=100%",
        "state=final",
        "kind",
        "&",
        "a=1&" * 30,
        "limit=%D9%A1",
        "limit=1e3",
    ],
)
def test_queries_are_read_strictly(shared: Served, query: str) -> None:
    answer = shared.ask("GET", f"/packages?{query}")
    assert answer.status == 400 and answer.code == "request-malformed"


# --- Bodies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/xml"},
        {"Content-Type": "multipart/form-data"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
        {"Content-Type": "application/jsonÿ"},
    ],
)
def test_bodies_of_other_types_are_refused(shared: Served, headers: dict[str, str]) -> None:
    answer = shared.ask("POST", "/packages", headers=headers, body=b"{}")
    assert answer.status == 415 and answer.headers["connection"] == "close"


def test_compressed_files_are_not_taken_for_what_they_hold(api: Served) -> None:
    package = api.package()
    answer = api.ask("PUT", f"/packages/{package}/files?path=a", body=b"x", headers={"Content-Encoding": "gzip"})
    assert answer.status == 415


@pytest.mark.parametrize("media_type", ["x", "text/html\r\nX: y", "text/html; a=\u00e4", "a/b; c=d; e=f; g=h; i=j"])
def test_types_that_are_none_are_refused(shared: Served, media_type: str) -> None:
    package = shared.package()
    put = shared.ask("PUT", f"/packages/{package}/files?path=a", body=b"x", headers={"Content-Type": media_type})
    assert put.status == 422


def test_a_body_that_is_too_large_is_refused_before_it_comes(api: Served) -> None:
    package = api.package()
    drawn = []

    def pieces() -> Iterator[bytes]:
        for _ in range(3):
            drawn.append(1)
            yield b"x" * 2**19

    for target in (f"/packages/{package}/files?path=a", "/packages", "/metadata-schemas"):
        headers = {"Content-Length": str(10**9), "Content-Type": "application/json"}
        method = "PUT" if "files" in target else "POST"
        answer = api.ask(method, target, headers=headers, body=[b"x"])
        assert answer.status == 413 and answer.headers["connection"] == "close"
    endless = api.ask("PUT", f"/packages/{package}/files?path=a", body=pieces())
    assert endless.status == 413 and endless.code == "body-too-large"
    assert api.ask("GET", f"/packages/{package}").value["file_count"] == 0


def test_a_head_that_is_too_large_is_refused_also_where_it_comes_at_once(api: Served) -> None:
    for target, header in (("/health/live", "x" * 2**15), (f"/packages/{'x' * 2**15}", "x")):
        assert api.ask("GET", target, headers={"X-Note": header}).code == "head-too-large"


def test_a_body_that_does_not_come_is_not_waited_for(api: Served) -> None:
    package = api.package()
    for body in ([...], [b"x", ...]):
        headers = {"Content-Length": "100"}
        slow = api.ask("PUT", f"/packages/{package}/files?path=a", headers=headers, body=body)
        assert slow.status == 408 and slow.headers["connection"] == "close"
    assert api.ask("GET", f"/packages/{package}").value["file_count"] == 0


def test_a_body_is_as_long_as_it_is_said_to_be(api: Served) -> None:
    package = api.package()
    for stated in ("1", "5", "x", "-1", "1" * 30):
        answer = api.ask("PUT", f"/packages/{package}/files?path=a", body=[b"abc"], headers={"Content-Length": stated})
        assert answer.status == 400, stated
    both = {"Content-Length": "3", "Transfer-Encoding": "chunked"}
    assert api.ask("PUT", f"/packages/{package}/files?path=a", body=[b"abc"], headers=both).status == 400
    assert api.ask("GET", f"/packages/{package}").value["file_count"] == 0


def test_whoever_goes_away_in_the_middle_leaves_nothing(api: Served) -> None:
    package = api.package()
    before = below(api.folder)
    gone = api.ask("PUT", f"/packages/{package}/files?path=a", body=[b"x" * 200_000, b"x" * 200_000, None])
    assert gone.status == 0
    assert below(api.folder) == before and api.ask("GET", f"/packages/{package}").value["file_count"] == 0
    assert api.ask("POST", "/packages", body=[b"{", None], headers={"Content-Type": "application/json"}).status == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        "{",
        '{"producer":NaN}',
        "\x00",
        "\u202e",
        '{"a":1,"a":2}',
        "[" * 30000,
        '{"a":' * 30000,
        '{"metadata":{"n":9007199254740993}}',
        '{"producer":"\\ud800"}',
        '{"producer":1,"run_id":"r","subject":"s"}',
    ],
    ids=range(13),
)
def test_what_is_no_sound_json_is_refused_with_its_place(shared: Served, text: str) -> None:
    answer = shared.ask("POST", "/packages", body=text.encode(), headers={"Content-Type": "application/json"})
    assert answer.status == 422 and answer.value["violations"], answer


def test_bytes_that_are_no_text_are_refused(api: Served) -> None:
    answer = api.ask("POST", "/packages", body=b'{"a":"\xff"}', headers={"Content-Type": "application/json"})
    assert answer.status == 422


def test_a_member_of_the_wrong_type_is_named(api: Served) -> None:
    said = {"producer": "p", "run_id": "r", "subject": "s", "environment": {"a": 1}}
    answer = api.ask("POST", "/packages", said=said)
    assert answer.value["violations"][0]["pointer"] == "/environment"
    missing = api.ask("POST", "/packages", said={"producer": "p"})
    assert "run_id" in missing.value["detail"]
    odd = api.ask("POST", "/packages", said={"producer": "p" * 300, "run_id": "r", "subject": "s"})
    assert odd.status == 422
    half = api.ask("POST", "/packages", said={"producer": "p", "run_id": "r", "subject": "s", "metadata": {"a": 0.5}})
    assert half.status == 422


# --- Schemas (27 to 29) ----------------------------------------------------------------------------------------------

HEAD = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "urn:h"}


def test_schemas_that_reach_out_or_run_away_are_refused_and_open_no_connection(api: Served) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/schema.json"
        schemas: list[dict[str, Any]] = [
            {**HEAD, "$ref": url},
            {**HEAD, "$ref": "file:///etc/passwd"},
            {**HEAD, "$ref": "#"},
            {**HEAD, "pattern": "^(a+)+$"},
            {**HEAD, "$dynamicRef": "#x"},
            {**HEAD, "$schema": url},
            {**HEAD, "$schema": "http://json-schema.org/draft-07/schema#"},
        ]
        for schema in schemas:
            answer = api.ask("POST", "/metadata-schemas", said=schema)
            assert answer.status == 422 and len(answer.value["violations"]) == 1, schema
        with pytest.raises(BlockingIOError):
            listening.accept()
    deep = json.dumps(HEAD)[:-1] + ',"not":' + '{"not":' * 10_000 + "{}" + "}" * 10_001
    typed = {"Content-Type": "application/schema+json"}
    large = {**typed, "Content-Length": str(50 * 2**20)}
    assert api.ask("POST", "/metadata-schemas", body=deep.encode(), headers=typed).status == 422
    assert api.ask("POST", "/metadata-schemas", headers=large, body=[b"{"]).status == 413
    assert api.ask("GET", "/metadata-schemas").value == {"metadata_schemas": []}


def test_a_deep_instance_is_refused(api: Served) -> None:
    api.ask("POST", "/metadata-schemas", said=HEAD)
    text = '{"producer":"p","run_id":"r","subject":"s","metadata_schema":"urn:h","metadata":' + '{"a":' * 20_000
    answer = api.ask(
        "POST", "/packages", body=(text + "1" + "}" * 20_001).encode(), headers={"Content-Type": "application/json"}
    )
    assert answer.status == 422


# --- Faults of the server's own --------------------------------------------------------------------------------------


def test_a_bug_has_a_number_and_shows_nothing(
    api: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret of /srv/store")

    monkeypatch.setattr(Registry, "packages", broken)
    answer = api.ask("GET", "/packages")
    assert answer.status == 500 and answer.code == "server-bug"
    assert b"secret" not in answer.body and b"Traceback" not in answer.body and b"ZeroDivision" not in answer.body
    logged = capsys.readouterr().err
    assert answer.value["incident"] in logged and "ZeroDivisionError" in logged and "Traceback" in logged


def test_damaged_content_is_never_given_as_a_whole(api: Served, capsys: pytest.CaptureFixture[str]) -> None:
    data = os.urandom(2**20)
    package = api.package(files={"small": b"small", "large": data})
    with served(api.folder, Limits()) as other:
        other.ask("PUT", f"/packages/{package}/files?path=larger", body=data * 3)
    files = {one["path"]: one for one in api.ask("GET", f"/packages/{package}/files").value["files"]}
    for path, size in (("small", 5), ("larger", 3 * 2**20)):
        blob = api.folder / files[path]["location"]
        whole = bytearray(blob.read_bytes())
        whole[-1] ^= 1
        blob.write_bytes(whole)
        answer = api.ask("GET", f"/files/{files[path]['file_id']}/download")
        assert not answer.complete or answer.status == 500
        assert len(answer.body) < size or answer.status == 500
        said = capsys.readouterr().err
        assert "incident" in said and (answer.status == 200 or str(api.folder).encode() not in answer.body)
    (api.folder / files["large"]["location"]).unlink()
    gone = api.ask("GET", f"/files/{files['large']['file_id']}/download")
    assert gone.status == 500 and gone.code == "store-corrupt"


def test_a_store_that_goes_away_is_said_and_found_again(api: Served, capsys: pytest.CaptureFixture[str]) -> None:
    package = api.package(files=FILES)
    aside = api.folder.with_name("aside")
    api.folder.rename(aside)
    for target in ("/health/ready", "/packages"):
        answer = api.ask("GET", target)
        assert answer.status in (401, 503) and str(api.folder).encode() not in answer.body
    assert api.ask("GET", "/health/live", by=None).status == 200
    aside.rename(api.folder)
    assert api.ask("GET", f"/packages/{package}").status == 200
    (api.folder / "store.json").write_text("{")
    assert api.ask("GET", f"/packages/{package}").status == 503
    assert capsys.readouterr().err.count("incident") >= 2


def test_another_registry_in_the_same_place_is_noticed(api: Served, tmp_path: Path) -> None:
    api.package()
    with served(tmp_path / "second") as second:
        package = second.package("elsewhere", files=FILES)
    for name in ("registry.db", "registry.head"):
        (tmp_path / "second" / name).replace(api.folder / name)
    for name in ("registry.db-wal", "registry.db-shm"):
        (api.folder / name).unlink(missing_ok=True)
    assert [one["package_id"] for one in api.ask("GET", "/packages").value["packages"]] == [package]


# --- Ranges ----------------------------------------------------------------------------------------------------------


@given(text=st.from_regex(r"bytes=[0-9]{0,3}-[0-9]{0,3}", fullmatch=True), size=st.integers(0, 300))
def test_a_range_is_the_slice_that_it_names(text: str, size: int) -> None:
    data = bytes(number % 251 for number in range(size))
    first, _, last = text.removeprefix("bytes=").partition("-")
    part = ranges.part_of(text, size)
    if (not first and not last) or (first and last and int(last) < int(first)):
        assert part == "whole"
        return
    wanted = data[int(first) : int(last) + 1 if last else None] if first else data[-int(last) :] if int(last) else b""
    assert part == "none" if not wanted else part != "whole"
    if part not in ("none", "whole"):
        assert data[part[0] : part[0] + part[1]] == wanted  # type: ignore[operator]


@given(st.text(max_size=30))
def test_whatever_a_range_says_it_is_read(text: str) -> None:
    for header in (text, f"bytes={text}"):
        part = ranges.part_of(header, 10)
        assert part in ("whole", "none") or (part[0] >= 0 and 0 < part[1] <= 10 - part[0])  # type: ignore[operator]
    assert ranges.names(f'"{text}", "x"', '"x"', weakly=False) or '"' in text


def test_a_list_of_tags_is_read() -> None:
    assert ranges.names('W/"a", "b"', '"b"', weakly=False) and ranges.names("*", '"b"', weakly=False)
    assert not ranges.names('W/"b"', '"b"', weakly=False) and ranges.names('W/"b"', '"b"', weakly=True)


def test_a_problem_is_of_the_standard_form(api: Served) -> None:
    problem = json.loads(api.ask("GET", "/packages/none").body)
    assert problem["type"] == "urn:rsppc:problem:store-missing" and problem["status"] == 404
    assert set(problem) <= {"type", "title", "status", "code", "detail", "advice"}
