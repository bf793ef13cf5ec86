"""Sign what was built, and any file.

A bundle is built again before it is signed, so that nothing is stated that was not seen: these files are what these
inputs give with these arguments.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import datetime

import click

from rsppc.cli.attesting import Attested, attested, input_bytes
from rsppc.cli.bundle_files import attestation_folder, bundle_files, first_difference_of
from rsppc.cli.exits import OK
from rsppc.cli.naming import options_of_text
from rsppc.cli.refusing import refuse
from rsppc.cli.session import exit_code, fault, report, usage
from rsppc.cli.turns import bundle_folder, bundle_named
from rsppc.signing.blobs import SUFFIX, TooLarge, signature_of
from rsppc.signing.bundles import PROVENANCE, SBOM
from rsppc.signing.envelope import Envelope, countersigned, read_envelope, sealed, written
from rsppc.signing.keys import SigningKey
from rsppc.signing.refusals import Refusal, Refused
from rsppc.signing.statement import PAYLOAD_TYPE, SHIPPED, Arguments, statement
from rsppc.store.hashing import CHUNK, digests_of
from rsppc.version import VERSION
from rsppc.workspace import Workspace


def sign_bundle(
    workspace: Workspace,
    target: str,
    pair: SigningKey,
    *,
    snapshot: str,
    runtime: str | None,
    strict: bool,
    keep_inputs: str | None,
    now: datetime | None,
) -> int:
    """Write provenance and bill of materials of a built bundle beside it."""
    folder, found = bundle_folder(target), bundle_named(target)
    files = bundle_files(folder)
    arguments = Arguments(
        bundle=f"{found.bundle_id}/{found.version}",
        snapshot=snapshot,
        runtime=runtime or "",
        strict=strict or workspace.strict,
    )
    made, findings = attested(workspace, arguments, now=now)
    if made is None:
        return exit_code(report(findings, (), options_of_text()))
    _check_same(folder, files, made)
    place = attestation_folder(folder)
    envelope = _with_earlier(place, envelope_of(made, pair, now=now), pair)
    if keep_inputs is not None:
        _keep_inputs(workspace, made, keep_inputs)
    # The envelope comes last: until it is there, there is no signature, and nothing that could be believed.
    _write_all(place, {SBOM: made.sbom, PROVENANCE: written(envelope)})
    own = sum(not one.name.startswith(SHIPPED) for one in made.inputs)
    click.echo(f"{made.arguments.bundle} signed by {pair.public.keyid}")
    made_of = f"{own} files of the workspace and {len(made.inputs) - own} that ship with rsppc"
    click.echo(f"  {len(made.files)} files, built from {made_of}")
    click.echo(f"  in {os.path.relpath(place)}")
    return OK


def envelope_of(made: Attested, pair: SigningKey, *, now: datetime | None) -> Envelope:
    """What a builder says of a bundle that was built just now, signed."""
    payload = statement(
        {name: digests_of(data) for name, data in made.files.items()},
        made.arguments,
        made.inputs,
        {SBOM: digests_of(made.sbom)},
        locked=made.locked,
        compiler=VERSION,
        finished_on=now,
    )
    return sealed(PAYLOAD_TYPE, payload, pair)


def _check_same(folder: str, files: Mapping[str, bytes], made: Attested) -> None:
    """Refuse to sign a bundle that the workspace does not build."""
    found = first_difference_of(files, made.files)
    if found is not None:
        what = f"`{os.path.relpath(folder)}` is not what this workspace builds with these arguments: {found}"
        refuse([Refusal(code="rebuild-differs", what=what, advice="run `rsppc build`, or name the arguments it had")])


def _with_earlier(place: str, envelope: Envelope, pair: SigningKey) -> Envelope:
    """The envelope with the signatures of others that stand below the very same statement."""
    try:
        with open(os.path.join(place, PROVENANCE), "rb") as file:
            earlier = read_envelope(file.read(), PROVENANCE)
    except (OSError, Refused):
        return envelope
    same = (earlier.payload_type, earlier.payload) == (envelope.payload_type, envelope.payload)
    return countersigned(earlier, pair) if same else envelope


def _keep_inputs(workspace: Workspace, made: Attested, folder: str) -> None:
    """Keep the inputs of the workspace by their digests, for whoever builds the bundle again."""
    kept = {
        one.sha256.removeprefix("sha256:"): input_bytes(workspace, one)
        for one in made.inputs
        if not one.name.startswith(SHIPPED)
    }
    _write_all(folder, kept)


def sign_file(path: str, pair: SigningKey) -> int:
    """Write `FILE.sig` beside a file."""
    try:
        signature = signature_of(pair, file_pieces(path))
    except TooLarge:
        usage(
            f"`{path}` is too large for ed25519, which must hold all of it", "sign it with a key of `--algorithm p256`"
        )
    except OSError as error:
        fault(f"cannot read `{path}`: {(error.strerror or 'input/output error').lower()}")
    _write_all(os.path.dirname(path), {os.path.basename(path) + SUFFIX: signature})
    click.echo(f"{path} signed by {pair.public.keyid}")
    click.echo(f"  in {path}{SUFFIX}")
    return OK


def file_pieces(path: str) -> Iterable[bytes]:
    """The bytes of a file, a piece at a time."""
    with open(path, "rb") as file:
        while piece := file.read(CHUNK):
            yield piece


def _write_all(folder: str, files: Mapping[str, bytes]) -> None:
    """Write files, in order, each at once."""
    try:
        if folder:
            os.makedirs(folder, exist_ok=True)
        for name, data in files.items():
            path = os.path.join(folder, name)
            fresh = f"{path}.fresh-{os.getpid()}"
            try:
                with open(fresh, "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(fresh, path)
            except OSError:
                if os.path.lexists(fresh):
                    os.unlink(fresh)
                raise
    except OSError as error:
        fault(f"cannot write `{error.filename or folder}`: {(error.strerror or 'input/output error').lower()}")
