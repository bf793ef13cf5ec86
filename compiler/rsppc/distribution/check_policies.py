"""Checks of what a distribution says about how turns are run, where a shape judges each value alone."""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.distribution.walk import entries, lacks, mapping_at, mappings_in, whole_at
from rsppc.lowering.check_shape import EmptyList
from rsppc.lowering.check_values import IncompleteSyncDrop
from rsppc.model.common import SYNC_DROP
from rsppc.model.distribution_policy import EDGE_POLICY
from rsppc.syntax.document import Mapping


class NoDefaultQueue(Diagnostic):
    """The runtime tells no edges apart yet: it takes the queue named `default` for all of them, and where there is none
    the first one by name, which was meant for one edge only."""

    code = "RSP7407"
    name = "no-default-queue"
    severity = "warning"
    headline = "`edge_buffer_policies` has no `default`; every edge gets the queue of `{first}`"
    hint = "add `default`, with the values of the execution profile"
    first: str


class BlockWithoutTime(Diagnostic):
    """A producer that is held up without a limit holds up its whole turn."""

    code = "RSP7408"
    name = "block-without-time"
    headline = "`strategy: block` needs the key `max_block_time_ms`"
    hint = "add `max_block_time_ms`, or choose another strategy"


class WatermarksReversed(Diagnostic):
    """A queue must be able to relax: where `low` is not below `high`, its state changes with every event."""

    code = "RSP7409"
    name = "watermarks-reversed"
    headline = "`low` is {low}; it must be below `high`, which is {high}"
    hint = "write a smaller `low`, or a larger `high`"
    low: int
    high: int


def check_policies(root: Mapping, sink: DiagnosticSink) -> None:
    """Report queues that cannot work, and flow control that flutters."""
    for policy in entries(root, "policy"):
        _check_queues(policy, sink)
        for _, levels in mappings_in(mapping_at(policy, "flow_control", "watermarks")):
            _check_levels(levels, sink)


def _check_queues(policy: Mapping, sink: DiagnosticSink) -> None:
    queues = mapping_at(policy, "edge_buffer_policies")
    if queues and "default" not in queues:
        at = policy.key_span("edge_buffer_policies")
        sink.report(NoDefaultQueue(at=at, first=min(queues)))
    for _, queue in mappings_in(queues):
        if queue.get("strategy") == "block" and lacks(queue, "max_block_time_ms", EDGE_POLICY):
            sink.report(BlockWithoutTime(at=queue.value_span("strategy")))
        watermarks = queue.get("watermarks")
        if isinstance(watermarks, Mapping) and not watermarks:
            sink.report(EmptyList(at=queue.value_span("watermarks"), key="watermarks"))
        for _, levels in mappings_in(mapping_at(queue, "watermarks")):
            _check_levels(levels, sink)
        _check_sync_drop(queue, sink)


def _check_levels(levels: Mapping, sink: DiagnosticSink) -> None:
    low, high = whole_at(levels, "low"), whole_at(levels, "high")
    if low is not None and high is not None and 1 <= high <= low:
        sink.report(WatermarksReversed(at=levels.value_span("low"), low=low, high=high))


def _check_sync_drop(queue: Mapping, sink: DiagnosticSink) -> None:
    dropped = mapping_at(queue, "sync_drop_policy")
    if dropped is None:
        return
    for key in _needed(dropped.get("policy")):
        if lacks(dropped, key, SYNC_DROP):
            policy = str(dropped["policy"])
            sink.report(IncompleteSyncDrop(at=dropped.value_span("policy"), subject=key, policy=policy))


def _needed(policy: object) -> Iterator[str]:
    if policy in ("atomic_drop", "drop_with_discontinuity"):
        yield "group_by"
    if policy == "drop_with_discontinuity":
        yield "sync_domain"
