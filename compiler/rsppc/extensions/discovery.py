"""Plugins that are installed in this Python, found by entry points, without running a line of their code.

A distribution offers a plugin with an entry point in one of the groups below; its name is that of the node type, the
policy plugin or the runtime adapter. Beside the code lies its manifest, as data, in a folder `rspp_extensions`. Entry
points and manifests are read as files; only `load` imports, and who calls it has asked the manifest first.

What is installed never changes what is compiled.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from hashlib import sha256
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path

from rsppc.base.record import Record, replace
from rsppc.extensions.manifest import Manifest, read_manifest
from rsppc.extensions.plugins import Offer

GROUPS = {
    "rsppc.node_plugins": "node type",
    "rsppc.external_nodes": "external node",
    "rsppc.policies": "policy plugin",
    "rsppc.runtime_adapters": "runtime adapter",
}
"""Groups of entry points, and what a plugin of each is called."""
FOLDER = "rspp_extensions"
"""The folder inside of a package that holds its manifests, which are no part of the implementation; code in it is."""
FILE_SIZE_MAX = 8 * 2**20
"""A manifest that is larger is none; other files count into the digest however large they are."""
_VALUE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


class Installed(Record):
    """An entry point, and what is known of it without importing it."""

    group: str
    name: str
    value: str
    """As in `house_nodes.greeter:Greeter`."""
    distribution: str
    """Name and version, as in `house-greeter 1.0.0`."""
    manifest: Manifest | None
    """The manifest that declares it; None where there is no sound one."""
    digest: str | None
    """Of the files of the distribution, without its manifests; None where it does not say which files it has."""
    problems: tuple[str, ...]
    """Why it cannot be used."""

    @property
    def kind(self) -> str:
        return GROUPS[self.group]


def installed(path: Iterable[str] | None = None, *, records: frozenset[str] = frozenset()) -> tuple[Installed, ...]:
    """Every plugin that some distribution offers, by group, name and distribution; `path` in place of `sys.path`.

    `records` are those that manifests elsewhere declare.
    """
    found: list[Installed] = []
    known: set[str] = set()
    for distribution in distributions() if path is None else distributions(path=list(path)):
        try:
            title = f"{distribution.metadata['Name']} {distribution.version}"
            points = [point for point in distribution.entry_points if point.group in GROUPS]
        except Exception:  # metadata of somebody else that cannot be read offers nothing
            continue
        if points and title not in known:  # the first on the path is the one that is imported
            known.add(title)
            found += _offered(distribution, title, points, records)
    names = [(one.group, one.name) for one in found]
    twice = {name for name in names if names.count(name) > 1}
    marked = [
        replace(one, problems=(*one.problems, "several distributions offer it"))
        if (one.group, one.name) in twice
        else one
        for one in found
    ]
    return tuple(sorted(marked, key=lambda one: (one.group, one.name, one.distribution)))


def offer_of(plugin: Installed) -> Offer:
    """The offer that a registry wants, which loads only when it is asked to."""
    return Offer(
        manifest=plugin.manifest.ref if plugin.manifest is not None else "",
        name=plugin.name,
        load=lambda: load(plugin.value),
        digest=plugin.digest,
        installed_manifest=plugin.manifest.digest if plugin.manifest is not None else None,
    )


def load(value: str) -> object:
    """What an entry point names. This imports it, and runs its code."""
    return EntryPoint(name="plugin", value=value, group="").load()


def is_value(text: str) -> bool:
    """Whether a text is of the form `MODULE:NAME`."""
    return _VALUE.fullmatch(text) is not None


def content_digest(files: Iterable[tuple[str, bytes]]) -> str:
    """The digest of an implementation: of the digests of its files by name, in order."""
    lines = sorted(f"{name}\0{sha256(data).hexdigest()}\n" for name, data in files)
    return f"sha256:{sha256(''.join(lines).encode()).hexdigest()}"


def _offered(
    distribution: Distribution, title: str, points: list[EntryPoint], records: frozenset[str]
) -> Iterator[Installed]:
    files = list(_files(distribution))
    manifests: list[Manifest] = []
    unread: list[str] = []
    for name, data in files:
        if _is_manifest(name):
            read = read_manifest(name, data, records=records)
            if isinstance(read, Manifest):
                manifests.append(read)
                unread += [f"`{name}`: {problem}" for problem in read.problems]
            else:
                unread += [f"`{name}`: {problem}" for problem in read]
    code = [(name, data) for name, data in files if not _is_manifest(name)]
    digest = content_digest(code) if code else None
    for point in points:
        holding = [one for one in manifests if point.name in one.node_types or point.name in one.plugins]
        manifest = holding[0] if len(holding) == 1 else None
        problems = list(unread)
        if not is_value(point.value):
            problems.append(f"its entry point `{point.value[:80]}` is not `MODULE:NAME`")
        if not holding:
            problems.append(f"no manifest in its folder `{FOLDER}` declares it")
        elif manifest is None:
            problems.append("several of its manifests declare it")
        yield Installed(
            group=point.group,
            name=point.name,
            value=point.value,
            distribution=title,
            manifest=manifest,
            digest=digest,
            problems=tuple(problems),
        )


def _is_manifest(name: str) -> bool:
    return FOLDER in name.split("/")[:-1] and name.endswith((".yaml", ".json"))


def _files(distribution: Distribution) -> Iterator[tuple[str, bytes]]:
    """The files of a distribution with their bytes, but for those that differ from one installation to the next."""
    for file in distribution.files or ():
        name = file.as_posix()
        parts = name.split("/")
        if (
            ".." in parts
            or name.startswith("/")
            or parts[0].endswith((".dist-info", ".egg-info"))
            or "__pycache__" in parts
        ):
            continue
        path = Path(str(distribution.locate_file(file)))
        if path.is_file() and (path.stat().st_size <= FILE_SIZE_MAX or not _is_manifest(name)):
            yield name, path.read_bytes()
