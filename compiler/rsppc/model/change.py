"""What the change tools read and write: the difference of two bundles, and the waivers of a workspace."""

from __future__ import annotations

from typing import Literal, get_args

from rsppc.model.common import COUNT, DIGEST, ID
from rsppc.model.shape import (
    Anything,
    Choice,
    Flag,
    Identifier,
    Integer,
    Listing,
    Nested,
    Reference,
    Shape,
    Table,
    Text,
    field,
)

DIFF_SCHEMA_VERSION = "rspp.change.diff.v1"
WAIVERS_SCHEMA_VERSION = "rspp.change.waivers.v1"
ImpactClass = Literal["wire", "latency", "quality", "policy", "cost"]
IMPACTS: tuple[ImpactClass, ...] = get_args(ImpactClass)
CauseKind = Literal[
    "graph",
    "bundle",
    "policy",
    "layer",
    "spec",
    "module",
    "profile",
    "manifest",
    "library",
    "file",
    "sources",
    "follows",
    "compiler",
    "unexplained",
]
CAUSES: tuple[CauseKind, ...] = get_args(CauseKind)

SIDE = Shape(
    name="diff_side",
    doc="One of the two bundles.",
    fields=(
        field("name", Text(length_min=1), "What the caller named it.", required=True),
        field("ref", Reference(kind="bundle"), "Its reference.", required=True),
        field("digest", DIGEST, "Its digest.", required=True),
    ),
)

CHANGE = Shape(
    name="diff_change",
    doc="A changed leaf. `before` is absent where the leaf is new, `after` where it is gone.",
    fields=(
        field("path", Text(length_min=1), "Its path, as one of settings.", required=True),
        field("steps", Listing(item=Text()), "The steps of the path; names of edges hold dots.", required=True),
        field("impact", Choice(values=IMPACTS), "What it means for a live call.", required=True),
        field("before", Anything(), "The value before.", nullable=True),
        field("after", Anything(), "The value after.", nullable=True),
        field("unit", Text(), "The unit of both."),
        field("words", Text(), "What the value is, in words that continue `changes`."),
        field("origin_before", Text(), "Label and place of the value before."),
        field("origin_after", Text(), "Label and place of the value after."),
    ),
)

CAUSE = Shape(
    name="diff_cause",
    doc="A change of one source, with the leaves that it explains.",
    fields=(
        field("kind", Choice(values=CAUSES), "What kind of source changed.", required=True),
        field("text", Text(), "The cause in words.", required=True),
        field("before", Text(), "The source before."),
        field("after", Text(), "The source after."),
        field("part", Text(), "The part of the source: a rule, a node type, a node."),
        field("place_before", Text(), "Where it was written before."),
        field("place_after", Text(), "Where it is written now."),
        field("changes", Listing(item=Nested(shape=CHANGE), length_min=1), "The leaves.", required=True),
    ),
)

PROOF = Shape(
    name="diff_proof",
    doc="A figure on one side.",
    fields=(
        field("proved", Flag(), "Whether the compiler could prove it.", required=True),
        field("value", Integer(), "The figure; absent where it is not proved."),
        field("limit", Integer(), "What it must not exceed."),
        field("slack", Integer(minimum=-(2**53) + 1), "What is left of the limit."),
        field("unknown", Listing(item=Text()), "What has no figure."),
    ),
)

FIGURE = Shape(
    name="diff_figure",
    doc="What a caller can feel, before and after.",
    fields=(
        field("name", Text(length_min=1), "Name of the figure.", required=True),
        field("words", Text(), "What it is.", required=True),
        field("unit", Text(), "Its unit.", required=True),
        field("before", Nested(shape=PROOF), PROOF.doc),
        field("after", Nested(shape=PROOF), PROOF.doc),
    ),
)

DIFF = Shape(
    name="Diff",
    doc="What differs between two bundles, by cause.",
    fields=(
        field("schema_version", Choice(values=(DIFF_SCHEMA_VERSION,)), "Announces a difference.", required=True),
        field("before", Nested(shape=SIDE), SIDE.doc, required=True),
        field("after", Nested(shape=SIDE), SIDE.doc, required=True),
        field("equal", Flag(), "Whether nothing differs.", required=True),
        field("impact", Table(value=COUNT, key=ID), "How many leaves changed, by class.", required=True),
        field("figures", Listing(item=Nested(shape=FIGURE)), "What a caller can feel.", required=True),
        field("causes", Listing(item=Nested(shape=CAUSE)), "The changes, by cause.", required=True),
    ),
)

WAIVER = Shape(
    name="waiver",
    doc="One finding of one change, let pass by somebody for some time.",
    fields=(
        field("code", Text(length_min=1, length_max=80), "Code or name of the finding.", required=True),
        field("subject", Text(length_min=1, length_max=1000), "What the finding is about.", required=True),
        field("owner", Text(length_min=1, length_max=200), "Who answers for it.", required=True),
        field("reason", Text(length_min=1, length_max=2000), "Why it may pass.", required=True),
        field("expires", Identifier(form="date"), "The last day on which it holds, in UTC.", required=True),
        field(
            "before", DIGEST, "Digest of what was changed; null where there was nothing.", required=True, nullable=True
        ),
        field("after", DIGEST, "Digest of what it became; null where it is gone.", required=True, nullable=True),
    ),
)

WAIVERS = Shape(
    name="Waivers",
    doc="What a workspace lets pass of `rsppc breaking`: `waivers.yaml` beside `rsppc.toml`.",
    fields=(
        field("schema_version", Choice(values=(WAIVERS_SCHEMA_VERSION,)), "Announces waivers.", required=True),
        field("waivers", Listing(item=Nested(shape=WAIVER)), "The waivers.", required=True),
    ),
)
