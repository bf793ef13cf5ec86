"""What one run remembers of earlier ones, and what it leaves for later ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rsppc.base.canonical_json import digest_value
from rsppc.base.record import Record
from rsppc.caching.folder import CacheFolder, compiler_stamp
from rsppc.caching.plain import NotKept, from_plain
from rsppc.caching.sealed import SealedWorkspace, look
from rsppc.caching.sources import SourceFinder
from rsppc.caching.traces import Book, Files, Learnt, Recall, changed_options, continued

if TYPE_CHECKING:
    from rsppc.caching.asking import Noted


class Miss(Record):
    """A question that had to be answered anew, and why."""

    question: str
    reason: str


class Memory:
    """Answers of earlier runs in a workspace, for runs with the same options."""

    def __init__(self, workspace: SealedWorkspace, folder: str, options: dict[str, str]) -> None:
        self.workspace = workspace
        self.folder = CacheFolder(folder)
        self.hits = 0
        self.misses: list[Miss] = []
        self._stamp = compiler_stamp()
        self._options = {**options, "compiler": self._stamp[0]}
        self._name = digest_value(self._options).removeprefix("sha256:")[:40] + ".book"
        self._read_at = self.folder.stamp(self._name)
        self._book = self.folder.read(self._name)
        book = self._book or Book(options=self._options)
        if book.options != self._options:  # two sets of options with one name: nobody will see this
            book = Book(options=self._options)
        look(workspace, book.mentions)
        self._recall = Recall(book, workspace.now)
        self._finder = SourceFinder(workspace)
        self._read: dict[bytes, Any] = {}
        self._learnt: list[Learnt] = []
        self._used: dict[str, Files] = {}
        self._asked: set[str] = set()

    def answers(self, question: str) -> Iterator[Any]:
        """What is remembered as the answer to a question and still holds, the youngest first."""
        for plain in self._recall.answers(question):
            if plain not in self._read:  # of most files nothing is to be said, which need not be read anew
                try:
                    self._read[plain] = from_plain(plain, self._finder.find)
                except NotKept:
                    continue
            yield self._read[plain]

    def hit(self, question: str) -> None:
        """Count an answer that was used."""
        self.hits += 1
        self._asked.add(question)

    def miss(self, question: str, *, explained: bool) -> None:
        """Note a question that must be answered anew. To say why takes time, which only some callers have."""
        self._asked.add(question)
        self.misses.append(Miss(question=question, reason=self._reason(question) if explained else ""))

    def learn(self, question: str, noted: Noted) -> None:
        """Remember an answer that was found out."""
        if noted.plain is None:
            return
        for name, value in noted.used.items():
            self.workspace.sight.note(name, value)  # what a worker found is to be what we and the others find
        for name in noted.asked:
            if name not in self._used:
                self._used[name] = self.workspace.used(name)
        inputs = {name: self._used[name] for name in sorted(noted.asked)}
        self._learnt.append(Learnt(question=question, inputs=inputs, answer=noted.plain))

    def finish(self) -> None:
        """Write down what was learnt, unless something changed while the run was on."""
        if not self._learnt:
            if self._book is not None:
                self.folder.touch(self._name)
            return
        if self.folder.trouble or self.workspace.sight.drifted or compiler_stamp() != self._stamp:
            return
        books = [self._recall.book]
        if self.folder.stamp(self._name) != self._read_at:  # somebody else has learnt something meanwhile
            theirs = self.folder.read(self._name)
            books += [theirs] if theirs is not None and theirs.options == self._options else []
        book = continued(books, self._learnt, self.workspace.sight.mentions, self._options)
        if len(book.traces) > 2 * len(self._asked) + 1000:  # of files that went long ago
            book = continued(
                books, self._learnt, self.workspace.sight.mentions, self._options, only=frozenset(self._asked)
            )
        self.folder.write(self._name, book, older_than_ns=self._stamp[1])

    def _reason(self, question: str) -> str:
        if self.folder.trouble:
            return f"the cache {self.folder.trouble}"
        if self.folder.damaged:
            return "cache entry damaged"
        if question in self._recall.book.traces:
            return self._recall.reason(question)
        for other in self.folder.books():
            if question in other.traces and other.options != self._options:
                changed = changed_options(other.options, self._options)
                return ", ".join(_option_changed(name, other.options, self._options) for name in changed)
        return "first time"


def _option_changed(name: str, before: dict[str, str], now: dict[str, str]) -> str:
    was, is_ = before.get(name, ""), now.get(name, "")
    if was.startswith("sha256:") or is_.startswith("sha256:"):
        return f"the {name} is another one"
    return f"option {name} changed from {was or 'none'} to {is_ or 'none'}"
