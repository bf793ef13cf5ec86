"""What breaks callers: the answer comes later, bounds are weaker, silence takes longer, a way out is gone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rsppc.base.json_pointer import escaped
from rsppc.base.record import Record
from rsppc.base.source import Span
from rsppc.changes.figures import Figure, figures_of
from rsppc.changes.finding import Breaking, Pair
from rsppc.changes.impact import unit_of
from rsppc.changes.side import Side
from rsppc.changes.versions import Bump
from rsppc.changes.wording import figure_text, value_text


class LaterFirstOutput(Breaking):
    """Callers hear how long it takes until somebody answers. A time that was proved is a promise: within the old budget
    a later answer is a smaller promise kept, beyond it the promise is broken."""

    code = "RSP9741"
    name = "later-first-output"
    audience = "budget"
    headline = "{words}: {moved}"
    words: str
    moved: str


class LargerBudget(Breaking):
    """A budget is what callers were promised. A larger one promises less, whatever the times are today."""

    code = "RSP9742"
    name = "larger-budget"
    audience = "budget"
    headline = "the budget `{subject}` grows from {written_before} to {written_after}"
    written_before: str
    written_after: str


class WeakerBound(Breaking):
    """The bound of a queue says how late something may arrive, and its strategy whether it may be lost. A wider bound
    lets old audio wait behind a caller who went on; a lossy strategy lets words disappear."""

    code = "RSP9743"
    name = "weaker-bound"
    audience = "budget"
    headline = "`{subject}` is {written_after} instead of {written_before}, so that {effect}"
    written_before: str
    written_after: str
    effect: str


class SlowerCancel(Breaking):
    """Who interrupts expects silence. Whatever is still played after it is talked over."""

    code = "RSP9744"
    name = "slower-cancel"
    audience = "budget"
    headline = "after an interruption the caller hears more of the answer: {moved}"
    moved: str


class RemovedFallback(Breaking):
    """A turn that survived the failure of a provider now ends with it."""

    code = "RSP9745"
    name = "removed-fallback"
    audience = "budget"
    headline = "{what} takes over no more where {where}"
    what: str
    where: str


def find(pair: Pair) -> Iterator[Breaking]:
    """All findings about what callers hear."""
    yield from _times(pair)
    yield from _budgets(pair)
    yield from _bounds(pair)
    yield from _fallbacks(pair)
    yield from _providers(pair)


def _times(pair: Pair) -> Iterator[Breaking]:
    for figure in figures_of(pair.before.spec, pair.after.spec):
        needs = _slower(figure)
        if needs == "none":
            continue
        moved, facts = figure_text(figure), pair.facts(needs)
        if figure.name == "cancel_ms":
            yield SlowerCancel(at=_turns(pair), subject="cancel_ms", moved=moved, **facts)
        elif figure.name != "queue_bytes":
            yield LaterFirstOutput(
                at=_largest_step(pair, figure), subject=figure.name, words=figure.words, moved=moved, **facts
            )


def _slower(figure: Figure) -> Bump:
    """How much a later time weighs. One that was never proved was never promised."""
    before, after = figure.before, figure.after
    if before is None or before.value is None:
        return "none"
    if after is None:
        return "none" if figure.name.startswith("fallback/") else "major"
    if after.value is None:
        return "major"
    if after.value <= before.value:
        return "none"
    limit = before.limit if figure.name != "cancel_ms" else _CANCEL_MAX_MS
    return "major" if limit is not None and after.value > limit else "minor"


_CANCEL_MAX_MS = 150
"""What every pipeline keeps; the compiler refuses more."""


def _turns(pair: Pair) -> Span:
    return pair.now("/turns/barge_in/0/from")


def _largest_step(pair: Pair, figure: Figure) -> Span:
    """The node or edge whose time grew most; the steps behind a fallback are those of the ordinary way."""
    name = "first_output" if figure.name.startswith("fallback/") else figure.name

    def steps(side: Side) -> dict[str, int]:
        path = side.spec["analysis"]["latency"].get(name, {"steps": ()})
        return {step["subject"]: step.get("p95_ms", 10**6) for step in path["steps"]}

    before, after = steps(pair.before), steps(pair.after)
    subject = max(sorted(after), key=lambda one: after[one] - before.get(one, 0), default="")
    if subject in pair.after.spec["effective_edges"]:
        return pair.now(f"/effective_edges/{escaped(subject)}/from")
    node = subject.partition(".")[0]
    provider = f"/effective_nodes/{escaped(node)}/provider"
    return pair.now(
        provider if pair.after.origin(provider) is not None else f"/effective_nodes/{escaped(node)}/node_type"
    )


_PROMISED = ("turn_budget_ms", "path_budget_ms", "cancel_grace_ms")
"""Budgets that a caller can feel; the others only divide them up."""


def _budgets(pair: Pair) -> Iterator[Breaking]:
    before, after = pair.before.spec["budgets"], pair.after.spec["budgets"]
    for name in sorted(before):
        grown = after.get(name)
        if isinstance(grown, int) and grown <= before[name]:
            continue
        facts = pair.facts("major" if name in _PROMISED else "minor")
        yield LargerBudget(
            at=pair.now(f"/budgets/{name}"),
            subject=f"budgets.{name}",
            written_before=f"{before[name]} ms",
            written_after=f"{grown} ms" if grown is not None else "none",
            **facts,
        )


_LOSSLESS = ("block", "merge")
_WIDER = {
    "max_queue_ms": "older events may wait",
    "max_queue_items": "more events may wait",
    "max_queue_bytes": "more may wait",
    "max_latency_contribution_ms": "the queue may delay longer",
    "max_block_time_ms": "producers may be held up longer",
}


class _Weaker(Record):
    """A bound that is weaker on an edge: where that was written, which field, and from what to what."""

    at: Span
    field: str
    values: tuple[str, str]
    effect: str
    needs: Bump


def _bounds(pair: Pair) -> Iterator[Breaking]:
    """One finding for all edges whose bound was weakened in one place."""
    edges: dict[tuple[Any, ...], list[str]] = {}
    found: dict[tuple[Any, ...], _Weaker] = {}
    for name, before in sorted(pair.before.spec["effective_edges"].items()):
        after = pair.after.spec["effective_edges"].get(name)
        for one in _weaker(pair, name, before, after) if after is not None else ():
            key = (one.at.source.path, one.at.start, one.field, one.values)
            found[key] = one
            edges.setdefault(key, []).append(name)
    for key, one in found.items():
        names = edges[key]
        yield WeakerBound(
            at=one.at,
            subject=f"edges.{names[0]}.{one.field}" if len(names) == 1 else f"{one.field} of {len(names)} edges",
            written_before=one.values[0],
            written_after=one.values[1],
            effect=one.effect,
            notes=(f"on {', '.join(names)}",) if len(names) > 1 else (),
            **pair.facts(one.needs),
        )


def _weaker(pair: Pair, name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[_Weaker]:
    """The bounds of an edge that hold less back than they did."""

    def weaker(field: str, values: tuple[Any, Any], effect: str, needs: Bump) -> _Weaker:
        at = pair.now(f"/effective_edges/{escaped(name)}/{field.replace('.', '/')}")
        shown = tuple("nothing" if one is None else value_text(one, unit_of((field,))) for one in values)
        return _Weaker(at=at, field=field, values=(shown[0], shown[1]), effect=effect, needs=needs)

    old, new = before["buffer"], after["buffer"]
    for field, effect in _WIDER.items():
        if field in old and (field not in new or new[field] > old[field]):
            yield weaker(f"buffer.{field}", (old[field], new.get(field)), effect, "minor")
    if old["strategy"] in _LOSSLESS and new["strategy"] not in _LOSSLESS:
        yield weaker("buffer.strategy", (old["strategy"], new["strategy"]), "events may be lost", "major")
    for field, kept, effect in (
        ("delivery", "ordered", "events may overtake each other"),
        ("at_most_once", True, "an event may arrive twice"),
    ):
        if before.get(field) == kept and after.get(field) != kept:
            yield weaker(field, (kept, after.get(field)), effect, "major")


def _fallbacks(pair: Pair) -> Iterator[Breaking]:
    nodes = pair.after.spec["effective_nodes"]
    for name, before in sorted(pair.before.spec["effective_nodes"].items()):
        fallback = before.get("fallback")
        if fallback is None or name not in nodes:
            continue
        now = nodes[name].get("fallback") or {"on": []}
        lost = [one for one in fallback["on"] if one not in now["on"]]
        if lost:
            gone = not now["on"]
            at = (
                pair.then(f"/effective_nodes/{escaped(name)}/fallback/to")
                if gone
                else pair.now(f"/effective_nodes/{escaped(name)}/fallback/to")
            )
            where = f"`{name}` fails" if gone else f"`{name}` fails by {' or '.join(lost)}"
            yield RemovedFallback(
                at=at, subject=f"nodes.{name}.fallback", what=f"`{fallback['to']}`", where=where, **pair.facts("major")
            )


def _providers(pair: Pair) -> Iterator[Breaking]:
    """Providers that were the next to be asked, and are not any more."""
    rules = {
        (rule["policy"].partition("/")[0], rule["rule"]): (index, rule)
        for index, rule in enumerate(pair.after.spec["rules"]["provider"])
    }
    for rule in pair.before.spec["rules"]["provider"]:
        key = (rule["policy"].partition("/")[0], rule["rule"])
        if key not in rules:
            continue  # another rule decides; which one depends on the call
        place, now = rules[key]
        lost = [one for one in rule["use"][1:] if one not in now["use"]]
        if lost and len(now["use"]) < len(rule["use"]):
            at = pair.now(f"/rules/provider/{place}/use/0")
            yield RemovedFallback(
                at=at,
                subject=f"rules.provider.{'.'.join(key)}.use",
                what=", ".join(f"`{one}`" for one in lost),
                where=f"`{rule['use'][0]}` fails",
                **pair.facts("major"),
            )
