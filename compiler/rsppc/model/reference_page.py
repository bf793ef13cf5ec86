"""The reference page: every key of every kind of artifact, and what the shipped library declares, in Markdown.

The first half comes from the declarations in this package, the second from extension manifests that the caller has
read. A shape is shown where a reader meets it first; everywhere else a link leads there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from rsppc.base.canonical_json import canonical
from rsppc.model import shape as m
from rsppc.model.features import FEATURES
from rsppc.model.forms import FORMS
from rsppc.model.json_schema import GENERATED, file_name

Manifest = Mapping[str, Any]


def reference_page(kinds: Iterable[m.ArtifactKind], manifests: Iterable[tuple[str, Manifest]]) -> str:
    """The whole page; manifests come with the path of the file that they stand in."""
    known, library = tuple(kinds), tuple(manifests)
    shown: set[str] = set()
    parts = [
        "# Reference",
        f"<!-- {GENERATED} -->",
        "Every key that a source may hold, and every node type and provider that ships with the compiler. A key that is"
        " not listed here is an error. Leaving a key out, writing `null` and inheriting a value are three different"
        " things; `null` may stand only where a table says so.",
        _table_of_kinds(known),
    ]
    for kind in known:
        parts += _kind(kind, shown)
    parts += _forms()
    parts += ["## Node types", "From the shipped extension manifests, in the order of their files."]
    parts += [part for path, manifest in library for part in _node_types(path, manifest)]
    parts += ["## Providers", "What no line states is unknown, never a wildcard. Every figure comes with its source."]
    parts += [part for path, manifest in library for part in _providers(path, manifest)]
    return "\n\n".join(parts) + "\n"


def kind_page(kind: m.ArtifactKind) -> str:
    """One kind on a page of its own, with every shape inside it."""
    return "\n\n".join(_kind(kind, set(), level=1)) + "\n"


def forms_page() -> str:
    """The forms of names on a page of their own."""
    heading, *rest = _forms()
    return "\n\n".join((heading.removeprefix("#"), *rest)) + "\n"


def anchor(heading: str) -> str:
    """The name under which Markdown renderers let one link to a heading."""
    kept = "".join(char for char in heading.lower() if char.isalnum() or char in "_- ")
    return kept.replace(" ", "-")


# --- Kinds of artifacts -----------------------------------------------------------------------------------------------


def _table_of_kinds(kinds: tuple[m.ArtifactKind, ...]) -> str:
    rows = [(_link(kind.title), f"`{kind.schema_version}`", f"`{kind.folder}/`", kind.shape.doc) for kind in kinds]
    return _table(("Kind", "`schema_version`", "Folder", "What it is"), rows)


def _kind(kind: m.ArtifactKind, shown: set[str], *, level: int = 2) -> Iterator[str]:
    yield f"{'#' * level} {kind.title}"
    yield kind.shape.doc
    yield (
        f"Announced by `schema_version: {kind.schema_version}`, named by `{kind.id_field}` and `version`,"
        f" referred to as `{kind.name}:<{kind.id_field}>/<version>`, kept in `{kind.folder}/`."
        f" Schema: [`{file_name(kind)}`](../schemas/{file_name(kind)})."
        f" Serves {', '.join(FEATURES[kind.folder]).replace('..', ' to ')}."
    )
    yield from _fields(kind.shape)
    for shape in _inside(kind.shape):
        if shape.name not in shown:
            shown.add(shape.name)
            yield f"{'#' * (level + 1)} {shape.name}"
            yield shape.doc
            yield from _fields(shape)


def _inside(shape: m.Shape) -> Iterator[m.Shape]:
    """The shapes inside a shape, each followed by its own, in reading order."""
    for field in shape.fields:
        for nested in _shapes(field.type):
            yield nested
            yield from _inside(nested)


def _shapes(type_: m.FieldType) -> Iterator[m.Shape]:
    match type_:
        case m.Nested(shape=shape):
            yield shape
        case m.Listing(item=inner) | m.Table(value=inner):
            yield from _shapes(inner)
        case m.OneOf(options=options):
            for option in options:
                yield from _shapes(option)


def _fields(shape: m.Shape) -> Iterator[str]:
    rows = [
        (
            f"`{field.name}`",
            _words(field.type) + (" or `null`" if field.nullable else ""),
            _unit(field.type),
            _bounds(field.type),
            "yes" if field.required else "",
            field.doc,
        )
        for field in shape.fields
    ]
    yield _table(("Key", "Type", "Unit", "Bounds", "Required", "What it says"), rows)
    for group in shape.one_of:
        yield f"Exactly one of {' and '.join(f'`{key}`' for key in group)} is written."


def _words(type_: m.FieldType) -> str:
    return _WORDS[type_.__class__](type_)


def _choice_words(type_: m.Choice) -> str:
    words = ["true" if value is True else str(value) for value in type_.values]
    return " | ".join(f"`{word}`" for word in words)


def _listing_words(type_: m.Listing) -> str:
    item = _words(type_.item)
    return f"list of ({item})" if " " in item and not item.startswith("[") else f"list of {item}"


_WORDS: dict[type, Callable[[Any], str]] = {
    m.Text: lambda type_: "text, may run over lines" if type_.block else "text",
    m.Identifier: lambda type_: f"[{FORMS[type_.form].name}](#forms-of-names)",
    m.Integer: lambda _: "integer",
    m.Flag: lambda _: "true or false",
    m.Choice: _choice_words,
    m.Reference: lambda type_: f"[reference](#forms-of-names) to a `{type_.kind}`",
    m.Expression: lambda type_: f"[condition](conditions.md) on {'events' if type_.environment == 'edge' else 'turns'}",
    m.TypeText: lambda _: "port type",
    m.SettingPath: lambda type_: (
        "`config.FIELD`"
        if type_.config
        else f"[{'pattern of setting paths' if type_.pattern else 'setting path'}](#forms-of-names)"
    ),
    m.Anything: lambda _: "any value",
    m.Listing: _listing_words,
    m.Table: lambda type_: f"mapping from {_words(type_.key)} to {_words(type_.value)}",
    m.Nested: lambda type_: _link(type_.shape.name),
    m.OneOf: lambda type_: " or ".join(_words(option) for option in type_.options),
}


def _unit(type_: m.FieldType) -> str:
    match type_:
        case m.Integer(unit=unit):
            return unit
        case m.Listing(item=inner) | m.Table(value=inner):
            return _unit(inner)
        case _:
            return ""


_TEXT_LENGTH_MAX = m.Text().length_max


def _bounds(type_: m.FieldType) -> str:
    match type_:
        case m.Integer(minimum=low, maximum=high):
            return f"{low} to {high}"
        case m.Text(length_max=most, length_min=least) if least:
            return f"{least} to {most} characters, not only blanks"
        case m.Text(length_max=length) if length != _TEXT_LENGTH_MAX:
            return f"at most {length} characters"
        case m.Listing(item=inner, length_min=least, unique=unique):
            own = (f"{least} or more" if least else "", "no item twice" if unique else "", _bounds(inner))
            return ", ".join(one for one in own if one)
        case m.Table(value=inner, length_min=least):
            return ", ".join(one for one in (f"{least} or more" if least else "", _bounds(inner)) if one)
        case _:
            return ""


def _forms() -> Iterator[str]:
    yield "## Forms of names"
    yield (
        "A name has at most 200 characters and one of these forms. A reference is `id/version`; its full form is"
        " `kind:id/version@sha256:…`. A text has at most 65536 characters where no table says otherwise."
    )
    rows = [
        (
            form.name,
            f"`{form.example}`" if name != "digest" else "`sha256:` and 64 hexadecimal digits",
            _code(form.pattern),
        )
        for name, form in FORMS.items()
    ]
    rows += [
        (words, f"`{example}`", "")
        for words, example in (
            ("setting path", "edges.mic.audio->vad.audio.buffer.strategy"),
            ("pattern of setting paths", "nodes.*.config.*"),
        )
    ]
    yield _table(("Form", "Example", "Pattern"), rows)


# --- The shipped library ----------------------------------------------------------------------------------------------


def _node_types(path: str, manifest: Manifest) -> Iterator[str]:
    for node_type in manifest.get("node_types") or ():
        yield f"### {node_type['node_type']}"
        if "doc" in node_type:
            yield node_type["doc"].strip()
        yield _facts(path, manifest, node_type)
        yield "Ports:"
        yield _table(
            ("Port", "Direction", "Type", "Lane", "Required", "What passes"), map(_port_row, node_type["ports"])
        )
        if node_type.get("config"):
            yield "Config:"
            yield _table(
                ("Field", "Type", "Default", "Bounds", "Required", "What it does"),
                map(_config_row, node_type["config"]),
            )
        yield from _latency(node_type.get("latency"), f"Declared in `{path}`; it follows from how the node is built.")


def _facts(path: str, manifest: Manifest, node_type: Manifest) -> str:
    names = ("role", "execution_mode", "scope", "state", "turn_cancel", "modality", "trust_level", "cancel")
    told = ((name, node_type.get(name)) for name in (*names, "timeout_ms", "resource_limits"))
    facts = ", ".join(f"`{name}: {_flow(value)}`" for name, value in told if value is not None)
    return f"From `{manifest['extension_id']}/{manifest['version']}` in `{path}`: {facts}."


def _flow(value: Any) -> str:
    """A value as one writes it in one line of YAML."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(one)}" for key, one in value.items()) + "}"
    return str(value)


def _port_row(port: Manifest) -> tuple[str, ...]:
    named_by = f" Named by `{port['named_by']}`." if "named_by" in port else ""
    return (
        f"`{port['name']}`",
        port["direction"],
        _code(port["type"]),
        port["lane"],
        "yes" if port.get("required", True) else "",
        port.get("doc", "") + named_by,
    )


def _config_row(field: Manifest) -> tuple[str, ...]:
    bounds = []
    if "min" in field or "max" in field:
        bounds.append(f"{field.get('min', '…')} to {field.get('max', '…')}")
    if "values" in field:
        bounds.append(", ".join(f"`{value}`" for value in field["values"]))
    return (
        f"`{field['name']}`",
        _code(field["type"]),
        _code(canonical(field["default"]).decode()) if "default" in field else "",
        "; ".join(bounds),
        "yes" if field.get("required") else "",
        field.get("doc", ""),
    )


def _latency(latency: Manifest | None, source: str) -> Iterator[str]:
    if not latency:
        yield "Latency: unknown."
        return
    by_output = latency if all(isinstance(one, Mapping) for one in latency.values()) else {"*": latency}
    yield f"Latency. {source}"
    yield _table(
        ("Output", "p50 ms", "p95 ms", "Plus", "At least"),
        [
            (
                f"`{output}`" if output != "*" else "every output",
                str(one.get("p50_ms", "unknown")),
                str(one.get("p95_ms", "unknown")),
                ", ".join(f"`{field}`" for field in one.get("plus") or ()),
                ", ".join(f"`{field}`" for field in one.get("at_least") or ()),
            )
            for output, one in by_output.items()
        ],
    )


def _providers(path: str, manifest: Manifest) -> Iterator[str]:
    for provider in manifest.get("providers") or ():
        yield f"### {provider['provider_id']}"
        if "doc" in provider:
            yield provider["doc"].strip()
        yield _table(("What", "Stated"), _provider_rows(path, manifest, provider))
        yield from _latency(provider.get("latency"), _source(provider))


def _provider_rows(path: str, manifest: Manifest, provider: Manifest) -> Iterator[tuple[str, ...]]:
    yield "declared by", f"`{manifest['extension_id']}/{manifest['version']}`, `{path}`"
    yield "modality", f"`{provider['modality']}`"
    for port, refined in (provider.get("refines") or {}).items():
        yield f"type of `{port}`", _code(refined)
    for key in ("modes", "languages"):
        if key in provider:
            yield key, ", ".join(f"`{value}`" for value in provider[key])
    if "confidence" in provider:
        yield "confidence", "stated" if provider["confidence"] else "not stated"
    if "cost" in provider:
        yield "cost", f"{provider['cost']['micro_usd']} millionths of a US dollar for one `{provider['cost']['unit']}`"
    if "failure_domain" in provider:
        yield "fails together with", f"`{provider['failure_domain']}`"
    if "source" in provider:
        yield "source", f"<{provider['source']['url']}>, read {provider['source']['as_of']}"


def _source(provider: Manifest) -> str:
    source = provider.get("source")
    return f"Source: <{source['url']}>, read {source['as_of']}." if source else "Source: the manifest."


# --- Markdown ---------------------------------------------------------------------------------------------------------


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def _cell(text: str) -> str:
    """One line; a bar would end the cell, inside code too."""
    return " ".join(text.replace("|", "\\|").split())


def _code(text: str) -> str:
    return f"`{text}`"


def _link(heading: str) -> str:
    return f"[{heading}](#{anchor(heading)})"
