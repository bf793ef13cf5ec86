"""Our envelopes, read and verified by securesystemslib, the library of the people who wrote the protocol, and its
envelopes by us."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from rsppc.signing.bundles import PROVENANCE
from rsppc.signing.envelope import Envelope, Signature, countersigned, read_envelope, written
from rsppc.signing.keys import Algorithm
from rsppc.signing.trust import Trust, TrustedKey, claimed
from signing_keys import pair
from workspaces import make, rsppc

from checks.outcome import Outcome, outcome
from checks.packages import call, environment_with

NAME = "dsse-library"
NEEDS = ("pypi",)

_ALGORITHMS: tuple[Algorithm, ...] = ("ed25519", "p256")
_SCRIPT = """
import json, sys
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey

said = json.load(sys.stdin)
envelope = Envelope.from_dict(json.loads(said["envelope"]))
keys = [SSlibKey.from_crypto(load_pem_public_key(one["pem"].encode()), keyid=one["keyid"]) for one in said["keys"]]
envelope.verify(keys, len(keys))
envelope.payload += b" "
try:
    envelope.verify(keys, 1)
    sys.exit("a changed payload is taken")
except VerificationError:
    pass
made = []
for one in said["keys"]:
    private = load_pem_private_key(one["private"].encode(), None)
    public = SSlibKey.from_crypto(private.public_key(), keyid=one["keyid"])
    theirs = Envelope(b"{}", "application/vnd.in-toto+json", {})
    theirs.sign(CryptoSigner(private, public))
    made.append(theirs.to_dict())
print(json.dumps(made))
"""


def run(folder: Path) -> Outcome:
    keys = [pair(1, algorithm) for algorithm in _ALGORITHMS]
    place = make(folder / "workspace")
    (place / "one.key").write_bytes(keys[0].pem(None))
    (place / "one.key").chmod(0o600)
    for words in (["build"], ["sign", "line_bundle/v1", "--key", "one.key"]):
        rsppc(place, *words)
    data = (place / "build/line_bundle/v1.attestations" / PROVENANCE).read_bytes()
    both = written(countersigned(read_envelope(data, PROVENANCE), keys[1]))
    python = environment_with(folder / "venv", ["securesystemslib[crypto]"])
    (folder / "script.py").write_text(_SCRIPT)
    told = [
        {"keyid": one.public.keyid, "pem": one.public.pem().decode(), "private": one.pem(None).decode()} for one in keys
    ]
    (folder / "said.json").write_text(json.dumps({"envelope": both.decode(), "keys": told}))
    theirs = json.loads(call(["sh", "-c", f"{python} script.py < said.json"], folder))
    trust = Trust(keys=tuple(TrustedKey(public=one.public, identity="they") for one in keys))
    problems = []
    for algorithm, one in zip(_ALGORITHMS, theirs, strict=True):
        # Theirs is laid out otherwise, which we refuse to read from a file; what was signed is what we check.
        (signature,) = one["signatures"]
        sig = base64.b64decode(signature["sig"])
        envelope = Envelope(
            payload_type=one["payloadType"], payload=b"{}", signatures=(Signature(keyid=signature["keyid"], sig=sig),)
        )
        try:
            claimed(envelope, "theirs", trust)
        except Exception as error:
            problems.append(f"{algorithm}: {error}")
    return outcome(problems, "an envelope with two signatures verified by securesystemslib, and two of its own by us")
