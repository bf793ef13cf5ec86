#!/usr/bin/env python3
"""Tell the State Hub which package a run became: one `POST /progress/`, with ids and digests and no byte of a file.

    artifactstore guide-board ingest "$RUN_DIR" > package.json
    RUN_DIR=… STATE_HUB_URL=https://hub.example.org python link_run.py < package.json

Reads from the standard input what the ingest printed, and from the environment:

    STATE_HUB_URL            where the State Hub is; required
    RUN_DIR                  the run directory, of which `run.json` alone is read; required
    ARTIFACT_STORE_API_URL   where the store is served, for whoever follows the link; required
    STATE_HUB_TOKEN          sent as a bearer token
    STATE_HUB_AUTHOR         who says so; `artifact-store` where left out
    STATE_HUB_WORKSTREAM_ID  the workstream that the run belongs to
    STATE_HUB_TASK_ID        the task that the run belongs to

Exit code 0: recorded. 1: what was given cannot be told. 2: a variable is missing. 4: the State Hub did not take it; it
is safe to try again. Only the standard library is used, so that the file can be copied to wherever runs are made.
"""

from __future__ import annotations

import json
import os
import re
import sys
import urllib.error
import urllib.request
from typing import Any, NoReturn

BODY_SIZE_MAX = 16 * 1024
"""A link is small. Whatever is larger would hold what belongs into the store."""
TIMEOUT_S = 30


def main() -> None:
    hub, run_dir, api = (required(name) for name in ("STATE_HUB_URL", "RUN_DIR", "ARTIFACT_STORE_API_URL"))
    body = json.dumps(progress(package_given(), run_in(run_dir), run_dir, api), sort_keys=True).encode()
    if len(body) > BODY_SIZE_MAX:
        end(1, f"the link has {len(body)} bytes, more than {BODY_SIZE_MAX}")
    post(f"{hub.rstrip('/')}/progress/", body)


def progress(package: dict[str, Any], run: dict[str, Any], run_dir: str, api: str) -> dict[str, Any]:
    """The body of the call."""
    return {
        "event_type": "artifact_link",
        "author": os.environ.get("STATE_HUB_AUTHOR", "artifact-store"),
        "workstream_id": os.environ.get("STATE_HUB_WORKSTREAM_ID"),
        "task_id": os.environ.get("STATE_HUB_TASK_ID"),
        "summary": f"guide-board run {run['run_id']} is package {package['package_id']} "
        f"({package['file_count']} files, {package['manifest_digest']})",
        "detail": {
            "producer": "guide-board",
            "artifact_store_api_url": api,
            "run_dir": run_dir,
            "run_id": run["run_id"],
            "target_profile_ref": run.get("target_profile_ref"),
            "assessment_profile_ref": run.get("assessment_profile_ref"),
            "package_id": package["package_id"],
            "manifest_digest": package["manifest_digest"],
            "file_count": package["file_count"],
            "reused_existing": package["reused_existing"],
        },
    }


def package_given() -> dict[str, Any]:
    """What the ingest printed."""
    try:
        package = json.loads(sys.stdin.read(BODY_SIZE_MAX))
        sound = (
            re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", package["package_id"])
            and re.fullmatch(r"blake3:[0-9a-f]{64}", package["manifest_digest"])
            and type(package["file_count"]) is int
            and type(package["reused_existing"]) is bool
        )
    except (ValueError, KeyError, TypeError):
        sound = None
    if not sound:
        end(1, "the standard input is not what `artifactstore guide-board ingest` prints")
    return {name: package[name] for name in ("package_id", "manifest_digest", "file_count", "reused_existing")}


def run_in(run_dir: str) -> dict[str, Any]:
    """What `run.json` says of the run."""
    try:
        with open(os.path.join(run_dir, "run.json"), encoding="utf-8") as file:
            run = json.load(file)
        names = ("run_id", "target_profile_ref", "assessment_profile_ref")
        found = {name: run[name] for name in names if isinstance(run.get(name), str)}
    except (OSError, ValueError, AttributeError) as error:
        end(1, f"`run.json` in `{run_dir}` cannot be read: {error}")
    if "run_id" not in found:
        end(1, f"`run.json` in `{run_dir}` has no `run_id`")
    return found


def post(url: str, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    if os.environ.get("STATE_HUB_TOKEN"):
        headers["Authorization"] = f"Bearer {os.environ['STATE_HUB_TOKEN']}"
    try:
        request = urllib.request.Request(url, data=body, headers=headers, method="POST")
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            print(f"{url} answered {answer.status}")
    except urllib.error.HTTPError as error:
        end(4, f"{url} answered {error.code}: {error.read(500).decode(errors='replace')}")
    except (OSError, ValueError) as error:
        end(4, f"{url} cannot be reached: {getattr(error, 'reason', error)}")


def required(name: str) -> str:
    value = os.environ.get(name)
    if not value:
        end(2, f"{name} is not set")
    return value


def end(code: int, problem: str) -> NoReturn:
    print(f"link_run: {problem}", file=sys.stderr)
    sys.exit(code)


if __name__ == "__main__":
    main()
