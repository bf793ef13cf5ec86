"""The harness that tries node plugins: what keeps its manifest passes, each broken promise is caught by its check.

F-128, R-001-11 and R-001-42: a stable event API, hooks with time-outs, correlation; F-012, F-013.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from broken_plugins import BROKEN, Greeter, manifest
from hypothesis import given, settings
from hypothesis import strategies as st
from rsppc.extensions.events import Event
from rsppc.extensions.harness import CHECKS, try_node
from rsppc.extensions.manifest import Manifest, read_manifest
from rsppc.extensions.synthetic import CannotFeed, made_up_config, script
from rsppc.extensions.trial import Trial

SHIPPED = Path(__file__).parents[2] / "pipelines" / "extensions"


def statuses(trial: Trial) -> dict[str, str]:
    return {check.name: check.status for check in trial.checks}


def test_a_plugin_that_keeps_its_promises_passes_every_check() -> None:
    for seed in range(5):
        trial = try_node(Greeter, manifest(), "house.greeter", seed=seed, events=40)
        assert trial.ok and statuses(trial) == dict.fromkeys(CHECKS, "pass"), trial.checks
        assert trial.events_in == 40 and trial.events_out > 0


@pytest.mark.parametrize(("plugin", "check"), BROKEN, ids=[plugin.__name__ for plugin, _ in BROKEN])
def test_a_broken_promise_is_caught_by_its_check_and_no_other(plugin: Any, check: str) -> None:
    """R-001-46 and F-155: schema, streaming, cancel and state are held against what a plugin does."""
    trial = try_node(plugin, manifest(), "house.greeter")
    assert not trial.ok
    assert [one.name for one in trial.checks if one.status == "fail"] == [check], trial.checks


def test_two_trials_with_one_seed_are_equal_and_another_seed_gives_other_events() -> None:
    one, same, other = (try_node(Greeter, manifest(), "house.greeter", seed=seed) for seed in (3, 3, 4))
    assert one == same and one.output_digest != other.output_digest


def test_what_a_manifest_does_not_promise_is_not_run_and_no_pass() -> None:
    promises_less = manifest(
        ("    timeout_ms: 100\n", ""),
        ("    cancel: {mode: cooperative, cancel_latency_ms: 20, style: hard}\n", ""),
        ("state: turn_ephemeral", "state: session_hot"),
        (", max_concurrency: 16", ""),
    )
    trial = try_node(Greeter, promises_less, "house.greeter")
    skipped = {"time", "cancel", "silence", "state", "concurrency"}
    assert trial.ok and {name for name, status in statuses(trial).items() if status == "not_run"} == skipped


def test_a_stateless_node_may_not_know_of_the_event_before() -> None:
    """The greeter counts within a turn, which `none` excludes and `turn_ephemeral` allows."""
    trial = try_node(Greeter, manifest(("state: turn_ephemeral", "state: none")), "house.greeter")
    assert trial.failures() == (
        "state: an event gave other output alone than after others, which `state: none` excludes",
    )


def test_untrusted_code_and_code_of_another_process_is_never_called() -> None:
    """R-001-74: in process for trusted code alone."""
    called: list[str] = []

    def load() -> Greeter:
        called.append("loaded")
        return Greeter()

    outside = manifest(
        ("type: node\n", "type: external_node\n"),
        ("execution_mode: in_process", "execution_mode: external"),
        ("    impl_ref", f"    digest: sha256:{'0' * 64}\n    impl_ref"),
    )
    untrusted = manifest(("trust_level: trusted", "trust_level: untrusted"))
    for refused, word in ((outside, "runs as `external`"), (untrusted, "is untrusted")):
        trial = try_node(load, refused, "house.greeter")
        assert statuses(trial)["admission"] == "fail" and word in trial.failures()[0]
    assert called == []


@pytest.mark.parametrize(
    ("plugin", "said"),
    [
        (lambda: None, "it has no `open`"),
        (lambda: 1 / 0, "ZeroDivisionError"),
        (lambda: (_ for _ in ()).throw(SystemExit(3)), "SystemExit: 3"),
        (
            type("Half", (), {"manifest": "x/v1", "open": lambda self, context: None}),
            "no `on_event`, `on_cancel`, `close`",
        ),
        (type("Needy", (Greeter,), {"__init__": lambda self, needed: None}), "TypeError"),
    ],
    ids=["none", "raises", "exits", "half", "wants arguments"],
)
def test_what_is_no_plugin_does_not_load(plugin: Any, said: str) -> None:
    trial = try_node(plugin, manifest(), "house.greeter")
    assert statuses(trial)["loads"] == "fail" and said in trial.failures()[0]


def test_a_record_without_an_example_is_said_and_nothing_passes() -> None:
    odd = manifest(
        ('type: "text<partial|final, lang=?l>"', "type: record<house.greeting.v1>"),
        (
            "words: {type: string, minLength: 1, maxLength: 200}",
            'words: {type: string, pattern: "^[0-9]{7}-[a-f]{3}$"}',
        ),
    )
    trial = try_node(Greeter, odd, "house.greeter")
    assert not trial.ok and statuses(trial)["runs"] == "not_run"
    assert "give it `examples`" in trial.checks[2].message


def test_config_that_there_is_not_is_said() -> None:
    trial = try_node(Greeter, manifest(), "house.greeter", config={"tune": "warm"})
    assert not trial.ok and "`tune`" in trial.checks[2].message


def test_events_can_be_made_up_for_every_node_type_that_ships() -> None:
    """What is made up fits the ports that it is made for: frames with media time, partials and finals, records."""
    for name in ("rspp_std_v1", "telephony_nodes_v1", "custom_sentiment_node_v1"):
        shipped = read_manifest(f"{name}.yaml", (SHIPPED / f"{name}.yaml").read_bytes(), records=_standard_records())
        assert isinstance(shipped, Manifest) and not shipped.problems
        records = {**_standard().records, **shipped.records}
        for node_type in shipped.node_types.values():
            config = made_up_config(node_type, {}, records)
            assert not isinstance(config, CannotFeed), (node_type.name, config)
            made = script(node_type, config, records, seed=5, count=20)
            assert not isinstance(made, CannotFeed), (node_type.name, made)
            assert {event.port for event in made.events} == set(made.inputs)
            assert [event.pts_ms for event in made.events] == sorted(event.pts_ms for event in made.events)
            for event in made.events:
                _assert_fits(event, made.inputs[event.port].alternatives[0].kind)


def _assert_fits(event: Event, kind: str) -> None:
    if kind == "audio":
        assert event.payload["rate_hz"] >= 1000 and isinstance(event.payload["data"], bytes)
    if kind == "text":
        assert event.payload["mode"] in ("partial", "final", "delta", "segment")
        assert 0 <= event.payload["confidence_milli"] <= 1000


def _standard() -> Manifest:
    found = read_manifest("rspp_std_v1.yaml", (SHIPPED / "rspp_std_v1.yaml").read_bytes())
    assert isinstance(found, Manifest)
    return found


def _standard_records() -> frozenset[str]:
    return frozenset(_standard().records)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**63 - 1), events=st.integers(1, 60))
def test_the_lengths_and_seeds_of_trials_make_no_difference_to_a_sound_plugin(seed: int, events: int) -> None:
    assert try_node(Greeter, manifest(), "house.greeter", seed=seed, events=events).ok
