"""Which compiler this is: one digest for everything that decides about results besides their inputs."""

from __future__ import annotations

import os
import sys
from hashlib import sha256
from typing import TYPE_CHECKING

from rsppc.base.digest import digest_bytes
from rsppc.resources import folder

if TYPE_CHECKING:
    from hashlib import _Hash as Hash

_SHIPPED = ("grammar", "pipelines")
_NO_PART = ("schemas", "templates", "pages", "manual")
"""What ships and has no say in a check or a build; in a checkout these folders stand elsewhere."""
_LIBRARIES = ("cel_expr_python", "click", "lark", "markdown_it", "msgspec", "yaml")


def compiler_stamp() -> tuple[str, int]:
    """One digest for this machine: the compiler as it is installed, the library that ships with it, the libraries that
    it uses, and Python.

    Files stand in it with their size, number and times, not with their content: Python itself takes no closer look
    before it runs compiled code, and reading all of them would cost more than it saves in a small workspace. The
    time of the newest file comes with it.
    """
    lines = [sys.version, sys.implementation.cache_tag or ""]
    folders = {_own_folder(), *(folder(name) for name in _SHIPPED)}
    outer = [one for one in sorted(folders) if not any(one.startswith(other + os.sep) for other in folders)]
    newest = max(_stamp_folder(top, lines) for top in outer)
    for library in _LIBRARIES:
        _stamp_folder(_library_folder(library), lines, deep=False)
    return digest_bytes("\n".join(lines).encode("utf-8", "surrogateescape")), newest


def compiler_digest() -> str:
    """The same for every machine that has the same: one digest of the content of all of these files.

    It takes a third of a second, most of it for the library of conditions, and is for what leaves this machine.
    """
    from platform import machine  # only where something leaves this machine

    python = [sys.version.split()[0], sys.implementation.name, sys.platform, machine()]
    made = sha256("\n".join(python).encode())
    data = tuple(os.path.join(_own_folder(), name) for name in (*_SHIPPED, *_NO_PART))
    _take_in(made, "rsppc", _own_folder(), left_out=data)
    for name in _SHIPPED:
        _take_in(made, name, folder(name))
    for library in _LIBRARIES:
        _take_in(made, library, _library_folder(library))
    return f"sha256:{made.hexdigest()}"


def _own_folder() -> str:
    import rsppc

    return os.path.dirname(os.path.abspath(rsppc.__file__ or ""))


def _library_folder(library: str) -> str:
    places = (os.path.join(one, library) for one in sys.path)  # to ask importlib where it is would import a lot
    return next(filter(os.path.isdir, places), _own_folder())


def _take_in(made: Hash, name: str, path: str, *, left_out: tuple[str, ...] = ()) -> None:
    """Add the names and the content of all files below a folder."""
    for entry in sorted(os.scandir(path), key=lambda one: one.name):
        inside = f"{name}/{entry.name}"
        if entry.is_dir():
            if entry.name != "__pycache__" and entry.path not in left_out:
                _take_in(made, inside, entry.path)
        elif not entry.name.endswith(".pyc"):
            with open(entry.path, "rb") as file:
                content = file.read()
            made.update(f"{inside} {len(content)}\n".encode("utf-8", "surrogateescape"))
            made.update(content)


def _stamp_folder(path: str, lines: list[str], *, deep: bool = True) -> int:
    """Add lines about the files in a folder; the time of the newest comes back."""
    newest = 0
    for entry in sorted(os.scandir(path), key=lambda one: one.name):
        if entry.is_dir():
            if deep and entry.name != "__pycache__":
                newest = max(newest, _stamp_folder(entry.path, lines))
        elif not entry.name.endswith(".pyc"):
            found = entry.stat()
            newest = max(newest, found.st_mtime_ns, found.st_ctime_ns)
            lines.append(f"{entry.path} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}")
    return newest
