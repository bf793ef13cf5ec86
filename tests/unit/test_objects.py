"""Objects in a service: what is kept there, and what becomes of services that do not do what they say."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from object_service import ObjectService, object_service
from rsppc.base.digest import Digest, digest_bytes
from rsppc.objects.place import BadPlace, Place, place_of
from rsppc.objects.protocol import Created, Guarantees, ObjectFault, ObjectStore, Occupied, is_key

pytest.importorskip("obstore")
from rsppc.objects.s3 import Limits, open_objects

ONE, OTHER = b"one\n", b"another\n"
SHORT = Limits(connect_ms=500, request_ms=1_000, operation_ms=2_500)
SIZE_MAX = 1000


@pytest.fixture
def service() -> Iterator[ObjectService]:
    with object_service() as started:
        yield started


@pytest.fixture
def store(service: ObjectService) -> ObjectStore:
    return opened(service)


def opened(service: ObjectService, url: str = "s3://bucket/below") -> ObjectStore:
    place = place_of(url, {"AWS_ENDPOINT_URL": service.address, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"})
    assert isinstance(place, Place)
    store = open_objects(place, SHORT)
    assert not isinstance(store, ObjectFault)
    return store


def kind(answer: object) -> str:
    return answer.kind if isinstance(answer, ObjectFault) else type(answer).__name__


# --- Where -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        *("", "s3://", "s3://ab", "s3://UPPER/x", "gs://bucket", "s3://bucket/../x", "s3://bucket//x", "file:///etc"),
        *("s3://a:b@bucket/x", "s3://bucket/x?versions", "s3://bucket/.hidden", "s3://bucket/" + "x" * 600),
    ],
)
def test_what_is_no_place_is_refused(url: str) -> None:
    found = place_of(url, {})
    assert isinstance(found, BadPlace) and "a:b" not in found.problem


def test_a_place_takes_the_standard_settings() -> None:
    found = place_of(
        "s3://bucket/a/b/",
        {"AWS_ENDPOINT_URL": "http://x", "AWS_ENDPOINT_URL_S3": "https://y:9/", "AWS_DEFAULT_REGION": "eu-west-1"}
        | {"AWS_ACCESS_KEY_ID": "who", "AWS_SECRET_ACCESS_KEY": "hush", "AWS_SESSION_TOKEN": "now"},
    )
    assert isinstance(found, Place)
    assert (found.url, found.endpoint, found.region, found.token) == (
        "s3://bucket/a/b",
        "https://y:9",
        "eu-west-1",
        "now",
    )
    assert "hush" not in repr(found) + str(found)


@pytest.mark.parametrize(
    "settings",
    [
        {"AWS_ACCESS_KEY_ID": "a"},
        {"AWS_SECRET_ACCESS_KEY": "a"},
        {"AWS_ENDPOINT_URL": "ftp://x"},
        {"AWS_ENDPOINT_URL": "x"},
    ],
)
def test_half_a_setting_is_refused(settings: dict[str, str]) -> None:
    assert isinstance(place_of("s3://bucket", settings), BadPlace)


def test_only_an_endpoint_that_says_so_is_reached_without_encryption(service: ObjectService) -> None:
    plain = service.address.replace("http://", "https://")
    place = place_of("s3://bucket", {"AWS_ENDPOINT_URL": plain})
    assert isinstance(place, Place)
    store = open_objects(place, SHORT)
    assert not isinstance(store, ObjectFault) and kind(store.read("a", ONE.__eq__, size_max=9)) == "unreachable"
    assert service.asked == []


@pytest.mark.parametrize("key", ["", "/a", "a/", "a//b", "../a", "a/../b", ".a", "a b", "ä", "a" * 600, "a\n"])
def test_what_is_no_key_is_our_mistake(store: ObjectStore, key: str) -> None:
    assert not is_key(key)
    if key:
        with pytest.raises(ValueError, match="no key"):
            store.create(key, ONE)


# --- A service that does what it says --------------------------------------------------------------------------------


def test_what_was_created_is_read_listed_and_deleted(store: ObjectStore) -> None:
    made = store.create("a/b", ONE)
    assert made == Created(key="a/b", digest=digest_bytes(ONE), changed=True, exclusive=False)
    assert store.read("a/b", digest_bytes(ONE), size_max=SIZE_MAX) == ONE
    assert store.read("a/b", lambda data: data == ONE, size_max=SIZE_MAX) == ONE
    assert store.read_range("a/b", digest_bytes(b"ne"), start=1, length=2) == b"ne"
    listed = store.list("a", count_max=5)
    assert isinstance(listed, list) and [(one.key, one.size) for one in listed] == [("a/b", len(ONE))]
    assert store.delete(["a/b", "a/none"]) is None
    assert kind(store.read("a/b", digest_bytes(ONE), size_max=SIZE_MAX)) == "missing"
    assert store.list("a", count_max=5) == []


def test_there_is_no_second_creation(store: ObjectStore) -> None:
    store.create("a", ONE)
    again = store.create("a", ONE)
    assert isinstance(again, Created) and not again.changed
    assert store.create("a", OTHER) == Occupied(key="a")
    assert store.read("a", digest_bytes(ONE), size_max=SIZE_MAX) == ONE


def test_what_the_caller_does_not_expect_is_no_data(store: ObjectStore) -> None:
    store.create("a", ONE)
    assert kind(store.read("a", digest_bytes(OTHER), size_max=SIZE_MAX)) == "corrupt"
    assert kind(store.read("a", digest_bytes(ONE), size_max=2)) == "too_large"
    assert kind(store.read_range("a", digest_bytes(b"on"), start=1, length=2)) == "corrupt"
    assert isinstance(store.read_range("a", digest_bytes(b"x"), start=100, length=2), ObjectFault)
    assert kind(store.list("", count_max=0)) == "too_large"


def test_many_objects_have_each_their_own_end(store: ObjectStore) -> None:
    objects = {f"a/{number}": b"%d" % number for number in range(50)}
    made = store.create_each(objects)
    assert isinstance(made, dict) and {kind(one) for one in made.values()} == {"Created"}
    wanted = {key: digest_bytes(data) for key, data in objects.items()} | {"a/0": digest_bytes(b"x"), "a/x": Digest("")}
    found = store.read_each(wanted, size_max=SIZE_MAX)
    assert isinstance(found, dict)
    assert kind(found.pop("a/0")) == "corrupt" and kind(found.pop("a/x")) == "missing"
    assert found == {key: data for key, data in objects.items() if key != "a/0"}


def test_a_large_file_goes_in_parts_and_is_read_back(store: ObjectStore, service: ObjectService) -> None:
    data = bytes(range(256)) * 2**17  # 32 MiB, in four parts
    made = store.create_from("large", io.BytesIO(data), digest_bytes(data))
    assert made == Created(key="large", digest=digest_bytes(data), changed=True, exclusive=False)
    assert service.asked.count("POST") == 2 and service.objects["/bucket/below/large"] == data
    again = store.create_from("large", io.BytesIO(data), digest_bytes(data))
    assert isinstance(again, Created) and not again.changed
    assert store.create_from("large", io.BytesIO(ONE), digest_bytes(ONE)) == Occupied(key="large")
    assert store.digest_of("large") == digest_bytes(data)


# --- What services promise -------------------------------------------------------------------------------------------


def test_the_trial_says_what_a_service_keeps_and_leaves_nothing(store: ObjectStore, service: ObjectService) -> None:
    assert store.probe() == Guarantees(create="honoured", read_after_write=True, list_after_write=True, delete=True)
    assert service.objects == {}
    made = store.create("a", ONE)
    assert isinstance(made, Created) and made.exclusive
    assert service.asked[-2:] == ["PUT", "GET"], "one conditional write, read back"


@pytest.mark.parametrize(("does", "create"), [("overwrites", "ignored"), ("knows no conditions", "unsupported")])
def test_a_service_without_conditions_is_told_from_others(
    store: ObjectStore, service: ObjectService, does: str, create: str
) -> None:
    service.does = does
    found = store.probe()
    assert isinstance(found, Guarantees) and found.create == create and not found.exclusive
    made = store.create("a", ONE)
    assert isinstance(made, Created) and not made.exclusive
    assert store.create("a", OTHER) == Occupied(key="a")
    assert service.objects["/bucket/below/a"] == ONE


def test_a_listing_that_misses_something_is_noticed(store: ObjectStore, service: ObjectService) -> None:
    service.does = "lists nothing"
    found = store.probe()
    assert isinstance(found, Guarantees) and not found.list_after_write and found.create == "honoured"


def test_a_service_that_changes_bytes_promises_nothing(store: ObjectStore, service: ObjectService) -> None:
    service.does = "changes what is read"
    found = store.probe()
    assert isinstance(found, Guarantees) and not found.read_after_write and not found.exclusive


def test_one_of_many_creators_wins(service: ObjectService) -> None:
    stores = [opened(service) for _ in range(8)]
    for one in stores:
        one.probe()
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda pair: pair[1].create("a", b"%d" % pair[0]), enumerate(stores)))
    assert sorted(map(kind, made)) == ["Created", *["Occupied"] * 7]


# --- A service that does not -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("does", "read", "written"),
    [
        ("hangs", "unreachable", "unreachable"),
        ("drips", "unreachable", "unreachable"),
        ("refuses", "denied", "denied"),
        ("breaks", "unreachable", "unreachable"),
        ("changes what is read", "corrupt", "corrupt"),
        ("cuts what is read", "unreachable", "unreachable"),
        ("changes what is written", "Bytes", "corrupt"),
    ],
)
def test_a_fault_is_an_answer_and_comes_in_time(
    store: ObjectStore, service: ObjectService, does: str, read: str, written: str
) -> None:
    store.create("a", ONE)
    service.does = does
    started = time.monotonic()
    found = store.read("a", digest_bytes(ONE), size_max=SIZE_MAX)
    assert read == "Bytes" or kind(found) == read
    assert kind(store.create("b", OTHER)) == written
    assert kind(store.create_from("c", io.BytesIO(OTHER), digest_bytes(OTHER))) == written
    assert time.monotonic() - started < 15
    assert isinstance(found, bytes) or (found.reason and "\n" not in found.reason and len(found.reason) < 100)


@pytest.mark.parametrize("does", ["hangs", "refuses", "breaks"])
def test_every_question_ends(store: ObjectStore, service: ObjectService, does: str) -> None:
    service.does = does
    answers = [store.probe(), store.list("a", count_max=1), store.delete(["a"]), store.digest_of("a")]
    assert all(isinstance(answer, ObjectFault) for answer in answers)
    each = store.read_each({"a": digest_bytes(ONE)}, size_max=9)
    assert isinstance(each, ObjectFault) or isinstance(each["a"], ObjectFault)


def test_a_missing_bucket_and_a_missing_service_are_said(service: ObjectService) -> None:
    found = opened(service, "s3://nowhere/x").create("a", ONE)
    assert isinstance(found, ObjectFault) and found.reason == "there is no bucket `nowhere`"
    gone = ObjectService("127.0.0.1:1")
    found = opened(gone).create("a", ONE)
    assert isinstance(found, ObjectFault) and found.reason == "there is no connection to it"
