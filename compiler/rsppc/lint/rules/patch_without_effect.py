"""A layer or a rule that sets what is set already changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from rsppc.diagnostics import Related
from rsppc.ir.program import Patch, Program
from rsppc.ir.setting import Computed, Inferred, Setting, place_of
from rsppc.ir.setting_path import Steps, print_steps
from rsppc.lint.rule import LintFinding, Rule
from rsppc.lint.view import View


class PatchWithoutEffect(LintFinding):
    """Whoever reads a layer or a degrade rule believes that it does something: that calls get shorter prompts under
    pressure, that gold customers wait less. Where it sets the value that holds anyway, nothing happens, mostly because
    the pipeline was changed later, and the incident for which it was written takes its course. Layers that never apply
    and rules that are never reached are reported by the compiler itself.

    What callers notice is that nothing gets better under load."""

    code = "RSP9628"
    name = "patch-without-effect"
    headline = "`{subject}` is set to {value}, which it is anyway"
    hint = "remove the setting, or set what it is to be"
    value: str


_DEGRADING = """
- {node_id: llm, node_type: speech.llm, provider: llm-house, config: {max_context_turns: 4}}
file pipelines/policies/shorter_v1.yaml
  schema_version: rspp.policy.overlay.v1
  policy_id: shorter
  version: v1
  degrade_rules:
    - {id: shorter_context, when: pressure.data_lane_milli >= 800, set: {nodes.llm.config.max_context_turns: %d}}
file pipelines/bundles/line_bundle_v1.yaml
  schema_version: rspp.pipeline.bundle.v1
  bundle_id: line_bundle
  version: v1
  spec_ref: line/v1
  profile_ref: simple/v1
  policy_refs: [shorter/v1]
  compat_window: {runtime: {min: v1, max: v1.1}}
"""
BAD = _DEGRADING % 4
GOOD = _DEGRADING % 2


def check(view: View) -> Iterator[LintFinding]:
    program = view.program
    patches = [patch for layer in program.layers for patch in layer.patches]
    patches.extend(patch for policy in program.policies for rule in policy.degrade_rules for patch in rule.patches)
    times = Counter(tuple(patch.steps) for patch in patches)
    for patch in patches:
        anyway = _without(patch, program)
        # Where several set one value, each may be there to take another one back.
        if times[tuple(patch.steps)] > 1 or anyway is None or anyway.value != patch.setting.value:
            continue
        is_placed = not isinstance(anyway.origin, Inferred | Computed)
        related = (Related(at=place_of(anyway), text="set here"),) if is_placed else ()
        yield PatchWithoutEffect(
            at=place_of(patch.setting),
            subject=print_steps(patch.steps),
            value=f"`{patch.setting.value}`",
            related=related,
        )


def _without(patch: Patch, program: Program) -> Setting | None:
    """The setting that holds if a patch does not."""
    setting = _at(patch.steps, program)
    if setting is None or setting.origin != patch.setting.origin:
        return setting
    return setting.overridden[0] if setting.overridden else None


def _at(steps: Steps, program: Program) -> Setting | None:
    if steps[0] == "budgets":
        return program.defaults.budgets.get(steps[1])
    if steps[0] == "nodes" and steps[1] in program.nodes:
        node = program.nodes[steps[1]]
        if steps[2] == "config":
            return node.config.get(steps[3])
        return node.budget_ms if steps[2] == "budget_ms" else node.provider
    return None


RULE = Rule(finding=PatchWithoutEffect, check=check, bad=BAD, good=GOOD)
