"""How a record of the language is declared: once, as data.

A `Shape` lists the keys of a mapping; a `Field` has a name, a type with unit and bounds, and a one-line doc. From these
declarations come the check of a Document (every problem reported, every key read), the JSON Schemas in `schemas/`, the
reference page, and what an editor shows. Importing this module costs next to nothing: declarations are plain values,
not classes.
"""

from __future__ import annotations

from typing import Literal

from rsppc.base.record import Record


class Text(Record):
    """Any text."""

    length_max: int = 65536
    length_min: int = 0
    """From 1 on, blanks alone are not enough."""
    block: bool = False
    """Prose that may run over several lines."""


class Identifier(Record):
    """A name of a fixed form."""

    form: Literal["id", "provider", "dotted", "version", "port", "node", "digest", "date", "secret", "path"]


class Integer(Record):
    """A whole number with a unit and bounds, both included."""

    unit: str = ""
    minimum: int = 0
    maximum: int = 2**53 - 1


class Flag(Record):
    """true or false."""


class Choice(Record):
    """One of a closed list of words."""

    values: tuple[str | bool, ...]


class Reference(Record):
    """A reference to another artifact, `id/version` or `kind:id/version@sha256:…`."""

    kind: str


class Expression(Record):
    """A condition in CEL."""

    environment: Literal["edge", "rule"]


class TypeText(Record):
    """A port type, as in `audio<rate_hz=16000>`."""


class SettingPath(Record):
    """The path of a setting, as in `nodes.llm.config.max_context_turns`; `*` stands for one step where patterns are."""

    pattern: bool = False
    config: bool = False
    """Whether it is the path of a config field of the node type in which it stands, as in `config.silence_ms`."""


class Anything(Record):
    """A value that another declaration judges: a node type's config, a setting, a JSON Schema."""


class Listing(Record):
    """A list of items."""

    item: FieldType
    length_min: int = 0
    unique: bool = False


class Table(Record):
    """A mapping whose keys are the author's own."""

    value: FieldType
    key: Identifier | Choice | SettingPath | Text = Text()
    length_min: int = 0


class Nested(Record):
    """A mapping of declared keys."""

    shape: Shape


class OneOf(Record):
    """Either of several types, told apart by what kind of value was written."""

    options: tuple[FieldType, ...]


FieldType = (
    Text
    | Identifier
    | Integer
    | Flag
    | Choice
    | Reference
    | Expression
    | TypeText
    | SettingPath
    | Anything
    | Listing
    | Table
    | Nested
    | OneOf
)


class Field(Record):
    """One key of a mapping."""

    name: str
    type: FieldType
    doc: str
    required: bool = False
    nullable: bool = False
    """Whether `null` may be written; it means: explicitly nothing, which is not the same as leaving the key out."""


class Shape(Record):
    """The keys of one mapping."""

    name: str
    doc: str
    fields: tuple[Field, ...]
    one_of: tuple[tuple[str, ...], ...] = ()
    """Groups of keys of which exactly one must be written."""


class ArtifactKind(Record):
    """A kind of artifact: which `schema_version` announces it, what names it, where it lies by convention."""

    name: str
    schema_version: str
    id_field: str
    folder: str
    title: str
    shape: Shape


def field(
    name: str,
    type: FieldType,  # named as in the declaration that it makes
    doc: str,
    *,
    required: bool = False,
    nullable: bool = False,
) -> Field:
    """Declare a key; the positional form keeps long tables of declarations readable."""
    return Field(name=name, type=type, doc=doc, required=required, nullable=nullable)
