"""`rsppc test`: run the tests that stand in Markdown pages."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from rsppc.cli.rewriting import print_diffs, write_source
from rsppc.cli.session import Options, exit_code, quick_collection, report, usage
from rsppc.cli.testing import Outcome, Page, Runner, as_json, as_junit, counted, coverage_lines, pages_named
from rsppc.diagnostics import Diagnostic
from rsppc.diagnostics.report import report_of
from rsppc.spectest.coverage import Coverage, CoverageTooLow
from rsppc.version import VERSION

_FORMATS = click.Choice(("text", "json", "junit", "github", "sarif"))


@click.command(
    "test",
    epilog="Examples: `rsppc test`, `rsppc test docs/testing.md --filter German`, "
    "`rsppc test --coverage --coverage-min 80`, `rsppc test tests/support.md --update`.",
)
@click.argument("paths", nargs=-1)
@click.option("--filter", "wanted", default="", metavar="TEXT", help="Run only tests whose page and headings hold it.")
@click.option("--coverage", is_flag=True, help="Show what of the artifacts plans exercise, and what never.")
@click.option("--coverage-min", type=click.IntRange(0, 100), metavar="PERCENT", help="Fail below this coverage.")
@click.option("--update", is_flag=True, help="Write into the pages what is found, and show the difference.")
@click.option("--format", type=_FORMATS, default="text", metavar="FORMAT", help="text, json, junit, github or sarif.")
@click.option("--color/--no-color", default=None, help="Colour the output; the default follows the terminal.")
def COMMAND(
    paths: tuple[str, ...],
    wanted: str,
    coverage: bool,
    coverage_min: int | None,
    update: bool,
    format: str,
    color: bool | None,
) -> int:
    """Run the tests in PATHS, Markdown pages and folders of them, or in the whole workspace.

    Every finding of a test must be expected, and whatever is expected must be found; a page without a test fails.
    """
    quick_collection()
    pages = pages_named(paths)
    if not pages:
        usage("there is no suite here", "write one as docs/testing.md says, or name a page")
    runner = Runner(wanted)
    outcomes = [runner.run(page, data) for page, data in pages]
    if wanted and not any(one.results for one in outcomes):
        usage(f"no test is called `{wanted}`", "the name of a test is its page and the headings that lead to it")
    if update:
        outcomes = _update(runner, [page for page, _ in pages], outcomes, quiet=format != "text")
    covered = runner.coverage(outcomes) if coverage or coverage_min is not None else None
    others = [*runner.sink.sorted(), *_too_low(covered, coverage_min, outcomes)]
    return _show(outcomes, others, covered, Options(format=format, reports=(), strict=False, color=color))


def _update(runner: Runner, pages: Sequence[Page], outcomes: Sequence[Outcome], *, quiet: bool) -> list[Outcome]:
    """The outcomes after pages were corrected; what could not be corrected is left to be shown."""
    latest: list[Outcome] = []
    for page, before in zip(pages, outcomes, strict=True):
        after = runner.updated(page, before)
        if after.text != before.text:
            if not quiet:
                print_diffs([(page.path, before.text, after.text)])
            write_source(page.path, after.text)
        latest.append(after)
    return latest


def _too_low(covered: Coverage | None, wanted: int | None, outcomes: Sequence[Outcome]) -> list[Diagnostic]:
    if covered is None or wanted is None or covered.permille >= wanted * 10 or not covered.missed:
        return []
    return [
        CoverageTooLow(
            at=covered.missed[0].at,
            covered=len(covered.covered),
            total=covered.total,
            percent=covered.percent,
            wanted=wanted,
        )
    ]


def _show(outcomes: Sequence[Outcome], others: Sequence[Diagnostic], covered: Coverage | None, options: Options) -> int:
    found = [*others, *(one for outcome in outcomes for one in outcome.diagnostics())]
    files = [one.path for one in outcomes]
    if options.format in ("json", "junit"):
        made = report_of(found, files=files, version=VERSION)
        is_json = options.format == "json"
        data = as_json(outcomes, others, covered) if is_json else as_junit(outcomes, others)
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        made = report(found, files, options)
    if options.format == "text":
        if covered is not None:
            click.echo("\n".join(coverage_lines(covered)))
        click.echo(counted(outcomes))
    return exit_code(made)
