"""The base of all public models of the contracts."""

from __future__ import annotations

from rsppc.base.record import Record


class Model(Record, forbid_unknown_fields=True):
    """A closed, frozen object of the runtime. A key that is not there is `UNSET`, which is false; null is refused.

    Constructors believe what they are given; `decode` and `encode` do not.
    """
