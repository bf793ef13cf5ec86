"""Which paths a file may have inside a package: those that mean the same file on every system that may unpack it."""

from __future__ import annotations

import re
import unicodedata

PATH_MAX = 512
"""Bytes of a path."""
NAME_MAX = 255
"""Bytes of one name within it."""

_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')
_DEVICES = frozenset({"con", "prn", "aux", "nul", *(f"{name}{n}" for name in ("com", "lpt") for n in range(1, 10))})


def path_fault(path: str) -> str | None:
    """What is wrong with a path inside a package, as the end of a sentence; None where it is sound."""
    try:
        data = path.encode()
    except UnicodeEncodeError:
        return "it holds a lone surrogate"
    if not path:
        return "it is empty"
    if len(data) > PATH_MAX:
        return f"it has more than {PATH_MAX} bytes"
    if unicodedata.normalize("NFC", path) != path:
        return "it is not in Unicode's composed form (NFC)"
    if path.startswith("/"):
        return "it is absolute"
    for name in path.split("/"):
        fault = _name_fault(name)
        if fault is not None:
            return fault
    return None


def _name_fault(name: str) -> str | None:
    if name in ("", ".", ".."):
        return "it has an empty name" if not name else f"it has the name `{name}`"
    found = _FORBIDDEN.search(name)
    if found is not None:
        return f"it holds U+{ord(found[0]):04X}"
    if any(unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp", "Cs") for c in name):
        return "it holds a character that nobody sees"
    if name[-1] in ". ":
        return f"`{name}` ends with a dot or a blank"
    if len(name.encode()) > NAME_MAX:
        return f"it has a name of more than {NAME_MAX} bytes"
    if name.split(".")[0].lower() in _DEVICES:
        return f"`{name}` is the name of a device"
    return None


def twin_key(path: str) -> str:
    """What a path comes down to where neither case nor spelling counts; two files with one key are twins."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", path).casefold())
