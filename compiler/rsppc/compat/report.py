"""What was found about the compatibility of a release, as the checks of one piece of evidence."""

from __future__ import annotations

from collections.abc import Sequence

from rsppc.base.record import Record
from rsppc.diagnostics import Diagnostic
from rsppc.evidence.envelope import Checked, Status
from rsppc.lowering.artifacts import Artifact

EVIDENCE = "governance"
_SHOWN_MAX = 3


class Question(Record):
    """One question about a release. `found` is None where it was not asked, which is no pass."""

    check: str
    subject: str
    found: tuple[Diagnostic, ...] | None
    missing: str
    """What must be given for the question to be asked."""


def checked(question: Question) -> Checked:
    """The answer to a question: whether anything was found that is an error."""
    if question.found is None:
        return Checked(check=question.check, subject=question.subject, status="not_run", message=question.missing)
    errors = [one for one in question.found if one.severity == "error"]
    return Checked(
        check=question.check,
        subject=question.subject,
        status="fail" if errors else "pass",
        message=_told(errors or question.found),
    )


def _told(found: Sequence[Diagnostic]) -> str:
    said = [f"{one.code} {one.message()}" for one in found[:_SHOWN_MAX]]
    more = len(found) - len(said)
    return "; ".join([*said, *([f"and {more} more"] if more else [])])


def stewardship(artifacts: Sequence[Artifact]) -> Checked:
    """Whether every artifact that ships says who owns it, who validates it, and which features it serves."""
    lacking = [
        f"{one.kind.name}:{one.ref} has no {' and no '.join(missing)}" for one in artifacts if (missing := _lacks(one))
    ]
    message = "; ".join([*lacking[:_SHOWN_MAX], *([f"and {len(lacking) - _SHOWN_MAX} more"] if lacking[3:] else [])])
    status: Status = "fail" if lacking else "pass" if artifacts else "not_run"
    return Checked(check="stewardship", subject="the shipped library", status=status, message=message)


def _lacks(artifact: Artifact) -> list[str]:
    metadata = artifact.root.get("metadata") or {}
    return [f"`{key}`" for key in ("owner", "validation_owner", "features") if not metadata.get(key)]
