"""The read endpoints of the Business API."""

import json
import re
from http import HTTPStatus
from itertools import count
from typing import Any

from local.qonto_simulator.behaviour import Behaviour, Forms, MetaStyle
from local.qonto_simulator.files import Files
from local.qonto_simulator.invoice_faults import InvoiceFaults
from local.qonto_simulator.invoices import PDF
from local.qonto_simulator.messages import JSON, RefusedError, Request, Response, new_trace_id
from local.qonto_simulator.query import ListQuery, read_list_query, refuse_parameters
from local.qonto_simulator.timestamps import zulu
from local.qonto_simulator.world import Listing, World

_ROUTE = re.compile(r"/v2/(?:client_invoices|(?P<kind>client_invoices|attachments)/(?P<id>[^/]+))")


class Api:
    """Invoices as a list and one by one, and where their files are."""

    def __init__(
        self, world: World, files: Files, files_origin: str, behaviour: Behaviour, invoice_faults: InvoiceFaults
    ) -> None:
        self._world = world
        self._files = files
        self._files_origin = files_origin
        self.behaviour = behaviour
        self._invoice_faults = invoice_faults
        self._served = count(1)

    def answer(self, request: Request) -> Response:
        """Answer an authenticated request, or raise `RefusedError`."""
        route = _ROUTE.fullmatch(request.path)
        if route is None:
            raise RefusedError(404, "not_found", f"no such path: {request.path}")
        if request.method != "GET":
            raise RefusedError(405, "method_not_allowed", f"{request.method} is not allowed here")
        if route["id"] is None:
            behaviour = self.behaviour
            return _found(self._list(read_list_query(request.query, behaviour.bounds), behaviour))
        refuse_parameters(request.query)
        read = self._attachment if route["kind"] == "attachments" else self._invoice
        return _found(read(route["id"]))

    def _list(self, query: ListQuery, behaviour: Behaviour) -> bytes:
        listing = self._listing(query, behaviour)
        total = listing.total + self._invoice_faults.phantoms(query.predicates) + behaviour.extra_count
        if query.page > max(_pages(total, query.per_page), 1):
            if behaviour.past_end == "refused":
                raise RefusedError(422, "invalid_page", "page is past the end", "page")
            if behaviour.past_end == "uncounted":
                total = 0
        meta = _meta(query, total, behaviour.meta)
        documents = b",".join(self._served_form(document, "more_listed") for document in listing.documents)
        return b'{"client_invoices":[' + documents + b'],"meta":' + json.dumps(meta).encode() + b"}"

    def _listing(self, query: ListQuery, behaviour: Behaviour) -> Listing:
        listing = self._world.listing(
            query.predicates,
            descending=query.descending,
            page=query.page,
            per_page=query.per_page,
            ties=behaviour.ties,
        )
        if behaviour.search_limit is not None and listing.total > behaviour.search_limit:
            raise RefusedError(422, "search_limit_reached", f"more than {behaviour.search_limit} results")
        status = self._invoice_faults.page_status(listing.ids)
        if status is not None:
            phrase = HTTPStatus(status).phrase
            raise RefusedError(status, phrase.lower().replace(" ", "_"), phrase)
        return listing

    def _invoice(self, invoice_id: str) -> bytes:
        not_found = RefusedError(404, "not_found", "client invoice not found")
        if self._invoice_faults.conceals(invoice_id):
            raise not_found
        try:
            document = self._world.document(invoice_id)
        except KeyError:
            raise not_found from None
        return b'{"client_invoice":' + self._served_form(document, "more_alone") + b"}"

    def _served_form(self, document: bytes, form: Forms) -> bytes:
        """The invoice as one of the two endpoints serves it; `form` is the one in which it has a field more there."""
        if self.behaviour.forms == "volatile":
            return document[:-1] + b',"seen_at":%d}' % next(self._served)
        return document[:-1] + b',"seen_by":[]}' if self.behaviour.forms == form else document

    def _attachment(self, attachment_id: str) -> bytes:
        try:
            attachment = self._world.attachment(attachment_id)
        except KeyError:
            raise RefusedError(404, "not_found", "attachment not found") from None
        size, _ = self._world.size_and_etag(attachment)
        path = self._files.presigned_path(attachment, self._world.now())
        served: dict[str, Any] = {
            "id": attachment.id,
            "created_at": zulu(attachment.created_at),
            "file_name": attachment.file_name,
            # A string, as seen live.
            "file_size": str(size),
            "file_content_type": attachment.content_type,
            "url": f"{self._files_origin}{path}",
            "probative_attachment": {
                "status": "pending" if attachment.content_type == PDF else "unavailable",
                "file_name": None,
                "file_content_type": None,
                "file_size": None,
                "url": None,
            },
        }
        if self.behaviour.dated_attachments:
            served["updated_at"] = zulu(attachment.generated_at)
        # Qonto writes `&` as \u0026: a client that reads the URL out of the raw text gets it wrong.
        return json.dumps({"attachment": served}).replace("&", "\\u0026").encode()


def _meta(query: ListQuery, total: int, style: MetaStyle) -> dict[str, Any]:
    total_pages = _pages(total, query.per_page)
    meta: dict[str, Any] = {
        "current_page": query.page,
        "next_page": query.page + 1 if query.page < total_pages else None,
        "prev_page": query.page - 1 if query.page > 1 else None,
        "total_pages": total_pages,
        "total_count": total,
        "per_page": query.per_page,
    }
    match style:
        case "without_next_page":
            del meta["next_page"]
        case "next_page_zero":
            meta["next_page"] = meta["next_page"] or 0
        case "previous_page":
            meta["previous_page"] = meta.pop("prev_page")
        case "documented":
            pass
    return meta


def _pages(total: int, per_page: int) -> int:
    return -(-total // per_page)


def _found(body: bytes) -> Response:
    return Response(200, body, JSON, (("X-Tyk-Trace-Id", new_trace_id()),))
