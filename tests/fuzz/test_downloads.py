"""Whatever a file host or a busy server sends: an accepted file is whole and of a known type, no wait is absurd."""

from __future__ import annotations

from datetime import UTC, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qonto_sync.domain.errors import SyncError
from qonto_sync.domain.invoice import FileKind
from qonto_sync.qonto.file_types import HEAD_BYTES
from tests.fakes import START
from tests.fuzz.documents import budget, corrupted
from tests.unit.qonto.scripted_http import Bench, answer
from tests.unit.qonto.test_attachment_files import opened
from tests.unit.qonto.test_file_types import CII, INVOICE, UBL

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

LONGEST_WAIT = 60

FILES = {
    b"%PDF-1.7\n%%EOF": FileKind.PDF,
    b"\xef\xbb\xbf\r\n%PDF-1.4\n%%EOF": FileKind.PDF,
    b"form 7\r\n" * 100 + b"%PDF-1.4": FileKind.PDF,
    b"\xff\xd8\xff\xe0\x00\x10JFIF": FileKind.JPEG,
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR": FileKind.PNG,
    INVOICE.encode(): FileKind.XML,
    f'<?xml version="1.0"?>\n<!-- a --><c:CrossIndustryInvoice xmlns:c="{CII}"/>'.encode(): FileKind.XML,
}
OTHERS = (
    b"<!doctype html><html>%PDF-1.7</html>",
    b'{"error": "%PDF-1.7"}',
    f'<!DOCTYPE Invoice [<!ENTITY e SYSTEM "file:///etc/passwd">]>{INVOICE}'.encode(),
    f'<!DOCTYPE i [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><Invoice xmlns="{UBL}Invoice-2">&b;'.encode(),
    f'<html xmlns="{UBL}Invoice-2"/>'.encode(),
    b"<!--" + b"-" * 20_000,
    b"<a " * 20_000,
    b"RIFF\x00\x00\x00\x00WEBPVP8 ",
    b"\x00\x00\x00\x18ftypheic",
    b"",
)
bodies = st.sampled_from([*FILES, *OTHERS])
header_texts = st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=30)
HARMLESS_CODINGS = ["", "identity", " Identity ", "aws-chunked", "identity,"]


@st.composite
def headers(draw: st.DrawFn, size: int) -> dict[str, str]:
    """Those that describe a file of this size, or almost."""
    found = {
        "Content-Length": draw(
            st.just(str(size)) | st.sampled_from([f"{size + 1}", f"{size}, {size}", "-1", "9" * 30, "٣"]) | header_texts
        ),
        "Content-Encoding": draw(st.sampled_from([*HARMLESS_CODINGS, "gzip", "identity, br"]) | header_texts),
        "Transfer-Encoding": draw(st.sampled_from(["chunked", "gzip, chunked"]) | header_texts),
        "ETag": draw(st.sampled_from(['"5d41402abc4b2a76b9719d911017c592"', 'W/"5d41"', '"a\x85b"']) | header_texts),
        "Content-Type": draw(header_texts),
    }
    names = draw(st.sets(st.sampled_from(sorted(found)), max_size=5))
    return {name: found[name] for name in names}


@pytest.mark.slow
@budget(2_000)
@given(bodies | corrupted(bodies), st.data())
def test_a_file_is_whole_and_of_a_known_type_or_refused(body: bytes, data: st.DataObject) -> None:
    """No accepted file is HTML, JSON or XML with a document type; no good one is refused for what does not matter."""
    sent = data.draw(headers(len(body)))
    file_size = data.draw(st.sampled_from([None, len(body), len(body), len(body) + 1]))
    outcome = downloaded(body, sent, file_size)
    if isinstance(outcome, str):
        assert not is_good(body, sent, file_size), outcome
        assert "Signature" not in outcome
        assert len(outcome) < 400
    else:
        received, kind, etag = outcome
        assert received == body
        assert file_size in {None, len(body)}
        assert looks_like(kind, body[:HEAD_BYTES])
        assert etag is None or (etag == sent["ETag"] and etag.isascii())


def downloaded(body: bytes, sent: dict[str, str], file_size: int | None) -> tuple[bytes, FileKind, str | None] | str:
    """Content, type and ETag, or why the file is refused."""
    try:
        with opened(answer(200, sent, body), file_size=file_size) as download:
            return b"".join(download.parts(7)), download.kind, download.etag
    except SyncError as error:
        return str(error)


def is_good(body: bytes, sent: dict[str, str], file_size: int | None) -> bool:
    """Whether there is no reason to refuse this file."""
    lengths = {sent.get("Content-Length", str(len(body))), str(len(body) if file_size is None else file_size)}
    is_announced = file_size is not None or "Content-Length" in sent or sent.get("Transfer-Encoding") == "chunked"
    return (
        body in FILES
        and len(body) <= 1_000
        and is_announced
        and lengths == {str(len(body))}
        and sent.get("Content-Encoding", "") in HARMLESS_CODINGS
        and sent.get("Transfer-Encoding", "chunked") == "chunked"
    )


def looks_like(kind: FileKind, head: bytes) -> bool:
    """What a reader of this type can count on."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    match kind:
        case FileKind.PDF:
            return b"%PDF-" in head[:1_024] and not start.startswith((b"<", b"{", b"["))
        case FileKind.JPEG:
            return head.startswith(b"\xff\xd8\xff")
        case FileKind.PNG:
            return head.startswith(b"\x89PNG")
        case FileKind.XML:
            text = head.replace(b"\0", b"")
            return (UBL.encode() in text or CII.encode() in text) and b"<!DOCTYPE" not in text


instants = st.integers(-100_000, 100_000).map(lambda seconds: START + timedelta(seconds=seconds))


def rfc_850(instant: datetime) -> str:
    """The oldest form but one that HTTP allows."""
    return f"{instant:%A, %d-%b-%y %H:%M:%S GMT}"


def asctime(instant: datetime) -> str:
    """The oldest form that HTTP allows."""
    return f"{instant:%a %b} {instant.day:2} {instant:%H:%M:%S %Y}"


def imf(instant: datetime) -> str:
    """The form that HTTP prefers."""
    return format_datetime(instant.astimezone(UTC), usegmt=True)


@pytest.mark.slow
@budget(600)
@given(st.sampled_from([429, 503]), header_texts | st.integers().map(str), header_texts | instants.map(imf))
def test_no_header_makes_a_wait_absurd(status: int, wait: str, date: str) -> None:
    """At most a minute between two requests, and a few requests in all."""
    bench = Bench([answer(status, {"Retry-After": wait, "Date": date})])
    with pytest.raises(SyncError):
        bench.send()
    assert len(bench.pool.sent) <= 4
    assert bench.clock.now() - START <= timedelta(seconds=3 * LONGEST_WAIT)


@pytest.mark.slow
@budget(600)
@given(st.sampled_from([429, 503]), instants, st.none() | instants, st.sampled_from([imf, rfc_850, asctime]))
def test_a_date_is_waited_for(
    status: int, until: datetime, date: datetime | None, form: Callable[[datetime], str]
) -> None:
    """In each form, by the server's clock if it tells it, up to the cap."""
    told = {"Retry-After": form(until)} | ({"Date": imf(date)} if date else {})
    bench = Bench([answer(status, told), answer(200)])
    assert bench.send() == 200
    asked_for = (until - (date or START)).total_seconds()
    waited = (bench.clock.now() - START).total_seconds()
    assert min(max(asked_for, 0), LONGEST_WAIT) <= waited <= LONGEST_WAIT
