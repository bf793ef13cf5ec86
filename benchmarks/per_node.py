"""Print seconds per node of compiling a wide graph of 100 nodes and one of 10,000, in process, reading included."""

from __future__ import annotations

import gc
import tempfile
import time
from itertools import count
from pathlib import Path

from corpus import spec, write
from rsppc.diagnostics import DiagnosticSink
from rsppc.driver import compile_bundle, open_workspace
from rsppc.workspace import Workspace

_LABELS = count()


def per_node(nodes: int, repeat: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), 1, 20)
        path = Path(folder, "pipelines/specs/wide_v1.yaml")
        best = float("inf")
        for _ in range(repeat):
            # Each time with other names: lines that were seen before cost less, and a large spec is hardly seen twice.
            path.write_text(spec("wide", nodes, label=f"{next(_LABELS)}_"), encoding="utf-8")
            sink = DiagnosticSink()
            artifacts = open_workspace(Workspace(root=folder), sink)
            other, _ = artifacts.at("pipelines/specs/bench_0_v1.yaml")
            assert other is not None
            compile_bundle(artifacts, other)  # reads what all specs share
            gc.collect()
            gc.disable()
            started = time.perf_counter()
            artifact, _ = artifacts.at("pipelines/specs/wide_v1.yaml")
            assert artifact is not None
            compilation = compile_bundle(artifacts, artifact)
            best = min(best, time.perf_counter() - started)
            assert compilation.program is not None
            gc.enable()
        return best / len(compilation.program.nodes)


def main() -> None:
    per_node(100, 3)
    print(per_node(100, 20), per_node(10_000, 2))


main()
