"""Many calls at once, a bounded number of them waiting, their results taken by one thread."""

from __future__ import annotations

from contextlib import AbstractContextManager
from queue import SimpleQueue
from typing import TYPE_CHECKING, override

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor, Future
    from types import TracebackType


class Tasks[T](AbstractContextManager["Tasks[T]"]):
    """Runs calls on an executor; `take` gets each result, in the thread that submits.

    At most `limit` calls are submitted and not taken, so that memory is bounded. The first error that a call
    raises is raised here; then, as on any other error in the block, calls that have not started are cancelled
    and the ones that run are let end.
    """

    def __init__(self, executor: Executor, limit: int, take: Callable[[T], None]) -> None:
        self._executor = executor
        self._limit = limit
        self._take = take
        self._open: set[Future[T]] = set()
        self._done: SimpleQueue[Future[T]] = SimpleQueue()

    def submit(self, call: Callable[[], T]) -> None:
        """Starts a call, after waiting for a place if there is none."""
        while len(self._open) >= self._limit:
            self._take(self._next_done().result())
        future = self._executor.submit(call)
        self._open.add(future)
        future.add_done_callback(self._done.put)

    def drain(self) -> None:
        """Waits until nothing is open: neither what was submitted nor what `take` has submitted meanwhile."""
        while self._open:
            self._take(self._next_done().result())

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
                    self._take(future.result())

    def _next_done(self) -> Future[T]:
        future = self._done.get()
        self._open.discard(future)
        return future
