"""A workspace: the folder with the sources, and the one reader of them. It understands nothing that it reads.

A workspace is the nearest folder upwards with `rsppc.toml`, else with `pipelines/`. `rsppc.toml` may set `sources`,
`output`, `strict`, `runtime` and `[lint]`. Only what the sources folder lists is read; a link in it may lead to another
place in the workspace, but not out of it.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from functools import partial
from typing import Any

from rsppc.base.digest import Digest, digest_chunks
from rsppc.base.names import parse_ref
from rsppc.base.record import Record
from rsppc.base.source import Source, Span, file_span
from rsppc.diagnostics import Diagnostic, DiagnosticSink

CONFIG_FILE = "rsppc.toml"
SUFFIXES = (".yaml", ".json", ".rspp", ".yml")  # `.yml` is refused where it is read, instead of silently left out
OBJECTS = "bundles/objects"
"""Where the programs of pinned artifacts are kept, below the sources folder."""
FILE_SIZE_MAX = 8 * 2**20
CONFIG_SIZE_MAX = 2**16


class UnreadableFile(Diagnostic):
    """A source file could not be read; nothing is concluded from what it may hold."""

    code = "RSP0001"
    name = "unreadable-file"
    headline = "`{subject}` cannot be read: {reason}"
    reason: str


class LinkOutOfWorkspace(Diagnostic):
    """A link that leads out of the workspace would make the outcome depend on what lies elsewhere."""

    code = "RSP0002"
    name = "link-out-of-workspace"
    headline = "`{subject}` is a link that leads out of the workspace"
    hint = "copy the file into the workspace"


class MalformedConfigFile(Diagnostic):
    """`rsppc.toml` may hold `sources`, `output`, `strict`, `runtime` and `[lint]`, and nothing else."""

    code = "RSP0003"
    name = "malformed-config-file"
    headline = "`rsppc.toml`: {problem}"
    hint = "it may hold `sources`, `output`, `strict`, `runtime` and `[lint]`; `output` lies outside of `sources`"
    problem: str


class Workspace(Record):
    """Where sources are and where outputs go. Paths in messages and artifacts are relative to `root`."""

    root: str
    sources: str = "pipelines"
    output: str = "build"
    strict: bool = False
    runtime: str = ""
    """Reference of the RuntimeCapability that everything must run on; empty where none is named."""
    runtime_at: Span | None = None
    """Where the runtime is named; None where nobody wrote it down."""
    lint: dict[str, Any] = {}
    """Rule → level, as written; the driver leaves what is sound of it."""
    lint_at: dict[str, Span] = {}
    """Where each rule is named."""
    scanned: bool = True
    """Whether its files are sources; false where sources are put in by hand and the folder only holds assets."""

    def files(self, sink: DiagnosticSink) -> Iterator[str]:
        """Relative paths of all source files, sorted. `assets`, pinned objects and workspaces inside are left out."""
        if not self.scanned:
            return
        top = os.path.join(self.root, self.sources)
        inside = tuple(os.path.realpath(one).rstrip(os.sep) + os.sep for one in (self.root, top))
        for folder, folders, names in os.walk(top, onerror=partial(self._report_folder, sink)):
            relative = os.path.relpath(folder, top).replace(os.sep, "/")
            folders[:] = sorted(name for name in folders if not _is_left_out(relative, name))
            try:
                links = _links_in(folder)
            except OSError as error:
                self._report_folder(sink, error)
                continue
            sources = [name for name in names if name.endswith(SUFFIXES) and not name.startswith(".")]
            for name in sorted(
                [*folders, *sources]
            ):  # a link to a folder is not followed, but must not lead out either
                path = f"{self.sources}/{name}" if relative == "." else f"{self.sources}/{relative}/{name}"
                if name in links and not os.path.realpath(os.path.join(folder, name)).startswith(inside):
                    sink.report(LinkOutOfWorkspace(at=file_span(Source(path, "", b"")), subject=path))
                elif not _is_text(path):  # no artifact could name it
                    at = file_span(Source(path, "", b""))
                    sink.report(UnreadableFile(at=at, subject=path, reason="its name is not UTF-8"))
                elif name not in folders:
                    yield path

    def _report_folder(self, sink: DiagnosticSink, error: OSError) -> None:
        """A folder whose files cannot be listed; a workspace may well have no sources yet."""
        path = os.path.relpath(error.filename or self.root, self.root).replace(os.sep, "/")
        if path != self.sources or not isinstance(error, FileNotFoundError):
            sink.report(UnreadableFile(at=file_span(Source(path, "", b"")), subject=path, reason=_reason(error)))

    def lists(self, path: str) -> bool:
        """Whether `files` would list a file of this name, if there were one."""
        inside = path.removeprefix(f"{self.sources}/")
        if inside == path or not path.endswith(SUFFIXES):
            return False
        steps = inside.split("/")
        folders = ["/".join(steps[:index]) or "." for index in range(len(steps) - 1)]
        return not steps[-1].startswith(".") and not any(map(_is_left_out, folders, steps))

    def read(self, path: str, sink: DiagnosticSink) -> bytes | None:
        """Bytes of a source file; reported and None where it cannot be read."""
        return read_file(os.path.join(self.root, path), path, sink)

    def pinned_object(self, digest: str) -> bytes | None:
        """What an artifact said when it was pinned; None where that was not kept."""
        name = digest.removeprefix("sha256:")
        try:
            with open(os.path.join(self.root, self.sources, OBJECTS, f"{name}.json"), "rb") as file:
                return file.read(FILE_SIZE_MAX)
        except OSError:
            return None

    def asset_digest(self, path: str) -> Digest | None:
        """Digest of a file under `assets/`; None where there is none, or where it lies elsewhere."""
        top = os.path.realpath(os.path.join(self.root, self.sources, "assets"))
        try:
            full = os.path.realpath(os.path.join(top, path))
            if not full.startswith(top + os.sep):
                return None
            with open(_opened(full)[0], "rb", buffering=0) as file:
                return digest_chunks(iter(lambda: file.read(2**20), b""))
        except (OSError, ValueError):  # the latter where a path holds a NUL
            return None


def _links_in(folder: str) -> set[str]:
    """The names in a folder that are links; to ask the system for each would be dear."""
    with os.scandir(folder) as entries:
        return {entry.name for entry in entries if entry.is_symlink()}


def read_file(place: str, path: str, sink: DiagnosticSink) -> bytes | None:
    """Bytes of a file that findings call `path`; reported and None where it cannot be read."""
    try:
        file, size = _opened(place)
        try:
            # One byte more than allowed says that there is more. To ask for far more than there is would be dear: room
            # is made for all of it.
            return os.read(file, min(size, FILE_SIZE_MAX) + 1)
        finally:
            os.close(file)
    except OSError as error:
        sink.report(UnreadableFile(at=file_span(Source(path, "", b"")), subject=path, reason=_reason(error)))
        return None


def _opened(path: str) -> tuple[int, int]:
    """A regular file, opened for reading, and its size; a pipe in its place would be waited for, for ever."""
    file = os.open(path, _READING)
    found = os.fstat(file)
    if stat.S_ISREG(found.st_mode):
        return file, found.st_size
    os.close(file)
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    raise OSError(errno.EINVAL, "it is no regular file", path)


_READING = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def find_workspace(start: str, sink: DiagnosticSink) -> Workspace | None:
    """The workspace around a folder; None where there is none upwards."""
    folder = os.path.realpath(start)
    while True:
        if os.path.isfile(os.path.join(folder, CONFIG_FILE)):
            return _configured(folder, sink)
        if os.path.isdir(os.path.join(folder, "pipelines")):
            return Workspace(root=folder)
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent


def _is_text(path: str) -> bool:
    """Whether a path can be written down; bytes that are no UTF-8 stand in it as halves of surrogate pairs."""
    return path.isascii() or not any("\ud800" <= character <= "\udfff" for character in path)


def _is_left_out(relative: str, name: str) -> bool:
    top = relative.split("/", 1)[0] if relative != "." else name
    return (
        top in ("assets", "examples")
        or (relative == "bundles" and name == "objects")
        or name.startswith(".")
        or name == "__pycache__"
    )


def _config_bytes(path: str) -> tuple[bytes, str]:
    """The bytes of the configuration file, or why they cannot be had."""
    try:
        with open(path, "rb") as file:
            text = file.read(CONFIG_SIZE_MAX + 1)
    except OSError as error:
        return b"", _reason(error)
    if len(text) > CONFIG_SIZE_MAX:
        return b"", f"larger than {CONFIG_SIZE_MAX} bytes"
    return text, ""


def _configured(root: str, sink: DiagnosticSink) -> Workspace:
    import tomllib  # only where there is a configuration file

    text, reason = _config_bytes(os.path.join(root, CONFIG_FILE))
    source = Source(CONFIG_FILE, text.decode("utf-8", "replace"), text)

    def refuse(problem: str, at: Span) -> Workspace:
        sink.report(MalformedConfigFile(at=at, problem=problem))
        return Workspace(root=root)

    if reason:
        return refuse(reason, file_span(source))
    try:
        config = tomllib.loads(source.text)
    except RecursionError:
        return refuse("nested too deeply", file_span(source))
    except tomllib.TOMLDecodeError as error:
        return refuse(*_toml_mistake(str(error), source))
    except ValueError:  # a number of more digits than Python reads
        return refuse("a number is out of range", file_span(source))
    sound: dict[str, Any] = {}
    for key, value in config.items():
        problem = _config_problem(key, value, root)
        if problem is None:
            sound[key] = value
        else:
            refuse(problem, _key_span(key, source))
    made = Workspace(root=root, **sound)
    overlap = _overlap(made)
    if overlap is not None:
        refuse(overlap, _key_span("output" if "output" in sound else "sources", source))
        sound.pop("output", None)
    if "runtime" in sound:
        sound["runtime_at"] = _key_span("runtime", source)
    if sound.get("lint"):
        sound["lint_at"] = {str(name): _key_span(str(name), source) for name in sound["lint"]}
    return Workspace(root=root, **sound)


def _overlap(workspace: Workspace) -> str | None:
    """How sources and output lie in each other: a build would then read, or clear away, what it wrote."""
    sources, output = (
        os.path.realpath(os.path.join(workspace.root, one)) for one in (workspace.sources, workspace.output)
    )
    if os.path.commonpath((sources, output)) not in (sources, output):
        return None
    outer, inner = ("sources", "output") if output.startswith(sources) else ("output", "sources")
    if sources == output:
        return "`output` is the folder of the sources"
    return f"`{inner}` lies inside `{outer}`"


_CONFIG_KINDS: dict[str, tuple[type, str]] = {
    "sources": (str, "a text"),
    "output": (str, "a text"),
    "strict": (bool, "true or false"),
    "runtime": (str, "a text"),
    "lint": (dict, "a table"),
}


def _config_problem(key: str, value: Any, root: str) -> str | None:
    """What is wrong with an entry of `rsppc.toml`; None where nothing is."""
    if key not in _CONFIG_KINDS:
        return f"there is no key `{key[:60]}`"
    kind, name = _CONFIG_KINDS[key]
    if type(value) is not kind:
        return f"`{key}` must be {name}"
    if key == "runtime":
        return None if parse_ref(str(value)) is not None else "`runtime` must be a reference, as in `rspp_go/v1`"
    if isinstance(value, str) and (
        os.path.isabs(value) or ".." in value.split("/") or not value.isprintable() or not value
    ):
        return f"`{key}` must be a folder inside the workspace"
    if key == "sources" and isinstance(value, str) and not os.path.isdir(os.path.join(root, value)):
        return f"there is no folder `{value}`"  # a check of nothing would find nothing
    return None


def _key_span(key: str, source: Source) -> Span:
    """Where a key stands at the beginning of a line; the file as a whole where it is written otherwise."""
    found = re.search(rf"^[ \t]*(?:\[[ \t]*)?(\"?{re.escape(key)}\"?)[ \t]*[=\].]", source.text, re.MULTILINE)
    return file_span(source) if found is None else Span(source=source, start=found.start(1), end=found.end(1))


def _toml_mistake(said: str, source: Source) -> tuple[str, Span]:
    """What the TOML reader says, and the place that it speaks of."""
    found = re.fullmatch(r"(?P<what>.*) \(at line (?P<line>\d+), column (?P<column>\d+)\)", said, re.DOTALL)
    what = said if found is None else found["what"]
    problem = f"it cannot be read as TOML: {what[:1].lower()}{what[1:]}"
    if found is None:
        return problem, file_span(source)
    start = source.offset(int(found["line"]), int(found["column"]))
    return problem, Span(source=source, start=start, end=start + 1)


def _reason(error: OSError) -> str:
    match error:
        case FileNotFoundError():
            return "it is not there"
        case PermissionError():
            return "permission denied"
        case IsADirectoryError():
            return "it is a folder"
        case _:
            return (error.strerror or "input/output error").lower()
