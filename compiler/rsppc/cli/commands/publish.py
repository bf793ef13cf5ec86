"""`rsppc publish`: build a bundle, judge it, and put it into the store, signed, in one go."""

from __future__ import annotations

from typing import Any

import click

from rsppc.cli.chain import evidence_inputs
from rsppc.cli.clock import now_option
from rsppc.cli.session import usage
from rsppc.cli.storing import store_option

GATES = "mvp_gates_manifest/v1"
_EVIDENCE = (
    "release",
    "rollout",
    "output",
    "gates",
    "replay",
    "expected",
    "fixtures",
    "runtime",
    "control_plane",
    "schema",
    "conformance",
    "language",
    "turns",
    "seed",
)
"""Options that only a promotion has a use for."""
_OF_THE_CHAIN = tuple(name for name in _EVIDENCE if name not in ("release", "gates"))


@click.command(
    "publish",
    epilog="Examples: `rsppc publish demo_bundle/v1 --key builder.key`, `rsppc publish demo_bundle/v1 --dry-run`, "
    "`rsppc publish demo_bundle/v1 --promote --rollout demo/v1 --output evidence --key builder.key`.",
)
@click.argument("bundles", nargs=-1, required=True, metavar="BUNDLE...")
@click.option("--locked", is_flag=True, help="Refuse whatever is not pinned by digest; a pinned bundle always is.")
@click.option(
    "--snapshot", default="local/v1", show_default=True, help="Control-plane snapshot to build and play with."
)
@click.option("--build-runtime", metavar="REF", help="The runtime that it is built for; else that of `rsppc.toml`.")
@click.option("--strict", is_flag=True, help="Treat warnings, unknown facts and unchecked edges as errors.")
@click.option("--key", "keys", multiple=True, metavar="FILE", help="Sign with this private key.")
@click.option("--passphrase-env", metavar="NAME", help="The environment variable with the passphrase of the keys.")
@click.option("--require-signature", is_flag=True, help="Refuse whatever nobody signs or signed.")
@click.option("--promote", is_flag=True, help="Publish a release as well, which needs evidence.")
@click.option("--release", metavar="FILE", help="The evidence of the release, with what it rests on beside it.")
@click.option("--gates", default=GATES, metavar="REF", show_default=True, help="The gates of the release.")
@click.option("--rollout", metavar="REF", help="Judge the release now: the rollout that moves traffic to it.")
@click.option("--output", metavar="FOLDER", help="Where evidence, recordings and baselines are then written.")
@evidence_inputs
@click.option("--dry-run", is_flag=True, help="Say what would be published, and write nothing.")
@click.option(
    "--format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How it is told."
)
@store_option
@now_option
@click.pass_context
def COMMAND(ctx: click.Context, /, bundles: tuple[str, ...], **given: Any) -> int:
    """Build BUNDLEs, judge them, and put them into the store for good: each as one package, signed, at once.

    Without evidence a bundle is published as it was built: it can be fetched and proved, and no traffic moves to it.
    With `--promote` a release is published as well, from evidence that was made before (`--release`), or that the whole
    chain of `rsppc gate run` makes now (`--rollout`, `--output`). The same command again finishes what was interrupted,
    and changes nothing that is done.
    """
    written = {name for name in _EVIDENCE if ctx.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE}
    _check_use(bundles, written, given)
    from rsppc.cli.publication import Wanted, publish_all

    chain = {name: given[name] for name in _OF_THE_CHAIN}
    common = {name: value for name, value in given.items() if name not in chain}
    return publish_all(bundles, Wanted(**common, chain=chain))


def _check_use(bundles: tuple[str, ...], written: set[str], given: dict[str, Any]) -> None:
    """End the command where options contradict each other, before anything is built."""
    if given["passphrase_env"] and not given["keys"]:
        usage("a passphrase opens no key", "name the key with `--key`")
    if not given["promote"]:
        if written:
            option = "--" + sorted(written)[0].replace("_", "-")
            build = "; `--build-runtime` builds for a runtime" if option == "--runtime" else ""
            usage(f"`{option}` is for a promotion", f"add `--promote`, or leave it out{build}")
        return
    if len(bundles) != 1:
        usage("a release is of one bundle", "promote one at a time")
    if given["release"] is not None:
        others = sorted(written & set(_OF_THE_CHAIN))
        if others:
            option = "--" + others[0].replace("_", "-")
            usage(f"`--release` was judged before, and `{option}` is for judging", "give one of the two")
    elif given["rollout"] is None or given["output"] is None:
        usage(
            "nothing is promoted without evidence",
            "name it with `--release FILE`, or let it be made with `--rollout REF --output FOLDER`",
        )
    elif given["dry_run"]:
        usage("judging writes evidence, and `--dry-run` writes nothing", "judge with `rsppc gate run`, and name FILE")
