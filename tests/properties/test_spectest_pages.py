"""Whatever a page holds, it is read without an exception, places lie in it, and corrections settle."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from rsppc.diagnostics import DiagnosticSink
from rsppc.spectest.fragment import differences
from rsppc.spectest.run import run_tests
from rsppc.spectest.suite import read_suite
from rsppc.spectest.update import updated
from rsppc.spectest.world import Worlds

LINES = st.sampled_from(
    [
        "# One",
        "## Two",
        "Title\n===",
        "```yaml",
        "```yaml plan",
        "```yaml test",
        "```proofs",
        "```rspp pipelines/specs/a_v1.rspp",
        "```text pipelines/assets/prompts/a.txt",
        "```",
        "~~~",
        "> ```yaml",
        "- ```json",
        "schema_version: rspp.pipeline.spec.v1  # error: RSP1102",
        "pipeline_id: a",
        "version: v1",
        "# error: missing-key",
        "# eror: RSP1101",
        "# reveal: a.b",
        "# value: nodes.a.config.b = 3",
        "session: {language: de}",
        "plan: {contract: {a: null}}",
        "outcome: {outcome_kind: defer}",
        "e2e p95 <= 3 ms",
        "# file: pipelines/specs/a_v1.yaml",
        "uses: library",
        "  indented: 1",
        "é\U0001f600: [",
    ]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(LINES, max_size=24), st.sampled_from(["\n", "\r\n"]))
def test_any_page_is_read_and_its_places_lie_in_it(lines: list[str], line_break: str) -> None:
    text = line_break.join(lines)
    sink = DiagnosticSink()
    suite = read_suite("page.md", text.encode(), sink)
    assert suite is not None
    worlds = Worlds(None, DiagnosticSink())
    tests = [one for one in suite.tests if not one.settings.uses_workspace]
    results = list(run_tests(tests, worlds))
    found = [*sink.sorted(), *(failure.diagnostic for one in results for failure in one.failures)]
    for one in found:
        assert one.at.source is suite.page and 0 <= one.at.start <= one.at.end <= len(suite.page.text)
        assert one.message()
    assert isinstance(updated(suite.page.text, results), str)


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=3)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3))
def test_a_whole_is_a_fragment_of_itself_and_nothing_is_one_of_everything(whole: dict[str, object]) -> None:
    assert list(differences(whole, whole)) == []
    assert list(differences({}, whole)) == []
    assert bool(list(differences({}, whole, exact=True))) == bool(whole)
