"""Tries a node plugin against its manifest: synthetic events go in, and each promise is a check.

    from rsppc.extensions.harness import try_node
    trial = try_node(Lexicon, manifest, "custom.sentiment")
    assert trial.ok, trial.failures()

Everything runs on a virtual clock and from a seed, so that a trial gives the same result wherever it runs. What a
check could not judge is `not_run`, which is no pass. Time that the processor takes is not measured here: only what the
plugin waits for on the clock of its context.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rsppc.base.record import Record
from rsppc.extensions.conformity import correlation_problems, order_problems, port_problems, shown, type_problems
from rsppc.extensions.events import Cancel, Event
from rsppc.extensions.manifest import Manifest
from rsppc.extensions.playing import AFTER_CANCEL, CANCELLED, CLOSING, OPENING, Played, Player
from rsppc.extensions.plugins import Offer
from rsppc.extensions.record_schema import unjudged
from rsppc.extensions.registry import admission_problems, instance_of
from rsppc.extensions.synthetic import CannotFeed, Script, made_up_config, script
from rsppc.extensions.trial import Check, Trial, digest_of, ended, judged
from rsppc.ir.catalog import NodeType

CHECKS = (
    *("admission", "loads", "runs", "time", "ports", "types", "correlation", "order", "limits"),
    *("cancel", "silence", "determinism", "state", "concurrency"),
)
"""What is checked, in this order."""
SESSIONS_MAX = 4
"""Most turns that are served at once in a trial."""


class _Subject(Record):
    """What is tried."""

    load: Callable[[], object]
    node_type: NodeType
    config: Mapping[str, Any]
    records: Mapping[str, Any]
    seed: int
    script: Script


def try_node(
    plugin: Callable[[], Any],
    manifest: Manifest,
    node_type: str,
    *,
    config: Mapping[str, Any] | None = None,
    records: Mapping[str, Any] | None = None,
    seed: int = 0,
    events: int = 24,
) -> Trial:
    """Try a plugin, given as its class or as whatever makes an instance, against a node type of a manifest.

    `config` sets what defaults do not; what has to be set and is not is made up. `records` are schemas of records that
    other manifests declare.
    """
    reasons = admission_problems("node type", node_type, manifest)
    if reasons:
        return ended(CHECKS, "admission", reasons, node_type, seed)
    declared = manifest.node_types[node_type]
    known = {**(records or {}), **manifest.records}
    settled = made_up_config(declared, config or {}, known)
    made = settled if isinstance(settled, CannotFeed) else script(declared, settled, known, seed=seed, count=events)
    offer = Offer(manifest=manifest.ref, name=node_type, load=plugin)
    _, wrong = instance_of("node type", offer)
    if wrong:
        return ended(CHECKS, "loads", [reason.message for reason in wrong], node_type, seed, passed=("admission",))
    if isinstance(made, CannotFeed) or isinstance(settled, CannotFeed):
        reason = made.reason if isinstance(made, CannotFeed) else ""
        return _unfed(reason, node_type, seed)
    subject = _Subject(load=plugin, node_type=declared, config=settled, records=known, seed=seed, script=made)
    return _tried(subject)


def _unfed(reason: str, node_type: str, seed: int) -> Trial:
    checks = tuple(
        Check(name=name, status="pass", message="")
        if name in ("admission", "loads")
        else Check(name=name, status="not_run", message=f"no events could be made up: {reason}")
        for name in CHECKS
    )
    return Trial(subject=node_type, seed=seed, checks=checks, events_in=0, events_out=0)


def _tried(subject: _Subject) -> Trial:
    given = subject.script.events
    first, cancelled = _turn(subject, given), _cancelled(subject)
    faults = [*first.faults, *cancelled.faults]
    emitted = first.emitted
    by_kind = {
        kind: [fault.message for fault in faults if fault.kind == kind] for kind in ("raised", "slow", "too_many")
    }
    checks = [
        Check(name="admission", status="pass", message=""),
        Check(name="loads", status="pass", message=""),
        judged("runs", by_kind["raised"]),
        _time(subject, by_kind["slow"]),
        judged("ports", port_problems(emitted, subject.script)),
        _types(subject, first),
        judged("correlation", correlation_problems(emitted, given)),
        judged("order", order_problems(emitted, given)),
        judged("limits", by_kind["too_many"]),
        *_cancel_checks(subject, cancelled),
        *_comparisons(subject, first),
    ]
    return Trial(
        subject=subject.node_type.name,
        seed=subject.seed,
        checks=tuple(checks),
        events_in=len(given),
        events_out=len(emitted),
        output_digest=digest_of(shown(emitted, given)),
    )


def _time(subject: _Subject, problems: Sequence[str]) -> Check:
    if subject.node_type.timeout_ms is None:
        return Check(name="time", status="not_run", message="the manifest states no `timeout_ms`")
    return judged("time", problems)


def _types(subject: _Subject, first: Played) -> Check:
    check = judged("types", type_problems(first.emitted, subject.script, subject.records))
    used = {str(one.event.payload["schema"]) for one in first.emitted if _is_record(one.event)}
    keywords = sorted({word for name in used for word in unjudged(subject.records.get(name, {}))})
    if check.status == "pass" and keywords:
        words = ", ".join(f"`{word}`" for word in keywords)
        return Check(name="types", status="not_run", message=f"what schemas of records say with {words} is not judged")
    return check


def _is_record(event: object) -> bool:
    return isinstance(event, Event) and event.kind == "record" and "schema" in event.payload


# --- Turns ------------------------------------------------------------------------------------------------------------


def _turn(subject: _Subject, given: Sequence[Event], player: Player | None = None) -> Played:
    """A whole turn of an instance, a new one where none is given."""
    player = player if player is not None else _player(subject)
    _open(player, subject, given)
    player.feed(given)
    if player.played().finished:
        player.close()
    return player.played()


def _cancelled(subject: _Subject) -> Played:
    """A turn that is cancelled in its middle, with one event that was on its way."""
    node_type, given = subject.node_type, subject.script.events
    player, middle = _player(subject), len(given) // 2
    if node_type.cancel is None or node_type.cancel.latency_ms is None or not given:
        return player.played()
    _open(player, subject, given)
    player.feed(given[:middle])
    if not player.played().finished:
        return Played(emitted=(), faults=())  # the whole turn says the same
    within = node_type.cancel.latency_ms
    of_session = node_type.scope == "session" and node_type.turn_cancel == "none"
    cancel = Cancel(
        scope="session" if of_session else "turn",
        session_id=given[0].session_id,
        turn_id=None if of_session else given[0].turn_id,
        reason="trial",
        deadline_ms=player.clock.now_ms() + within,
    )
    player.cancel(cancel, within_ms=within)
    player.late(given[middle])
    player.close()
    return player.played()


def _player(subject: _Subject) -> Player:
    plugin, wrong = instance_of("node type", Offer(manifest="", name=subject.node_type.name, load=subject.load))
    assert not wrong, "it was loaded before"
    return Player(plugin, timeout_ms=subject.node_type.timeout_ms)


def _open(player: Player, subject: _Subject, given: Sequence[Event]) -> None:
    session, turn = (given[0].session_id, given[0].turn_id) if given else ("sess-1", "turn-1")
    player.open(subject.node_type.name, subject.config, session_id=session, turn_id=turn or "turn-1", seed=subject.seed)


def _cancel_checks(subject: _Subject, cancelled: Played) -> tuple[Check, Check]:
    cancel = subject.node_type.cancel
    if cancel is None or cancel.latency_ms is None or not subject.script.events:
        reason = (
            "no event goes in"
            if cancel is not None and cancel.latency_ms is not None
            else "the manifest states no time to stop"
        )
        return (
            Check(name="cancel", status="not_run", message=reason),
            Check(name="silence", status="not_run", message=reason),
        )
    slow = [fault.message for fault in cancelled.faults if fault.kind == "slow_cancel"]
    moments = {OPENING: "before its first event", AFTER_CANCEL: "after it had acknowledged a cancel"}
    moments[CLOSING] = "while it was closed"
    if cancel.style == "hard":
        moments[CANCELLED] = "while it was cancelled, which `style: hard` excludes"
    late = [f"it emitted {moments[one.during]}" for one in cancelled.emitted if one.during in moments]
    return judged("cancel", slow), judged("silence", late)


# --- Comparisons of turns ---------------------------------------------------------------------------------------------


def _comparisons(subject: _Subject, first: Played) -> tuple[Check, ...]:
    if not first.finished:
        reason = "a turn that ends early cannot be compared"
        return tuple(
            Check(name=name, status="not_run", message=reason) for name in ("determinism", "state", "concurrency")
        )
    again = _turn(subject, _given(subject))
    differs = again.emitted != first.emitted
    message = "two instances gave different output for the same events, config and seed"
    determinism = judged("determinism", [message] if differs else [])
    if differs:
        reason = "turns cannot be compared where equal input gives different output"
        return (
            determinism,
            Check(name="state", status="not_run", message=reason),
            Check(name="concurrency", status="not_run", message=reason),
        )
    return determinism, _state(subject, first), _concurrency(subject, first)


def _given(subject: _Subject, session_id: str = "sess-1", turn_id: str = "turn-1") -> tuple[Event, ...]:
    """The same events once more, as those of some turn."""
    made = script(
        subject.node_type,
        subject.config,
        subject.records,
        seed=subject.seed,
        count=len(subject.script.events),
        session_id=session_id,
        turn_id=turn_id,
    )
    assert isinstance(made, Script), "they were made before"
    return made.events


def _state(subject: _Subject, first: Played) -> Check:
    """Whether what was remembered is gone with the turn; for `none`, whether anything was remembered at all."""
    state, given = subject.node_type.state, subject.script.events
    if state not in ("none", "turn_ephemeral"):
        message = f"`state: {state}` may be remembered from turn to turn"
        return Check(name="state", status="not_run", message=message)
    player = _player(subject)
    _turn(subject, given, player)
    player.emitted.clear()
    second = _given(subject, turn_id="turn-2")
    after = _turn(subject, second, player)
    expected = shown(first.emitted, given)
    if shown(after.emitted, second) != expected:
        return judged("state", ["the second turn of an instance gave other output than its first for the same events"])
    if state == "none":
        alone = [
            (*one[:-1], index if one[-1] is not None else None)
            for index, event in enumerate(given)
            for one in shown(_turn(subject, [event]).emitted, [event])
        ]
        if alone != expected:
            return judged("state", ["an event gave other output alone than after others, which `state: none` excludes"])
    return Check(name="state", status="pass", message="")


def _concurrency(subject: _Subject, first: Played) -> Check:
    """Whether turns that are served at once leave each other alone."""
    most = subject.node_type.limits.max_concurrency
    if most is None:
        return Check(name="concurrency", status="not_run", message="the manifest states no `max_concurrency`")
    if most == 1 or not subject.script.events:
        return Check(name="concurrency", status="not_run", message="one turn at a time, or nothing goes in")
    sessions = [_given(subject, session_id=f"sess-{n + 1}") for n in range(min(most, SESSIONS_MAX))]
    players = [_player(subject) for _ in sessions]
    for player, given in zip(players, sessions, strict=True):
        _open(player, subject, given)
    for index in range(len(subject.script.events)):
        for player, given in zip(players, sessions, strict=True):
            player.feed_one(index, given[index])
    for player in players:
        player.close()
    expected = shown(first.emitted, subject.script.events)
    problems: list[str] = []
    for player, given in zip(players, sessions, strict=True):
        problems += correlation_problems(player.emitted, given)
        if shown(player.emitted, given) != expected:
            problems.append(f"{len(sessions)} turns at once gave other output than one alone")
    if problems and any(correlation_problems(first.emitted, subject.script.events)):
        return Check(name="concurrency", status="not_run", message="`correlation` failed for one turn alone")
    return judged("concurrency", problems)
