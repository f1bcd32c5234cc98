"""Qonto's API and file host."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, override
from urllib.parse import parse_qs

from bench.server.http import Response, Site

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.server.http import Request
    from bench.server.limits import Limits
    from bench.server.organization import Organization
    from bench.server.tally import Tally

_JSON = {"Content-Type": "application/json"}
_LIST = "/v2/client_invoices"
_ATTACHMENT = "/v2/attachments/"
_EARLIEST = "2000-01-01T00:00:00Z"
_LATEST = "2100-01-01T00:00:00Z"


class Qonto(Site):
    """The endpoints that the contenders use: the list of invoices, an invoice, an attachment."""

    def __init__(
        self,
        organization: Organization,
        limits: Limits,
        *,
        files_origin: str,
        latencies: Mapping[str, float],
        tally: Tally,
    ) -> None:
        self._organization = organization
        self._limits = limits
        self._files_origin = files_origin
        self._latencies = latencies
        self._tally = tally

    @override
    def answer(self, request: Request) -> Response:
        """See `Site`."""
        if wait := self._limits.wait():
            self._tally.count("qonto", "429")
            return Response(429, (b'{"errors":[]}',), {"Retry-After": str(wait)}, self._latencies["qonto"])
        operation, body = self._lookup(request)
        self._tally.count("qonto", operation)
        return Response(200 if body else 404, body, _JSON, self._latencies["qonto"])

    def _lookup(self, request: Request) -> tuple[str, tuple[bytes, ...]]:
        if request.path == _LIST:
            return "list", self._list(parse_qs(request.query))
        try:
            if request.path.startswith(_ATTACHMENT):
                return "attachment", self._attachment(request.path.removeprefix(_ATTACHMENT))
            index = self._organization.index(request.path.removeprefix(f"{_LIST}/"))
        except KeyError:
            return "not found", ()
        return "invoice", (b'{"client_invoice":', self._organization.document(index), b"}")

    def _list(self, query: Mapping[str, list[str]]) -> tuple[bytes, ...]:
        def first(name: str, default: str) -> str:
            return query.get(name, [default])[0]

        def window(name: str) -> tuple[datetime, datetime]:
            bounds = first(f"filter[{name}_from]", _EARLIEST), first(f"filter[{name}_to]", _LATEST)
            start, end = (datetime.fromisoformat(bound).astimezone(UTC) for bound in bounds)
            return start, end

        # No contender filters by both.
        by_creation = any(name.startswith("filter[created_at_") for name in query)
        found: Sequence[int] = (
            self._organization.created_between(*window("created_at"))
            if by_creation
            else self._organization.updated_between(*window("updated_at"))
        )
        if first("sort_by", "created_at:desc") == "created_at:desc":
            found = found[::-1]
        page, per_page = int(first("page", "1")), int(first("per_page", "100"))
        pages = -(-len(found) // per_page)
        meta: dict[str, Any] = {
            "current_page": page,
            "next_page": page + 1 if page < pages else None,
            "prev_page": page - 1 if page > 1 else None,
            "total_pages": pages,
            "total_count": len(found),
            "per_page": per_page,
        }
        listed = found[(page - 1) * per_page : page * per_page]
        documents = b",".join(map(self._organization.document, listed))
        return b'{"client_invoices":[', documents, b'],"meta":', json.dumps(meta).encode(), b"}"

    def _attachment(self, attachment_id: str) -> tuple[bytes, ...]:
        index = self._organization.attachment_index(attachment_id)
        attachment = {
            "id": attachment_id,
            "created_at": "2025-01-18T18:33:35.723Z",
            "file_name": f"F-{index:06}.pdf",
            "file_size": str(self._organization.file_bytes),
            "file_content_type": "application/pdf",
            "url": f"{self._files_origin}/attachment/{attachment_id}?X-Amz-Signature={'0' * 64}",
        }
        return (json.dumps({"attachment": attachment}).encode(),)


class Files(Site):
    """The host that the URLs of attachments point to."""

    def __init__(self, organization: Organization, *, latencies: Mapping[str, float], tally: Tally) -> None:
        self._organization = organization
        self._latencies = latencies
        self._tally = tally

    @override
    def answer(self, request: Request) -> Response:
        """See `Site`."""
        index = self._organization.attachment_index(request.path.rpartition("/")[2])
        file = self._organization.file(index)
        headers = {"ETag": file.etag, "Content-Type": "application/pdf", "Accept-Ranges": "bytes"}
        if request.headers.get("if-none-match") == file.etag:
            self._tally.count("files", "unchanged")
            return Response(304, (), headers, self._latencies["files"])
        self._tally.count("files", "download")
        return Response(200, file.body, headers, self._latencies["files"])
