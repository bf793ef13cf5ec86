"""A bundle as one HTML page that needs nothing else: no network, no scripts for reading, no fonts.

The page is made by the templates in `templates/report/`, which escape every value. Its content security policy allows
exactly its own style sheet and its own script, by their digests.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from rsppc.base.record import Record
from rsppc.pictures.graph import graph_of, ordered_paths
from rsppc.pictures.origins import explorer
from rsppc.pictures.palette import style
from rsppc.pictures.resolved import Bundle, Edge, Provenance, Resolved
from rsppc.pictures.rules_in_words import layers_in_words, rules_in_words, turns_in_words
from rsppc.pictures.svg import description, graph_picture, is_too_large
from rsppc.pictures.waterfall import bars_svg, nodes_alone, verdict, waterfall
from rsppc.pictures.words import bytes_text, short_type, visible
from rsppc.resources import read_text

_TEXT_WIDTH = 1130
"""How wide the page's text is, about; wider pictures take the width of the screen."""


class Subject(Record):
    """What a report is about."""

    spec: dict[str, Any]
    """The ResolvedSpec, as plain values."""
    resolved: Resolved
    bundle: Bundle
    bundle_digest: str
    provenance: Provenance | None
    """None where nobody kept it."""
    diagnostics: Sequence[Mapping[str, Any]] | None
    """Findings as `rsppc check --format json` gives them; None where the bundle was not compiled for this report."""
    gates: Mapping[str, Mapping[str, int]]
    """Limits by path and percentile: `{"e2e": {"p95_ms": 2000}}`; `cancel` for silence after a cancel."""
    made_at: str
    """The time that the page carries; empty for none."""
    made_by: str
    is_built: bool = True
    """Whether it has no errors. The page of what has some begins with them."""


class Figure(Record):
    """A figure that decides about a call, with its limit and what became of it."""

    name: str
    value: str
    limit: str
    verdict: str


def report_page(subject: Subject) -> str:
    """The page, ending with a line break."""
    css = _template("style.css.j2", {}) + style("auto")
    script = _template("filter.js.j2", {})
    spec = subject.resolved
    graph = graph_of(spec)
    falls = [
        waterfall(name, spec.analysis.latency[name], subject.gates.get(name, {}))
        for name in ordered_paths(spec)
        if not name.startswith("node/")
    ]
    picture = graph_picture(graph, inline=True) if not is_too_large(graph) else None
    return _template(
        "page.html.j2",
        {
            "subject": subject,
            "spec": spec,
            "bundle": subject.bundle,
            "policy": _policy(css, script),
            "css": Markup(css),
            "script": Markup(script),
            "svg": Markup(picture.text) if picture is not None else None,
            "is_wide": picture is not None and picture.width > _TEXT_WIDTH,
            "in_words": description(graph),
            "figures": _figures(subject),
            "falls": falls,
            "nodes": nodes_alone(spec),
            "edges": _edges(spec),
            "turns": turns_in_words(spec),
            "rules": rules_in_words(spec),
            "layers": layers_in_words(spec),
            "explorer": explorer(subject.spec, spec, subject.provenance) if subject.provenance is not None else None,
            "references": _references(subject.bundle),
        },
    )


def diagnostics_page(ref: str, diagnostics: Sequence[Mapping[str, Any]], *, made_at: str, made_by: str) -> str:
    """The page of a bundle from which something is missing because of its errors: these alone."""
    css = _template("style.css.j2", {}) + style("auto")
    values = {"ref": ref, "diagnostics": diagnostics, "made_at": made_at, "made_by": made_by}
    return _template("not_built.html.j2", {**values, "policy": _policy(css), "css": Markup(css)})


def _policy(css: str, script: str = "") -> str:
    """What a page allows: its own style sheet, its own script if it has one, and nothing else."""
    scripts = f"script-src '{_hash(script)}'; " if script else ""
    return f"default-src 'none'; style-src '{_hash(css)}'; {scripts}base-uri 'none'; form-action 'none'"


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _template(name: str, values: dict[str, Any]) -> str:
    environment = Environment(
        loader=FunctionLoader(lambda wanted: read_text("templates", f"report/{wanted}")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_shown,
    )
    environment.filters |= {"bytes": bytes_text, "short_type": short_type, "edge": _breakable}
    environment.globals |= {"bars": lambda row, limits: Markup(bars_svg(row, limits))}
    return environment.get_template(name).render(values)


def _shown(value: Any) -> Any:
    """What stands on the page has no characters that a page cannot carry."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _breakable(name: str) -> Markup:
    """The name of an edge, which may be broken behind its arrow and not within."""
    return Markup('<span class="nobr">-&gt;</span><wbr>').join(escape(visible(one)) for one in name.split("->"))


def _figures(subject: Subject) -> list[Figure]:
    """What a build says at its end, and what it is held against."""
    spec = subject.resolved
    figures: list[Figure] = []
    for name, title in (("e2e", "End of speech to first output"), ("first_output", "Turn signal to first output")):
        path = spec.analysis.latency.get(name)
        if path is None:
            continue
        limits = [path.budget_ms] if path.budget_ms is not None else []
        limits += [limit for key, limit in subject.gates.get(name, {}).items() if key == "p95_ms"]
        value = f"p95 {path.p95_ms} ms" if path.p95_ms is not None else "p95 unknown"
        said = verdict(path.p95_ms, min(limits)) if limits else ""
        limit = f"at most {min(limits)} ms" if limits else "no limit"
        figures.append(Figure(name=title, value=value, limit=limit, verdict=said))
    silence, most = spec.analysis.cancel_ms, subject.gates.get("cancel", {}).get("p95_ms")
    figures.append(
        Figure(
            name="Silence after a cancel",
            value=f"p95 {silence} ms" if silence is not None else "p95 unknown",
            limit=f"at most {most} ms" if most is not None else "no limit",
            verdict=verdict(silence, most) if most is not None else "",
        )
    )
    figures.append(
        Figure(
            name="Queues of a session",
            value=bytes_text(spec.analysis.queue_bytes),
            limit="worst case",
            verdict="",
        )
    )
    checked, edges = spec.analysis.coverage.get("edges_checked"), spec.analysis.coverage.get("edges")
    types = f"{checked} of {edges} edges" if checked is not None and edges is not None else "unknown"
    programs = f"{spec.analysis.programs or 1} program{'' if spec.analysis.programs in (None, 1) else 's'} tried"
    figures.append(Figure(name="Types", value=types, limit=programs, verdict=""))
    return figures


class EdgeRow(Record):
    """An edge with its queue."""

    name: str
    edge: Edge
    rule: str
    """The rule that puts it in; empty for edges that are always there."""


def _edges(spec: Resolved) -> list[EdgeRow]:
    rows = [EdgeRow(name=name, edge=spec.effective_edges[name], rule="") for name in sorted(spec.effective_edges)]
    for rule in spec.rules.insert:
        who = f"{rule.policy}, rule {rule.rule}"
        rows += [EdgeRow(name=edge.id, edge=edge, rule=who) for edge in (rule.into, rule.out_of)]
    return rows


def _references(bundle: Bundle) -> list[tuple[str, str, str]]:
    """Everything that the bundle names: kind, name, digest."""
    refs = [bundle.spec_ref, bundle.profile_ref, *bundle.policy_refs, *bundle.layer_refs, *bundle.module_refs]
    found = []
    for ref in refs:
        name, _, digest = ref.partition("@")
        kind, _, rest = name.partition(":")
        found.append((kind, rest, digest))
    found += [("node type", one.node_type, one.digest) for one in bundle.node_digests]
    found += [("asset", one.path, one.digest) for one in bundle.assets]
    return found
