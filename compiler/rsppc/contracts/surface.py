"""The published surface of the contracts as plain values, and what changed between two of them.

Within a major version a surface only grows: optional keys and whole objects are added, words never. Whoever reads the
objects of an older release, or writes them, must be able to go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rsppc.base.record import Record
from rsppc.model import shape as m
from rsppc.model.contract import VERSION, Condition, Contract, Rule
from rsppc.model.forms import FORMS

Surface = Mapping[str, Any]
Path = tuple[str, ...]

LOCK = f"contracts.{VERSION}.lock.json"
"""Name of the file that holds the published surface."""


def surface_of(contracts: Iterable[Contract]) -> dict[str, Any]:
    """Everything that others rely on: objects, keys, types, what must be there, words, rules."""
    objects = {
        contract.name: {
            "package": contract.package,
            **_type(m.Nested(shape=contract.shape)),
            "rules": {rule.name: _rule(rule) for rule in contract.rules},
        }
        for contract in contracts
    }
    return {"version": VERSION, "objects": objects}


def _type(type_: m.FieldType) -> dict[str, Any]:
    match type_:
        case m.Text(length_min=low, length_max=high):
            return {"kind": "text", "length_min": low, "length_max": high}
        case m.Integer(minimum=low, maximum=high, unit=unit):
            return {"kind": "integer", "minimum": low, "maximum": high, "unit": unit}
        case m.Identifier(form=form):
            return {"kind": "name", "form": form, "pattern": FORMS[form].pattern}
        case m.Flag():
            return {"kind": "flag"}
        case m.Choice(values=values):
            return {"kind": "choice", "values": list(values)}
        case m.Listing(item=item, length_min=low, unique=unique):
            return {"kind": "list", "items": _type(item), "length_min": low, "unique": unique}
        case m.Table(key=key, value=value, length_min=low):
            return {"kind": "table", "keys_are": _type(key), "items": _type(value), "length_min": low}
        case m.Nested(shape=shape):
            keys = {
                one.name: {"required": one.required, "nullable": one.nullable, "type": _type(one.type)}
                for one in shape.fields
            }
            one_of = {"one_of": [list(group) for group in shape.one_of]} if shape.one_of else {}
            return {"kind": "object", "keys": keys, **one_of}
        case m.OneOf(options=options):
            return {"kind": "either", "options": [_type(option) for option in options]}
        case _:
            return {"kind": type(type_).__name__.lower()}


def _rule(rule: Rule) -> dict[str, Any]:
    said: dict[str, Any] = {
        "at": list(rule.at),
        "when": _conditions(rule.when),
        "requires": list(rule.requires),
        "allows": _conditions(rule.allows),
        "some_of": _conditions(rule.some_of),
        "exactly_one": list(rule.exactly_one),
        "matches": [[form.key, form.pattern] for form in rule.matches],
        "at_most": [list(limit) for limit in rule.at_most],
        "in_order": list(rule.in_order or ()),
        "same": list(rule.same or ()),
    }
    return {key: value for key, value in said.items() if value}


def _conditions(conditions: Iterable[Condition]) -> list[dict[str, Any]]:
    return [{"key": one.key, "values": list(one.values)} for one in conditions]


class Change(Record, kw_only=False):
    """One difference between two surfaces. Its path leads into the later one, or into the earlier if that lacks it."""

    path: Path
    message: str
    breaks: bool
    """Whether somebody who relies on the earlier surface cannot go on."""


def changes(old: Surface, new: Surface) -> tuple[Change, ...]:
    """Every difference, in the order of the surfaces."""
    found = _changes_of_objects(old["objects"], new["objects"])
    if old["version"] != new["version"]:  # a new major version is free to differ
        return tuple(Change(one.path, one.message, False) for one in found)
    return tuple(found)


def grown(old: Surface, new: Surface) -> Surface:
    """The surface to publish next: the new one where it only adds, else the old one, which stays as it is."""
    return old if any(change.breaks for change in changes(old, new)) else new


def _changes_of_objects(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for name in _both(old, new):
        path = ("objects", name)
        if name not in new:
            yield Change(path, f"the object `{name}` was removed", True)
        elif name not in old:
            yield Change(path, f"the object `{name}` was added", False)
        else:
            if old[name]["package"] != new[name]["package"]:
                package = new[name]["package"]
                yield Change((*path, "package"), f"`{name}` was moved to the package `{package}`", True)
            yield from _changes_of_type(old[name], new[name], path, name)
            yield from _changes_of_rules(old[name]["rules"], new[name]["rules"], (*path, "rules"), name)


def _changes_of_type(old: Mapping[str, Any], new: Mapping[str, Any], path: Path, name: str) -> Iterator[Change]:
    if old["kind"] != new["kind"]:
        yield Change((*path, "kind"), f"`{name}` was of the kind {old['kind']}, and is {new['kind']} now", True)
        return
    for key in ("minimum", "length_min"):
        if key in old and old[key] != new[key]:
            yield _changed_bound(key, old[key], new[key], new[key] > old[key], path, name)
    for key in ("maximum", "length_max"):
        if key in old and old[key] != new[key]:
            yield _changed_bound(key, old[key], new[key], new[key] < old[key], path, name)
    if old.get("unique") != new.get("unique"):
        how = "must differ now" if new["unique"] else "may repeat now"
        yield Change((*path, "unique"), f"the items of `{name}` {how}", bool(new["unique"]))
    for key in ("unit", "form", "pattern", "one_of", "options"):
        if old.get(key) != new.get(key):
            yield Change((*path, key) if key in new else path, f"`{key}` of `{name}` was changed", True)
    yield from _changes_of_words(old.get("values", ()), new.get("values", ()), path, name)
    for key in ("keys_are", "items"):
        if key in old:
            yield from _changes_of_type(old[key], new[key], (*path, key), name)
    if old["kind"] == "object":
        yield from _changes_of_keys(old["keys"], new["keys"], (*path, "keys"), name)


def _changed_bound(key: str, before: int, after: int, narrows: bool, path: Path, name: str) -> Change:
    how = "narrowed" if narrows else "widened"
    return Change((*path, key), f"`{name}` was {how}: `{key}` was {before}, and is {after} now", narrows)


def _changes_of_words(old: Iterable[Any], new: Iterable[Any], path: Path, name: str) -> Iterator[Change]:
    before, after = [*old], [*new]
    for word in before:
        if word not in after:
            yield Change((*path, "values"), f"`{name}` no longer knows `{word}`", True)
    for word in after:
        if word not in before:
            yield Change((*path, "values"), f"`{name}` knows the word `{word}` now", True)


def _changes_of_keys(old: Mapping[str, Any], new: Mapping[str, Any], path: Path, owner: str) -> Iterator[Change]:
    for key in _both(old, new):
        name, here = f"{owner}.{key}", (*path, key)
        if key not in new:
            yield Change(here, f"the key `{name}` was removed", True)
        elif key not in old:
            needed = new[key]["required"]
            yield Change(here, f"the {'required' if needed else 'optional'} key `{name}` was added", needed)
        else:
            if old[key]["required"] != new[key]["required"]:
                how = "is required now" if new[key]["required"] else "is no longer required, and readers rely on it"
                yield Change((*here, "required"), f"`{name}` {how}", True)
            if old[key]["nullable"] != new[key]["nullable"]:
                how = "may be null now, and readers do not expect it" if new[key]["nullable"] else "cannot be null now"
                yield Change((*here, "nullable"), f"`{name}` {how}", True)
            yield from _changes_of_type(old[key]["type"], new[key]["type"], (*here, "type"), name)


def _changes_of_rules(old: Mapping[str, Any], new: Mapping[str, Any], path: Path, owner: str) -> Iterator[Change]:
    for name in _both(old, new):
        if name not in new:
            yield Change((*path, name), f"the rule `{name}` of `{owner}` was removed", False)
        elif name not in old:
            yield Change((*path, name), f"the rule `{name}` of `{owner}` was added", True)
        elif old[name] != new[name]:
            yield Change((*path, name), f"the rule `{name}` of `{owner}` was changed", True)


def _both(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    return [*old, *(key for key in new if key not in old)]


# --- Surfaces that others wrote ---------------------------------------------------------------------------------------

_FACTS: dict[str, dict[str, type]] = {
    "text": {"length_min": int, "length_max": int},
    "integer": {"minimum": int, "maximum": int, "unit": str},
    "name": {"form": str, "pattern": str},
    "choice": {"values": list},
    "list": {"length_min": int, "unique": bool, "items": dict},
    "table": {"length_min": int, "keys_are": dict, "items": dict},
    "object": {"keys": dict},
    "either": {"options": list},
}
"""What a type of each kind states; other kinds state nothing."""


def problem_of(value: Any) -> str:
    """Why a value is no surface; empty where it is one."""
    if not isinstance(value, dict) or not _is_version(value.get("version")):
        return "it does not begin with a `version` like `v1`"
    objects = value.get("objects")
    if not isinstance(objects, dict) or not objects:
        return "it has no `objects`"
    for name, one in objects.items():
        if not isinstance(one, dict) or not isinstance(one.get("package"), str):
            return f"`{name}` has no `package`"
        if not isinstance(one.get("rules"), dict) or one.get("kind") != "object":
            return f"`{name}` is no object with `rules`"
        problem = _problem_of_type(one, name)
        if problem:
            return problem
    return ""


def _is_version(value: Any) -> bool:
    return isinstance(value, str) and value[:1] == "v" and value[1:].isascii() and value[1:].isdigit()


def _problem_of_type(type_: Any, name: str) -> str:
    if not isinstance(type_, dict) or not isinstance(type_.get("kind"), str):
        return f"`{name}` has no `kind`"
    for fact, wanted in _FACTS.get(type_["kind"], {}).items():
        if not isinstance(type_.get(fact), wanted):
            return f"`{name}` has no `{fact}`"
    for inner in ("items", "keys_are"):
        problem = _problem_of_type(type_[inner], name) if inner in type_ else ""
        if problem:
            return problem
    for key, one in type_.get("keys", {}).items():
        if not isinstance(one, dict) or not all(isinstance(one.get(fact), bool) for fact in ("required", "nullable")):
            return f"`{name}.{key}` does not say whether it is required"
        problem = _problem_of_type(one.get("type"), f"{name}.{key}")
        if problem:
            return problem
    return ""
