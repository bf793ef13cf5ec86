"""Where the leaves of a ResolvedSpec come from: labels for `defaulting_sources`, stories for `provenance.json`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, assert_never

from rsppc.base.canonical_json import canonical
from rsppc.base.json_pointer import escaped
from rsppc.base.record import Record
from rsppc.base.source import Place
from rsppc.emit.canonical_document import Member, object_of
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
            return _WRITTEN[section]
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


_WRITTEN = {section: f"explicit_{section}_config" for section in ("node", "edge", "pipeline")}


def is_said_of_the_edge(origin: Origin) -> bool:
    """Whether a value was meant for its edge by somebody, and is no default."""
    return isinstance(origin, Written | FromModule | FromLayer | FromPolicy)


class Story(Record, kw_only=False):
    """How a leaf got its value: by a setting, or by something written at a place, or by the compiler (no place)."""

    label: str
    setting: Setting | None = None
    place: Place | None = None


class Part(Record):
    """A part of a ResolvedSpec. `numbers` mirrors `value`: numbers of stories stand in the place of leaves, and one
    number in the place of a whole part whose leaves share a story (always so where the part is empty)."""

    value: Any
    numbers: Any


class SharedPart(Record):
    """A part that several nodes or edges have in common, with its leaves: ends of JSON Pointers and labels."""

    value: Any
    numbers: Any
    leaves: tuple[tuple[str, str], ...]


class Ledger:
    """The stories of one ResolvedSpec, each told once and known by its number, and the labels of all leaves."""

    __slots__ = ("_closed", "_of_place", "_of_setting", "_texts", "_without_place", "labels", "sources", "stories")

    def __init__(self) -> None:
        self.stories: list[Story] = []
        self.labels: list[str] = []
        """Label of every story, by its number."""
        self.sources: dict[str, str] = {}
        """Label of every leaf that was told and not closed, by its JSON Pointer."""
        self._closed: dict[str, bytes] = {}
        self._of_setting: dict[int, int] = {}
        self._of_place: dict[tuple[str, int], int] = {}
        self._without_place: dict[str, int] = {}
        self._texts: dict[int, str] = {}

    def of(self, setting: Setting) -> int:
        """The story of a setting. Settings are told apart by identity: the story keeps its own alive."""
        known = self._of_setting.get(id(setting))
        if known is None:
            origin = setting.origin
            # Equal labels are one text, so that tables of thousands of leaves hold few objects.
            text = _WRITTEN[origin.section] if type(origin) is Written else self._text(origin)
            known = self._of_setting[id(setting)] = self._add(Story(text, setting))
        return known

    def at(self, text: str, place: Place) -> int:
        """The story of something written at a place that is no setting of its own."""
        known = self._of_place.get((text, id(place)))
        if known is None:
            known = self._of_place[text, id(place)] = self._add(Story(label=text, place=place))
        return known

    def computed(self, analysis: str) -> int:
        """The story of a result of the compiler."""
        return self._placeless(f"computed/{analysis}")

    def inferred(self, rule: str) -> int:
        """The story of a value that follows from others by a rule of the language."""
        return self._placeless(f"inferred/{rule}")

    def tell(self, pointer: str, value: Any, numbers: Any) -> Part:
        """A part at a JSON Pointer, its leaves entered into `sources`."""
        enter_leaves(self.sources, value, numbers, self.labels, pointer)
        return Part(value=value, numbers=numbers)

    def share(self, value: Any, numbers: Any) -> SharedPart:
        """A part that will stand in several places."""
        leaves: dict[str, str] = {}
        enter_leaves(leaves, value, numbers, self.labels, "")
        return SharedPart(value=value, numbers=numbers, leaves=tuple(leaves.items()))

    def tell_shared(self, pointer: str, part: SharedPart) -> None:
        """Enter the leaves of a shared part at one of its places."""
        sources = self.sources
        for end, text in part.leaves:
            sources[pointer + end] = text

    def close(self, pointer: str) -> None:
        """Write the leaves told so far, which all lie below a pointer, and expect no more there. Leaves are the most of
        a large document, and their bytes take a third of the memory."""
        self._closed[f"{pointer}/"] = canonical(self.sources)[1:-1]
        self.sources = {}

    def written_sources(self) -> Member:
        """All leaves in canonical bytes. What is still open lies before or behind everything that was closed."""
        first = min(self._closed, default="")
        before = {pointer: text for pointer, text in self.sources.items() if pointer < first}
        behind = {pointer: text for pointer, text in self.sources.items() if pointer > first}
        # A closed pointer ends with its slash, so that its leaves sort as it does.
        closed = [self._closed[pointer] for pointer in sorted(self._closed)]
        texts = [canonical(before)[1:-1], *closed, canonical(behind)[1:-1]]
        return object_of(text for text in texts if text)

    def _placeless(self, text: str) -> int:
        known = self._without_place.get(text)
        if known is None:
            known = self._without_place[text] = self._add(Story(label=text))
        return known

    def _text(self, origin: Origin) -> str:
        known = self._texts.get(id(origin))
        if known is None:
            known = self._texts[id(origin)] = label(origin)
        return known

    def _add(self, story: Story) -> int:
        self.stories.append(story)
        self.labels.append(story.label)
        return len(self.labels) - 1


def enter_leaves(sources: dict[str, str], value: Any, numbers: Any, labels: list[str], prefix: str) -> None:
    """Enter every leaf of a part: its JSON Pointer with its label. An empty container is a leaf."""
    steps = _STEPS
    pending: list[tuple[str, Any, Any]] = [(prefix, value, numbers)]
    while pending:
        pointer, part, number = pending.pop()
        if not part or not isinstance(part, dict | list | tuple):
            sources[pointer] = labels[number]
            continue
        entries: Iterable[tuple[Any, Any]] = part.items() if isinstance(part, dict) else enumerate(part)
        if type(number) is int:  # one story for all
            text = labels[number]
            for key, item in entries:
                if type(item) in _SCALARS:
                    sources[pointer + steps[key]] = text
                else:
                    pending.append((pointer + steps[key], item, number))
        else:
            for key, item in entries:
                if type(item) in _SCALARS:
                    sources[pointer + steps[key]] = labels[number[key]]
                else:
                    pending.append((pointer + steps[key], item, number[key]))


class _Steps(dict[str | int, str]):
    """Keys as steps of a JSON Pointer, remembered: the same few hundred stand in every document."""

    __slots__ = ()

    def __missing__(self, key: str | int) -> str:
        if len(self) >= 4096:
            self.clear()
        step = self[key] = f"/{key if isinstance(key, int) else escaped(key)}"
        return step


_STEPS = _Steps()
_SCALARS = frozenset((str, int, bool, type(None)))
