"""Which layers, rules and providers decide a turn: selection among what was compiled, never compilation.

Layers come first, per scope the strongest that holds; then provider rules, the first that holds for a node; then
degrade rules, the last of which wins; then inserts. A condition that has no value makes the turn wait: it never counts
as false.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rsppc.base.record import Record
from rsppc.conditions import EvaluationError, Evaluator, read_condition, rule_environment
from rsppc.turnplan.bundle import LoadedBundle
from rsppc.turnplan.moment import Moment
from rsppc.turnplan.snapshot import Capabilities, ProviderHealth, Session, Turn

SCOPES = ("environment", "tenant", "session")


class Choice(Record, kw_only=False):
    """A layer or a rule that may hold: what it is called, when it holds, and what it says."""

    name: str
    when: Evaluator | None
    said: dict[str, Any]


class Choices(Record):
    """All of a bundle that is decided when a turn opens."""

    layers: dict[str, tuple[Choice, ...]]
    """By scope, the strongest first."""
    provider: tuple[Choice, ...]
    """In the order in which they are tried; those for single nodes before those for a modality."""
    degrade: tuple[Choice, ...]
    insert: tuple[Choice, ...]


class Selection(Record, kw_only=False):
    """What holds for one turn. Equal selections make equal plans, but for the turn's own ids and snapshots."""

    layers: tuple[int, ...]
    """Per scope the number of the layer that holds; -1 for none."""
    providers: tuple[tuple[str, str, int], ...]
    """Node, provider, and the number of the rule that bound it."""
    degrade: tuple[int, ...]
    insert: tuple[int, ...]


class Undecided(Record):
    """Why nothing could be selected, as the reason of an outcome."""

    reason: str
    detail: str = ""


def choices_of(bundle: LoadedBundle) -> Choices:
    """What a bundle leaves to be decided."""
    rules, layers = bundle.spec["rules"], bundle.spec["layers"]
    provider = [_choice(f"{one['policy']}/{one['rule']}", one) for one in rules["provider"]]
    return Choices(
        layers={scope: tuple(_choice(one["layer"], one) for one in layers[scope]) for scope in SCOPES},
        provider=tuple(sorted(provider, key=lambda one: "node" not in one.said)),
        degrade=tuple(_choice(f"{one['policy']}/{one['rule']}", one) for one in rules["degrade"]),
        insert=tuple(_choice(f"{one['policy']}/{one['rule']}", one) for one in rules["insert"]),
    )


# Keys of the providers' maps are no matter here: a key that a snapshot lacks is an error when it is asked for.
_ENVIRONMENT = rule_environment(())


def _choice(name: str, said: dict[str, Any]) -> Choice:
    when = said.get("when")
    return Choice(name, None if when is None else Evaluator(read_condition(when, _ENVIRONMENT)), said)


def select(
    choices: Choices, session: Session, turn: Turn, moment: Moment, capabilities: Capabilities
) -> Selection | Undecided:
    """What holds for this turn."""
    values = {**moment.values, **_values_of(session, turn)}
    chosen: list[int] = []
    for scope in SCOPES:
        found = _first(choices.layers[scope], values)
        if isinstance(found, Undecided):
            return found
        chosen.append(found)
    degrade, insert = _all(choices.degrade, values), _all(choices.insert, values)
    if isinstance(degrade, Undecided):
        return degrade
    if isinstance(insert, Undecided):
        return insert
    named = frozenset(_named_by_layers(choices, chosen))
    providers = _providers(choices.provider, values, named, moment.plane.provider_health, capabilities)
    if isinstance(providers, Undecided):
        return providers
    return Selection(tuple(chosen), providers, degrade, insert)


def _values_of(session: Session, turn: Turn) -> dict[str, object]:
    """The session's and the turn's part of what rules and layers may read."""
    return {
        "session.id": session.session_id,
        "session.language": session.language,
        "session.region": session.region,
        "session.channel": session.channel,
        "tenant.id": session.tenant_id,
        "tenant.labels": session.tenant_labels,
        "environment": session.environment,
        "turn.index": turn.index,
    }


def _holds(choice: Choice, values: dict[str, object]) -> bool | Undecided:
    if choice.when is None:
        return True
    held = choice.when.holds(values)
    if isinstance(held, EvaluationError):
        read = ", ".join(f"{name} = {values.get(name)!r}" for name in held.names)
        said = choice.when.condition.text
        return Undecided(reason=f"condition_error:{choice.name}", detail=f"{held.message} `{said}` with {read}")
    return held


def _first(choices: tuple[Choice, ...], values: dict[str, object]) -> int | Undecided:
    """Number of the first that holds; -1 where none does."""
    for number, choice in enumerate(choices):
        held = _holds(choice, values)
        if isinstance(held, Undecided):
            return held
        if held:
            return number
    return -1


def _all(choices: tuple[Choice, ...], values: dict[str, object]) -> tuple[int, ...] | Undecided:
    found: list[int] = []
    for number, choice in enumerate(choices):
        held = _holds(choice, values)
        if isinstance(held, Undecided):
            return held
        if held:
            found.append(number)
    return tuple(found)


def _named_by_layers(choices: Choices, chosen: list[int]) -> Iterator[str]:
    """Nodes to which a layer that holds gives a provider; a rule for a modality does not replace it."""
    for scope, number in zip(SCOPES, chosen, strict=True):
        if number >= 0:
            for path, value in choices.layers[scope][number].said["set"].items():
                if path.startswith("nodes.") and path.endswith(".provider") and value is not None:
                    yield path[len("nodes.") : -len(".provider")]


def _providers(
    rules: tuple[Choice, ...],
    values: dict[str, object],
    named: frozenset[str],
    health: ProviderHealth | None,
    capabilities: Capabilities,
) -> tuple[tuple[str, str, int], ...] | Undecided:
    """The provider of every node that a rule serves: of the first rule that holds the first that can serve."""
    bound: dict[str, tuple[str, int]] = {}
    for number, rule in enumerate(rules):
        nodes = [node for node in rule.said["nodes"] if node not in bound]
        if "node" not in rule.said:
            nodes = [node for node in nodes if node not in named]
        if not nodes:
            continue
        held = _holds(rule, values)
        if isinstance(held, Undecided):
            return held
        if not held:
            continue
        provider = next((one for one in rule.said["use"] if _serves(one, rule.said, health, capabilities)), None)
        if provider is None:
            return Undecided(reason=f"no_provider_serves:{rule.name}")
        for node in nodes:
            bound[node] = (provider, number)
    return tuple((node, *bound[node]) for node in sorted(bound))


def _serves(provider: str, rule: dict[str, Any], health: ProviderHealth | None, capabilities: Capabilities) -> bool:
    """Whether a provider can be called: the runtime knows it, it is not down, and its circuit is closed. Of one that
    the snapshot does not know nothing speaks against it."""
    if capabilities.providers is not None and provider not in capabilities.providers:
        return False
    state = health.providers.get(provider) if health is not None else None
    if state is None:
        return True
    breaker = rule.get("circuit_breaker")
    is_open = (
        breaker is not None
        and state.error_rate_milli is not None
        and state.error_rate_milli >= breaker["error_rate_milli"]
        and (state.calls or 0) >= breaker.get("min_calls", 0)
    )
    return state.state != "down" and not is_open
