"""Heavier checks, one module each; `tests/all/run.py` runs them."""
