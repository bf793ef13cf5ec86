"""The place that a reference names, opened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rsppc.oci.credentials import credentials_for
from rsppc.oci.host import RegistryHost
from rsppc.oci.layout import Layout
from rsppc.oci.places import Place
from rsppc.oci.reference import Reference


@contextmanager
def opened_place(
    reference: Reference, settings: Mapping[str, str], *, plain_http: bool, proxies: Mapping[str, str]
) -> Iterator[Place]:
    """A folder, or a repository with the credentials that the settings or the usual files have for it."""
    if not reference.host:
        yield Layout(reference.path)
        return
    credentials = credentials_for(reference.host, reference.path, settings)
    host = RegistryHost(reference, credentials, plain_http=plain_http, proxies=proxies)
    try:
        yield host
    finally:
        host.close()
