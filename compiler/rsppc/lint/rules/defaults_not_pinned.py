"""References that are pinned do not pin the defaults of node types."""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.diagnostics import Related
from rsppc.ir.setting import FromNodeType, place_of
from rsppc.lint.rule import LintFinding, Rule
from rsppc.lint.view import View


class DefaultsNotPinned(LintFinding):
    """A bundle that pins its references looks as if an upgrade could not change it. Defaults of node types come from
    manifests, which no reference names: another version of the compiler, or of a manifest, may bring other ones, and
    the pipeline waits, listens and interrupts differently though nobody touched it. `bundle_digest` notices.

    Pipecat lowered the default `stop_secs` of its detector from 0.8 to 0.2 seconds in an ordinary release
    (https://github.com/pipecat-ai/pipecat/pull/3659)."""

    code = "RSP9615"
    name = "defaults-not-pinned"
    headline = "bundle `{subject}` pins references, but not the {count} defaults of node types that it relies on"
    hint = "run `rsppc pin {subject}`, which also writes `bundle_digest`"
    count: int


_BUNDLE = """
file pipelines/bundles/line_bundle_v1.yaml
  schema_version: rspp.pipeline.bundle.v1
  bundle_id: line_bundle
  version: v1
  spec_ref: line/v1
  profile_ref: simple/v1@sha256:cc9d8dc2a4c5d9c2e3a597df63c1b60df0fd7cfd61009f2b910343819127d2b9
  compat_window: {runtime: {min: v1, max: v1.1}}
"""
BAD = _BUNDLE
GOOD = _BUNDLE + "  bundle_digest: sha256:4a8f3a96f08edbccb768cb209a4903879498ab6ca96887d4409ac0d0a77d792f\n"


def check(view: View) -> Iterator[LintFinding]:
    bundle = view.program.bundle
    if "bundle_digest" in getattr(bundle.place, "container", ()):
        return
    defaults = [
        setting
        for node in view.program.nodes.values()
        for setting in node.config.values()
        if setting.origin.__class__ is FromNodeType
    ]
    if defaults:
        example = Related(at=place_of(defaults[0]), text="one of them")
        yield DefaultsNotPinned(
            at=bundle.place.span(), subject=f"{bundle.id}/{bundle.version}", count=len(defaults), related=(example,)
        )


RULE = Rule(finding=DefaultsNotPinned, check=check, bad=BAD, good=GOOD)
