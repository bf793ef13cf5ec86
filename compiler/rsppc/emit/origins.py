"""Where the leaves of a ResolvedSpec come from: labels for `defaulting_sources`, numbered stories for `provenance.json`."""

from __future__ import annotations

from typing import Any, assert_never

from rsppc.base.record import Record
from rsppc.base.source import Place
from rsppc.ir.setting import (
    Computed,
    FromBundle,
    FromLayer,
    FromModule,
    FromNodeType,
    FromPolicy,
    FromProfile,
    Inferred,
    Origin,
    Setting,
    Written,
)


def label(origin: Origin) -> str:
    """The name of an origin, as `defaulting_sources` carries it."""
    match origin:
        case Written(section=section):
            return f"explicit_{section}_config"
        case FromBundle(ref=ref):
            return f"bundle/{ref}"
        case FromProfile(ref=ref):
            return f"execution_profile/{ref}"
        case FromNodeType(ref=ref, node_type=node_type):
            return f"node_type/{ref}/{node_type}"
        case FromModule(ref=ref):
            return f"module/{ref}"
        case FromLayer(scope=scope, ref=ref):
            return f"layer/{scope}/{ref}"
        case FromPolicy(ref=ref, rule=rule):
            return f"policy/{ref}/{rule}"
        case Inferred(rule=rule):
            return f"inferred/{rule}"
        case Computed(analysis=analysis):
            return f"computed/{analysis}"
        case _:
            assert_never(origin)


def is_said_of_the_edge(origin: Origin) -> bool:
    """Whether a value was meant for its edge by somebody, and is no default."""
    return isinstance(origin, Written | FromModule | FromLayer | FromPolicy)


class Story(Record):
    """How a leaf got its value: by a setting, or by something written at a place, or by the compiler (no place)."""

    label: str
    setting: Setting | None = None
    place: Place | None = None


class Ledger:
    """The stories of one ResolvedSpec, each told once and known by its number."""

    __slots__ = ("_computed", "_labels", "_of_place", "_of_setting", "stories")

    def __init__(self) -> None:
        self.stories: list[Story] = []
        self._of_setting: dict[int, int] = {}
        self._of_place: dict[tuple[str, int], int] = {}
        self._computed: dict[str, int] = {}
        self._labels: dict[int, str] = {}

    def of(self, setting: Setting) -> int:
        """The story of a setting. Settings are told apart by identity: the program keeps them alive."""
        known = self._of_setting.get(id(setting))
        if known is None:
            known = self._of_setting[id(setting)] = self._add(Story(label=self._label(setting.origin), setting=setting))
        return known

    def at(self, text: str, place: Place) -> int:
        """The story of something written at a place that is no setting of its own."""
        known = self._of_place.get((text, id(place)))
        if known is None:
            known = self._of_place[text, id(place)] = self._add(Story(label=text, place=place))
        return known

    def computed(self, analysis: str) -> int:
        """The story of a result of the compiler."""
        known = self._computed.get(analysis)
        if known is None:
            known = self._computed[analysis] = self._add(Story(label=f"computed/{analysis}"))
        return known

    def inferred(self, rule: str) -> int:
        """The story of a value that follows from others by a rule of the language."""
        known = self._computed.get(f"inferred/{rule}")
        if known is None:
            known = self._computed[f"inferred/{rule}"] = self._add(Story(label=f"inferred/{rule}"))
        return known

    def label_of(self, number: int) -> str:
        return self.stories[number].label

    def _label(self, origin: Origin) -> str:
        # Equal labels are one text, so that tables of thousands of leaves hold few objects.
        known = self._labels.get(id(origin))
        if known is None:
            known = self._labels[id(origin)] = label(origin)
        return known

    def _add(self, story: Story) -> int:
        self.stories.append(story)
        return len(self.stories) - 1


class Block(Record):
    """A part of a ResolvedSpec with the stories of its leaves.

    `numbers` mirrors `value`: numbers stand in the place of leaves, and one number in the place of a whole part whose
    leaves share a story (always so where the part is empty). `leaves` are the same facts flat, as ends of JSON Pointers with their labels; parts that
    several nodes or edges share are flattened once.
    """

    value: Any
    numbers: Any
    leaves: tuple[tuple[str, str], ...]


def block(value: Any, numbers: Any, ledger: Ledger) -> Block:
    """A block of a value and its numbers."""
    return Block(value=value, numbers=numbers, leaves=tuple(leaves_of(value, numbers, ledger)))


def leaves_of(value: Any, numbers: Any, ledger: Ledger, prefix: str = "") -> list[tuple[str, str]]:
    """Every leaf below a part: the end of its JSON Pointer and its label. An empty container is a leaf."""
    stories = ledger.stories
    found: list[tuple[str, str]] = []
    pending: list[tuple[str, Any, Any]] = [(prefix, value, numbers)]
    while pending:
        pointer, part, number = pending.pop()
        if not part or not isinstance(part, dict | list):
            found.append((pointer, stories[number].label))
            continue
        shared = isinstance(number, int)
        for key, item in part.items() if isinstance(part, dict) else enumerate(part):
            inner = number if shared else number[key]
            if isinstance(item, dict | list) or not isinstance(inner, int):
                pending.append((f"{pointer}/{escaped(key)}", item, inner))
            else:
                found.append((f"{pointer}/{escaped(key)}", stories[inner].label))
    return found


def escaped(key: str | int) -> str:
    """A key as a step of a JSON Pointer."""
    text = str(key)
    if "~" in text or "/" in text:
        return text.replace("~", "~0").replace("/", "~1")
    return text
