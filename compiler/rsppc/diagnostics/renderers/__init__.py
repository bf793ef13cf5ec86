"""Renderers: one module per format, each exporting `RENDERER`. A module dropped in here is a format.

Only the module asked for is imported. What two renderers share stands outside this folder.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from rsppc.base.record import Record


class Renderer(Record):
    """A format in which a report can be given."""

    name: str
    """What stands after `--format`: the name of the module."""
    render: Callable[..., str | bytes]
    """Takes a `Report`, and `color=True` where `has_color`."""
    has_color: bool = False


def names() -> tuple[str, ...]:
    """The formats there are."""
    return tuple(
        sorted(file[:-3] for file in os.listdir(__path__[0]) if file.endswith(".py") and not file.startswith("_"))
    )


def find(name: str) -> Renderer | None:
    """The renderer of a format; None where there is no such format."""
    if name not in names():
        return None
    # A start that renders nothing need not pay for the import machinery.
    from importlib import import_module

    found: Renderer = import_module(f"{__name__}.{name}").RENDERER
    return found
