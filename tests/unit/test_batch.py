"""Work on several processors gives what it gives on one."""

from __future__ import annotations

import os
import signal

import pytest
from rsppc.batch import WorkerLost, each


@pytest.mark.parametrize("jobs", [1, 2, 3, 50])
def test_results_come_in_the_order_of_the_items(jobs: int) -> None:
    assert list(each(range(20), lambda item: item * item, jobs=jobs)) == [item * item for item in range(20)]


def test_nothing_and_one_item_need_no_worker() -> None:
    assert list(each([], lambda _: os.getpid(), jobs=4)) == []
    assert list(each([1], lambda _: os.getpid(), jobs=4)) == [os.getpid()]


def test_more_than_a_pipe_holds_is_handed_back() -> None:
    assert [len(one) for one in each(range(4), lambda _: b"x" * 2**20, jobs=2)] == [2**20] * 4


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_exception_comes_out_as_it_is(jobs: int) -> None:
    def work(item: int) -> int:
        if item == 3:
            raise ValueError("three")
        return item

    results = each(range(6), work, jobs=jobs)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)


def test_a_killed_worker_is_noticed() -> None:
    def work(item: int) -> int:
        if item == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return item

    with pytest.raises(WorkerLost):
        list(each(range(4), work, jobs=2))


def test_whoever_stops_asking_stops_the_workers() -> None:
    results = each(range(1000), lambda item: item, jobs=2)
    next(results)
    results.close()  # type: ignore[attr-defined]
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
