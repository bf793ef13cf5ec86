"""Signed packages as people name them: by digest, of a tenant, and as a file with another signature beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
from rsppc.cli.exits import FINDINGS, INTEGRITY, OK, USAGE
from rsppc.signing.packages import attestation_name, signed_package, verify_package
from rsppc.signing.refusals import Refused
from rsppc.signing.trust import BUILDER, RELEASER, Trust, TrustedKey
from signing_keys import key_file, pair
from stores import AT, published, store_in
from workspaces import rsppc_here

TIME = ("--now", "2026-01-01T00:00:00Z")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    for number, name in enumerate(("ada", "grace")):
        key_file(tmp_path, name, number + 1)
    return tmp_path


def said(folder: Path, *words: str, code: int = OK) -> str:
    done = rsppc_here(folder, *words)
    text = (done.stdout + done.stderr).decode()
    assert done.returncode == code, text
    return text


def packaged(folder: Path, tenant: str = "default") -> tuple[str, str]:
    """The id of a package in a store, and the digest of its manifest."""
    with store_in(folder / "store") as registry:
        made = published(registry, tenant=tenant)
        return made, str(registry.package(made).manifest_digest)


@pytest.mark.parametrize("command", ["sign", "verify"])
def test_a_package_is_named_by_the_digest_of_its_manifest(here: Path, command: str) -> None:
    made, digest = packaged(here)
    said(here, "sign", made, "--store", "store", "--key", "grace.key", *TIME)
    key = "ada.key" if command == "sign" else "grace.key.pub"
    text = said(here, command, digest, "--store", "store", "--key", key, *TIME)
    assert made in text
    unknown = FINDINGS if command == "sign" else INTEGRITY
    text = said(here, command, "blake3:" + "0" * 64, "--store", "store", "--key", key, *TIME, code=unknown)
    assert "no package with manifest" in text


def test_packages_of_a_tenant_are_that_tenants(here: Path) -> None:
    made, digest = packaged(here, "west")
    for name in (made, digest):
        sign = ("sign", name, "--store", "store", "--key", "ada.key", *TIME)
        verify = ("verify", name, "--store", "store", "--key", "ada.key.pub", *TIME)
        said(here, *sign, code=FINDINGS)
        said(here, *sign, "--tenant", "west")
        said(here, *verify, code=INTEGRITY)
        assert "is what was signed" in said(here, *verify, "--tenant", "west")
    for command, key in (("sign", "ada.key"), ("verify", "ada.key.pub")):
        text = said(here, command, "ada.key.pub", "--key", key, "--tenant", "west", code=USAGE)
        assert "name the store with `--store`" in text


def test_an_exported_package_is_a_package_and_a_file_only_where_that_is_said(here: Path) -> None:
    """A signature beside it says nothing of what is in it, and is not taken for that."""
    made, _ = packaged(here)
    said(here, "store", "export", made, "one.tar", "--store", "store")
    verify = ("verify", "one.tar", "--key", "ada.key.pub", *TIME)
    assert "--signature" not in said(here, *verify, code=INTEGRITY)
    said(here, "sign", "one.tar", "--key", "ada.key")
    text = said(here, *verify, code=INTEGRITY)
    assert "[attestation-missing]" in text and "`--signature one.tar.sig`" in text
    assert "one.tar is what was signed" in said(here, *verify, "--signature", "one.tar.sig")
    assert "there is no `none.sig`" in said(here, *verify, "--signature", "none.sig", code=INTEGRITY)
    (here / "one.tar").write_bytes((here / "one.tar").read_bytes() + b"x")
    assert "`one.tar.sig`" in said(here, *verify, "--signature", "one.tar.sig", code=INTEGRITY)
    said(here, *verify, "--signature", "one.tar.sig", "--store", "store", code=USAGE)
    (here / "two.sig").write_bytes((here / "one.tar.sig").read_bytes())
    assert "`two.sig`" in said(here, *verify, "--signature", "two.sig", code=INTEGRITY)


def test_a_broken_word_is_named_where_a_role_is_open() -> None:
    """Somebody signed soundly, in another role; what was meant to fill this one is broken, and that is why."""
    builder, releaser, manifest = pair(1), pair(2), b"\xa1canonical"
    trust = Trust(
        keys=(
            TrustedKey(public=builder.public, identity="ci", roles=(BUILDER,)),
            TrustedKey(public=releaser.public, identity="desk", roles=(RELEASER,)),
        )
    )
    sound = {attestation_name(builder.public): signed_package("one", manifest, builder)}
    word = signed_package("one", manifest, releaser)

    def codes(broken: bytes, *roles: str) -> list[str]:
        attestations = {**sound, attestation_name(releaser.public): broken}
        try:
            verify_package("one", manifest, attestations, trust, roles=roles, now=AT)
        except Refused as problem:
            return [one.code for one in problem.refusals]
        return []

    assert codes(word, BUILDER, RELEASER) == []
    assert codes(word[:-1], BUILDER, RELEASER) == ["key-role", "envelope-malformed"]
    assert codes(signed_package("two", manifest, releaser), RELEASER) == ["key-role", "subject-other"]
    assert codes(word[:-1], BUILDER) == [], "it fills no role, and takes nothing from those who do"


def test_every_role_that_is_open_is_named() -> None:
    one = pair(1)
    trust = Trust(keys=(TrustedKey(public=one.public, identity="ci", roles=()),))
    attestations = {attestation_name(one.public): signed_package("one", b"\xa0", one)}
    with pytest.raises(Refused) as caught:
        verify_package("one", b"\xa0", attestations, trust, roles=(BUILDER, RELEASER), now=AT)
    assert [one.what.rpartition(" ")[2] for one in caught.value.refusals] == ["builder", "releaser"]
