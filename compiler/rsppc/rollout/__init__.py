"""Rollouts: what a manifest means, who gets which bundle, and the journal of what was changed.

The state of traffic is a manifest and its journal, nothing else: `plan.py` reads the one, `journal.py` the other.
"""
