"""How an invoice can change at Qonto."""

from __future__ import annotations

from dataclasses import dataclass

_NEVER = float("inf")
_LATEST_COMMIT = 640
"""Seconds after `updated_at`: less than lag and overlap together."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of an invoice and its consequences. All times are in seconds."""

    name: str
    visible_after: float = 0
    """When the transaction commits, counted from its `updated_at`."""
    render_after: float | None = None
    """When its PDF is generated, or generated again, counted from `updated_at`; None: not because of this change."""
    render_after_commit: float | None = None
    """The same, counted from the commit."""
    touches: bool = False
    """Whether generating the PDF gives the invoice a new `updated_at`."""
    name_after: float | None = None
    """When the invoice gets the id of its PDF; None: at once."""
    status: str | None = None
    new_attachment: bool = False
    webhook: bool = False
    """Whether Qonto sends a webhook."""
    commits_early: bool = False
    """Whether a `USER` decision may commit it before `visible_after`."""
    is_invisible: bool = False
    """Whether the document stays the same, except for its `updated_at` if it has one."""
    reverts: bool = False
    """Whether the document becomes what it was before the last edit."""


EDITS = (
    Change("edits"),
    Change("edits (PDF regenerated 10 s later)", render_after=10),
    Change("edits (PDF regenerated 110 s later)", render_after=110),
    Change("edits (PDF regenerated 10 s later, with a new updated_at)", render_after=10, touches=True),
    Change("edits (committed 30 s late)", visible_after=30),
    Change("edits (committed 58 s late)", visible_after=58),
    Change("edits (committed 5 min late)", visible_after=300),
    Change("edits (committed 640 s late)", visible_after=_LATEST_COMMIT),
    Change("edits (committed at some time)", visible_after=_LATEST_COMMIT, commits_early=True),
    Change("edits (committed 5 min late, PDF regenerated 10 s later)", visible_after=300, render_after_commit=10),
    Change("edits (committed 640 s late, PDF regenerated 110 s later)", _LATEST_COMMIT, render_after_commit=110),
    Change("replaces the PDF of", new_attachment=True, render_after=0),
    Change("edits (with a webhook)", webhook=True),
    Change("regenerates the PDF (10 s later) of", is_invisible=True, render_after=10),
    Change("regenerates the PDF (110 s later) of", is_invisible=True, render_after=110),
    Change("reverts the last edit of", reverts=True),
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
        touches=True,
    ),
    Change("creates (PDF named 2 h later)", status="unpaid", render_after=7_200, name_after=7_200),
    Change("creates (PDF generated 30 s after it was named)", status="unpaid", render_after=30),
    Change("creates (no PDF ever)", status="unpaid", name_after=_NEVER),
    Change("creates a draft", status="draft", name_after=_NEVER),
    Change("creates a draft with a PDF", status="draft", render_after=0),
)
DEAD_FILE = Change("creates (a PDF that is never generated)", status="unpaid")
FINALIZE = Change("finalizes (PDF regenerated 10 s later)", status="unpaid", render_after=10)
FINALIZE_LATE = Change("finalizes (PDF named 20 s later)", status="unpaid", render_after=20, name_after=20)
DRAFT_ACTIONS = 3
"""Deleting a draft, and the two ways of finalizing it."""

EDIT = EDITS[0]
EARLY_COMMIT = "early commit"
"""The place of decisions to commit a change that was made before."""


def edit_option(change: Change, target: int) -> int:
    """The option of a `USER` decision that makes this edit to the n-th invoice among those that can change."""
    return 1 + len(CREATIONS) + (len(EDITS) + DRAFT_ACTIONS) * target + EDITS.index(change)
