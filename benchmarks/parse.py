"""Reads sources into documents and nothing more: what formatting them is measured against.

python parse.py FILE…
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path

from rsppc.diagnostics import DiagnosticSink
from rsppc.syntax.reader import read


def main() -> None:
    gc.disable()  # as the commands do
    for name in sys.argv[1:]:
        document = read(name, Path(name).read_bytes(), DiagnosticSink())
        assert document is not None and document.root is not None


main()
