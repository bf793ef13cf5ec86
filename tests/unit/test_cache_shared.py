"""A cache that several machines share: what another machine found out is used, and nothing of it is believed."""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from object_service import ObjectService, object_service
from rsppc.base.digest import digest_bytes
from rsppc.caching import compiler as cache_compiler
from rsppc.caching import folder as cache_folder
from rsppc.caching import shared as cache_shared
from rsppc.caching.traces import from_bytes, to_bytes
from rsppc.cli.caches import CACHE, _with_places
from workspaces import BUNDLE, BUNDLE_PATH, SPEC, SPEC_PATH, built_files, make, rsppc_here

pytest.importorskip("obstore")
URL = "s3://bucket/ours"
COMPILER = "sha256:" + "c" * 64


@pytest.fixture(autouse=True)
def one_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_folder, "_JUST_NOW_NS", -(10**20))
    monkeypatch.setattr("rsppc.caching.memory.compiler_digest", lambda: COMPILER)
    monkeypatch.setattr("rsppc.caching.memory.compiler_stamp", lambda: ("sha256:" + "0" * 64, 0))


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectService]:
    with object_service() as started:
        monkeypatch.setenv("AWS_ENDPOINT_URL", started.address)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
        yield started


def summary(folder: Path, *arguments: str) -> str:
    """Who answered, in one line."""
    done = rsppc_here(folder, *arguments, "--cache", URL, "--explain-cache")
    assert done.returncode == 0 and b"warning" not in done.stderr, done.stderr.decode()
    return done.stderr.decode().splitlines()[-1].removeprefix("cache: ")


def told(folder: Path, *arguments: str) -> list[str]:
    done = rsppc_here(folder, *(arguments or ("check",)), "--cache", URL)
    assert done.returncode == 0
    return done.stderr.decode().splitlines()


def elsewhere(folder: Path) -> Path:
    """The same workspace on a machine that has seen nothing of it."""
    other = folder.parent / "elsewhere"
    shutil.rmtree(other, ignore_errors=True)
    shutil.copytree(folder, other, ignore=shutil.ignore_patterns(CACHE, "build"))
    return other


def books_of(service: ObjectService) -> list[str]:
    return [path for path in service.objects if "/books/" in path]


# --- What is shared --------------------------------------------------------------------------------------------------


def test_another_machine_need_not_find_out_again(service: ObjectService, tmp_path: Path) -> None:
    folder = make(tmp_path / "here")
    assert summary(folder, "check") == f"0 from {CACHE}, 0 from {URL}, 3 anew"
    other = elsewhere(folder)
    assert summary(other, "check") == f"0 from {CACHE}, 3 from {URL}, 0 anew"
    asked = len(service.asked)
    assert summary(other, "check") == "3 from the cache, 0 anew" and len(service.asked) == asked, (
        "nothing is asked twice"
    )


def test_each_answer_from_elsewhere_is_named(service: ObjectService, tmp_path: Path) -> None:
    folder = make(tmp_path / "here")
    told(folder)
    said = rsppc_here(elsewhere(folder), "check", "--cache", URL, "--explain-cache").stderr.decode()
    assert f"cache: check {BUNDLE_PATH}: from {URL}\n" in said


def test_findings_from_elsewhere_are_the_same_bytes(service: ObjectService, tmp_path: Path) -> None:
    folder = make(tmp_path / "here", **{SPEC_PATH: SPEC.replace("speech.vad", "speech.vda")})
    found = rsppc_here(folder, "check", "--no-cache")
    rsppc_here(folder, "check", "--cache", URL)
    again = rsppc_here(elsewhere(folder), "check", "--cache", URL)
    assert (again.returncode, again.stdout) == (found.returncode, found.stdout) and again.returncode == 1


def test_built_files_are_fetched_and_are_the_same_bytes(service: ObjectService, tmp_path: Path) -> None:
    folder = make(tmp_path / "here")
    assert summary(folder, "build").endswith("5 anew")
    other = elsewhere(folder)
    assert summary(other, "build") == f"0 from {CACHE}, 5 from {URL}, 0 anew"
    assert built_files(other / "build") == built_files(folder / "build") != {}
    assert summary(other, "build") == "5 from the cache, 0 anew"


def test_what_differs_is_not_mixed_up(service: ObjectService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make(tmp_path / "here")
    told(folder)
    other = elsewhere(folder)
    assert summary(other, "check", "--strict").endswith("3 anew")
    make(other, {SPEC_PATH: SPEC + "\n"})
    assert summary(other, "check").endswith("2 anew"), "the spec, and the bundle that releases it"
    monkeypatch.setattr("rsppc.caching.memory.compiler_digest", lambda: "sha256:" + "d" * 64)
    assert summary(elsewhere(folder), "check").endswith("3 anew")


def test_many_books_become_one(service: ObjectService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_shared, "BOOKS_MAX", 3)
    folder = make(tmp_path / "here")
    for step in range(4):
        make(folder, {SPEC_PATH: SPEC + "\n" * step})
        told(elsewhere(folder))
    assert len(books_of(service)) == 1
    for step in range(4):
        make(folder, {SPEC_PATH: SPEC + "\n" * step})
        assert summary(elsewhere(folder), "check").endswith("0 anew")


# --- What is not believed --------------------------------------------------------------------------------------------


def flipped(data: bytes) -> bytes:
    return data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]


@pytest.mark.parametrize("damage", [flipped, lambda data: data[:20], lambda data: b"x" * 50, lambda data: data + b"x"])
@pytest.mark.parametrize("part", ["books", "sets", "o"])
def test_flipped_bytes_are_found_out_again_and_put_right(
    service: ObjectService, tmp_path: Path, damage: Callable[[bytes], bytes], part: str
) -> None:
    folder = make(tmp_path / "here")
    told(folder, "build")
    for path, data in service.objects.items():
        if part in path:
            service.objects[path] = damage(data)
    other = elsewhere(folder)
    done = rsppc_here(other, "build", "--cache", URL, "--explain-cache")
    assert f"cache: {2 if part == 'o' else 1} damaged in {URL}, and not believed" in done.stderr.decode()
    assert done.stderr.decode().splitlines()[-1].endswith("1 anew" if part == "sets" else "5 anew")
    assert built_files(other / "build") == built_files(folder / "build")
    assert summary(elsewhere(folder), "build").endswith("0 anew")


def test_a_book_of_other_options_is_not_believed_in_this_place(service: ObjectService, tmp_path: Path) -> None:
    """It is whole, its name is its digest, and it is about something else."""
    folder = make(tmp_path / "here", **{SPEC_PATH: SPEC.replace("speech.vad", "speech.vda")})
    rsppc_here(folder, "check", "--cache", URL)
    (ours,) = books_of(service)
    book = from_bytes(zlib.decompress(service.objects[ours]))
    assert book is not None
    lies = {question: tuple(one for one in traces) for question, traces in book.traces.items()}
    forged = type(book)(options={**book.options, "purpose": "build"}, rows=book.rows, traces=lies)
    data = zlib.compress(to_bytes(forged), 1)
    service.objects = {f"{ours.rpartition('/')[0]}/{digest_bytes(data).removeprefix('sha256:')}": data}
    done = rsppc_here(elsewhere(folder), "check", "--cache", URL, "--explain-cache")
    assert done.stderr.decode().splitlines()[-1].endswith(f"0 from {URL}, 3 anew")


def test_a_set_in_the_place_of_another_is_not_believed(service: ObjectService, tmp_path: Path) -> None:
    folder = make(tmp_path / "here", **{"pipelines/specs/other_v1.yaml": SPEC.replace("id: line", "id: other")})
    told(folder, "build")
    first, second = (path for path in service.objects if "/sets/" in path)
    service.objects[first], service.objects[second] = service.objects[second], service.objects[first]
    other = elsewhere(folder)
    assert summary(other, "build").endswith("2 anew")
    assert built_files(other / "build") == built_files(folder / "build")


def test_names_from_elsewhere_lead_nowhere(service: ObjectService, tmp_path: Path) -> None:
    folder = make(tmp_path / "here")
    told(folder, "build")
    (path,) = books_of(service)
    data = zlib.compress(zlib.decompress(service.objects.pop(path)).replace(b"line_bundle/v1", b"../escaped/x_"), 1)
    service.objects[f"{path.rpartition('/')[0]}/{digest_bytes(data).removeprefix('sha256:')}"] = data
    other = elsewhere(folder)
    rsppc_here(other, "build", "--cache", URL)
    assert {one.name for one in other.iterdir()} == {"pipelines", "build", CACHE}
    assert built_files(other / "build") == built_files(folder / "build")


def test_more_than_anybody_writes_is_not_unpacked() -> None:
    assert cache_shared._decompressed(zlib.compress(b"x" * 10**7), 10**6) is None


# --- A service that fails --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("does", "reason"),
    [
        ("refuses", "access is denied (403)"),
        ("breaks", "the service answers 503"),
        ("changes what is written", "the service gives other bytes than were written"),
    ],
)
def test_a_failing_service_is_one_warning_and_the_run_goes_on(
    service: ObjectService, tmp_path: Path, does: str, reason: str
) -> None:
    folder = make(tmp_path / "here")
    service.does = does
    lines = told(folder)
    assert lines[0] == f"rsppc: warning: the cache at {URL} was not used further: {reason}"
    assert len(lines) == 2 and lines[1].startswith("  nothing is lost but time; ")
    assert told(folder) == [], "the folder knows the answers"
    if does == "refuses":
        assert service.asked.count("GET") + service.asked.count("PUT") == 1, "who refuses once is not asked again"


def test_a_service_that_hangs_is_waited_for_once(
    service: ObjectService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rsppc.objects import s3

    real = s3.open_objects
    monkeypatch.setattr(s3, "open_objects", lambda place, _: real(place, s3.Limits(request_ms=200, operation_ms=500)))
    service.does = "hangs"
    lines = told(make(tmp_path / "here"))
    assert lines[0].endswith("was not used further: it does not answer in time") and len(lines) == 2
    assert len(service.asked) <= 2


def test_reading_without_the_right_to_write_is_a_warning_at_the_end(service: ObjectService, tmp_path: Path) -> None:
    folder = make(tmp_path / "here")
    told(folder)
    service.objects = dict(service.objects)
    make(folder, {SPEC_PATH: SPEC + "\n"})
    other, service.does = elsewhere(folder), "lists nothing"
    assert told(other) == []
    assert len(books_of(service)) == 2


@pytest.mark.parametrize("place", ["gs://bucket/x", "s3://", "x://", "s3://bucket/../x", "s3://bucket/ "])
def test_what_is_no_place_is_wrong_use(tmp_path: Path, place: str) -> None:
    done = rsppc_here(make(tmp_path), "check", "--cache", place)
    assert done.returncode == 2 and b"names no place for objects\n  write `s3://BUCKET/PREFIX`" in done.stderr


def test_a_file_after_the_option_is_a_file() -> None:
    assert _with_places(["--cache", "a.yaml"]) == [f"--cache={CACHE}", "a.yaml"]
    assert _with_places(["--cache", "s3://x/y", "a.yaml"]) == ["--cache=s3://x/y", "a.yaml"]
    assert _with_places(["--cache=s3://x/y"]) == ["--cache=s3://x/y"]
    assert _with_places(["--", "--cache", "s3://x"]) == ["--", "--cache", "s3://x"]
    assert _with_places(["a.yaml", "s3://x", "--cache"]) == ["a.yaml", "s3://x", f"--cache={CACHE}"]


# --- Which compiler --------------------------------------------------------------------------------------------------


def test_the_digest_of_the_compiler_follows_content_and_not_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "rsppc"
    make(own, {"one.py": "x = 1\n", "schemas/x.json": "{}", "__pycache__/one.pyc": "x", "deep/two.py": "y"})
    monkeypatch.setattr(cache_compiler, "_own_folder", lambda: str(own))
    monkeypatch.setattr(cache_compiler, "_LIBRARIES", ())
    before = cache_compiler.compiler_digest()
    make(own, {"one.py": "x = 1\n", "schemas/x.json": "[]", "__pycache__/one.pyc": "y"})
    assert cache_compiler.compiler_digest() == before
    make(own, {"deep/two.py": "z"})
    assert cache_compiler.compiler_digest() != before


def test_the_digest_of_the_compiler_is_made_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: ObjectService
) -> None:
    made: list[str] = []
    monkeypatch.setattr("rsppc.caching.memory.compiler_digest", lambda: made.append("x") or COMPILER)
    folder = make(tmp_path / "here")
    for step in range(3):
        make(folder, {SPEC_PATH: SPEC + "\n" * step, "pipelines/bundles/line_bundle_v1.yaml": BUNDLE})
        told(folder)
    assert len(made) == 1
