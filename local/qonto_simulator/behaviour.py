"""Settings for what the documentation leaves open, or what live responses do otherwise."""

from dataclasses import dataclass
from typing import Literal

type Bounds = Literal["inclusive", "exclusive"]
type PastEnd = Literal["empty", "refused", "uncounted"]
type MetaStyle = Literal["documented", "without_next_page", "next_page_zero", "previous_page"]
type Forms = Literal["equal", "more_listed", "more_alone", "volatile"]
type Ties = Literal["stable", "random", "by_page"]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the list endpoint behaves where its behaviour is unknown.

    `bounds` is for the datetime filters, `past_end` for a page after the last one (an empty list, 422, or an
    empty list with totals of zero), `meta` for the page numbers: as documented, or in one of the ways seen live.

    `ties` is the order of invoices with equal `created_at`: `stable`; `random`, anew for each request for a page; or
    `by_page`, which depends on page number, `per_page` and direction, so that every reading of the same pages misses
    the same invoice. `extra_count` is added to each `total_count`. A list of more than `search_limit` invoices is
    refused on every page with 422 `search_limit_reached`. With `dated_attachments` an attachment has an `updated_at`:
    when its file was made.

    `forms` is how an invoice in the list differs from the same invoice asked for by id: not at all; with one field more
    in the list, or alone (`seen_by`); or with a field of another value in each response (`seen_at`).
    """

    bounds: Bounds = "inclusive"
    past_end: PastEnd = "empty"
    meta: MetaStyle = "documented"
    ties: Ties = "stable"
    extra_count: int = 0
    search_limit: int | None = None
    dated_attachments: bool = False
    forms: Forms = "equal"
