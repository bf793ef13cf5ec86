"""Sources of a git revision, read from the object store of the repository: no checkout, no network, no hooks.

Blobs are taken as they are. `git archive` is not used, since attributes of the repository may leave files out of it or
rewrite them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import NoReturn

from rsppc.base.record import Record
from rsppc.cli.session import fault, usage
from rsppc.diagnostics import DiagnosticSink
from rsppc.workspace import CONFIG_FILE, FILE_SIZE_MAX, Workspace, find_workspace

_LINK, _FILES = b"120000", (b"100644", b"100755", b"120000")
_TOTAL_MAX = 2**30


class Revision(Record):
    """A commit, by the name that the user gave it and by its id."""

    name: str
    commit: str


class _Blob(Record):
    mode: bytes
    object: bytes
    path: str


def find_revision(name: str, folder: str) -> Revision | None:
    """The commit that a name leads to in the repository around a folder; None where it leads to none."""
    found = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    return Revision(name=name, commit=found.stdout.decode().strip()) if found.returncode == 0 else None


def has_repository(folder: str) -> bool:
    """Whether there is a repository around a folder, and a git that can read it."""
    return shutil.which("git") is not None and _git(folder, "rev-parse", "--git-dir").returncode == 0


def why_unknown(folder: str) -> str:
    """What keeps names of revisions from being known here; empty where nothing does."""
    if shutil.which("git") is None:
        return "there is no program `git` here that could know it as a revision"
    if _git(folder, "rev-parse", "--is-shallow-repository").stdout.strip() == b"true":
        return "this clone is shallow: fetch the revision first, as `git fetch --unshallow` does"
    return ""


def below_workspace(path: str, folder: str) -> str:
    """A path from the top of the repository, as git takes it behind a revision, as one below a folder."""
    said = _git(folder, "rev-parse", "--show-prefix")
    prefix = os.fsdecode(said.stdout.removesuffix(b"\n")) if said.returncode == 0 else ""
    return path.removeprefix(prefix)


def revision_named(name: str, folder: str) -> Revision:
    """The commit that a name leads to; ends the command where there is no git, no repository, or no such commit."""
    if shutil.which("git") is None:
        usage(f"`{name}` is to be read from git, and there is no program `git` here", "install git, or name a folder")
    inside = _git(folder, "rev-parse", "--git-dir")
    if inside.returncode:
        _refuse(name, inside.stderr)
    found = find_revision(name, folder)
    if found is None:
        usage(f"git knows no revision `{name}`", why_unknown(folder) or "name a branch, a tag or a commit")
    return found


@contextmanager
def sources_of(revision: Revision, folder: str) -> Iterator[Workspace]:
    """The workspace in a folder as it was at a revision, in a place that is gone afterwards."""
    with TemporaryDirectory(prefix="rsppc-") as place:
        place = os.path.realpath(place)
        _extract(revision, folder, CONFIG_FILE, place)
        sources = _sources_named(os.path.join(place, CONFIG_FILE))
        if not _extract(revision, folder, sources, place):
            is_workspace = find_workspace(folder, DiagnosticSink()) is not None
            somewhere = "the workspace may have been somewhere else at that revision"
            usage(
                f"`{revision.name}` has no sources in `{sources}`",
                somewhere if is_workspace else "run it in the folder of a workspace",
            )
        workspace = find_workspace(place, DiagnosticSink())
        assert workspace is not None, "the folder of the sources makes a workspace"
        yield workspace


def _sources_named(config: str) -> str:
    """The folder of the sources by a configuration file, which need not be there; what is wrong with it is said where
    the workspace is opened."""
    try:
        with open(config, "rb") as file:
            said = tomllib.load(file).get("sources")
    except (FileNotFoundError, ValueError, RecursionError):
        said = None
    return said if isinstance(said, str) and said else Workspace(root="").sources


def _extract(revision: Revision, folder: str, below: str, place: str) -> int:
    """Write the files of a revision below a path of a folder; gives their number."""
    blobs = [*_listed(revision, folder, below)]
    if not blobs:
        return 0
    asked = b"".join(blob.object + b"\n" for blob in blobs)
    sizes = _git(folder, "cat-file", "--batch-check=%(objectsize)", data=asked)
    total = sum(int(line) for line in sizes.stdout.split(b"\n") if line.isdigit())
    if total > _TOTAL_MAX:
        fault(f"`{revision.name}` has more than {_TOTAL_MAX >> 20} MiB of sources")
    answer = _git(folder, "cat-file", "--batch", data=asked)
    if answer.returncode:  # a partial clone lacks what was never fetched
        said = _reason(answer.stderr)
        fault(f"not all files of `{revision.name}` are in this clone: {said}", "fetch the revision as a whole")
    data, start = answer.stdout, 0
    for blob in blobs:
        end = data.index(b"\n", start)
        header = data[start:end].split()
        if len(header) != 3:
            fault(f"`{blob.path}` of `{revision.name}` is not in this clone", "fetch the revision as a whole")
        start = end + 1 + int(header[2])
        _write(place, blob, data[end + 1 : start])
        start += 1
    return len(blobs)


def _listed(revision: Revision, folder: str, below: str) -> Iterator[_Blob]:
    only = () if below == "." else (below.rstrip("/"),)
    listed = _git(folder, "ls-tree", "-r", "-z", revision.commit, "--", *only)
    if listed.returncode:
        _refuse(revision.name, listed.stderr)
    for line in listed.stdout.split(b"\0"):
        facts, _, path = line.partition(b"\t")
        if path:
            mode, _, name = facts.split()
            inside = not {b"", b".", b"..", b".git"}.intersection(path.split(b"/"))
            if mode in _FILES and inside:  # what is left out is a module of another repository, or no honest path
                yield _Blob(mode=mode, object=name, path=os.fsdecode(path))


def _write(place: str, blob: _Blob, data: bytes) -> None:
    path = os.path.join(place, blob.path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if blob.mode == _LINK:
        os.symlink(os.fsdecode(data), path)  # one that leads out of the workspace is refused where it is read
        return
    with open(path, "xb") as file:
        file.write(data[: FILE_SIZE_MAX + 1] if path.endswith((".yaml", ".json", ".rspp")) else data)


_OF_ANOTHER_REPOSITORY = {
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR"),
    *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_CONFIG_PARAMETERS"),
}
"""What hooks set for the repository that they run in, from another folder than ours."""


def _git(folder: str, *arguments: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a command of git that only reads; whatever it would fetch from elsewhere is refused."""
    kept = {name: value for name, value in os.environ.items() if name not in _OF_ANOTHER_REPOSITORY}
    quiet = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "LC_ALL": "C"}
    try:
        return subprocess.run(
            ["git", "--literal-pathspecs", "-c", "protocol.allow=never", *arguments],
            cwd=folder,
            env={**kept, **quiet},
            input=data,
            capture_output=True,
            check=False,
        )
    except OSError as error:
        fault(f"git cannot be run: {(error.strerror or 'input/output error').lower()}")


def _refuse(name: str, said: bytes) -> NoReturn:
    usage(f"`{name}` cannot be read from git: {_reason(said)}")


def _reason(said: bytes) -> str:
    """Why git gave up, in its own words."""
    lines = said.decode("utf-8", "replace").strip().splitlines()
    told = [line for line in lines if not line.startswith(("warning: ", "hint: "))]
    return (told or lines or ["it gives no reason"])[0].removeprefix("fatal: ")
