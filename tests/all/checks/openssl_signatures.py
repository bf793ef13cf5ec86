"""What `rsppc sign` writes, checked by openssl alone as docs/signing.md says, on both kinds of key."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from signing_keys import key_file
from workspaces import make, rsppc

from checks.outcome import Outcome, outcome
from checks.packages import ROOT

NAME = "openssl"
NEEDS = ("openssl",)

_BLOCK = re.compile(r"^```sh\n(envelope=.*?)^```$", re.MULTILINE | re.DOTALL)
_KEYS = ("ed25519", "p256")


def run(folder: Path) -> Outcome:
    problems: list[str] = []
    found = _BLOCK.search((ROOT / "docs/signing.md").read_text(encoding="utf-8"))
    assert found is not None
    for algorithm in _KEYS:
        place = make(folder / algorithm)
        key_file(place, "builder", 1, algorithm)
        for words in (["build"], ["sign", "line_bundle/v1", "--key", "builder.key"]):
            done = rsppc(place, *words)
            if done.returncode != 0:
                return outcome([done.stderr.decode()], algorithm)
        bundle = place / "build/line_bundle"
        shutil.copy(place / "builder.key.pub", bundle)
        script = found[1]
        if algorithm == "p256":
            by_curve = "openssl dgst -sha256 -verify builder.key.pub -signature signature message"
            script = re.sub(r"openssl pkeyutl.*", by_curve, script)
        envelope = bundle / "v1.attestations/provenance.dsse.json"
        sound = _run(script, bundle)
        envelope.write_text(envelope.read_text().replace('"payload":"ey', '"payload":"fy'))
        damaged = _run(script, bundle)
        if sound.returncode != 0 or "erified" not in sound.stdout:
            problems.append(f"{algorithm}: openssl refuses: {sound.stdout}{sound.stderr}")
        if damaged.returncode == 0:
            problems.append(f"{algorithm}: openssl takes a damaged envelope: {damaged.stdout}")
        problems.extend(_file_problems(place, algorithm))
    return outcome(problems, f"envelopes and files signed with {' and '.join(_KEYS)}, sound and damaged")


def _file_problems(place: Path, algorithm: str) -> list[str]:
    """A signed file, checked by openssl, and one signed by openssl, checked here."""
    (place / "file").write_bytes(bytes(range(256)) * 5000)
    rsppc(place, "sign", "file", "--key", "builder.key")
    verify = "openssl pkeyutl -verify -pubin -inkey builder.key.pub -rawin -in file -sigfile bare"
    sign = "openssl pkeyutl -sign -inkey builder.key -rawin -in file -out theirs"
    if algorithm == "p256":
        verify = "openssl dgst -sha256 -verify builder.key.pub -signature bare file"
        sign = "openssl dgst -sha256 -sign builder.key -out theirs file"
    problems = []
    theirs = _run(f"openssl base64 -d -A -in file.sig -out bare && {verify}", place)
    if theirs.returncode != 0:
        problems.append(f"{algorithm}: openssl refuses a file: {theirs.stdout}{theirs.stderr}")
    made = _run(f"{sign} && openssl base64 -A -in theirs -out file.sig", place)
    if made.returncode != 0 or rsppc(place, "verify", "file", "--key", "builder.key.pub").returncode != 0:
        problems.append(f"{algorithm}: what openssl signed is refused: {made.stderr}")
    return problems


def _run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "-ec", script], cwd=folder, capture_output=True, text=True, check=False)
