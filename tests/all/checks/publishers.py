"""Publishers that are killed at every single step, and many of them at once.

Thirty-two processes publish versions of bundles at the same moment, half of them with other content, while others read
and collect. Of each version one content wins; who offers another one is refused with the first value that differs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from bundles import bundle_files, bundle_value
from killed_publishers import killed_at_every
from rsppc.base.canonical_json import digest_value
from rsppc.store import verification
from rsppc.store.artifacts import Publisher, StoredArtifacts
from rsppc.store.auditing import audit
from rsppc.store.gc import collect
from rsppc.store.offers import Offer, bundle_offer
from rsppc.store.problems import StoreProblem
from rsppc.store.protocols import Refused, Stored, StoreFault
from rsppc.store.registry import opened
from stores import AT

from checks.outcome import Outcome, outcome

NAME = "publishers"
NEEDS: tuple[str, ...] = ()

_PROCESSES = 32
_VERSIONS = 8
_KILLED_MIN = 150


def run(folder: Path) -> Outcome:
    kills = killed_at_every(1, folder)
    problems = [] if kills >= _KILLED_MIN else [f"only {kills} publishers were killed: nothing is proved"]
    counts = _at_once(folder / "many", problems)
    told = ", ".join(f"{counts[name]} {name}" for name in ("published", "again", "refused", "busy"))
    return outcome(problems, f"{kills} publishers killed; {_PROCESSES} at once: {told}")


def _at_once(root: Path, problems: list[str]) -> Counter[str]:
    """Let all of them begin at the same moment, and hold their answers against each other and against the store."""
    go = root.with_name("go")
    words = [sys.executable, "-m", "checks.publishers"]
    found = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    running = [
        subprocess.Popen([*words, str(number), str(root), str(go)], stdout=-1, stderr=-1, text=True, env=found)
        for number in range(_PROCESSES)
    ]
    go.touch()
    counts: Counter[str] = Counter()
    won: dict[str, str] = {}
    for one in running:
        out, err = one.communicate(timeout=300)
        if one.returncode != 0:
            problems.append(f"a publisher ended with {one.returncode}: {err[-500:]}")
            continue
        for ref, (state, digest) in json.loads(out).items():
            counts[state] += 1
            if state in ("published", "again") and won.setdefault(ref, digest) != digest:
                problems.append(f"{ref} was published with two contents")
            if state == "published" and counts["published"] > _VERSIONS:
                problems.append(f"{ref} was published twice")
    for ref, digest in won.items():
        stored = StoredArtifacts(root=str(root)).get_bundle(ref)
        if not isinstance(stored, Stored) or stored.digest != digest:
            problems.append(f"{ref} is not what was published: {stored}")
    if len(won) != _VERSIONS:
        problems.append(f"{len(won)} of {_VERSIONS} versions were published")
    with opened(str(root)) as registry:
        problems += [str(fault) for fault in audit(registry.log).faults]
        for package in registry.packages():
            problems += [fault.what for fault in verification.verify_package(registry, package.package_id).faults]
    return counts


def _publish(number: int, root: str, go: str) -> dict[str, tuple[str, str]]:
    """What became of each version that one process published."""
    while not os.path.exists(go):
        pass
    if number % 8 == 7:
        return _read_and_collect(root)
    told = {}
    for version in range(1, _VERSIONS + 1):
        spec = {"budgets": {"turn_budget_ms": 900 + number % 2}}
        value = bundle_value("talk", f"v{version}", spec=spec)
        told[f"talk/v{version}"] = (_state(Publisher(root=root, at=AT), _offer(value, spec)), digest_value(value))
    return told


def _offer(value: dict[str, object], spec: dict[str, object]) -> Offer:
    made = bundle_offer(bundle_files(value, **spec), inputs=[os.urandom(1)])  # who recorded something else is welcome
    assert isinstance(made, Offer), made
    return made


def _state(publisher: Publisher, offer: Offer) -> str:
    for _ in range(20):
        answer = publisher.publish(offer)
        if isinstance(answer, Refused):
            assert (answer.file, answer.pointer) == ("resolved_spec.json", "/budgets/turn_budget_ms"), answer
            return "refused"
        if not isinstance(answer, StoreFault):
            return "published" if answer.changed else "again"
        assert answer.kind == "environment", answer  # a lock that took too long, which is safe to try again
    return "busy"


def _read_and_collect(root: str) -> dict[str, tuple[str, str]]:
    """Nobody ever sees a half, and nobody collects what somebody publishes."""
    for number in range(200):
        found = StoredArtifacts(root=root).get_bundle(f"talk/v{number % _VERSIONS + 1}")
        assert isinstance(found, Stored) or found.kind in ("missing", "environment"), found
        if number % 20 == 0:
            try:
                with opened(root) as registry:
                    collect(registry, AT, delete=True)
            except StoreProblem as problem:
                assert problem.kind in ("missing", "busy"), problem.what
    return {}


if __name__ == "__main__":
    print(json.dumps(_publish(int(sys.argv[1]), *sys.argv[2:])))
