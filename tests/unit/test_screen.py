"""What the progress bar of a local run counts."""

from __future__ import annotations

import logging
from typing import Any

from local.screen import InvoiceCounter


def test_the_bar_counts_all_parts_of_all_slices() -> None:
    """Also of a part that is planned again, by the next run or by its halves."""
    shown: list[tuple[int, int]] = []
    counter = InvoiceCounter(lambda done, total: shown.append((done, total)))

    def log(event: str, times: int = 1, **facts: Any) -> tuple[int, int]:
        for _ in range(times):
            counter.emit(logging.makeLogRecord({"msg": event, **facts}))
        return shown[-1]

    def plan(start: str, count: int) -> tuple[int, int]:
        facts: dict[str, Any] = {"from": start, "total_count": count}
        return log("slice_planned", **facts)

    assert plan("10:00", 238) == (0, 238)
    assert log("invoice_archived", 100) == (100, 238)
    # The next run.
    assert plan("10:00", 238) == (100, 238)
    assert plan("11:00", 2) == (100, 240)
    assert log("invoice_archived", 138) == (238, 240)
    # Some were archived before.
    assert log("slice_committed") == (240, 240)
    assert plan("11:00", 60) == (240, 300)
    assert plan("11:00", 20) == (240, 260)
    assert plan("11:30", 40) == (240, 300)
