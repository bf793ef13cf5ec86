"""Print seconds per node of compiling a wide graph of 100 nodes and one of 10,000, in process, reading included."""

from __future__ import annotations

import gc
import statistics
import tempfile
import time
from itertools import count
from pathlib import Path

from corpus import spec, write
from rsppc.diagnostics import DiagnosticSink
from rsppc.driver import compile_bundle, open_workspace
from rsppc.workspace import Workspace

_LABELS = count()


def per_node(folder: Path, nodes: int) -> float:
    path = folder / "pipelines/specs/wide_v1.yaml"
    # Each time with other names: lines that were seen before cost less, and a large spec is hardly seen twice.
    path.write_text(spec("wide", nodes, label=f"{next(_LABELS)}_"), encoding="utf-8")
    artifacts = open_workspace(Workspace(root=str(folder)), DiagnosticSink())
    other, _ = artifacts.at("pipelines/specs/bench_0_v1.yaml")
    assert other is not None
    compile_bundle(artifacts, other)  # reads what all specs share
    gc.collect()
    gc.disable()
    started = time.perf_counter()
    artifact, _ = artifacts.at("pipelines/specs/wide_v1.yaml")
    assert artifact is not None
    compilation = compile_bundle(artifacts, artifact)
    took = time.perf_counter() - started
    gc.enable()
    assert compilation.program is not None
    return took / len(compilation.program.nodes)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, 1, 20)
        small, large = [], []
        for _ in range(3):  # in turn, and the median of each, since a small one would find a quiet moment more easily
            small.extend(per_node(folder, 100) for _ in range(15))
            large.append(per_node(folder, 10_000))
        print(statistics.median(small), statistics.median(large))


main()
