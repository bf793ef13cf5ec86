"""Lines above the name of a spec or a bundle: what was proved of it."""

from __future__ import annotations

from rsppc.base.record import Record
from rsppc.base.source import Span
from rsppc.ide.project import Project
from rsppc.ir.program import LatencyPath, Program


class Lens(Record):
    """A sentence about a place."""

    at: Span
    text: str


def FEATURE(project: Project, path: str) -> list[Lens]:  # the module's one member, found by this name
    artifact, compilation = project.artifact(path), project.compilation(path)
    if artifact is None or compilation is None or compilation.program is None or compilation.program.proofs is None:
        return []
    at = artifact.document.root.value_span(artifact.kind.id_field) if artifact.document.root else artifact.item_span()
    texts = sentences(compilation.program)
    return [Lens(at=at, text=text) for text in texts]


def sentences(program: Program) -> list[str]:
    """Latency with its slack, memory of queues, and how much of the types was checked."""
    proofs = program.proofs
    assert proofs is not None
    found = [_of_path(one) for one in proofs.paths if not one.name.startswith("node/")]
    found.append(f"queues hold at most {_bytes(proofs.queue_bytes)} a session")
    if proofs.edges:
        found.append(f"types of {proofs.edges_checked} of {proofs.edges} edges checked")
    if proofs.cancel_ms is not None:
        found.append(f"silent {proofs.cancel_ms} ms after a cancel")
    return found


def _of_path(path: LatencyPath) -> str:
    if path.p95_ms is None:
        return f"{path.name}: unproved, {', '.join(path.unknown[:3])} unknown"
    if path.budget_ms is None:
        return f"{path.name}: {path.p95_ms} ms at p95"
    slack = path.budget_ms - path.p95_ms
    left = f"{slack} ms left" if slack >= 0 else f"{-slack} ms too many"
    return f"{path.name}: {path.p95_ms} of {path.budget_ms} ms at p95, {left}"


def _bytes(size: int) -> str:
    for unit, name in ((2**20, "MiB"), (2**10, "KiB")):
        if size >= unit:
            return f"{size / unit:.1f} {name}"
    return f"{size} bytes"
