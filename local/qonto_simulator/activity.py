"""What happens by itself after the world has started: some events in every hour."""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random

from local.qonto_simulator import changes
from local.qonto_simulator.composition import awkward_upload, compose, happens
from local.qonto_simulator.invoices import Invoice, identifier
from local.qonto_simulator.lifecycle import Lifecycle
from local.qonto_simulator.store import Store
from local.qonto_simulator.timeline import Action, Timeline

HOUR = timedelta(hours=1)
_SECONDS = 3600
# People work on what is recent; this also keeps an event cheap however many invoices there are.
_RECENT = 300
# How often what happens, roughly in percent.
_EVENTS = {
    "create": 36,
    "import": 6,
    "pay": 18,
    "pay in part": 2,
    "cancel": 4,
    "postpone": 12,
    "answer": 8,
    "finalize": 10,
    "delete": 4,
}


class Activity:
    """Plans the events of an hour, the same for the same seed; the invoices concerned are chosen when they happen."""

    def __init__(self, seed: int, per_hour: int, store: Store, timeline: Timeline, lifecycle: Lifecycle) -> None:
        if not 0 <= per_hour <= _SECONDS:
            raise ValueError(f"activity must be 0 to {_SECONDS} events an hour, not {per_hour}")
        self._seed = seed
        self._per_hour = per_hour
        self._store = store
        self._timeline = timeline
        self._lifecycle = lifecycle

    def plan_hour(self, hour: int, starts_at: datetime) -> None:
        """Put the events of the hour on the timeline, each at a second of its own."""
        rng = Random(f"{self._seed}:{hour}")
        seconds = sorted(rng.sample(range(_SECONDS), self._per_hour))
        for number, second in enumerate(seconds):
            at = starts_at + timedelta(seconds=second, milliseconds=rng.randrange(1000))
            self._timeline.plan(at, self._event(Random(f"{self._seed}:{hour}:{number}")))

    def _event(self, rng: Random) -> Action:
        (kind,) = rng.choices(tuple(_EVENTS), tuple(_EVENTS.values()))

        def happen(at: datetime) -> None:
            match kind:
                case "create":
                    self._create(rng, at)
                case "import":
                    self._import(rng, at)
                case "finalize":
                    self._on_one(rng, at, _is_draft, lambda invoice: self._lifecycle.finalize(at, invoice.id))
                case "delete":
                    self._on_one(rng, at, _is_draft, lambda invoice: self._lifecycle.delete(invoice.id))
                case _:
                    self._edit(rng, at, kind)

        return happen

    def _edit(self, rng: Random, at: datetime, kind: str) -> None:
        def edit(invoice: Invoice) -> None:
            match kind:
                case "pay":
                    fields = changes.payment(invoice, at)
                case "pay in part":
                    fields = changes.partial_payment(invoice)
                case "cancel":
                    fields = changes.cancellation()
                case "postpone":
                    fields = changes.postponement(rng, invoice)
                case _:
                    fields = changes.einvoicing_answer(rng, invoice, at)
            self._lifecycle.edit(at, invoice.id, fields)

        self._on_one(rng, at, _is_sent if kind == "answer" else _is_unpaid, edit)

    def _create(self, rng: Random, at: datetime) -> None:
        draft = happens(rng, 0.35)
        body = compose(rng, at, draft=draft)
        delay: timedelta | None = timedelta(seconds=rng.randrange(8, 13))
        if draft and happens(rng, 0.2):
            delay = None
        elif happens(rng, 0.03):
            delay = timedelta(seconds=rng.randrange(90, 300))
        self._lifecycle.create(
            at,
            identifier(self._seed, "activity", rng.random()),
            body,
            pdf_after=delay,
            offset_notation=happens(rng, 0.06),
        )

    def _import(self, rng: Random, at: datetime) -> None:
        body = compose(rng, at, imported=True)
        body["number"] = f"{at.year}/{rng.randrange(1, 10_000):04d}"
        invoice_id = identifier(self._seed, "activity", rng.random())
        self._lifecycle.create(at, invoice_id, body, upload=awkward_upload(rng))

    def _on_one(
        self, rng: Random, at: datetime, eligible: Callable[[Invoice], bool], act: Callable[[Invoice], None]
    ) -> None:
        """Do it to one of the recent invoices; without any that is eligible, a new one is made instead."""
        recent = [invoice for invoice in self._store.newest(_RECENT) if eligible(invoice)]
        if recent:
            act(rng.choice(recent))
        else:
            self._create(rng, at)


def _is_draft(invoice: Invoice) -> bool:
    return invoice.is_draft


def _is_unpaid(invoice: Invoice) -> bool:
    return invoice.status == "unpaid"


def _is_sent(invoice: Invoice) -> bool:
    return invoice.body["einvoicing_status"] is not None
