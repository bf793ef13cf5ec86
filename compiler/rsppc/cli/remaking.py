"""Build a bundle again from the inputs that its provenance names, and hold the two against each other.

Only what was verified is built: the statement decides which files are laid out and with which arguments the compiler is
called.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping

import click

from rsppc.base.digest import digest_bytes
from rsppc.cli.attesting import Attested, attested, shipped_name, shipped_workspace
from rsppc.cli.bundle_files import first_difference_of
from rsppc.cli.naming import options_of_text
from rsppc.cli.session import fault, report
from rsppc.diagnostics import DiagnosticSink
from rsppc.evidence.moment import read_moment
from rsppc.signing.bundles import SBOM, Verified
from rsppc.signing.refusals import Refusal, Refused, refused
from rsppc.signing.statement import SHIPPED, Input, Statement
from rsppc.store.paths import path_fault
from rsppc.version import VERSION
from rsppc.workspace import find_workspace

Finder = Callable[[str], bytes | None]
"""Gives content by its SHA-256, `sha256:<64 hex>`; None where nobody has it."""


_INPUT_SIZE_MAX = 1 << 30


def inputs_in(folder: str) -> Finder:
    """The inputs in a folder whose files are named by their digests, as `rsppc sign --inputs` leaves them."""

    def find(sha256: str) -> bytes | None:
        path = os.path.join(folder, sha256.removeprefix("sha256:"))
        if not os.path.isfile(path):  # a pipe would be waited for, for ever
            return None
        try:
            with open(path, "rb") as file:
                return file.read(_INPUT_SIZE_MAX)
        except OSError as error:
            fault(f"cannot read `{error.filename}`: {(error.strerror or 'input/output error').lower()}")

    return find


def check_rebuilt(verified: Verified, files: Mapping[str, bytes], sbom: bytes, find: Finder) -> None:
    """Refuse a bundle that its recorded inputs do not build, byte for byte."""
    stated = verified.statement
    made = _rebuilt(stated, _laid_out(stated, find))
    found = first_difference_of({**files, SBOM: sbom}, {**made.files, SBOM: made.sbom})
    if found is None:
        return
    what = f"`{verified.ref}` is not what its inputs build: {found}"
    reasons = [Refusal(code="rebuild-differs", what=what, advice=_advice(stated))]
    raise Refused([*reasons, *_shipped_faults(stated)])


def other_compiler(stated: Statement) -> str | None:
    """That the bundle was built by another version of the compiler, in words; None where it was not."""
    if stated.compiler == VERSION:
        return None
    return f"it was built by rsppc {stated.compiler}, and this is rsppc {VERSION}; they are compared all the same"


def _advice(stated: Statement) -> str:
    if stated.compiler == VERSION:
        return "do not use it before somebody knows why"
    return f"build it again with rsppc {stated.compiler}, which `pip install rsppc=={stated.compiler}` gives"


def _laid_out(stated: Statement, find: Finder) -> dict[str, bytes]:
    """The inputs of the workspace by path; refused where one is missing, or is not what was recorded."""
    found: dict[str, bytes] = {}
    faults: list[Refusal] = []
    for one in stated.inputs:
        if one.name.startswith(SHIPPED):
            continue
        problem = path_fault(one.name)
        if problem is not None:
            raise refused("payload-malformed", f"an input is named {one.name[:80]!a}: {problem}", "sign again")
        data = find(one.sha256)
        if data is None:
            faults.append(_fault("input-missing", one, "is not there", "fetch it with the others, or name its folder"))
        elif digest_bytes(data) != one.sha256:
            faults.append(_fault("input-differs", one, "is not what was recorded", "fetch it again"))
        else:
            found[one.name] = data
    if faults:
        raise Refused(faults)
    return found


def _fault(code: str, one: Input, what: str, advice: str) -> Refusal:
    said = f"the input `{one.name}` ({one.sha256}) {what}"
    return Refusal(code="input-missing" if code == "input-missing" else "input-differs", what=said, advice=advice)


def _rebuilt(stated: Statement, inputs: Mapping[str, bytes]) -> Attested:
    """The bundle as a workspace of nothing but its inputs builds it."""
    now = read_moment(stated.finished_on) if stated.finished_on is not None else None
    with tempfile.TemporaryDirectory(prefix="rsppc-rebuild-") as folder:
        os.mkdir(os.path.join(folder, "pipelines"))  # what makes it a workspace where there is no `rsppc.toml`
        for name, data in inputs.items():
            path = os.path.join(folder, name)
            try:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "xb") as file:
                    file.write(data)
            except (FileExistsError, NotADirectoryError):
                what = f"the input `{name}` cannot lie beside the others: one is a folder to the other"
                raise refused("payload-malformed", what, "sign again") from None
        sink = DiagnosticSink()
        workspace = find_workspace(folder, sink)
        assert workspace is not None
        try:
            made, findings = attested(workspace, stated.arguments, now=now)
        except click.exceptions.Exit:  # what the arguments name is not among the inputs, which has been said
            made, findings = None, ()
    if made is None:
        report((*sink.sorted(), *findings), (), options_of_text())
        what = f"`{stated.arguments.bundle}` does not compile from its inputs"
        raise refused("rebuild-failed", what, _advice(stated))
    return made


def _shipped_faults(stated: Statement) -> list[Refusal]:
    """Where this compiler ships other files than the one that built the bundle."""
    here = {shipped_name(path): digest for path, digest in shipped_workspace().sight.digests.items()}
    return [
        _fault("input-differs", one, "is another one in this compiler", f"use rsppc {stated.compiler}")
        for one in stated.inputs
        if one.name.startswith(SHIPPED) and here.get(one.name) != one.sha256
    ]
