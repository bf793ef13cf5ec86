"""A baseline of lint findings: how many of each rule there are in each file, and may be for the time being.

    {"findings": {"double-detector": {"pipelines/specs/line_v1.yaml": 2}}, "schema_version": "rspp.lint.baseline.v1"}

Findings have no identity that survives an edit; their number in a file does. As long as it does not rise nothing is
shown; as soon as it rises all of them are, since nobody can say which is the new one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import click
import msgspec

from rsppc.base.canonical_json import readable
from rsppc.base.record import Record
from rsppc.base.source import Source, Span, file_span
from rsppc.cli.distributing import replace_file
from rsppc.cli.exits import FINDINGS
from rsppc.cli.session import fault, usage
from rsppc.diagnostics import Diagnostic
from rsppc.lint.registry import names

VERSION = "rspp.lint.baseline.v1"
SIZE_MAX = 2**20

Counts = dict[tuple[str, str], int]
"""How many findings of a rule there are in a file."""


class MoreThanBaseline(Diagnostic):
    """A baseline lets a workspace live with the findings that it had on the day when the rules came. A new one of the
    same rule in the same file is no old one: the number may only fall."""

    code = "RSP9606"
    name = "more-than-baseline"
    headline = "rule `{subject}` has {found} here, and the baseline {known}"
    hint = "repair the new one, or allow it with a comment and a reason"
    found: str
    known: int


class FewerThanBaseline(Diagnostic):
    """A baseline that allows more than there is would let somebody bring a repaired finding back unnoticed."""

    code = "RSP9607"
    name = "fewer-than-baseline"
    severity = "note"
    headline = "rule `{subject}` has {found} here, and the baseline still {known}"
    hint = "run `rsppc check --baseline {baseline} --update-baseline`"
    found: str
    known: int
    baseline: str


class Held(Record):
    """What is left to say once findings are held against a baseline."""

    diagnostics: tuple[Diagnostic, ...]
    hidden: int


def read_baseline(path: str, *, may_be_missing: bool) -> Counts | None:
    """The counts in a baseline file; None where there is no file yet. Ends the command where it is no baseline."""
    try:
        with open(path, "rb") as file:
            data = file.read(SIZE_MAX + 1)
    except FileNotFoundError:
        if may_be_missing:
            return None
        usage(f"there is no baseline `{path}`", "make one with `--update-baseline`")
    except OSError as error:
        fault(f"cannot read the baseline `{path}`: {error.strerror}")
    try:
        return _counts(msgspec.json.decode(data))
    except (msgspec.DecodeError, TypeError, ValueError, LookupError, AttributeError, RecursionError):
        usage(
            f"`{path}` is no baseline", f"one is JSON with the `schema_version` `{VERSION}`, as this command writes it"
        )


def _counts(root: Any) -> Counts:
    if root["schema_version"] != VERSION or root.keys() != {"findings", "schema_version"}:
        raise ValueError
    counts = {(rule, file): number for rule, files in root["findings"].items() for file, number in files.items()}
    if not all(type(number) is int and number > 0 for number in counts.values()):
        raise ValueError
    return counts


def held_against(found: Sequence[Diagnostic], baseline: Counts, path: str, *, whole: bool) -> Held:
    """The findings without those that a baseline knows, and where there are more of them now, or fewer."""
    found, now = set_of(found), counts_of(found)
    kept = [one for one in found if _key(one) not in now or now[_key(one)] > baseline.get(_key(one), 0)]
    hidden = len(found) - len(kept)
    for key in sorted({*now, *(baseline if whole else ())}):
        number, known = now.get(key, 0), baseline.get(key, 0)
        at = _place(key, found)
        if number > known:
            kept.append(MoreThanBaseline(at=at, subject=key[0], found=_number(number), known=known))
        elif number < known:
            kept.append(FewerThanBaseline(at=at, subject=key[0], found=_number(number), known=known, baseline=path))
    return Held(diagnostics=tuple(kept), hidden=hidden)


def write_baseline(path: str, found: Sequence[Diagnostic], before: Counts | None, *, allow_more: bool) -> str:
    """Write what there is now as the baseline, and say what changed; ends the command where the number would rise."""
    now = counts_of(found)
    more = sorted(key for key, number in now.items() if before is not None and number > before.get(key, 0))
    if more and not allow_more:
        (rule, file), *others = more
        also = f", and {len(others)} more" if others else ""
        click.echo(
            f"rsppc: the baseline may only fall: there are more findings of rule `{rule}` in `{file}`{also}", err=True
        )
        click.echo("  repair them, allow them with a comment and a reason, or raise it with `--allow-more`", err=True)
        raise click.exceptions.Exit(FINDINGS)
    table: dict[str, dict[str, int]] = {}
    for (rule, file), number in sorted(now.items()):
        table.setdefault(rule, {})[file] = number
    replace_file(path, readable({"findings": table, "schema_version": VERSION}))
    was = f", {sum(before.values())} before" if before is not None else ""
    return f"wrote {path}: {_number(sum(now.values()))}{was}"


def counts_of(found: Iterable[Diagnostic]) -> Counts:
    """How many findings of rules there are; what else is found has no baseline."""
    known = set(names())
    return dict(Counter(_key(one) for one in set_of(found) if one.name in known))


def set_of(found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Findings, each once: what two bundles share is found in both."""
    return list({(one.name, one.at.source.path, one.at.start, one.message()): one for one in found}.values())


def _number(count: int) -> str:
    return f"{count or 'no'} finding{'s' if count != 1 else ''}"


def _key(one: Diagnostic) -> tuple[str, str]:
    return one.name, one.at.source.path


def _place(key: tuple[str, str], found: Sequence[Diagnostic]) -> Span:
    return next((one.at for one in found if _key(one) == key), file_span(Source(key[1], "", b"")))
