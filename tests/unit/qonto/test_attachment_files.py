"""Downloads that are not what they seem."""

from __future__ import annotations

import re
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any, override

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from qonto_sync.domain.errors import ItemError, Permanent, Retriable, UnusableFile
from qonto_sync.domain.ids import AttachmentId
from qonto_sync.domain.invoice import Attachment, FileKind
from qonto_sync.domain.request_counts import RequestCounter
from qonto_sync.qonto.attachment_files import HttpAttachmentFiles
from qonto_sync.qonto.http_client import HttpClient
from qonto_sync.qonto.http_pool import http_pool
from tests.fakes import CountedDeadline, ManualClock
from tests.unit.qonto.raw_server import raw_server
from tests.unit.qonto.scripted_http import URL, Bench, answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qonto_sync.ports import Download

PDF = b"%PDF-1.7 content"


def an_attachment(url: str, file_size: int | None = None) -> Attachment:
    """A file behind this URL."""
    return Attachment(AttachmentId("a"), url, "a.pdf", file_size)


def files_of(bench: Bench, fresh_url: str) -> HttpAttachmentFiles:
    """Downloads from a scripted host."""
    return HttpAttachmentFiles(
        {"https://files.example": bench.client}, max_bytes=1_000, fresh=lambda _: an_attachment(fresh_url)
    )


def real_files(origin: str, fresh_url: str = URL, max_bytes: int = 1_000) -> HttpAttachmentFiles:
    """Downloads over real sockets, from an origin that is listed in full."""
    clock = ManualClock()
    client = HttpClient(
        http_pool(1, clock),
        clock=clock,
        deadline=CountedDeadline(),
        random=lambda: 0.5,
        requests=RequestCounter(),
    )
    return HttpAttachmentFiles({origin: client}, max_bytes=max_bytes, fresh=lambda _: an_attachment(fresh_url))


def content(files: HttpAttachmentFiles, attachment: Attachment, if_none_match: str | None = None) -> bytes | None:
    """The file, read to its end; None if it has not changed."""
    with files.open(attachment, if_none_match) as found:
        return b"".join(found.parts(1_000)) if found else None


@contextmanager
def opened(*answers: Any, file_size: int | None = None, url: str = URL) -> Iterator[Download]:
    """A download in progress."""
    with files_of(Bench(list(answers)), url).open(an_attachment(url, file_size), None) as found:
        assert found
        yield found


def download(*answers: Any, part: int = 4, **attachment: Any) -> bytes:
    """The file, read to its end."""
    with opened(*answers, **attachment) as found:
        return b"".join(found.parts(part))


def sized(
    body: bytes, *, length: int | None = None, encoding: str = "identity", etag: str = "", media_type: str = ""
) -> Any:
    """An answer with a Content-Length."""
    size = len(body) if length is None else length
    headers = {"Content-Length": str(size), "Content-Encoding": encoding, "ETag": etag, "Content-Type": media_type}
    return answer(200, headers, body)


@pytest.mark.parametrize("part", [1, 7, 8, 9, 15, 16, 17, 1_000])
@pytest.mark.parametrize("file_size", [None, len(PDF)])
def test_a_whole_file(part: int, file_size: int | None) -> None:
    """In parts of any size, each as long as was asked for but the last."""
    with opened(sized(PDF), file_size=file_size) as found:
        parts = list(found.parts(part))
    assert b"".join(parts) == PDF
    assert {len(each) for each in parts[:-1]} <= {part}


@pytest.mark.parametrize(
    ("head", "kind"),
    [(b"%PDF-1.4", FileKind.PDF), (b"\xff\xd8\xff\xe0", FileKind.JPEG), (b"\x89PNG\r\n\x1a\n", FileKind.PNG)],
)
def test_the_type_is_what_the_bytes_say(head: bytes, kind: FileKind) -> None:
    """Whatever the header claims."""
    with opened(sized(head, media_type="text/html")) as found:
        assert found.kind is kind


@pytest.mark.parametrize(
    "response",
    [
        sized(b"<html>Log in</html>"),
        sized(b'{"error": 1}'),
        sized(b""),
        sized(b"%PD"),
        sized(b"<html>our %PDF-1.7</html>"),
        sized(b'\xef\xbb\xbf {"error": "no %PDF-1.7"}'),
        sized(b"RIFF____WEBPVP8 "),
        sized(PDF, encoding="gzip"),
        sized(PDF, encoding="identity, gzip"),
        answer(200, {"Content-Length": "16, 16"}, PDF),
        answer(200, {"Content-Length": "+16"}, PDF),
        answer(200, {"Content-Length": "-16"}, PDF),
        answer(200, {"Content-Length": "1_6"}, PDF),
        answer(200, {"Content-Length": "١٦"}, PDF),
        answer(200, {"Content-Length": ""}, PDF),
        answer(200, {"Content-Length": "9" * 5_000}, PDF),
        answer(200, {"Content-Length": "16", "Transfer-Encoding": "gzip, chunked"}, PDF),
        answer(200, {"Transfer-Encoding": "chunked "}, PDF),
        answer(200, {}, PDF),
        answer(204),
        answer(206, {"Content-Length": "16"}, PDF),
        answer(302, {"Location": "https://elsewhere.example"}),
        answer(404),
    ],
)
def test_what_is_no_file_is_never_given(response: Any) -> None:
    """With status 200 or another."""
    with pytest.raises(Retriable):
        download(response)


@pytest.mark.parametrize("encoding", ["", "identity", "aws-chunked", "aws-chunked, ", "IDENTITY"])
def test_an_encoding_that_changes_nothing_is_none(encoding: str) -> None:
    """S3 has stored such values."""
    assert download(sized(PDF, encoding=encoding)) == PDF


@pytest.mark.parametrize(
    "before", [b"\xef\xbb\xbf", b"\r\n", b" ", b"--boundary\r\nContent-Type: application/pdf\r\n\r\n", b"\0" * 900]
)
def test_a_pdf_may_begin_a_little_later(before: bytes) -> None:
    """As its readers allow; it is archived as it is."""
    with opened(sized(before + PDF)) as found:
        assert found.kind is FileKind.PDF
        assert b"".join(found.parts(7)) == before + PDF


@pytest.mark.parametrize("size", [None, 7])
def test_a_file_that_cannot_be_used_is_known_again(size: int | None) -> None:
    """By its ETag. Without one it may be another file the next time."""
    body = b"RIFF____WEBPVP8 " if size is None else PDF
    with pytest.raises(UnusableFile, match=r'\(ETag "e"\)'):
        download(sized(body, etag='"e"'), file_size=size)
    with pytest.raises(Retriable) as error:
        download(sized(body), file_size=size)
    assert not isinstance(error.value, UnusableFile)


def test_two_lengths_that_differ_are_an_error() -> None:
    """The host's and the API's."""
    with pytest.raises(Retriable, match=r"sizes \[16, 17\]"):
        download(sized(PDF), file_size=17)


def test_a_body_without_length_is_held_against_the_api() -> None:
    """An early end of the socket looks like the end of the body."""
    assert download(answer(200, {}, PDF), file_size=len(PDF)) == PDF
    with pytest.raises(Retriable, match="ended after 16 of 20 bytes"):
        download(answer(200, {}, PDF), file_size=20)


def test_a_chunked_body_tells_its_own_end() -> None:
    """No length is needed then."""
    response = urllib3.HTTPResponse(
        body=BytesIO(PDF), headers={"Transfer-Encoding": "chunked"}, status=200, preload_content=False
    )
    assert download(response) == PDF


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 40\r\n\r\n" + PDF,
        b"Transfer-Encoding: chunked\r\n\r\n10\r\n" + PDF + b"\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n10\r\n" + PDF + b"\r\nx\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n-1\r\n" + PDF,
        b"Content-Length: 16\r\nContent-Length: 40\r\n\r\n" + PDF,
    ],
    ids=["cut", "cut between chunks", "no chunk", "negative chunk", "two lengths"],
)
def test_a_body_that_breaks_off_is_never_whole(rest: bytes) -> None:
    """Over real sockets, where HTTP itself says that something is missing."""
    with raw_server([b"HTTP/1.1 200 OK\r\n" + rest]) as server, pytest.raises(Retriable):
        content(real_files(server.origin), an_attachment(f"{server.origin}/f"))


def test_a_file_that_is_too_big_is_permanent() -> None:
    """By its announced size, or while it is received."""
    with pytest.raises(Permanent, match="MAX_FILE_BYTES"):
        download(sized(PDF, length=1_001))
    with pytest.raises(Permanent, match="MAX_FILE_BYTES"):
        download(
            urllib3.HTTPResponse(
                body=BytesIO(PDF + b"x" * 2_000),
                headers={"Transfer-Encoding": "chunked"},
                status=200,
                preload_content=False,
            ),
            part=64,
        )


@pytest.mark.parametrize(
    "url",
    [
        "http://files.example/f",
        "https://files.example:8443/f",
        "https://files.example.evil.example/f",
        "https://files.example@evil.example/f",
        "https://evil.example/files.example",
        "ftp://files.example/f",
        "file:///etc/passwd",
        "//files.example/f",
        "",
    ],
)
def test_only_allowed_origins_are_asked(url: str) -> None:
    """Scheme, host and port; and the error does not show the URL's path or query."""
    with pytest.raises(ItemError) as error:
        download(sized(PDF), url=url and f"{url}?X-Amz-Signature=secret")
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://files.example/f\n",
        "https://files.exa\tmple/f",
        "https://files.example/a file",
        "https://files.example\\@evil.example/f",
        "https://evil.example\\@files.example/f",
        "https://files.example:443@evil.example/f",
        "https://user@files.example/f",
        "https://\uff46iles.example/f",
        "https://files.example。/f",
        "https://files.example/ü",
        "https://files.example:0x1bb/f",
        "https://files.example:99999/f",
        "https://[files.example]/f",
        "https://[::1/f",
        "https:///f",
        "https:files.example/f",
        "https://files.example/" + "f" * 100_000,
        f"https://{'f' * 5_000}.example/f",
        f"https://{'f.' * 500}example/f",
    ],
)
def test_a_url_that_is_none_is_not_asked(url: str) -> None:
    """Two parsers might read it in two ways; nothing of it is repeated but a host of a sane length."""
    bench = Bench([sized(PDF)])
    with pytest.raises(Permanent) as error:
        content(files_of(bench, url), an_attachment(url))
    assert bench.pool.sent == []
    assert len(str(error.value)) < 400


@pytest.mark.parametrize("url", ["https://files.example/f", "HTTPS://FILES.example/f", "https://files.example:443/f"])
def test_an_origin_has_several_spellings(url: str) -> None:
    """In any case, and with the port that its scheme implies."""
    assert download(sized(PDF), url=url) == PDF


@pytest.mark.parametrize("status", [403, 410])
def test_a_fresh_url_is_checked_like_the_first(status: int) -> None:
    """Once: an expired URL may be replaced by one that leads elsewhere, or that has expired too."""
    bench = Bench([answer(status), sized(PDF)])
    with pytest.raises(Permanent, match=r"https://evil\.example, which is not in ATTACHMENT_HOSTS"):
        content(files_of(bench, "https://evil.example/f"), an_attachment(URL))
    assert len(bench.pool.sent) == 1
    bench = Bench([answer(status)])
    with pytest.raises(Retriable, match=f"answered {status}"):
        content(files_of(bench, URL), an_attachment(URL))
    assert len(bench.pool.sent) == 2


def test_a_redirect_is_not_followed() -> None:
    """Not even to the same host."""
    bench = Bench([answer(302, {"Location": "https://files.example/g"})])
    with pytest.raises(Retriable, match="answered 302"):
        content(files_of(bench, URL), an_attachment(URL))
    assert [sent["redirect"] for sent in bench.pool.sent] == [False]


def test_no_credentials_leave_for_the_file_host() -> None:
    """What it gets is the URL, whose signature is the credential, and headers that say nothing of the API."""
    with raw_server(
        [b"HTTP/1.1 403 Forbidden\r\n\r\n"], [b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n" + PDF]
    ) as server:
        url = f"{server.origin}/f?X-Amz-Signature=s"
        assert content(real_files(server.origin, url), an_attachment(url), '"e"') == PDF
    sent = [dict(re.findall(r"^(.+?): (.*)\r$", text, re.MULTILINE)) for text in server.received]
    assert len(sent) == 2
    for headers in sent:
        assert {**headers, "User-Agent": ""} == {
            "Host": f"127.0.0.1:{server.port}",
            "Accept-Encoding": "identity",
            "If-None-Match": '"e"',
            "User-Agent": "",
        }


def test_a_connection_is_used_again_for_the_next_file() -> None:
    """After a file that was read to its end and after one that has not changed, and not after any other."""
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n" + PDF
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n" + PDF + b"\r\n0\r\n\r\n"
    unchanged = b'HTTP/1.1 304 Not Modified\r\nETag: "e"\r\n\r\n'
    large = b"HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n" + PDF.ljust(90_000)
    with raw_server([unchanged], [whole], [chunked], [unchanged], [large], [whole], keep_alive=True) as server:
        files = real_files(server.origin, max_bytes=100_000)
        attachment = an_attachment(f"{server.origin}/f")
        for expected in (None, PDF, PDF, None):
            assert content(files, attachment, '"e"') == expected
        assert (len(server.received), len(server.connections)) == (4, 1)
        with files.open(attachment, None):
            pass
        assert content(files, attachment) == PDF
        assert (len(server.received), len(server.connections)) == (6, 2)


def test_what_comes_after_the_announced_length_is_no_answer() -> None:
    """Bytes beyond the announced length are not taken for the response to the next request."""
    forged = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n%PDF-forged!"
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n" + PDF
    with raw_server([whole + forged], [whole], keep_alive=True) as server:
        files, attachment = real_files(server.origin), an_attachment(f"{server.origin}/f")
        assert [content(files, attachment) for _ in range(2)] == [PDF, PDF]


class Endless(BytesIO):
    """A PDF that never ends."""

    def __init__(self) -> None:
        super().__init__(b"%PDF-1.7")
        self.given = 0

    @override
    def read(self, size: int | None = -1, /) -> bytes:
        assert size
        assert size > 0
        self.given += size
        return (super().read(size) or b"").ljust(size, b"x")


@pytest.mark.parametrize(
    ("file_size", "most", "error"),
    [(None, 1_000, Permanent), (500, 500, Retriable)],
)
def test_no_more_is_read_than_may_come(file_size: int | None, most: int, error: type[ItemError]) -> None:
    """Reading stops one byte after the limit, or after the announced size."""
    body = Endless()
    response = urllib3.HTTPResponse(
        body=body, headers={"Transfer-Encoding": "chunked"}, status=200, preload_content=False
    )
    with pytest.raises(error):
        download(response, file_size=file_size, part=64)
    assert body.given == most + 1


@pytest.mark.parametrize(
    ("etag", "kept"),
    [
        ('"strong"', True),
        (f'"{"x" * 198}"', True),
        ('W/"weak"', False),
        ("", False),
        ('""', False),
        ("bare", False),
        ('"two", "of them"', False),
        ('"a b"', False),
        ('"a\r\nX: y"', False),
        ('"\x00"', False),
        ('"ü"', False),
        ('"a', False),
        ('"x"\n', False),
        (f'"{"x" * 199}"', False),
    ],
)
def test_only_a_strong_and_sane_etag_is_kept(etag: str, kept: bool) -> None:  # noqa: FBT001 - of the case
    """A weak one does not promise equal bytes; any other could break the next request, or the ledger's row."""
    with opened(sized(PDF, etag=etag)) as found:
        assert found.etag == (etag if kept else None)


_bodies = st.one_of(
    st.binary(max_size=40), st.binary(max_size=40).map(lambda tail: b"%PDF-" + tail), st.just(b"%PDF-" + b"x" * 2_000)
)


@given(
    body=_bodies,
    status=st.sampled_from([200, 200, 200, 206, 304, 302, 401]),
    length=st.one_of(
        st.none(), st.integers(-1, 3_000).map(str), st.text("0123456789+- ٣", max_size=6), st.just("same")
    ),
    headers=st.dictionaries(
        st.sampled_from(["Content-Encoding", "Transfer-Encoding", "ETag", "Content-Type"]),
        st.one_of(
            st.sampled_from(["identity", "gzip", "chunked", "Chunked", '"e"']),
            st.binary().map(lambda value: value.decode("latin-1")),
        ),
    ),
    file_size=st.one_of(st.none(), st.integers(0, 60), st.just(-1)),
    part=st.integers(1, 50),
)
def test_whatever_the_host_answers(
    *, body: bytes, status: int, length: str | None, headers: dict[str, str], file_size: int | None, part: int
) -> None:
    """Exactly the bytes that were sent, of the length that all agree on and of a type that they show, or an error."""
    if length is not None:
        headers = {**headers, "Content-Length": str(len(body)) if length == "same" else length}
    size = len(body) if file_size == -1 else file_size
    try:
        given_back = download(answer(status, headers, body), file_size=size, part=part)
    except ItemError:
        return
    assert (status, given_back) == (200, body)
    assert size in {None, len(body)}
    assert headers.get("Content-Length", str(len(body))).strip() == str(len(body))
    assert body.startswith((b"%PDF-", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"))
    assert len(body) <= 1_000


_odd = st.text("/:@?#[]\\%.-443aZ\t\r\n \0\x7fé\uff0e\u3002\ud800")


@given(
    url=st.one_of(
        _odd,
        st.builds("https://{}files.example{}".format, _odd, _odd),
        st.builds("https://files.example{}".format, _odd),
    )
)
def test_whatever_the_url_is(url: str) -> None:
    """Only the allowed origin is asked, or an error of the item is raised."""
    bench = Bench([sized(PDF)])
    try:
        content(files_of(bench, url), an_attachment(url))
    except ItemError:
        assert bench.pool.sent == []
    else:
        asked = urllib3.util.parse_url(bench.pool.sent[0]["url"])
        assert (asked.scheme, asked.auth, asked.host, asked.port or 443) == ("https", None, "files.example", 443)
