"""A change that breaks somebody, as a diagnostic: what, for whom, and which version would say so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal, get_args

from rsppc.base.record import Record
from rsppc.base.source import Span
from rsppc.changes.side import Side
from rsppc.changes.versions import Bump
from rsppc.diagnostics import Diagnostic

Level = Literal["source", "port", "plan", "budget"]
LEVELS: tuple[Level, ...] = get_args(Level)
"""From the strictest: each one includes those that follow, as the rules of a wire are part of those of its source.

`source` looks after authors, who refer to names and set fields; `port` after whoever connects; `plan` after runtimes
and replays, which go by the identity of plans; `budget` after callers, who hear when and whether something is said.
"""


class Breaking(Diagnostic):
    """Abstract base of what breaks somebody."""

    audience: ClassVar[Level] = "budget"
    hint = "undo it, or publish it as {advice}"

    needs: Bump
    """The step of the version that would say so; `none` where no version does."""
    artifact: str
    """Kind and id of what must carry the version, as in `bundle:demo_bundle`."""
    before_digest: str = ""
    after_digest: str = ""
    advice: str = ""

    @property
    def owner(self) -> str:
        """What must carry the version, in words."""
        kind, _, name = self.artifact.partition(":")
        return f"{kind} `{name}`"


Place = Callable[[str], Span | None]
"""Where `file:line:column` stands on a side; None where nobody has the file."""


class Pair(Record):
    """A bundle before and after, compiled, with ways to places in the sources of both."""

    before: Side
    after: Side
    place_before: Place
    place_after: Place
    of_bundle: Callable[[str], Span]
    """Where a key of the new bundle is written; where it is not, the place of what concerns the bundle as a whole."""

    @property
    def at(self) -> Span:
        """The place of what concerns the bundle as a whole."""
        return self.of_bundle("version")

    def now(self, pointer: str) -> Span:
        """Where a leaf of the new ResolvedSpec was written."""
        origin = self.after.origin(pointer)
        return (self.place_after(origin.place) if origin is not None and origin.place else None) or self.at

    def then(self, pointer: str) -> Span:
        """Where a leaf of the old ResolvedSpec was written."""
        origin = self.before.origin(pointer)
        return (self.place_before(origin.place) if origin is not None and origin.place else None) or self.at

    def facts(self, needs: Bump) -> dict[str, Any]:
        """What every finding about the bundle says."""
        return {
            "needs": needs,
            "artifact": f"bundle:{self.after.bundle['bundle_id']}",
            "before_digest": self.before.digest,
            "after_digest": self.after.digest,
        }
