"""What a JSON file means, where its parts stand, what is refused, and what is kept beside a mistake."""

from __future__ import annotations

import time
from typing import Any

import pytest
from rsppc.base.source import Source
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.syntax.document import Document
from rsppc.syntax.json_reader import read_json


def check(text: str) -> tuple[Document, tuple[Diagnostic, ...]]:
    sink = DiagnosticSink()
    return read_json(Source("a_v1.json", text, b""), sink), sink.sorted()


def value_of(text: str) -> Any:
    document, found = check(text)
    assert found == (), [each.message() for each in found]
    return document.root


def places(text: str) -> list[tuple[str, str]]:
    return [(each.code, "{}:{}".format(*each.at.location()[1:])) for each in check(text)[1]]


def test_every_kind_of_value_is_read_with_its_place() -> None:
    text = '{"a": [1, -2, true, false, null, "x\\n\\ud83d\\ude00"],\r\n "é": {}, "": []}\n'
    root = value_of(text)
    assert root == {"a": [1, -2, True, False, None, "x\n😀"], "é": {}, "": []}
    assert [root.key_span(key).text for key in root] == ['"a"', '"é"', '""']
    assert [root["a"].value_span(index).text for index in range(5)] == ["1", "-2", "true", "false", "null"]
    assert root.value_span("é").text == "{}" and str(root.key_span("é")) == "a_v1.json:2:2"
    assert root.span().text == text.strip()


@pytest.mark.parametrize("written", ["1.5", "1e3", "1E400", "-0", "0.0"])
def test_a_number_that_is_no_plain_integer_is_refused(written: str) -> None:
    document, (found,) = check(f'{{"a": {written}, "b": 1}}')
    assert (found.code, found.at.text) == ("RSP0303", written)
    assert document.root == {"b": 1}


@pytest.mark.parametrize("written", ["9007199254740992", "-9007199254740992", "9" * 10_000])
def test_an_integer_beyond_the_safe_range_is_refused(written: str) -> None:
    assert places(f'{{"a": {written}}}') == [("RSP0116", "1:7")]


def test_a_duplicate_key_is_refused_with_both_places_however_it_is_escaped() -> None:
    document, (found,) = check('{"a": 1, "\\u0061": 2, "b": 3}')
    assert (found.code, found.at.text, found.related[0].at.text) == ("RSP0115", '"\\u0061"', '"a"')
    assert document.root == {"a": 1, "b": 3}


@pytest.mark.parametrize("written", ['"\\ud800"', '"x\\udfffy"', '"\\ude00\\ud83d"'])
def test_half_a_surrogate_pair_is_refused(written: str) -> None:
    document, (found,) = check(f'{{"a": {written}, "b": 1}}')
    assert found.code == "RSP0304" and document.root == {"b": 1}


@pytest.mark.parametrize(
    ("text", "root", "found"),
    [
        ('{"a": 1,}', {"a": 1}, [("RSP0301", "1:9")]),
        ('{"a": [1, 2,]}', {"a": [1, 2]}, [("RSP0301", "1:13")]),
        ('{"a": tru, "b": 2, c: 3, "d": 4}', {"b": 2, "d": 4}, [("RSP0301", "1:7"), ("RSP0301", "1:20")]),
        ('{"a": 01, "b": 2}', {"b": 2}, [("RSP0301", "1:7")]),
        ('{"a": NaN, "b": 2}', {"b": 2}, [("RSP0301", "1:7")]),
        ('{"a": "\\q", "b": 2}', {"b": 2}, [("RSP0301", "1:8")]),
        ('{"a": "x\ty", "b": 2}', {"b": 2}, [("RSP0301", "1:9")]),
        ('{"a": "x,\n "b": 2}', {"b": 2}, [("RSP0302", "1:7")]),
        ('{"a": , "b": 2}', {"b": 2}, [("RSP0301", "1:7")]),
        ('{"a" 1, "b": 2}', {"b": 2}, [("RSP0301", "1:6")]),
        ('{"a": }', {}, [("RSP0301", "1:7")]),
        ('{"a": {"b": 1}', {"a": {"b": 1}}, [("RSP0302", "1:1")]),
        ('{"a": 1} x', {"a": 1}, [("RSP0301", "1:10")]),
        ('{"a": [1}', {"a": [1]}, [("RSP0301", "1:9")]),
        ("// c\n{}", None, [("RSP0301", "1:1")]),
    ],
)
def test_a_mistake_is_reported_where_it_stands_and_the_rest_is_kept(text: str, root: Any, found: Any) -> None:
    document, _ = check(text)
    assert document.root == root
    assert places(text) == found


@pytest.mark.parametrize(("text", "code"), [("", "RSP0117"), (" \n", "RSP0117"), ("[1]", "RSP0118"), ("1", "RSP0118")])
def test_a_file_that_holds_no_artifact_is_refused(text: str, code: str) -> None:
    document, (found,) = check(text)
    assert document.root is None and found.code == code


def test_limits_hold_in_time() -> None:
    started = time.perf_counter()
    assert value_of('{"a":' * 64 + "1" + "}" * 64) is not None
    assert places('{"a":' + "[" * 100_000) == [("RSP0111", "1:69")]
    assert places('{"a":' * 100_000) == [("RSP0111", "1:321")]
    assert [code for code, _ in places("{" + ",".join(f'"k{n}":1' for n in range(50_001)) + "}")] == ["RSP0112"]
    assert [code for code, _ in places('{"a":[' + "1," * 1_000_001 + "1]}")] == ["RSP0113"]
    assert places('{"a":"' + "x" * (1024 * 1024 + 1) + '"}') == [("RSP0114", "1:6")]
    assert time.perf_counter() - started < 20
