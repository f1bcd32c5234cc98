"""What can happen to an invoice at the source."""

from __future__ import annotations

from dataclasses import dataclass

_NEVER = float("inf")
_LATEST = 640
"""Seconds after its `updated_at` that a change is committed: less than lag and overlap together."""


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to an invoice, and what follows from it. All times in seconds."""

    name: str
    visible_after: float = 0
    """The transaction commits so long after its `updated_at`."""
    render_after: float | None = None
    """Its PDF is made (anew) so long after."""
    touch: bool = False
    """Making the PDF gives the invoice a new `updated_at`."""
    name_after: float | None = None
    """The invoice names its PDF so long after; None: at once."""
    status: str | None = None
    new_attachment: bool = False
    webhook: bool = False
    """Qonto tells of it."""
    held: bool = False
    """Someone may commit it sooner."""
    unseen: bool = False
    """Nothing in the document tells it, except an `updated_at` if there is one."""
    takes_back: bool = False
    """The document becomes what it was before the last edit."""


EDITS = (
    Change("edits"),
    Change("edits (PDF made anew 10 s later)", render_after=10),
    Change("edits (PDF made anew 110 s later)", render_after=110),
    Change("edits (PDF made anew 10 s later, with a new updated_at)", render_after=10, touch=True),
    Change("edits (committed 30 s late)", visible_after=30),
    Change("edits (committed 58 s late)", visible_after=58),
    Change("edits (committed 5 min late)", visible_after=300),
    Change("edits (committed 640 s late)", visible_after=_LATEST),
    Change("edits (committed at some time)", visible_after=_LATEST, held=True),
    Change("replaces the PDF of", new_attachment=True, render_after=0),
    Change("edits (and its webhook tells)", webhook=True),
    Change("has the PDF made anew (10 s later) of", unseen=True, render_after=10),
    Change("has the PDF made anew (110 s later) of", unseen=True, render_after=110),
    Change("takes back the last edit of", takes_back=True),
)
CREATIONS = (
    Change("creates", status="unpaid", render_after=0),
    Change("creates (committed 50 s late)", status="unpaid", render_after=0, visible_after=50),
    Change("creates (committed 10 min late)", status="unpaid", render_after=0, visible_after=600),
    Change("creates (PDF named 20 s later)", status="unpaid", render_after=20, name_after=20),
    Change(
        "creates (PDF named 20 s later, with a new updated_at)",
        status="unpaid",
        render_after=20,
        name_after=20,
        touch=True,
    ),
    Change("creates (PDF named 2 h later)", status="unpaid", render_after=7_200, name_after=7_200),
    Change("creates (PDF there 30 s after its name)", status="unpaid", render_after=30),
    Change("creates (no PDF ever)", status="unpaid", name_after=_NEVER),
    Change("creates a draft", status="draft", name_after=_NEVER),
    Change("creates a draft with a PDF", status="draft", render_after=0),
)
FINALIZE = Change("finalizes (PDF made anew 10 s later)", status="unpaid", render_after=10)
FINALIZE_LATE = Change("finalizes (PDF named 20 s later)", status="unpaid", render_after=20, name_after=20)
OTHER_ACTS = 3
"""On a draft: to delete it, and the two ways to finalize it."""

EDIT = EDITS[0]
HELD = "what is held"
"""The place of decisions to commit a change now that was made a while ago."""


def course_of(change: Change, target: int) -> int:
    """The course of a `USER` decision that does this to the invoice at this place among those that can change."""
    return 1 + len(CREATIONS) + (len(EDITS) + OTHER_ACTS) * target + EDITS.index(change)
