"""One page that shows an archive: self-contained, without a network, for a browser.

Texts from outside are data, never markup: the page has a policy that lets a browser run its own script only, and the
script writes texts as texts.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from operations.certificates import inventory_key, inventory_rows, parse_certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from operations.archives import Archive

_FOLDER: Final = Path(__file__).parent
_COLUMNS: Final = (
    *("invoice_id", "number", "client_name", "status", "state", "reason", "currency", "total_amount", "issue_date"),
    *("due_date", "paid_at", "created_at"),
)
_KIND: Final = re.compile(r"[a-z0-9]{1,5}")


def render_page(rows: Iterable[Mapping[str, str]], *, title: str, about: str, link: Callable[[str], str | None]) -> str:
    """The page of these rows of inventories.

    `about` says what they are, and of when. `link` gives the path of an object relative to the page, by its key; None
    if it is not there.
    """
    lines = [[*(row[name] for name in _COLUMNS), *_links(row, link)] for row in rows]
    data = {"about": about, "columns": [*_COLUMNS, "file", "kind", "document"], "rows": lines}
    style, script = (_FOLDER.joinpath(name).read_text("utf-8") for name in ("page.css", "page.js"))
    policy = (
        f"default-src 'none'; style-src {_source(style)}; script-src {_source(script)};"
        " base-uri 'none'; form-action 'none'"
    )
    return Template(_FOLDER.joinpath("page.html").read_text("utf-8")).substitute(
        policy=policy, title=html.escape(title), style=style, script=script, data=_embedded(data)
    )


def archive_page(archive: Archive, connection: str, link: Callable[[str], str | None]) -> str | None:
    """The page of all that a connection's last certificate names; None if there is no certificate."""
    content = archive.certificate()
    certificate = parse_certificate(content) if content else None
    if certificate is None:
        return None
    rows: list[dict[str, str]] = []
    about = f"As certified {certificate.fields.get('reconciled_at')}, certificate {certificate.version}"
    for month in (str(each.get("month")) for each in certificate.fields["months"]):
        try:
            rows += inventory_rows(archive.content(inventory_key(connection, month)) or b"")
        except ValueError:
            about += f", without {month}, whose inventory cannot be read"
    return render_page(rows, title=f"Invoices of {connection}", about=about, link=link)


def _links(row: Mapping[str, str], link: Callable[[str], str | None]) -> tuple[str, str, str]:
    file, document = (_url(link(row[name])) if row[name] else "" for name in ("file_key", "document_key"))
    kind = row["file_key"].rpartition(".")[2]
    return file, kind.upper() if _KIND.fullmatch(kind) else "File", document


def _url(path: str | None) -> str:
    """A relative address, whatever the path has: no scheme, no host, and no way out of the folder."""
    segments = path.split("/") if path else []
    if not segments or any(segment in {"", ".", ".."} for segment in segments):
        return ""
    return "./" + "/".join(quote(segment.encode("utf-8", "replace"), safe="") for segment in segments)


def _embedded(data: object) -> str:
    """JSON that ends no script element, whatever it has."""
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _source(text: str) -> str:
    """How the policy names a script or a style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
