"""Short words for long values: types, bounds, figures."""

from __future__ import annotations

import re

_ARGUMENTS = re.compile(r"([a-z]+)<(.*)>", re.DOTALL)


def short_type(text: str) -> str:
    """A type as it stands on an edge: `audio<codec=opus, rate_hz=16000, channels=1>` is `audio opus 16 kHz`."""
    found = _ARGUMENTS.fullmatch(text)
    if found is None:
        return text
    kind, words = found[1], [found[1]]
    for argument in found[2].split(", "):
        key, equals, value = argument.partition("=")
        if not equals:
            words.append(argument.removeprefix("rspp."))
        elif key == "rate_hz" and value.isdigit():
            words.append(f"{_thousands(int(value))} kHz")
        elif key == "channels":
            words.extend([] if value == "1" else [f"{value} ch"])
        elif not (kind == "audio" and key == "lang"):
            words.append(value)
    return " ".join(words)


def _thousands(value: int) -> str:
    whole, rest = divmod(value, 1000)
    return f"{whole}.{rest:03}".rstrip("0").rstrip(".")


def bytes_text(count: int | None) -> str:
    """A number of bytes as people say it, rounded up, so that a bound stays one."""
    if count is None:
        return "unknown"
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            tenths = -(-count * 10 // size)
            return f"{tenths // 10}.{tenths % 10} {unit}" if tenths % 10 else f"{tenths // 10} {unit}"
    return f"{count} B"


def figures(p50: int | None, p95: int | None) -> str:
    """Two percentiles on a line: `21 / 25 ms`; what nobody states is a question mark."""
    if p50 is None and p95 is None:
        return "no figure"
    return f"{'?' if p50 is None else p50} / {'?' if p95 is None else p95} ms"


def visible(text: str) -> str:
    """A text without characters that XML cannot carry or that move what stands around them."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in text)
