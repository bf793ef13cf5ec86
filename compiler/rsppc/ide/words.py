"""Declarations in words, for people at their editor."""

from __future__ import annotations

from rsppc.base.canonical_json import canonical
from rsppc.conditions.environment import Choices, Declaration, Range
from rsppc.ir.catalog import ConfigField, ConfigType, NodeType, Port, Provider
from rsppc.ir.setting import Computed, FromModule, Inferred, Setting
from rsppc.ir.types import print_type
from rsppc.model import shape as m

FUNCTIONS = {
    "all": "`list.all(x, condition)`: whether the condition holds for every entry.",
    "charAt": "`text.charAt(place)`: the character at a place, from 0.",
    "contains": "`text.contains(part)`: whether a text holds another.",
    "endsWith": "`text.endsWith(end)`: whether a text ends with another.",
    "exists": "`list.exists(x, condition)`: whether the condition holds for some entry.",
    "exists_one": "`list.exists_one(x, condition)`: whether the condition holds for exactly one entry.",
    "filter": "`list.filter(x, condition)`: the entries for which the condition holds.",
    "indexOf": "`text.indexOf(part)`: where a text first holds another; -1 where it does not.",
    "join": '`list.join(", ")`: the texts of a list as one.',
    "lastIndexOf": "`text.lastIndexOf(part)`: where a text last holds another; -1 where it does not.",
    "lowerAscii": "`text.lowerAscii()`: with small letters in the place of A to Z.",
    "map": "`list.map(x, value)`: the value for every entry.",
    "matches": "`text.matches(pattern)`: whether a pattern in RE2's syntax is found in a text.",
    "replace": "`text.replace(part, other)`: with another text in the place of each part.",
    "size": "`size(value)`: characters of a text, entries of a list or map.",
    "split": "`text.split(separator)`: the pieces between separators.",
    "startsWith": "`text.startsWith(start)`: whether a text begins with another.",
    "string": "`string(value)`: a number or a truth value as a text.",
    "substring": "`text.substring(place)`: the text from a place to its end.",
    "trim": "`text.trim()`: without blanks at both ends.",
    "upperAscii": "`text.upperAscii()`: with capital letters in the place of a to z.",
}
"""What may be called in a condition."""

_FORMS = {"id": "name", "node": "node", "port": "port, `node.port`", "dotted": "dotted name", "provider": "provider"}


def type_words(type_: m.FieldType | None) -> str:
    """A declared type: `integer, ms, 1 to 86400000`."""
    match type_:
        case m.Integer(unit=unit, minimum=low, maximum=high):
            return ", ".join(one for one in ("integer", unit, f"{low} to {high}") if one)
        case m.Choice(values=values):
            return " or ".join(f"`{shown(one)}`" for one in values)
        case m.Flag():
            return "`true` or `false`"
        case m.Reference(kind=kind):
            return f"reference to a {kind}"
        case m.Expression():
            return "condition"
        case m.TypeText():
            return "port type"
        case m.SettingPath():
            return "path of a setting"
        case m.Identifier(form=form):
            return _FORMS.get(form, form)
        case m.Text():
            return "text"
        case m.Listing(item=item):
            return f"list of {type_words(item)}"
        case m.Table() | m.Nested():
            return "mapping"
        case m.OneOf(options=options):
            return ", or ".join(type_words(one) for one in options)
        case _:
            return "any value"


def field_words(field: m.Field) -> str:
    """A key of a mapping: what it is, and what it says."""
    needed = " · required" if field.required else ""
    null = " · may be `null`" if field.nullable else ""
    return f"**`{field.name}`** — {type_words(field.type)}{needed}{null}\n\n{field.doc}"


def config_type_words(type_: ConfigType) -> str:
    if type_.schema_id is not None:
        return f"{type_.name}<{type_.schema_id}>" if "<" not in type_.name else type_.name
    return f"{type_.name}<{config_type_words(type_.item)}>" if type_.item is not None else type_.name


def config_words(field: ConfigField, default: Setting | None) -> str:
    """A config field of a node type."""
    parts = [config_type_words(field.type)]
    if field.values:
        parts.append(" or ".join(f"`{one}`" for one in field.values))
    if field.minimum is not None or field.maximum is not None:
        low, high = (("…" if one is None else str(one)) for one in (field.minimum, field.maximum))
        parts.append(f"{low} to {high}")
    if default is not None:
        parts.append(f"default `{shown(default.value)}`")
    needed = " · required" if field.required else ""
    return f"**`{field.name}`** — {', '.join(parts)}{needed}" + (f"\n\n{field.doc}" if field.doc else "")


def node_type_words(node_type: NodeType) -> str:
    """A node type: what it takes, what it gives, what can be set."""
    lines = [f"**`{node_type.name}`** — {node_type.role}, from `{node_type.manifest}`"]
    doc = written_doc(node_type.place)
    if doc:
        lines += ["", doc]
    lines += [
        "",
        *(f"- in `{one.name}`: `{print_type(one.type)}`{_optional(one)}" for one in node_type.inputs.values()),
    ]
    lines += [f"- out `{one.name}`: `{print_type(one.type)}`" for one in node_type.outputs.values()]
    if node_type.config:
        lines += ["", "Config: " + ", ".join(f"`{name}`" for name in node_type.config)]
    return "\n".join(lines)


def _optional(port: Port) -> str:
    return "" if port.required else ", optional"


def port_words(name: str, port: Port | None, type_: str, side: str) -> str:
    lane = f" · {port.lane}" if port is not None and port.lane != "inherit" else ""
    doc = written_doc(port.place) if port is not None else ""
    head = f"**`{name}`** — {'input' if side == 'in' else 'output'}{lane}\n\n`{type_}`"
    return f"{head}\n\n{doc}" if doc else head


def provider_words(provider: Provider) -> str:
    lines = [f"**`{provider.id}`** — provider of {provider.modality}, from `{provider.manifest}`"]
    doc = written_doc(provider.place)
    if doc:
        lines += ["", doc]
    facts = [
        f"- {name}: p50 {_ms(one.p50_ms)}, p95 {_ms(one.p95_ms)}" for name, one in sorted(provider.latency.items())
    ]
    if provider.modes is not None:
        facts.append(f"- modes: {', '.join(provider.modes)}")
    if provider.languages is not None:
        facts.append(f"- languages: {', '.join(provider.languages)}")
    if provider.failure_domain:
        facts.append(f"- fails together with `{provider.failure_domain}`")
    return "\n".join([*lines, "", *facts])


def _ms(value: int | None) -> str:
    return "unknown" if value is None else f"{value} ms"


def declaration_words(one: Declaration) -> str:
    """A name that a condition may read."""
    domain = ""
    match one.domain:
        case Range(low=low, high=high):
            domain = f", {low} to {high}" if high < 2**63 - 1 else f", {low} or more"
        case Choices(texts=texts):
            domain = ", " + " or ".join(f"`{text}`" for text in texts)
    keys = f"\n\nKeys: {', '.join(f'`{key}`' for key in one.keys[:20])}" if one.keys else ""
    return f"**`{one.name}`** — {one.type}{domain}{keys}"


def story_words(path: str, chain: list[tuple[str, Setting]]) -> str:
    """A value with its origin and what it won over, as `rsppc why` tells it."""
    lines = [f"`{path}` = `{shown(chain[0][1].value)}`", "", f"- set by {_told(*chain[0])}"]
    lines += [f"- overriding `{shown(one.value)}` from {_told(said, one)}" for said, one in chain[1:]]
    return "\n".join(lines)


def _told(said: str, setting: Setting) -> str:
    origin = setting.origin
    if isinstance(origin, Inferred | Computed) or origin.container is None:
        return said
    via = f", through {' / '.join(origin.via)}" if isinstance(origin, FromModule) and origin.via else ""
    return f"{said} at {origin.span()}{via}"


def shown(value: object) -> str:
    """A value as JSON, names without quotes."""
    return value if isinstance(value, str) else canonical(value).decode()


def written_doc(place: object) -> str:
    """The `doc` beside the name of a declaration."""
    container = getattr(place, "container", None)
    doc = container.get("doc") if isinstance(container, dict) else None
    return doc.strip() if isinstance(doc, str) else ""
