"""Strict parsing of query strings: what the documentation does not allow is rejected."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import parse_qsl

from local.qonto_simulator.behaviour import Bounds
from local.qonto_simulator.invoices import Invoice
from local.qonto_simulator.messages import RefusedError
from local.qonto_simulator.store import Predicate

MAX_PER_PAGE = 100
_STATUSES = {"draft", "unpaid", "paid", "canceled"}
_DATETIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MOMENTS: dict[str, Callable[[Invoice], datetime]] = {
    "created_at": lambda invoice: invoice.created_at,
    "updated_at": lambda invoice: invoice.updated_at,
}


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What a list request asks for."""

    predicates: tuple[Predicate, ...]
    descending: bool
    page: int
    per_page: int


def read_parameters(raw: str) -> dict[str, str]:
    """Return the parameters by name; a name given twice is rejected."""
    try:
        pairs = parse_qsl(raw, keep_blank_values=True, strict_parsing=bool(raw), errors="strict")
    except ValueError as error:
        raise RefusedError(400, "bad_request", f"malformed query string: {error}") from error
    parameters = dict(pairs)
    for name in parameters:
        if sum(name == other for other, _ in pairs) > 1:
            raise _unprocessable(name, "is given more than once")
    return parameters


def refuse_parameters(raw: str) -> None:
    """Reject every parameter, for endpoints that take none."""
    for name in read_parameters(raw):
        raise _unprocessable(name, "is not a parameter of this endpoint")


def read_page(raw: str) -> tuple[int, int]:
    """Return page and per_page, for lists that take nothing else."""
    parameters = read_parameters(raw)
    page = _integer(parameters, "page", default=1)
    per_page = _integer(parameters, "per_page", default=MAX_PER_PAGE, maximum=MAX_PER_PAGE)
    for name in parameters:
        raise _unprocessable(name, "is not a parameter of this endpoint")
    return page, per_page


def read_list_query(raw: str, bounds: Bounds) -> ListQuery:
    """Return what `GET /v2/client_invoices` is asked for."""
    parameters = read_parameters(raw)
    page = _integer(parameters, "page", default=1)
    per_page = _integer(parameters, "per_page", default=MAX_PER_PAGE, maximum=MAX_PER_PAGE)
    order = _choice(parameters, "sort_by", "created_at:desc", "created_at:asc")
    hide_imported = _choice(parameters, "exclude_imported", "true", "false") == "true"
    predicates: list[Predicate] = []
    if hide_imported:
        predicates.append(lambda invoice: not invoice.is_imported)
    filters = [name for name in parameters if name.startswith("filter[")]
    predicates.extend(_filter(name, parameters.pop(name), bounds) for name in filters)
    for name in parameters:
        raise _unprocessable(name, "is not a parameter of this endpoint")
    return ListQuery(tuple(predicates), order == "created_at:desc", page, per_page)


def _filter(name: str, value: str, bounds: Bounds) -> Predicate:
    match re.findall(r"^filter\[(\w+?)(?:_(from|to))?\]$", name):
        case [("status", "")]:
            # Seen live: an unknown status is no error, but matches nothing.
            wanted = _STATUSES.intersection(value.split(","))
            return lambda invoice: invoice.status in wanted
        case [("created_at" | "updated_at" as field, "from" | "to" as end)]:
            return _moment_filter(_MOMENTS[field], end, _moment(name, value), bounds)
        case [("due_date", end)]:
            return _day_filter(end, _day(name, value))
        case _:
            raise _unprocessable(name, "is not a filter of this endpoint")


def _moment_filter(read: Callable[[Invoice], datetime], end: str, bound: datetime, bounds: Bounds) -> Predicate:
    match (end, bounds):
        case ("from", "inclusive"):
            return lambda invoice: read(invoice) >= bound
        case ("from", _):
            return lambda invoice: read(invoice) > bound
        case (_, "inclusive"):
            return lambda invoice: read(invoice) <= bound
        case _:
            return lambda invoice: read(invoice) < bound


def _day_filter(end: str, day: str) -> Predicate:
    # Days sort as text.
    match end:
        case "from":
            return lambda invoice: invoice.due_date is not None and invoice.due_date >= day
        case "to":
            return lambda invoice: invoice.due_date is not None and invoice.due_date <= day
        case _:
            return lambda invoice: invoice.due_date == day


def _moment(name: str, value: str) -> datetime:
    if _DATETIME.fullmatch(value):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            pass
    raise _unprocessable(name, "is not an ISO 8601 datetime", "invalid_format")


def _day(name: str, value: str) -> str:
    if _DAY.fullmatch(value):
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError:
            pass
    raise _unprocessable(name, "is not a date (YYYY-MM-DD)", "invalid_format")


def _integer(parameters: dict[str, str], name: str, *, default: int, maximum: int | None = None) -> int:
    text = parameters.pop(name, str(default))
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise _unprocessable(name, "is not a positive integer", "invalid_format")
    value = int(text)
    if value < 1 or (maximum is not None and value > maximum):
        raise _unprocessable(name, f"must be at least 1 and at most {maximum or 'the last page'}")
    return value


def _choice(parameters: dict[str, str], name: str, *allowed: str) -> str:
    value = parameters.pop(name, allowed[0])
    if value not in allowed:
        raise _unprocessable(name, f"must be one of {', '.join(allowed)}")
    return value


def _unprocessable(parameter: str, problem: str, code: str = "invalid_parameter") -> RefusedError:
    return RefusedError(422, code, f"{parameter} {problem}", parameter)
