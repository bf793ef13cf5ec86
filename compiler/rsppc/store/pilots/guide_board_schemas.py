"""The forms of guide-board's documents, as JSON Schemas, and that of the metadata which are made of them.

`METADATA` is what `schemas/guide-board.run.v1.json` holds. It is closed: a key that it does not know is a slip. The
documents themselves belong to the producer, so that only those of their keys have a form which are read here.
"""

from __future__ import annotations

from typing import Any

SCHEMA_ID = "guide-board.run.v1"
FILE_NAME = f"{SCHEMA_ID}.json"

REQUIRED = (
    "run_id",
    "target_profile_ref",
    "assessment_profile_ref",
    "result_status",
    "source_commits",
    "report_paths",
    "evidence_counts",
    "finding_counts",
)

_NAME = {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._:/@+-]*$", "maxLength": 200}
_TEXT = {"type": "string", "minLength": 1, "maxLength": 500}
_PATH = {"type": "string", "minLength": 1, "maxLength": 512}
_PATHS = {"type": "array", "items": _PATH, "maxItems": 100_000}
_COUNTS = {
    "type": "object",
    "propertyNames": {"pattern": "^[a-z][a-z0-9_]*$", "maxLength": 100},
    "additionalProperties": {"type": "integer", "minimum": 0},
}
_COMMITS = {
    "type": "object",
    "propertyNames": {"pattern": "^[A-Za-z0-9][A-Za-z0-9._/-]*$", "maxLength": 200},
    "additionalProperties": {"type": "string", "pattern": "^[0-9a-f]{7,64}$"},
}
_DAYS = {"type": "integer", "minimum": 1, "maximum": 36500}
_POLICY = {
    "type": "object",
    "properties": {"summary_days": _DAYS, "raw_artifact_days": _DAYS},
    "additionalProperties": _DAYS,
}
_STATUS = {"type": "string", "pattern": "^[a-z][a-z0-9_]*$", "maxLength": 60}


def _said(form: dict[str, Any], description: str, **more: Any) -> dict[str, Any]:
    return {"description": description, **form, **more}


METADATA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": SCHEMA_ID,
    "title": "Metadata of a package that holds a run of guide-board",
    "type": "object",
    "required": list(REQUIRED),
    "additionalProperties": False,
    "properties": {
        "run_id": _said(_NAME, "The producer's name for the run; one run is one package."),
        "target_profile_ref": _said(_NAME, "What was assessed."),
        "assessment_profile_ref": _said(_TEXT, "By what it was assessed."),
        "result_status": _said(_STATUS, "How the run ended."),
        "source_commits": _said(_COMMITS, "Of each repository that took part, by slug, the commit in hexadecimal."),
        "report_paths": _said(_PATHS, "Paths of the reports in the package, in order.", uniqueItems=True),
        "evidence_counts": _said(_COUNTS, "How many pieces of evidence there are, by result."),
        "finding_counts": _said(_COUNTS, "How many findings there are, by severity."),
        "retention_policy": _said(_POLICY, "For how many days the producer wants what to be kept."),
        "started_at": _said(_TEXT, "When the run began, by the producer's clock."),
        "completed_at": _said(_TEXT, "When the run ended, by the producer's clock."),
    },
}

_SHARED = {
    "run_id": _NAME,
    "target_profile_ref": _NAME,
    "assessment_profile_ref": _TEXT,
    "result_status": _STATUS,
    "source_commits": _COMMITS,
    "evidence_counts": _COUNTS,
    "finding_counts": _COUNTS,
    "report_paths": _PATHS,
    "retention_policy": _POLICY,
}
_FRAGMENTS = {
    "type": "array",
    "maxItems": 100_000,
    "items": {"type": "object", "required": ["id", "path"], "properties": {"id": _TEXT, "path": _PATH}},
}
_FILE = {
    "type": "object",
    "required": ["path"],
    "properties": {
        "path": _PATH,
        "role": _NAME,
        "media_type": {"type": "string", "pattern": "^[a-z]+/[A-Za-z0-9!#$&^_.+-]+$", "maxLength": 150},
        "sha256": {"type": "string", "pattern": "^(sha256:)?[0-9a-f]{64}$"},
        "size": {"type": "integer", "minimum": 0},
    },
}

RUN: dict[str, Any] = {
    "type": "object",
    "required": ["run_id"],
    "properties": {
        **_SHARED,
        "status": _STATUS,
        "repository": _TEXT,
        "commit": _TEXT,
        "environment": {"type": "object", "additionalProperties": {"type": "string", "maxLength": 500}},
        "started_at": _TEXT,
        "completed_at": _TEXT,
    },
}
RETENTION_SUMMARY: dict[str, Any] = {
    "type": "object",
    "required": ["run_id"],
    "properties": {**_SHARED, "retention_class": _NAME},
}
ASSESSMENT_PACKAGE: dict[str, Any] = {
    "type": "object",
    "required": ["run_id", "files"],
    "properties": {
        "run_id": _NAME,
        "report_paths": _PATHS,
        "fragments": _FRAGMENTS,
        "files": {"type": "array", "items": _FILE, "maxItems": 100_000},
    },
}
FRAGMENTS: dict[str, Any] = {
    "type": "object",
    "required": ["fragments"],
    "properties": {"run_id": _NAME, "fragments": _FRAGMENTS},
}
