"""Hold the config of every node against what its type declares, whoever set it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from rsppc.base.digest import Digest
from rsppc.base.names import ID, near_miss
from rsppc.base.record import replace
from rsppc.base.source import Span
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Edit, Fix, Related
from rsppc.ir.catalog import Catalog, ConfigField, ConfigType, NodeType
from rsppc.ir.program import Node, Patch, Program
from rsppc.ir.setting import FromNodeType, Setting, key_place_of, place_of
from rsppc.passes.base import Pass, facts


class UnknownConfigField(Diagnostic):
    """A config value that the node type does not declare would silently do nothing."""

    code = "RSP1201"
    name = "unknown-config-field"
    headline = "node type `{node_type}` has no config field `{subject}`"
    hint = "{advice}"
    node_type: str
    advice: str


class MissingConfigField(Diagnostic):
    """A node type may need a value for which there is no sensible default."""

    code = "RSP1202"
    name = "missing-config-field"
    headline = "node `{node}` needs the config field `{subject}`"
    hint = "add `{subject}` to its config: {doc}"
    node: str
    doc: str


class WrongConfigValue(Diagnostic):
    """A config value must have the type and lie within the bounds that its node type declares."""

    code = "RSP1203"
    name = "wrong-config-value"
    headline = "`{subject}` of node `{node}` {problem}"
    hint = "{doc}"
    node: str
    problem: str
    doc: str


class MissingAsset(Diagnostic):
    """Prompts, greetings and hold music are part of what is released: the bundle pins their bytes, so they must be
    there."""

    code = "RSP2112"
    name = "missing-asset"
    headline = "there is no asset `{subject}`"
    hint = "put the file under `assets/`; paths are relative to that folder"


class SecretValue(Diagnostic):
    """Secrets are named, never written: bundles, logs and evidence are read by many."""

    code = "RSP8201"
    name = "secret-value"
    headline = "`{subject}` of node `{node}` must be a reference to a secret, not its value"
    hint = "write `secret://store/name`"
    node: str


class UnknownRecord(Diagnostic):
    """A record has a schema, which some manifest must declare."""

    code = "RSP2113"
    name = "unknown-record"
    headline = "no manifest declares a record `{subject}`"
    hint = "declare it under `records` of a manifest"


def run(program: Program, sink: DiagnosticSink) -> Program:
    assets: dict[str, Digest] = {}
    nodes = {node_id: _with_sound_config(node, program, assets, sink) for node_id, node in program.nodes.items()}
    if any(nodes[node_id] is not node for node_id, node in program.nodes.items()):
        program = replace(program, nodes=nodes)
    for policy in program.policies:
        for insert in policy.insert_rules:
            _with_sound_config(insert.node, program, assets, sink)
    for patch in _conditional_patches(program):
        target = program.nodes.get(patch.steps[1]) if patch.steps[0] == "nodes" else None
        if target is not None and target.type is not None and patch.steps[2] == "config":
            field = target.type.config.get(patch.steps[3])
            if field is not None:
                _is_sound(target, field, patch.setting, program, assets, sink)
    return replace(program, assets=assets) if assets else program


def _conditional_patches(program: Program) -> Iterator[Patch]:
    for layer in program.layers:
        if layer.when is not None:
            yield from layer.patches
    for policy in program.policies:
        for rule in policy.degrade_rules:
            yield from rule.patches


def _with_sound_config(node: Node, program: Program, assets: dict[str, Digest], sink: DiagnosticSink) -> Node:
    """The node without the values that are reported, lest the types that they lead to look like further mistakes."""
    node_type = node.type
    if node_type is None:
        return node
    fields = node_type.config
    naming = _naming_fields(node_type)
    wrong: list[str] = []
    meant: dict[str, Setting] = {}
    for name, setting in node.config.items():
        field = fields.get(name)
        if field is None:
            guess = _report_unknown(node, name, setting, sink)
            wrong.append(name)
            if guess is not None and (guess not in node.config or guess in node_type.defaults):
                meant[guess] = setting
            continue
        for beaten in setting.overridden:
            if _needs_check(field, beaten):  # wrong all the same, and back once the layer that hides it is not there
                _is_sound(node, field, beaten, program, {}, sink)
        if _needs_check(field, setting):
            if not _is_sound(node, field, setting, program, assets, sink):
                wrong.append(name)
            elif name in naming and not _names_ports(node, field, setting, sink):
                wrong.append(name)
                meant[name] = replace(setting, value=_sound_names(setting.value))
    for name, field in fields.items():
        is_set = name in meant or (name in node.config and node.config[name].value is not None)
        if field.required and not is_set:
            related = (Related(at=field.place.span(), text="declared here"),)
            at = node.place.span()
            sink.report(MissingConfigField(at=at, subject=name, node=node.id, doc=field.doc, related=related))
    if not wrong:
        return node
    kept = {name: setting for name, setting in node.config.items() if name not in wrong}
    return replace(node, config={**kept, **meant})


def _naming_fields(node_type: NodeType) -> frozenset[str]:
    """Config fields that name ports."""
    ports = (*node_type.inputs.values(), *node_type.outputs.values())
    fields = {port.named_by for port in ports if port.named_by is not None}
    return frozenset(fields | {"default"} if "branches" in fields else fields)


def _names_ports(node: Node, field: ConfigField, setting: Setting, sink: DiagnosticSink) -> bool:
    """Whether names of ports are names and differ; reported where not. Several branches may lead to one port."""
    value = setting.value
    names = value if isinstance(value, list) else [value]
    seen: set[str] = set()
    faults = 0
    for index, name in enumerate(names):
        at = _part_of(value, index) or place_of(setting)
        if isinstance(name, dict):
            at = _part_of(name, "port") or at
            name = name.get("port")
        if not isinstance(name, str):
            continue
        problem = None
        if ID.fullmatch(name) is None:
            problem = f"names a port `{name[:60]}`; names are small letters, digits and `_`, a letter first"
        elif name in seen and isinstance(names[index], str):
            problem = f"names `{name[:60]}` twice"
        if problem is not None:
            faults += 1
            sink.report(replace(_wrong(node, field, setting, problem), at=at))
        seen.add(name)
    return faults == 0


def _part_of(value: Any, key: str | int) -> Span | None:
    """Where one part of a list or mapping was written; None for a value that nobody wrote in a file."""
    value_span = getattr(value, "value_span", None)
    return value_span(key) if value_span is not None and not (isinstance(key, str) and key not in value) else None


def _sound_names(value: Any) -> Any:
    """Names of ports without those that are reported."""
    if not isinstance(value, list):
        return value
    names = [one.get("port") if isinstance(one, dict) else one for one in value]
    sound = [isinstance(name, str) and ID.fullmatch(name) is not None for name in names]
    kept = [one for one, is_sound in zip(value, sound, strict=True) if is_sound]
    return kept if any(isinstance(one, dict) for one in kept) else list(dict.fromkeys(kept))


def _needs_check(field: ConfigField, setting: Setting) -> bool:
    """Whether a value is one of the author's; defaults were checked with their manifest, but assets must be there."""
    return setting.value is None or not isinstance(setting.origin, FromNodeType) or field.type.name == "asset"


def _report_unknown(node: Node, name: str, setting: Setting, sink: DiagnosticSink) -> str | None:
    """Report a field that the node type does not declare; the one that was probably meant comes back."""
    assert node.type is not None
    known = node.type.config
    guess = next((one for one in known if one.rsplit("_", 1)[0] == name), None) or near_miss(name, known)
    key = key_place_of(setting)
    at = key or place_of(setting)
    fixes = (Fix(title=f"write `{guess}`", edits=(Edit(at=at, text=guess),)),) if guess and key else ()
    advice = f"did you mean `{guess}`?" if guess else "its fields are " + ", ".join(f"`{one}`" for one in known)
    if not known:
        advice = "it has no config fields"
    sink.report(UnknownConfigField(at=at, subject=name[:60], node_type=node.type.name, advice=advice, fixes=fixes))
    return guess


def _is_sound(
    node: Node,
    field: ConfigField,
    setting: Setting,
    program: Program,
    assets: dict[str, Digest],
    sink: DiagnosticSink,
) -> bool:
    """Whether a value is what its field declares; reported where it is not."""
    value = setting.value
    if value is None:  # unset on purpose; whether it may be is asked of the node as a whole
        return True
    if field.type.name == "secret":
        if isinstance(value, str) and _SECRET.fullmatch(value) is not None:
            return True
        sink.report(SecretValue(at=place_of(setting), subject=field.name, node=node.id))
        return False
    problem = _fault(value, field.type, field, program.catalog)
    if problem is not None:
        sink.report(_wrong(node, field, setting, problem))
        return False
    if field.type.name == "asset":
        digest = assets.get(value) or program.asset_digest(value)
        if digest is None:
            sink.report(MissingAsset(at=place_of(setting), subject=value[:100]))
        else:
            assets[value] = digest
    schema_id = _schema_of(field.type)
    if schema_id is not None and schema_id not in program.catalog.records:
        sink.report(UnknownRecord(at=field.place.span(), subject=schema_id))
    return True


def _schema_of(type_: ConfigType) -> str | None:
    """The record that a type is made of, itself or in lists and mappings."""
    while type_.item is not None:
        type_ = type_.item
    return type_.schema_id


def _wrong(node: Node, field: ConfigField, setting: Setting, problem: str) -> WrongConfigValue:
    related = (Related(at=field.place.span(), text="declared here"),)
    return WrongConfigValue(
        at=place_of(setting), subject=field.name, node=node.id, problem=problem, doc=field.doc, related=related
    )


_SECRET = re.compile(r"secret://[a-z0-9_-]+/[A-Za-z0-9_./-]+")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")
_ASSET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
_UNITS = {"duration_ms": " ms", "size_bytes": " bytes", "rate_hz": " Hz"}


def _fault(value: Any, type_: ConfigType, field: ConfigField, catalog: Catalog) -> str | None:
    """What is wrong with a value, as the end of a sentence; None where nothing is."""
    match type_.name:
        case "int" | "duration_ms" | "size_bytes" | "rate_hz":
            return _number_fault(value, type_.name, field)
        case "bool":
            return None if isinstance(value, bool) else "must be true or false"
        case "enum":
            return _enum_fault(value, field)
        case "list":
            return _list_fault(value, type_, field, catalog)
        case "map":
            return _map_fault(value, type_, field, catalog)
        case "record":
            return _record_fault(value, catalog.records.get(type_.schema_id or ""))
        case "language":
            return _language_fault(value)
        case "asset":
            return _text_fault(value, _ASSET, "must be a relative path under `assets/`")
        case "string":
            return None if isinstance(value, str) else "must be a text"
        case _:
            return None


def _number_fault(value: Any, kind: str, field: ConfigField) -> str | None:
    unit = _UNITS.get(kind, "")
    if not isinstance(value, int) or isinstance(value, bool):
        return f"must be a whole number{' of' + unit if unit else ''}"
    low = field.minimum if field.minimum is not None else (0 if unit else None)
    if low is not None and value < low:
        return f"is {value}{unit}; it must be at least {low}{unit}"
    if field.maximum is not None and value > field.maximum:
        return f"is {value}{unit}; it must be at most {field.maximum}{unit}"
    return None


def _enum_fault(value: Any, field: ConfigField) -> str | None:
    if value in field.values:
        return None
    guess = near_miss(value, field.values) if isinstance(value, str) else None
    known = ", ".join(f"`{one}`" for one in field.values)
    return f"must be one of {known}" + (f"; did you mean `{guess}`?" if guess else "")


def _list_fault(value: Any, type_: ConfigType, field: ConfigField, catalog: Catalog) -> str | None:
    if not isinstance(value, list):
        return "must be a list"
    assert type_.item is not None
    for index, item in enumerate(value):
        problem = _fault(item, type_.item, field, catalog)
        if problem is not None:
            return f"is wrong at entry {index + 1}: it {problem}"
    return None


def _map_fault(value: Any, type_: ConfigType, field: ConfigField, catalog: Catalog) -> str | None:
    if not isinstance(value, dict):
        return "must be a mapping"
    assert type_.item is not None
    for key, item in value.items():
        problem = _fault(item, type_.item, field, catalog)
        if problem is not None:
            return f"is wrong at `{key[:60]}`: it {problem}"
    return None


def _record_fault(value: Any, schema: dict[str, Any] | None) -> str | None:
    """A record against the part of its schema that an author can get wrong: its keys and their plain types."""
    if not isinstance(value, dict):
        return "must be a mapping"
    if schema is None:
        return None
    properties = schema.get("properties") or {}
    for key, item in value.items():
        if key not in properties:
            guess = near_miss(key, properties)
            return f"has no key `{key[:60]}`" + (f"; did you mean `{guess}`?" if guess else "")
        expected = properties[key].get("type") if isinstance(properties[key], dict) else None
        if isinstance(expected, str) and not _is_json_type(item, expected):
            return f"has a `{key}` that is no {expected}"
    missing = [f"`{key}`" for key in schema.get("required") or () if key not in value]
    return f"lacks {' and '.join(missing)}" if missing else None


def _is_json_type(value: Any, expected: str) -> bool:
    kinds: dict[str, type] = {"string": str, "object": dict, "array": list, "boolean": bool}
    if expected in ("integer", "number"):
        return isinstance(value, int) and not isinstance(value, bool)
    return expected not in kinds or isinstance(value, kinds[expected])


def _language_fault(value: Any) -> str | None:
    tags = value if isinstance(value, list) else [value]
    if all(isinstance(tag, str) and (_LANGUAGE.fullmatch(tag) or tag == "*") for tag in tags):
        return None
    return "must be a language tag such as `en-US`"


def _text_fault(value: Any, pattern: re.Pattern[str], problem: str) -> str | None:
    return None if isinstance(value, str) and pattern.fullmatch(value) is not None else problem


PASS = Pass(
    name="check_config", run=run, needs=facts("node types known", "settings decided"), gives=facts("config sound")
)
