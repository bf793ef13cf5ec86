"""The passes, in the order in which they run. A test checks that each need is given by an earlier pass."""

from __future__ import annotations

from rsppc.passes import (
    apply_buffers,
    apply_inserts,
    apply_settings,
    bind_providers,
    check_buffers,
    check_cancel,
    check_conditions,
    check_config,
    check_fallback_time,
    check_graph,
    check_runtime,
    check_time,
    check_trust,
    complete_ports,
    expand_modules,
    infer_lanes,
    infer_scopes,
    infer_types,
    resolve_node_types,
)
from rsppc.passes.base import Pass

ALONE: tuple[Pass, ...] = (
    expand_modules.PASS,
    resolve_node_types.PASS,
    complete_ports.PASS,
    check_config.PASS,
    check_conditions.RULES,
)
"""What can be judged of a module, a policy or a layer without the pipeline that uses it."""
ALONE_GOVERNING: tuple[Pass, ...] = (*ALONE, bind_providers.PASS)
"""The same for what names providers."""
SIGNATURE: tuple[Pass, ...] = (
    *(expand_modules.PASS, resolve_node_types.PASS, complete_ports.PASS),
    *(apply_settings.PASS, bind_providers.PASS),
)
"""What decides which types the ports of a module may have, but for the types themselves."""

SHAPING: tuple[Pass, ...] = (
    expand_modules.PASS,
    resolve_node_types.PASS,
    complete_ports.PASS,  # before settings: their paths name edges with ports
    apply_settings.PASS,
    check_config.PASS,
    check_conditions.RULES,  # before types: which rules can hold together decides which programs there are
    apply_inserts.PASS,  # before the graph is judged: an inserted node is part of it
    check_graph.PASS,
    infer_lanes.PASS,
    infer_scopes.PASS,
    bind_providers.PASS,
    infer_types.PASS,
    check_conditions.PASS,  # after types: what an event holds depends on what passes
    apply_buffers.PASS,  # after types: whether loss is safe follows from the type
    check_buffers.PASS,
)
"""What makes the Program, and takes from it what is unsound: only where it finds no error is the Program whole."""

JUDGING: tuple[Pass, ...] = (
    check_time.PASS,
    check_cancel.PASS,
    check_fallback_time.PASS,
    check_trust.PASS,
    check_runtime.PASS,  # last: a limit may be one of what was proved
)
"""What holds a Program against promises, and takes nothing from it."""

ORDER: tuple[Pass, ...] = (*SHAPING, *JUDGING)
