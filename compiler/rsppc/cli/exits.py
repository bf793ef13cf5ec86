"""Exit codes. If several apply, the largest wins."""

OK = 0
FINDINGS = 1
"""Findings, or input that was refused."""
USAGE = 2
INTEGRITY = 3
"""A digest, pin, lock or signature does not match."""
ENVIRONMENT = 4
"""Disk, network or a lock; safe to try again."""
BUG = 70
"""A bug of ours."""
INTERRUPTED = 130

INTEGRITY_CODES = frozenset({"RSP7102", "RSP7103", "RSP7104", "RSP7105"})
ENVIRONMENT_CODES = frozenset({"RSP0001", "RSP0004"})
