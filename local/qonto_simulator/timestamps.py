"""Times in the API's form: UTC with milliseconds, in one of two notations."""

from datetime import UTC, datetime, timedelta, timezone

_PARIS_SUMMER = timezone(timedelta(hours=2))


def whole_milliseconds(moment: datetime) -> datetime:
    """Return the time in UTC, cut to milliseconds."""
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def zulu(moment: datetime) -> str:
    """Return `2026-03-04T15:58:30.123Z`, what most invoices carry."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def with_offset(moment: datetime) -> str:
    """Return `2026-03-04T17:58:30.123+02:00`, as in the documentation's examples."""
    return moment.astimezone(_PARIS_SUMMER).isoformat(timespec="milliseconds")
