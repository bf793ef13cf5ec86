"""What a refusal is over HTTP: one table from the kinds of the store, and from what can be wrong with a request.

The body is `application/problem+json` (RFC 9457). What the caller could have avoided is told in full. What went wrong
in the server has a number instead, under which the server's own output says it: paths and stacks are nobody's business.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

import msgspec

from rsppc.base.record import Record
from rsppc.store.problems import StoreProblem
from rsppc.store.violations import SHOWN_MAX, Violation, Violations

MEDIA_TYPE = "application/problem+json"


class Sort(Record, kw_only=False):
    """A sort of problem: its status, what all of its sort have in common, and what a client may do."""

    status: int
    title: str
    told: bool = True
    """Whether the caller is told what exactly; otherwise they get a number."""
    retry_s: int | None = None


SORTS: Mapping[str, Sort] = {
    "store-malformed": Sort(422, "this can stand in no store"),
    "store-missing": Sort(404, "there is no such thing here"),
    "store-conflict": Sort(409, "there is other content under the same name"),
    "store-refused": Sort(403, "a rule of the store forbids it"),
    "store-corrupt": Sort(500, "bytes in the store are not what their digest says", told=False),
    "store-busy": Sort(503, "somebody else holds a lock", retry_s=1),
    "store-environment": Sort(503, "the store cannot be used at the moment", told=False, retry_s=5),
    "request-malformed": Sort(400, "the request is not of the right form"),
    "token-missing": Sort(401, "a token is needed"),
    "token-refused": Sort(401, "this token is not let in"),
    "role-missing": Sort(403, "the token does not have the role for it"),
    "place-unknown": Sort(404, "there is nothing at this address"),
    "method-unknown": Sort(405, "this cannot be done here"),
    "body-too-slow": Sort(408, "the body took too long"),
    "precondition-failed": Sort(412, "it is not what the request expects"),
    "body-too-large": Sort(413, "the body is too large"),
    "body-differs": Sort(422, "the body is not what the request says of it"),
    "media-type-unknown": Sort(415, "a body of this type is not taken here"),
    "range-unsatisfiable": Sort(416, "the content has no such range"),
    "head-too-large": Sort(431, "the head of the request is too large"),
    "bodies-waiting": Sort(503, "too many bodies come in at once", retry_s=1),
    "connections-full": Sort(503, "too many connections are open", retry_s=1),
    "server-bug": Sort(500, "this is a bug of the server", told=False),
}
"""Code → its sort. Codes of the store are those of the command line."""


class Refusal(Exception):
    """A request that is refused before the store is asked, or because of what only HTTP knows."""

    def __init__(self, code: str, what: str, advice: str = "", *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(what)
        self.code = code
        self.what = what
        self.advice = advice
        self.headers = dict(headers or {})


class ClientGone(Exception):
    """Nobody is there any more who could be answered."""


class PointedProblem(Record):
    """One of several problems with a document."""

    pointer: str
    detail: str


class Problem(Record, omit_defaults=True):
    """Why a request was refused."""

    type: str
    title: str
    status: int
    code: str
    """Stable; what a program should look at."""
    detail: str
    advice: str | None = None
    pointer: str | None = None
    """JSON Pointer to the first value that differs, or is wrong."""
    violations: list[PointedProblem] | None = None
    """All that is wrong with a document, or the first of it."""
    incident: str | None = None
    """The number under which the server's own output says more."""


class Told(Record):
    """A refusal as it is answered. `private` is what the server keeps to itself, under the problem's incident."""

    problem: Problem
    headers: dict[str, str]
    private: str | None = None


def problem_of(error: Exception) -> Told:
    """What is answered to whatever went wrong."""
    match error:
        case Violations():
            shown = [_pointed(one) for one in error.violations[:SHOWN_MAX]]
            return told("store-malformed", error.what, error.advice, pointer=error.pointer, violations=shown)
        case StoreProblem():
            return told(f"store-{error.kind}", error.what, error.advice, pointer=error.pointer)
        case Refusal():
            return told(error.code, error.what, error.advice, headers=error.headers)
    return told("server-bug", f"{type(error).__name__}: {error}")


def told(
    code: str,
    what: str,
    advice: str = "",
    *,
    headers: Mapping[str, str] | None = None,
    pointer: str | None = None,
    violations: list[PointedProblem] | None = None,
) -> Told:
    """A refusal of a sort, with what may be said of it."""
    sort = SORTS[code]
    given = dict(headers or {})
    if sort.retry_s is not None:
        given["Retry-After"] = str(sort.retry_s)
    incident = None if sort.told else secrets.token_hex(8)
    problem = Problem(
        type=f"urn:rsppc:problem:{code}",
        title=sort.title,
        status=sort.status,
        code=code,
        detail=what if sort.told else f"the server's log says more of it, as incident {incident}",
        advice=advice or None if sort.told else None,
        pointer=pointer if sort.told else None,
        violations=violations,
        incident=incident,
    )
    return Told(problem=problem, headers=given, private=None if sort.told else what)


def encoded(problem: Problem) -> bytes:
    """The body of an answer that refuses."""
    return msgspec.json.encode(problem)


def _pointed(one: Violation) -> PointedProblem:
    return PointedProblem(pointer=one.pointer[:1000], detail=one.problem[:1000])
