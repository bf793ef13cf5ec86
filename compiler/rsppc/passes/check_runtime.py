"""Whether the runtime that is named can run the program. Without one, nothing is asked.

Runs last, on all that is known. It refuses and changes nothing: what is built for one runtime is, byte for byte, what
is built for all of them. What a runtime does not state is unknown, and refuses nothing.
"""

from __future__ import annotations

from collections.abc import Container, Iterator

from rsppc.base.names import in_range
from rsppc.base.source import Place, Span
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Related
from rsppc.ir.actions import allowed_actions
from rsppc.ir.program import Program, Runtime
from rsppc.ir.setting import Computed, Inferred, Setting
from rsppc.passes.base import Pass, facts
from rsppc.passes.bind_providers import all_nodes


class RuntimeWithoutProfile(Diagnostic):
    """A runtime knows the profiles that it was made for. Another one it would refuse as it loads the bundle."""

    code = "RSP7721"
    name = "runtime-without-profile"
    headline = "runtime `{runtime}` does not run profile `{subject}`"
    hint = "name a runtime that runs it, or use what this one runs: {known}"
    runtime: str
    known: str


class RuntimeWithoutNodeType(Diagnostic):
    """A runtime that lists its node types has no other; a graph with one of another type could not start."""

    code = "RSP7722"
    name = "runtime-without-node-type"
    headline = "runtime `{runtime}` has no node type `{node_type}`, which node `{subject}` is"
    hint = "use a node type that it has, or name a runtime that has this one"
    runtime: str
    node_type: str


class RuntimeWithoutProvider(Diagnostic):
    """Every provider that a rule or a node can come to bind must be one that the runtime can call. A rule for bad days
    that names another one fails on exactly those days."""

    code = "RSP7723"
    name = "runtime-without-provider"
    headline = "runtime `{runtime}` cannot call provider `{subject}`"
    hint = "name a runtime that can call it, or use what this one can call: {known}"
    runtime: str
    known: str


class RuntimeWithoutAction(Diagnostic):
    """Rules and nodes give occasion for what a runtime does on its own. One that cannot do it leaves the turn to its
    fate where the author believes it to be saved."""

    code = "RSP7724"
    name = "runtime-without-action"
    headline = "runtime `{runtime}` does not `{subject}` on its own, for which there is occasion here"
    hint = "remove the occasion, leave the action out of `allowed_actions` of a policy, or name another runtime"
    runtime: str


class RuntimeWithoutSchema(Diagnostic):
    """A runtime loads the schema versions that it knows, and refuses the file that a build writes in another one."""

    code = "RSP7725"
    name = "runtime-without-schema"
    headline = "runtime `{runtime}` does not load `{subject}`, in which `distribution.json` is written"
    hint = "name a runtime that loads it; this one loads {known}"
    runtime: str
    known: str


class OverRuntimeLimit(Diagnostic):
    """A runtime says how much of a thing it takes; more of it is refused as a session opens, or ends it later."""

    code = "RSP7726"
    name = "over-runtime-limit"
    headline = "`{subject}` has {found} {what}, and runtime `{runtime}` takes {limit}"
    hint = "make do with less, or name a runtime that takes more"
    found: int
    what: str
    runtime: str
    limit: int


class RuntimeOutsideWindow(Diagnostic):
    """A bundle says for which versions of the runtime it is released. Others refuse to open its turns."""

    code = "RSP7727"
    name = "runtime-outside-window"
    headline = "the bundle is released for runtimes {oldest} to {newest}, and `{subject}` is none of them"
    hint = "widen `compat_window.runtime`, or name a runtime inside it"
    oldest: str
    newest: str


class RuntimeWithoutTransport(Diagnostic):
    """The snapshot that a build is made with names the transport of the calls. A runtime that does not speak it never
    hears the caller."""

    code = "RSP7728"
    name = "runtime-without-transport"
    headline = "runtime `{runtime}` does not speak `{subject}`, which the snapshot names"
    hint = "name a runtime that speaks it, or a snapshot with what this one speaks: {known}"
    runtime: str
    known: str


_LIMITS = {"nodes": "nodes", "edges": "edges", "queue_bytes": "bytes of queues per session"}
"""Limits that a program can be held against, and how they are called."""


def run(program: Program, sink: DiagnosticSink) -> Program:
    runtime = program.runtime
    if runtime is None:
        return program
    _check_bundle(program, runtime, sink)
    for node in all_nodes(program):
        if _lacks(runtime, "node_types", node.type_name):
            at, related = node.place.span(), _stated(runtime, "node_types")
            sink.report(
                RuntimeWithoutNodeType(
                    at=at, subject=node.id, runtime=runtime.ref, node_type=node.type_name, related=related
                )
            )
    bound = {provider.id for providers in program.providers.values() for provider in providers}
    for name, at in _named_providers(program):
        if name in bound and _lacks(runtime, "providers", name):
            modality = program.catalog.providers[name].modality
            fitting = {one.id for one in program.catalog.providers.values() if one.modality == modality}
            known, related = _known(runtime, "providers", fitting), _stated(runtime, "providers")
            sink.report(RuntimeWithoutProvider(at=at, subject=name, runtime=runtime.ref, known=known, related=related))
    for action, occasion in allowed_actions(program).items():
        if _lacks(runtime, "actions", action):
            related = _stated(runtime, "actions")
            sink.report(RuntimeWithoutAction(at=occasion.span(), subject=action, runtime=runtime.ref, related=related))
    _check_limits(program, runtime, sink)
    return program


def check_transport(runtime: Runtime, transport: str, at: Span, sink: DiagnosticSink) -> None:
    """Report a transport that the runtime does not speak; it is known only where a build names a snapshot."""
    if _lacks(runtime, "transports", transport):
        known, related = _known(runtime, "transports"), _stated(runtime, "transports")
        sink.report(
            RuntimeWithoutTransport(at=at, subject=transport, runtime=runtime.ref, known=known, related=related)
        )


def _check_bundle(program: Program, runtime: Runtime, sink: DiagnosticSink) -> None:
    profile = program.defaults
    if _lacks(runtime, "execution_profiles", profile.name) and _lacks(runtime, "execution_profiles", profile.ref):
        known, related = _known(runtime, "execution_profiles"), _stated(runtime, "execution_profiles")
        at = runtime.profile_place.span()
        sink.report(
            RuntimeWithoutProfile(at=at, subject=profile.ref, runtime=runtime.ref, known=known, related=related)
        )
    if _lacks(runtime, "schemas", runtime.served_schema):
        known, related = _known(runtime, "schemas"), _stated(runtime, "schemas")
        at = program.bundle.place.span()
        sink.report(
            RuntimeWithoutSchema(
                at=at, subject=runtime.served_schema, runtime=runtime.ref, known=known, related=related
            )
        )
    if runtime.window is not None and not in_range(runtime.version, *runtime.window):
        oldest, newest = runtime.window
        at = runtime.window_place.span()
        sink.report(RuntimeOutsideWindow(at=at, subject=runtime.ref, oldest=oldest, newest=newest))


def _check_limits(program: Program, runtime: Runtime, sink: DiagnosticSink) -> None:
    found = {"nodes": len(all_nodes(program)), "edges": len(program.edges)}
    if program.proofs is not None:
        found["queue_bytes"] = program.proofs.queue_bytes
    for name, what in _LIMITS.items():
        limit, place = runtime.limits.get(name, (None, None))
        if limit is not None and place is not None and found.get(name, 0) > limit:
            sink.report(
                OverRuntimeLimit(
                    at=program.place.span(),
                    subject=program.pipeline,
                    found=found[name],
                    what=what,
                    runtime=runtime.ref,
                    limit=limit,
                    related=(Related(at=place.span(), text="the limit"),),
                )
            )


def _named_providers(program: Program) -> Iterator[tuple[str, Span]]:
    """The providers that rules, nodes and settings name, each where it stands."""
    for policy in program.policies:
        for rule in policy.provider_rules:
            yield from ((name, place.span()) for name, place in rule.use)
    patches = [patch for layer in program.layers for patch in layer.patches]
    patches += [patch for policy in program.policies for rule in policy.degrade_rules for patch in rule.patches]
    settings = [patch.setting for patch in patches if patch.steps[0] == "nodes" and patch.steps[2:] == ("provider",)]
    settings += [node.provider for node in all_nodes(program) if node.provider is not None]
    for setting in settings:
        place = _place(setting)
        if isinstance(setting.value, str) and place is not None:
            yield setting.value, place.span()


def _place(setting: Setting) -> Place | None:
    return None if isinstance(setting.origin, Inferred | Computed) else setting.origin


def _lacks(runtime: Runtime, sort: str, name: str) -> bool:
    return sort in runtime.stated and name not in runtime.stated[sort].names


def _known(runtime: Runtime, sort: str, fitting: Container[str] | None = None) -> str:
    names = [name for name in runtime.stated[sort].names if fitting is None or name in fitting]
    return ", ".join(f"`{name}`" for name in names) or "nothing of the kind"


def _stated(runtime: Runtime, sort: str) -> tuple[Related, ...]:
    return (Related(at=runtime.stated[sort].place.span(), text="what it can do"),)


PASS = Pass(
    name="check_runtime",
    run=run,
    needs=facts("node types known", "providers known"),
    gives=facts("runtime checked"),
)
