"""The place that a reference names, opened."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rsppc.oci.credentials import credentials_for
from rsppc.oci.host import RegistryHost
from rsppc.oci.layout import Layout
from rsppc.oci.places import Place
from rsppc.oci.proxies import proxy_of
from rsppc.oci.reference import Reference


@contextmanager
def opened_place(
    reference: Reference,
    settings: Mapping[str, str],
    *,
    plain_http: bool,
    proxy_for: Callable[[str, str], str],
) -> Iterator[Place]:
    """A folder, or a repository with the credentials that the settings or the usual files have for it. `proxy_for`
    gives the address of the proxy for a scheme and a host, empty where there is none."""
    if not reference.host:
        yield Layout(reference.path)
        return
    credentials = credentials_for(reference.host, reference.path, settings)
    host = RegistryHost(reference, credentials, plain_http=plain_http, proxy_for=lambda *to: proxy_of(proxy_for(*to)))
    try:
        yield host
    finally:
        host.close()
