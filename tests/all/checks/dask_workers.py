"""A build by the workers of a real Dask scheduler: the bytes of a build at home, whoever is killed meanwhile.

Three worker processes, without anybody who would start them again. One is killed in the middle of a build; then come
workers that are another rsppc or none, a scheduler that is stopped, one that is killed, and no scheduler at all.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rsppc.cli.exits import ENVIRONMENT, OK
from workspaces import BUNDLE, CLEAN, SPEC, built_files, command, environment, make, rsppc

from checks.outcome import Outcome, outcome
from checks.packages import ROOT

NAME = "dask"
NEEDS = ("distributed",)

_WORKERS = 3
_BUNDLES = 60
_SECONDS_MAX = 120


def run(folder: Path) -> Outcome:
    workspace = make(folder / "workspace", _many())
    home = _rsppc(workspace, "build", "--output", "home")
    expected = built_files(workspace / "home")
    problems = [] if home.returncode == OK and len(expected) > _BUNDLES else ["the build at home made nothing"]
    cluster = _Cluster(folder)
    try:
        cluster.start_scheduler()
        said = problems.append
        _refused(workspace, cluster, "has no workers", said)
        workers = [cluster.start_worker() for _ in range(_WORKERS)]
        cluster.wait_for(_WORKERS)
        _same(workspace, cluster, expected, "three workers", said)
        check = [_rsppc(workspace, "check", *more) for more in ((), ("--executor", cluster.name))]
        if len({(one.returncode, one.stdout) for one in check}) != 1:
            said(f"`check` says something else: {check[1].stdout[-300:]!r} {check[1].stderr[-300:]!r}")
        killed = _killed_while_building(workspace, cluster, workers, expected, said)
        _another_rsppc(folder, workspace, cluster, said)
        _stopped(workspace, cluster, said)
        _scheduler_killed(workspace, cluster, said)
        _refused(workspace, cluster, "no scheduler answers", said)
    finally:
        cluster.end()
    return outcome(
        problems,
        f"{len(expected)} files of {_BUNDLES + 1} bundles are those of home, {killed} pieces of work done again",
    )


def _many() -> dict[str, str | bytes]:
    more: dict[str, str | bytes] = {}
    for number in range(_BUNDLES):
        more[f"pipelines/specs/s{number}_v1.yaml"] = SPEC.replace("id: line", f"id: s{number}")
        bundle = BUNDLE.replace("line_bundle", f"b{number}").replace("line/v1", f"s{number}/v1")
        more[f"pipelines/bundles/b{number}_v1.yaml"] = bundle
    return {**CLEAN, **more}


class _Cluster:
    """A scheduler and workers, as processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        self.address = ""
        self.scheduler: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        return self.address.replace("tcp://", "dask://")

    def start_scheduler(self) -> None:
        note = self.folder / "scheduler.json"
        words = ["scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(note)]
        self.scheduler = self._start(words)
        _until(note.is_file, "a scheduler")
        self.address = json.loads(note.read_text())["address"]

    def start_worker(self, **changes: str) -> subprocess.Popen[bytes]:
        own = self.folder / f"worker{len(self.processes)}"
        own.mkdir()  # nothing of the workspace is there
        words = [
            "worker",
            self.address,
            "--nthreads",
            "1",
            "--no-nanny",
            "--no-dashboard",
            "--local-directory",
            str(own),
        ]
        return self._start(words, own, **changes)

    def _start(self, words: list[str], folder: Path | None = None, **changes: str) -> subprocess.Popen[bytes]:
        with open(self.folder / "log", "ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *words],
                cwd=folder or self.folder,
                env=environment(**changes),
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)
        return process

    def wait_for(self, workers: int) -> None:
        from distributed import Client

        with Client(self.address, timeout=30, set_as_default=False) as client:
            _until(lambda: len(client.scheduler_info(-1)["workers"]) == workers, f"{workers} workers")

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


def _until(happened: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + _SECONDS_MAX
    while not happened():
        if time.monotonic() > end:
            raise TimeoutError(f"waited in vain for {what}")
        time.sleep(0.05)


def _rsppc(workspace: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    return rsppc(workspace, *words, memory_max=8 * 2**30, seconds_max=_SECONDS_MAX)


def _building(workspace: Path, cluster: _Cluster) -> subprocess.Popen[bytes]:
    shutil.rmtree(workspace / "away", ignore_errors=True)
    return subprocess.Popen(
        command("build", "--output", "away", "--executor", cluster.name),
        cwd=workspace,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def _same(
    workspace: Path, cluster: _Cluster, expected: dict[str, bytes], when: str, said: Callable[[str], None]
) -> None:
    _ended_well(_building(workspace, cluster), workspace, expected, when, said)


def _ended_well(
    building: subprocess.Popen[bytes],
    workspace: Path,
    expected: dict[str, bytes],
    when: str,
    said: Callable[[str], None],
) -> None:
    _, told = building.communicate(timeout=_SECONDS_MAX)
    if building.returncode != OK or b"Traceback" in told:
        said(f"{when}: exit {building.returncode}, {told.decode()[-400:]}")
    if built_files(workspace / "away") != expected:
        said(f"{when}: the files are not those of home")


def _killed_while_building(
    workspace: Path,
    cluster: _Cluster,
    workers: list[subprocess.Popen[bytes]],
    expected: dict[str, bytes],
    said: Callable[[str], None],
) -> int:
    """Kill a worker that has results and work; how many pieces it had."""
    import cloudpickle
    from distributed import Client

    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # the scheduler has not this file
    with Client(cluster.address, timeout=30, set_as_default=False) as client:
        pids: dict[int, str] = {pid: address for address, pid in client.run(os.getpid).items()}
        victim = workers[0]
        address = pids[victim.pid]
        building = _building(workspace, cluster)
        had = {"processing": 0, "memory": 0}

        def is_in_the_middle() -> bool:
            had.update(client.run_on_scheduler(_state_of, address=address))
            return (had["processing"] > 1 and had["memory"] > 0) or building.poll() is not None

        _until(is_in_the_middle, "a worker in the middle of its work")
        victim.send_signal(signal.SIGKILL)
        _ended_well(building, workspace, expected, "a worker was killed", said)
    if not had["processing"]:
        said("the worker had nothing to do when it was killed: nothing is proved")
    cluster.wait_for(_WORKERS - 1)
    return had["processing"] + had["memory"]


def _state_of(address: str, dask_scheduler: Any) -> dict[str, int]:
    worker = dask_scheduler.workers.get(address)
    if worker is None:
        return {"processing": 0, "memory": 0}
    results = [task for task in worker.has_what if not str(task.key).startswith("rsppc-parcel")]
    return {"processing": len(worker.processing), "memory": len(results)}


def _another_rsppc(folder: Path, workspace: Path, cluster: _Cluster, said: Callable[[str], None]) -> None:
    """Workers on which another rsppc is installed, or none."""
    other = folder / "other"
    shutil.copytree(ROOT / "compiler" / "rsppc", other / "rsppc", ignore=shutil.ignore_patterns("__pycache__"))
    version = other / "rsppc" / "version.py"
    version.write_text(version.read_text().replace('VERSION = "', 'VERSION = "9.'))
    make(folder / "none", {"rsppc.py": ""})  # no package, so that no finder is asked for what would be in it
    for path, words in ((other, "would give other results: rsppc there is 9."), (folder / "none", "has no rsppc")):
        stranger = cluster.start_worker(PYTHONPATH=str(path))
        cluster.wait_for(_WORKERS)
        _refused(workspace, cluster, words, said)
        stranger.kill()
        cluster.wait_for(_WORKERS - 1)


def _refused(workspace: Path, cluster: _Cluster, words: str, said: Callable[[str], None]) -> None:
    started = time.monotonic()
    done = _rsppc(workspace, "build", "--output", "refused", "--executor", cluster.name)
    told = done.stderr.decode()
    if done.returncode != ENVIRONMENT or words not in told or len(told.splitlines()) != 2:
        said(f"{words}: exit {done.returncode}, {told[-600:]}")
    if (workspace / "refused").exists():
        said(f"{words}: something was written")
    if time.monotonic() - started > 60:
        said(f"{words}: it took {time.monotonic() - started:.0f} s to say so")


def _stopped(workspace: Path, cluster: _Cluster, said: Callable[[str], None]) -> None:
    """A scheduler that is there and does nothing."""
    assert cluster.scheduler is not None
    cluster.scheduler.send_signal(signal.SIGSTOP)
    _refused(workspace, cluster, "no scheduler answers", said)
    cluster.scheduler.send_signal(signal.SIGCONT)
    cluster.wait_for(_WORKERS - 1)


def _scheduler_killed(workspace: Path, cluster: _Cluster, said: Callable[[str], None]) -> None:
    assert cluster.scheduler is not None
    building = _building(workspace, cluster)
    _until(lambda: bool(list((workspace / "away").glob("*/v1"))) or building.poll() is not None, "the first bundle")
    cluster.scheduler.kill()
    _, told = building.communicate(timeout=_SECONDS_MAX)
    if building.returncode == OK:
        said("the scheduler was killed too late: nothing is proved")
    elif building.returncode != ENVIRONMENT or b"does not answer any more" not in told or b"Traceback" in told:
        said(f"the scheduler was killed: exit {building.returncode}, {told.decode()[-600:]}")
