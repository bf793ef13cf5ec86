"""How a store begins, wherever its content lies."""

from __future__ import annotations

import os
from collections.abc import Mapping

from rsppc.base.record import Record
from rsppc.objects.protocol import Guarantees
from rsppc.store.config import Config, write_config
from rsppc.store.log import DATABASE
from rsppc.store.places import spoken
from rsppc.store.problems import StoreProblem
from rsppc.store.registry import init_store, refuse_unfit


class Begun(Record):
    """A folder that is a store."""

    guarantees: Guarantees | None = None
    """What the service of its content was seen to keep."""
    registry_missing: bool = False
    """Whether its content was taken over, and its registry has yet to be made from it."""


def begin_store(folder: str, config: Config, settings: Mapping[str, str], *, take_over: bool = False) -> Begun:
    """Make a store in a folder. Content in a service is tried first, and then belongs to this store alone.

    With `take_over` it may have been the content of a store whose folder is lost.
    """
    if config.backend == "local":
        init_store(folder, config)
        return Begun()
    from rsppc.store.backends.s3 import prepare_backend  # the library of the service is an extra

    refuse_unfit(folder, config)
    found = prepare_backend(config.backend, folder, settings, take_over=take_over)
    if not found.filled or os.path.exists(os.path.join(folder, DATABASE)):
        init_store(folder, config)
        return Begun(guarantees=found.guarantees)
    if not take_over:
        raise StoreProblem(
            "corrupt",
            f"`{folder}` is a store whose registry is missing, and `{config.backend}` holds its content",
            "restore a copy of it, or make it anew from the manifests with `rsppc store rebuild`",
        )
    try:
        write_config(folder, config)
    except OSError as error:
        raise StoreProblem("environment", f"`{folder}` cannot be written: {spoken(error)}") from None
    return Begun(guarantees=found.guarantees, registry_missing=True)
