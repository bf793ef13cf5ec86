"""`python -m rsppc`: the command line, for where its script is not on the path."""

from __future__ import annotations

from rsppc.cli.main import main

if __name__ == "__main__":
    main()
