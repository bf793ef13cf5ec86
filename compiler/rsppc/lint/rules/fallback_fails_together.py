"""A fallback that goes down together with what it stands in for is none."""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.diagnostics import Related
from rsppc.ir.program import ProviderRule
from rsppc.lint.rule import LintFinding, Rule
from rsppc.lint.view import View


class FallbackFailsTogether(LintFinding):
    """A fallback helps against an outage as long as the outage does not take it along. Two models of one company share
    its network, its quota and its login: the caller waits for the first to fail, then for the second, and then hears
    nothing. `failure_domain` of a provider says what fails together; the same provider always does.

    Adapters for fallbacks exist for outages of a provider and are shown with two companies
    (https://github.com/livekit/agents-js/issues/868); the outage that is sure to come is a used-up allowance,
    which ends everything that its provider speaks (https://github.com/NousResearch/hermes-agent/issues/90611)."""

    code = "RSP9619"
    name = "fallback-fails-together"
    headline = "{standby} fails together with {primary}: both depend on `{subject}`"
    hint = "let a provider of another failure domain stand by"
    standby: str
    primary: str


_LLMS = """
- {node_id: llm, node_type: speech.llm, provider: llm-house, budget_ms: 600, fallback: {to: llm_small, on: [error]}}
- {node_id: llm_small, node_type: speech.llm, provider: %s}
file pipelines/extensions/spare_v1.yaml
  schema_version: rspp.extension.manifest.v1
  extension_id: spare
  version: v1
  type: provider
  api_version: v1
  providers:
    - {provider_id: llm-spare, modality: llm, latency: {p50_ms: 200, p95_ms: 400}, failure_domain: elsewhere}
"""
BAD = _LLMS % "llm-house"
GOOD = _LLMS % "llm-spare"


def check(view: View) -> Iterator[LintFinding]:
    for node in view.program.nodes.values():
        if node.fallback is None:
            continue
        domain = view.domain(node.id)
        if domain is not None and domain == view.domain(node.fallback.to):
            yield FallbackFailsTogether(
                at=node.fallback.place.span(),
                subject=domain,
                standby=f"fallback `{node.fallback.to}`",
                primary=f"`{node.id}`",
                related=(Related(at=node.place.span(), text=f"depends on `{domain}`"),),
            )
    for policy in view.program.policies:
        yield from (found for rule in policy.provider_rules if (found := _one_domain(rule, view)) is not None)


def _one_domain(rule: ProviderRule, view: View) -> LintFinding | None:
    """A rule with several providers of which none outlives the others."""
    known = view.program.catalog.providers
    domains = [known[name].failure_domain for name, _ in rule.use if name in known]
    if len(domains) < 2 or domains[0] is None or len(set(domains)) > 1:
        return None
    (first, _), (second, place) = rule.use[:2]
    return FallbackFailsTogether(
        at=place.span(), subject=domains[0], standby=f"provider `{second}`", primary=f"`{first}`"
    )


RULE = Rule(finding=FallbackFailsTogether, check=check, bad=BAD, good=GOOD)
