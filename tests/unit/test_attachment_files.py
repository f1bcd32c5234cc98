"""Downloads that are not what they seem."""

from __future__ import annotations

from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
import urllib3

from qonto_sync.adapters.attachment_files import HttpAttachmentFiles
from qonto_sync.errors import ItemError, Permanent, Retriable
from qonto_sync.model import Attachment, AttachmentId, FileKind
from tests.unit.scripted_http import URL, Bench, answer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qonto_sync.ports import Download

PDF = b"%PDF-1.7 content"


@contextmanager
def opened(*answers: Any, file_size: int | None = None, url: str = URL) -> Iterator[Download]:
    """A download that has begun."""
    bench = Bench(list(answers))
    attachment = Attachment(AttachmentId("a"), url, "a.pdf", file_size)
    files = HttpAttachmentFiles(
        bench.client,
        allowed_origins=frozenset({"https://files.example"}),
        max_bytes=1_000,
        fresh=lambda _: attachment,
    )
    with files.open(attachment, None) as found:
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


@pytest.mark.parametrize("part", [1, 8, 9, 15, 16, 17, 1_000])
@pytest.mark.parametrize("file_size", [None, len(PDF)])
def test_a_whole_file(part: int, file_size: int | None) -> None:
    """In parts of any size."""
    assert download(sized(PDF), file_size=file_size, part=part) == PDF


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
        sized(b" %PDF-1.7"),
        sized(PDF, encoding="gzip"),
        answer(200, {}, PDF),
        answer(204),
        answer(206, {"Content-Length": "16"}, PDF),
        answer(302, {"Location": "https://elsewhere.example"}),
        answer(404),
    ],
    ids=["html", "json", "empty", "short", "shifted", "encoded", "no-length", "204", "206", "302", "404"],
)
def test_what_is_no_file_is_never_given(response: Any) -> None:
    """With status 200 or another."""
    with pytest.raises(Retriable):
        download(response)


def test_two_lengths_that_differ_are_an_error() -> None:
    """The host's and the API's."""
    with pytest.raises(Retriable, match=r"sizes \[16, 17\]"):
        download(sized(PDF), file_size=17)


def test_a_body_without_length_is_held_against_the_api() -> None:
    """A connection that closes early looks like an end."""
    assert download(answer(200, {}, PDF), file_size=len(PDF)) == PDF
    with pytest.raises(Retriable, match="ended after 16 of 20 bytes"):
        download(answer(200, {}, PDF), file_size=20)


def test_a_chunked_body_tells_its_own_end() -> None:
    """No length is needed then."""
    response = urllib3.HTTPResponse(
        body=BytesIO(PDF), headers={"Transfer-Encoding": "chunked"}, status=200, preload_content=False
    )
    assert download(response) == PDF


def test_a_file_that_is_too_big_is_permanent() -> None:
    """By its announcement, or while it comes."""
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


def test_a_weak_etag_is_not_kept() -> None:
    """It does not promise equal bytes."""
    for etag, kept in (('"strong"', '"strong"'), ('W/"weak"', None), ("", None)):
        with opened(sized(PDF, etag=etag)) as found:
            assert found.etag == kept
