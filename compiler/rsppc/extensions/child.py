"""Runs one trial in a process of its own, so that a plugin that hangs, exits or prints harms nobody.

`python -m rsppc.extensions.child` reads what to try as JSON from standard input and writes the trial as JSON to
standard output; whatever the plugin prints goes to standard error.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import msgspec

from rsppc.base.record import Record
from rsppc.extensions.adapter_trial import try_adapter
from rsppc.extensions.discovery import load
from rsppc.extensions.harness import try_node
from rsppc.extensions.manifest import Manifest, kind_of, read_manifest
from rsppc.extensions.policy_trial import try_policy
from rsppc.extensions.trial import Trial


class Task(Record):
    """What to try."""

    manifest_path: str
    manifest: str
    """Its text."""
    records: dict[str, dict[str, Any]]
    """Schemas of all records in sight."""
    name: str
    """Of the node type, policy plugin or runtime adapter."""
    plugin: str
    """As in `house_nodes.greeter:Greeter`."""
    is_local: bool
    """Whether it may lie in the current folder; one that is installed must not be mistaken for a file of its name."""
    seed: int
    events: int
    config: dict[str, Any] = {}


def trial_of(task: Task) -> Trial:
    """Import the plugin and try it. The caller has seen to it that its papers allow that."""
    manifest = read_manifest(task.manifest_path, task.manifest.encode(), records=frozenset(task.records))
    assert isinstance(manifest, Manifest), "it was read before"
    kind = kind_of(manifest, task.name)

    def make() -> object:
        return load(task.plugin)

    if kind == "policy plugin":
        return try_policy(make, manifest, task.name, seed=task.seed, snapshots=task.events)
    if kind == "runtime adapter":
        return try_adapter(make, manifest, task.name)
    return try_node(
        make, manifest, task.name, config=task.config, records=task.records, seed=task.seed, events=task.events
    )


def main() -> None:
    """Answer the one task on standard input."""
    answer = os.dup(1)
    os.dup2(2, 1)  # even what C code of the plugin prints
    sys.stdout = sys.stderr
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    if task.is_local:
        sys.path.insert(0, os.getcwd())
    data = msgspec.json.encode(trial_of(task))
    with os.fdopen(answer, "wb") as stream:
        stream.write(data)
    os._exit(0)  # threads that the plugin has left behind are not waited for


if __name__ == "__main__":
    main()
