"""A bundle that is ready to be published, with every file that its release rests on, as the commands make them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from workspaces import make, rsppc_here

NOW = "2026-01-01T12:00:00Z"
ROLLOUT_PATH = "pipelines/rollouts/line_canary_v1.yaml"
ROOT = Path(__file__).parents[2]
SCENARIOS = ("calm", "barge_in", "lease_rotation")
BUNDLE_FOLDER = "build/line_bundle/v2"
_KEPT: list[TemporaryDirectory[str]] = []


@cache
def ready() -> Path:
    """The workspace of the golden chain, and what each command of the chain leaves in it (R-002-52). Tests copy it."""
    _KEPT.append(TemporaryDirectory())
    chain = ROOT / "golden/release/chain/input"
    files = {
        path.relative_to(chain).as_posix(): path.read_bytes()
        for path in sorted(chain.rglob("*"))
        if path.is_file() and "first" not in path.name and path.name != "commands.txt"
    }
    folder = make(Path(_KEPT[-1].name), files)
    run(folder, "build", "line_bundle/v1", "line_bundle/v2")
    run(folder, "pin", "line_canary/v1")
    made = ("--bundle", BUNDLE_FOLDER, "--now", NOW, "--evidence")
    run(folder, "contracts", "check", *made, "contracts.json")
    versions = ("--runtime", "rspp_go/v1", "--control-plane", "v1.1", "--schema", "v1")
    run(folder, "compat", "check", *versions, "--conformance", "conformance.json", *made, "governance.json")
    recording = "pipelines/assets/replay/interrupted.jsonl"
    run(folder, "simulate", BUNDLE_FOLDER, "--turns", "3", "--scenario", "barge_in", "--timeline", recording)
    run(folder, "replay", "report", "line_replay/v1", *made, "replay_regression.json")
    for scenario in SCENARIOS:
        run(
            folder, "simulate", BUNDLE_FOLDER, "--turns", "12", "--scenario", scenario, "--baseline", f"{scenario}.json"
        )
    run(folder, "gate", "slo", *(f"{scenario}.json" for scenario in SCENARIOS), *made, "slo.json")
    return folder


def run(folder: Path, *arguments: str) -> str:
    """What a command prints that must succeed."""
    done = rsppc_here(folder, *arguments)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
    return done.stdout.decode()


def arguments(command: str = "publish", *more: str, now: str = NOW) -> list[str]:
    """The command line that publishes it."""
    named = ["--contracts", "contracts.json", "--governance", "governance.json", "--replay", "replay_regression.json"]
    runs = [word for scenario in SCENARIOS for word in ("--baseline", f"{scenario}.json")]
    return [
        "release",
        command,
        BUNDLE_FOLDER,
        "line_canary/v1",
        *named,
        "--slo",
        "slo.json",
        *runs,
        "--now",
        now,
        *more,
    ]
