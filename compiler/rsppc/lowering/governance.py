"""PolicyOverlay → Policy, ConfigLayer → Layer."""

from __future__ import annotations

from typing import Any

from rsppc.base.digest import Digest
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Related
from rsppc.ir.program import DegradeRule, InsertRule, Layer, Policy, ProviderRule
from rsppc.ir.setting import FromLayer, FromPolicy
from rsppc.ir.setting_path import parse_steps
from rsppc.lowering.graph import lower_condition, lower_end, lower_node
from rsppc.lowering.patches import lower_patches
from rsppc.syntax.document import Item, Mapping, Sequence


class DuplicateRule(Diagnostic):
    """Rules are named in plans and in evidence, so that a name must stand for one rule of its policy."""

    code = "RSP2203"
    name = "duplicate-rule"
    headline = "the policy has two rules `{subject}`"
    hint = "rename one of them"


class LayerWithoutCondition(Diagnostic):
    """A layer of the environment may hold for everybody; one for a tenant or a session must say for which."""

    code = "RSP6101"
    name = "layer-without-condition"
    headline = "a layer for a {subject} needs a `when`"
    hint = 'say for which {subject} it holds, as in `when: tenant.id == "acme"`'


def lower_policy(root: Mapping, digest: Digest, sink: DiagnosticSink) -> Policy:
    """A sound policy's rules."""
    ref = f"{root['policy_id']}/{root['version']}"
    _report_duplicate_rules(root, sink)
    actions = root.get("allowed_actions")
    forbid = root.get("forbid") or Sequence()
    return Policy(
        ref=ref,
        digest=digest,
        provider_rules=tuple(
            _provider_rule(item, ref) for item in root.get("provider_rules") or () if item.keys() >= {"id", "use"}
        ),
        degrade_rules=tuple(
            _degrade_rule(item, ref, sink)
            for item in root.get("degrade_rules") or ()
            if item.keys() >= {"id", "when", "set"}
        ),
        insert_rules=tuple(
            rule for item in root.get("insert_rules") or () if (rule := _insert_rule(item, ref)) is not None
        ),
        forbid=tuple(
            (steps, Item(container=forbid, key=index))
            for index, text in enumerate(forbid)
            if (steps := parse_steps(text)) is not None
        ),
        allowed_actions=None if actions is None else tuple(actions),
        place=Item(container=root, key="policy_id"),
    )


def lower_layer(root: Mapping, sink: DiagnosticSink) -> Layer | None:
    """A sound layer's settings; None where it does not say whom it is for."""
    scope = root.get("scope")
    if scope is None:
        return None
    ref = f"{root['layer_id']}/{root['version']}"
    when = lower_condition(root, "when")
    if when is None and scope != "environment":
        sink.report(LayerWithoutCondition(at=root.value_span("scope"), subject=scope))
        return None
    table = root.get("set") or Mapping()
    patches = lower_patches(table, lambda path: FromLayer(scope=scope, ref=ref, container=table, key=path), sink)
    return Layer(ref=ref, scope=scope, when=when, patches=patches, place=Item(container=root, key="layer_id"))


def _report_duplicate_rules(root: Mapping, sink: DiagnosticSink) -> None:
    seen: dict[str, Mapping] = {}
    for section in ("provider_rules", "degrade_rules", "insert_rules"):
        for item in root.get(section) or ():
            rule = item.get("id")
            if rule in seen:
                related = (Related(at=seen[rule].value_span("id"), text="the first one is here"),)
                sink.report(DuplicateRule(at=item.value_span("id"), subject=rule, related=related))
            elif rule is not None:
                seen[rule] = item


def _provider_rule(item: Mapping, ref: str) -> ProviderRule:
    use = item["use"]
    return ProviderRule(
        id=item["id"],
        policy=ref,
        place=Item(container=item, key="id"),
        modality=item.get("modality"),
        node=item.get("node"),
        node_place=Item(container=item, key="node") if "node" in item else None,
        when=lower_condition(item, "when"),
        use=tuple((provider, Item(container=use, key=index)) for index, provider in enumerate(use)),
        retry=_plain(item.get("retry")),
        circuit_breaker=_plain(item.get("circuit_breaker")),
        cost_cap=_plain(item.get("cost_cap")),
    )


def _plain(mapping: Any) -> dict[str, int] | None:
    return None if mapping is None else dict(mapping)


def _degrade_rule(item: Mapping, ref: str, sink: DiagnosticSink) -> DegradeRule:
    when = lower_condition(item, "when")
    assert when is not None
    rule, table = item["id"], item["set"]
    patches = lower_patches(table, lambda path: FromPolicy(ref=ref, rule=rule, container=table, key=path), sink)
    return DegradeRule(id=rule, policy=ref, place=Item(container=item, key="id"), when=when, patches=patches)


def _insert_rule(item: Mapping, ref: str) -> InsertRule | None:
    between, insert = item.get("between"), item.get("insert")
    if "id" not in item or not between or not insert or not between.keys() >= {"from", "to"}:
        return None
    rule = item["id"]
    node = lower_node(insert, lambda _, container, key: FromPolicy(ref=ref, rule=rule, container=container, key=key))
    if node is None:
        return None
    return InsertRule(
        id=rule,
        policy=ref,
        place=Item(container=item, key="id"),
        when=lower_condition(item, "when"),
        node=node,
        source=lower_end(between, "from"),
        target=lower_end(between, "to"),
    )
