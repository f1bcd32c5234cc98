"""Attachments and the file host: short-lived URLs, conditional requests, and S3's errors."""

import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from hashlib import md5
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from PIL import Image

from local.qonto_simulator import Behaviour, World
from local.qonto_simulator.invoices import Upload

from .conftest import Client, ManualClock, Serve


@pytest.fixture
def attachment_id(client: Client, clock: ManualClock) -> str:
    """An attachment that is there."""
    client.simulator.world.create()
    clock.move(10)
    return client.simulator.world.attachment_ids()[0]


def test_one_invoice_is_served_as_in_the_list(client: Client) -> None:
    """The envelope holds the exact document that the list holds."""
    world = client.simulator.world
    invoice_id = world.create()
    response = client.get(f"/v2/client_invoices/{invoice_id}")
    assert response.status == 200
    assert response.data == b'{"client_invoice":' + world.document(invoice_id) + b"}"


def test_an_attachment_may_say_when_its_file_was_made(client: Client, clock: ManualClock, attachment_id: str) -> None:
    """Only where Qonto is set to; each print has another time."""
    assert "updated_at" not in client.get(f"/v2/attachments/{attachment_id}").json()["attachment"]
    client.simulator.behaviour = Behaviour(dated_attachments=True)
    made = client.get(f"/v2/attachments/{attachment_id}").json()["attachment"]["updated_at"]
    client.simulator.world.regenerate_pdf(client.simulator.world.invoice_ids()[0])
    assert client.get(f"/v2/attachments/{attachment_id}").json()["attachment"]["updated_at"] >= made
    clock.move(1)
    client.simulator.world.regenerate_pdf(client.simulator.world.invoice_ids()[0])
    assert client.get(f"/v2/attachments/{attachment_id}").json()["attachment"]["updated_at"] > made


@pytest.mark.parametrize(
    ("forms", "only_listed", "only_alone"),
    [("equal", set(), set()), ("more_listed", {"seen_by"}, set()), ("more_alone", set(), {"seen_by"})],
)
def test_the_two_forms_of_an_invoice_may_differ(
    client: Client, forms: Any, only_listed: set[str], only_alone: set[str]
) -> None:
    """By one field, which one of them lacks."""
    invoice_id = client.simulator.world.create()
    client.simulator.behaviour = Behaviour(forms=forms)
    listed = client.get("/v2/client_invoices").json()["client_invoices"][0]
    alone = client.get(f"/v2/client_invoices/{invoice_id}").json()["client_invoice"]
    assert (listed.keys() - alone.keys(), alone.keys() - listed.keys()) == (only_listed, only_alone)


def test_a_field_may_differ_each_time(client: Client) -> None:
    """Nothing changed, and no two responses are equal."""
    invoice_id = client.simulator.world.create()
    client.simulator.behaviour = Behaviour(forms="volatile")
    seen = {client.get(f"/v2/client_invoices/{invoice_id}").data for _ in range(3)}
    assert len(seen) == 3


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/client_invoices/4c0f6a2e-0000-4000-8000-000000000000", 404),
        ("GET", "/v2/client_invoices/", 404),
        ("GET", "/v2/attachments/4c0f6a2e-0000-4000-8000-000000000000", 404),
        ("GET", "/v2/attachments", 404),
        ("GET", "/v2/quotes", 404),
        ("GET", "/", 404),
        ("POST", "/v2/client_invoices", 405),
        ("DELETE", "/v2/client_invoices/4c0f6a2e-0000-4000-8000-000000000000", 405),
    ],
)
def test_what_is_not_there_is_an_error_in_the_envelope(client: Client, method: str, path: str, status: int) -> None:
    """Unknown ids, paths and methods are JSON errors with a trace id."""
    response = client.request(method, path)
    assert response.status == status
    assert response.json()["trace_id"] == response.headers["X-Tyk-Trace-Id"]


def test_an_attachment_takes_no_parameters(client: Client, attachment_id: str) -> None:
    """A parameter where none is documented is refused."""
    assert client.get(f"/v2/attachments/{attachment_id}?expand=url").status == 422


def test_attachment(client: Client, clock: ManualClock, attachment_id: str) -> None:
    """The attachment tells name, type, size as a string, and a URL on the other origin."""
    attachment = client.attachment(attachment_id)
    content = client.simulator.world.file(attachment_id)
    assert attachment["id"] == attachment_id
    assert attachment["file_name"] == "F-2026-001.pdf"
    assert attachment["file_content_type"] == "application/pdf"
    assert attachment["file_size"] == str(len(content))
    assert attachment["url"].startswith(f"{client.simulator.files_origin}/production/uploads/attachment/")
    assert "X-Amz-Expires=1800&" in attachment["url"]


def test_the_url_is_escaped_in_the_text(client: Client, attachment_id: str) -> None:
    """As live, the raw text has escaped ampersands: only a JSON parser gets the URL right."""
    body = client.get(f"/v2/attachments/{attachment_id}").data
    assert b"\\u0026X-Amz-Date=" in body
    assert b"&" not in body


def test_the_file(client: Client, attachment_id: str) -> None:
    """The file comes with its length, type and MD5, and without credentials."""
    content = client.simulator.world.file(attachment_id)
    response = client.get(client.attachment(attachment_id)["url"])
    assert (response.status, response.data) == (200, content)
    assert response.headers["Content-Length"] == str(len(content))
    assert response.headers["Content-Type"] == "application/pdf"
    assert response.headers["ETag"] == f'"{md5(content, usedforsecurity=False).hexdigest()}"'


def test_a_known_file_is_not_sent_again(client: Client, attachment_id: str) -> None:
    """With the right ETag the answer is 304 without a body; after a new edition it is the new file."""
    world = client.simulator.world
    etag = client.get(client.attachment(attachment_id)["url"]).headers["ETag"]
    url = client.attachment(attachment_id)["url"]
    unchanged = client.get(url, {"If-None-Match": etag})
    assert (unchanged.status, unchanged.data, unchanged.headers["ETag"]) == (304, b"", etag)
    assert client.get(url, {"If-None-Match": f'"other", W/{etag}'}).status == 304
    assert client.get(url, {"If-None-Match": '"other"'}).status == 200
    (invoice_id,) = world.invoice_ids()
    world.regenerate_pdf(invoice_id)
    changed = client.get(url, {"If-None-Match": etag})
    assert (changed.status, changed.data) == (200, world.file(attachment_id))
    assert changed.headers["ETag"] != etag


def test_a_url_lives_half_an_hour(client: Client, clock: ManualClock, attachment_id: str) -> None:
    """After thirty minutes on the world's clock, the URL is S3's 403; a fresh one works."""
    url = client.attachment(attachment_id)["url"]
    clock.move(1799)
    assert client.get(url).status == 200
    clock.move(1)
    expired = client.get(url)
    assert (expired.status, expired.headers["Content-Type"]) == (403, "application/xml")
    assert b"<Code>AccessDenied</Code><Message>Request has expired</Message>" in expired.data
    assert client.get(client.attachment(attachment_id)["url"]).status == 200


@pytest.mark.parametrize(
    ("pattern", "replacement", "code"),
    [
        ("X-Amz-Expires=1800", "X-Amz-Expires=86400", b"SignatureDoesNotMatch"),
        ("Signature=.", "Signature=x", b"SignatureDoesNotMatch"),
        (r"F-2026-001\.pdf", "F-2026-002.pdf", b"SignatureDoesNotMatch"),
        (r"\?.*", "", b"AccessDenied"),
    ],
)
def test_a_changed_url_gives_no_access(
    client: Client, attachment_id: str, pattern: str, replacement: str, code: bytes
) -> None:
    """Whatever is changed in a URL, it is worth nothing."""
    url = client.attachment(attachment_id)["url"]
    changed = re.sub(pattern, replacement, url)
    response = client.get(changed)
    assert changed != url
    assert response.status == 403
    assert code in response.data


def test_the_url_is_for_get_alone(client: Client, attachment_id: str) -> None:
    """A presigned URL is bound to its method: HEAD and PUT are 403."""
    url = client.attachment(attachment_id)["url"]
    assert client.request("HEAD", url).status == 403
    assert client.request("PUT", url, body=b"x").status == 403


def test_the_file_host_wants_no_second_credential(client: Client, attachment_id: str) -> None:
    """Who sends the API key to the file host is refused, as by S3."""
    response = client.get(client.attachment(attachment_id)["url"], client.credentials)
    assert response.status == 400
    assert b"Only one auth mechanism allowed" in response.data


def test_a_file_that_is_gone(client: Client, clock: ManualClock) -> None:
    """A file deleted after its URL was given is NoSuchKey, and so is any other path."""
    world = client.simulator.world
    draft = world.create(draft=True)
    clock.move(10)
    url = client.attachment(world.attachment_ids()[0])["url"]
    world.delete(draft)
    for gone in (url, client.simulator.files_origin):
        response = client.get(gone)
        assert (response.status, b"<Code>NoSuchKey</Code>" in response.data) == (404, True)


@pytest.mark.parametrize(
    "file_name",
    [
        "../../etc/passwd.pdf",
        "Rechnung Müller (2).pdf",
        "é" * 250 + ".pdf",
        'devis "signé" \x07.pdf',
        "100% & more?#.pdf",
        "日本 €.pdf",
    ],
)
def test_awkward_names_survive_the_way(client: Client, file_name: str) -> None:
    """A file can be fetched whatever its user called it, and the name is told as it is."""
    world = client.simulator.world
    world.create(upload=Upload(file_name, "application/pdf"))
    attachment = client.attachment(world.attachment_ids()[0])
    response = client.get(attachment["url"])
    assert attachment["file_name"] == file_name
    assert unquote(urlsplit(attachment["url"]).path).endswith(f"/{file_name}")
    assert (response.status, response.data) == (200, world.file(attachment["id"]))


@pytest.mark.parametrize("plain", [True, False])
def test_files_are_what_they_say(make_world: Callable[..., World], *, plain: bool) -> None:
    """PDF, JPEG, PNG, and WebP, which Qonto does not accept, are real, drawn or plain; UBL is parsed as such."""
    world = make_world(plain_files=plain)
    for content_type in ("application/pdf", "image/jpeg", "image/png", "image/webp", "application/xml"):
        world.create(upload=Upload("scan", content_type))
    for attachment_id in world.attachment_ids():
        content, kind = world.file(attachment_id), world.attachment(attachment_id).content_type
        if kind == "application/xml":
            root = ET.fromstring(content)  # noqa: S314 - made by the simulator
            assert root.tag == "{urn:oasis:names:specification:ubl:schema:xsd:Invoice-2}Invoice"
            amount = root.find(".//{urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2}PayableAmount")
            assert amount is not None
            assert amount.attrib == {"currencyID": world.attachment(attachment_id).printed.body["currency"]}
        elif kind == "application/pdf":
            assert content.startswith(b"%PDF-1.")
            assert content.rstrip().endswith(b"%%EOF")
            start = int(content.rsplit(b"startxref", 1)[1].split()[0])
            assert content[start:].startswith(b"xref")
        else:
            with Image.open(io.BytesIO(content)) as picture:
                picture.load()
                assert Image.MIME[str(picture.format)] == kind


@pytest.mark.parametrize("content_type", ["application/pdf", "application/xml"])
def test_something_may_stand_before_the_file(client: Client, content_type: str) -> None:
    """It counts in size and ETag."""
    world = client.simulator.world
    world.create(upload=Upload("export", content_type, b"\xef\xbb\xbf\r\n"))
    (attachment_id,) = world.attachment_ids()
    attachment = client.attachment(attachment_id)
    response = client.get(attachment["url"])
    assert response.data == world.file(attachment_id)
    assert response.data[:6] in {b"\xef\xbb\xbf\r\n%", b"\xef\xbb\xbf\r\n<"}
    assert int(attachment["file_size"]) == len(response.data)


def test_a_drawn_invoice_fills_as_many_pages_as_it_needs(make_world: Callable[..., World]) -> None:
    """Long invoices go on on a second page, and drafts without lines are drawn too."""
    world = make_world(plain_files=False, invoices=200)
    pages = {world.file(each).count(b"/Type /Page\n") for each in world.attachment_ids()[:120]}
    assert {1, 2} <= pages


def test_every_response_is_dated_by_the_world(client: Client, clock: ManualClock, attachment_id: str) -> None:
    """There is one Date header, and it tells the world's time, on both origins and for errors."""
    url = client.attachment(attachment_id)["url"]
    clock.move(61)
    for path in ("/v2/client_invoices", "/nowhere", "/_simulator/", url, f"{client.simulator.files_origin}/nothing"):
        assert client.get(path).headers.getlist("Date") == ["Mon, 02 Nov 2026 09:01:11 GMT"]


def test_the_file_urls_carry_the_public_name(world: World, serve: Serve, clock: ManualClock) -> None:
    """A simulator that is reached by another name says so in its URLs."""
    client = serve(world, public_host="localhost")
    world.create()
    clock.move(10)
    url = client.attachment(world.attachment_ids()[0])["url"]
    assert url.startswith("http://localhost:")
    assert client.get(url).status == 200
