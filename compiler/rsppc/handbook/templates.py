"""The templates of the site, and what they may call. Every value is escaped; what cannot be seen is shown by number."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from rsppc.diagnostics.visible import encodable, visible
from rsppc.resources import read_text


def render(name: str, **values: Any) -> Markup:
    """A template of `templates/docs/`, filled."""
    return Markup(_environment().get_template(f"docs/{name}").render(values))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(lambda wanted: read_text("templates", wanted)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_shown,
    )
    environment.filters |= {"line": line, "told": told, "prose": prose, "source": source}
    return environment


def _shown(value: Any) -> Any:
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def line(text: str) -> str:
    """A text of several lines as one."""
    return " ".join(text.split())


def told(text: str) -> Markup:
    """A sentence in which words between backticks are code."""
    pieces = visible(line(text)).split("`")
    if len(pieces) % 2 == 0:  # a backtick that nobody closes
        return escape("`".join(pieces))
    shown = (Markup("<code>{}</code>").format(one) if index % 2 else escape(one) for index, one in enumerate(pieces))
    return Markup("").join(shown)


def prose(text: str) -> Markup:
    """What an author wrote about a thing; blank lines part paragraphs."""
    return Markup("").join(Markup("<p>{}</p>\n").format(told(one)) for one in text.split("\n\n") if one.strip())


def source(text: str) -> Markup:
    """A text over lines, as it was written."""
    lines = (visible(line.removesuffix("\r").expandtabs(4)) for line in text.removesuffix("\n").split("\n"))
    return escape(encodable("\n".join(lines)))
