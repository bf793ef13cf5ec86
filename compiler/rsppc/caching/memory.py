"""What one run remembers of earlier ones, here and elsewhere, and what it leaves for later ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from rsppc.base.canonical_json import digest_value
from rsppc.base.record import Record
from rsppc.caching.compiler import compiler_digest, compiler_stamp
from rsppc.caching.folder import CacheFolder, is_settled
from rsppc.caching.plain import NotKept, from_plain
from rsppc.caching.sealed import SealedWorkspace, look
from rsppc.caching.sources import SourceFinder
from rsppc.caching.traces import Book, Files, Learnt, Recall, changed_options, continued

if TYPE_CHECKING:
    from rsppc.caching.asking import Noted
    from rsppc.caching.shared import Files as SetFiles
    from rsppc.caching.shared import FileSet, SharedCache
    from rsppc.objects.protocol import ObjectStore

_COMPILER_NOTE = "compiler"


class Remembered(Record):
    """An answer that still holds."""

    value: Any
    learnt: Learnt | None = None
    """How it is written into the book of this folder; None where it stands there."""


class Miss(Record):
    """A question that had to be answered anew, and why."""

    question: str
    reason: str


class Memory:
    """Answers of earlier runs in a workspace, for runs with the same options."""

    def __init__(
        self, workspace: SealedWorkspace, folder: str, options: dict[str, str], *, store: ObjectStore | None = None
    ) -> None:
        self.workspace = workspace
        self.folder = CacheFolder(folder)
        self.hits = 0
        self.hits_elsewhere: list[str] = []
        """Questions that were answered from the object store."""
        self.misses: list[Miss] = []
        self.shared: SharedCache | None = None
        """None as long as nobody needs it."""
        self._store = store
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
        self._elsewhere: Recall | None = None
        self._finder = SourceFinder(workspace)
        self._read: dict[bytes, Any] = {}
        self._learnt: list[Learnt] = []
        self._fetched: list[Learnt] = []
        self._used: dict[str, Files] = {}
        self._asked: set[str] = set()

    def answers(self, question: str) -> Iterator[Remembered]:
        """What is remembered as the answer to a question and still holds: here first, the youngest first."""
        for trace in self._recall.answers(question):
            yield from (Remembered(value=value) for value in self._value(bytes(trace.answer)))
        recall = self._recall_elsewhere()
        for trace in recall.answers(question) if recall is not None else ():
            learnt = recall.learnt(question, trace) if recall is not None else None
            yield from (Remembered(value=value, learnt=learnt) for value in self._value(bytes(trace.answer)))

    def hit(self, question: str, found: Remembered) -> None:
        """Count an answer that was used."""
        self._asked.add(question)
        if found.learnt is None:
            self.hits += 1
        else:
            self.hits_elsewhere.append(question)
            self._fetched.append(found.learnt)

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

    def file_sets(self, wanted: Iterable[FileSet]) -> dict[str, SetFiles]:
        """Built files that somebody shares, by the digest of their set."""
        return self.shared.file_sets(wanted) if self.shared is not None else {}

    def finish(self, built: Callable[[], Iterable[tuple[FileSet, SetFiles]]] = tuple) -> None:
        """Write down what was learnt, unless something changed while the run was on. What was `built` anew is left for
        others where the cache is shared."""
        if not self._learnt and not self._fetched:
            if self._book is not None:
                self.folder.touch(self._name)
            return
        if self.workspace.sight.drifted or compiler_stamp() != self._stamp:
            return
        if not self.folder.trouble:
            self._write()
        if self.shared is not None and is_settled(self._stamp[1]):
            self.shared.leave(continued([], self._learnt, {}, self.shared.options), built())

    def _write(self) -> None:
        books, learnt = [self._recall.book], [*self._learnt, *self._fetched]
        if self.folder.stamp(self._name) != self._read_at:  # somebody else has learnt something meanwhile
            theirs = self.folder.read(self._name)
            books += [theirs] if theirs is not None and theirs.options == self._options else []
        book = continued(books, learnt, self.workspace.sight.mentions, self._options)
        if len(book.traces) > 2 * len(self._asked) + 1000:  # of files that went long ago
            only = frozenset(self._asked)
            book = continued(books, learnt, self.workspace.sight.mentions, self._options, only=only)
        self.folder.write(self._name, book, older_than_ns=self._stamp[1])

    def _value(self, plain: bytes) -> tuple[Any, ...]:
        """What was written down; nothing where it cannot be had again."""
        if plain not in self._read:  # of most files nothing is to be said, which need not be read anew
            try:
                self._read[plain] = from_plain(plain, self._finder.find)
            except NotKept:
                return ()
        return (self._read[plain],)

    def _recall_elsewhere(self) -> Recall | None:
        """What others have learnt: asked for once, when the folder does not know an answer."""
        if self._store is None:
            return None
        if self._elsewhere is None:
            from rsppc.caching.shared import SharedCache  # only where something is shared

            options = self._shared_options()
            self.shared = SharedCache(self._store, options)
            self._elsewhere = Recall(continued(self.shared.books(), [], {}, options), self.workspace.now)
        return self._elsewhere

    def _shared_options(self) -> dict[str, str]:
        """The options of runs whose answers are ours: on another machine the same compiler has another stamp."""
        stamp, _, digest = self.folder.note(_COMPILER_NOTE).partition(" ")
        if stamp != self._stamp[0] or not digest:
            digest = compiler_digest()
            self.folder.leave_note(_COMPILER_NOTE, f"{self._stamp[0]} {digest}")
        return {**self._options, "compiler": digest}

    def _reason(self, question: str) -> str:
        if question in self._recall.book.traces:
            return self._recall.reason(question)
        if self._elsewhere is not None and question in self._elsewhere.book.traces:
            return self._elsewhere.reason(question)
        if self.folder.trouble:
            return f"the cache {self.folder.trouble}"
        if self.folder.damaged:
            return "cache entry damaged"
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
