"""What happens to packages later: retention, holds, verification, collection (R-004-05, R-004-24, R-004-31)."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rsppc.store import gc, views
from rsppc.store import log as logs
from rsppc.store.auditing import audit, replay
from rsppc.store.events import GENESIS, digest_of
from rsppc.store.gc import collect
from rsppc.store.hashing import blake3_of
from rsppc.store.locking import collecting_content, using_content
from rsppc.store.mark import MISSING, Head, read_mark
from rsppc.store.metadata_schemas import schema_faults
from rsppc.store.problems import StoreProblem
from rsppc.store.registry import Registry, opened
from rsppc.store.request import Entry, PackageRequest
from rsppc.store.verification import package_ids, unreferenced, verify_package
from stores import AT, FILES, filled, kept, published, store_in

WHO = {"by": "ada", "reason": "case 17"}
LATER = AT + timedelta(days=400)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with store_in(tmp_path / "store") as registry:
        yield registry


def faults_of(registry: Registry) -> list[tuple[str, str]]:
    verdicts = [verify_package(registry, one) for one in package_ids(registry)]
    return [(fault.item, fault.what) for verdict in verdicts for fault in verdict.faults]


# Retention


def test_retention_grows_and_never_shrinks(registry: Registry) -> None:
    made = published(registry)
    before = kept(registry)
    until = datetime(2030, 1, 1, tzinfo=UTC)
    assert registry.extend_retention(made, until, at=AT, **WHO).expires_at == "2030-01-01T00:00:00Z"
    for other in (until, until - timedelta(seconds=1)):
        with pytest.raises(StoreProblem, match="not later"):
            registry.extend_retention(made, other, at=AT, **WHO)
    assert registry.extend_retention(made, None, at=AT, **WHO).permanent
    with pytest.raises(StoreProblem, match="permanent"):
        registry.extend_retention(made, datetime(9999, 1, 1, tzinfo=UTC), at=AT, **WHO)
    assert kept(registry) == before
    assert audit(registry.log).faults == ()


def test_an_open_package_has_no_retention_yet(registry: Registry) -> None:
    with pytest.raises(StoreProblem, match="not finalised"):
        registry.extend_retention(filled(registry), None, at=AT, **WHO)


@pytest.mark.parametrize(
    "words", [{"by": "", "reason": "x"}, {"by": "ada", "reason": "a\nb"}, {"by": " ", "reason": "x"}]
)
def test_a_decision_has_a_name_and_a_reason(registry: Registry, words: dict[str, str]) -> None:
    with pytest.raises(StoreProblem, match=r"`(by|reason)` is"):
        registry.set_hold(published(registry), at=AT, **words)


def test_a_clock_that_went_backwards_makes_nothing_older(registry: Registry) -> None:
    published(registry, at=AT)
    made = published(registry, "r2", {"b": b"2"}, at=AT - timedelta(days=3650))
    assert registry.package(made).expires_at == "2027-01-01T00:00:00Z"
    assert collect(registry, AT - timedelta(days=3650)).packages == ()


# Collection


def test_only_what_nothing_protects_is_collected(registry: Registry) -> None:
    over = published(registry, "over", {"a": b"own", "b": b"shared"})
    held = published(registry, "held", {"a": b"held"})
    registry.set_hold(held, at=AT, **WHO)
    for_ever = published(registry, "for-ever", {"a": b"kept"}, retention_class="permanent")
    longer = published(registry, "longer", {"b": b"shared"}, retention_class="release")
    begun = filled(registry, "begun", {"a": b"begun"})
    before = kept(registry)

    dry = collect(registry, LATER)
    assert [one.package.package_id for one in dry.packages] == [over]
    assert (dry.contents, kept(registry)) == (2, before)

    done = collect(registry, LATER, delete=True)
    assert (done.packages, done.contents, done.bytes) == (dry.packages, dry.contents, dry.bytes)
    assert len(kept(registry)) == len(before) - 2
    assert registry.package(over).state == "collected"
    assert faults_of(registry) == []
    for package in (held, for_ever, longer, begun):
        for file in registry.files(package):
            assert b"".join(registry.content(file))
    assert collect(registry, LATER, delete=True).packages == ()


def test_a_collected_run_cannot_come_back(registry: Registry) -> None:
    made = published(registry)
    collect(registry, LATER, delete=True)
    for attempt in (
        lambda: registry.ingest_file(made, Entry(path="a"), [b"1"], LATER),
        lambda: registry.manifest_bytes(made),
        lambda: registry.set_hold(made, at=LATER, **WHO),
        lambda: registry.record_attestation(made, "s", "text/plain", b"", LATER),
    ):
        with pytest.raises(StoreProblem, match="collected"):
            attempt()


def test_a_hold_that_was_released_protects_no_more(registry: Registry) -> None:
    made = published(registry)
    registry.set_hold(made, at=AT, **WHO)
    with pytest.raises(StoreProblem, match="held already"):
        registry.set_hold(made, at=AT, **WHO)
    assert collect(registry, LATER).packages == ()
    registry.release_hold(made, at=AT, **WHO)
    with pytest.raises(StoreProblem, match="nothing holds"):
        registry.release_hold(made, at=AT, **WHO)
    assert len(collect(registry, LATER).packages) == 1


def test_unfinished_packages_go_only_when_a_time_is_named(registry: Registry) -> None:
    made = filled(registry)
    assert collect(registry, LATER).packages == ()
    assert collect(registry, LATER, unfinished_before=AT).packages == ()
    found = collect(registry, LATER, unfinished_before=AT + timedelta(seconds=1), delete=True)
    assert [one.package.package_id for one in found.packages] == [made]
    assert kept(registry) == []
    with pytest.raises(StoreProblem, match="was collected before it was finished"):
        filled(registry)


def test_a_collection_that_was_killed_is_finished_by_the_next(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(registry)

    def killed(*_: object, **__: object) -> tuple[int, int]:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(gc, "_freed", killed)
        with pytest.raises(KeyboardInterrupt):
            collect(registry, LATER, delete=True)
    assert len(kept(registry)) == 4
    assert collect(registry, LATER, delete=True).packages == ()
    assert kept(registry) == []


def test_nobody_collects_while_content_is_put(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gc, "collecting_content", lambda folder: _hasty(folder))
    with using_content(registry.folder), pytest.raises(StoreProblem) as refused:
        collect(registry, LATER, delete=True)
    assert refused.value.kind == "busy"


def _hasty(folder: str) -> object:
    return collecting_content(folder, wait_s=0.05)


def test_what_killed_writers_left_is_swept(registry: Registry) -> None:
    staging = Path(registry.folder, "staging")
    staging.mkdir()
    (staging / "99999-0").write_bytes(b"half")
    assert collect(registry, AT, delete=True).leftovers == 1
    assert list(staging.iterdir()) == []


def test_nothing_is_deleted_by_a_log_that_may_be_wrong(registry: Registry) -> None:
    published(registry)
    registry.log.database.execute("DELETE FROM files WHERE path = 'run.json'")
    with pytest.raises(StoreProblem, match="not sound"):
        collect(registry, LATER, delete=True)
    assert len(kept(registry)) == 4


# Verification


def test_nothing_is_deleted_by_a_log_that_lost_its_mark(registry: Registry, tmp_path: Path) -> None:
    """An older copy of the database, without the mark beside it, knows nothing of what was published since."""
    published(registry)
    registry.log.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copy(os.path.join(registry.folder, "registry.db"), tmp_path / "older.db")
    published(registry, "later")
    registry.close()
    shutil.copy(tmp_path / "older.db", os.path.join(registry.folder, "registry.db"))
    os.unlink(os.path.join(registry.folder, "registry.head"))
    with opened(registry.folder) as restored, pytest.raises(StoreProblem, match="mark, is missing") as raised:
        collect(restored, AT, delete=True)
    assert raised.value.kind == "corrupt"


def test_a_mark_that_is_missing_is_damage(registry: Registry) -> None:
    """Whoever cuts a log would remove it; `verify` says so as well, and the next event makes it anew."""
    made = published(registry)
    os.unlink(os.path.join(registry.folder, "registry.head"))
    assert audit(registry.log).faults == (MISSING,)
    registry.set_hold(made, **WHO, at=AT)
    assert audit(registry.log).faults == ()


def test_there_is_a_mark_before_the_first_event(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """So a writer who is killed between its first event and its mark leaves a store that is sound."""
    marks: list[int] = []
    monkeypatch.setattr(logs, "write_mark", lambda _, head: marks.append(head.seq))
    filled(registry)
    assert marks[0] == 0


def test_the_first_writer_may_come_while_the_log_is_looked_at(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []

    def read(folder: str) -> tuple[Head | None, str | None]:
        looks.append(folder)
        if len(looks) == 1:
            published(registry)
            return None, None
        return read_mark(folder)

    monkeypatch.setattr("rsppc.store.auditing.read_mark", read)
    assert audit(registry.log).faults == ()


def test_a_sound_store_has_no_faults(registry: Registry) -> None:
    made = published(registry)
    registry.record_attestation(made, "signature", "application/json", b"{}", AT)
    filled(registry, "open")
    assert faults_of(registry) == []
    assert unreferenced(registry) == (0, 0)
    registry.backend.put([b"nobody speaks of this"])
    assert unreferenced(registry) == (1, 21)
    assert faults_of(registry) == []


def test_every_damaged_item_is_named_and_the_others_are_read(registry: Registry) -> None:
    made = published(registry)
    other = published(registry, "r2", {"sound": b"sound"})
    registry.record_attestation(made, "signature", "application/json", b"{}", AT)
    files = {file.path: os.path.join(registry.folder, file.location) for file in registry.files(made)}
    _flip(files["run.json"])
    os.unlink(files["raw/log.txt"])
    _flip(_blob(registry, registry.attestations(made)[0].digest_primary))
    _flip(_blob(registry, registry.package(made).manifest_digest or "", "manifests"))
    assert [item for item, _ in faults_of(registry)] == [
        "manifest",
        "raw/log.txt",
        "run.json",
        "attestation signature",
    ]
    assert b"".join(registry.content(registry.files(other)[0])) == b"sound"
    for path, data in FILES.items():  # whoever still has the content puts it right
        registry.ingest_file(made, Entry(path=path), [data], AT)
    assert [item for item, _ in faults_of(registry)] == ["manifest", "attestation signature"]


@pytest.mark.parametrize(
    ("statement", "item"),
    [
        ("UPDATE files SET size = size + 1 WHERE path = 'run.json'", "run.json"),
        ("UPDATE files SET digest_sha256 = 'sha256:' || hex(zeroblob(32)) WHERE path = 'run.json'", "run.json"),
        ("DELETE FROM files WHERE path = 'run.json'", "manifest"),
        ("UPDATE requests SET request = replace(request, 'desk', 'dusk')", "manifest"),
    ],
)
def test_tables_that_were_bent_are_noticed(registry: Registry, statement: str, item: str) -> None:
    published(registry)
    registry.log.database.execute(statement)
    assert item in [one for one, _ in faults_of(registry)]
    assert "the tables are not what the events say" in audit(registry.log).faults[0]


@pytest.mark.parametrize(
    ("statement", "item"),
    [
        ("UPDATE requests SET request = '{\"metadata_schema\"'", "manifest"),
        ("UPDATE packages SET subject = CAST(x'ff' AS TEXT)", "package"),
    ],
)
def test_tables_that_cannot_be_read_are_named_as_damage(registry: Registry, statement: str, item: str) -> None:
    """A look goes on, and whoever looks is not told to try again."""
    made = published(registry)
    registry.log.database.execute(statement)
    assert schema_faults(registry.log) == ()
    assert audit(registry.log).faults
    if item == "package":
        with pytest.raises(StoreProblem, match="is damaged") as refused:
            registry.package(made)
        assert refused.value.kind == "corrupt"
    else:
        assert faults_of(registry)[0][0] == item
    replay(registry.log)
    assert faults_of(registry) == [] and audit(registry.log).faults == ()


def _pipe(path: str) -> None:
    os.mkfifo(path)


def _link(path: str) -> None:
    """A link to the very same bytes, which lie where nobody keeps them."""
    Path(path).with_suffix(".elsewhere").write_bytes(b"a")
    os.symlink(Path(path).with_suffix(".elsewhere").name, path)


@pytest.mark.parametrize(("other", "said"), [(_pipe, "a pipe or a device"), (_link, "a symbolic link")])
def test_nothing_is_read_through_what_stands_in_the_place_of_content(
    registry: Registry, other: Callable[[str], None], said: str
) -> None:
    """Nothing waits for a pipe, and where a link leads somebody else decides."""
    made = published(registry, files={"a": b"a"})
    digest = registry.package(made).manifest_digest or ""
    for path, item in ((_blob(registry, blake3_of(b"a")), "a"), (_blob(registry, digest, "manifests"), "manifest")):
        os.rename(path, f"{path}.kept")
        other(path)
        ((found, what),) = faults_of(registry)
        assert (found, f"stands {said}, through which nothing is read" in what) == (item, True), what
        os.replace(f"{path}.kept", path)
    other_path = _blob(registry, blake3_of(b"a"))
    os.unlink(other_path)
    other(other_path)
    published(registry, "r2", {"a": b"a"})  # which puts it right
    assert faults_of(registry) == []


def test_a_link_that_nobody_speaks_of_goes_and_what_it_leads_to_stays(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"precious")
    link = Path(_blob(registry, blake3_of(b"precious")))
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "precious")
    assert registry.backend.size(blake3_of(b"precious")) is None
    assert collect(registry, AT, delete=True).contents == 1
    assert not link.is_symlink() and (tmp_path / "precious").read_bytes() == b"precious"


def test_a_store_whose_folder_is_a_link_is_a_store(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(registry.folder)
    with opened(str(tmp_path / "link")) as linked:
        made = published(linked)
        assert {file.path: b"".join(linked.content(file)) for file in linked.files(made)} == FILES
        assert collect(linked, LATER, delete=True).contents == 4


def test_a_latest_time_that_is_none_is_damage(registry: Registry) -> None:
    registry.log.database.execute("UPDATE clock SET latest = 'never'")
    with pytest.raises(StoreProblem, match="latest time") as refused:
        published(registry)
    assert refused.value.kind == "corrupt"


def test_a_look_for_which_there_is_no_room_accuses_nobody(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    published(registry)

    def full(*_: object, **__: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    for name in ("make_tables", "apply_each"):
        with monkeypatch.context() as patched:
            patched.setattr(views, name, full)
            with pytest.raises(StoreProblem, match="disk is full") as refused:
                audit(registry.log)
            assert refused.value.kind == "environment"


@pytest.mark.parametrize("size", [str(2**70), "1.5", '"x"', "null", "[1]"])
def test_an_event_that_says_what_cannot_be_is_named(registry: Registry, size: str) -> None:
    """Also where whoever bent it computed all digests anew."""
    published(registry, files={"a": b"a"})
    database = registry.log.database
    for trigger in ("events_stay", "events_last"):
        database.execute(f"DROP TRIGGER {trigger}")
    previous = GENESIS
    for seq, body, _ in list(registry.log.events()):
        bent = re.sub(rb'"previous":"[^"]*"', f'"previous":"{previous}"'.encode(), body)
        bent = bent.replace(b'"size":1}', f'"size":{size}}}'.encode())
        previous = blake3_of(bent)
        database.execute("UPDATE events SET body = ?, digest = ? WHERE seq = ?", (bent, previous, seq))
    os.unlink(os.path.join(registry.folder, "registry.head"))
    found = "; ".join(audit(registry.log).faults)
    assert "event 2 " in found or "the tables are not what the events say" in found


def test_a_look_is_recorded_where_that_is_asked_for(registry: Registry) -> None:
    made = published(registry)
    verdict = verify_package(registry, made)
    registry.record_verification(made, verdict.record(), AT)
    event = registry.log.event(registry.log.head().seq)
    assert event is not None
    assert event.data == {"result": "sound", "files": 3, "damaged": []}


def _blob(registry: Registry, digest: str, space: str = "blobs") -> str:
    name = digest.removeprefix("blake3:")
    return os.path.join(registry.folder, space, name[:2], name)


def _flip(path: str) -> None:
    data = bytearray(Path(path).read_bytes())
    data[len(data) // 2] ^= 1
    Path(path).write_bytes(data)


# The log


def _copied(registry: Registry, target: Path) -> Path:
    registry.log.database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copytree(registry.folder, target)
    return target


def test_a_database_without_its_wal_file_is_noticed(registry: Registry, tmp_path: Path) -> None:
    target = _copied(registry, tmp_path / "copy")
    published(registry)
    shutil.copy(os.path.join(registry.folder, "registry.head"), target / "registry.head")
    with pytest.raises(StoreProblem, match="ends at event 0, but it had 6 events") as refused, opened(str(target)):
        pass
    assert refused.value.kind == "corrupt"


def test_the_log_of_another_store_is_noticed(registry: Registry, tmp_path: Path) -> None:
    published(registry)
    with store_in(tmp_path / "other") as other:
        published(other, "another")
    shutil.copy(tmp_path / "other/registry.head", os.path.join(registry.folder, "registry.head"))
    with pytest.raises(StoreProblem, match="mark remembers"):
        filled(registry, "next")


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        (
            "UPDATE events SET body = CAST(replace(body, 'desk', 'dusk') AS BLOB) WHERE seq = 1",
            "event 1 is not what its digest says",
        ),
        ("DELETE FROM events WHERE seq = 3", "event 3 is missing"),
        ("DELETE FROM events WHERE seq = 6", "the log ends at event 5, but it had 6 events"),
        ("UPDATE events SET seq = 9 WHERE seq = 6", "events 6 to 8 are missing"),
        ("INSERT INTO events VALUES(7, x'00', 'blake3:')", "event 7 is not what its digest says"),
        ("UPDATE events SET seq = -seq WHERE seq IN (2, 3)", "event -3 should not be there"),
        ("CREATE TABLE extra(x)", "not of the form"),
    ],
)
def test_a_log_that_was_bent_is_noticed(registry: Registry, statement: str, said: str) -> None:
    published(registry)
    database = registry.log.database
    for trigger in ("events_stay", "events_last"):
        database.execute(f"DROP TRIGGER {trigger}")
    database.execute(statement)
    assert said in "; ".join(audit(registry.log).faults)


def test_an_event_that_is_sound_in_itself_does_not_fit_into_the_chain(registry: Registry) -> None:
    """Whoever changes one event and computes its digest anew has to change all that come after it."""
    published(registry)
    database = registry.log.database
    for trigger in ("events_stay", "events_last"):
        database.execute(f"DROP TRIGGER {trigger}")
    (body,) = database.execute("SELECT body FROM events WHERE seq = 2").fetchone()
    other = body.replace(b"2026-01-01", b"2025-01-01")
    assert other != body
    database.execute("UPDATE events SET body = ?, digest = ? WHERE seq = 2", (other, digest_of(other)))
    assert "event 3 does not follow from event 2" in audit(registry.log).faults


def test_events_are_neither_changed_nor_removed(registry: Registry) -> None:
    published(registry)
    for statement in ("UPDATE events SET body = x'00'", "DELETE FROM events"):
        with pytest.raises(Exception, match="events are never"):
            registry.log.database.execute(statement)


def test_a_reader_needs_no_right_to_write(registry: Registry) -> None:
    made = published(registry)
    with opened(registry.folder, writable=False) as reader:
        assert reader.package(made).state == "finalized"
        with pytest.raises(StoreProblem, match="may not be written"):
            reader.create_package(PackageRequest(producer="p", run_id="r", subject="s"), AT)


def test_collecting_and_publishing_at_once_loses_nothing(registry: Registry) -> None:
    """What was rubbish a moment ago is published again while it is being collected."""
    shared = {f"f{n}": b"shared %d" % n for n in range(5)}
    stop = threading.Event()

    def collecting() -> None:
        with opened(registry.folder, wait_s=60) as mine:
            now = AT
            while not stop.is_set():
                now += timedelta(days=40)
                collect(mine, now, delete=True)

    thread = threading.Thread(target=collecting)
    thread.start()
    try:
        with opened(registry.folder, wait_s=60) as mine:
            for n in range(15):
                published(mine, f"short-{n}", shared, retention_class="raw")
                published(mine, f"long-{n}", shared, retention_class="permanent")
    finally:
        stop.set()
        thread.join()
    assert faults_of(registry) == []
    assert audit(registry.log).faults == ()
    assert {package.state for package in registry.packages() if package.run_id.startswith("long")} == {"finalized"}
