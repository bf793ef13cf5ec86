"""Lint: what compiles and still goes wrong in a call. One file per rule, in `rules/`."""
