"""What a user sees of a bug of ours: that it is one, and what to send, without a wall of text."""

from __future__ import annotations

import os
import sys
import traceback

from rsppc.version import VERSION


def report_bug(error: BaseException) -> None:
    """Say that we have a bug, and where; the stack only where `RSPPC_DEBUG` is set."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{os.path.basename(frame.filename)}:{frame.lineno} in {frame.name}"
    print(
        f"rsppc {VERSION}: a bug of ours: {type(error).__name__} at {place}\n"
        "  nothing was written; please report this line together with the source that caused it\n"
        "  (RSPPC_DEBUG=1 shows the whole stack)",
        file=sys.stderr,
    )
    if os.environ.get("RSPPC_DEBUG"):
        traceback.print_exception(error)
