"""Which pages of the manual are on the site, and in which order one would read them."""

from __future__ import annotations

MANUAL: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Begin", ("tutorial",)),
    ("Language", ("language", "conditions", "formatting")),
    ("Author's tools", ("cli", "lint", "testing", "changes", "editor", "extensions")),
    (
        "Release and run",
        (
            "publishing",
            "release",
            "store",
            "store_api",
            "store_backends",
            "oci",
            "signing",
            "compatibility",
            "rollouts",
            "replay",
            "simulator",
            "contracts",
            "runtime",
        ),
    ),
)
"""Titles of parts, each with its pages in `docs/`."""

LEFT_OUT = ("architecture", "adding", "reference")
"""Pages for those who change the compiler, and the one whose content the site has on pages of its own."""

NAMES: tuple[str, ...] = tuple(name for _, names in MANUAL for name in names)
