"""The feature trace: which features each folder of artifacts serves.

The README of a folder states the same ids for people, the JSON Schemas carry them as `x-features`, and the gates of
`pipelines/tests` name those that they prove; a test compares them.
"""

from __future__ import annotations

FEATURES: dict[str, tuple[str, ...]] = {
    "specs": ("F-001..F-019",),
    "profiles": ("F-078..F-082", "F-143", "F-148"),
    "modules": ("F-003", "F-005", "F-006", "F-018", "F-019"),
    "policies": ("F-056..F-062", "F-066", "F-102"),
    "bundles": ("F-015", "F-092", "F-100", "F-149", "NF-010"),
    "rollouts": ("F-093", "F-098", "F-100", "F-165"),
    "extensions": ("F-011", "F-121..F-124", "F-164", "F-171"),
    "replay": ("F-029", "F-071", "F-072", "F-149..F-154", "F-176", "NF-028"),
    "compat": ("F-028", "F-032", "F-162", "F-163", "NF-032"),
    "examples": ("F-079", "F-125", "F-126", "F-130"),
    "tests": ("F-127", "F-128", "NF-024..NF-029", "NF-038"),
}
"""By folder; `F-056..F-062` stands for every id in between, both ends included."""


def features_of(folder: str) -> tuple[str, ...]:
    """The ids of a folder, one by one, in order."""
    return tuple(one for written in FEATURES.get(folder, ()) for one in _each(written))


def _each(written: str) -> list[str]:
    first, _, last = written.partition("..")
    family, _, low = first.rpartition("-")
    high = last.rpartition("-")[2] or low
    return [f"{family}-{number:03d}" for number in range(int(low), int(high) + 1)]
