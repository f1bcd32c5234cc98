"""The files behind the attachments: rendered on the first request, then cached."""

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache

from local.qonto_simulator.e_invoices import render_e_invoice
from local.qonto_simulator.invoices import PDF, XML, Attachment
from local.qonto_simulator.pdf import render_pdf
from local.qonto_simulator.plain_files import render_plain
from local.qonto_simulator.scans import render_scan

_KEPT_FILES = 1024


@dataclass(frozen=True, slots=True)
class _Print:
    """What determines the bytes of a file; equal prints have equal files, in any world."""

    fingerprint: str
    plain: bool
    attachment: Attachment = field(compare=False)


class Documents:
    """Content, size and ETag of every edition; sizes are kept, contents only as long as there is room."""

    def __init__(self, *, plain: bool) -> None:
        self._plain = plain
        self._known: dict[tuple[str, int], tuple[_Print, int, str]] = {}

    def content(self, attachment: Attachment) -> bytes:
        """Return the bytes of the edition, always the same."""
        printed, _, _ = self._facts(attachment)
        return _render(printed)

    def size_and_etag(self, attachment: Attachment) -> tuple[int, str]:
        """Return the length of the content and its MD5, as the file host's ETag has it."""
        _, size, etag = self._facts(attachment)
        return size, etag

    def _facts(self, attachment: Attachment) -> tuple[_Print, int, str]:
        key = (attachment.id, attachment.edition)
        if key not in self._known:
            source = attachment.printed.document(with_updated_at=True)
            made = f"{attachment.edition}:{attachment.generated_at}:{attachment.printed.upload}".encode()
            printed = _Print(hashlib.sha256(source + made).hexdigest(), self._plain, attachment)
            content = _render(printed)
            etag = hashlib.md5(content, usedforsecurity=False).hexdigest()
            self._known[key] = (printed, len(content), etag)
        return self._known[key]


@lru_cache(_KEPT_FILES)
def _render(printed: _Print) -> bytes:
    attachment = printed.attachment
    upload = attachment.printed.upload
    before = upload.before if upload else b""
    if attachment.content_type == XML:
        return before + render_e_invoice(attachment)
    if printed.plain:
        return before + render_plain(attachment)
    return before + (render_pdf(attachment) if attachment.content_type == PDF else render_scan(attachment))
