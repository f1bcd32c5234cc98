"""What the page is made of; `tests/browser` looks at it in a browser."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest

from operations.page import archive_page, render_page
from tests.archives import VersionedObjects
from tests.browser.sample import sample_rows

HOSTILE = "</script><!--<script>\u2028&"


def rendered(row: dict[str, str]) -> str:
    """The page of one row."""
    return render_page([sample_rows(1)[0] | row], title="T", about="", link=lambda key: key)


def test_data_end_no_element() -> None:
    """Whatever a text has: it is read back as it was."""
    page = rendered({"client_name": HOSTILE})
    (data,) = re.findall(r'<script id="data" type="application/json">(.*?)</script>', page, re.DOTALL)
    document = json.loads(data)
    assert document["rows"][0][document["columns"].index("client_name")] == HOSTILE
    assert not set(data) & set("<>&\u2028")


def test_the_policy_names_the_pages_own_script_and_style() -> None:
    """So the browser runs no other."""
    page = rendered({})
    for tag in ("style", "script"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in page
    assert "default-src 'none'" in page


@pytest.mark.parametrize(
    ("key", "link"),
    [
        ("a/b c.pdf", "./a/b%20c.pdf"),
        ("javascript:alert(1)", "./javascript%3Aalert%281%29"),
        ("//evil.example/x", ""),
        ("a/../../x.pdf", ""),
        ("", ""),
    ],
)
def test_a_link_stays_in_the_folder(key: str, link: str) -> None:
    """It has no scheme and no host."""
    page = rendered({"file_key": key, "document_key": ""})
    (row,) = json.loads(re.findall(r"application/json\">(.*?)</script>", page, re.DOTALL)[0])["rows"]
    assert row[-3] == link


def test_a_title_is_no_markup() -> None:
    """A connection's name cannot have any, but a title may be of anything."""
    assert "<title>&lt;b&gt;</title>" in render_page([], title="<b>", about="", link=lambda key: key)


def test_a_page_of_an_archive_names_the_months_that_nobody_can_read() -> None:
    """And shows the others; without a certificate there is none."""
    certificate = {"version": 3, "reconciled_at": "2026-11-27T02:00:00Z", "months": [{"month": "2026-10"}]}
    versions = {
        "acme/inventory/certificate.json": [json.dumps(certificate).encode()],
        "acme/inventory/2026/10.csv": [b"invoice_id,number\r\n1\r\n"],
    }
    page = archive_page(VersionedObjects("acme", versions), "acme", lambda key: key)
    assert page
    assert "certificate 3, without 2026-10, whose inventory cannot be read" in page
    assert archive_page(VersionedObjects("acme", {}), "acme", lambda key: key) is None
