"""`artifactstore`: the name under which guide-board's scripts know the commands of the store.

It is another spelling and no other program: every line becomes one of `rsppc store`, which runs it.
"""

from __future__ import annotations

import sys

from rsppc.cli.exits import OK, USAGE
from rsppc.cli.main import main as rsppc

SPELLINGS = {
    "guide-board ingest": "store ingest guide-board",
    "guide-board bootstrap": "store schema bootstrap",
}


def main() -> None:
    """Run the command of `rsppc` that the command line means."""
    meant = SPELLINGS.get(" ".join(sys.argv[1:3]))
    if meant is None:
        asked = sys.argv[1:] in (["--help"], ["-h"])
        lines = [f"  artifactstore {here} …  is  rsppc {there} …" for here, there in SPELLINGS.items()]
        print(
            "\n".join(["artifactstore is another name for commands of rsppc:", *lines]),
            file=sys.stdout if asked else sys.stderr,
        )
        sys.exit(OK if asked else USAGE)
    sys.argv[1:] = [*meant.split(), *sys.argv[3:]]
    rsppc()
