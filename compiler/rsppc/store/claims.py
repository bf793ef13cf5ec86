"""What one publisher says that a package holds, where another one may be publishing the same run at this moment.

Nobody adds to a package before everything in it was found to be their own as well. So what a package holds is always
part of what the last one to add to it publishes: that one is never refused, and all others are, unless they publish the
same. Over HTTP a publisher looks at what is there, and finalises by the number of files; whoever names none has no
claim.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rsppc.store.reading import File, Package


class Claim:
    """All files of a run, as one publisher has them. `judge` refuses files of the package that are not theirs."""

    def __init__(self, judge: Callable[[Sequence[File]], None]) -> None:
        self._judge = judge
        self._known: set[str] = set()

    def knows(self, path: str) -> bool:
        """Whether the package is known to hold a file, as this publisher has it."""
        return path in self._known

    def knows_all(self, package: Package) -> bool:
        """Whether the package holds nothing but what is known of it."""
        return package.file_count == len(self._known)

    @property
    def count(self) -> int:
        """How many files the package is known to hold."""
        return len(self._known)

    def hold(self, files: Iterable[File]) -> None:
        """Look at what the package holds; a `StoreProblem` where this publisher has not the same."""
        others = [file for file in files if file.path not in self._known]
        self._judge(others)
        self.told(others)

    def told(self, files: Iterable[File]) -> None:
        """Note what the package holds, which is this publisher's own."""
        self._known.update(file.path for file in files)
