"""What `check` accepts, how it prints it, and what it says about the rest."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from rsppc.conditions import (
    AUDIO_EVENT_FIELDS,
    TEXT_EVENT_FIELDS,
    Complaint,
    Condition,
    Environment,
    check,
    edge_environment,
    event_fields_of_schema,
    print_tree,
    rule_environment,
)

EDGE = edge_environment(TEXT_EVENT_FIELDS)
RULE = rule_environment(["stt-deepgram", "tts-elevenlabs"])
RECORD = edge_environment(
    {
        "xs": "list<int>",
        "words": "list<string>",
        "flags": "map<string,bool>",
        "counts": "map<string,int>",
        "text": "string",
    }
)


def accepted(text: str, environment: Environment = EDGE) -> Condition:
    outcome = check(text, environment)
    assert isinstance(outcome, Condition), outcome
    return outcome


def refused(text: str, environment: Environment = EDGE) -> tuple[Complaint, ...]:
    outcome = check(text, environment)
    assert isinstance(outcome, tuple), f"accepted as {outcome.text}"
    assert outcome
    return outcome


def said(text: str, environment: Environment = EDGE) -> list[tuple[str, str, str | None]]:
    """Kind, underlined text and repair of each complaint."""
    return [(each.kind, text[each.start : each.end], each.suggestion) for each in refused(text, environment)]


# --- environments ---------------------------------------------------------------------------------------------------


def test_an_edge_reads_its_event_the_session_and_the_turn() -> None:
    """R-001-01: conditional routing over declared names."""
    names = [known.name for known in EDGE.declarations]
    assert names == [
        "event.confidence_milli",
        "event.language",
        "event.mode",
        "event.text",
        "session.channel",
        "session.id",
        "session.language",
        "session.region",
        "turn.index",
    ]


def test_a_rule_reads_pressure_providers_and_tenant_but_no_event() -> None:
    names = [known.name for known in RULE.declarations]
    assert names == [
        "environment",
        "pressure.control_lane_milli",
        "pressure.data_lane_milli",
        "pressure.telemetry_lane_milli",
        "provider_p95_ms",
        "provider_price_micro_usd",
        "provider_state",
        "session.channel",
        "session.id",
        "session.language",
        "session.region",
        "tenant.id",
        "tenant.labels",
        "turn.index",
    ]


def test_fields_of_a_schema_keep_what_a_condition_can_read() -> None:
    schema = {
        "type": "object",
        "properties": {
            "intent": {"type": "string"},
            "slots": {"type": "object", "additionalProperties": {"type": "string"}},
            "scores": {"type": "array", "items": {"type": "integer"}},
            "pair": {"properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "type": "object"},
            "mixed": {"properties": {"a": {"type": "integer"}, "b": {"type": "string"}}, "type": "object"},
            "ratio": {"type": "number"},
            "nested": {"type": "array", "items": {"type": "array"}},
            "done": {"type": "boolean"},
            "in": {"type": "string"},
            "two-words": {"type": "string"},
            "either": {"type": ["string", "null"]},
        },
    }
    assert event_fields_of_schema(schema) == {
        "done": "bool",
        "intent": "string",
        "pair": "map<string,int>",
        "scores": "list<int>",
        "slots": "map<string,string>",
    }
    assert event_fields_of_schema({"properties": 3}) == {}


# --- the canonical form ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("event.confidence_milli>=600", "event.confidence_milli >= 600"),
        ("event.text=='it\\'s \"x\"'", 'event.text == "it\'s \\"x\\""'),
        ('((event.text == "a"))', 'event.text == "a"'),
        ('event.text == "a" && (true && true)', 'event.text == "a" && true && true'),
        ("true && (false || true)", "true && (false || true)"),
        ("turn.index - (1 - 2) == 1", "turn.index - (1 - 2) == 1"),
        ("(turn.index - 1) - 2 == 1", "turn.index - 1 - 2 == 1"),
        ("-(-(5)) == - 5", "-(-(5)) == -5"),
        ("!(!true)", "!(!true)"),
        ("0x1F == 31", "31 == 31"),
        ('event.text == r"\\d"', 'event.text == "\\\\d"'),
        ('event.text == "\\u202e\\n"', 'event.text == "\\u202e\\n"'),
        ("true ? (false ? true : false) : true // why", "true ? (false ? true : false) : true"),
        ('event.language in ["de","en"]', 'event.language in ["de", "en"]'),
        ('session . language .startsWith ( "de" )', 'session.language.startsWith("de")'),
        ('event.text == """a\n😀"""', 'event.text == "a\\n😀"'),
    ],
)
def test_the_canonical_text_has_few_parentheses_and_checks_to_the_same_tree(written: str, printed: str) -> None:
    condition = accepted(written)
    assert condition.text == printed
    again = accepted(printed)
    assert again.tree == condition.tree
    assert again.text == printed == print_tree(condition.tree)


def test_the_tree_names_calls_constants_and_names() -> None:
    condition = accepted('!(event.confidence_milli >= -600) && session.language == "de" && true')
    assert condition.tree == {
        "call": "_&&_",
        "args": [
            {
                "call": "!_",
                "args": [{"call": "_>=_", "args": [{"name": "event.confidence_milli"}, {"const": {"int": "-600"}}]}],
            },
            {"call": "_==_", "args": [{"name": "session.language"}, {"const": {"string": "de"}}]},
            {"const": {"bool": True}},
        ],
    }
    assert condition.names == ("event.confidence_milli", "session.language")


@pytest.mark.parametrize(
    "macro",
    [
        "event.xs.all(x, x > 1 && x < 5 && x != 3)",
        "event.xs.exists(x, x == 1 || x == 2)",
        "event.xs.exists_one(x, x == 1)",
        "event.xs.filter(x, x > 1) == []",
        "event.xs.map(x, x + 1) == event.xs",
        "event.xs.map(x, x > 1, x + 1) == [2]",
        "event.words.all(w, event.xs.exists(x, size(w) == x))",
    ],
)
def test_loops_come_back_as_they_were_written(macro: str) -> None:
    condition = accepted(macro, RECORD)
    assert condition.text == macro


def test_a_loop_is_a_call_in_the_tree_and_its_variable_a_local() -> None:
    assert accepted("event.xs.all(x, x > 1)", RECORD).tree == {
        "call": "all",
        "target": {"name": "event.xs"},
        "args": [{"local": "x"}, {"call": "_>_", "args": [{"local": "x"}, {"const": {"int": "1"}}]}],
    }


def test_a_dotted_key_is_an_index() -> None:
    condition = accepted('"tier" in tenant.labels && tenant.labels.tier == "gold"', RULE)
    assert condition.text == '"tier" in tenant.labels && tenant.labels["tier"] == "gold"'


# --- mistakes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('event.txt == "a"', ("unknown-name", "event.txt", "event.text")),
        ("session.language == de", ("unknown-name", "de", '"de"')),
        ('event.text.startWith("a")', ("unknown-function", "startWith", "startsWith")),
        ("event.text", ("not-bool", "event.text", None)),
        ("event.text == 3", ("wrong-type", "==", None)),
        ("event.text.size(1) == 1", ("wrong-type", "size(1)", None)),
        ('event.mode = "final"', ("syntax", "=", "==")),
        ('event.mode === "final"', ("syntax", "===", "==")),
        ("turn.index => 3", ("syntax", "=>", ">=")),
        ("true and false", ("syntax", "and", "&&")),
        ("true or false", ("syntax", "or", "||")),
        ("not (true)", ("syntax", "not", "!")),
        ('(event.text == "a"', ("syntax", "(", None)),
        ("true)", ("syntax", ")", None)),
        ('event.text == "a', ("syntax", '"a', None)),
        ("event.text == “a”", ("syntax", "“", '"')),
        ('event.text == "a" event.mode == "b"', ("syntax", "event", None)),
        ("event.text ==", ("syntax", "==", None)),
        ('event.text == "\\q"', ("syntax", '"\\q"', None)),
        ('event.text == "a\u202eb"', ("syntax", "\u202e", None)),
        ('.event.text == "a"', ("syntax", ".", None)),
        ("turn.index == 99999999999999999999", ("syntax", "99999999999999999999", None)),
        ("[1].all(1, true)", ("syntax", "1", None)),
        ("[1].all(x, x)", ("wrong-type", "all(x, x)", None)),
        ("", ("syntax", "", None)),
        ("// nothing", ("syntax", "// nothing", None)),
        ("\ud800", ("syntax", "\ud800", None)),
        ("has(event.text)", ("has-macro", "has(event.text)", None)),
    ],
)
def test_a_mistake_is_underlined_where_it_stands(text: str, expected: tuple[str, str, str | None]) -> None:
    """A condition's complaint carries its place and, where one is evident, its repair."""
    assert said(text) == [expected]


def test_several_mistakes_are_reported_at_once_and_in_order() -> None:
    assert said('event.txt == "a" && event.confidence >= 0.6') == [
        ("unknown-name", "event.txt", "event.text"),
        ("unknown-name", "event.confidence", "event.confidence_milli"),
        ("not-portable", "0.6", "600"),
    ]


def test_many_mistakes_do_not_hide_each_other() -> None:
    kinds = {each.kind for each in refused("event.txt == 1 && " * 100 + "true")}
    assert kinds == {"unknown-name"}


def test_places_count_code_points() -> None:
    text = '"é😀" == event.txt\n && session.langage == """\n😀"""\r\n && q > 1'
    assert [part for _, part, _ in said(text)] == ["event.txt", "session.langage", "q"]


def test_a_rule_cannot_read_an_event() -> None:
    (complaint,) = refused('event.text == "a"', RULE)
    assert complaint.kind == "unknown-name"
    assert "a rule's condition" in complaint.message
    assert "`tenant.labels`" in complaint.message


# --- keys of maps ---------------------------------------------------------------------------------------------------


def repaired(text: str, environment: Environment) -> str:
    (complaint,) = refused(text, environment)
    assert complaint.suggestion is not None
    return text[: complaint.start] + complaint.suggestion + text[complaint.end :]


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        (
            'tenant.labels["tier"] == "gold"',
            '"tier" in tenant.labels && tenant.labels["tier"] == "gold"',
        ),
        (
            'environment == "é" || (tenant.labels.tier) == "gold"',
            'environment == "é" || "tier" in tenant.labels && tenant.labels["tier"] == "gold"',
        ),
        ("has(tenant.labels.tier)", '"tier" in tenant.labels'),
    ],
)
def test_an_open_map_is_asked_for_its_key_first(text: str, fixed: str) -> None:
    assert repaired(text, RULE) == fixed
    accepted(fixed, RULE)


def test_a_repair_behind_a_negation_keeps_its_meaning() -> None:
    fixed = repaired('!event.flags["vip"]', RECORD)
    assert fixed == '!("vip" in event.flags && event.flags["vip"])'
    accepted(fixed, RECORD)


@pytest.mark.parametrize(
    "text",
    [
        'tenant.labels["a"] == "x" && "a" in tenant.labels',
        '!("a" in tenant.labels) || tenant.labels["a"] == "x"',
        '"a" in tenant.labels ? tenant.labels["a"] == "x" : false',
        '!("a" in tenant.labels && true) ? true : tenant.labels["a"] == "x"',
        'tenant.labels.all(key, tenant.labels[key] == "x")',
        '["a", "b"].exists(key, key in tenant.labels && tenant.labels[key] == "x")',
        '"a" in tenant.labels && ["x"].exists(value, tenant.labels["a"] == value)',
    ],
)
def test_a_guard_is_seen_wherever_it_protects(text: str) -> None:
    accepted(text, RULE)


@pytest.mark.parametrize(
    "text",
    [
        '"a" in tenant.labels || tenant.labels["a"] == "x"',
        '"b" in tenant.labels && tenant.labels["a"] == "x"',
        '("a" in tenant.labels || true) && tenant.labels["a"] == "x"',
        '!("a" in tenant.labels) ? tenant.labels["a"] == "x" : true',
        '"a" in tenant.labels && ["b"].exists(key, tenant.labels[key] == "x")',
    ],
)
def test_a_guard_that_does_not_protect_is_none(text: str) -> None:
    assert [each.kind for each in refused(text, RULE)] == ["open-map-index"]


def test_maps_over_providers_take_declared_literal_keys_only() -> None:
    accepted('provider_state["stt-deepgram"] == "ok" && provider_p95_ms["tts-elevenlabs"] < 400', RULE)
    assert said('provider_state["stt-deepgrm"] == "ok"', RULE) == [
        ("unknown-key", 'provider_state["stt-deepgrm"]', 'provider_state["stt-deepgram"]')
    ]
    for text in (
        'provider_state[environment] == "ok"',
        "size(provider_state) > 1",
        'provider_state.all(id, id == "x")',
        "environment in provider_state",
    ):
        assert [each.kind for each in refused(text, RULE)] == ["computed-key"]


# --- the portable profile -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "null == null",
        'b"a" == b"a"',
        "1u == 1u",
        "1.5 == 1.5",
        'event.text < "b"',
        "false < true",
        'int("5") == 5',
        'bool("true")',
        "double(1) == double(2)",
        "type(1) == int",
        "dyn(1) == 1",
        '"%d".format([1]) == "1"',
        'strings.quote("a") == "b"',
        'timestamp("2020-01-01T00:00:00Z") == timestamp("2020-01-01T00:00:00Z")',
        "google.protobuf.Int32Value{value: 1} == 1",
        '[1, "a"] == []',
        "{1: 2} == {}",
        '{"a": 1, "a": 2} == {}',
        '{"a": 1, "b": "c"} == {}',
        '{"a": 1}.map(k, k) == ["a"]',
        "[1].all(event, event > 0)",
        '{"a": 1}.`a` == 1',
        'matches(event.text, "a")',
        'event.text.reverse() == "a"',
        'event.text.substring(0, 1) == "a"',
        'event.text.indexOf("a", 1) == 1',
        'event.text.lastIndexOf("a", 1) == 1',
        'event.text.replace("a", "b", 1) == "b"',
        'event.text.replace("", "b") == "b"',
        'event.text.replace(event.language, "b") == "b"',
        'event.text.split(",", 2) == []',
        'event.text.split("") == []',
        "event.text.split(event.language) == []",
    ],
)
def test_what_runtimes_answer_differently_is_not_portable(text: str) -> None:
    assert "not-portable" in {each.kind for each in refused(text)}


# --- limits ---------------------------------------------------------------------------------------------------------

THOUSAND = "[" + ",".join(["1"] * 1000) + "]"

HOSTILE = {
    "100 kB": ("a" * 100_000, "too-long"),
    "8 kB of two-byte letters": ('"' + "é" * 5000 + '" == ""', "too-long"),
    "5,000 parentheses": ("(" * 5000 + "true" + ")" * 5000, "too-long"),
    "2,000 parentheses": ("(" * 2000 + "true" + ")" * 2000, "too-deep"),
    "25 parentheses": ("(" * 25 + "true" + ")" * 25, "too-deep"),
    "33 terms": ("+".join(["1"] * 33) + " == 33", "too-many-terms"),
    "25 terms": ("+".join(["1"] * 25) + " == 25", "too-many-terms"),
    "25 products": ("*".join(["1"] * 25) + " == 1", "too-many-terms"),
    "ternaries": ("true ? true : " * 25 + "true", "too-deep"),
    "comparisons": ("true" + " == true" * 30, "too-deep"),
    "selections": ("event" + ".a" * 2000 + " == 1", "too-deep"),
    "operators over chains": ("!(1 == " + "+".join(["1"] * 24) + ")", "too-deep"),
    "three loops": (
        "[1].all(x, [1].all(y, [1].all(z, x == y)))",
        "too-many-comprehensions",
    ),
    "10^6 steps": (f"{THOUSAND}.all(x, {THOUSAND}.all(y, x == y))", "too-costly"),
    "growing text": ('event.text.replace("a", event.text).replace("a", event.text) == ""', "too-costly"),
    "nested repetition": ('event.text.matches("^(a+)+$")', "bad-pattern"),
    "counted repetition": ('event.text.matches("(((a{1,100}){1,100}){1,100})")', "bad-pattern"),
    "long repetition": ('event.text.matches("a{1000}")', "bad-pattern"),
    "computed pattern": ("event.text.matches(event.language)", "bad-pattern"),
    "broken pattern": ('event.text.matches("(a")', "bad-pattern"),
    "long pattern": (f'event.text.matches("{"a" * 300}")', "bad-pattern"),
}


@pytest.mark.parametrize(("text", "kind"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_refused_by_our_limits_and_at_once(text: str, kind: str) -> None:
    """The limits are ours and are met before anything is evaluated."""
    started = time.perf_counter()
    complaints = refused(text)
    assert time.perf_counter() - started < 2
    assert [each.kind for each in complaints] == [kind]


@pytest.mark.parametrize(
    "text",
    [
        "(" * 24 + "true" + ")" * 24,
        "+".join(["1"] * 24) + " == 24",
        "true && " * 500 + "true",
        "[1].all(x, [1].all(y, x == y))",
        'event.text.matches("^[a-z]{1,100}( [a-z]+)?$")',
        'event.text.matches("[(+)*]+")',
    ],
)
def test_what_keeps_to_the_limits_is_accepted(text: str) -> None:
    accepted(text)


def test_two_loops_over_lists_of_a_record_are_affordable() -> None:
    accepted("event.xs.all(x, event.xs.exists(y, x == y))", RECORD)


# --- cost of the room itself ----------------------------------------------------------------------------------------


def test_the_library_is_imported_only_when_a_condition_is_checked() -> None:
    program = (
        "import sys, rsppc.conditions as c\n"
        "e = c.edge_environment(c.AUDIO_EVENT_FIELDS)\n"
        "c.check('(', e)\n"
        "assert not any(name.startswith('cel_expr') for name in sys.modules)\n"
        "c.check('event.duration_ms > 1', e)\n"
        "assert any(name.startswith('cel_expr') for name in sys.modules)\n"
        "assert 'google.protobuf' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_equal_environments_share_their_conditions() -> None:
    first = check("event.duration_ms > 1", edge_environment(AUDIO_EVENT_FIELDS))
    assert check("event.duration_ms > 1", edge_environment(dict(AUDIO_EVENT_FIELDS))) is first
