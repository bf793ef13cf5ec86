"""Options of the test suite."""

from __future__ import annotations

import functools
import math
import os
import time
from collections.abc import Callable
from typing import Any

import pytest

FUZZ_EXAMPLES = 2000


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="Write what golden cases give to `expected/`.")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--update-golden") and os.environ.get("CI", "") not in ("", "0", "false"):
        raise pytest.UsageError("--update-golden: CI never updates; run it where the diff can be read and committed")
    if fuzzing(config):
        from hypothesis import HealthCheck, settings

        settings.register_profile(
            "fuzz", max_examples=FUZZ_EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck)
        )


def pytest_runtest_setup(item: pytest.Item) -> None:
    """In the profile `fuzz` property tests get many examples, and not the few that each asks for in ordinary runs."""
    test = getattr(item, "obj", None)
    test = getattr(test, "__func__", test)
    if fuzzing(item.config) and getattr(test, "is_hypothesis_test", False):
        widen(test, float(os.environ.get("RSPPC_FUZZ_SECONDS_EACH") or math.inf))


def fuzzing(config: pytest.Config) -> bool:
    return bool(config.getoption("--hypothesis-profile", None) == "fuzz")


def widen(test: Any, seconds: float) -> None:
    """Let a property test look at more examples, and stop looking when its time is over."""
    from hypothesis import settings

    # hypothesis has no public way to change what a decorator said.
    asked = test._hypothesis_internal_use_settings
    test._hypothesis_internal_use_settings = settings(asked, max_examples=max(FUZZ_EXAMPLES, asked.max_examples))
    inner = test.hypothesis.inner_test
    test.hypothesis.inner_test = for_a_while(getattr(inner, "__wrapped__", inner), seconds)


def for_a_while(inner: Callable[..., None], seconds: float) -> Callable[..., None]:
    """The test until its time is over; once it has failed, there is all time to find a small example.

    A skip is the one thing that makes hypothesis stop at once and call nothing a failure.
    """
    from hypothesis.errors import UnsatisfiedAssumption

    ends, examples = 0.0, 0

    @functools.wraps(inner)
    def limited(*arguments: Any, **named: Any) -> None:
        nonlocal ends, examples
        ends = ends or time.monotonic() + seconds
        examples += 1
        try:
            inner(*arguments, **named)
        except Exception as error:
            if not isinstance(error, UnsatisfiedAssumption):
                ends = math.inf
            raise
        # Not before an example: one that draws less than it did at first would count as flaky.
        if time.monotonic() > ends:
            pytest.skip(f"time is over after {examples} examples")

    return limited
