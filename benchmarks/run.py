"""The speed figures of rsppc, each as a ratio to a floor measured in the same run.

Machines differ and are noisy, so that nothing here is a time to be proud of by itself: what we run and its floor are
run in turn, and the median of the ratios counts. `python benchmarks/run.py` prints a table and exits with 1 where a
ratio lies above its bound; `--quick` takes fewer rounds and smaller workloads.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from corpus import spec, untidy, write
from editor import rows as editor_rows
from store import rows as store_rows

HERE = Path(__file__).parent
ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
RSPPC = str(Path(sys.executable).with_name("rsppc"))


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true")
    quick = options.parse_args().quick
    rounds = 3 if quick else 7
    count = 200 if quick else 1000
    above = 0
    print(f"{'figure':58} {'measured':>28} {'ratio':>7} {'bound':>6}")

    def show(*rows: tuple[str, str, float, float]) -> None:
        nonlocal above
        for name, measured, ratio, bound in rows:
            above += ratio > bound
            words = "" if ratio <= bound else "  ABOVE"
            print(f"{name:58} {measured:>28} {ratio:7.2f} {bound:6.1f} {words}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        show(cold_check(Path(folder, "one"), rounds * 2))
        show(*many_specs(Path(folder, "many"), count, rounds))
        show(*wide_graphs(rounds))
        show(peak_memory(Path(folder, "wide")))
        show(*editing(Path(folder, "editing")))
        show(*turn_time(Path(folder, "turn"), 10_000 if quick else 100_000, rounds * 2))
        show(*store_rows(Path(folder, "store"), quick=quick))
    return int(above > 0)


def cold_check(folder: Path, rounds: int) -> tuple[str, str, float, float]:
    """One process that checks one spec, against one that does nothing."""
    (path,) = write(folder, 1, 20)
    ours = [RSPPC, "check", str(path.relative_to(folder))]
    nothing = [sys.executable, "-c", "pass"]
    pairs = interleaved(lambda: seconds(ours, folder), lambda: seconds(nothing, folder), rounds)
    return row("check one spec of 20 nodes, cold / `python -c pass`", pairs, 10.0)


def many_specs(folder: Path, count: int, rounds: int) -> list[tuple[str, str, float, float]]:
    paths = [str(path) for path in write(folder, count, 20)]
    twin = folder / "twin.json"
    first = Path(paths[0])
    subprocess.run([RSPPC, "convert", str(first), "--to", "json", "--output", str(twin)], check=True, env=ENVIRONMENT)
    check = [RSPPC, "check"]
    floor = [sys.executable, str(HERE / "floor.py"), "check", str(twin), *paths]
    pairs = interleaved(lambda: seconds(check, folder), lambda: seconds(floor, folder), rounds)
    rows = [row(f"check {count} specs of 20 nodes, one core / floor", pairs, 10.0)]
    jobs = [RSPPC, "check", "--jobs", "2"]
    pairs = interleaved(lambda: seconds(jobs, folder), lambda: seconds(check, folder), max(3, rounds // 2))
    rows.append(row(f"check {count} specs, two jobs / one job", pairs, 0.8))
    rows.append(_building(folder, paths, twin, count, max(3, rounds // 2)))
    rows.extend(_formatting(folder, paths, count, max(3, rounds // 2)))
    rows.append(_unchanged(folder, paths, count, rounds))
    return rows


def _unchanged(folder: Path, paths: list[str], count: int, rounds: int) -> tuple[str, str, float, float]:
    """A check that finds all of its answers in the cache, against reading and digesting the files."""
    ours = [RSPPC, "check", "--cache"]
    lines = "import hashlib, sys\nfor name in sys.argv[1:]:\n    hashlib.sha256(open(name, 'rb').read()).hexdigest()"
    floor = [sys.executable, "-c", lines, *paths]
    pairs = interleaved(lambda: seconds(ours, folder), lambda: seconds(floor, folder), rounds)
    shutil.rmtree(folder / ".rsppc-cache", ignore_errors=True)
    return row(f"check {count} unchanged specs, cached / digest them", pairs, 3.0)


def _formatting(folder: Path, paths: list[str], count: int, rounds: int) -> list[tuple[str, str, float, float]]:
    """Sources that are formatted already, as nearly all are that anybody formats, and sources of which each changes and
    is written."""
    floor = [sys.executable, str(HERE / "parse.py"), *paths]
    ours = [RSPPC, "fmt", "--check"]
    pairs = interleaved(lambda: seconds(ours, folder), lambda: seconds(floor, folder), rounds)
    rows = [row(f"format {count} specs of 20 nodes / parse them", pairs, 3.0)]
    neat = {path: Path(path).read_text(encoding="utf-8") for path in paths}

    def mess() -> None:
        for path, text in neat.items():
            Path(path).write_text(untidy(text), encoding="utf-8")

    def formatted() -> float:
        mess()
        return seconds([RSPPC, "fmt"], folder)

    def parsed() -> float:
        mess()
        return seconds(floor, folder)

    pairs = interleaved(formatted, parsed, rounds)
    rows.append(row(f"format {count} specs, every file changes / parse them", pairs, 3.0))
    formatted()
    assert all(Path(path).read_text(encoding="utf-8") == text for path, text in neat.items())
    return rows


def _building(folder: Path, paths: list[str], twin: Path, count: int, rounds: int) -> tuple[str, str, float, float]:
    build = [RSPPC, "build", "--output", "out"]
    seconds(build, folder)
    written = next((folder / "out").glob("bench_*/v1"))
    sizes = ",".join(str(path.stat().st_size) for path in sorted(written.iterdir()))
    floor = [sys.executable, str(HERE / "floor.py"), "build", "floor_out", sizes, str(twin), *paths]

    def fresh(command: list[str], output: str) -> Callable[[], float]:
        def run() -> float:
            shutil.rmtree(folder / output, ignore_errors=True)
            return seconds(command, folder)

        return run

    pairs = interleaved(fresh(build, "out"), fresh(floor, "floor_out"), rounds)
    return row(f"build {count} specs with all outputs written / floor", pairs, 15.0)


def wide_graphs(rounds: int) -> list[tuple[str, str, float, float]]:
    """Cost per node of a wide graph, in process, at 10,000 nodes and at 100."""
    script = str(HERE / "per_node.py")
    ratios, costs = [], []
    for _ in range(max(3, rounds // 2)):
        output = subprocess.run(
            [sys.executable, script], capture_output=True, text=True, check=True, env=ENVIRONMENT
        ).stdout
        small, large = (float(word) for word in output.split())
        ratios.append(large / small)
        costs.append((small, large))
    small, large = (statistics.median(one) for one in zip(*costs, strict=True))
    measured = f"{large * 1e6:.0f} / {small * 1e6:.0f} us"
    return [("cost per node at 10,000 nodes / at 100", measured, statistics.median(ratios), 1.2)]


def peak_memory(folder: Path) -> tuple[str, str, float, float]:
    """Peak memory of checking one spec of 10,000 nodes, in units of 400 MB."""
    specs = folder / "pipelines" / "specs"
    specs.mkdir(parents=True)
    write(folder, 1, 20)
    for path in specs.iterdir():
        path.unlink()
    (specs / "wide_v1.yaml").write_text(spec("wide", 10_000), encoding="utf-8")
    process = subprocess.Popen(
        [RSPPC, "check"], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT
    )
    _, _, usage = os.wait4(process.pid, 0)
    peak = usage.ru_maxrss / 1024
    return ("peak memory at 10,000 nodes / 400 MB", f"{peak:.0f} MB", peak / 400, 1.0)


def editing(folder: Path) -> list[tuple[str, str, float, float]]:
    """What somebody feels who types: the language server against one that does nothing."""
    command = [sys.executable, str(HERE / "editor.py"), str(folder)]
    return editor_rows(json.loads(subprocess.run(command, capture_output=True, check=True, env=ENVIRONMENT).stdout))


def turn_time(folder: Path, turns: int, rounds: int) -> list[tuple[str, str, float, float]]:
    """What a runtime pays: one turn plan, memory after many of them, and a process that is ready to resolve."""
    command = [sys.executable, str(HERE / "turn.py"), str(folder), str(turns)]
    figures = json.loads(subprocess.run(command, capture_output=True, check=True, env=ENVIRONMENT).stdout)
    ours, floor, grown = figures["resolve_us"], figures["floor_us"], figures["grown_bytes"] / 2**20
    lines = "from rsppc.turnplan import *; TurnPlanResolver(load_bundle('build/measured/v1'))"
    ready, nothing = [sys.executable, "-c", lines], [sys.executable, "-c", "pass"]
    pairs = interleaved(lambda: seconds(ready, folder), lambda: seconds(nothing, folder), rounds)
    return [
        ("resolve a turn, 20 nodes, ten rules / loads and SHA-256", f"{ours:.0f} / {floor:.0f} us", ours / floor, 4.0),
        (f"memory after {turns} turns / 1 MB", f"{grown:.1f} MB", grown, 1.0),
        row("import and load a bundle / `python -c pass`", pairs, 6.0),
        simulation(folder),
    ]


def simulation(folder: Path) -> tuple[str, str, float, float]:
    """How many events of a call are played in a second: 100,000 are to be, so that the ratio is what they take."""
    command = [RSPPC, "simulate", "build/measured/v1", "--turns", "200", "--seed", "1"]
    rates = []
    for _ in range(3):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, env=ENVIRONMENT)
        rates.append(int(done.stderr.split()[0]))
    rate = statistics.median(rates)
    return ("100,000 events a second / events simulated", f"{rate:.0f} a second", 100_000 / rate, 1.0)


def interleaved(ours: Callable[[], float], floor: Callable[[], float], rounds: int) -> list[tuple[float, float]]:
    """Pairs of times, one round of each in turn after one that does not count."""
    ours(), floor()
    return [(ours(), floor()) for _ in range(rounds)]


def row(name: str, pairs: list[tuple[float, float]], bound: float) -> tuple[str, str, float, float]:
    ours, floor = (statistics.median(one) for one in zip(*pairs, strict=True))
    ratio = statistics.median(first / second for first, second in pairs)
    return (name, f"{ours * 1000:.0f} / {floor * 1000:.0f} ms", ratio, bound)


def seconds(command: list[str], folder: Path) -> float:
    """Wall time of a whole process."""
    started = time.perf_counter()
    subprocess.run(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT, check=False
    )
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
