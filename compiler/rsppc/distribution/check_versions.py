"""Checks of which pipeline versions a distribution speaks of, and whether it holds what each of them needs."""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.base.names import near_miss
from rsppc.base.source import Span
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Related
from rsppc.distribution.walk import lacks, mapping_at, mappings_in, text_at
from rsppc.model.distribution import ROLLOUT, SECTIONS
from rsppc.syntax.document import Mapping

_GUESSES_MAX = 20


class UnknownPipelineVersion(Diagnostic):
    """A version that `registry.records` does not hold cannot be run: turns that get it are deferred."""

    code = "RSP7401"
    name = "unknown-pipeline-version"
    headline = "`{key}` is `{version}`, of which there is no record"
    hint = "{advice}"
    key: str
    version: str
    advice: str


class RecordOfAnotherVersion(Diagnostic):
    """A record stands under the name of its version; under another name the runtime would run what nobody asked for."""

    code = "RSP7402"
    name = "record-of-another-version"
    headline = "the record of `{version}` says that it is `{written}`"
    hint = "write the same version in both places"
    version: str
    written: str


class GraphOfAnotherVersion(Diagnostic):
    """A version's record and `graph_compiler` name one graph. Where they differ, a version most often runs the graph of
    the default, because it has no entry of its own."""

    code = "RSP7403"
    name = "graph-of-another-version"
    headline = "version `{version}` has the graph `{graph}`, but `graph_compiler` gives it `{given}`"
    hint = "write the graph of `{version}` under `graph_compiler.by_pipeline`"
    version: str
    graph: str
    given: str


class PercentageWithoutVersion(Diagnostic):
    """A share of the sessions needs a version to go to; the runtime refuses a file that names none."""

    code = "RSP7404"
    name = "percentage-without-version"
    headline = "`canary_percentage` is written without `canary_pipeline_version`"
    hint = "add `canary_pipeline_version`, or remove `canary_percentage`"


class NoEntryForVersion(Diagnostic):
    """Each section needs something for every version: a `default`, or an entry of the version's own."""

    code = "RSP7405"
    name = "no-entry-for-version"
    headline = "`{section}` holds nothing for version `{version}`"
    hint = "add `{section}.default`, or an entry for `{version}` under `{section}.by_pipeline`"
    section: str
    version: str


class EntryWithoutRecord(Diagnostic):
    """An entry for a version that is not there is never read; most often the version was meant to be another one."""

    code = "RSP7406"
    name = "entry-without-record"
    severity = "warning"
    headline = "`{section}.by_pipeline` speaks of `{version}`, of which there is no record"
    hint = "{advice}"
    section: str
    version: str
    advice: str


def check_versions(root: Mapping, sink: DiagnosticSink) -> None:
    """Report versions that are not there, and those for which something is missing."""
    rollout = mapping_at(root, "rollout")
    if rollout is not None and "canary_percentage" in rollout and lacks(rollout, "canary_pipeline_version", ROLLOUT):
        sink.report(PercentageWithoutVersion(at=rollout.key_span("canary_percentage")))
    records = mapping_at(root, "registry", "records")
    if not records:
        return
    guesses = _Guesses(records)
    for key, version, at in _named(root):
        if version not in records:
            sink.report(UnknownPipelineVersion(at=at, key=key, version=version, advice=guesses.advice(version)))
    for version, record in mappings_in(records):
        _check_record(version, record, root, sink)
    for section in SECTIONS:
        _check_section(section, root, records, guesses, sink)


def _named(root: Mapping) -> Iterator[tuple[str, str, Span]]:
    """Versions that the registry and the rollout name: key, version and place."""
    for section, keys in (
        ("registry", ("default_pipeline_version",)),
        ("rollout", ("default_pipeline_version", "canary_pipeline_version")),
    ):
        mapping = mapping_at(root, section)
        for key in keys if mapping is not None else ():
            if mapping is not None and (version := text_at(mapping, key)) is not None:
                yield key, version, mapping.value_span(key)
    requested = mapping_at(root, "rollout", "by_requested_version")
    for key in requested if requested is not None else ():
        if requested is not None and (version := text_at(requested, key)) is not None:
            yield key, version, requested.value_span(key)


class _Guesses:
    """Versions that were probably meant. After some guesses no more are made: each looks at all records."""

    def __init__(self, records: Mapping) -> None:
        self._records = records
        self._left = _GUESSES_MAX

    def advice(self, version: str) -> str:
        self._left -= 1
        guess = near_miss(version, self._records) if self._left >= 0 else None
        return f"did you mean `{guess}`?" if guess else "add its record to `registry.records`"


def _check_record(version: str, record: Mapping, root: Mapping, sink: DiagnosticSink) -> None:
    written = text_at(record, "pipeline_version")
    if written is not None and written != version:
        at = record.value_span("pipeline_version")
        sink.report(RecordOfAnotherVersion(at=at, version=version, written=written))
    graph = text_at(record, "graph_definition_ref")
    entry = mapping_at(root, "graph_compiler", "by_pipeline", version) or mapping_at(root, "graph_compiler", "default")
    given = text_at(entry, "graph_definition_ref") if entry is not None else None
    if entry is not None and graph is not None and given is not None and graph != given:
        related = (Related(at=entry.value_span("graph_definition_ref"), text="the graph that it is given"),)
        at = record.value_span("graph_definition_ref")
        sink.report(GraphOfAnotherVersion(at=at, version=version, graph=graph, given=given, related=related))


def _check_section(section: str, root: Mapping, records: Mapping, guesses: _Guesses, sink: DiagnosticSink) -> None:
    mapping = mapping_at(root, section)
    if mapping is None:
        return
    own = mapping_at(root, section, "by_pipeline")
    for version in own if own is not None else ():
        if own is not None and version not in records:
            advice = guesses.advice(version)
            sink.report(EntryWithoutRecord(at=own.key_span(version), section=section, version=version, advice=advice))
    if not lacks(mapping, "default", SECTIONS[section]) or (own is None and "by_pipeline" in mapping):
        return
    related = (Related(at=root.key_span(section), text="the section"),)
    for version in records:
        if own is None or version not in own:
            at = records.key_span(version)
            sink.report(NoEntryForVersion(at=at, section=section, version=version, related=related))
