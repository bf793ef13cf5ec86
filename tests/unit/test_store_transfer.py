"""A package as one file, and what comes of files that somebody else made."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rsppc.base.canonical_json import canonical
from rsppc.store import manifest
from rsppc.store.auditing import audit
from rsppc.store.hashing import blake3_of
from rsppc.store.locking import collecting_content
from rsppc.store.problems import StoreProblem
from rsppc.store.registry import Registry
from rsppc.store.transfer import END, export_package, header_of, import_package
from stores import AT, FILES, filled, kept, published, store_in

QUIET: Callable[[int], None] = lambda _: None  # noqa: E731
LONG = "folder/" * 20 + "ü" * 90 + ".txt"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with store_in(tmp_path / "store") as registry:
        yield registry


@pytest.fixture
def archive(registry: Registry, tmp_path: Path) -> Path:
    made = published(registry, files={**FILES, LONG: b"deep"})
    registry.record_attestation(made, "signature", "application/json", b"{}", AT)
    export_package(registry, made, str(tmp_path / "run.tar"), QUIET)
    return tmp_path / "run.tar"


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Registry]:
    with store_in(tmp_path / "other") as other:
        yield other


def test_nothing_is_collected_while_a_package_is_written_into_a_file(registry: Registry, tmp_path: Path) -> None:
    """Else half of it would be told as damage."""
    made = published(registry)

    def collected(_: int) -> None:
        with collecting_content(registry.folder, wait_s=0):
            pass

    with pytest.raises(StoreProblem, match="has been putting or reading content"):
        export_package(registry, made, str(tmp_path / "run.tar"), collected)
    assert list(tmp_path.glob("run.tar*")) == []


def test_a_package_comes_back_byte_for_byte(registry: Registry, archive: Path, other: Registry) -> None:
    made = import_package(other, str(archive), AT, QUIET)
    there = registry.packages()[0]
    assert made.manifest_digest == there.manifest_digest
    assert other.files(there.package_id) == registry.files(there.package_id)
    assert other.attestation_bytes(there.package_id, "signature") == b"{}"
    assert kept(other) == kept(registry)
    assert audit(other.log).faults == ()
    head = other.log.head()
    assert import_package(other, str(archive), AT, QUIET).reused
    assert other.log.head() == head


def test_one_package_has_one_archive(archive: Path, other: Registry, tmp_path: Path) -> None:
    made = import_package(other, str(archive), AT, QUIET)
    export_package(other, made.package.package_id, str(tmp_path / "again.tar"), QUIET)
    assert (tmp_path / "again.tar").read_bytes() == archive.read_bytes()


def test_any_tar_can_open_it(archive: Path, tmp_path: Path) -> None:
    with tarfile.open(archive, "r:") as tar:
        tar.extractall(tmp_path / "out", filter="data")
    for path, data in {**FILES, LONG: b"deep"}.items():
        assert (tmp_path / "out/files" / path).read_bytes() == data


def test_a_file_that_is_there_is_not_replaced(registry: Registry, archive: Path) -> None:
    with pytest.raises(StoreProblem, match="is there already"):
        export_package(registry, registry.packages()[0].package_id, str(archive), QUIET)


def test_what_is_not_final_is_not_exported(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(StoreProblem, match="not finalised"):
        export_package(registry, filled(registry), str(tmp_path / "run.tar"), QUIET)
    assert not (tmp_path / "run.tar").exists()


def test_another_package_of_the_same_run_is_refused(archive: Path, other: Registry) -> None:
    published(other, files={"run.json": b"other"})
    with pytest.raises(StoreProblem, match="other content at `/files/0/") as refused:
        import_package(other, str(archive), AT, QUIET)
    assert refused.value.kind == "conflict"


def test_a_run_that_is_not_finished_here_is_refused(archive: Path, other: Registry) -> None:
    filled(other)
    with pytest.raises(StoreProblem, match="not finalised"):
        import_package(other, str(archive), AT, QUIET)


# What somebody else made


class _Member:
    """A member of an archive as it is taken apart: its headers, and its padded content."""

    def __init__(self, head: bytes, body: bytes) -> None:
        self.head = head
        self.body = body


def parts(data: bytes) -> list[_Member]:
    found = []
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        members = tar.getmembers()
    starts = [member.offset for member in members]
    for member, end in zip(members, [*starts[1:], len(data) - len(END)], strict=True):
        found.append(_Member(data[member.offset : member.offset_data], data[member.offset_data : end]))
    return found


def manifest_of(members: list[_Member]) -> bytes:
    return members[0].body[: int(members[0].head[124:135], 8)]


def seal(member: _Member, digest: str, listed: list[dict[str, object]]) -> None:
    """Write an index of attestations whose own digest is right."""
    index = canonical({"attestations": listed, "digest": blake3_of(canonical([digest, listed]))})
    member.head, member.body = header_of("attestations.json", len(index)), index + bytes(-len(index) % 512)


def joined(members: list[_Member], end: bytes = END) -> bytes:
    return b"".join(member.head + member.body for member in members) + end


def special(name: str, kind: bytes, link: str = "", **said: object) -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    for key, value in said.items():
        setattr(info, key, value)
    return info.tobuf(tarfile.GNU_FORMAT)


def refused(other: Registry, data: bytes, tmp_path: Path) -> StoreProblem:
    """Import what must be refused: nothing is visible afterwards, and nothing lies outside of the store."""
    path = tmp_path / "hostile" / "run.tar"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    before = sorted(tmp_path.rglob("*"), key=str)
    before = [one for one in before if "other" not in one.parts]
    with pytest.raises(StoreProblem) as found:
        import_package(other, str(path), AT, QUIET)
    assert [one for one in sorted(tmp_path.rglob("*"), key=str) if "other" not in one.parts] == before
    assert (other.packages(), other.log.head().seq) == ([], 0)
    return found.value


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (tarfile.SYMTYPE, "a symbolic link"),
        (tarfile.LNKTYPE, "a hard link"),
        (tarfile.CHRTYPE, "a device"),
        (tarfile.FIFOTYPE, "a pipe"),
        (tarfile.DIRTYPE, "a folder"),
        (tarfile.GNUTYPE_SPARSE, "a sparse file"),
    ],
)
def test_nothing_but_files_stands_in_a_package(
    archive: Path, other: Registry, tmp_path: Path, kind: bytes, what: str
) -> None:
    members = parts(archive.read_bytes())
    odd = _Member(special("files/x", kind, "../../etc/passwd"), b"")
    for at in (0, 1, 2, 3, len(members)):
        problem = refused(other, joined([*members[:at], odd, *members[at:]]), tmp_path)
        assert f"{what} 'files/x' stands where" in problem.what


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/x", "files/../../x", "files/x/../../../y", "C:\\x", "files/NUL", "files/raw/log.txt", "a" * 300],
)
def test_no_name_leads_anywhere_else(archive: Path, other: Registry, tmp_path: Path, name: str) -> None:
    """Also a second member of a name that is there."""
    members = parts(archive.read_bytes())
    odd = _Member(header_of(name, 1), b"x".ljust(512, b"\0"))
    for at in (2, 3, len(members)):
        assert "stands where" in refused(other, joined([*members[:at], odd, *members[at:]]), tmp_path).what
    renamed = _Member(header_of(name, 0), members[-1].body)
    assert "stands where" in refused(other, joined([*members[:-1], renamed]), tmp_path).what


@pytest.mark.parametrize("said", [{"mode": 0o4755}, {"uid": 7}, {"mtime": 9}, {"uname": "root"}])
def test_a_header_says_nothing_else(archive: Path, other: Registry, tmp_path: Path, said: dict[str, object]) -> None:
    members = parts(archive.read_bytes())
    members[2].head = special("attestations/signature", tarfile.REGTYPE, size=2, **said)
    assert "another size, mode, owner or time" in refused(other, joined(members), tmp_path).what


def test_missing_extra_and_trailing_are_named(archive: Path, other: Registry, tmp_path: Path) -> None:
    data = archive.read_bytes()
    members = parts(data)
    for at, name in ((2, "attestations/signature"), (3, f"files/{LONG}"), (len(members) - 1, "files/run.json")):
        problem = refused(other, joined([*members[:at], *members[at + 1 :]]), tmp_path)
        assert f"`{name}` should be" in problem.what
    assert "after the end" in refused(other, data + b"x", tmp_path).what
    assert "after the end" in refused(other, data + bytes(512), tmp_path).what
    for size in (0, 100, 512, 700, len(data) - 1, len(data) - 512, len(data) - 1024, len(data) - 2000):
        assert refused(other, data[:size], tmp_path).kind in ("corrupt", "malformed")


def test_content_that_is_not_what_the_manifest_says_is_named(archive: Path, other: Registry, tmp_path: Path) -> None:
    members = parts(archive.read_bytes())
    members[-1].body = members[-1].body.replace(b"1", b"2")
    problem = refused(other, joined(members), tmp_path)
    assert (problem.kind, problem.what[:24]) == ("corrupt", "`run.json` has BLAKE3 bl")


def _lying(change: Callable[[dict[str, object]], None]) -> Callable[[list[_Member]], None]:
    """A manifest that was changed, and written again in canonical form."""

    def lie(members: list[_Member]) -> None:
        value = manifest.decode(manifest_of(members))
        change(value)
        data = manifest.encode(value)
        members[0].head, members[0].body = header_of("manifest.cbor", len(data)), data + bytes(-len(data) % 512)
        listed = msgspec.json.decode(members[1].body.rstrip(b"\0"))["attestations"]
        seal(members[1], manifest.digest(data), listed)

    return lie


LIES: dict[str, tuple[Callable[[dict[str, object]], None], str]] = {
    "sha256": (lambda m: m["files"][-1].update(digest_sha256="sha256:" + "0" * 64), "corrupt"),  # type: ignore[index]
    "blake3": (lambda m: m["files"][-1].update(digest_primary="blake3:" + "0" * 64), "malformed"),  # type: ignore[index]
    "size": (lambda m: m["files"][-1].update(size=9), "corrupt"),  # type: ignore[index]
    "huge size": (lambda m: m["files"][-1].update(size=2**50), "corrupt"),  # type: ignore[index]
    "path": (lambda m: m["files"][-1].update(path="../x"), "malformed"),  # type: ignore[index]
    "device": (lambda m: m["files"][-1].update(path="NUL"), "malformed"),  # type: ignore[index]
    "id": (lambda m: m["files"][-1].update(file_id="0" * 36), "malformed"),  # type: ignore[index]
    "twice": (lambda m: m["files"].append(m["files"][-1]), "malformed"),  # type: ignore[attr-defined, index]
    "order": (lambda m: m["files"].reverse(), "malformed"),  # type: ignore[attr-defined]
    "type": (lambda m: m["files"][-1].update(size="9"), "malformed"),  # type: ignore[index]
    "package": (lambda m: m["package"].update(run_id="r2"), "malformed"),  # type: ignore[attr-defined]
    "tenant": (lambda m: m["package"].update(tenant="../x"), "malformed"),  # type: ignore[attr-defined]
    "more keys": (lambda m: m.update(more=1), "malformed"),
    "version": (lambda m: m.update(manifest_version=2), "malformed"),
    "class": (lambda m: m["retention_summary"].update(retention_class="none"), "refused"),  # type: ignore[attr-defined]
}


@pytest.mark.parametrize("name", list(LIES))
def test_a_manifest_that_lies_is_refused(archive: Path, other: Registry, tmp_path: Path, name: str) -> None:
    lie, kind = LIES[name]
    members = parts(archive.read_bytes())
    _lying(lie)(members)
    assert refused(other, joined(members), tmp_path).kind == kind


@pytest.mark.parametrize(
    "data",
    [
        b"\x81" * 10_000,
        b"\x9b" + b"\xff" * 8,
        b"\xbf\xff",
        b"\xc1\x00",
        b"\xa1\x01\x02",
        b"",
        b"\x5b\x7f" + b"\xff" * 7,
    ],
)
def test_cbor_bombs_do_no_harm(other: Registry, tmp_path: Path, data: bytes) -> None:
    body = data + bytes(-len(data) % 512)
    problem = refused(other, header_of("manifest.cbor", len(data)) + body + END, tmp_path)
    assert problem.kind == "malformed"


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), flips=st.integers(1, 3))
def test_no_changed_byte_gets_through(archive: Path, other: Registry, tmp_path: Path, seed: int, flips: int) -> None:
    data = bytearray(archive.read_bytes())
    for n in range(flips):
        at = (seed * (n + 1) * 2654435761) % len(data)
        data[at] ^= 1 << (seed + n) % 8
    if bytes(data) != archive.read_bytes():
        refused(other, bytes(data), tmp_path)


def test_other_files_are_no_packages(other: Registry, tmp_path: Path) -> None:
    """Nothing is ever unpacked, so that no bomb goes off."""
    for name, data in (("a.zip", b"PK\x03\x04" + bytes(600)), ("b.txt", b"hello"), ("c", b"\0" * 2048)):
        assert refused(other, data, tmp_path).kind in ("malformed", "corrupt"), name
    for name, packed in (("a.gz", gzip.compress), ("a.bz2", bz2.compress), ("a.xz", lzma.compress)):
        assert refused(other, packed(bytes(2**24)), tmp_path).kind in ("malformed", "corrupt"), name
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StoreProblem, match="is no file"):
        import_package(other, str(tmp_path / "pipe"), AT, QUIET)
    with pytest.raises(StoreProblem, match="no file"):
        import_package(other, str(tmp_path / "none"), AT, QUIET)


def test_an_index_of_attestations_that_lies_is_refused(archive: Path, other: Registry, tmp_path: Path) -> None:
    data = archive.read_bytes()
    digest = manifest.digest(manifest_of(parts(data)))
    there = msgspec.json.decode(parts(data)[1].body.rstrip(b"\0"))["attestations"]
    for change in ({"size": 3}, {"digest_primary": "blake3:" + "0" * 64}, {"name": "../x"}, {"more": 1}):
        members = parts(data)
        listed = [{**there[0], **change}]
        seal(members[1], digest, listed)
        assert refused(other, joined(members), tmp_path).kind in ("malformed", "corrupt")


def test_the_second_store_needs_no_first(archive: Path, other: Registry, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "store")
    assert import_package(other, str(archive), AT, QUIET).package.file_count == 4


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x9a\x00\x80\x00\x00" + b"\x80" * 2**23, "beside its files"),
        (b"\xa5\x65files\x80" + b"\x80" * 2**23, "beside its files"),
        (b"\xa5\x65files\x9a\x00\x80\x00\x00" + b"\xa0" * 2**23, "at most"),
        (b"\xa5\x65files\x9a\x00\x00\x10\x00" + b"\xa0" * 2**23, "beside its files"),
        (b"\xa5\x65files\x81\xa8" + b"\x9b\xff\xff\xff\xff" + b"\x80" * 2**23, "beside its files"),
        (b"\xa5\x65files\x81\xa8\x7b" + b"\xff" * 8, "not canonical"),
        (b"\xa5\x65files\x81\xa8\x7f", "not canonical"),
        (b"\xa5\x65files", "not canonical"),
    ],
)
def test_a_manifest_of_much_from_little_is_not_decoded(data: bytes, said: str) -> None:
    """A list takes one byte there, and a hundred times as much in memory."""
    import tracemalloc

    tracemalloc.start()
    with pytest.raises(StoreProblem, match=said):
        manifest.decode(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**20


def test_what_no_reader_would_take_is_not_published(registry: Registry) -> None:
    with pytest.raises(StoreProblem, match="have more than"):
        filled(registry, metadata={"large": "x" * manifest.DESCRIPTION_MAX})  # type: ignore[arg-type]
    made = published(registry, metadata={"large": ["x"] * 150_000})  # type: ignore[arg-type]
    assert manifest.decode(registry.manifest_bytes(made))


@pytest.mark.parametrize(
    "index",
    [
        b'{"attestations":[],"digest":"\xe6"}',
        b'{"attestations":[{"name":"a","media_type":'
        b'"a/b","size":1180591620717411303424,"digest_primary":"","digest_sha256":""}],"digest":""}',
    ],
)
def test_an_index_that_holds_no_text_or_no_number_is_malformed(archive: Path, other: Registry, index: bytes) -> None:
    data = archive.read_bytes()
    size = int(data[124:135], 8)
    end = 512 + size + -size % 512  # where the manifest ends
    bent = data[:end] + header_of("attestations.json", len(index)) + index + bytes(-len(index) % 512) + END
    archive.write_bytes(bent)
    with pytest.raises(StoreProblem, match=r"`attestations\.json` has") as refused:
        import_package(other, str(archive), AT, QUIET)
    assert refused.value.kind == "malformed"
