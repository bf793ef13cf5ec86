"""Which rules there are, and which of them a pipeline has an occasion for.

Importing all rules would cost more than checking a spec with them. A rule that is listed in `OCCASIONS` is imported
when a pipeline comes along that it could have something to say about; one that is not listed is asked of every
pipeline.
"""

from __future__ import annotations

import os
from functools import cache

from rsppc.lint.rule import Rule

OCCASIONS: dict[str, str] = {
    "attempt-shorter-than-provider": "retries",
    "barge-in-at-any-sound": "barge_ins",
    "barge-in-from-another-ear": "listeners",
    "bound-hides-latency": "bounded",
    "channels-mixed-for-recogniser": "rates",
    "defaults-not-pinned": "pins",
    "detector-rate": "rates",
    "double-detector": "listeners",
    "duplicated-stream": "joins",
    "fallback-fails-together": "spares",
    "greeting-before-connection": "players",
    "greeting-over-answer": "players",
    "languages-differ": "is_mixed",
    "narrowed-audio": "rates",
    "needless-resampling": "rates",
    "no-filler": "loops",
    "no-turn-boundary": "turnless",
    "patch-without-effect": "patches",
    "recording-cannot-be-stopped": "players",
    "resampled-though-offered": "rates",
    "second-turn-detector": "listeners",
    "silence-never-arrives": "listeners",
    "silence-waited-twice": "listeners",
    "speech-waits-for-answer": "unsegmented",
    "unsegmented-speech": "unsegmented",
    "upsampled-for-recogniser": "rates",
}
"""Rule → the attribute of a `View` that must hold something."""

_FOLDER = f"{__package__}.rules"


@cache
def names() -> tuple[str, ...]:
    """The rules there are, by name: the modules in `rules/`."""
    folder = os.path.join(os.path.dirname(__file__), "rules")
    return tuple(sorted(file[:-3].replace("_", "-") for file in os.listdir(folder) if _is_rule(file)))


@cache
def rule(name: str) -> Rule:
    """A rule by its name."""
    from importlib import import_module  # a pipeline without occasions needs no part of it

    found: Rule = import_module(f"{_FOLDER}.{name.replace('-', '_')}").RULE
    return found


@cache
def occasions() -> tuple[tuple[str, str], ...]:
    """Every rule with its occasion; empty where it is asked of every pipeline."""
    return tuple((name, OCCASIONS.get(name, "")) for name in names())


def _is_rule(file: str) -> bool:
    return file.endswith(".py") and not file.startswith("_")
