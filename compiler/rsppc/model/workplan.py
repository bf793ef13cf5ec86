"""The keys of a workplan: those of its front matter, and those of a task (`workplans.py` reads them)."""

from __future__ import annotations

from rsppc.model.shape import FieldType, Identifier, Integer, Shape, Text, field

_WORD: FieldType = Text(length_min=1, length_max=200)
_DATE: FieldType = Identifier(form="date")

FRONT_MATTER = Shape(
    name="front_matter",
    doc="What a workplan says of itself at its top.",
    fields=(
        field("id", _WORD, "Name of the workplan.", required=True),
        field("type", _WORD, "What kind of page it is: `workplan`.", required=True),
        field("title", _WORD, "What it is about.", required=True),
        field("status", _WORD, "How far it is.", required=True),
        field("repo", _WORD, "The repository that it belongs to."),
        field("domain", _WORD, "The part of the business."),
        field("owner", _WORD, "Who sees to it."),
        field("topic_slug", _WORD, "The topic under which it is kept."),
        field("planning_priority", _WORD, "How much it matters."),
        field("planning_order", Integer(), "Its place among workplans of the same priority."),
        field("created", _DATE, "When it was written."),
        field("updated", _DATE, "When it was last changed."),
        field("state_hub_workstream_id", _WORD, "The workstream that its progress is told to.", nullable=True),
    ),
)

TASK = Shape(
    name="task",
    doc="A task of a workplan.",
    fields=(
        field("id", _WORD, "Name of the task.", required=True),
        field("status", _WORD, "How far it is.", required=True),
        field("priority", _WORD, "How much it matters."),
        field("state_hub_task_id", _WORD, "The task that its progress is told to.", nullable=True),
    ),
)
