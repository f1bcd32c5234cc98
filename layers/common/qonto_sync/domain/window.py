"""Windows: spans of `updated_at`, and how they are cut into smaller ones. Pure; `reading` says how one is read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from qonto_sync.domain.times import ONE_SECOND, whole_seconds

if TYPE_CHECKING:
    from datetime import timedelta

    from qonto_sync.domain.checkpoint import Checkpoint

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""Before Qonto's first invoice. A cut by `created_at` begins here if the window has no lower bound for it."""

LATEST = datetime(9000, 1, 1, tzinfo=UTC)
"""After Qonto's last invoice."""

type Bounds = tuple[datetime | None, datetime | None]


@dataclass(frozen=True, slots=True)
class Window:
    """`[start, end]` on `updated_at`, and perhaps a part of it on `created_at`, all in whole seconds."""

    start: datetime
    end: datetime
    created_from: datetime | None = None
    """None: however old."""
    created_to: datetime | None = None
    """None: however young."""

    @staticmethod
    def of_creation(start: datetime, end: datetime) -> Window:
        """The invoices created in this time, whenever they were updated.

        No edit removes an invoice from it, and after its end none enters: only the deletion of a draft changes it.
        """
        return Window(EARLIEST, LATEST, start, end)

    @property
    def is_empty(self) -> bool:
        """Whether it contains no time, so that there is nothing to read."""
        return self.end <= self.start

    @property
    def is_one_second(self) -> bool:
        """Whether it can only be cut by `created_at`."""
        return self.end - self.start <= ONE_SECOND

    @property
    def filter_bounds(self) -> Bounds:
        """The bounds on `updated_at` to filter by, so that the list contains every invoice of this window.

        Whether Qonto includes its bounds, and how precisely it compares, is unknown. One second more on either side
        covers every case. A window of all time has no bounds.
        """
        if self.start <= EARLIEST and self.end >= LATEST:
            return None, None
        return self.start - ONE_SECOND, self.end + ONE_SECOND

    @property
    def created_filter_bounds(self) -> Bounds:
        """Likewise on `created_at`; None where the window has no bound."""
        earliest = self.created_from - ONE_SECOND if self.created_from else None
        latest = self.created_to + ONE_SECOND if self.created_to else None
        return earliest, latest

    @property
    def time(self) -> Window:
        """The whole window on `updated_at`, of which this one is perhaps a part."""
        return replace(self, created_from=None, created_to=None)

    def halves(self) -> tuple[Window, Window] | None:
        """The older and the newer half, meeting in one instant; None when the window cannot be cut.

        A window of one second is cut by `created_at`, and one that is a second long on both cannot be cut.
        """
        middle = whole_seconds(self.start + (self.end - self.start) / 2)
        return self.cut_at(middle) or self.halves_by_creation()

    def cut_at(self, instant: datetime) -> tuple[Window, Window] | None:
        """The parts before and after the instant of `updated_at`; None when it is not inside the window."""
        if not self.start < instant < self.end:
            return None
        return replace(self, end=instant), replace(self, start=instant)

    def halves_by_creation(self) -> tuple[Window, Window] | None:
        """The invoices created in the earlier and in the later half; None when the window cannot be cut so."""
        earliest = self.created_from or min(EARLIEST, self.start)
        # No invoice is created after it was updated; the outer parts have no bound, in case that this is wrong.
        latest = self.created_to or max(self.end, earliest)
        middle = whole_seconds(earliest + (latest - earliest) / 2)
        if not earliest < middle < latest:
            return None
        return self.cut_at_creation(middle)

    def cut_at_creation(self, instant: datetime) -> tuple[Window, Window] | None:
        """The parts created before and after the instant, which is in whole seconds; None when it is not inside."""
        if (self.created_from and instant <= self.created_from) or (self.created_to and instant >= self.created_to):
            return None
        return replace(self, created_to=instant), replace(self, created_from=instant)


BEFORE_ALL: Final = Window(EARLIEST, EARLIEST + ONE_SECOND)
"""A window whose list is short and has nothing that could fail: it tells whether Qonto answers at all."""


def joined(first: Window, second: Window) -> Window | None:
    """The window that consists of just these two; None if they do not adjoin."""
    if first.time == second.time and first.created_to is not None and first.created_to == second.created_from:
        return replace(first, created_to=second.created_to)
    same_creation = (first.created_from, first.created_to) == (second.created_from, second.created_to)
    return replace(first, end=second.end) if same_creation and first.end == second.start else None


def window_to_cover(
    checkpoint: Checkpoint | None,
    initial: datetime,
    now: datetime,
    *,
    overlap: timedelta,
    lag: timedelta,
) -> Window:
    """The window that a run reads which starts now. It never ends before the checkpoint, whatever the clock says.

    The overlap reads again what Qonto may have committed late; the lag keeps the window closed.
    """
    end = whole_seconds(now - lag)
    if checkpoint is None:
        return Window(whole_seconds(initial), end)
    # A person who sets `synced_until` back wants that time to be read again.
    start = min(checkpoint.resume_from or checkpoint.synced_until - overlap, checkpoint.synced_until)
    return Window(start, max(end, checkpoint.synced_until))
