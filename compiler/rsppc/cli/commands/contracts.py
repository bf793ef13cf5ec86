"""`rsppc contracts`: objects of a runtime held against their contracts, and changes of the contracts themselves."""

from __future__ import annotations

import os
from collections.abc import Sequence

import click

from rsppc.base.digest import digest_bytes
from rsppc.base.names import near_miss
from rsppc.base.record import Record
from rsppc.cli.clock import time_given
from rsppc.cli.conforming import Stream, current_surface, fixtures_in, locked_surface, shipped_fixtures
from rsppc.cli.distributing import read_input
from rsppc.cli.evidencing import evidence_options, release_named, write_evidence
from rsppc.cli.session import Options, exit_code, finding_options, report, usage
from rsppc.cli.turns import bundle_named
from rsppc.conformance.against_bundle import check_plan
from rsppc.conformance.check import check_object
from rsppc.conformance.fixtures import judge, sorted_out
from rsppc.conformance.freeze import compare, read_surface
from rsppc.conformance.report import EVIDENCE, answers, figures, inputs, table
from rsppc.conformance.stream import check_stream
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.diagnostics.visible import visible
from rsppc.evidence.envelope import Checked, Release, Status, sealed
from rsppc.evidence.moment import moment_text
from rsppc.model.contract import Contract
from rsppc.model.contracts import ALIASES, BY_NAME, CONTRACTS, contract_named

STREAMS = (".jsonl", ".ndjson")
"""Endings of files that hold one object a line."""
PLAN = "resolved_turn_plan"


class Outcome(Record):
    """What came of a check: findings, files, what evidence says of it, and what people are told."""

    found: tuple[Diagnostic, ...]
    files: tuple[str, ...]
    answers: tuple[Checked, ...]
    inputs: dict[str, str]
    figures: dict[str, object]
    lines: tuple[str, ...]


@click.group(
    "contracts",
    epilog="Examples: `rsppc contracts check fixtures`, `rsppc contracts diff`.",
)
def COMMAND() -> None:
    """Hold objects of a runtime against their contracts, and the contracts against what was published."""


@COMMAND.command(
    "check",
    epilog="Examples: `rsppc contracts check`, `rsppc contracts check fixtures --bundle build/demo_bundle/v1 "
    "--evidence contracts.json`, `rsppc contracts check plan.json --kind resolved_turn_plan "
    "--bundle build/demo_bundle/v1`.",
)
@click.argument("paths", nargs=-1, metavar="[FOLDER | FILE...]")
@click.option("--kind", metavar="KIND", help="Which contract FILE is held against, as in `event_record`.")
@click.option("--lines", is_flag=True, help="Read FILE as one object a line, whatever its name ends in.")
@evidence_options
@finding_options
def check(
    paths: tuple[str, ...],
    kind: str | None,
    lines: bool,
    evidence: str | None,
    bundle: str | None,
    now: str | None,
    format: str,
    reports: tuple[str, ...],
    strict: bool,
    color: bool | None,
) -> int:
    """Check fixtures in FOLDER, or objects in FILES; `-` is standard input.

    FOLDER holds `KIND/valid/*.json` and `KIND/invalid/*.json`: every valid one must pass, every invalid one must fail.
    Without FOLDER the fixtures that ship are checked, one of each for every rule. FILE holds one object, or with a name
    that ends in `.jsonl` one object a line. A turn plan is also held against the bundle that it is of, with `--bundle`.
    """
    options = Options(format=format, reports=reports, strict=strict, color=color)
    release = release_named(bundle) if evidence is not None else None
    sink = DiagnosticSink(strict=strict)
    if kind is None and not lines and len(paths) <= 1 and all(os.path.isdir(path) for path in paths):
        outcome = _fixtures(paths[0] if paths else None, sink)
    else:
        _check_use(paths, kind)
        outcome = _objects(paths, _contract(kind), lines, bundle, sink)
    made = report(outcome.found, outcome.files, options)
    if format == "text":
        for line in outcome.lines:
            click.echo(line)
    if evidence is not None and release is not None:
        _leave_evidence(evidence, outcome, release, now)
    return exit_code(made)


def _fixtures(root: str | None, sink: DiagnosticSink) -> Outcome:
    files = shipped_fixtures() if root is None else fixtures_in(root, sink)
    fixtures = sorted_out(files.files, files.folders, files.root, sink)
    complete = not sink.has_errors
    judged = judge(fixtures, files.root, sink)
    count, wrong = sum(one.count for one in judged), sum(one.failed for one in judged)
    told = f"checked {_several(count, 'fixture')} of {_several(len({one.kind for one in judged}), 'contract')}"
    ending = f"{wrong} are not what their folder says" if wrong else "all are what their folders say"
    return Outcome(
        found=sink.sorted(),
        files=tuple(f"{files.root}/{one.path}" for one in fixtures),
        answers=answers(judged, complete=complete),
        inputs=inputs(fixtures),
        figures=figures(judged),
        lines=(*table(judged), *((f"{told}: {ending}",) if count else ())),
    )


def _objects(
    paths: Sequence[str], contract: Contract, lines: bool, bundle: str | None, sink: DiagnosticSink
) -> Outcome:
    loaded = bundle_named(bundle) if bundle is not None and contract.name == PLAN else None
    found: list[Checked] = []
    digests: dict[str, str] = {}
    total = 0
    for path in paths:
        name, checking = "<stdin>" if path == "-" else path.replace(os.sep, "/"), DiagnosticSink(strict=sink.strict)
        if lines or path.endswith(STREAMS):
            stream = Stream(path)
            count = check_stream(contract, name, stream, checking)
            digests[name] = stream.digest()
        else:
            data, count = read_input(path), 1
            digests[name] = digest_bytes(data)
            root = check_object(contract, name, data, checking)
            if root is not None and loaded is not None:
                check_plan(root, loaded.pipeline_version, loaded.spec, checking)
        total += count
        for one in checking.sorted():
            sink.report(one)
        status: Status = "fail" if checking.has_errors else "pass"
        found.append(Checked(check="objects", subject=f"{contract.name} in {name}"[:500], status=status))
    against = f" held against `{loaded.pipeline_version}`" if loaded is not None else ""
    told = f"checked {_several(total, contract.name)}{against}"
    return Outcome(
        found=sink.sorted(),
        files=tuple("<stdin>" if path == "-" else path for path in paths),
        answers=tuple(found),
        inputs=digests,
        figures={"objects": total},
        lines=(told if len(sink) else f"{told}: no findings",),
    )


def _check_use(paths: Sequence[str], kind: str | None) -> None:
    """End the command where it names nothing that could be checked."""
    if not paths:
        usage("name a file to check", "or a folder, without `--kind` and `--lines`")
    if paths.count("-") > 1:
        usage("`-` stands for standard input, once")
    for path in paths:
        if path != "-" and not os.path.exists(path):
            usage(f"there is no file `{path}`" if kind is not None else f"there is no file or folder `{path}`")
        if os.path.isdir(path):
            usage(f"`{path}` is a folder", "check one folder alone, without `--kind` and `--lines`")


def _several(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


def _contract(kind: str | None) -> Contract:
    if kind is None:
        usage("files do not say what they hold", f"say it with `--kind`: {_known()}")
    found = contract_named(kind)
    if found is None:
        guess = near_miss(kind, (*BY_NAME, *ALIASES))
        usage(f"there is no contract `{visible(kind[:100])}`", f"did you mean `{guess}`?" if guess else _known())
    return found


def _known() -> str:
    return f"contracts are {', '.join(contract.name for contract in CONTRACTS)}"


def _leave_evidence(path: str, outcome: Outcome, release: Release, now: str | None) -> None:
    made_at = moment_text(time_given(now))
    checks, figures_found = outcome.answers, outcome.figures
    write_evidence(
        path,
        sealed(EVIDENCE, release, made_at=made_at, checks=checks, inputs=outcome.inputs, figures=figures_found),
    )


@COMMAND.command(
    "diff", epilog="Examples: `rsppc contracts diff`, `rsppc contracts diff ours.lock.json theirs.lock.json`."
)
@click.argument("old", required=False)
@click.argument("new", required=False)
@finding_options
def diff(
    old: str | None, new: str | None, format: str, reports: tuple[str, ...], strict: bool, color: bool | None
) -> int:
    """Report what breaks between two published surfaces of the contracts, OLD and NEW.

    Within a major version only optional keys and whole objects are added. Without NEW, OLD is held against the
    contracts of this version of rsppc; without both, what this version was frozen with.
    """
    sink = DiagnosticSink(strict=strict)
    sides = [
        (old, read_input(old)) if old is not None else locked_surface(),
        (new, read_input(new)) if new is not None else current_surface(),
    ]
    surfaces = [read_surface(path, data, sink) for path, data in sides]
    before, after = surfaces
    added = compare(before, after, sink) if before is not None and after is not None else ()
    options = Options(format=format, reports=reports, strict=strict, color=color)
    made = report(sink.sorted(), [path for path, _ in sides], options)
    if format == "text":
        is_same_major = before is not None and after is not None and before["version"] == after["version"]
        for change in added:
            click.echo(f"{'compatible' if is_same_major else 'changed'}: {change.message}")
        if not made.diagnostics:
            ending = f"{sides[1][0]} keeps what {sides[0][0]} promises" if is_same_major else "another major version"
            click.echo(ending if added else "nothing was changed")
    return exit_code(made)
