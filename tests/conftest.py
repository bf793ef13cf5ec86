"""Options of the test suite."""

from __future__ import annotations

import os

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="Write what golden cases give to `expected/`.")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--update-golden") and os.environ.get("CI", "") not in ("", "0", "false"):
        raise pytest.UsageError("--update-golden: CI never updates; run it where the diff can be read and committed")
