"""Whatever stands in a manifest: it is read with problems or without, and never falls over."""

from __future__ import annotations

import copy
import json
from typing import Any

import yaml12
from hypothesis import given, settings
from hypothesis import strategies as st
from rsppc.extensions.harness import CHECKS, try_node
from rsppc.extensions.manifest import Manifest, read_manifest

TEXT = """\
schema_version: rspp.extension.manifest.v1
extension_id: house_nodes
version: v1
type: runtime_adapter
api_version: v1
trust_level: trusted
resource_limits: {cpu_milli: 1000, memory_bytes: 268435456, max_concurrency: 16}
node_types:
  - node_type: house.greeter
    execution_mode: in_process
    impl_ref: package:house-greeter==1.0.0
    sbom_ref: package:house-greeter-sbom==1.0.0
    streaming: input
    ports:
      - {name: audio, direction: in, type: "audio<rate_hz=config.rate_hz>", lane: DataLane}
      - {name: "*", direction: in, type: T, lane: inherit, named_by: config.names}
      - {name: greeting, direction: out, type: record<house.greeting.v1>, lane: DataLane}
    config:
      - {name: rate_hz, type: rate_hz, default: 16000}
      - {name: names, type: list<string>, required: true}
    cancel: {mode: cooperative, cancel_latency_ms: 20, style: hard}
    state: turn_ephemeral
    scope: turn
    timeout_ms: 100
policy_plugins:
  - {policy_plugin: house.cheapest, execution_mode: in_process, impl_ref: a, decides: [retry], timeout_ms: 5}
runtime_adapters:
  - runtime_adapter: house.sip
    execution_mode: in_process
    impl_ref: package:house-sip==1.0.0
    transports: [sip]
    event_abi: v1
    preserves: [lane_priority, epoch_checks, cancel_fencing, turn_lifecycle, replay_evidence]
records:
  - schema_id: house.greeting.v1
    schema:
      type: object
      properties: {words: {type: string, minLength: 1}, count: {type: integer, minimum: 0, maximum: 9}}
      required: [words]
"""
WHOLE: Any = yaml12.parse_yaml(TEXT)
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.text(max_size=12),
    st.sampled_from(
        ["v9", "external", "untrusted", "sandbox", "T", "record<x.y>", "config.z", "house.greeter", "#", "["]
    ),
    st.lists(st.one_of(st.none(), st.integers(), st.text(max_size=4)), max_size=3),
    st.dictionaries(
        st.sampled_from(["type", "name", "enum", "$ref", "items", "mode"]), st.one_of(st.none(), st.text(max_size=6))
    ),
)


def places(value: Any, route: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [found for key in keys for found in ((*route, key), *places(value[key], (*route, key)))]


PLACES = places(WHOLE)


def mutated(changes: list[tuple[int, Any, bool]]) -> Any:
    whole = copy.deepcopy(WHOLE)
    for number, junk, is_removed in changes:
        *route, last = PLACES[number % len(PLACES)]
        try:
            holder = whole
            for step in route:
                holder = holder[step]
            if is_removed:
                del holder[last]
            else:
                holder[last] = junk
        except (KeyError, IndexError, TypeError):  # an earlier change has removed it
            continue
    return whole


def test_the_manifest_without_changes_is_sound() -> None:
    found = read_manifest("house_nodes_v1.json", json.dumps(WHOLE).encode())
    assert isinstance(found, Manifest) and found.problems == ()


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10_000), JUNK, st.booleans()), min_size=1, max_size=4))
def test_a_changed_manifest_is_read_with_its_problems(changes: list[tuple[int, Any, bool]]) -> None:
    found = read_manifest("house_nodes_v1.json", json.dumps(mutated(changes)).encode())
    if isinstance(found, tuple):
        assert found and all(found)
        return
    for name in found.node_types:
        trial = try_node(lambda: None, found, name, events=3)
        assert [check.name for check in trial.checks] == list(CHECKS) and not trial.ok
