"""The order of invoices with the same sort key, which the list endpoint does not promise."""

from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter
from random import Random

from local.qonto_simulator.behaviour import Ties
from local.qonto_simulator.invoices import Invoice


class TieOrder:
    """Orders invoices with equal `created_at` for one page at a time. Has no lock."""

    def __init__(self, seed: int) -> None:
        self._rng = Random(f"{seed}:ties")

    def page(self, invoices: Sequence[Invoice], page: int, per_page: int, ties: Ties) -> Sequence[Invoice]:
        """Return the rows of one page of the sorted invoices."""
        if ties != "stable":
            invoices = self._arranged(invoices, page, per_page, ties)
        start = (page - 1) * per_page
        return invoices[start : start + per_page]

    def _arranged(self, invoices: Sequence[Invoice], page: int, per_page: int, ties: Ties) -> list[Invoice]:
        arranged: list[Invoice] = []
        for _, group in groupby(invoices, attrgetter("created_at")):
            tied = list(group)
            first_page = len(arranged) // per_page + 1
            if ties == "random":
                self._rng.shuffle(tied)
            elif page > first_page:
                # PostgreSQL's LIMIT and OFFSET over 450 equal keys gave 449 rows: one twice, and one not at all. So
                # here: the first row comes again at the end, and the first row of the second page is never listed.
                tied = [*tied[1:], tied[0]]
            arranged += tied
        return arranged
