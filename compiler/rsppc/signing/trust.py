"""Whom the verifier trusts, and for what. Nothing of it ever comes from what is verified.

Trust is what the caller names: public keys, or a policy that says of each key whose it is, in which roles it may sign,
and until when. A key that is named alone may sign in every role.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from rsppc.base.names import version_key
from rsppc.base.record import Record
from rsppc.evidence.moment import moment_text
from rsppc.signing.envelope import Envelope
from rsppc.signing.keys import PublicKey, is_well_formed, signed
from rsppc.signing.refusals import Refusal, Refused, refused

BUILDER = "builder"
"""Says what a bundle was built from, and by which compiler."""
RELEASER = "releaser"
"""Says that a file or a package is the one that was released."""
ROLES = (BUILDER, RELEASER)


class TrustedKey(Record):
    """A key, and what the verifier holds of it."""

    public: PublicKey
    identity: str
    roles: tuple[str, ...] = ROLES
    expires: datetime | None = None
    """The first moment at which it is not trusted any more; None is never."""

    def fault(self, role: str, now: datetime) -> Refusal | None:
        """Why its signature does not count in a role today; None where it does."""
        if role not in self.roles:
            what = f"{self.identity} may sign as {_listed(self.roles)}, and not as {role}"
            return Refusal(code="key-role", what=what, advice="sign with a key of that role")
        if self.expires is not None and now >= self.expires:
            what = f"the key of {self.identity} expired at {moment_text(self.expires)}"
            return Refusal(code="key-expired", what=what, advice="sign with a key that is still trusted")
        return None


class Remembered(Record):
    """The newest version of a bundle that the verifier has seen."""

    version: str
    digest: str


class Trust(Record):
    """All that the verifier brings along."""

    keys: tuple[TrustedKey, ...]
    valid_until: datetime | None = None
    """When the policy is too old to go by; None is never."""
    remembered: Mapping[str, Remembered] = {}
    """By id of a bundle."""

    def check_freshness(self, now: datetime) -> None:
        """Refuse a policy without keys, and one that nobody renewed in time: who is kept from news sees nothing new."""
        if not self.keys:
            raise refused("keys-missing", "no key is trusted", "name one with `--key`, or in the policy")
        if self.valid_until is not None and now >= self.valid_until:
            known = ", ".join(f"`{name}/{one.version}`" for name, one in sorted(self.remembered.items()))
            what = f"the policy was to be renewed before {moment_text(self.valid_until)}"
            what += f"; it remembers {known}" if known else ""
            raise refused("policy-expired", what, "fetch the policy anew from whoever keeps it")

    def check_rollback(self, bundle_id: str, version: str, digest: str) -> None:
        """Refuse a bundle that is older than one that was seen, and another one of the same version."""
        known = self.remembered.get(bundle_id)
        if known is None or version_key(version) > version_key(known.version):
            return
        if version_key(version) < version_key(known.version):
            what = f"`{bundle_id}/{version}` is older than `{bundle_id}/{known.version}`, which was verified before"
            raise refused("rolled-back", what, f"ask for `{bundle_id}/{known.version}` or a later one")
        if digest != known.digest:
            what = f"`{bundle_id}/{version}` was verified before with digest {known.digest}, and has {digest}"
            raise refused("rolled-back", what, "what was published under a version never changes: ask who did")

    def remembering(self, bundle_id: str, version: str, digest: str) -> dict[str, Remembered]:
        """What is remembered after a bundle was verified."""
        return {**self.remembered, bundle_id: Remembered(version=version, digest=digest)}


def signers(envelope: Envelope, name: str, trust: Trust, roles: Sequence[str], now: datetime) -> tuple[TrustedKey, ...]:
    """The trusted keys that signed an envelope, one for each role; refused where a role is not filled."""
    return filling(roles, claimed(envelope, name, trust), now)


def claimed(envelope: Envelope, name: str, trust: Trust) -> list[TrustedKey]:
    """The trusted keys that signed an envelope; refused where there is none, and where any signature that claims to be
    of a trusted key is not."""
    message = envelope.message()
    by_id = {one.public.keyid: one for one in trust.keys}
    found = [(by_id[one.keyid], one.sig) for one in envelope.signatures if one.keyid in by_id]
    wrong = [fault for key, sig in found if (fault := signature_fault(key, sig, message, name)) is not None]
    if wrong:
        raise Refused(wrong)
    if not found:
        raise refused(
            "key-unknown",
            f"`{name}` is signed by nobody who is trusted: {_listed(one.keyid for one in envelope.signatures)}",
            "trust a key with `--key` or in the policy, once you know whose it is",
        )
    return [key for key, _ in found]


def signature_fault(key: TrustedKey, signature: bytes, message: bytes, name: str) -> Refusal | None:
    """What is wrong with a signature that a key is said to have made; None where nothing is."""
    if not is_well_formed(key.public, signature):
        form = "64 bytes" if key.public.algorithm == "ed25519" else "DER, and nothing after it"
        what = f"the signature of {key.identity} in `{name}` is not {form}"
        return Refusal(code="signature-malformed", what=what, advice="fetch it again, or sign again")
    if not signed(key.public, signature, message):
        what = f"the signature of {key.identity} in `{name}` is not one of what it holds"
        return Refusal(code="signature-wrong", what=what, advice="it was changed since: fetch it again, or sign again")
    return None


def filling(roles: Sequence[str], keys: Sequence[TrustedKey], now: datetime) -> tuple[TrustedKey, ...]:
    """For each role the first of some keys whose signature counts in it; refused where any has none."""
    found: list[TrustedKey] = []
    faults: set[Refusal] = set()
    for role in roles:
        counting = next((key for key in keys if key.fault(role, now) is None), None)
        if counting is not None:
            found.append(counting)
        else:
            faults.update(fault for key in keys if (fault := key.fault(role, now)) is not None)
    if faults:
        raise Refused(sorted(faults, key=lambda one: (one.code, one.what)))
    return tuple(found)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "nobody"
