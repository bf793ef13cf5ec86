"""A value that knows where it came from.

Origins are a closed set; whoever tells them apart does so with `match` and `assert_never`. An origin with a place keeps
the container and the key under which the value stands there; the span is looked up when somebody asks.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

from rsppc.base.record import Record
from rsppc.base.source import Place, Span


class Container(Protocol):
    """What a source file's mappings and lists have in common: they know where their values stand."""

    def value_span(self, key: Any, /) -> Span: ...


class Written(Record, kw_only=False):
    """Written by the author of the pipeline: on a node, on an edge, or on the pipeline itself.

    Made once for each value of a spec, so that it can be called without names.
    """

    section: Literal["node", "edge", "pipeline"]
    container: Any
    key: str | int

    def span(self) -> Span:
        return _span(self.container, self.key)


class FromBundle(Record):
    """Written in the bundle."""

    ref: str
    container: Any
    key: str | int

    def span(self) -> Span:
        return _span(self.container, self.key)


class FromProfile(Record):
    """A default of the execution profile."""

    ref: str
    container: Any
    key: str | int

    def span(self) -> Span:
        return _span(self.container, self.key)


class FromNodeType(Record):
    """A default that a node type declares."""

    ref: str
    node_type: str
    container: Any
    key: str | int

    def span(self) -> Span:
        return _span(self.container, self.key)


class FromModule(Record):
    """Written inside a module."""

    ref: str
    container: Any
    key: str | int
    via: tuple[str, ...] = ()
    """Names under which the module was used, outermost first."""

    def span(self) -> Span:
        return _span(self.container, self.key)


class FromLayer(Record):
    """Set by a configuration layer."""

    scope: str
    ref: str
    container: Any
    key: str | int

    def span(self) -> Span:
        return _span(self.container, self.key)


class FromPolicy(Record):
    """Set or put there by a rule of a policy."""

    ref: str
    rule: str
    container: Any
    key: str | int

    def span(self) -> Span:
        return _span(self.container, self.key)


class Inferred(Record):
    """Follows from other values by a rule of the language; `because` are the places that it follows from."""

    rule: str
    because: tuple[Place, ...] = ()


class Computed(Record):
    """The result of an analysis."""

    analysis: str


Placed = Written | FromBundle | FromProfile | FromNodeType | FromModule | FromLayer | FromPolicy
Origin = Placed | Inferred | Computed


class Setting(Record):
    """A value, who gave it, and the weaker values that it won over (strongest first)."""

    value: Any
    origin: Origin
    overridden: tuple[Setting, ...] = ()


def override(stronger: Setting, weaker: Setting | None) -> Setting:
    """The stronger setting, remembering what it won over."""
    if weaker is None:
        return stronger
    beaten: tuple[Setting, ...] = (weaker,)
    if weaker.overridden:
        beaten = (Setting(value=weaker.value, origin=weaker.origin), *weaker.overridden)
    if stronger.overridden:
        beaten = (*stronger.overridden, *beaten)
    return Setting(value=stronger.value, origin=stronger.origin, overridden=beaten)


def override_all(stronger: dict[str, Setting], weaker: dict[str, Setting]) -> dict[str, Setting]:
    """Two tables of settings as one; the same object as `weaker` where nothing is overridden."""
    if not stronger:
        return weaker
    merged = dict(weaker)
    for name, setting in stronger.items():
        merged[name] = override(setting, weaker.get(name))
    return merged


def place_of(setting: Setting) -> Span:
    """Where a setting was written. Inferred and computed values have no place of their own and are never asked."""
    assert not isinstance(setting.origin, Inferred | Computed)
    return setting.origin.span()


def key_place_of(setting: Setting) -> Span | None:
    """Where the name of a setting is written; nothing where it has none, as an item of a list."""
    if isinstance(setting.origin, Inferred | Computed):
        return None
    key_span = getattr(setting.origin.container, "key_span", None)
    found: Span | None = key_span and key_span(setting.origin.key)
    return found


def values(settings: dict[str, Setting]) -> dict[str, Any]:
    """The bare values of a table of settings."""
    return {name: setting.value for name, setting in settings.items()}


def _span(container: Container, key: str | int) -> Span:
    return container.value_span(key)
