"""Which regular expressions a schema may hold: short ones that take linear time in any engine.

The engine here does not backtrack, and takes `^(a+)+$` calmly. Others that read the same schema do backtrack, for
years, so that a repetition without end around another one is refused.
"""

from __future__ import annotations

import re

LENGTH_MAX = 1000
SIZE_MAX = 1000
"""Parts of a pattern once its repetitions are written out: each of them may be a step at each character of a text."""

_REPETITION = re.compile(r"[*+?]|\{(\d*)(,?)(\d*)\}")
_REPEATED_MANY = 10
"""From so many times on, a bounded repetition of one without end is as bad as an unbounded one."""


def pattern_fault(pattern: str) -> str | None:
    """Why a pattern cannot stand in a schema; None where it can. Whether it is one at all is for the engine to say."""
    if len(pattern) > LENGTH_MAX:
        return f"the pattern has more than {LENGTH_MAX} characters"
    if pattern_size(pattern) > SIZE_MAX:
        return f"the pattern {pattern[:60]!a} has more than {SIZE_MAX} parts once its repetitions are written out"
    if _nested(pattern):
        return f"the pattern {pattern[:60]!a} repeats a repetition without end; backtracking engines never finish it"
    return None


def pattern_size(pattern: str) -> int:
    """How many characters and classes a pattern has once its repetitions are written out."""
    outer: list[int] = []
    here, last, place = 0, 0, 0  # in the innermost open group; in what stands directly before
    while place < len(pattern):
        repetition = _REPETITION.match(pattern, place)
        if repetition is not None:
            here, last = here + last * (_times(repetition) - 1), last * _times(repetition)
            place = repetition.end()
            continue
        sign = pattern[place]
        if sign == "(":
            outer.append(here)
            here, last = 0, 0
        elif sign == ")" and outer:
            last, here = here, outer.pop() + here
        else:
            here, last = here + 1, 1
        place = _behind(pattern, place)
    return here + sum(outer)


def _times(repetition: re.Match[str]) -> int:
    """How many times a repetition writes out what stands before it; those without end go in a circle in the last."""
    if repetition[0] in "*+?":
        return 1
    least, comma, most = repetition.groups()
    digits = max(most if comma else least, least, key=len).lstrip("0") or "1"
    return int(digits) if len(digits) < 5 else SIZE_MAX + 1


def _nested(pattern: str) -> bool:
    """Whether a part that repeats without end is repeated itself."""
    open_groups: list[bool] = []  # for each group that is open: whether something repeats without end in it
    here, last, place = False, False, 0  # in the innermost open group; in what stands directly before
    while place < len(pattern):
        repetition = _REPETITION.match(pattern, place)
        if repetition is not None:
            endless, many = _kind_of(repetition)
            if last and many:
                return True
            here, last = here or endless, last or endless
            place = repetition.end()
            if pattern[place : place + 1] in ("?", "+"):  # lazy or possessive: still the same repetition
                place += 1
            continue
        sign = pattern[place]
        if sign == "(":
            open_groups.append(here)
            here, last = False, False
        elif sign == ")" and open_groups:
            last = here
            here = open_groups.pop() or here
        else:
            last = False
        place = _behind(pattern, place)
    return False


def _kind_of(repetition: re.Match[str]) -> tuple[bool, bool]:
    """Whether it has no end, and whether it repeats often."""
    sign = repetition[0]
    if sign == "?":
        return False, False
    if sign in "*+":
        return True, True
    least, comma, most = repetition.groups()
    if comma and not most:
        return True, True
    times = (most if comma else least) or "0"
    return False, len(times) > 3 or int(times) >= _REPEATED_MANY


def _behind(pattern: str, place: int) -> int:
    """Where what stands at a place ends: a class in brackets, an escape, the head of a group, or one character."""
    if pattern[place] == "\\":
        return place + 2
    if pattern[place] == "[":
        end = place + 2 if pattern[place + 1 : place + 2] in ("]", "^") else place + 1
        while end < len(pattern) and pattern[end] != "]":
            end += 2 if pattern[end] == "\\" else 1
        return end + 1
    head = re.compile(r"\(\?(?:P?<[A-Za-z_]\w*>|[a-zA-Z-]*:|<?[=!])").match(pattern, place)
    return head.end() if head is not None else place + 1
