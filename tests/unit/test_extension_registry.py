"""The registry: what papers let in is let in, everything else is refused with reasons, before any of its code runs.

R-001-20 to R-001-25, R-001-43 to R-001-45, R-001-47 to R-001-51, R-001-67: registration, boundaries, adapters, and the
capabilities that they advertise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from broken_plugins import Greeter
from broken_plugins import manifest as greeter_manifest
from msgspec.structs import replace
from rsppc.extensions.adapter_contract import AdapterContract, EventABIContract, TransportContract
from rsppc.extensions.events import Decision, Event, TurnSnapshot
from rsppc.extensions.manifest import Manifest, read_manifest
from rsppc.extensions.plugins import ExternalNodeBoundary, Isolation, Offer, RuntimeAdapter
from rsppc.extensions.registry import INJECTED, Accepted, Answer, ExtensionRegistry, Refused
from rsppc.ir.catalog import Limits
from rsppc.model.extension import ADAPTER_PROMISES

DIGEST = f"sha256:{'5' * 64}"
OUTSIDE = f"""\
schema_version: rspp.extension.manifest.v1
extension_id: house_outside
version: v1
type: runtime_adapter
api_version: v1
trust_level: trusted
resource_limits: {{cpu_milli: 1000, memory_bytes: 268435456, max_concurrency: 16}}
node_types:
  - node_type: house.service
    execution_mode: sandbox
    impl_ref: package:house-service==1.0.0
    digest: {DIGEST}
    ports:
      - {{name: text, direction: in, type: text<final>, lane: DataLane}}
    cancel: {{mode: cooperative, cancel_latency_ms: 40, style: soft}}
    state: none
    scope: turn
    timeout_ms: 200
policy_plugins:
  - policy_plugin: house.cheapest
    execution_mode: in_process
    impl_ref: package:house-cheapest==1.0.0
    decides: [provider_switch]
runtime_adapters:
  - runtime_adapter: house.sip
    execution_mode: in_process
    impl_ref: package:house-sip==1.0.0
    transports: [sip, websocket]
    event_abi: v1
    preserves: [{", ".join(ADAPTER_PROMISES)}]
    capabilities: [dtmf]
"""


def outside(*changes: tuple[str, str]) -> Manifest:
    text = OUTSIDE
    for before, after in changes:
        assert before in text, before
        text = text.replace(before, after)
    found = read_manifest("house_outside_v1.yaml", text.encode())
    assert isinstance(found, Manifest), found
    return found


def rules(answer: Answer) -> list[str]:
    assert isinstance(answer, Refused), answer
    return [reason.rule for reason in answer.reasons]


class Loads:
    """A way to a plugin that notes whether it was gone."""

    def __init__(self, plugin: object = Greeter) -> None:
        self.plugin = plugin
        self.count = 0

    def __call__(self) -> object:
        self.count += 1
        return self.plugin


def offered(load: Any = Greeter, **changes: Any) -> Offer:
    made = Offer(manifest="house_nodes/v1", name="house.greeter", load=load if callable(load) else lambda: load)
    return replace(made, **changes)


# --- Nodes in process -------------------------------------------------------------------------------------------------


def test_a_node_plugin_that_its_manifest_lets_in_is_in_the_next_snapshot() -> None:
    registry = ExtensionRegistry([greeter_manifest()])
    before = registry.snapshot()
    assert registry.register_node_plugin(offered()) == Accepted(
        kind="node type", name="house.greeter", manifest="house_nodes/v1"
    )
    assert list(registry.snapshot().node_plugins) == ["house.greeter"] and not before.node_plugins
    with pytest.raises(TypeError):
        registry.snapshot().node_plugins["more"] = Greeter()  # type: ignore[index]


def test_registries_know_nothing_of_each_other() -> None:
    one, other = ExtensionRegistry([greeter_manifest()]), ExtensionRegistry([greeter_manifest()])
    one.register_node_plugin(offered())
    assert not other.snapshot().node_plugins


@pytest.mark.parametrize(
    ("changes", "offer", "rule"),
    [
        ((), {"manifest": "nobodys/v1"}, "unknown-manifest"),
        ((), {"name": "house.stranger"}, "undeclared"),
        ((("trust_level: trusted", "trust_level: untrusted"),), {}, "untrusted-in-process"),
        ((("trust_level: trusted\n", ""),), {}, "untrusted-in-process"),
        ((("api_version: v1", "api_version: v2"),), {}, "unsound-manifest"),
        ((("execution_mode: in_process", "execution_mode: sandbox"),), {}, "not-in-process"),
        (
            (("    impl_ref", f"    digest: {DIGEST}\n    impl_ref"),),
            {"digest": f"sha256:{'6' * 64}"},
            "digest-differs",
        ),
        ((("    impl_ref", f"    digest: {DIGEST}\n    impl_ref"),), {}, "digest-unknown"),
        ((), {"installed_manifest": DIGEST}, "other-manifest"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_papers_do_not_allow_is_refused_before_it_is_loaded(
    changes: tuple[tuple[str, str], ...], offer: dict[str, Any], rule: str
) -> None:
    """R-001-20, R-001-47, R-001-74."""
    load = Loads()
    registry = ExtensionRegistry([greeter_manifest(*changes)])
    assert rule in rules(registry.register_node_plugin(offered(load, **offer)))
    assert load.count == 0 and not registry.snapshot().node_plugins


def test_every_reason_is_given_at_once() -> None:
    registry = ExtensionRegistry([greeter_manifest(("trust_level: trusted", "trust_level: untrusted"))])
    answer = registry.register_node_plugin(offered(installed_manifest=DIGEST))
    assert rules(answer) == ["unsound-manifest", "untrusted-in-process", "other-manifest"]


def test_a_name_is_registered_once() -> None:
    registry, load = ExtensionRegistry([greeter_manifest()]), Loads()
    registry.register_node_plugin(offered())
    assert rules(registry.register_node_plugin(offered(load))) == ["registered-twice"] and load.count == 0


@pytest.mark.parametrize(
    ("load", "rule"),
    [
        (lambda: 1 / 0, "does-not-load"),
        (lambda: exit(2), "does-not-load"),
        (lambda: "greeter", "no-plugin"),
        (lambda: type("Other", (Greeter,), {"node_type": "house.other"}), "other-name"),
        (lambda: type("Other", (Greeter,), {"manifest": "others/v1"}), "other-manifest"),
        (lambda: type("Odd", (Greeter,), {"node_type": property(lambda self: 1 / 0)}), "no-plugin"),
        (lambda: type("Silent", (Greeter,), {"on_cancel": None}), "no-plugin"),
    ],
    ids=["raises", "exits", "text", "other name", "other manifest", "fails when asked", "cannot be cancelled"],
)
def test_what_turns_out_to_be_no_plugin_is_refused(load: Any, rule: str) -> None:
    registry = ExtensionRegistry([greeter_manifest()])
    assert rules(registry.register_node_plugin(offered(load))) == [rule]
    assert not registry.snapshot().node_plugins


# --- Nodes behind a border --------------------------------------------------------------------------------------------

BOUNDARY = ExternalNodeBoundary(
    manifest="house_outside/v1",
    node_type="house.service",
    digest=DIGEST,
    cancel_ms=40,
    timeout_ms=200,
    limits=Limits(cpu_milli=500, memory_bytes=2**20, max_concurrency=4),
    isolation=Isolation(kind="sandbox"),
    injects=INJECTED,
)


def test_a_border_as_narrow_as_its_manifest_is_let_in() -> None:
    """R-001-21: no code is loaded for it."""
    registry = ExtensionRegistry([outside()])
    assert isinstance(registry.register_external_node_boundary(BOUNDARY), Accepted)
    assert registry.snapshot().external_nodes["house.service"] == BOUNDARY
    assert rules(registry.register_external_node_boundary(BOUNDARY)) == ["registered-twice"]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"cancel_ms": None}, "no-cancel"),
        ({"cancel_ms": 41}, "slow-cancel"),
        ({"timeout_ms": None}, "no-timeout"),
        ({"timeout_ms": 201}, "late-timeout"),
        ({"isolation": None}, "no-isolation"),
        ({"isolation": Isolation(kind="process")}, "weak-isolation"),
        ({"injects": INJECTED[1:]}, "no-observability"),
        ({"digest": None}, "digest-unknown"),
        ({"digest": f"sha256:{'6' * 64}"}, "digest-differs"),
        ({"limits": Limits(cpu_milli=500, memory_bytes=2**20)}, "no-limit"),
        ({"limits": Limits(cpu_milli=1001, memory_bytes=2**20, max_concurrency=4)}, "above-ceiling"),
        ({"node_type": "house.other"}, "undeclared"),
        ({"manifest": "nobodys/v1"}, "unknown-manifest"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_border_that_leaves_something_open_is_refused(changes: dict[str, Any], rule: str) -> None:
    """R-001-43, R-001-48 and R-001-67: cancel, timeout, observability, isolation, limits."""
    registry = ExtensionRegistry([outside()])
    assert rules(registry.register_external_node_boundary(replace(BOUNDARY, **changes))) == [rule]
    assert not registry.snapshot().external_nodes


def test_a_node_in_process_has_no_border() -> None:
    registry = ExtensionRegistry([greeter_manifest()])
    border = replace(
        BOUNDARY, manifest="house_nodes/v1", node_type="house.greeter", digest=None, cancel_ms=20, timeout_ms=100
    )
    assert "not-external" in rules(registry.register_external_node_boundary(border))


# --- Policies and adapters --------------------------------------------------------------------------------------------


class Cheapest:
    manifest = "house_outside/v1"
    policy_plugin = "house.cheapest"

    def decide(self, snapshot: TurnSnapshot) -> Decision:
        return Decision(action="provider_switch", reason="cheaper", target="stt-two")


ABI = EventABIContract()
KEEPS_ALL = AdapterContract(
    event_abi=ABI.version,
    transports=("sip", "websocket"),
    signals=TransportContract(kind="sip").signals,
    lanes=ABI.lanes,
    epoch_checked_at=ABI.epoch_checked_at,
    fences=ABI.fences,
    fenced_signals=ABI.fenced_signals,
    lifecycle=ABI.lifecycle,
    evidence=ABI.evidence,
    capabilities=("dtmf",),
)


class Bridge:
    """Says of itself that all is well, whatever its contract is."""

    manifest = "house_outside/v1"
    id = "house.sip"

    def __init__(self, contract: AdapterContract = KEEPS_ALL) -> None:
        self.contract = contract

    def validate_contract(self, transport: TransportContract, event_abi: EventABIContract) -> tuple[str, ...]:
        return ()

    def build_adapter(self, config: Mapping[str, Any]) -> RuntimeAdapter:
        class Straight:
            def ingress(self, message: Mapping[str, Any]) -> Event | None:
                return None

            def egress(self, events: list[Event]) -> list[Mapping[str, Any]]:
                return []

        return Straight()


def adapter_answer(plugin: object, *changes: tuple[str, str], **registry: Any) -> Answer:
    offer = Offer(manifest="house_outside/v1", name="house.sip", load=lambda: plugin)
    return ExtensionRegistry([outside(*changes)], **registry).register_runtime_adapter(offer)


def test_a_policy_plugin_is_let_in_as_what_it_is_declared() -> None:
    """R-001-44."""
    registry = ExtensionRegistry([outside()])
    offer = Offer(manifest="house_outside/v1", name="house.cheapest", load=lambda: Cheapest)
    assert isinstance(registry.register_policy_plugin(offer), Accepted)
    assert list(registry.snapshot().policy_plugins) == ["house.cheapest"]
    assert rules(registry.register_runtime_adapter(offer)) == ["undeclared"]
    assert rules(registry.register_node_plugin(offer)) == ["undeclared"]


def test_an_adapter_that_keeps_everything_is_let_in() -> None:
    """R-001-22 to R-001-25."""
    assert isinstance(adapter_answer(Bridge()), Accepted)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"lanes": ("DataLane", "ControlLane", "TelemetryLane")}, "lane_priority"),
        ({"epoch_checked_at": ("ingress",)}, "epoch_checks"),
        ({"fences": ("runtime",)}, "cancel_fencing"),
        ({"fenced_signals": ("output_accepted",)}, "cancel_fencing"),
        ({"lifecycle": (*ABI.lifecycle, ("Idle", "turn_open", "Active"))}, "turn_lifecycle"),
        ({"lifecycle": ABI.lifecycle[1:]}, "turn_lifecycle"),
        ({"evidence": ABI.evidence[1:]}, "replay_evidence"),
        ({"event_abi": "v2"}, "event_abi"),
        ({"transports": ("sip",)}, "transports"),
        ({"signals": ("connected",)}, "signals"),
        ({"capabilities": ("dtmf", "video")}, "capabilities"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_adapter_that_keeps_less_is_refused_whatever_it_says_of_itself(changes: dict[str, Any], rule: str) -> None:
    """R-001-45, R-001-49 and R-001-50."""
    assert set(rules(adapter_answer(Bridge(replace(KEEPS_ALL, **changes))))) == {rule}


def test_an_adapter_may_refuse_itself() -> None:
    class Modest(Bridge):
        def validate_contract(self, transport: TransportContract, event_abi: EventABIContract) -> tuple[str, ...]:
            return (f"{transport.kind} is not served today",) if transport.kind == "sip" else ()

    class Failing(Bridge):
        def validate_contract(self, transport: TransportContract, event_abi: EventABIContract) -> tuple[str, ...]:
            raise OSError("no line")

    refused = adapter_answer(Modest())
    assert rules(refused) == ["refuses-itself"] and "sip is not served today" in str(refused)
    assert "OSError: no line" in str(adapter_answer(Failing()))


def test_an_adapter_is_held_against_the_transport_that_there_is() -> None:
    talkative = TransportContract(kind="sip", signals=("connected", "disconnected", "stall", "hold"))
    assert rules(adapter_answer(Bridge(), transports=[talkative])) == ["signals"]
    assert rules(adapter_answer(Bridge(), event_abi=EventABIContract(version="v2"))) == ["event_abi"] * 2


def test_an_adapter_whose_manifest_keeps_less_is_never_asked() -> None:
    assert rules(adapter_answer(None, (", replay_evidence", ""))) == ["unsound-manifest"]
