"""The pages for people say what is true: their commands are run, their examples are read, their tables are compared.

In a page, a block of `console` holds commands behind `$ ` and below each what it prints; `…` stands for text that is
left out, on a line of its own for whole lines. A block whose first line is `# file: PATH` is written to that file, and
a block of `diff` that begins with `--- PATH` is applied to it. `--update-golden` writes what commands print today into
the pages, without digests; read the diff before you commit it.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from golden_harness import rsppc
from rsppc.base.record import Record
from rsppc.cli import exits
from rsppc.cli.commands import dump  # any command; makes the package importable before its modules are listed
from rsppc.cli.main import COMMANDS, cli
from rsppc.conditions import Environment
from rsppc.diagnostics import DiagnosticSink
from rsppc.driver import open_workspace
from rsppc.model.kinds import BY_SCHEMA_VERSION, KINDS
from rsppc.syntax.reader import read
from rsppc.workspace import find_workspace
from workspaces import make, rsppc_here

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
