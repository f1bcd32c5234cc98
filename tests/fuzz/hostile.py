"""A hostile Qonto behind the real adapter, and a run's world around it."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, override
from urllib.parse import parse_qs, unquote, urlsplit

from qonto_sync.domain.request_counts import RequestCounter
from qonto_sync.qonto.api import QontoApi
from qonto_sync.qonto.authenticated_client import AuthenticatedClient
from qonto_sync.qonto.http_client import HttpClient
from tests.fakes import START, FakeDownload
from tests.unit.conftest import World
from tests.unit.qonto.scripted_http import answer
from tests.unit.qonto.test_api import Key

if TYPE_CHECKING:
    from collections.abc import Iterator

    import urllib3

    from qonto_sync.domain.invoice import Attachment


@dataclass(frozen=True)
class Row:
    """What is listed for an invoice that was changed then."""

    text: bytes
    changed_at: datetime


@dataclass
class HostileServer:
    """Lists these rows as it should, on pages of its own size; all else goes wrong as the script says.

    It is what the HTTP client takes for a connection pool.
    """

    rows: list[Row]
    page_size: int
    count_off_by: int
    told_pages: Any
    mishaps: list[tuple[int, bytes]]
    """A status and a body for each of the next responses; an empty body means a normal response."""
    invoice: bytes
    attachment: bytes
    asked: list[str] = field(default_factory=list)

    def request(self, _method: str, url: str, **_: Any) -> urllib3.HTTPResponse:
        """See `urllib3.PoolManager`."""
        self.asked.append(url)
        if self.mishaps:
            status, body = self.mishaps.pop()
            if body:
                return answer(status, None, body)
        parts = urlsplit(url)
        match parts.path.split("/")[2:]:
            case ["client_invoices"]:
                return answer(200, None, self._page({name: found[0] for name, found in parse_qs(parts.query).items()}))
            case ["client_invoices", invoice_id]:
                return answer(200, None, b'{"client_invoice": ' + self._invoice(unquote(invoice_id)) + b"}")
            case ["attachments", _]:
                return answer(200, None, self.attachment)
            case _:
                raise AssertionError(f"{url} was never in the API")

    def _page(self, query: dict[str, str]) -> bytes:
        start, end = (datetime.fromisoformat(query[f"filter[updated_at_{bound}]"]) for bound in ("from", "to"))
        found = [row.text for row in self.rows if start <= row.changed_at <= end]
        first = (int(query["page"]) - 1) * self.page_size
        pages = -(-len(found) // self.page_size) if self.told_pages is None else self.told_pages
        meta = {"total_count": len(found) + self.count_off_by, "total_pages": pages}
        listed = b",".join(found[first : first + self.page_size])
        return b'{"client_invoices": [' + listed + b'], "meta": ' + json.dumps(meta).encode() + b"}"

    def _invoice(self, invoice_id: str) -> bytes:
        return next((row.text for row in self.rows if json.dumps(invoice_id).encode() in row.text), self.invoice)


class HostileQonto(QontoApi):
    """The real adapter; its files are complete and correct."""

    @contextmanager
    def open(self, _attachment: Attachment, _if_none_match: str | None) -> Iterator[FakeDownload]:
        """See `ports.AttachmentFiles`."""
        yield FakeDownload(b"%PDF-1.7 whatever")


class HostileWorld(World):
    """The world of the unit tests, with a hostile server for a source."""

    def __init__(self, server: HostileServer) -> None:
        self.server = server
        super().__init__()

    @override
    def __post_init__(self) -> None:
        super().__post_init__()
        pool: Any = self.server
        client = HttpClient(
            pool, clock=self.clock, deadline=self.deadline, random=lambda: 0.5, requests=RequestCounter()
        )
        source: Any = HostileQonto(AuthenticatedClient("https://api.example", client, Key()), self.clock)
        self.qonto = source
        self.connect()


LONG_AGO = START - timedelta(days=3)
