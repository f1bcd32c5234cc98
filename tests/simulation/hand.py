"""A hand that changes bucket, ledger and source without a trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qonto_sync.domain import keys
from qonto_sync.domain.ids import InvoiceId
from tests.fakes import CONNECTION
from tests.simulation.decisions import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.in_memory.expressions import Item
    from tests.simulation.decisions import Decisions
    from tests.simulation.organization import Organization
    from tests.simulation.scheduler import Scheduler
    from tests.simulation.services import SimulatedDynamoDb, SimulatedS3
    from tests.simulation.trace import Trace

_MOST: Final = 6
"""Changes in one run."""
_PENDING: Final = ("pending_for", "due_at", "reason", "pending_since", "attempts", "detail", "message_until")
"""The attributes of a row whose work is not done."""


class Hand:
    """Whoever may write to bucket and table, and an API that changes invoices without saying so."""

    def __init__(
        self,
        organization: Organization,
        s3: SimulatedS3,
        dynamodb: SimulatedDynamoDb,
        *,
        scheduler: Scheduler,
        decisions: Decisions,
        trace: Trace,
        spares_certificate: bool,
    ) -> None:
        """It spares either the certificate or the record of it in the table: without both nobody knows the chain."""
        self._organization = organization
        self._s3 = s3
        self._dynamodb = dynamodb
        self._scheduler = scheduler
        self._decisions = decisions
        self._trace = trace
        self._left = _MOST
        self.stale_files: set[str] = set()
        """The invoices whose file may have changed without a trace: only the scrub finds it."""
        self.wrote_publications = False
        """Whether an inventory, a certificate, or the record of them is not what was written."""
        self._on_row: dict[str, Callable[[Item], None]] = {
            "deletes the JSON of": lambda row: self._delete(row, "document"),
            "overwrites the JSON of": lambda row: self._overwrite(row, "document"),
            "deletes the file of": lambda row: self._delete(row, "file"),
            "overwrites the file of": lambda row: self._overwrite(row, "file"),
            "deletes the row of": lambda row: self._dynamodb.remove(row["pk"]["S"]),
            "changes the digest of": lambda row: self._dynamodb.damage({**row, "digest": {"S": "0" * 64}}),
            "changes the ETag of": self._change_etag,
            "makes the work done of": self._make_done,
            "changes the data at Qonto of": self._change_source,
            "makes anew the PDF of": self._change_file,
        }
        certificate = (
            {
                "overwrites the certificate": lambda: self._put(keys.certificate_key(CONNECTION), b"no certificate"),
                "deletes the certificate": lambda: self._remove(keys.certificate_key(CONNECTION)),
            }
            if not spares_certificate
            else {"deletes the record": lambda: self._dynamodb.remove(keys.reconciliation_key(CONNECTION))}
        )
        self._alone: dict[str, Callable[[], None]] = {
            "invents an object": self._invent,
            "overwrites an inventory": lambda: self._each_inventory(lambda key: self._put(key, b"no inventory")),
            "deletes the inventories": lambda: self._each_inventory(self._remove),
            **certificate,
        }

    def may_act(self, actor: str, place: str) -> None:
        """Lets a decision choose what the hand does at this moment, if anything."""
        if not self._left:
            return
        rows = sorted(pk for pk in self._dynamodb.items if pk.startswith("invoice#"))
        option = self._decisions.pick(actor, place, Kind.HAND, 1 + len(self._alone) + len(self._on_row) * len(rows))
        if not option:
            return
        self._left -= 1
        if option <= len(self._alone):
            name, change = list(self._alone.items())[option - 1]
            self._log(name)
            self.wrote_publications |= change != self._invent
            change()
            return
        target, action = divmod(option - 1 - len(self._alone), len(self._on_row))
        what, change_row = list(self._on_row.items())[action]
        self._log(f"{what} {rows[target].rpartition('#')[2]}")
        change_row(self._dynamodb.items[rows[target]])

    def _delete(self, row: Item, which: str) -> None:
        if which in row:
            self._remove(row[which]["M"]["key"]["S"])

    def _overwrite(self, row: Item, which: str) -> None:
        if which in row:
            self._put(row[which]["M"]["key"]["S"], b"tampered")

    def _change_etag(self, row: Item) -> None:
        if "document" in row:
            document = {"M": {**row["document"]["M"], "etag": {"S": '"0"'}}}
            self._dynamodb.damage({**row, "document": document})

    def _make_done(self, row: Item) -> None:
        self.stale_files.add(_invoice_id(row))
        self._dynamodb.damage({name: value for name, value in row.items() if name not in _PENDING})

    def _change_source(self, row: Item) -> None:
        version = self._organization.live.get(_invoice_id(row))
        if version:
            fields = {**version.fields, "edits": version.fields["edits"] + 1_000}
            self._organization.put(_invoice_id(row), fields, version.updated_at, version.visible_at)

    def _change_file(self, row: Item) -> None:
        version = self._organization.live.get(_invoice_id(row))
        content = version and version.attachment_id and self._organization.file(version.attachment_id)
        if version and version.attachment_id and content:
            self.stale_files.add(_invoice_id(row))
            self._organization.render(version.attachment_id, len(content), repeats=False)

    def _invent(self) -> None:
        month = self._scheduler.now()
        folder = f"{keys.month_folder(CONNECTION, month)}{InvoiceId('ghost')}"
        self._put(f"{folder}/invoice.json", b"invented")

    def _each_inventory(self, change: Callable[[str], None]) -> None:
        for key in [key for key in self._s3.objects if key.endswith(".csv")]:
            change(key)

    def _put(self, key: str, content: bytes) -> None:
        self._s3.overwrite(key, content)

    def _remove(self, key: str) -> None:
        self._s3.delete_object(Key=key)

    def _log(self, what: str) -> None:
        self._trace.add(self._scheduler.now(), f"A hand {what}")


def _invoice_id(row: Item) -> str:
    return str(row["invoice_id"]["S"])
