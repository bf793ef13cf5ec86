"""What can be wrong with a run directory of guide-board. All of it is found before anything is written."""

from __future__ import annotations

from rsppc.diagnostics import Diagnostic


class MissingRunFile(Diagnostic):
    """A package holds everything that the documents of a run name. One that lacked a part could not be told from one
    whose part was lost later."""

    code = "RSP9850"
    name = "missing-run-file"
    headline = "declared file not found: {subject}"
    hint = "run the producer again, or take the file out of its documents"


class MissingReportFragment(Diagnostic):
    """A report is put together from fragments, each written by one part of the producer. Where one is missing, that
    part failed, and the report says less than the run found."""

    code = "RSP9851"
    name = "missing-report-fragment"
    headline = "{fragment}: report fragment not found: {subject}"
    hint = "run the producer again; what failed is the part that writes this fragment"
    fragment: str


class MalformedRun(Diagnostic):
    """The metadata of a package are made of the documents of its run, so that these must have the form that the schema
    `guide-board.run.v1` asks for."""

    code = "RSP9852"
    name = "malformed-run"
    headline = "`{subject}`: {problem}"
    hint = "{advice}"
    problem: str
    advice: str = "run the producer again; documents of a run are not edited"


class DisagreeingRun(Diagnostic):
    """Two documents of a run say different things of the same run. One of them is wrong, and no one can tell which."""

    code = "RSP9853"
    name = "disagreeing-run"
    headline = "`{subject}` is {here} in {here_in} and {there} in {there_in}"
    hint = "run the producer again; its documents were not written by one run"
    here: str
    here_in: str
    there: str
    there_in: str


class UnsafeRunPath(Diagnostic):
    """A package is unpacked on other systems, years later. Its paths stay inside it and mean one file everywhere."""

    code = "RSP9854"
    name = "unsafe-run-path"
    headline = "`{subject}` cannot stand in a package: {fault}"
    hint = "name files below the run directory, with `/` between names"
    fault: str


class UnsafeRunFile(Diagnostic):
    """Only ordinary files of the run directory itself are taken. A link may lead to anything, and to something else by
    the time it is read."""

    code = "RSP9855"
    name = "unsafe-run-file"
    headline = "`{subject}` {fault}"
    hint = "put the file itself into the run directory"
    fault: str


class ChangedRunFile(Diagnostic):
    """A producer that states the size or the digest of a file wants it held against the bytes."""

    code = "RSP9856"
    name = "changed-run-file"
    headline = "`{subject}` has {found}, and {stated} is stated"
    hint = "run the producer again; the file was changed after it was declared"
    found: str
    stated: str
