"""Whether a node type takes or gives a stream piece by piece, which follows from the types of its ports.

Audio comes in frames, text of the modes `partial`, `delta` and `segment` in pieces; a final text, a record and a signal
come whole. Where a port takes any type, the ports leave it open, and only the node type can say.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from rsppc.ir.types import PortType, Product, Values, domain_of, says_nothing

Streaming = Literal["none", "input", "output", "bidirectional"]

_PIECEWISE = {"audio": True, "text": True, "record": False, "control": False, "error": False}
"""Per kind, whether its events are pieces of something longer; metrics and debug output are on their own as well."""


def streaming_of(inputs: Iterable[PortType], outputs: Iterable[PortType]) -> Streaming | None:
    """The streaming mode that port types give; None where they leave it open."""
    sides = _side(inputs), _side(outputs)
    return None if None in sides else _MODES[bool(sides[0]), bool(sides[1])]


def contradiction(stated: Streaming, inputs: Iterable[PortType], outputs: Iterable[PortType]) -> str | None:
    """Which side of a stated mode the port types rule out, in words; None where none."""
    for side, types in (("input", inputs), ("output", outputs)):
        follows = _side(types)
        says = stated in (side, "bidirectional")
        if follows is not None and follows != says:
            pieces = "comes in pieces" if follows else "comes whole"
            return f"what its {side}s carry {pieces}" if tuple(types) else f"it has no {side}"
    return None


_MODES: dict[tuple[bool, bool], Streaming] = {
    (False, False): "none",
    (True, False): "input",
    (False, True): "output",
    (True, True): "bidirectional",
}


def _side(types: Iterable[PortType]) -> bool | None:
    """Whether some port of one side streams; None where no port does for certain, and some may."""
    found = [_streams(product) for one in types for product in one.alternatives]
    return True if True in found else None if None in found else False


def _streams(product: Product) -> bool | None:
    if says_nothing(product):
        return None
    if product.kind == "text":
        modes = domain_of(product.terms[0])
        return any(mode != "final" for mode in modes.values) if isinstance(modes, Values) else True
    return _PIECEWISE.get(product.kind, False)
