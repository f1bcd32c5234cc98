"""Simulated time, and processes that take turns in it."""

from __future__ import annotations

import heapq
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any, cast

from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


class Crashed(BaseException):
    """The process has crashed. No error of the product's: nothing in it may catch this and go on."""


class Scheduler:
    """A clock (see `ports.Clock`) that jumps from event to event; among equals, first come first served."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._now = start
        self._events: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = count()
        self._running: Process | None = None
        self._alive: dict[Process, None] = {}

    def now(self) -> datetime:
        """The simulated time."""
        return self._now

    def monotonic(self) -> float:
        """Seconds since the run began."""
        return (self._now - self._start).total_seconds()

    def sleep(self, seconds: float) -> None:
        """Lets the others go on meanwhile."""
        self.current.pause(seconds)

    @property
    def current(self) -> Process:
        """The process whose turn it is."""
        if self._running is None:
            raise LookupError("no process is running")
        return self._running

    def at(self, when: datetime, event: Callable[[], None]) -> None:
        """Has something happen at this time, or now if that is past."""
        heapq.heappush(self._events, (max(when, self._now), next(self._order), event))

    def after(self, seconds: float, event: Callable[[], None]) -> None:
        """Has something happen in so many seconds."""
        self.at(self._now + timedelta(seconds=seconds), event)

    def run(self, until: datetime, *, stop: Callable[[], bool]) -> None:
        """Goes on to this moment, or until told to stop."""
        while self._events and self._events[0][0] <= until:
            if stop():
                return
            self._now, _, event = heapq.heappop(self._events)
            event()
        self._now = max(self._now, until)

    @property
    def idle(self) -> bool:
        """Whether no process is alive."""
        return not self._alive

    def close(self) -> None:
        """Ends every process, so that none is left waiting for a turn that never comes."""
        for process in tuple(self._alive):
            process.kill()
            self.turn(process)

    def spawn(self, name: str, seconds: float, body: Callable[[Process], None]) -> None:
        """Starts a process that is killed after so many seconds, as a Lambda is at its timeout."""
        process = Process(name, self, body)
        self._alive[process] = None
        self.after(seconds, process.kill)
        self.turn(process)

    def turn(self, process: Process) -> None:
        """Lets a process run until it waits or ends."""
        if process not in self._alive:
            return
        self._running = process
        try:
            if process.resume():
                del self._alive[process]
        finally:
            self._running = None


class Process:
    """Code that runs as if it were alone. It waits in `pause`, and dies there too."""

    def __init__(self, name: str, scheduler: Scheduler, body: Callable[[Process], None]) -> None:
        self.name = name
        self.started = scheduler.now()
        self._scheduler = scheduler
        self._body = body
        self._dead = False
        self._greenlet = greenlet(self._run)

    def pause(self, seconds: float) -> None:
        """Waits. Raises `Crashed` if the process died before or meanwhile."""
        self.check_alive()
        self._scheduler.after(seconds, lambda: self._scheduler.turn(self))
        cast("Any", getcurrent()).parent.switch()
        self.check_alive()

    def crash(self) -> None:
        """Dies now, and for good: whatever `finally` blocks still try, nothing reaches the world."""
        self.kill()
        self.check_alive()

    def kill(self) -> None:
        """Lets the process die as soon as it is its turn."""
        self._dead = True

    def check_alive(self) -> None:
        """Raises `Crashed` in a process that died."""
        if self._dead:
            raise Crashed

    def resume(self) -> bool:
        """Goes on where it waits, and tells whether it came to its end."""
        self._greenlet.switch()
        return bool(self._greenlet.dead)

    def _run(self) -> None:
        try:
            self._body(self)
        except Crashed:
            return
