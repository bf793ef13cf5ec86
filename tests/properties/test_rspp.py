"""The text form: any text is read or refused, and any sound artifact can be written in it and read back."""

from __future__ import annotations

from typing import Any

import pytest
import yaml12
from hypothesis import given, settings
from hypothesis import strategies as st
from rsppc.base.source import Source
from rsppc.diagnostics import DiagnosticSink
from rsppc.model.kinds import BY_NAME
from rsppc.model.shape import (
    ArtifactKind,
    Choice,
    Expression,
    FieldType,
    Flag,
    Identifier,
    Integer,
    Listing,
    Nested,
    OneOf,
    Reference,
    SettingPath,
    Shape,
    Table,
    Text,
    TypeText,
)
from rsppc.syntax.document import Document, Mapping, Sequence
from rsppc.syntax.rspp_printer import print_rspp, why_no_text_form
from rsppc.syntax.rspp_reader import read_rspp
from rsppc.syntax.rspp_tokens import KEYWORDS
from rsppc.syntax.yaml_printer import print_yaml
from rsppc.syntax.yaml_reader import read_yaml

TEXT_KINDS = ("pipeline", "module", "profile", "policy", "layer", "extension", "bundle")
OTHER_KINDS = ("rollout", "snapshot", "replay", "compat", "runtime", "gate")
BITS = [
    *(
        "pipeline x v1 {\n",
        "layer k v1 session when (a) {",
        "node a : b ",
        "a -> b\n",
        " -> ",
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
    ),
    *(
        "=",
        ":",
        ",",
        "\n",
        "  ",
        "#",
        '"',
        '"""',
        "\\",
        "\\u12",
        "400ms",
        "16 items",
        "1.5",
        "-1",
        "merge(",
        "when (",
        "x = ",
    ),
    *("é", "'", "//", "\r\n", "\t", "turns {", "fallback b on timeout", "null", "true", "use a = b/v1", "set a.b = 1"),
    *sorted(KEYWORDS),
]


def _read(text: str) -> tuple[Document, tuple[Any, ...]]:
    sink = DiagnosticSink()
    return read_rspp(Source("a.rspp", text, text.encode("utf-8", "replace")), sink), sink.sorted()


@settings(deadline=None, max_examples=200)
@given(st.one_of(st.text(max_size=200), st.lists(st.sampled_from(BITS), max_size=40).map("".join)))
def test_any_text_is_read_or_refused_with_places_inside_it(text: str) -> None:
    document, found = _read(text)
    assert document.root is not None or found
    for one in found:
        assert 0 <= one.at.start <= one.at.end <= len(text)
        assert one.message() and "\n" not in one.message()
        one.next_step()
    _check_places(document.root, text)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.sampled_from(BITS), max_size=40).map(" ".join))
def test_an_artifact_with_mistakes_keeps_its_name(text: str) -> None:
    document, _ = _read("pipeline x v1 {\n" + text.replace('"', "").replace("(", "") + "\n}\n")
    assert document.root is not None
    assert document.root["pipeline_id"] == "x"


SOUND = """pipeline x v1 {
  meta { title = "t"  labels = { a = "b" } }
  node llm : speech.llm { turns = 8  list = [1, { a = 2 }] } budget 600ms fallback small on timeout, error
  node small : speech.llm { }
  a.text -> llm.prompt when (event.x >= 600 && (y)) otherwise drop
  llm -> tts { buffer = merge(16 items, 200ms) }
  turns { owner endpoint.turn  barge_in vad.barge_in after 300ms }
}
"""


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.tuples(st.integers(0, len(SOUND)), st.integers(0, 12), st.sampled_from(["", *BITS])), min_size=1, max_size=5
    )
)
def test_a_damaged_artifact_is_read_to_its_end(edits: list[tuple[int, int, str]]) -> None:
    text = SOUND
    for place, removed, added in edits:
        text = text[:place] + added + text[place + removed :]
    document, found = _read(text)
    assert found or document.root is not None
    assert all(0 <= start <= end <= len(text) for start, end in document.gaps)
    _check_places(document.root, text)


# ---- sound artifacts of every kind, from the declared shapes

_WORDS = st.one_of(st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True), st.sampled_from(sorted(KEYWORDS)))
_TEXTS = st.one_of(
    st.text(max_size=20),
    st.text(alphabet='ab "\\\n\t#:{}é\u202e😀', max_size=30),
    st.sampled_from(["null", "true", "1", "1.5", "~", "", "no", "a: b", "- a", "x\ny", "x\ny\n", "  x\n y\n", "400ms"]),
).map(lambda text: text.encode("utf-8", "ignore").decode())
_CONDITIONS = st.one_of(
    _TEXTS,
    st.sampled_from(
        [
            "event.confidence_milli >= 600",
            '"compliance" in tenant.labels && tenant.labels["compliance"] == "hipaa"',
            "a == ')' || b == '(' // (",
            "r'\\' == x && (a)",
            "'''(''' == (b)",
            "(a",
            "a)(b",
            'text.matches("\\\\(")',
        ]
    ),
)
_PORTS = st.builds("{}.{}".format, _WORDS, _WORDS)
_IDENTIFIERS = {
    "id": _WORDS,
    "node": st.one_of(_WORDS, st.builds("{}/{}".format, _WORDS, _WORDS)),
    "port": st.one_of(_WORDS, _PORTS),
    "dotted": _PORTS,
    "provider": st.from_regex(r"[a-z][a-z0-9]{0,4}(-[a-z0-9]{1,4}){0,2}", fullmatch=True),
    "version": st.sampled_from(["v1", "v1.2", "v10.0.3"]),
    "digest": st.just("sha256:" + "0a" * 32),
    "date": st.just("2026-11-01"),
    "secret": st.just("secret://store/name"),
    "path": st.just("prompts/greeting.txt"),
}
_KEYS = st.one_of(
    _WORDS, _TEXTS.filter(bool), _WORDS.map(lambda word: word + "_ms"), _WORDS.map(lambda word: word + "_hz")
)
_PATHS = st.sampled_from(
    [
        "budgets.turn_budget_ms",
        "nodes.llm.config.x_bytes",
        "edges.a.b->c.d.buffer.max_queue_ms",
        "nodes.*.config.*",
        "set",
    ]
)
_ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**53) + 1, 2**53 - 1), st.integers(0, 5000), _TEXTS, _WORDS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_KEYS, inner, max_size=3)),
    max_leaves=6,
)


def _values(declared: FieldType) -> st.SearchStrategy[Any]:
    match declared:
        case Text():
            return _TEXTS
        case Identifier(form=form):
            return _IDENTIFIERS[form]
        case Integer(minimum=minimum, maximum=maximum):
            near = st.sampled_from([number for number in (0, 1, 8, 1000, 1024, 65536) if minimum <= number <= maximum])
            return st.one_of(st.integers(minimum, maximum), near) if maximum >= 8 else st.integers(minimum, maximum)
        case Flag():
            return st.booleans()
        case Choice(values=values):
            return st.sampled_from(values)
        case Reference(kind=kind):
            digest = "@sha256:" + "0f" * 32
            forms = ["{}/v1", f"{{}}/v1.2{digest}", f"{kind}:{{}}/v1", f"{kind}:{{}}/v2{digest}"]
            return st.builds(lambda form, word: form.format(word), st.sampled_from(forms), _WORDS)
        case Expression():
            return _CONDITIONS
        case TypeText():
            return st.sampled_from(["text<final>", "audio<codec=pcm_s16le, rate_hz=8000|16000>", "unchecked", "T"])
        case SettingPath():
            return _PATHS
        case Listing(item=item, length_min=length_min):
            return st.lists(_values(item), min_size=length_min, max_size=3)
        case Table(value=value, key=key, length_min=length_min):
            return st.dictionaries(_values(key), _values(value), min_size=length_min, max_size=3)
        case Nested(shape=shape):
            return _mappings(shape)
        case OneOf(options=options):
            return st.one_of(*(_values(option) for option in options))
        case _:
            return _ANYTHING


_MADE: dict[str, st.SearchStrategy[Any]] = {}


def _mappings(shape: Shape) -> st.SearchStrategy[Any]:
    required: dict[str, st.SearchStrategy[Any]] = {}
    optional: dict[str, st.SearchStrategy[Any]] = {}
    for one in shape.fields:
        values = st.deferred(lambda one=one: _values(one.type))
        values = st.one_of(st.none(), values) if one.nullable else values
        (required if one.required else optional)[one.name] = values
    return st.fixed_dictionaries(required, optional=optional)


def _artifacts(kind: ArtifactKind) -> st.SearchStrategy[Any]:
    if kind.name not in _MADE:
        _MADE[kind.name] = _mappings(kind.shape)
    return _MADE[kind.name]


@pytest.mark.parametrize("kind", TEXT_KINDS)
def test_every_sound_artifact_prints_and_reads_back_equal(kind: str) -> None:
    @settings(deadline=None, max_examples=25)
    @given(_artifacts(BY_NAME[kind]))
    def check(artifact: dict[str, Any]) -> None:
        written = print_rspp(artifact)
        document, found = _read(written)
        assert not found, (written, [(str(one.at), one.message()) for one in found])
        assert document.root == artifact, written
        assert print_rspp(document.root) == written
        _check_places(document.root, written)

    check()


@pytest.mark.parametrize("kind", TEXT_KINDS)
def test_unknown_and_misshapen_fields_print_and_read_back_equal(kind: str) -> None:
    @settings(deadline=None, max_examples=25)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        keys = [one.name for one in BY_NAME[kind].shape.fields if one.name != "schema_version"]
        more = data.draw(st.dictionaries(st.one_of(st.sampled_from(keys), _KEYS), _NEARLY, max_size=4))
        artifact = {
            "schema_version": BY_NAME[kind].schema_version,
            **{k: v for k, v in more.items() if k != "schema_version"},
        }
        written = print_rspp(artifact)
        document, found = _read(written)
        assert not found, (written, [(str(one.at), one.message()) for one in found])
        assert document.root == artifact, written

    check()


_LIKELY_KEYS = (
    *("node_id", "node_type", "config", "provider", "budget_ms", "fallback", "from", "to", "when", "id", "name", "set"),
    *("module", "modality", "node", "use", "insert", "between", "schema_id", "schema", "provider_id", "port", "buffer"),
)
_NODE_LIKE = st.dictionaries(
    st.sampled_from(_LIKELY_KEYS),
    st.one_of(_ANYTHING, _WORDS, st.fixed_dictionaries({"node_id": _WORDS, "node_type": _WORDS, "from": _WORDS})),
    max_size=6,
)
_NEARLY = st.one_of(_ANYTHING, st.lists(_NODE_LIKE, max_size=3), _NODE_LIKE, st.lists(_WORDS, max_size=3))


@pytest.mark.parametrize("kind", (*TEXT_KINDS, *OTHER_KINDS))
def test_every_sound_artifact_prints_as_yaml_and_reads_back_equal(kind: str) -> None:
    @settings(deadline=None, max_examples=25)
    @given(_artifacts(BY_NAME[kind]))
    def check(artifact: dict[str, Any]) -> None:
        written = print_yaml(artifact)
        sink = DiagnosticSink()
        document = read_yaml(Source("a.yaml", written, written.encode()), sink)
        assert not len(sink), (written, [(str(one.at), one.message()) for one in sink.sorted()])
        assert document.root == artifact, written
        assert yaml12.parse_yaml(written) == artifact

    check()


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_the_other_kinds_say_why_they_have_no_text_form(kind: str) -> None:
    reason = why_no_text_form({"schema_version": BY_NAME[kind].schema_version})
    assert reason is not None
    assert "YAML or JSON" in reason
    _, found = _read(f"{kind} x v1 {{ }}")
    assert [one.code for one in found] == ["RSP0403"]


def _check_places(container: Any, text: str) -> None:
    """The place of every scalar holds what was written for it; containers hold their children."""
    waiting = [container]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Mapping):
            children = [(value, *one.at[4 * index + 2 : 4 * index + 4]) for index, value in enumerate(one.values())]
            assert len(one.at) == 4 * len(one)
        elif isinstance(one, Sequence):
            children = [(value, *one.at[2 * index : 2 * index + 2]) for index, value in enumerate(one)]
            assert len(one.at) == 2 * len(one)
        else:
            continue
        assert 0 <= one.start <= one.end <= len(text)
        for value, start, end in children:
            assert 0 <= start <= end <= len(text)
            if isinstance(value, dict | list):
                waiting.append(value)
                assert (value.start, value.end) == (start, end)
            else:
                assert _may_stand_for(text[start:end], value), (text[start:end], value)


def _may_stand_for(written: str, value: Any) -> bool:
    if isinstance(value, str):
        return written.replace("\r\n", "\n") == value or written[:1] == '"' or "\\" in written or written in KEYWORDS
    if value is None:
        return written == "null"
    if isinstance(value, bool):
        return written in ("true", "false", "feedback", "optional")
    return written.lstrip("-")[:1].isdigit()
