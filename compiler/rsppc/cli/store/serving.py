"""`rsppc store serve`: a store that programs on other machines use."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import click

from rsppc.cli.clock import time_given
from rsppc.cli.exits import OK
from rsppc.cli.session import usage
from rsppc.cli.storing import refusals, store_folder, store_option
from rsppc.store.problems import StoreProblem

if TYPE_CHECKING:
    from rsppc.serving.tokens import Token

PORT = 8765
_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}


@click.command("serve", epilog="Examples: `rsppc store serve --store /srv/store`, `rsppc store serve --dev`.")
@click.option("--host", metavar="NAME", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option("--port", metavar="N", type=click.IntRange(0, 65535), help=f"{PORT} where left out; 0 is any.")
@click.option("--certificate", metavar="FILE", help="A certificate with its chain (PEM): serve by HTTPS.")
@click.option("--key", metavar="FILE", help="The certificate's private key (PEM).")
@click.option("--file-size-max", metavar="SIZE", default="512M", show_default=True, help="Largest file that is taken.")
@click.option("--dev", is_flag=True, help="A fresh store, and a token for everything, on this machine only.")
@store_option
def SERVE_COMMAND(
    host: str,
    port: int | None,
    certificate: str | None,
    key: str | None,
    file_size_max: str,
    dev: bool,
    store: str | None,
) -> int:
    """Serve a store by HTTP until interrupted. Nobody is let in without a token of `rsppc store token`."""
    try:
        from rsppc.serving import server  # an extra, and its libraries take their time
        from rsppc.serving.limits import Limits
        from rsppc.serving.service import Service
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.startswith("rsppc"):
            raise
        usage("the server is not installed", "run `pip install 'rsppc[serve]'`")
    from rsppc.store.registry import opened

    if (certificate is None) != (key is None):
        usage("`--certificate` and `--key` go together")
    for file in (certificate, key):
        if file is not None and not os.path.isfile(file):
            usage(f"there is no file `{file}`")
    limits = Limits(file_size_max=_size(file_size_max))
    with refusals():
        if certificate is not None and key is not None:
            server.check_certificate(certificate, key)
        if port is None:
            bound = free_port(server.listen, host) if dev else server.listen(host, PORT)
        else:
            bound = server.listen(host, port)
        if dev and not server.is_loopback(bound):
            usage(f"`--dev` is for this machine only, and `{host}` is not", "leave out `--host`")
        folder = _fresh_store() if dev and store is None else store_folder(store)
        with opened(folder):
            pass  # a store that cannot be used is said now
        others, text = _everything() if dev else ((), None)
        service = Service(folder, partial(time_given, None), limits=limits, others=others)
        click.echo(f"store    {folder}")
        click.echo(f"address  {server.address_of(bound, encrypted=certificate is not None)}")
        if text is not None:
            click.echo(f"token    {text}")
        _warn(folder, dev=dev, clear=certificate is None and not server.is_loopback(bound))
        server.serve(service, bound, certificate=certificate, key=key)
    return OK


def free_port(listen: Callable[[str, int], socket.socket], host: str) -> socket.socket:
    """The usual port, or any where that is taken: a store for trying is told by the address that is printed."""
    try:
        return listen(host, PORT)
    except StoreProblem:
        return listen(host, 0)


def _fresh_store() -> str:
    """A store of its own, which stays when the server ends: what was recorded of it can still be looked up."""
    from rsppc.store.config import Config
    from rsppc.store.registry import init_store

    folder = tempfile.mkdtemp(prefix="rsppc-dev-store-")
    init_store(folder, Config())
    return folder


def _everything() -> tuple[tuple[Token, ...], str]:
    """A token with every role that lives as long as this process."""
    from rsppc.serving.tokens import ROLES, new_token

    token, text = new_token(tenant="default", roles=ROLES, at=time_given(None), name="dev")
    return (token,), text


def _warn(folder: str, *, dev: bool, clear: bool) -> None:
    from rsppc.serving.tokens import tokens

    if clear:
        click.echo("rsppc: tokens travel in the clear; give `--certificate`, or put a proxy in front", err=True)
    if not dev and not tokens(folder):
        click.echo("rsppc: the store has no token, so that nobody is let in", err=True)
        click.echo("  `rsppc store token add --role publisher` makes one", err=True)


def _size(text: str) -> int:
    number, unit = (text[:-1], text[-1:].upper()) if text[-1:].isalpha() else (text, "")
    if not (number.isascii() and number.isdigit() and len(number) < 13 and unit in _UNITS):
        usage(f"`--file-size-max {text[:40]}` is no size", "write it as in `512M` or `8G`")
    return int(number) * _UNITS[unit]
