"""Where objects are kept: a URL, and what a service needs to know of its caller."""

from __future__ import annotations

import re
from collections.abc import Mapping

from rsppc.base.record import Record
from rsppc.objects.protocol import is_key

_BUCKET = re.compile(r"[a-z0-9](?:[a-z0-9.-]{1,61})[a-z0-9]")
_ENDPOINT = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+/?")
_REGION = "us-east-1"


class Place(Record):
    """A bucket, perhaps a prefix in it, and how it is reached."""

    bucket: str
    prefix: str = ""
    endpoint: str = ""
    """Of a service of one's own; empty for Amazon's."""
    region: str = _REGION
    key_id: str = ""
    """Empty where requests are not signed."""
    secret: str = ""
    token: str = ""

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}" if self.prefix else f"s3://{self.bucket}"

    def __repr__(self) -> str:  # a secret is not to stand in a traceback
        return f"Place({self.url!r})"


class BadPlace(Record):
    """Why a URL or a setting is none."""

    problem: str
    advice: str


def place_of(url: str, settings: Mapping[str, str]) -> Place | BadPlace:
    """The place that a URL names, with the settings of the standard names: `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`,
    `AWS_REGION` or `AWS_DEFAULT_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`."""
    scheme, _, rest = url.partition("://")
    bucket, _, prefix = rest.partition("/")
    prefix = prefix.rstrip("/")
    if scheme != "s3" or not _BUCKET.fullmatch(bucket) or (prefix and not is_key(prefix)):
        return BadPlace(problem=f"`{_shown(url)}` names no place for objects", advice="write `s3://BUCKET/PREFIX`")
    endpoint = settings.get("AWS_ENDPOINT_URL_S3") or settings.get("AWS_ENDPOINT_URL") or ""
    if endpoint and not _ENDPOINT.fullmatch(endpoint):
        return BadPlace(problem="`AWS_ENDPOINT_URL` is no address", advice="write `https://HOST` or `http://HOST:PORT`")
    key_id, secret = settings.get("AWS_ACCESS_KEY_ID", ""), settings.get("AWS_SECRET_ACCESS_KEY", "")
    if bool(key_id) != bool(secret):
        missing = "AWS_SECRET_ACCESS_KEY" if key_id else "AWS_ACCESS_KEY_ID"
        return BadPlace(problem=f"`{missing}` is not set, and its other half is", advice="set both, or neither")
    return Place(
        bucket=bucket,
        prefix=prefix,
        endpoint=endpoint.rstrip("/"),
        region=settings.get("AWS_REGION") or settings.get("AWS_DEFAULT_REGION") or _REGION,
        key_id=key_id,
        secret=secret,
        token=settings.get("AWS_SESSION_TOKEN", "") if key_id else "",
    )


def _shown(url: str) -> str:
    """A URL without what stands before an `@`, which may be a password."""
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"[:120]
