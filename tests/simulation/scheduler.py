"""Simulated time, and processes that take turns."""

from __future__ import annotations

import heapq
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any, cast, override

from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]

from qonto_sync.ports import Clock

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


class Crashed(BaseException):
    """Raised in a process that crashed. Not an `Exception`, so the product cannot catch it and go on."""


class Scheduler(Clock):
    """A clock (see `ports.Clock`) that jumps from event to event. Simultaneous events run in scheduling order."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._now = start
        self._events: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = count()
        self._running: Process | None = None
        self._alive: dict[Process, None] = {}

    @override
    def now(self) -> datetime:
        """The simulated time."""
        return self._now

    @override
    def monotonic(self) -> float:
        """Seconds since the run began."""
        return (self._now - self._start).total_seconds()

    @override
    def sleep(self, seconds: float) -> None:
        """Lets the other processes run meanwhile."""
        self.current.pause(seconds)

    @property
    def current(self) -> Process:
        """The process that is running."""
        if self._running is None:
            raise LookupError("no process is running")
        return self._running

    def at(self, when: datetime, event: Callable[[], None]) -> None:
        """Schedules an event for this time, or for now if that is past."""
        heapq.heappush(self._events, (max(when, self._now), next(self._order), event))

    def after(self, seconds: float, event: Callable[[], None]) -> None:
        """Schedules an event in so many seconds."""
        self.at(self._now + timedelta(seconds=seconds), event)

    def run(self, until: datetime, *, stop: Callable[[], bool]) -> None:
        """Runs the events until this time, or until `stop` is true."""
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
        """Ends every process, so that no greenlet is left waiting."""
        for process in tuple(self._alive):
            process.kill()
            self.turn(process)

    def spawn(self, name: str, seconds: float, body: Callable[[Process], None]) -> None:
        """Starts a process that is killed after so many seconds, as Lambda does at the timeout."""
        process = Process(name, self, body)
        self._alive[process] = None
        self.after(seconds, process.kill)
        self.turn(process)

    def turn(self, process: Process) -> None:
        """Runs a process until it waits or ends."""
        if process not in self._alive:
            return
        self._running = process
        try:
            if process.resume():
                del self._alive[process]
        finally:
            self._running = None


class Process:
    """Code that runs until it calls `pause`. A process that was killed is ended there."""

    def __init__(self, name: str, scheduler: Scheduler, body: Callable[[Process], None]) -> None:
        self.name = name
        self.started = scheduler.now()
        self._scheduler = scheduler
        self._body = body
        self._killed = False
        self._greenlet = greenlet(self._run)

    def pause(self, seconds: float) -> None:
        """Waits. Raises `Crashed` if the process was killed before or meanwhile."""
        self.check_alive()
        self._scheduler.after(seconds, lambda: self._scheduler.turn(self))
        cast("Any", getcurrent()).parent.switch()
        self.check_alive()

    def crash(self) -> None:
        """Ends the process now. Its `finally` blocks run, but their calls raise `Crashed`, too."""
        self.kill()
        self.check_alive()

    def kill(self) -> None:
        """Ends the process at its next turn."""
        self._killed = True

    def check_alive(self) -> None:
        """Raises `Crashed` if the process was killed."""
        if self._killed:
            raise Crashed

    def resume(self) -> bool:
        """Continues where the process waits; returns whether it has ended."""
        self._greenlet.switch()
        return bool(self._greenlet.dead)

    def _run(self) -> None:
        try:
            self._body(self)
        except Crashed:
            return
