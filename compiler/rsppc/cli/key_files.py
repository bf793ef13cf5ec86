"""Keys in files: made once, readable by their owner alone, and never written over."""

from __future__ import annotations

import os
import stat
from contextlib import suppress

import click

from rsppc.cli.session import fault, usage
from rsppc.signing.keys import KEY_SIZE_MAX, Algorithm, KeyProblem, SigningKey, generated, read_private

PUBLIC_SUFFIX = ".pub"


def passphrase_of(variable: str | None) -> bytes | None:
    """The passphrase in an environment variable; a command line would show it to everybody on the machine."""
    if variable is None:
        return None
    text = os.environ.get(variable, "")
    if not text:
        usage(f"the environment variable `{variable[:80]}` holds no passphrase")
    return os.fsencode(text)


def make_pair(path: str, algorithm: Algorithm, passphrase: bytes | None) -> SigningKey:
    """A fresh pair in `path` and `path.pub`; neither may be there."""
    public_path = path + PUBLIC_SUFFIX
    for one in (path, public_path):
        if os.path.lexists(one):
            usage(f"`{one}` is there already", "a key is never written over: name another file")
    pair = generated(algorithm)
    try:
        _write_new(path, pair.pem(passphrase), 0o600)
        try:
            _write_new(public_path, pair.public.pem(), 0o644)
        except OSError:
            with suppress(OSError):
                os.unlink(path)
            raise
    except OSError as error:
        fault(f"cannot write `{error.filename or path}`: {(error.strerror or 'input/output error').lower()}")
    return pair


def _write_new(path: str, data: bytes, mode: int) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(file, "wb") as stream:
        os.fchmod(file, mode)  # a umask only takes away, and may take what the owner needs
        stream.write(data)
        stream.flush()
        os.fsync(file)


def signing_key(path: str, passphrase: bytes | None) -> SigningKey:
    """The pair in a file; ends the command where there is none that can be used."""
    try:
        with open(path, "rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            data = file.read(KEY_SIZE_MAX)
    except (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError) as error:
        usage(f"the key `{path}` cannot be read: {(error.strerror or 'input/output error').lower()}")
    except OSError as error:
        fault(f"the key `{path}` cannot be read: {(error.strerror or 'input/output error').lower()}")
    if mode & 0o077:
        click.echo(f"rsppc: warning: others may read the key `{path}`; run `chmod 600 {path}`", err=True)
    try:
        return read_private(data, passphrase)
    except KeyProblem as problem:
        usage(f"`{path}` cannot sign: {problem}", "a passphrase is given with `--passphrase-env`")
