"""What became of a file, as far as it can be told without the compiler."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from rsppc.base.record import Record
from rsppc.diagnostics import Diagnostic

if TYPE_CHECKING:
    from rsppc.lint.allow import Allowance  # few files hold comments that allow a finding


class Judged(Record):
    """What became of one file: of an `Outcome` what is left to be asked. Of most files that is the same."""

    diagnostics: tuple[Diagnostic, ...]
    path: str = ""
    """The file, where it is judged by itself if nothing uses it."""
    artifact: str = ""
    """Kind and reference of what stands in such a file."""
    uses: tuple[str, ...] = ()
    """The same of what was compiled with it."""
    allowances: tuple[Allowance, ...] = ()


class _Outcome(Protocol):
    @property
    def path(self) -> str: ...
    @property
    def artifact(self) -> str: ...
    @property
    def uses(self) -> tuple[str, ...]: ...


_O = TypeVar("_O", bound=_Outcome)


def with_lone(
    outcomes: Iterable[_O], is_lone: Callable[[_O], bool], alone: Callable[[Sequence[str]], Iterator[_O]]
) -> Iterator[_O]:
    """Outcomes, and then those of files that are judged by themselves because no other uses them."""
    used: set[str] = set()
    lone: dict[str, str] = {}
    for outcome in outcomes:
        used.update(outcome.uses)
        if is_lone(outcome):
            lone[outcome.artifact] = outcome.path
        yield outcome
    yield from alone([lone[name] for name in sorted(lone.keys() - used)])


def unused_allowances(outcomes: Iterable[Judged], files: Sequence[str]) -> list[Diagnostic]:
    """Comments in these files that allowed no finding in any pipeline; all that use the files must be among them."""
    allowances = [one for outcome in outcomes for one in outcome.allowances if one.at.source.path in files]
    if not allowances:
        return []
    from rsppc.lint.allow import unused

    return unused(allowances)
