"""The one thread that compiles, so that the other one always answers the editor.

Jobs run in the order in which they come. While none waits, the worker does what there is to do anyway, a small piece at
a time. The thread ends with the process, whatever it is doing.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from rsppc.base.record import Record
from rsppc.ide.project import Stopped


class Ticket(Record):
    """A job, and what will become of it."""

    job: Callable[[], Any]
    future: Future[Any]
    stopped: threading.Event

    def stop(self) -> None:
        """Nobody waits for it any more."""
        self.stopped.set()
        self.future.cancel()


class Worker:
    """A thread with jobs. `spare` does a piece of other work, and says whether there is more of it; `answers` are
    exceptions that are answers, and no bugs to be reported."""

    def __init__(
        self,
        spare: Callable[[], bool],
        report: Callable[[BaseException], None],
        answers: tuple[type[Exception], ...] = (),
    ) -> None:
        self._answers: tuple[type[Exception], ...] = (Stopped, *answers)
        self._spare = spare
        self._report = report
        self._jobs: deque[Ticket] = deque()
        self._come = threading.Condition()
        self._current: Ticket | None = None
        self._thread = threading.Thread(target=self._run, name="rsppc-worker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def submit(self, job: Callable[[], Any]) -> Ticket:
        ticket = Ticket(job=job, future=Future(), stopped=threading.Event())
        with self._come:
            self._jobs.append(ticket)
            self._come.notify()
        return ticket

    def checkpoint(self) -> None:
        """Raises `Stopped` in a job that nobody waits for any more."""
        if self._current is not None and self._current.stopped.is_set():
            raise Stopped

    def _run(self) -> None:
        has_more = True
        while True:
            with self._come:
                while not self._jobs and not has_more:
                    self._come.wait()
                ticket = self._jobs.popleft() if self._jobs else None
            if ticket is not None:
                self._do(ticket)
                has_more = True
                continue
            try:
                has_more = self._spare()
            except Exception as error:  # a bug of ours: the next piece of work may still be done
                self._report(error)

    def _do(self, ticket: Ticket) -> None:
        if not ticket.future.set_running_or_notify_cancel():
            return
        self._current = ticket
        try:
            ticket.future.set_result(ticket.job())
        except self._answers as answer:
            ticket.future.set_exception(answer)
        except Exception as error:
            self._report(error)
            ticket.future.set_exception(error)
        finally:
            self._current = None
