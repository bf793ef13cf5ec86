"""The kinds of artifacts, in the order in which they are written: what runs first, how it is released last."""

from __future__ import annotations

from rsppc.model.extension import EXTENSION_MANIFEST
from rsppc.model.governing import CONFIG_LAYER, EXECUTION_PROFILE, PIPELINE_BUNDLE, POLICY_OVERLAY
from rsppc.model.graph import GRAPH_MODULE, PIPELINE_SPEC
from rsppc.model.release import (
    COMPAT_POLICY,
    CONTROL_PLANE_SNAPSHOT,
    GATE_MANIFEST,
    REPLAY_MANIFEST,
    ROLLOUT_MANIFEST,
    RUNTIME_CAPABILITY,
)
from rsppc.model.shape import ArtifactKind

KINDS: tuple[ArtifactKind, ...] = (
    PIPELINE_SPEC,
    EXECUTION_PROFILE,
    GRAPH_MODULE,
    POLICY_OVERLAY,
    CONFIG_LAYER,
    PIPELINE_BUNDLE,
    ROLLOUT_MANIFEST,
    CONTROL_PLANE_SNAPSHOT,
    EXTENSION_MANIFEST,
    REPLAY_MANIFEST,
    COMPAT_POLICY,
    RUNTIME_CAPABILITY,
    GATE_MANIFEST,
)

BY_SCHEMA_VERSION: dict[str, ArtifactKind] = {kind.schema_version: kind for kind in KINDS}
BY_NAME: dict[str, ArtifactKind] = {kind.name: kind for kind in KINDS}
