"""Manifests as bytes from anywhere: what is canonical is read as it was written, and everything else costs nothing."""

from __future__ import annotations

import tracemalloc
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rsppc.base.canonical_json import INTEGER_MAX
from rsppc.store import manifest, strict_cbor
from rsppc.store.manifest_form import read_manifest
from rsppc.store.problems import StoreProblem
from rsppc.store.strict_cbor import NotCanonical

SIZE = 4 * 2**20
PEAK_MAX = 2**20
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-INTEGER_MAX, INTEGER_MAX) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=30) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=12,
)


def decoded(data: bytes) -> Any:
    return strict_cbor.decode(data, depth_max=manifest.DEPTH_MAX, values_max=10_000)


@settings(max_examples=40, deadline=None)
@given(VALUES)
def test_what_was_written_is_read(value: Any) -> None:
    assert decoded(manifest.encode(value)) == value


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_bytes_that_are_read_are_the_only_ones_that_say_so(data: st.DataObject) -> None:
    """Another implementation writes what was read, and comes to the same bytes."""
    written = bytearray(manifest.encode(data.draw(VALUES)))
    for _ in range(data.draw(st.integers(0, 3))):
        place = data.draw(st.integers(0, len(written) - 1))
        written[place] = data.draw(st.integers(0, 255))
    try:
        value = decoded(bytes(written))
    except NotCanonical:
        return
    assert cbor2.dumps(value, canonical=True) == bytes(written)


@pytest.mark.parametrize(
    "data",
    [
        "1800",  # 0 in two bytes
        "190017",
        "1a0000ffff",
        "1b00000000ffffffff",
        "7801" + "61",  # a text whose length is longer than need be
        "1b0020000000000000",  # 2^53
        "3b001fffffffffffff",
        "c11a00000000",  # a tag
        "c249" + "ff" * 9,  # a large number
        "f90000",  # a float
        "fb3ff0000000000000",
        "f7",  # undefined
        "f0",
        "40",  # bytes
        "5f40ff",
        "7f6161ff",  # without a length
        "9fff",
        "bfff",
        "ff",
        "1c",  # reserved
        "a2616101616101",  # twice
        "a2616201616101",  # not in order
        "a26261610161620" + "1",
        "a10101",  # a key that is no text
        "a1f600",
        "a18000",
        "61ff",  # no UTF-8
        "63eda080",  # a lone surrogate
        "0000",  # two values
        "",
        "81",
        "a1",
        "a16161",
        "6261",
        "9b7fffffffffffffff00",
        "bb7fffffffffffffff6000",
        "7b7fffffffffffffff",
        "81" * 33 + "00",
    ],
)
def test_there_is_one_way_to_say_a_thing(data: str) -> None:
    with pytest.raises(NotCanonical):
        decoded(bytes.fromhex(data))


def _head(kind: int, number: int) -> bytes:
    return bytes([kind << 5 | 26]) + number.to_bytes(4, "big")


def _bomb(item: bytes) -> bytes:
    """A manifest whose provenance is a list of as many items as fit."""
    count = (SIZE - 200) // len(item)
    said = b"\xa1\x61a" + _head(4, count) + item * count
    return (
        b"\xa5\x65files\x80\x67package\xa0\x6aprovenance" + said + b"\x70manifest_version\x01\x71retention_summary\xa0"
    )


@pytest.mark.parametrize(
    "data",
    [
        _bomb(b"\xa0"),
        _bomb(b"\x80"),
        _bomb(b"\x00"),
        _bomb(b"\x60"),
        _bomb(b"\xa1\x60\x80"),
        _bomb(b"\x81" * 28 + b"\x80"),
        _bomb(b"\xa1\x61a" * 9 + b"\xa0"),
        b"\xa5\x65files" + _head(4, 2**17) + b"\xa8" + b"\x60\x00" * 2**20,
        _head(5, SIZE // 8) + b"".join(b"\x66%06x\x00" % key for key in range(SIZE // 8)),
        b"\x9f" * SIZE,
        b"\xc1" * SIZE,
        b"\xd8\x1c" + _head(4, SIZE // 3) + b"\xd8\x1d\x00" * (SIZE // 3),
    ],
    ids=[
        "maps",
        "lists",
        "numbers",
        "texts",
        "one-key",
        "deep",
        "deep-maps",
        "files",
        "keys",
        "open",
        "tags",
        "shared",
    ],
)
def test_no_four_megabytes_cost_much(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte may be a whole list; when there are too many of them, no more are made."""
    monkeypatch.setattr(manifest, "VALUES_MAX", 5_000)  # a fortieth, for the sake of time
    tracemalloc.start()
    try:
        with pytest.raises(StoreProblem, match="manifest"):
            read_manifest(data)
        assert tracemalloc.get_traced_memory()[1] < PEAK_MAX
    finally:
        tracemalloc.stop()


def test_as_many_values_as_a_package_may_have_are_read() -> None:
    """Who may publish it may read it: the bound of the one is the bound of the other."""
    package = {"package_id": manifest.package_id_of("default", "p", "r"), "tenant": "default", "kind": "run"}
    package |= {"producer": "p", "run_id": "r", "subject": "s"}
    most = [0] * (manifest.VALUES_MAX - 6)  # beside the list and its key, three mappings and the list of them
    for said, fits in ((most, True), ([*most, 0], False)):
        data = manifest.encode(manifest.manifest_of(package, [], "standard", {"a": said}))
        if fits:
            assert read_manifest(data).created["provenance"] == {"a": said}
        else:
            with pytest.raises(StoreProblem, match="values and keys"):
                read_manifest(data)
