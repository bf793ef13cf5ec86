"""Whom a command is told to trust: public keys that are named, and a policy file.

The policy is read and, with `--remember`, replaced as a whole; whoever writes it holds a lock on its folder meanwhile.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import click
import msgspec

from rsppc.base.canonical_json import readable
from rsppc.cli.distributing import read_input
from rsppc.cli.naming import options_of_text
from rsppc.cli.session import exit_code, fault, report, usage
from rsppc.diagnostics import DiagnosticSink
from rsppc.evidence.moment import read_moment
from rsppc.evidence.reading import MalformedMoment
from rsppc.lowering.check_shape import sound_mapping
from rsppc.model.trust import TRUST
from rsppc.signing.bundles import Verified
from rsppc.signing.envelope import from_base64
from rsppc.signing.keys import PublicKey, read_public
from rsppc.signing.refusals import refused
from rsppc.signing.trust import Remembered, Trust, TrustedKey
from rsppc.store.places import sync_folder
from rsppc.syntax.document import Mapping
from rsppc.syntax.json_reader import read_json
from rsppc.syntax.source_text import read_source

try:
    import fcntl
except ImportError:  # no such locks on this system
    fcntl = None  # type: ignore[assignment]


def trusted(keys: Sequence[str], policy: str | None) -> Trust:
    """What the caller trusts; ends the command where that is nothing, or cannot be read."""
    if not keys and policy is None:
        usage("nobody says whom to trust", "name a public key with `--key`, or a policy with `--policy`")
    named = [TrustedKey(public=read_public(read_input(path), path), identity=f"`{path}`") for path in keys]
    if policy is None:
        return Trust(keys=_once(named))
    stated = _read_policy(policy)
    return Trust(keys=_once([*named, *stated.keys]), valid_until=stated.valid_until, remembered=stated.remembered)


def remember(policy: str, verified: Verified) -> bool:
    """Write into a policy that a bundle was verified; False where it says so already. Refused where the policy has
    learnt of a later one in the meantime."""
    with _locked(policy):
        stated = _read_policy(policy)
        stated.check_rollback(verified.bundle_id, verified.version, verified.digest)
        kept = stated.remembering(verified.bundle_id, verified.version, verified.digest)
        if kept == stated.remembered:
            return False
        value: dict[str, Any] = msgspec.json.decode(read_input(policy))
        value["remembered"] = {name: msgspec.to_builtins(one) for name, one in kept.items()}
        _replace(policy, readable(value))
    return True


def _once(keys: Sequence[TrustedKey]) -> tuple[TrustedKey, ...]:
    """The keys, of which each stands there once: two entries would leave open which of them holds."""
    seen: dict[str, TrustedKey] = {}
    for one in keys:
        if one.public.keyid in seen:
            other = seen[one.public.keyid].identity
            raise refused("key-malformed", f"{one.identity} and {other} are one key", "name it once")
        seen[one.public.keyid] = one
    return tuple(keys)


def _read_policy(path: str) -> Trust:
    sink = DiagnosticSink()
    source = read_source(path, read_input(path), sink)
    root = read_json(source, sink).root if source is not None else None
    if root is not None and not sink.has_errors:
        sound_mapping(root, TRUST, sink)
    moments = _moments(root, sink) if root is not None and not sink.has_errors else {}
    if root is None or sink.has_errors:
        code = exit_code(report(sink.sorted(), (), options_of_text()))
        raise click.exceptions.Exit(code or 1)
    return Trust(
        keys=tuple(_key(one, path, moments.get(id(one))) for one in root["keys"]),
        valid_until=moments.get(id(root)),
        remembered={name: Remembered(**one) for name, one in (root.get("remembered") or {}).items()},
    )


def _moments(root: Mapping, sink: DiagnosticSink) -> dict[int, datetime]:
    """Points in time by the mapping that states them."""
    found: dict[int, datetime] = {}
    for mapping, key in ((root, "valid_until"), *((one, "expires") for one in root["keys"])):
        if key not in mapping:
            continue
        moment = read_moment(mapping[key])
        if moment is None:
            sink.report(MalformedMoment(at=mapping.value_span(key), written=mapping[key]))
        else:
            found[id(mapping)] = moment
    return found


def _key(one: Mapping, policy: str, expires: datetime | None) -> TrustedKey:
    return TrustedKey(public=_public(one, policy), identity=one["identity"], roles=tuple(one["roles"]), expires=expires)


def _public(one: Mapping, policy: str) -> PublicKey:
    if "key_file" in one:
        path = os.path.join(os.path.dirname(policy), one["key_file"])
        return read_public(read_input(path), path)
    der = from_base64(one["public_key"])
    if der is None:
        what = f"the key of {one['identity']} in `{policy}` is no base64"
        raise refused("key-malformed", what, "write what stands between the lines of its PEM, without line ends")
    return read_public(der, f"the key of {one['identity']}")


@contextmanager
def _locked(policy: str) -> Iterator[None]:
    """Nobody else of this program writes the policy meanwhile."""
    folder = os.open(os.path.dirname(os.path.realpath(policy)), os.O_RDONLY)
    try:
        if fcntl is not None:
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _replace(path: str, data: bytes) -> None:
    """Exchange a policy; where its name is a link, the file that it leads to, which others read as well."""
    path = os.path.realpath(path)
    fresh = f"{path}.fresh-{os.getpid()}"
    try:
        with open(fresh, "xb") as file:
            os.fchmod(file.fileno(), stat.S_IMODE(os.stat(path).st_mode))
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
        sync_folder(os.path.dirname(path))  # what was remembered outlives a power cut
    except OSError as error:
        if os.path.lexists(fresh):
            os.unlink(fresh)
        fault(f"cannot write `{path}`: {(error.strerror or 'input/output error').lower()}; nothing is remembered")
