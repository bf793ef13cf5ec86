"""What an extension must have before it is released: a pinned implementation, and papers where nobody vouches for it.

A check of sources lets much of it be open, because there is no package yet while one writes a manifest.
"""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.extensions.check import missing_cancel
from rsppc.lowering.artifacts import Artifact, Artifacts
from rsppc.lowering.extension import PLUGINS, name_key, trust_of
from rsppc.syntax.document import Mapping


class Unreleasable(Diagnostic):
    """What is released is pinned by digest, says how it stops and when it counts as failed; what runs outside or is
    not trusted comes with a bill of materials and a proof of origin."""

    code = "RSP8451"
    name = "unreleasable-extension"
    headline = "{what} `{subject}` cannot be released: it states no {missing}"
    hint = "add {missing}"
    what: str
    missing: str


class MissingPaper(Diagnostic):
    """A paper that the workspace is said to hold has to be there, or nobody can read it later."""

    code = "RSP8452"
    name = "missing-paper"
    headline = "`{key}` of `{subject}` names the asset `{path}`, which is not there"
    hint = "put it under `assets/`, or correct the path"
    key: str
    path: str


def check_release(artifacts: Artifacts, artifact: Artifact, sink: DiagnosticSink) -> None:
    """Report what keeps the extensions of a manifest from being released."""
    for what, item in _items(artifact.root):
        at, name = item.value_span(name_key(item)), item[name_key(item)]
        missing = list(_missing(what, item, artifact.root))
        if missing:
            sink.report(Unreleasable(at=at, subject=name, what=what, missing=", ".join(missing)))
        for key in ("sbom_ref", "attestation_ref"):
            path = item.get(key, "").removeprefix("asset:")
            if item.get(key, "").startswith("asset:") and artifacts.workspace.asset_digest(path) is None:
                sink.report(MissingPaper(at=item.value_span(key), subject=name, key=key, path=path))


def _items(root: Mapping) -> Iterator[tuple[str, Mapping]]:
    for key, name, what in (("node_types", "node_type", "node type"), *PLUGINS):
        yield from ((what, item) for item in root.get(key) or () if name in item)


def _missing(what: str, item: Mapping, root: Mapping) -> Iterator[str]:
    trust = trust_of(item, root)
    if trust is None:
        yield "`trust_level`"
    if "digest" not in item:
        yield "`digest`"
    if "timeout_ms" not in item and what != "runtime adapter":  # a call lasts as long as it lasts
        yield "`timeout_ms`"
    cancel = missing_cancel(item) if what == "node type" else None
    if cancel is not None:
        yield cancel
    if item.get("execution_mode") != "in_process" or trust == "untrusted":
        yield from (f"`{key}`" for key in ("sbom_ref", "attestation_ref") if key not in item)
