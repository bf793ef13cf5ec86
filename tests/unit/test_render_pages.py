"""The Markdown pages of diagnostics: whole pages."""

from __future__ import annotations

from rsppc.diagnostics import Diagnostic
from rsppc.diagnostics.pages import GENERATED, Example, file_name, index, page, readable


class FakePaged(Diagnostic):
    """Two ends of an edge must agree.

    Else a call goes silent:

        no error, no sound
    """

    code = "RSP3104"
    name = "edge-format"
    severity = "warning"
    headline = "`{source}` and `{target.port}` do not | share {rate_hz:>5} Hz {{here}}"
    hint = "insert `{converter}`"

    source: str


class FakePlain(Diagnostic):
    code = "RSP0001"
    name = "not-text"
    headline = "not text"


def test_a_page_says_what_why_and_what_to_do() -> None:
    assert (
        page(
            FakePaged,
            failing=Example(path="pipelines/specs/a_v1.yaml", text="a: 1\n", said="error[RSP3104 edge-format]: no"),
            passing=Example(path="pipelines/specs/a_v1.rspp", text="a: 2\n"),
        )
        == f"""# RSP3104 edge-format

{GENERATED}

Severity: warning; an error with `--strict`.

> `SOURCE` and `TARGET` do not | share RATE_HZ Hz {{here}}

## Why

Two ends of an edge must agree.

Else a call goes silent:

    no error, no sound

## What to do

insert `CONVERTER`

## Fails

`pipelines/specs/a_v1.yaml`

```yaml
a: 1
```

```text
error[RSP3104 edge-format]: no
```

## Passes

`pipelines/specs/a_v1.rspp`

```text
a: 2
```
"""
    )


def test_an_example_with_a_fence_gets_a_longer_one() -> None:
    assert "````yaml\n```\n````\n" in page(FakePlain, failing=Example(path="a.yaml", text="```"), passing=None)


def test_a_page_has_no_sections_that_would_be_empty() -> None:
    assert page(FakePlain, failing=None, passing=None).count("## ") == 1


def test_the_index_lists_kinds_by_range() -> None:
    assert (
        index([FakePaged, FakePlain])
        == f"""# Diagnostics

{GENERATED}

## 0xxx Reading

| Code | Name | Severity | Message |
|---|---|---|---|
| [RSP0001](RSP0001.md) | not-text | error | not text |

## 3xxx Types

| Code | Name | Severity | Message |
|---|---|---|---|
| [RSP3104](RSP3104.md) | edge-format | warning | `SOURCE` and `TARGET` do not \\| share RATE_HZ Hz {{here}} |
"""
    )


def test_a_page_is_named_after_its_code() -> None:
    assert file_name(FakePaged) == "RSP3104.md"


def test_facts_of_a_template_are_shown_in_capitals() -> None:
    assert readable("{a!r} of {items[0]}") == "A of ITEMS"


def test_facts_that_bring_their_own_blank_are_shown_with_one() -> None:
    assert readable("{advice}it is one of {least}{unit}") == "ADVICE it is one of LEAST UNIT"


class FakeSaidByTheFinding(Diagnostic):
    """The text cannot be read.
    It is skipped. So be it."""

    code = "RSP0002"
    name = "syntax"
    headline = "{problem}"
    hint = "{advice}"


def test_what_only_a_finding_can_say_is_left_out_of_the_page() -> None:
    text = page(FakeSaidByTheFinding, failing=None, passing=None)
    assert "PROBLEM" not in text
    assert "What to do" not in text
    assert "| syntax | error | The text cannot be read |" in index([FakeSaidByTheFinding])
