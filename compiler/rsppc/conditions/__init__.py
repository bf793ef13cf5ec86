"""Conditions: the small, portable part of CEL in which edges, branches, rules and layers say when they apply.

`check` makes a `Condition` of a text or says what is wrong with it; `always`, `exclusive` and `covers` judge conditions
without running them; `evaluate` runs one, `read_condition` reads one back from an artifact. Everything is plain data,
places are code points in the expression text. This room is the only one that knows the CEL library, which is imported
when the first condition is checked.
"""

from __future__ import annotations

from rsppc.conditions.artifact import read_condition
from rsppc.conditions.check import Condition, check
from rsppc.conditions.complaint import Complaint, ComplaintKind
from rsppc.conditions.environment import (
    AUDIO_EVENT_FIELDS,
    TEXT_EVENT_FIELDS,
    CelType,
    Choices,
    Declaration,
    Environment,
    Range,
    edge_environment,
    event_fields_of_schema,
    rule_environment,
)
from rsppc.conditions.evaluate import EvaluationError, Evaluator, evaluate
from rsppc.conditions.judge import (
    Assignment,
    Coverage,
    Overlap,
    Verdict,
    always,
    covers,
    example,
    exclusive,
    possible,
    witness,
)
from rsppc.conditions.nodes import Tree
from rsppc.conditions.printing import print_tree
from rsppc.conditions.trial import holds_and_fails

__all__ = [
    "AUDIO_EVENT_FIELDS",
    "TEXT_EVENT_FIELDS",
    "Assignment",
    "CelType",
    "Choices",
    "Complaint",
    "ComplaintKind",
    "Condition",
    "Coverage",
    "Declaration",
    "Environment",
    "EvaluationError",
    "Evaluator",
    "Overlap",
    "Range",
    "Tree",
    "Verdict",
    "always",
    "check",
    "covers",
    "edge_environment",
    "evaluate",
    "event_fields_of_schema",
    "example",
    "exclusive",
    "holds_and_fails",
    "possible",
    "print_tree",
    "read_condition",
    "rule_environment",
    "witness",
]
