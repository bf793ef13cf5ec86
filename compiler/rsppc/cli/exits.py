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

_ROLLOUTS = {"RSP7603", "RSP7604", "RSP7633", "RSP7634"}
_JOURNALS = {"RSP7641", "RSP7642", "RSP7643", "RSP7644", "RSP7646", "RSP7647", "RSP7648", "RSP7649"}
INTEGRITY_CODES = frozenset(
    {"RSP7102", "RSP7103", "RSP7104", "RSP7105"}
    | {"RSP9102", "RSP9104", "RSP9402", "RSP9403", "RSP9404"}
    | _ROLLOUTS
    | _JOURNALS
)
ENVIRONMENT_CODES = frozenset({"RSP0001", "RSP0004", "RSP7635"})
