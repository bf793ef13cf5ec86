"""`rsppc init`: make a workspace that builds."""

from __future__ import annotations

import contextlib
import os
import shlex

import click

from rsppc.base.names import ID
from rsppc.cli.exits import FINDINGS, OK
from rsppc.cli.session import fault, usage

_FILES = {
    "rsppc.toml": "rsppc.toml.j2",
    ".gitignore": "gitignore.j2",
    "pipelines/specs/{name}_v1.yaml": "spec.yaml.j2",
    "pipelines/policies/{name}_policy_v1.yaml": "policy.yaml.j2",
    "pipelines/bundles/{name}_bundle_v1.yaml": "bundle.yaml.j2",
    "pipelines/assets/prompts/{name}.txt": "prompt.txt.j2",
}


@click.command("init", epilog="Examples: `rsppc init`, `rsppc init demo --name support_line`.")
@click.argument("folder", default=".")
@click.option("--name", help="Name of the pipeline; the default is the name of the folder.")
def COMMAND(folder: str, name: str | None) -> int:
    """Make a workspace in FOLDER, with a pipeline that builds. Nothing that is there is overwritten."""
    name = name or _name_of(folder)
    if ID.fullmatch(name) is None:
        usage(f"`{name}` cannot be the name of a pipeline", "use lower-case letters, digits and `_`, with --name")
    wanted = {path.format(name=name): template for path, template in _FILES.items()}
    taken = [path for path in wanted if os.path.lexists(os.path.join(folder, path))]
    if taken:
        click.echo(f"rsppc: `{taken[0]}` is there already; nothing was written", err=True)
        return FINDINGS
    rendered = {path: _render(template, name) for path, template in wanted.items()}
    begun: list[str] = []
    try:
        for path, text in rendered.items():
            full = os.path.join(folder, path)
            os.makedirs(os.path.dirname(full) or ".", exist_ok=True)
            with open(full, "x", encoding="utf-8", newline="\n") as file:
                begun.append(full)
                file.write(text)
    except OSError as error:
        for full in begun:  # so that the next try finds nothing in its way
            with contextlib.suppress(OSError):
                os.unlink(full)
        fault(f"cannot write `{error.filename}`: {error.strerror}")
    for path in rendered:
        click.echo(f"wrote {os.path.normpath(os.path.join(folder, path))}")
    where = "" if folder == "." else f"cd {shlex.quote(folder)} && "
    click.echo(f"next: {where}rsppc build")
    return OK


def _name_of(folder: str) -> str:
    return os.path.basename(os.path.realpath(folder)).lower().replace("-", "_").replace(" ", "_")


def _render(template: str, name: str) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from rsppc.resources import folder

    environment = Environment(  # the texts are ours and make no HTML, so that nothing is to be escaped
        loader=FileSystemLoader(os.path.join(folder("templates"), "init")),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )
    return environment.get_template(template).render(name=name, title=name.replace("_", " ").capitalize())
