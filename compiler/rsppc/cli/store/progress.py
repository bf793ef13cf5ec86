"""A bar on the standard error, where somebody looks at it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """A function to call with each amount of bytes that is done, by any thread; it draws on a terminal alone."""
    if not sys.stderr.isatty() or total == 0:
        yield lambda _: None
        return
    mutex = threading.Lock()
    with click.progressbar(length=total, label=label, file=sys.stderr, show_pos=False) as bar:

        def told(size: int) -> None:
            with mutex:
                bar.update(size)

        yield told
