"""Rules, layers and turns of a bundle, said in sentences."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from rsppc.base.record import Record
from rsppc.pictures.resolved import CancelPlace, Condition, Insert, ProviderRule, Resolved


class Sentence(Record):
    """What holds, and who says so."""

    who: str
    what: str


def turns_in_words(spec: Resolved) -> list[str]:
    """Who opens turns, and what ends them early."""
    owner = spec.turns.owner
    said = [f"{owner} opens and commits turns." if owner else "Nothing in the pipeline says who opens turns."]
    said += [_cancel("A barge-in", place) for place in spec.turns.barge_in]
    said += [_cancel("A cancel", place) for place in spec.turns.cancel_from]
    if spec.analysis.cancel_ms is not None:
        said.append(f"At p95 it is silent {spec.analysis.cancel_ms} ms after a cancel.")
    if spec.unknown_events:
        said.append(f"Events that nobody knows: {spec.unknown_events}.")
    if spec.allowed_adaptive_actions:
        said.append(f"The runtime may, by itself: {', '.join(spec.allowed_adaptive_actions)}.")
    return said


def _cancel(kind: str, place: CancelPlace) -> str:
    least = f" after {place.min_speech_ms} ms of speech" if place.min_speech_ms is not None else ""
    when = f", when {place.when.text}" if place.when is not None else ""
    unless = f", but not while {' or '.join(place.unless)} is at work" if place.unless else ""
    return f"{kind} at {place.source} ends the turn{least}{when}{unless}."


def rules_in_words(spec: Resolved) -> list[Sentence]:
    """Every rule of the policies, in the order in which they are tried."""
    said = [Sentence(who=f"{one.policy}, rule {one.rule}", what=_provider(one)) for one in spec.rules.provider]
    said += [Sentence(who=f"{one.policy}, rule {one.rule}", what=_insert(one)) for one in spec.rules.insert]
    for rule in spec.rules.degrade:
        what = f"{_when(rule.when)}{_settings(rule.settings)}."
        said.append(Sentence(who=f"{rule.policy}, rule {rule.rule}", what=what))
    return said


def layers_in_words(spec: Resolved) -> list[Sentence]:
    """What environments, tenants and sessions set at turn time; layers without a condition are part of the values."""
    return [
        Sentence(who=f"{layer.layer}, {scope} layer", what=f"{_when(layer.when)}{_settings(layer.settings)}.")
        for scope, layers in sorted(spec.layers.items())
        for layer in layers
    ]


def _when(condition: Condition | None) -> str:
    return f"When {condition.text}: " if condition is not None else "Always: "


def _settings(settings: Mapping[str, Any]) -> str:
    if not settings:
        return "nothing changes"
    return ", ".join(f"{path} is {json.dumps(settings[path], ensure_ascii=False)}" for path in sorted(settings))


def _insert(rule: Insert) -> str:
    node = f"{rule.node_id} ({rule.node.node_type})"
    return f"{_when(rule.when)}{node} stands between {rule.into.source} and {rule.out_of.target}."


def _provider(rule: ProviderRule) -> str:
    whom = rule.modality or rule.node or "any node"
    nodes = f" ({', '.join(rule.nodes)})" if rule.nodes else ""
    return f"{_when(rule.when)}{whom}{nodes} is served by {', then '.join(rule.use)}.{''.join(_terms(rule))}"


def _terms(rule: ProviderRule) -> Iterator[str]:
    retry, breaker = rule.retry, rule.circuit_breaker
    if "max_attempts" in retry:
        each = f" of {retry['attempt_timeout_ms']} ms each" if "attempt_timeout_ms" in retry else ""
        pause = f", {retry['backoff_ms']} ms apart" if retry.get("backoff_ms") else ""
        yield f" At most {retry['max_attempts']} attempts{each}{pause}."
    if "error_rate_milli" in breaker:
        rate = f"{breaker['error_rate_milli'] // 10} %"
        least = f" of at least {breaker['min_calls']} calls" if "min_calls" in breaker else ""
        window = f" in {breaker['window_ms']} ms" if "window_ms" in breaker else ""
        pause = f", for {breaker['cooldown_ms']} ms" if "cooldown_ms" in breaker else ""
        yield f" Taken out when {rate}{least}{window} fail{pause}."
    for name, most in sorted(rule.cost_cap.items()):
        yield f" At most {most} {name.replace('_', ' ')}."
