"""Content of a store in a service: the same digests as in a folder, and nothing believed that a service says."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from object_service import ObjectService, object_service
from rsppc.cli.exits import ENVIRONMENT, INTEGRITY, OK
from rsppc.store import gc
from rsppc.store.backends.s3 import PART, S3Backend, open_backend
from rsppc.store.beginning import begin_store
from rsppc.store.config import Config
from rsppc.store.gc import collect
from rsppc.store.hashing import blake3_of
from rsppc.store.log import Log
from rsppc.store.problems import StoreProblem
from rsppc.store.rebuilding import rebuild
from rsppc.store.registry import Registry, open_store
from rsppc.store.transfer import export_package, import_package
from rsppc.store.verification import verify_package
from stores import AT, FILES, kept, published, store_in
from workspaces import rsppc

pytest.importorskip("obstore")
from rsppc.objects.protocol import Guarantees
from rsppc.objects.s3 import Limits

URL = "s3://bucket/team"
PATIENT = Limits(connect_ms=2_000, request_ms=20_000, operation_ms=20_000, retries=1)
SHORT = Limits(connect_ms=300, request_ms=400, operation_ms=1_000, retries=1)
"""Where nothing is going to come."""
LARGE = bytes(range(256)) * 2**16 + b"and a rest"  # in three parts


@pytest.fixture
def service() -> Iterator[ObjectService]:
    with object_service() as started:
        yield started


def settings(service: ObjectService) -> dict[str, str]:
    return {"AWS_ENDPOINT_URL": service.address, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "hush"}


@pytest.fixture
def backend(service: ObjectService, tmp_path: Path) -> S3Backend:
    return open_backend(URL, str(tmp_path / "st"), settings(service), PATIENT)


@pytest.fixture
def registry(service: ObjectService, backend: S3Backend, tmp_path: Path) -> Iterator[Registry]:
    folder = str(tmp_path / "st")
    config = Config(backend=URL)
    begin_store(folder, config, settings(service))
    with Registry(folder, config, Log.open(folder), backend) as opened:
        yield opened


def objects(service: ObjectService) -> dict[str, bytes]:
    """Content in the service, without the store's mark."""
    prefix = "/bucket/team/"
    found = {path.removeprefix(prefix): data for path, data in service.objects.items() if path.startswith(prefix)}
    found.pop("rsppc-store.json", None)
    return found


def refusal(act: object) -> StoreProblem:
    with pytest.raises(StoreProblem) as caught:
        act()  # type: ignore[operator]
    return caught.value


# --- A service that does what it says --------------------------------------------------------------------------------


def test_a_run_has_one_digest_in_a_folder_and_in_a_service(registry: Registry, tmp_path: Path) -> None:
    """R-004-32."""
    files = {**FILES, "raw/large.bin": LARGE}
    there = published(registry, files=files)
    with store_in(tmp_path / "local") as local:
        assert published(local, files=files) == there
        assert local.manifest_bytes(there) == registry.manifest_bytes(there)
        assert kept(local) == kept(registry)
    for file in registry.files(there):
        assert b"".join(registry.content(file)) == files[file.path]


def test_content_comes_back_whole_and_in_ranges(backend: S3Backend) -> None:
    for data in (b"", b"x", b"y" * 1000, LARGE):
        put = backend.put([data[:10], data[10:]])
        primary = put.digests.primary
        assert put.fresh and primary == blake3_of(data) and backend.size(primary) == len(data)
        assert not backend.put([data]).fresh
        assert b"".join(backend.read(primary)) == data
        for offset, length in ((0, 1), (3, None), (3, 4), (PART - 1, 3), (len(data) + 5, 2), (0, len(data) + 9)):
            end = len(data) if length is None else offset + length
            assert b"".join(backend.read(primary, offset=offset, length=length)) == data[offset:end]
    assert backend.size(blake3_of(b"no")) is None


def test_what_is_large_is_staged_without_a_name(backend: S3Backend, tmp_path: Path, service: ObjectService) -> None:
    seen = []

    def pieces() -> Iterator[bytes]:
        yield LARGE
        seen.extend(os.listdir(tmp_path / "st/staging"))
        yield b"!"

    backend.put(pieces())
    assert seen == [] and service.asked.count("POST") == 2, "a killed writer leaves nothing on the disk"


def test_a_source_that_fails_leaves_nothing(backend: S3Backend, service: ObjectService) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"begun"
        raise OSError("the source")

    with pytest.raises(OSError, match="the source"):
        backend.put(pieces())
    assert objects(service) == {}


def test_a_package_is_verified_exported_and_taken_in_elsewhere(registry: Registry, tmp_path: Path) -> None:
    there = published(registry)
    assert verify_package(registry, there).faults == ()
    path = str(tmp_path / "run.tar")
    made = export_package(registry, there, path, lambda _: None)
    with store_in(tmp_path / "local") as local:
        assert import_package(local, path, AT, lambda _: None).manifest_digest == made.manifest_digest


def test_gc_frees_what_nobody_speaks_of(registry: Registry, service: ObjectService) -> None:
    there = published(registry)
    before = objects(service)
    registry.backend.put([b"rubbish"])
    freed = collect(registry, AT, delete=True)
    assert (freed.contents, freed.bytes) == (1, 7)
    assert objects(service) == before and len(registry.files(there)) == 3


def test_gc_asks_once_for_many(registry: Registry, service: ObjectService, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request for each object of a large store would take hours."""
    monkeypatch.setattr(gc, "_AT_ONCE", 5)
    published(registry)
    before = objects(service)
    for number in range(12):
        registry.backend.put([b"rubbish %d" % number])
    service.asked.clear()
    assert collect(registry, AT, delete=True).contents == 12
    assert (objects(service), service.asked.count("POST"), service.asked.count("DELETE")) == (before, 3, 0)


def test_a_service_that_does_not_let_anybody_delete_says_so(registry: Registry, service: ObjectService) -> None:
    registry.backend.put([b"rubbish"])
    registry.backend.delete([])  # which looks for the mark
    service.does = "refuses"
    problem = refusal(lambda: registry.backend.delete(["blake3:" + "0" * 64]))
    assert problem.kind == "environment" and "access is denied (403)" in problem.what


def test_a_lost_registry_is_made_anew_from_the_service(
    registry: Registry, tmp_path: Path, service: ObjectService, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = published(registry)
    folder = str(tmp_path / "again")
    begun = begin_store(folder, Config(backend=URL), settings(service), take_over=True)
    assert begun.registry_missing
    for name, value in settings(service).items():
        monkeypatch.setenv(name, value)
    assert rebuild(folder, AT).packages == 1
    with open_store(folder) as again:
        assert again.package(there).manifest_digest == registry.package(there).manifest_digest
        assert collect(again, AT, delete=True).contents == 0


# --- One prefix, one store -------------------------------------------------------------------------------------------


def test_a_second_store_is_kept_away_from_the_content_of_the_first(
    registry: Registry, tmp_path: Path, service: ObjectService
) -> None:
    published(registry)
    config = Config(backend=URL)
    problem = refusal(lambda: begin_store(str(tmp_path / "other"), config, settings(service)))
    assert problem.kind == "conflict" and "another store" in problem.what
    assert not (tmp_path / "other").exists()
    begin_store(str(tmp_path / "st"), config, settings(service))  # the same again


def test_nothing_is_deleted_without_the_mark(registry: Registry, service: ObjectService, tmp_path: Path) -> None:
    registry.backend.put([b"of somebody else"])
    mark = service.objects["/bucket/team/rsppc-store.json"]
    service.objects["/bucket/team/rsppc-store.json"] = mark.replace(b'":"', b'":"0')[:-3] + b'"}'
    assert refusal(lambda: collect(registry, AT, delete=True)).kind in ("refused", "corrupt")
    service.objects["/bucket/team/rsppc-store.json"] = mark
    (tmp_path / "st/backend.json").unlink()
    assert refusal(lambda: collect(registry, AT, delete=True)).kind == "refused"
    assert len(objects(service)) == 1


def test_a_folder_without_its_registry_does_not_begin_anew(
    registry: Registry, service: ObjectService, tmp_path: Path
) -> None:
    """An empty registry would make rubbish of all content."""
    published(registry)
    registry.close()
    for name in ("registry.db", "registry.head"):
        (tmp_path / "st" / name).unlink()
    problem = refusal(lambda: begin_store(str(tmp_path / "st"), Config(backend=URL), settings(service)))
    assert problem.kind == "corrupt" and "rebuild" in problem.advice
    assert not (tmp_path / "st/registry.db").exists()


# --- A service that does not -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("does", "reading", "writing"),
    [
        ("hangs", "environment", "environment"),
        ("refuses", "environment", "environment"),
        ("breaks", "environment", "environment"),
        ("answers 500", "environment", "environment"),
        ("answers 503 once", None, None),
        ("cuts what is read", "environment", "environment"),
        ("changes what is read", "corrupt", "corrupt"),
        ("shortens what is read", "corrupt", "corrupt"),
        ("lengthens what is read", "corrupt", "corrupt"),
        ("changes what is written", None, "corrupt"),
        ("forgets what is written", None, "corrupt"),
        ("knows no conditions", None, None),
        ("overwrites", None, None),
        ("tells wrong tags", None, None),
    ],
)
def test_a_misbehaving_service_is_refused_in_time_and_leaves_nothing_visible(
    registry: Registry, service: ObjectService, does: str, reading: str | None, writing: str | None
) -> None:
    there = published(registry)
    before = len(registry.packages())
    if does == "hangs":
        registry.backend = open_backend(URL, registry.folder, settings(service), SHORT)
    service.does = does
    started = time.monotonic()
    for wanted, act in (
        (reading, lambda: [b"".join(registry.content(file)) for file in registry.files(there)]),
        (writing, lambda: published(registry, run="r2", files={"other": b"other\n"})),
    ):
        if wanted is None:
            act()
        else:
            problem = refusal(act)
            assert problem.kind == wanted and "hush" not in problem.what + problem.advice
    assert time.monotonic() - started < 15
    service.does = ""
    registry.backend = open_backend(URL, registry.folder, settings(service), PATIENT)
    finals = [one for one in registry.packages() if one.state == "finalized"]
    assert len(finals) == before + (writing is None)
    published(registry, run="r2", files={"other": b"other\n"})  # it goes on where it was, and mends what is damaged
    assert all(verify_package(registry, one.package_id).faults == () for one in registry.packages())


@pytest.mark.parametrize("does", ["shortens what is read", "lengthens what is read"])
def test_a_service_that_lies_about_length_is_noticed_also_in_parts(
    backend: S3Backend, service: ObjectService, does: str
) -> None:
    """A part has no digest of its own, but it has a length."""
    primary = backend.put([LARGE]).digests.primary
    service.does = does
    for how in ({}, {"offset": 3, "length": 4}, {"offset": PART - 1, "length": 3}):
        assert refusal(lambda how=how: list(backend.read(primary, **how))).kind in ("corrupt", "environment"), how


@pytest.mark.parametrize("does", ["fails at the second part", "cuts at the second part"])
def test_a_part_that_fails_leaves_no_object(backend: S3Backend, service: ObjectService, does: str) -> None:
    service.does = does
    assert refusal(lambda: backend.put([LARGE])).kind == "environment"
    assert objects(service) == {} and service.uploads == {}, "the upload was taken back"
    service.does = ""
    assert backend.put([LARGE]).fresh


def test_damaged_and_missing_content_is_told_apart_from_a_missing_bucket(
    registry: Registry, service: ObjectService
) -> None:
    there = published(registry, files={"a": b"a\n", "large": LARGE})
    a, large = registry.files(there)
    for file in (a, large):
        path = f"/bucket/team/{file.location}"
        data = service.objects[path]
        service.objects[path] = data[:-1] + bytes([data[-1] ^ 1])
        problem = refusal(lambda file=file: list(registry.content(file)))
        assert problem.kind == "corrupt" and file.digest_primary in problem.what
        del service.objects[path]
        problem = refusal(lambda file=file: list(registry.content(file)))
        assert problem.kind == "corrupt" and "missing" in problem.what
        service.objects[path] = b"longer " * 9 + data
        assert refusal(lambda file=file: list(registry.content(file))).kind == "corrupt"
        assert registry.backend.put([data]).fresh, "publishing again mends it"
        assert b"".join(registry.content(file)) == data
    elsewhere = open_backend("s3://nowhere/x", registry.folder, settings(service), PATIENT)
    problem = refusal(lambda: elsewhere.read(a.digest_primary))
    assert problem.kind == "environment" and "there is no bucket `nowhere`" in problem.what
    assert refusal(lambda: elsewhere.put([b"x"])).kind == "environment"


def test_a_listing_out_of_order_deletes_nothing(registry: Registry, service: ObjectService) -> None:
    published(registry)
    before = objects(service)
    service.does = "lists backwards"
    problem = refusal(lambda: collect(registry, AT, delete=True))
    assert problem.kind == "environment" and "order" in problem.what and objects(service) == before
    service.does = "lists nothing"
    assert collect(registry, AT, delete=True).contents == 0


def test_what_lies_there_and_is_nobodys_is_left_alone(registry: Registry, service: ObjectService) -> None:
    published(registry)
    strange = {"/bucket/team/blobs/README": b"hello", "/bucket/team/blobs/00/" + "1" * 64: b"hello"}
    service.objects |= strange
    assert collect(registry, AT, delete=True).contents == 0
    assert strange.items() <= service.objects.items()


# --- The command line ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("does", "code", "said"),
    [
        ("", OK, "a second creator is refused   yes"),
        ("knows no conditions", OK, "no: not known there"),
        ("changes what is read", INTEGRITY, "does not give back what was written"),
        ("refuses", ENVIRONMENT, "access is denied (403)"),
    ],
)
def test_init_says_what_a_service_keeps(
    service: ObjectService, tmp_path: Path, does: str, code: int, said: str
) -> None:
    service.does = does
    done = rsppc(tmp_path, "store", "init", "--store", "st", "--backend", URL, **settings(service))
    assert done.returncode == code and said in (done.stdout + done.stderr).decode()
    assert b"hush" not in done.stdout + done.stderr
    assert (tmp_path / "st/store.json").exists() == (code == OK)
    if code == OK:
        note = json.loads((tmp_path / "st/backend.json").read_bytes())
        assert note["url"] == URL and note["guarantees"]["read_after_write"]


@pytest.mark.parametrize(
    ("does", "guarantees"),
    [
        ("overwrites", {"create": "ignored"}),
        ("lists nothing", {"list_after_write": False}),
        ("deletes nothing", {"delete": False}),
        ("tells wrong tags", {}),
    ],
)
def test_a_service_that_keeps_what_is_written_will_do(
    service: ObjectService, tmp_path: Path, does: str, guarantees: dict[str, object]
) -> None:
    service.does = does
    found = begin_store(str(tmp_path / "st"), Config(backend=URL), settings(service)).guarantees
    assert found == Guarantees(
        **{"create": "honoured", "read_after_write": True, "list_after_write": True, "delete": True} | guarantees
    )


@pytest.mark.parametrize(
    ("does", "kind"),
    [("changes what is written", "corrupt"), ("forgets what is written", "corrupt"), ("answers 500", "environment")],
)
def test_a_service_that_loses_or_changes_bytes_is_refused(
    service: ObjectService, tmp_path: Path, does: str, kind: str
) -> None:
    service.does = does
    begin = refusal(lambda: begin_store(str(tmp_path / "st"), Config(backend=URL), settings(service)))
    assert begin.kind == kind and not (tmp_path / "st").exists()


def test_a_backend_that_is_none_is_refused(tmp_path: Path, service: ObjectService) -> None:
    for url in ("gs://bucket", "s3://UPPER", "s3://bucket/../x", "elsewhere"):
        begin = refusal(lambda url=url: begin_store(str(tmp_path / "st"), Config(backend=url), settings(service)))
        assert begin.kind == "malformed" and "names no place for objects" in begin.what
    assert service.asked == []
