"""Ways through a distribution that may hold anything anywhere.

The checks look at the file as it was written, sound or not, because what is missing from it and what was refused in it
are two different things. What is of another kind than it should be is passed over: its shape has been reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.model.distribution import SECTIONS
from rsppc.model.shape import Shape
from rsppc.syntax.document import Mapping


def mapping_at(root: Mapping, *keys: str) -> Mapping | None:
    """The mapping under some keys; None where there is none."""
    found = root
    for key in keys:
        value = found.get(key)
        if not isinstance(value, Mapping):
            return None
        found = value
    return found


def text_at(mapping: Mapping, key: str) -> str | None:
    """The text under a key; None where there is none that says something."""
    value = mapping.get(key)
    return value if isinstance(value, str) and value.strip() else None


def whole_at(mapping: Mapping, key: str) -> int | None:
    """The whole number under a key; None where there is none."""
    value = mapping.get(key)
    return value if type(value) is int else None


def mappings_in(mapping: Mapping | None) -> Iterator[tuple[str, Mapping]]:
    """The mappings that stand in a mapping, with their keys."""
    for key, value in (mapping or {}).items():
        if isinstance(value, Mapping):
            yield key, value


def lacks(mapping: Mapping, key: str, shape: Shape) -> bool:
    """Whether a key was left out, and not just written with a slip of the pen."""
    return key not in mapping and mapping.keys() <= {field.name for field in shape.fields}


def entries(root: Mapping, section: str) -> Iterator[Mapping]:
    """What a section holds: for everybody, for versions, for tenants."""
    default = mapping_at(root, section, "default")
    if default is not None:
        yield default
    for choice in ("by_pipeline", "by_tenant"):
        yield from (entry for _, entry in mappings_in(mapping_at(root, section, choice)))


def main_versions(root: Mapping) -> frozenset[str]:
    """The versions without which every turn suffers: the default, and a canary that everybody gets."""
    found = {
        version
        for section in ("registry", "rollout")
        if (mapping := mapping_at(root, section)) is not None
        and (version := text_at(mapping, "default_pipeline_version")) is not None
    }
    rollout = mapping_at(root, "rollout")
    if rollout is not None and whole_at(rollout, "canary_percentage") == 100:
        canary = text_at(rollout, "canary_pipeline_version")
        found |= {canary} if canary is not None else set()
    return frozenset(found)


def parts_of_few(root: Mapping) -> list[tuple[int, int, str]]:
    """Stretches of the text that concern only some turns, in order: start, end, and whose turns they are."""
    main = main_versions(root)
    found: list[tuple[int, int, str]] = []
    for section, choice in (*((name, "by_pipeline") for name in SECTIONS), ("registry", "records")):
        table = mapping_at(root, section, choice)
        found += _stretches(table, {key: f"version `{key}`" for key in table or () if key not in main})
    for section in SECTIONS:
        table = mapping_at(root, section, "by_tenant")
        found += _stretches(table, {key: f"tenant `{key}`" for key in table or ()})
    requested = mapping_at(root, "rollout", "by_requested_version")
    found += _stretches(requested, {key: f"sessions that ask for `{key}`" for key in requested or ()})
    rollout = mapping_at(root, "rollout")
    canary = text_at(rollout, "canary_pipeline_version") if rollout is not None else None
    if canary is not None and canary not in main:
        found += _stretches(rollout, {"canary_pipeline_version": f"the canary `{canary}`"})
    return sorted(found)


def _stretches(table: Mapping | None, whose: dict[str, str]) -> list[tuple[int, int, str]]:
    if table is None:
        return []
    return [(table.key_span(key).start, table.value_span(key).end, words) for key, words in whose.items()]
