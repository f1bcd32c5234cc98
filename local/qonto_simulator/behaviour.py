"""Settings for what the documentation leaves open, or what live responses do otherwise."""

from dataclasses import dataclass
from typing import Literal

type Bounds = Literal["inclusive", "exclusive"]
type PastEnd = Literal["empty", "refused"]
type MetaStyle = Literal["documented", "without_next_page", "next_page_zero", "previous_page"]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the list endpoint behaves where its behaviour is unknown.

    `bounds` is for the datetime filters, `past_end` for a page after the last one (an empty list, or 422),
    `meta` for the page numbers: as documented, or in one of the ways seen live.
    """

    bounds: Bounds = "inclusive"
    past_end: PastEnd = "empty"
    meta: MetaStyle = "documented"
