"""Seeded chance, in whole numbers. Each name has a stream of its own, so that what one part draws moves no other."""

from __future__ import annotations

from hashlib import sha256

_MASK = (1 << 64) - 1


class Chance:
    """A stream of numbers (SplitMix64) that depends on a seed and a name alone."""

    __slots__ = ("_state",)

    def __init__(self, seed: int, name: str) -> None:
        self._state = int.from_bytes(sha256(f"{seed}/{name}".encode()).digest()[:8], "big")

    def below(self, bound: int) -> int:
        """A number from 0 to `bound` - 1."""
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        mixed = self._state
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        return ((mixed ^ (mixed >> 31)) * bound) >> 64

    def between(self, low: int, high: int) -> int:
        """A number from `low` to `high`, both included."""
        return low + self.below(high - low + 1)

    def one_in(self, count: int) -> bool:
        """True once in `count` times on average."""
        return self.below(count) == 0
