"""How a contract with the runtime is declared: a closed shape, and rules for what a shape cannot say.

A `Shape` judges each key alone. What one key demands of the others is a `Rule`: a value too, with a name that stays for
ever. From both come the check with places, the JSON Schema, the Python models, the tables of the page, and the frozen
surface that later versions are held against.
"""

from __future__ import annotations

from typing import Literal

from rsppc.base.record import Record
from rsppc.model.shape import Integer, Shape, Text

VERSION = "v1"
"""The major version of all contracts. Within it keys are added, and nothing else is changed."""

NAME = Text(length_min=1)
"""An identifier or a reason. Blank ones name nothing, which neither the runtime nor its schema notices."""
NATURAL = Integer(maximum=2**63 - 1)
"""What the runtime keeps in 64 bits, with a sign that it never uses."""
POSITIVE = Integer(minimum=1, maximum=2**63 - 1)
MOMENT = Integer(unit="ms", maximum=2**63 - 1)

Package = Literal["core", "eventabi", "controlplane", "observability"]


class Condition(Record, kw_only=False):
    """That a key is there and, where values are named, holds one of them. Dots lead into nested mappings."""

    key: str
    values: tuple[str | bool, ...] = ()


class Pattern(Record, kw_only=False):
    """The form of a text."""

    key: str
    pattern: str
    example: str


class Rule(Record):
    """What the keys of one mapping demand of each other: wherever its conditions hold, all that it demands must."""

    name: str
    doc: str
    at: tuple[str, ...] = ("",)
    """Where the mappings stand: keys joined by dots from the root, `*` for every key."""
    when: tuple[Condition, ...] = ()
    """Conditions, all of which must hold for the rule to say anything."""
    requires: tuple[str, ...] = ()
    """Keys that must be there."""
    allows: tuple[Condition, ...] = ()
    """The values that remain of a key's own, if it is there."""
    some_of: tuple[Condition, ...] = ()
    """Conditions of which at least one must hold."""
    exactly_one: tuple[str, ...] = ()
    """Keys of which one must be there, and no more."""
    matches: tuple[Pattern, ...] = ()
    at_most: tuple[tuple[str, int], ...] = ()
    """Lists with the most items that they may hold."""
    in_order: tuple[str, str] | None = None
    """Two keys with numbers, the first of which must not be above the second."""
    same: tuple[str, str] | None = None
    """Two places, with dots into nested mappings, that must hold the same."""


class Contract(Record):
    """One object of the runtime: its name, where its model lives, its keys, and its rules."""

    name: str
    package: Package
    shape: Shape
    rules: tuple[Rule, ...] = ()
