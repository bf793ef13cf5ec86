"""Files of `rsppc distribution`: built bundles as they lie in their folders, and the one file that is made of them."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NoReturn

import click

from rsppc.base.canonical_json import canonical
from rsppc.base.record import Record
from rsppc.cli.exits import INTEGRITY
from rsppc.cli.session import fault, usage
from rsppc.diagnostics import DiagnosticSink
from rsppc.distribution.check import check_distribution
from rsppc.model.distribution import SECTIONS
from rsppc.syntax.reader import read
from rsppc.workspace import FILE_SIZE_MAX


class Built(Record):
    """A built bundle: its version as the runtime knows it, and its distribution."""

    folder: str
    version: str
    value: dict[str, Any]


def read_input(path: str) -> bytes:
    """The bytes of a file that was named, one more than allowed where it is too large; `-` is standard input."""
    if path == "-":
        return sys.stdin.buffer.read(FILE_SIZE_MAX + 1)
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would be waited for, for ever
            usage(f"`{path}` is no file")
        with open(path, "rb") as file:
            return file.read(FILE_SIZE_MAX + 1)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG):
            usage(f"there is no file `{path}`")
        fault(f"cannot read `{path}`: {(error.strerror or 'input/output error').lower()}")


def read_bundles(folders: Sequence[str], sink: DiagnosticSink) -> dict[str, Built]:
    """The bundles of some folders by version. What is wrong with their files goes to the sink."""
    found: dict[str, Built] = {}
    for folder in folders:
        built = _read_bundle(folder, sink)
        if built is None:
            continue
        other = found.setdefault(built.version, built)
        if canonical(other.value) != canonical(built.value):
            _refuse(f"`{other.folder}` and `{folder}` both are `{built.version}`, and differ")
    return found


def _read_bundle(folder: str, sink: DiagnosticSink) -> Built | None:
    manifest_path, path = (os.path.join(folder, name) for name in ("bundle.json", "distribution.json"))
    if not os.path.isfile(manifest_path):
        usage(f"`{folder}` holds no `bundle.json`", "run `rsppc build`, and name what it wrote: `build/ID/VERSION`")
    if not os.path.isfile(path):
        _refuse(f"`{folder}` holds no `distribution.json`, which every build writes")
    reading = DiagnosticSink()
    document = read(manifest_path, read_input(manifest_path), reading)
    root = check_distribution(path, read_input(path), reading)
    if document is None or document.root is None or root is None or reading.has_errors:
        for found in reading.sorted():
            sink.report(found)
        return None  # where there are warnings only, they are said of the file that is made
    manifest: dict[str, Any] = document.root
    version = f"{manifest.get('bundle_id')}/{manifest.get('version')}"
    registry = root["registry"]
    if [version] != list(registry["records"]) or version != registry["default_pipeline_version"]:
        _refuse(f"`bundle.json` and `distribution.json` of `{folder}` do not belong together")
    if any("default" not in root[section] for section in SECTIONS):
        _refuse(f"`{path}` has no `default` in every section, as what a build writes has")
    return Built(folder=folder, version=version, value=root)


def _refuse(problem: str) -> NoReturn:
    click.echo(f"rsppc: {problem}; nothing was written", err=True)
    click.echo("  build the bundles again", err=True)
    raise click.exceptions.Exit(INTEGRITY)


def replace_file(path: str, data: bytes, *, synced: bool = True) -> None:
    """Write a file in one step, and its folder if need be: what stood there before stays until the new bytes are there,
    on the disk if `synced`."""
    target = os.path.realpath(path)  # a symbolic link stays one
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if os.path.exists(target) and not os.path.isfile(target) and not os.path.isdir(target):
            with open(target, "wb") as device:  # pipes and devices are written to, not replaced
                device.write(data)
            return
        write_and_rename(target, data, synced=synced)
    except OSError as error:
        fault(f"cannot write `{path}`: {(error.strerror or 'input/output error').lower()}")


def write_and_rename(target: str, data: bytes, *, synced: bool) -> None:
    """Write a file of an existing folder in one step."""
    beside = f"{target}.{os.getpid()}.tmp"
    try:
        with open(beside, "wb") as file:
            file.write(data)
            if os.path.exists(target):  # who may read and write it stays as it was
                os.fchmod(file.fileno(), stat.S_IMODE(os.stat(target).st_mode))
            file.flush()
            if synced:
                os.fsync(file.fileno())
        os.replace(beside, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(beside)
        raise
