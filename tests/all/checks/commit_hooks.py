"""The hooks of `.pre-commit-hooks.yaml`, installed by pre-commit itself and run by commits in a repository whose
workspace is a folder of it; the manifest and the action are held against their schemas."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from checks.outcome import Outcome, outcome
from checks.packages import ROOT, call, clean_copy, environment_with, own_environment

NAME = "commit-hooks"
NEEDS = ("git", "pypi")

_SECONDS_MAX = 300
_TOOLS = ("pre-commit==4.7.0", "check-jsonschema==0.39.0")
_WORKSPACE = ROOT / "golden/diff/reviewed_change/input/before"
_SPEC = "voice/pipelines/specs/support_v1.yaml"
_PROMPT = "voice/pipelines/assets/prompts/support.txt"
_CONFIG = """\
repos:
  - repo: {repository}
    rev: {revision}
    hooks:
      - id: rsppc-check
        entry: env --chdir=voice rsppc check
      - id: rsppc-fmt
"""


def run(folder: Path) -> Outcome:
    bin_ = environment_with(folder / "environment", _TOOLS).parent
    hooks = clean_copy(folder)
    call([str(bin_ / "pre-commit"), "validate-manifest", str(hooks / ".pre-commit-hooks.yaml")], folder)
    call(
        [str(bin_ / "check-jsonschema"), "--builtin-schema", "vendor.github-actions", str(hooks / "action.yml")], folder
    )
    _git(hooks, "init", "-q")
    _committed(hooks)
    revision = _git(hooks, "rev-parse", "HEAD").stdout.strip()
    work = folder / "work"
    shutil.copytree(_WORKSPACE, work / "voice")
    (work / ".pre-commit-config.yaml").write_text(_CONFIG.format(repository=hooks, revision=revision))
    _git(work, "init", "-q")
    _committed(work)
    call([str(bin_ / "pre-commit"), "install"], work)
    return outcome([*_commits(work)], "two hooks installed, four commits tried; the manifest and the action are valid")


def _commits(work: Path) -> Iterator[str]:
    """What is wrong with how commits go."""
    spec = work / _SPEC
    laid_out = spec.read_text("utf-8")
    spec.write_text(laid_out.replace("{from: mic, to: vad}", "{from:   mic, to:   vad}"), "utf-8")
    if "files were modified by this hook" not in _committed(work, fails=True):
        yield "a source that is not laid out is committed"
    if spec.read_text("utf-8") != laid_out:
        yield "the source is not laid out"
    spec.write_text(laid_out.replace("silence_ms: 400", "silence_ms: 450"), "utf-8")
    _committed(work)
    spec.write_text(laid_out.replace("speech.vad", "speech.wad"), "utf-8")
    if "unknown-node-type" not in _committed(work, fails=True):
        yield "a source that does not compile is committed"
    spec.write_text(laid_out, "utf-8")
    (work / _PROMPT).unlink()
    if "missing-asset" not in _committed(work, fails=True):
        yield "a prompt that a pipeline loads can be taken away"


def _committed(folder: Path, *, fails: bool = False) -> str:
    """What is printed while everything is committed."""
    _git(folder, "add", "--all")
    done = _git(folder, "commit", "-m", "one")
    if (done.returncode != 0) != fails:
        raise RuntimeError(f"the commit ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def _git(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    who = {f"GIT_{role}_{fact}": "a@example.org" for role in ("AUTHOR", "COMMITTER") for fact in ("NAME", "EMAIL")}
    places = {"GIT_CONFIG_GLOBAL": os.devnull, "PRE_COMMIT_HOME": str(folder.parent / "cache")}
    return subprocess.run(
        ["git", "-c", "init.defaultBranch=main", *words],
        cwd=folder,
        env={**own_environment(), **who, **places},
        capture_output=True,
        text=True,
        timeout=_SECONDS_MAX,
        check=False,
    )
