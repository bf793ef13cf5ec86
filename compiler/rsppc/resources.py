"""The one door to what ships with the package: grammars, schemas, templates, pipelines, and pages to read."""

from __future__ import annotations

import os
from importlib import import_module


def folder(name: str) -> str:
    """Path of a shipped folder: `grammar`, `schemas`, `templates`, `pipelines`, `manual` or `pages`."""
    file = import_module(f"rsppc.{name}").__file__
    assert file is not None
    return os.path.dirname(file)


def read_text(name: str, path: str) -> str:
    """Text of a shipped file."""
    with open(os.path.join(folder(name), path), encoding="utf-8") as file:
        return file.read()
