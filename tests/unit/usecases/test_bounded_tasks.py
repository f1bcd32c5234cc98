"""Many calls at once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat

import pytest

from qonto_sync.usecases.bounded_tasks import BoundedTasks


def test_takes_every_result() -> None:
    """In any order."""
    taken: list[int] = []
    with ThreadPoolExecutor(4) as executor, BoundedTasks[int](executor, 3, taken.append) as tasks:
        for number in range(50):
            tasks.submit(lambda number=number: number)  # type: ignore[misc]
    assert sorted(taken) == list(range(50))


def test_never_more_than_the_limit_are_open() -> None:
    """Memory is bounded by the limit, however slow the calls are."""
    started: list[None] = []
    go_on = threading.Event()
    with ThreadPoolExecutor(8) as executor:

        def call() -> None:
            started.append(None)
            go_on.wait(5)

        def submit() -> None:
            with BoundedTasks[None](executor, 2, lambda _: None) as tasks:
                for _ in range(5):
                    tasks.submit(call)

        submitter = threading.Thread(target=submit)
        submitter.start()
        submitter.join(0.2)
        assert submitter.is_alive()
        assert len(started) == 2
        go_on.set()
        submitter.join(5)
    assert len(started) == 5


def test_the_first_error_stops_the_rest() -> None:
    """It is raised to the submitter; what has not started is cancelled, what has ended is taken."""
    calls: list[int] = []
    taken: list[None] = []

    def call(number: int) -> None:
        calls.append(number)
        if number == 3:
            raise ZeroDivisionError

    with (
        pytest.raises(ZeroDivisionError),
        ThreadPoolExecutor(1) as executor,
        BoundedTasks[None](executor, 4, taken.append) as tasks,
    ):
        for number in range(100):
            tasks.submit(lambda number=number: call(number))  # type: ignore[misc]
    assert len(calls) < 20
    assert len(taken) == len(calls) - 1


def test_what_has_not_started_is_cancelled() -> None:
    """An error does not wait for a long queue."""
    calls: list[int] = []
    queued = threading.Event()

    def call(number: int) -> None:
        calls.append(number)
        queued.wait(5)
        if number == 0:
            raise ZeroDivisionError
        time.sleep(0.05)

    with (
        pytest.raises(ZeroDivisionError),
        ThreadPoolExecutor(1) as executor,
        BoundedTasks[None](executor, 100, lambda _: None) as tasks,
    ):
        for number in range(50):
            tasks.submit(lambda number=number: call(number))  # type: ignore[misc]
        queued.set()
    assert len(calls) < 50


def test_an_error_of_the_submitter_keeps_what_is_done() -> None:
    """A deadline between two calls loses no result of those that ran."""
    taken: list[int] = []
    with (
        pytest.raises(TimeoutError),
        ThreadPoolExecutor(2) as executor,
        BoundedTasks[int](executor, 9, taken.append) as tasks,
    ):
        for number in repeat(7, 3):
            tasks.submit(lambda number=number: number)  # type: ignore[misc]
        executor.submit(lambda: None).result()
        raise TimeoutError
    assert set(taken) <= {7}
