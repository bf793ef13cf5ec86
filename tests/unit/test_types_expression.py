"""Type expressions: what is read, what is refused and where, and that the memo is fresh and keeps the parser away."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from rsppc import grammar
from rsppc.ir.types import PortType
from rsppc.syntax.type_expr import TypeSyntaxError, build_memo, parse_type, print_type

MEMO = Path(str(grammar.__file__)).with_name("type_memo.json")


def printed(text: str) -> str:
    parsed = parse_type(text)
    assert isinstance(parsed, PortType), parsed
    return print_type(parsed)


def refused(text: str) -> TypeSyntaxError:
    parsed = parse_type(text)
    assert isinstance(parsed, TypeSyntaxError), parsed
    assert 0 <= parsed.start <= parsed.end <= len(text)
    return parsed


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("audio", "audio"),
        ("audio<codec=*, rate_hz=*>", "audio"),
        ("audio< rate_hz = 16000|8000,codec=opus >", "audio<codec=opus, rate_hz=16000|8000>"),
        ("audio<rate_hz=8000..48000>", "audio<rate_hz=8000..48000>"),
        ("audio<rate_hz=8000..8000>", "audio<rate_hz=8000>"),
        ("audio<rate_hz=?r of 8000|16000>", "audio<rate_hz=?r of 8000|16000>"),
        ("audio<rate_hz=?r of *>", "audio<rate_hz=?r>"),
        ("audio<codec=config.codec>", "audio<codec=config.codec>"),
        ("text<partial|final, lang=de|en-us>", "text<partial|final, lang=de|en-US>"),
        ("text<modes=final>", "text<final>"),
        ("text<?m of final|segment, lang=?l>", "text<?m of final|segment, lang=?l>"),
        ("text<lang=en>", "text<lang=en>"),
        ("control<*>", "control"),
        ("control<turn|my_signal_2>", "control<turn|my_signal_2>"),
        ("record<rspp.dtmf.v1>", "record<rspp.dtmf.v1>"),
        ("record<rspp.dtmf.v1|acme.mood.v1>", "record<rspp.dtmf.v1|acme.mood.v1>"),
        ("record<order>", "record<order>"),
        ("audio<codec=opus> or text<final>\n or metrics", "audio<codec=opus> or text<final> or metrics"),
        ("metrics", "metrics"),
        ("debug", "debug"),
        ("error", "error"),
        ("unchecked", "unchecked"),
        ("T", "T"),
    ],
)
def test_a_type_prints_in_its_canonical_form(text: str, canonical: str) -> None:
    assert printed(text) == canonical
    assert parse_type(canonical) == parse_type(text)


@pytest.mark.parametrize(
    ("text", "place", "message", "suggestion"),
    [
        ("audio<sampel_rate=16000>", "sampel_rate", "`audio` has no attribute `sampel_rate`", "rate_hz"),
        ("audio<rate_mz=16000>", "rate_mz", "`audio` has no attribute `rate_mz`", "rate_hz"),
        ("text<rate_hz=8000>", "rate_hz", "`text` has no attribute `rate_hz`; it has modes, lang", ""),
        ("audio<rate_hz=0>", "0", "`rate_hz` lies between 1000 and 384000", "8000"),
        ("audio<rate_hz=16kHz>", "16kHz", "`rate_hz` is a whole number", "16000"),
        ("audio<rate_hz=016000>", "016000", "`rate_hz` is a whole number", "16000"),
        ("audio<rate_hz=99999999999999999999>", "9" * 20, "`rate_hz` is a whole number", "384000"),
        ("audio<channels=0>", "0", "`channels` lies between 1 and 32", "1"),
        ("audio<channels=33>", "33", "`channels` lies between 1 and 32", "32"),
        ("audio<frame_ms=20ms>", "20ms", "`frame_ms` is a whole number", "20"),
        ("audio<codec=pcm16>", "pcm16", "`pcm16` is not a codec", "pcm_s16le"),
        ("audio<codec=OPUS>", "OPUS", "`OPUS` is not a codec", "opus"),
        ("audio<16000>", "16000", "`audio` names its attributes", "rate_hz=16000"),
        ("audio<opus>", "opus", "`audio` names its attributes", "codec=opus"),
        ("audio<codec=opus|opus>", "opus>", "`opus` is given twice", ""),
        ("audio<codec=opus, codec=g722>", "codec=g722", "`codec` is given twice", ""),
        ("audio<rate_hz=48000..8000>", "48000", "the range is empty", ""),
        ("audio<codec=aac..mp3>", "aac", "`codec` has no order", ""),
        ("audio<codec=opus|config.codec>", "config.codec", "a config field stands alone", ""),
        ("audio<codec=config.codec|opus>", "opus", "a config field stands alone", ""),
        ("audio<rate_hz=?R>", "?R", "a variable is `?` and a small name", "?r"),
        ("audio<rate_hz=?x, channels=?x>", "channels", "`?x` stands for `rate_hz`", ""),
        ("text<finale>", "finale", "`finale` is not a text mode", "final"),
        ("text<lang=english_us>", "english_us", "`english_us` is not a language tag", ""),
        ("control<Turn>", "Turn", "`Turn` is not a signal name", "turn"),
        ("audoi", "audoi", "`audoi` is not a kind of port", "audio"),
        ("T or audio", "T", "`T` fits everything, so it stands alone", ""),
        ("audio or unchecked", "unchecked", "`unchecked` fits everything, so it stands alone", ""),
        ("metrics<a>", "metrics", "`metrics` has no attributes", ""),
        ("T<a>", "T", "`T` has no attributes", ""),
    ],
)
def test_a_wrong_word_is_refused_where_it_stands(text: str, place: str, message: str, suggestion: str) -> None:
    """R-001-01: typed IO; a near miss is an error with a suggestion, never a wildcard."""
    fault = refused(text)
    assert text[fault.start :].startswith(place.rstrip(">").split("=")[0] if "=" in place else place.rstrip(">"))
    assert message in fault.message
    assert fault.suggestion == suggestion


@pytest.mark.parametrize(
    ("text", "start", "message", "suggestion"),
    [
        ("", 0, "expected a name, but the type ends here", ""),
        ("audio<codec=opus", 16, "but the type ends here", ">"),
        ("audio<", 6, "expected a value or a name", ""),
        ("au dio", 3, "found `dio`", ""),
        ("audio<codec=é>", 12, "found `é`", ""),
        ("text<partial|>", 13, "found `>`", ""),
        ("audio or", 8, "expected a name", ""),
        ("audio>", 5, "found `>`", ""),
        ("audio<rate_hz=٣>", 14, "found `٣`", ""),
    ],
)
def test_a_wrong_shape_is_refused_where_it_breaks(text: str, start: int, message: str, suggestion: str) -> None:
    fault = refused(text)
    assert fault.start == start
    assert message in fault.message
    assert fault.suggestion == suggestion


def test_type_bombs_meet_a_limit() -> None:
    assert "10000 characters" in refused("audio" + " " * 10_000).message
    assert "64 alternatives" in refused(" or ".join(["audio"] * 65)).message
    assert "64 values" in refused("control<" + "|".join(f"s{n}" for n in range(65)) + ">").message
    assert printed(" or ".join(["audio"] * 64)).count("audio") == 64
    refused("<" * 9000)
    refused("audio<" * 1500)


def test_equal_texts_give_the_same_object() -> None:
    assert parse_type("audio<codec=opus, channels=2>") is parse_type("audio<codec=opus, channels=2>")


def test_the_committed_memo_is_what_its_generator_writes() -> None:
    content = MEMO.read_bytes()
    assert build_memo(json.loads(content)["types"]) == content


def test_the_memo_leaves_out_what_is_not_a_type() -> None:
    assert list(json.loads(build_memo(["audio", "audoi", "audio"]))["types"]) == ["audio"]


def test_texts_in_the_memo_mean_what_the_parser_says_and_do_not_load_it() -> None:
    texts = list(json.loads(MEMO.read_bytes())["types"])
    script = (
        "import sys, json\n"
        "from rsppc.syntax.type_expr import parse_type, print_type\n"
        "shown = [print_type(parse_type(text)) for text in json.loads(sys.stdin.read())]\n"
        "print(json.dumps([shown, 'lark' in sys.modules]))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], input=json.dumps(texts), capture_output=True, text=True, check=True
    )
    shown, loaded = json.loads(run.stdout)
    assert not loaded
    # A text with a trailing blank is not in the memo, so it goes through the parser.
    assert shown == [printed(text + " ") for text in texts]
