"""The signature of a module: the ports and settings that it exposes."""

from __future__ import annotations

from typing import Any

from rsppc.base.source import Place
from rsppc.ir.program import ExposedPort
from rsppc.ir.setting_path import Steps, parse_steps
from rsppc.lowering.graph import lower_end
from rsppc.syntax.document import Item


def exposed_ports(items: Any) -> dict[str, ExposedPort]:
    """Ports by the name that the parent uses."""
    return {
        item["name"]: ExposedPort(
            name=item["name"], inside=lower_end(item, "port"), place=Item(container=item, key="name")
        )
        for item in items or ()
        if item.keys() >= {"name", "port"}
    }


def exposed_settings(items: Any) -> dict[str, tuple[Steps, Place]]:
    """Paths inside by the name that the parent uses."""
    settings: dict[str, tuple[Steps, Place]] = {}
    for item in items or ():
        steps = parse_steps(item["sets"]) if item.keys() >= {"name", "sets"} else None
        if steps is not None:
            settings[item["name"]] = (steps, Item(container=item, key="sets"))
    return settings
