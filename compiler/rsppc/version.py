"""The version of the compiler; it stands in provenance, never in a digest of meaning."""

VERSION = "0.1.0"
LICENSE = "MIT"
"""The licence of the compiler and of all that ships with it, as `pyproject.toml` states it."""
