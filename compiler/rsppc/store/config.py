"""What a store is: `store.json` in its folder. It says where content lies and which retention classes there are.

Retention classes may be added later on; what a package was given stands in its events and follows no later change.
"""

from __future__ import annotations

import os
from typing import Any

import msgspec

from rsppc.base.canonical_json import readable
from rsppc.base.record import Record
from rsppc.store.mark import HEAD
from rsppc.store.places import fresh_name, spoken, sync_folder
from rsppc.store.problems import StoreProblem

CONFIG = "store.json"
SCHEMA_VERSION = "rspp.store.v1"
CONFIG_SIZE_MAX = 2**20
DAYS_MAX = 36500


class RetentionClass(Record, forbid_unknown_fields=True):
    """How long packages of a class are kept at least; `days` None is for ever."""

    days: int | None


DEFAULT_CLASSES = {
    "raw": RetentionClass(days=30),
    "standard": RetentionClass(days=365),
    "release": RetentionClass(days=3650),
    "permanent": RetentionClass(days=None),
}


class Config(Record, forbid_unknown_fields=True):
    """The content of `store.json`. `backend` is `local` or the URL of an object store."""

    schema_version: str = SCHEMA_VERSION
    backend: str = "local"
    default_class: str = "standard"
    retention_classes: dict[str, RetentionClass] = msgspec.field(default_factory=lambda: dict(DEFAULT_CLASSES))


def write_config(folder: str, config: Config) -> None:
    """Write `store.json` in one step."""
    path = os.path.join(folder, CONFIG)
    fresh = fresh_name(path)
    with open(fresh, "wb") as file:
        file.write(readable(msgspec.to_builtins(config)))
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)
    sync_folder(folder)


def read_config(folder: str) -> Config:
    """The configuration of the store in a folder; a `StoreProblem` where there is none."""
    path = os.path.join(folder, CONFIG)
    try:
        with open(path, "rb") as file:
            data = file.read(CONFIG_SIZE_MAX + 1)
    except FileNotFoundError:
        if os.path.lexists(os.path.join(folder, HEAD)):  # without it, nothing was ever published
            raise StoreProblem(
                "corrupt",
                f"`{path}` is missing, which says where content lies and how long it is kept",
                "restore it from a copy, or run `rsppc store init` with the options that the store was made with",
            ) from None
        raise StoreProblem("missing", f"there is no store in `{folder}`", "make one with `rsppc store init`") from None
    except OSError as error:
        raise StoreProblem("environment", f"`{path}` cannot be read: {spoken(error)}") from None
    try:
        value: Any = msgspec.json.decode(data[:CONFIG_SIZE_MAX])
        config = msgspec.convert(value, Config, strict=True)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError) as error:
        raise StoreProblem(
            "malformed",
            f"`{path}` is not what a store's configuration should be: {str(error)[:200]}",
            "correct it, or move it away and run `rsppc store init` with the options that the store was made with",
        ) from None
    if config.schema_version != SCHEMA_VERSION:
        raise StoreProblem(
            "malformed", f"`{path}` has schema_version `{config.schema_version[:40]}`, not `{SCHEMA_VERSION}`"
        )
    fault = config_fault(config)
    if fault is not None:
        raise StoreProblem("malformed", f"`{path}` cannot be what a store is: {fault}", "correct it")
    return config


def config_fault(config: Config) -> str | None:
    """Why no store can be like this; None where one can."""
    if config.default_class not in config.retention_classes:
        known = ", ".join(sorted(config.retention_classes))
        return f"the default is retention class `{config.default_class[:60]}`, and there are {known}"
    for name, one in config.retention_classes.items():
        if one.days is not None and not 0 < one.days <= DAYS_MAX:
            return f"retention class `{name[:60]}` keeps {one.days} days, which is not between 1 and {DAYS_MAX}"
    return None
