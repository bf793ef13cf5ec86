"""The one base class of every value that rsppc passes around.

`msgspec.Struct` gives frozen, slotted records whose construction is one C call; `dataclasses` would cost about half a
millisecond of start-up per class, and this project declares a few hundred of them. The metaclass makes keyword-only
the default for subclasses too, which `Struct` itself does not inherit.
"""

from __future__ import annotations

from typing import Any, dataclass_transform

from msgspec import Struct, StructMeta
from msgspec.structs import replace

__all__ = ["Record", "replace"]


class _RecordMeta(StructMeta):
    def __new__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **config: Any) -> Any:
        config.setdefault("kw_only", True)
        config.setdefault("frozen", True)
        config.setdefault("gc", False)
        return super().__new__(cls, name, bases, namespace, **config)


@dataclass_transform(kw_only_default=True)
class Record(Struct, metaclass=_RecordMeta):
    """A frozen value. Records never form cycles, so the garbage collector need not look at them."""
