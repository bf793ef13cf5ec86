"""Causes and values in the words of a reviewer, the same in every format."""

from __future__ import annotations

from typing import Any

from rsppc.base.canonical_json import canonical
from rsppc.changes.causes import Cause
from rsppc.changes.compare import Change, Group
from rsppc.changes.figures import Figure, Proof
from rsppc.changes.leaves import ABSENT
from rsppc.changes.renames import NAME
from rsppc.diagnostics.visible import visible

LENGTH_MAX = 80


def cause_text(group: Group) -> str:
    """What was done to a source, in a sentence without its full stop."""
    cause = group.cause
    match cause.kind:
        case "graph":
            return f"{_graph_source(cause)} changes the graph: {_entities(group)}"
        case "bundle":
            return f"the bundle {_renamed(cause)}"
        case "spec":
            return f"{_spec(cause)} says something else of `{cause.part}`"
        case "module":
            return f"the module {_moved(cause)}"
        case "policy":
            return f"rule `{cause.part}` of the policy {_moved(cause)}"
        case "layer":
            return f"the {cause.part} layer {_moved(cause)}"
        case "profile":
            return f"the profile {_profile(cause)}"
        case "manifest" if not cause.part:
            return f"the manifest `{cause.after}` has other figures"
        case "manifest":
            return f"the node type `{cause.part}` of {_moved(cause)}"
        case "library":
            return f"the standard library's node type `{cause.part}` {_moved(cause)}"
        case "file":
            return f"the file `{cause.after}` {_of_file(group)}"
        case "sources":
            return "the sources behind these changes have other digests"
        case "follows":
            also = f", and from the manifest `{cause.part}`" if cause.part else ""
            return f"what the compiler works out from the changes above{also}"
        case "compiler":
            return f"another compiler: {cause.before} → {cause.after}"
    return "no cause is known: neither side says where these values come from"


def cause_place(group: Group) -> str:
    """Where the cause was written; of a source that changed in several places, the first one."""
    cause = group.cause
    if cause.place_after or cause.place_before or cause.kind not in _WRITTEN:
        return cause.place_after or cause.place_before
    # A node says more about where a graph was changed than an edge does, and both more than what they are set to.
    told = sorted(group.changes, key=lambda change: _BEGINNINGS.index(_beginning(change)))
    # What no longer decides has its place where it did.
    places = ((change.origin_after if cause.after else "") or change.origin_before for change in told)
    return next((text.rpartition(" at ")[2] for text in places if " at " in text), "")


_BEGINNINGS = (NAME, "node_type", "from", "")


def _beginning(change: Change) -> str:
    return change.path[-1] if change.path[-1] in _BEGINNINGS else ""


_WRITTEN = ("graph", "spec", "module", "policy", "layer", "manifest", "library")


def _graph_source(cause: Cause) -> str:
    kind, _, name = cause.after.partition(":")
    if kind == "policy":
        return f"rule `{cause.part}` of the policy `{name}`"
    return "the spec" if kind == "spec" else f"the {kind} `{name}`"


def _entities(group: Group) -> str:
    """How many nodes and edges came and went."""
    counts: dict[str, set[str]] = {}
    for change in group.changes:
        if change.path[0] in ("nodes", "edges"):
            is_renamed = change.path[2:] == (NAME,)
            word = "renamed" if is_renamed else "removed" if change.after is ABSENT else "added"
            counts.setdefault(f"{change.path[0][:-1]} {word}", set()).add(change.path[1])
    return ", ".join(
        f"{len(names)} {key.replace(' ', 's ', 1) if len(names) > 1 else key}" for key, names in sorted(counts.items())
    )


def _renamed(cause: Cause) -> str:
    if cause.before != cause.after:
        return f"`{cause.before}` becomes `{cause.after}`"
    return f"`{cause.after}` says something else"


def _spec(cause: Cause) -> str:
    return "the spec" if cause.before == cause.after else f"the spec (`{cause.before}` → `{cause.after}`)"


def _moved(cause: Cause) -> str:
    """How a source is no longer what it was: it came, it went, it has another version, or it was edited."""
    if not cause.before:
        return f"`{cause.after}` decides now"
    if not cause.after:
        return f"`{cause.before}` no longer decides"
    if cause.before != cause.after:
        return f"`{cause.before}` gives way to `{cause.after}`"
    return f"`{cause.after}` says something else"


def _profile(cause: Cause) -> str:
    if cause.before == cause.after:
        return f"`{cause.after}` has another default"
    return _moved(cause)


def _of_file(group: Group) -> str:
    (change,) = group.changes
    if change.before is ABSENT:
        return "is loaded now"
    return "is no longer loaded" if change.after is ABSENT else "says something else"


def values_text(change: Change) -> str:
    """Both values, with their unit."""
    if change.before is ABSENT:
        return f"now {value_text(change.after, change.unit)}"
    if change.after is ABSENT:
        return f"was {value_text(change.before, change.unit)}"
    before, after = value_text(change.before, change.unit), value_text(change.after, change.unit)
    if type(change.before) is not int or type(change.after) is not int or change.unit == "bytes":
        return f"{before} → {after}"
    moved = change.after - change.before
    return f"{before} → {after} ({'+' if moved > 0 else '−'}{abs(moved)})"


def value_text(value: Any, unit: str) -> str:
    """A value as a reviewer reads it."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        if unit == "bytes":
            return bytes_text(value)
        return f"{value}{'' if unit == '‰' else ' ' if unit else ''}{unit}"
    if isinstance(value, str):
        return _shortened(_without_digest(value))
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return _shortened(", ".join(value)) if value else "nothing"
    return _shortened(canonical(value).decode())


def bytes_text(count: int) -> str:
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:.1f} {unit}".replace(".0 ", " ")
    return f"{count} bytes"


def _without_digest(text: str) -> str:
    """A text with its digests cut to what people compare."""
    head, found, digest = text.partition("sha256:")
    return f"{head}sha256:{digest[:12]}…" if found and len(digest) >= 64 else text


def _shortened(text: str) -> str:
    text = visible(" ".join(text.split()))
    return text if len(text) <= LENGTH_MAX else f"{text[: LENGTH_MAX - 1]}…"


def figure_text(figure: Figure) -> str:
    """A figure before and after, with what is left of its limit."""
    before, after = _proof(figure.before, figure.unit), _proof(figure.after, figure.unit)
    if before == after:
        return f"{after}, as before{_slack(figure)}"
    moved = ""
    if figure.difference:
        sign = "+" if figure.difference > 0 else "−"
        moved = f" ({sign}{_amount(abs(figure.difference), figure.unit)})"
    return f"{before} → {after}{moved}{_slack(figure)}"


def _slack(figure: Figure) -> str:
    after, before = figure.after, figure.before
    if after is None or after.limit is None:
        return ""
    slack = f"{after.slack} ms left" if after.slack is not None else ""
    if after.slack is not None and before is not None and before.slack not in (None, after.slack):
        slack += f", {before.slack} ms before"
    limit = f"of {after.limit} ms"
    if before is not None and before.limit is not None and before.limit != after.limit:
        limit = f"of {after.limit} ms instead of {before.limit} ms"
    return f"; {limit}{f' ({slack})' if slack else ''}"


def _proof(proof: Proof | None, unit: str) -> str:
    if proof is None:
        return "none"
    if proof.value is None:
        names = ", ".join(proof.unknown[:3]) + (", …" if len(proof.unknown) > 3 else "")
        return f"not proved (no figure for {names})" if names else "not proved"
    return _amount(proof.value, unit)


def _amount(value: int, unit: str) -> str:
    return bytes_text(value) if unit == "bytes" else f"{value} {unit}"
