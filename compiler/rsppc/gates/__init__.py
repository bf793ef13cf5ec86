"""Gates: figures with limits, and the one engine that runs checks in order and keeps what they found as evidence.

`formulas.py` says what is measured, `slo.py` measures it, `engine.py` runs the chain of a release, `checks/` holds its
links, `release.py` decides whether something may be published.
"""
