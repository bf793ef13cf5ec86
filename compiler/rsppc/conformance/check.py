"""Whether an object of a runtime is what its contract says: every problem of one text, with its place.

Shapes are checked as those of artifacts are. Rules see what is sound of an object, so that one slip of the pen is one
finding: a value that has been refused breaks no rule, and a key that is there is never missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from rsppc.base.source import Span
from rsppc.contracts.rules import Broken, Path, broken
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.lowering.check_shape import (
    BlankText,
    EmptyList,
    MalformedName,
    MalformedRef,
    MissingKey,
    NotAChoice,
    NullValue,
    OneOfKeys,
    OutOfBounds,
    RepeatedItem,
    UnknownKey,
    WrongType,
    WrongUnit,
    sound_mapping,
)
from rsppc.model.contract import Contract
from rsppc.syntax.document import Mapping, Sequence
from rsppc.syntax.json_reader import NotAnInteger, read_json
from rsppc.syntax.limits import DuplicateKey, EmptyFile, IntegerOutOfRange, RootNotAMapping
from rsppc.syntax.source_text import read_source

INTEGER_MAX = 2**63 - 1
"""A runtime counts in 64 bits; seeds need all of them."""


class ContractBroken(Diagnostic):
    """Each key of the object is of the right kind, and still they contradict each other: what one of them says demands
    another value or another key. The runtime, its published schema, or both refuse such an object; some rules close
    gaps that both leave open."""

    code = "RSP7501"
    name = "contract-broken"
    headline = "{problem} ({rule})"
    hint = "{advice}"
    problem: str
    rule: str
    advice: str


class NotAnObject(Diagnostic):
    """What passes between a runtime and its control plane is one JSON object at a time."""

    code = "RSP7502"
    name = "not-an-object"
    headline = "this is no JSON object, and so no `{subject}`"
    hint = "write one object, `{{…}}`"


SHAPE_RULES = frozenset(
    kind.name
    for kind in (
        *(UnknownKey, MissingKey, WrongType, WrongUnit, OutOfBounds, NotAChoice, NullValue, EmptyList, RepeatedItem),
        *(
            BlankText,
            OneOfKeys,
            MalformedName,
            MalformedRef,
            NotAnInteger,
            IntegerOutOfRange,
            DuplicateKey,
            NotAnObject,
        ),
    )
)
"""Names of what reading and shapes refuse; as permanent as those of the rules."""


def check_object(contract: Contract, path: str, data: bytes, sink: DiagnosticSink) -> Mapping | None:
    """The object in a text, whose problems go to the sink; None where nothing of it can be read."""
    reading = DiagnosticSink()
    source = read_source(path, data, reading)
    root = read_json(source, reading, integer_max=INTEGER_MAX).root if source is not None else None
    for found in reading.sorted():
        # What the reader says of artifacts is not meant here.
        other = isinstance(found, RootNotAMapping | EmptyFile)
        sink.report(NotAnObject(at=found.at, subject=contract.name) if other else found)
    if root is None:
        return None
    judging = DiagnosticSink()
    sound = sound_mapping(root, contract.shape, judging)
    report_breaches(root, sound, broken(contract, sound), judging, complete=not reading.has_errors)
    for found in judging.sorted():
        if not (reading.has_errors and isinstance(found, MissingKey | EmptyList)):
            sink.report(found)
    return root


def report_breaches(
    root: Mapping, sound: Mapping, breaches: Iterable[Broken], sink: DiagnosticSink, *, complete: bool
) -> None:
    """Report breaches that were found in what is sound of an object. What is said to be missing was perhaps only
    refused: by the shape, so that it stands in `root`, or by the reader, so that the object is not complete."""
    written = {mapping.start: mapping for mapping in _mappings(root)}
    for breach in breaches:
        container = _at(sound, breach.path[:-1])
        value = container if breach.absent else _at(sound, breach.path)
        if breach.absent:
            is_certain = complete and breach.path[-1] not in written[container.start]
        else:  # a mapping that lacks what was refused says less than its author wrote
            is_certain = not isinstance(value, Mapping) or (complete and len(value) == len(written[value.start]))
        if is_certain:
            at = _opening(value) if isinstance(value, Mapping | Sequence) else container.value_span(breach.path[-1])
            sink.report(ContractBroken(at=at, problem=breach.message, rule=breach.rule, advice=breach.advice))


def _at(sound: Mapping, path: Path) -> Any:
    found: Any = sound
    for step in path:
        found = found[step]
    return found


def _opening(container: Mapping | Sequence) -> Span:
    """The opening bracket of what is too long to point at."""
    return Span(source=container.source, start=container.start, end=container.start + 1)


def _mappings(value: Any) -> Iterator[Mapping]:
    if isinstance(value, Mapping):
        yield value
    if isinstance(value, Mapping | Sequence):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _mappings(one)


def rule_of(found: Diagnostic) -> str:
    """The permanent name of what a finding says is broken: that of the rule, else that of the diagnostic."""
    return found.rule if isinstance(found, ContractBroken) else found.name
