"""An attempt that is given up before the provider ordinarily answers makes outages of ordinary calls."""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.ir.catalog import Provider
from rsppc.ir.program import ProviderRule
from rsppc.lint.rule import LintFinding, Rule
from rsppc.lint.view import View


class AttemptShorterThanProvider(LintFinding):
    """An attempt that ends before the provider ordinarily answers throws good answers away: the caller waits for two
    attempts where one would have done, the provider does the work twice, and the circuit breaker counts errors that
    were none. That the attempts fit into the budget of the node, which the compiler proves, does not help them.

    Pipecat shows how to force it: with a `retry_timeout_secs` below the time to first token every first attempt times
    out (https://github.com/pipecat-ai/pipecat/pull/5339)."""

    code = "RSP9612"
    name = "attempt-shorter-than-provider"
    headline = "rule `{subject}` gives up after {timeout} ms, and half of `{provider}`'s answers take {took} ms or more"
    hint = "give an attempt clearly more time than the provider takes at p50, or leave `retry` out"
    timeout: int
    provider: str
    took: int


_POLICY = """
file pipelines/policies/retries_v1.yaml
  schema_version: rspp.policy.overlay.v1
  policy_id: retries
  version: v1
  provider_rules:
    - id: any_stt
      modality: stt
      use: [stt-house]
      retry: {max_attempts: 2, attempt_timeout_ms: %d, backoff_ms: 20}
file pipelines/bundles/line_bundle_v1.yaml
  schema_version: rspp.pipeline.bundle.v1
  bundle_id: line_bundle
  version: v1
  spec_ref: line/v1
  profile_ref: simple/v1
  policy_refs: [retries/v1]
  compat_window: {runtime: {min: v1, max: v1.1}}
"""
_UNNAMED = """
- {node_id: stt, node_type: speech.stt, config: {language: en-US}}
"""
BAD = _UNNAMED + _POLICY % 120
GOOD = _UNNAMED + _POLICY % 320


def check(view: View) -> Iterator[LintFinding]:
    providers = view.program.catalog.providers
    for rule in view.retries:
        for provider in (providers[name] for name, _ in rule.use if name in providers):
            finding = _cut_off(rule, provider)
            if finding is not None:
                yield finding
                break  # the first is enough to see why


def _cut_off(rule: ProviderRule, provider: Provider) -> LintFinding | None:
    timeout = (rule.retry or {}).get("attempt_timeout_ms")
    took = max([one.p50_ms for one in provider.latency.values() if one.p50_ms is not None], default=0)
    if timeout is None or took <= timeout:
        return None
    return AttemptShorterThanProvider(
        at=rule.place.span(), subject=rule.id, timeout=timeout, provider=provider.id, took=took
    )


RULE = Rule(finding=AttemptShorterThanProvider, check=check, bad=BAD, good=GOOD)
