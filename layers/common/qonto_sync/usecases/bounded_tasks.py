"""Runs many calls on an executor, a bounded number at a time; one thread receives their results."""

from __future__ import annotations

from contextlib import AbstractContextManager
from queue import SimpleQueue
from typing import TYPE_CHECKING, override

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor, Future
    from types import TracebackType


class BoundedTasks[T](AbstractContextManager["BoundedTasks[T]"]):
    """Runs calls on an executor; `collect` receives each result, in the thread that submits.

    At most `limit` calls are submitted and not collected, so that memory is bounded. The first error that a call raises
    is raised here. Then, as after any other error in the block, calls that have not started are cancelled, and those
    that run are finished.
    """

    def __init__(self, executor: Executor, limit: int, collect: Callable[[T], None]) -> None:
        self._executor = executor
        self._limit = limit
        self._collect = collect
        self._open: set[Future[T]] = set()
        self._done: SimpleQueue[Future[T]] = SimpleQueue()

    def submit(self, call: Callable[[], T]) -> None:
        """Starts a call; waits first while `limit` calls are open."""
        while len(self._open) >= self._limit:
            self._collect(self._next_done().result())
        future = self._executor.submit(call)
        self._open.add(future)
        future.add_done_callback(self._done.put)

    def drain(self) -> None:
        """Waits until no call is open, including those that `collect` submits meanwhile."""
        while self._open:
            self._collect(self._next_done().result())

    @override
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if exc is None:
                self.drain()
        finally:
            for future in tuple(self._open):
                future.cancel()
            while self._open:
                future = self._next_done()
                if not future.cancelled() and future.exception() is None:
                    self._collect(future.result())

    def _next_done(self) -> Future[T]:
        future = self._done.get()
        self._open.discard(future)
        return future
