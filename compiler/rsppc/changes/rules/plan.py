"""What breaks runtimes and replays: turn plans get another identity, or a field of the contract says less."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rsppc.base.names import version_key
from rsppc.changes.finding import Breaking, Pair
from rsppc.changes.leaves import ABSENT, Leaf, changed_leaves
from rsppc.changes.versions import Bump
from rsppc.changes.wording import value_text


class OtherGraph(Breaking):
    """Every turn plan names the graph that it was made from. A recording of an earlier turn replays against that graph,
    and another one is another answer."""

    code = "RSP9731"
    name = "other-graph"
    audience = "plan"
    headline = "the graph `{subject}` is another one: plans and recordings that were made before do not fit it"
    hint = "publish it as {advice}, and keep the earlier bundle as long as its recordings are replayed"


class OtherContractField(Breaking):
    """Runtimes take these fields over as they are, and evidence of earlier turns names them."""

    code = "RSP9732"
    name = "other-contract-field"
    audience = "plan"
    headline = "`{subject}` is {written_after} instead of {written_before}: {effect}"
    written_before: str
    written_after: str
    effect: str


class NarrowerWindow(Breaking):
    """The compatibility window says which runtimes and control planes may load the bundle. Who is outside of it now
    refuses what it served yesterday."""

    code = "RSP9733"
    name = "narrower-window"
    audience = "plan"
    headline = "`{subject}` no longer takes versions that it took: it was {written_before}, and is {written_after}"
    written_before: str
    written_after: str


def find(pair: Pair) -> Iterator[Breaking]:
    """All findings about what runtimes and replays go by."""
    yield from _graphs(pair)
    yield from _fields(pair)
    yield from _windows(pair)


def _graphs(pair: Pair) -> Iterator[Breaking]:
    before, after = (side.spec["graph_definition_refs"] for side in (pair.before, pair.after))
    # The version is part of a reference, and changes where it has to.
    changed = [
        variant
        for variant in sorted(before, key=lambda one: (one != "base", one))
        if before[variant].rpartition("@")[2] != after.get(variant, "").rpartition("@")[2]
    ]
    if changed:
        notes = (f"so are {_listed(changed[1:])}",) if len(changed) > 1 else ()
        yield OtherGraph(at=pair.at, subject=changed[0], notes=notes, **pair.facts("minor"))


_FIELDS: dict[str, tuple[Bump, str]] = {
    "unknown_events": ("major", "who sends events that nobody knows is answered in another way"),
    "recording": ("minor", "evidence of a turn holds something else"),
    "execution_profile": ("minor", "plans say that their defaults come from somewhere else"),
    "flow_control": ("minor", "runtimes hold lanes back in another way"),
    "streaming_handoff": ("minor", "text is handed to the voice in another way"),
}
"""Sections of a ResolvedSpec that go into contract objects as they are, and what it means that they change."""

_SETS = {
    "allowed_adaptive_actions": ("allowed_adaptive_actions",),
    "recording.allowed_replay_modes": ("recording", "allowed_replay_modes"),
}
"""Lists that somebody relies on to hold something."""


def _fields(pair: Pair) -> Iterator[Breaking]:
    for section, (needs, effect) in _FIELDS.items():
        before, after = pair.before.spec.get(section, {}), pair.after.spec.get(section, {})
        for leaf in changed_leaves(before, after):
            path = ".".join((section, *leaf.path))
            if path not in _SETS:
                yield _field(pair, path, leaf, needs, effect)
    for path, steps in _SETS.items():
        before, after = _at(pair.before.spec, steps), _at(pair.after.spec, steps)
        lost = [one for one in before if one not in after]
        if lost:
            leaf = Leaf(path=(), before=before, after=after, after_pointer=f"/{'/'.join(steps)}")
            yield _field(
                pair, path, leaf, "major", f"{_listed(lost)} {'is' if len(lost) == 1 else 'are'} no longer allowed"
            )


def _field(pair: Pair, path: str, leaf: Leaf, needs: Bump, effect: str) -> Breaking:
    section = path.partition(".")[0]
    pointer = (
        f"/{section}{leaf.after_pointer}" if not leaf.after_pointer.startswith(f"/{section}") else leaf.after_pointer
    )
    return OtherContractField(
        at=pair.of_bundle(section) if section == "execution_profile" else pair.now(pointer),
        subject=path,
        written_before="absent" if leaf.before is ABSENT else value_text(leaf.before, ""),
        written_after="absent" if leaf.after is ABSENT else value_text(leaf.after, ""),
        effect=effect,
        **pair.facts(needs),
    )


def _at(value: Any, steps: tuple[str, ...]) -> Any:
    for step in steps:
        value = value.get(step, []) if isinstance(value, dict) else []
    return value


def _listed(words: list[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _windows(pair: Pair) -> Iterator[Breaking]:
    before, after = (side.bundle.get("compat_window", {}) for side in (pair.before, pair.after))
    for party in sorted(after):
        was, now = before.get(party), after[party]
        if was is None or version_key(now["min"]) > version_key(was["min"]) or _end(now["max"]) < _end(was["max"]):
            yield NarrowerWindow(
                at=pair.of_bundle("compat_window"),
                subject=f"compat_window.{party}",
                written_before=f"{was['min']} to {was['max']}" if was is not None else "every version",
                written_after=f"{now['min']} to {now['max']}",
                **pair.facts("major"),
            )


def _end(version: str) -> tuple[float, ...]:
    """The upper end of a range; `v1` means every v1.x."""
    stated = len(version.split("."))
    return (*version_key(version)[:stated], *[float("inf")] * (3 - stated))
