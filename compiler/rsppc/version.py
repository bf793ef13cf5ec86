"""The version of the compiler; it stands in provenance, never in a digest of meaning."""

VERSION = "0.1.0"
