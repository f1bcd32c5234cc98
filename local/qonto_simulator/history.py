"""What happened in the eighteen months before the world starts."""

from datetime import datetime, timedelta
from random import Random

from local.qonto_simulator import changes
from local.qonto_simulator.composition import awkward_upload, compose, happens
from local.qonto_simulator.invoices import identifier
from local.qonto_simulator.lifecycle import PDF_DELAY, Lifecycle
from local.qonto_simulator.store import Store
from local.qonto_simulator.timeline import Timeline

_PAST = timedelta(days=547)
# History ends here, so that only the two special invoices are recent when the world starts.
_QUIET = timedelta(minutes=10)
_ENOUGH_FOR_SPECIALS = 50
# What became of invoices, in percent.
_OUTCOMES = {"paid": 85, "canceled": 5, "paid in part": 3, "forgotten": 7}


class History:
    """Plans a number of invoices, all of which still exist when the world starts."""

    def __init__(self, seed: int, started_at: datetime, store: Store, timeline: Timeline, lifecycle: Lifecycle) -> None:
        self._seed = seed
        self._started_at = started_at
        self._until = started_at - _QUIET
        self._store = store
        self._timeline = timeline
        self._lifecycle = lifecycle

    def plan(self, invoices: int) -> None:
        """Put the whole past on the timeline."""
        specials = 2 if invoices >= _ENOUGH_FOR_SPECIALS else 0
        rng = Random(f"{self._seed}:history")
        # Squaring makes recent months busier.
        ages = sorted((rng.random() ** 2 for _ in range(invoices - specials)), reverse=True)
        created_at = self._until - _PAST
        for number, age in enumerate(ages):
            # Recurring invoices are made in one go and share their second.
            if number == 0 or not happens(rng, 0.2):
                created_at = self._until - timedelta(hours=1) - (_PAST - timedelta(hours=1)) * age
            self._plan_invoice(number, created_at)
        if specials:
            self._plan_late_pdf()
            self._plan_late_edit()

    def _plan_invoice(self, number: int, created_at: datetime) -> None:
        rng = Random(f"{self._seed}:history:{number}")
        invoice_id = identifier(self._seed, "history", number)
        if happens(rng, 0.08):
            self._plan_import(rng, invoice_id, created_at)
            return
        draft = happens(rng, 0.4)
        body = compose(rng, created_at, draft=draft)
        without_pdf = draft and happens(rng, 0.2)
        offset_notation = happens(rng, 0.06)
        pdf_after = None if without_pdf else PDF_DELAY

        def create(at: datetime) -> None:
            self._lifecycle.create(at, invoice_id, body, pdf_after=pdf_after, offset_notation=offset_notation)

        self._timeline.plan(created_at, create)
        finalized_at = created_at
        if draft:
            if happens(rng, 0.12):
                return
            finalized_at += timedelta(seconds=rng.randrange(120, 4 * 86_400))
            if finalized_at > self._until:
                return
            self._timeline.plan(finalized_at, lambda at: self._lifecycle.finalize(at, invoice_id))
        self._plan_answer(rng, invoice_id, finalized_at)
        self._plan_end(rng, invoice_id, finalized_at)

    def _plan_import(self, rng: Random, invoice_id: str, created_at: datetime) -> None:
        body = compose(rng, created_at, imported=True)
        body["number"] = f"{created_at.year}/{rng.randrange(1, 10_000):04d}"
        upload = awkward_upload(rng)
        self._timeline.plan(created_at, lambda at: self._lifecycle.create(at, invoice_id, body, upload=upload))
        self._plan_end(rng, invoice_id, created_at)

    def _plan_answer(self, rng: Random, invoice_id: str, finalized_at: datetime) -> None:
        answered_at = finalized_at + timedelta(seconds=rng.randrange(600, 2 * 86_400))

        def answer(at: datetime) -> None:
            invoice = self._store.invoices[invoice_id]
            if invoice.body["einvoicing_status"] is not None:
                self._lifecycle.edit(at, invoice_id, changes.einvoicing_answer(rng, invoice, at))

        if answered_at <= self._until and happens(rng, 0.6):
            self._timeline.plan(answered_at, answer)

    def _plan_end(self, rng: Random, invoice_id: str, finalized_at: datetime) -> None:
        ended_at = finalized_at + timedelta(seconds=rng.randrange(2 * 86_400, 50 * 86_400))
        (outcome,) = rng.choices(tuple(_OUTCOMES), tuple(_OUTCOMES.values()))

        def end(at: datetime) -> None:
            invoice = self._store.invoices[invoice_id]
            match outcome:
                case "paid":
                    fields = changes.payment(invoice, at)
                case "canceled":
                    fields = changes.cancellation()
                case "paid in part":
                    fields = changes.partial_payment(invoice)
                case _:
                    return
            self._lifecycle.edit(at, invoice_id, fields)

        if ended_at <= self._until:
            self._timeline.plan(ended_at, end)

    def _plan_late_pdf(self) -> None:
        """An invoice made just before the start, whose PDF comes 40 s after it."""
        rng = Random(f"{self._seed}:late-pdf")
        created_at = self._started_at - timedelta(seconds=90)
        body = compose(rng, created_at)
        invoice_id = identifier(self._seed, "late-pdf")

        def create(at: datetime) -> None:
            self._lifecycle.create(at, invoice_id, body, pdf_after=timedelta(seconds=130))

        self._timeline.plan(created_at, create)

    def _plan_late_edit(self) -> None:
        """An old invoice edited 70 s before the start, its PDF printed again 30 s after the start."""
        rng = Random(f"{self._seed}:late-edit")
        created_at = self._until - timedelta(days=20)
        body = compose(rng, created_at)
        invoice_id = identifier(self._seed, "late-edit")

        def edit(at: datetime) -> None:
            fields = changes.postponement(rng, self._store.invoices[invoice_id])
            self._lifecycle.edit(at, invoice_id, fields, pdf_after=timedelta(seconds=100))

        self._timeline.plan(created_at, lambda at: self._lifecycle.create(at, invoice_id, body))
        self._timeline.plan(self._started_at - timedelta(seconds=70), edit)
