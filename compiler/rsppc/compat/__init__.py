"""Which versions go together, what is on its way out, and what a runtime has passed.

`check.py` judges a CompatPolicy by itself; `matrix.py` and `deprecation.py` answer from one; `release.py`, `usage.py`
and `conformance.py` hold a release, a workspace and a runtime against the answers; `inspection.py` asks all of it.
"""
