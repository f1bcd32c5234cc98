"""Instants, written and read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qonto_sync.aws.ledger_items import row_from_item, row_to_item
from qonto_sync.domain.ids import ConnectionName, InvoiceId
from qonto_sync.domain.invoice import Revision
from qonto_sync.domain.ledger import LedgerRow
from qonto_sync.domain.times import from_text, to_precise_text, to_text

instants = st.datetimes(timezones=st.just(UTC))


@given(instants)
def test_every_instant_is_read_as_it_was_written(instant: datetime) -> None:
    """From the year 1 to 9999, as the source may send any; and texts sort as time does."""
    assert from_text(to_precise_text(instant)) == instant
    assert from_text(to_text(instant)) == instant.replace(microsecond=0)
    assert len(to_text(instant)) == len("2026-01-31T23:59:59Z")


def test_instants_are_written_in_utc() -> None:
    """Whole seconds, or microseconds; always the same number of digits."""
    instant = datetime(2026, 2, 1, 0, 59, 59, 500, tzinfo=timezone(timedelta(hours=1)))
    assert to_text(instant) == "2026-01-31T23:59:59Z"
    assert to_precise_text(instant) == "2026-01-31T23:59:59.000500Z"
    assert to_precise_text(datetime(1, 1, 1, tzinfo=UTC)) == "0001-01-01T00:00:00.000000Z"


@pytest.mark.parametrize(
    "text", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2026-01-01T00:00:00+99:00", "\ud800", "", 7]
)
def test_what_is_no_instant_is_none(text: object) -> None:
    """Nor is what no calendar of ours has in UTC."""
    assert from_text(text) is None


@given(instants, instants)
def test_a_ledger_row_keeps_any_revision(updated_at: datetime, requested_at: datetime) -> None:
    """A row that cannot be read again would stop every run that lists its invoice."""
    row = LedgerRow(ConnectionName("c"), InvoiceId("a"), version=1, revision=Revision(updated_at, requested_at))
    assert row_from_item(row_to_item(row)) == row
