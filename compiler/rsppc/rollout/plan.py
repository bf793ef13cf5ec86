"""What a sound RolloutManifest means."""

from __future__ import annotations

from rsppc.base.names import parse_ref, version_key
from rsppc.base.record import Record
from rsppc.lowering.artifacts import Artifact
from rsppc.syntax.document import Mapping


class Target(Record):
    """A bundle that a manifest points to; `digest` is None where nothing says which build of it is meant."""

    name: str
    digest: str | None

    @property
    def text(self) -> str:
        return self.name if self.digest is None else f"{self.name}@{self.digest}"


class Cohort(Record):
    """A part of the traffic. One with a share has no tenants, and the other way round."""

    name: str
    moves: bool
    """Whether it gets the bundle that is rolled out; the others stay on the one to return to."""
    percentage: int | None
    tenants: frozenset[str]
    regions: frozenset[str]
    """Regions that it is limited to; empty where it is not."""

    def covers(self, region: str) -> bool:
        return not self.regions or region in self.regions


class Plan(Record):
    """A manifest, read."""

    ref: str
    digest: str
    """Of what the manifest says, without metadata and comments."""
    bundle: Target
    rollback: Target
    strategy: str
    cohorts: tuple[Cohort, ...]
    phases: tuple[int, ...]
    """Shares that the bundle goes through; the last one is 100."""
    denied: frozenset[str]
    session_limit: int | None
    token_limit: int | None


def plan_of(manifest: Artifact) -> Plan:
    """The plan of a manifest that is sound in form."""
    root = manifest.root
    bundle = target(root["bundle_ref"])
    admission = root.get("admission_constraints") or {}
    return Plan(
        ref=manifest.ref,
        digest=manifest.meaning_digest,
        bundle=bundle,
        rollback=target(root["rollback_ref"]),
        strategy=root["strategy"],
        cohorts=tuple(_cohort(written, root["bundle_ref"]) for written in root["cohorts"]),
        phases=phases(root),
        denied=frozenset(admission.get("tenants_denied") or ()),
        session_limit=admission.get("session_rate_limit_per_min"),
        token_limit=admission.get("token_rate_limit_per_min"),
    )


def target(text: str) -> Target:
    """The bundle that a sound reference names."""
    ref = parse_ref(text)
    assert ref is not None, "malformed references are reported when shapes are checked"
    return Target(name=ref.name, digest=ref.digest)


def same_version(one: str, other: str) -> bool:
    """Whether two sound references name one version of one artifact, however it is written."""
    return _version(one) == _version(other)


def _version(text: str) -> tuple[str, tuple[int, int, int]]:
    name = target(text).name
    artifact_id, _, version = name.partition("/")
    return artifact_id, version_key(version)


def moves(cohort: Mapping, bundle_ref: str) -> bool:
    """Whether a cohort gets the bundle that is rolled out, which it does where it names none."""
    return same_version(cohort.get("bundle_ref", bundle_ref), bundle_ref)


def _cohort(written: Mapping, bundle_ref: str) -> Cohort:
    return Cohort(
        name=written["name"],
        moves=moves(written, bundle_ref),
        percentage=written.get("percentage"),
        tenants=frozenset(written.get("tenant_allowlist") or ()),
        regions=frozenset(written.get("regions") or ()),
    )


def phases(root: Mapping) -> tuple[int, ...]:
    """The shares that the bundle goes through: as they are written, else what the cohorts say, and then everybody."""
    written = root.get("phases")
    if written is not None:
        return tuple(written)
    if root["strategy"] == "immediate":
        return (100,)
    first = first_share(root)
    return (100,) if first == 100 else (first, 100)


def first_share(root: Mapping) -> int:
    """The share that the cohorts give to the bundle; none where they name tenants or regions only."""
    found: list[int] = [
        one["percentage"] for one in root["cohorts"] if "percentage" in one and moves(one, root["bundle_ref"])
    ]
    return min(sum(found), 100)
