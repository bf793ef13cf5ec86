"""What `rsppc push` and `rsppc pull` have in common: the place that a word names, and its options."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.request import getproxies, proxy_bypass

import click

if TYPE_CHECKING:
    from rsppc.oci.places import Place
    from rsppc.oci.reference import Reference

_Command = TypeVar("_Command", bound=Callable[..., Any])


def plain_http_option(command: _Command) -> _Command:
    """Give a command `--plain-http`."""
    text = "Talk to the registry without TLS; this machine itself needs no such permission."
    return click.option("--plain-http", is_flag=True, help=text)(command)


@contextmanager
def place_named(reference: Reference, *, plain_http: bool) -> Iterator[Place]:
    """The place, with credentials and proxies as the environment has them."""
    from rsppc.oci.opening import opened_place

    with opened_place(reference, os.environ, plain_http=plain_http, proxy_for=_proxy_for) as place:
        yield place


def _proxy_for(scheme: str, host: str) -> str:
    """The proxy that the environment names; whoever answers may send elsewhere, so each host is asked for."""
    return "" if proxy_bypass(host) else getproxies().get(scheme, "")
