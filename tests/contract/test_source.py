"""`ports.InvoiceSource` and `ports.AttachmentFiles`: the fake, and the HTTP adapters on the simulator."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, override

import pytest

from local.qonto_simulator import Behaviour, Limits, Simulator, World
from local.qonto_simulator import Window as LimitWindow
from local.qonto_simulator.invoices import Upload
from qonto_sync.domain.errors import CredentialsRejected, NotFound, Retriable, UnusableFile
from qonto_sync.domain.ids import AttachmentId, InvoiceId
from qonto_sync.domain.invoice import FileKind
from qonto_sync.domain.request_counts import RequestCounter
from qonto_sync.domain.window import Window
from qonto_sync.qonto.api import QontoApi
from qonto_sync.qonto.attachment_files import HttpAttachmentFiles
from qonto_sync.qonto.authenticated_client import AuthenticatedClient
from qonto_sync.qonto.http_client import HttpClient
from qonto_sync.qonto.http_pool import http_pool
from tests.fakes import LAYOUT, START, CountedDeadline, FakeQonto, ManualClock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from qonto_sync.ports import AttachmentFiles, InvoiceSource

GONE = InvoiceId("00000000-0000-4000-8000-000000000000")


class Source(ABC):
    """A source, and a door through which a test changes what is in it."""

    api: InvoiceSource
    files: AttachmentFiles

    def __init__(self) -> None:
        self.clock = ManualClock()

    @abstractmethod
    def create(self, count: int) -> list[str]:
        """Invoices with a PDF each, a second apart, long enough ago to have it."""

    @abstractmethod
    def edit(self, invoice_id: str) -> None:
        """Gives it a new `updated_at`, now."""

    @abstractmethod
    def regenerate(self, invoice_id: str) -> None:
        """Gives its file another content under the same id."""

    @abstractmethod
    def truth(self, invoice_id: str) -> tuple[bytes, bytes]:
        """The JSON text and the file."""

    def window(self) -> Window:
        """All that was created, closed."""
        return Window(START, self.clock.now() - timedelta(seconds=60))


class FakeSource(Source):
    """In memory."""

    def __init__(self) -> None:
        super().__init__()
        self.qonto = FakeQonto(self.clock)
        self.api = self.files = self.qonto

    @override
    def create(self, count: int) -> list[str]:
        ids = [f"i{number:04d}" for number in range(count)]
        for id_ in ids:
            self.qonto.put(id_)
            self.clock.advance(seconds=1)
        self.clock.advance(minutes=10)
        return ids

    @override
    def edit(self, invoice_id: str) -> None:
        self.qonto.put(invoice_id)

    @override
    def regenerate(self, invoice_id: str) -> None:
        self.qonto.files[f"file-{invoice_id}"].content += b" again"

    @override
    def truth(self, invoice_id: str) -> tuple[bytes, bytes]:
        return self.qonto.document(invoice_id), self.qonto.files[f"file-{invoice_id}"].content


@dataclass
class Key:
    """An API key without Secrets Manager."""

    authorization: str

    def headers(self) -> Mapping[str, str]:
        return {"Authorization": self.authorization}

    def renew(self, _: Mapping[str, str]) -> bool:
        return False


class HttpSource(Source):
    """The real adapters over HTTP."""

    def __init__(self, **simulator: Any) -> None:
        super().__init__()
        self.qonto = World(seed=7, started_at=START, clock=self.clock.now, invoices=0, activity=0)
        self.simulator = Simulator(self.qonto, **simulator)
        self.requests = RequestCounter()
        self.http = http = HttpClient(
            http_pool(2, self.clock),
            clock=self.clock,
            deadline=CountedDeadline(),
            random=lambda: 0.5,
            requests=self.requests,
        )
        key = Key(f"{self.simulator.login}:{self.simulator.secret_key}")
        self.api: QontoApi = QontoApi(AuthenticatedClient(self.simulator.api_url, http, key), self.clock)
        self.key = key
        self.files = HttpAttachmentFiles(
            {self.simulator.files_origin: http},
            max_bytes=10_000_000,
            fresh=self.api.attachment,
        )

    @override
    def create(self, count: int) -> list[str]:
        ids = []
        for _ in range(count):
            ids.append(self.qonto.create())
            self.clock.advance(seconds=1)
        self.clock.advance(minutes=10)
        return ids

    @override
    def edit(self, invoice_id: str) -> None:
        self.qonto.edit(invoice_id, purchase_order="edited")

    @override
    def regenerate(self, invoice_id: str) -> None:
        self.qonto.regenerate_pdf(invoice_id)

    @override
    def truth(self, invoice_id: str) -> tuple[bytes, bytes]:
        document = self.qonto.document(invoice_id)
        return document, self.qonto.file(json.loads(document)["attachment_id"])


@contextmanager
def http_source(**simulator: Any) -> Iterator[HttpSource]:
    """The adapters, and a simulator with these settings."""
    source = HttpSource(**simulator)
    with source.simulator:
        yield source


@pytest.fixture(params=["fake", "http"])
def source(request: pytest.FixtureRequest) -> Iterator[Source]:
    """Each implementation in turn."""
    if request.param == "fake":
        yield FakeSource()
    else:
        with http_source() as real:
            yield real


def test_pages_are_oldest_first_and_hundred_long(source: Source) -> None:
    """With the totals of the whole window in each."""
    ids = source.create(205)
    pages = [source.api.page(source.window(), number, LAYOUT) for number in (1, 2, 3, 4)]
    assert [invoice.id for page in pages for invoice in page.invoices] == ids
    assert [len(page.invoices) for page in pages] == [100, 100, 5, 0]
    assert [(page.total_count, page.total_pages) for page in pages[:3]] == [(205, 3)] * 3
    assert {page.clock_skew for page in pages} == {timedelta(0)}


def test_an_empty_window(source: Source) -> None:
    """No invoice is no error."""
    source.create(1)
    page = source.api.page(Window(START - timedelta(days=2), START - timedelta(days=1)), 1, LAYOUT)
    assert (page.invoices, page.total_count, page.total_pages) == ((), 0, 0)


def test_an_edit_leaves_a_closed_window(source: Source) -> None:
    """And keeps its place in the order, in the next one."""
    first, second, third = source.create(3)
    window = source.window()
    source.clock.advance(minutes=10)
    source.edit(first)
    assert [invoice.id for invoice in source.api.page(window, 1, LAYOUT).invoices] == [second, third]
    source.clock.advance(minutes=10)
    assert [invoice.id for invoice in source.api.page(source.window(), 1, LAYOUT).invoices] == [first, second, third]


def test_the_document_is_the_sources_own_text(source: Source) -> None:
    """In the list and by id: the same bytes, the same digest."""
    (id_,) = source.create(1)
    listed = source.api.page(source.window(), 1, LAYOUT).invoices[0]
    fetched = source.api.invoice(InvoiceId(id_))
    assert listed.document == fetched.document == source.truth(id_)[0]
    assert listed.digest == fetched.digest
    assert listed.status == "unpaid"
    assert listed.created_at == START


def test_an_unknown_invoice_is_not_found(source: Source) -> None:
    """404 is an answer."""
    with pytest.raises(NotFound):
        source.api.invoice(GONE)


def test_an_unknown_attachment_may_still_come(source: Source) -> None:
    """Its invoice names it, so it is on its way, or broken: try again."""
    with pytest.raises(Retriable):
        source.api.attachment(AttachmentId(GONE))


def test_a_file_is_downloaded_as_it_is(source: Source) -> None:
    """Whole, with its type, in parts of the size asked for."""
    (id_,) = source.create(1)
    invoice = source.api.invoice(InvoiceId(id_))
    assert invoice.attachment_id
    attachment = source.api.attachment(invoice.attachment_id)
    content = source.truth(id_)[1]
    assert attachment.file_size == len(content)
    with source.files.open(attachment, None) as download:
        assert download
        assert download.kind is FileKind.PDF
        parts = list(download.parts(1_000))
    assert b"".join(parts) == content
    assert {len(part) for part in parts[:-1]} <= {1_000}


def test_an_unchanged_file_is_not_sent(source: Source) -> None:
    """Until it is made again under the same id."""
    (id_,) = source.create(1)
    invoice = source.api.invoice(InvoiceId(id_))
    assert invoice.attachment_id
    with source.files.open(source.api.attachment(invoice.attachment_id), None) as download:
        assert download
        etag = download.etag
    assert etag
    with source.files.open(source.api.attachment(invoice.attachment_id), etag) as download:
        assert download is None
    source.regenerate(id_)
    with source.files.open(source.api.attachment(invoice.attachment_id), etag) as download:
        assert download
        assert b"".join(download.parts(1 << 20)) == source.truth(id_)[1]


def test_an_attachment_may_tell_when_its_file_was_made() -> None:
    """An `updated_at` is documented in one place and missing in another, so both are accepted."""
    for told in (False, True):
        with http_source(behaviour=Behaviour(dated_attachments=told)) as source:
            (id_,) = source.create(1)
            invoice = source.api.invoice(InvoiceId(id_))
            assert invoice.attachment_id
            made_at = source.api.attachment(invoice.attachment_id).updated_at
            assert made_at == (START + timedelta(seconds=10) if told else None)


@pytest.mark.parametrize(
    ("upload", "kind"),
    [
        (Upload("a.xml", "application/xml"), FileKind.XML),
        (Upload("a.jpg", "image/jpeg"), FileKind.JPEG),
        (Upload("a.png", "image/png"), FileKind.PNG),
        (Upload("a.pdf", "application/pdf", b"\xef\xbb\xbf"), FileKind.PDF),
        (Upload("a.pdf", "application/pdf", b"\r\n form 7 of 12\r\n"), FileKind.PDF),
    ],
)
def test_an_imported_file_is_downloaded_as_it_is(upload: Upload, kind: FileKind) -> None:
    """In each type that Qonto takes, whatever stands before the header of a PDF, and with an empty coding."""
    with http_source() as source:
        invoice_id = source.qonto.create(upload=upload)
        invoice = source.api.invoice(InvoiceId(invoice_id))
        assert invoice.attachment_id
        source.simulator.faults.install("empty_coding")
        with source.files.open(source.api.attachment(invoice.attachment_id), None) as download:
            assert download
            assert download.kind is kind
            assert b"".join(download.parts(1 << 20)) == source.truth(invoice_id)[1]


def test_a_file_of_no_accepted_type_is_told_by_its_etag() -> None:
    """So that the same file again is known as such."""
    with http_source() as source:
        invoice_id = source.qonto.create(upload=Upload("a.webp", "image/webp"))
        invoice = source.api.invoice(InvoiceId(invoice_id))
        assert invoice.attachment_id
        attachment = source.api.attachment(invoice.attachment_id)
        with pytest.raises(UnusableFile, match="ETag"), source.files.open(attachment, None):
            pass


def test_a_wait_told_as_a_date_is_kept() -> None:
    """The second request is sent again when the limit allows it, not before."""
    limits = Limits((LimitWindow(1, timedelta(seconds=10)),), retry_after="date")
    with http_source(limits=limits) as source:
        for _ in range(2):
            source.api.page(Window(START - timedelta(days=2), START - timedelta(days=1)), 1, LAYOUT)
        assert [request.status for request in source.simulator.requests] == [200, 429, 200]
        assert source.clock.now() - START == timedelta(seconds=10)


def test_imported_invoices_are_listed() -> None:
    """Qonto leaves them out unless it is asked for them."""
    with http_source() as source:
        imported = source.qonto.create(imported=True)
        source.clock.advance(minutes=10)
        assert [invoice.id for invoice in source.api.page(source.window(), 1, LAYOUT).invoices] == [imported]


def test_an_edit_does_not_leave_a_window_of_creation(source: Source) -> None:
    """It has what was created in that time, in its present form."""
    first, second, third = source.create(3)
    window = Window.of_creation(START, START + timedelta(seconds=2))
    source.clock.advance(minutes=10)
    source.edit(first)
    page = source.api.page(window, 1, LAYOUT)
    assert [invoice.id for invoice in page.invoices] == [first, second, third]
    assert page.invoices[0].document == source.truth(first)[0]
    assert page.invoices[0].is_listed
    day_before = Window.of_creation(START - timedelta(days=1), START - timedelta(seconds=5))
    assert source.api.page(day_before, 1, LAYOUT).invoices == ()


@pytest.mark.parametrize("bounds", ["inclusive", "exclusive"])
def test_the_bounds_of_a_window_belong_to_it(bounds: Any) -> None:
    """Whatever the source thinks of bounds."""
    with http_source(behaviour=Behaviour(bounds=bounds)) as source:
        ids = source.create(3)
        window = Window(START, START + timedelta(seconds=2))
        assert [invoice.id for invoice in source.api.page(window, 1, LAYOUT).invoices] == ids


@pytest.mark.parametrize("behaviour", [Behaviour(past_end="empty"), Behaviour(past_end="refused")])
def test_a_page_past_the_end_is_empty(behaviour: Behaviour) -> None:
    """An empty list, or 422: both were seen."""
    with http_source(behaviour=behaviour) as source:
        source.create(1)
        assert source.api.page(source.window(), 9, LAYOUT).invoices == ()


@pytest.mark.parametrize("meta", ["without_next_page", "next_page_zero", "previous_page"])
def test_odd_page_numbers_are_not_believed(meta: Any) -> None:
    """Only the totals count."""
    with http_source(behaviour=Behaviour(meta=meta)) as source:
        source.create(101)
        page = source.api.page(source.window(), 1, LAYOUT)
        assert (page.total_count, page.total_pages) == (101, 2)


def test_a_wrong_clock_is_measured() -> None:
    """By Qonto's own Date header, beyond what the request's duration can explain."""
    with http_source() as source:
        source.create(1)
        source.api._clock = ManualClock(source.clock.now() + timedelta(seconds=90))
        assert source.api.page(source.window(), 1, LAYOUT).clock_skew == timedelta(seconds=89)
        source.api._clock = ManualClock(source.clock.now() - timedelta(seconds=90))
        assert source.api.page(source.window(), 1, LAYOUT).clock_skew == timedelta(seconds=90)


def test_an_expired_url_is_replaced_once() -> None:
    """A download that starts late gets a fresh URL."""
    with http_source() as source:
        (id_,) = source.create(1)
        invoice = source.api.invoice(InvoiceId(id_))
        assert invoice.attachment_id
        attachment = source.api.attachment(invoice.attachment_id)
        source.clock.advance(minutes=31)
        with source.files.open(attachment, None) as download:
            assert download
            assert b"".join(download.parts(1 << 20)) == source.truth(id_)[1]


def test_rejected_credentials_are_reported_with_the_trace_id() -> None:
    """What to check, and what Qonto's support asks for; never the key."""
    with http_source() as source:
        source.key.authorization = "acme-4217:wrong-key"
        with pytest.raises(CredentialsRejected, match=r"401 .*trace id .*Check the connection's secret") as error:
            source.api.page(Window(START, START + timedelta(hours=1)), 1, LAYOUT)
        assert "wrong-key" not in str(error.value)


@pytest.mark.parametrize("kind", ["500", "502", "503", "504", "429", "reset", "truncated"])
@pytest.mark.parametrize("path", ["/v2/client_invoices", "/v2/attachments"])
def test_a_fault_that_passes_is_not_seen(kind: str, path: str) -> None:
    """One failed attempt is tried again, on the list and on single objects."""
    with http_source() as source:
        (id_,) = source.create(1)
        source.simulator.faults.install(kind, path, times=1)
        invoice = source.api.page(source.window(), 1, LAYOUT).invoices[0]
        assert invoice.id == id_
        assert invoice.attachment_id
        source.api.attachment(invoice.attachment_id)
        assert sum(source.simulator.faults.fired.values()) == 1


@pytest.mark.parametrize(
    "kind", ["500", "502", "503", "504", "429", "reset", "truncated", "html_200", "malformed_json"]
)
def test_a_fault_that_stays_is_retriable(kind: str) -> None:
    """After a few attempts, in bounded time, one line of reason."""
    with http_source() as source:
        (id_,) = source.create(1)
        source.simulator.faults.install(kind, "/v2/client_invoices", times=99)
        with pytest.raises(Retriable) as error:
            source.api.page(source.window(), 1, LAYOUT)
        with pytest.raises(Retriable):
            source.api.invoice(InvoiceId(id_))
        assert sum(source.clock.slept) < 120
        assert "\n" not in str(error.value)
        assert len(str(error.value)) < 200


@pytest.mark.parametrize("kind", ["truncated", "html_200", "wrong_length", "reset", "403", "500", "503"])
def test_a_bad_file_is_never_taken_for_a_good_one(kind: str) -> None:
    """Cut short, a login page with status 200, another length: an error before the end of the parts."""
    with http_source() as source:
        (id_,) = source.create(1)
        invoice = source.api.invoice(InvoiceId(id_))
        assert invoice.attachment_id
        attachment = source.api.attachment(invoice.attachment_id)
        source.simulator.faults.install(kind, "/production", times=99)
        with pytest.raises(Retriable) as error, source.files.open(attachment, None) as download:
            assert download
            list(download.parts(1 << 20))
        assert "X-Amz" not in str(error.value)
        assert sum(source.simulator.faults.fired.values()) >= 1


def test_only_listed_hosts_are_downloaded_from() -> None:
    """A URL of another host, or of this one over another scheme, is not opened."""
    with http_source() as source:
        (id_,) = source.create(1)
        invoice = source.api.invoice(InvoiceId(id_))
        assert invoice.attachment_id
        attachment = source.api.attachment(invoice.attachment_id)
        source.files._origins = {"https://files.example": source.http}  # type: ignore[attr-defined]
        with pytest.raises(Exception, match="not in ATTACHMENT_HOSTS"), source.files.open(attachment, None):
            pass
        assert source.requests.as_dict()["files"] == 0
