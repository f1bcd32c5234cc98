"""The file host: an S3 bucket that answers presigned URLs."""

import re
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import quote
from xml.sax.saxutils import escape

from local.qonto_simulator.invoice_faults import InvoiceFaults
from local.qonto_simulator.invoices import XML, Attachment
from local.qonto_simulator.messages import Request, Response, new_trace_id
from local.qonto_simulator.presigning import PermissionDeniedError, Presigner
from local.qonto_simulator.world import World

_PREFIX = "/production/uploads/attachment/"
_KEY = re.compile(re.escape(_PREFIX) + r"([0-9a-f-]{36})/[^/]+")


class Files:
    """Serves the current edition of each attachment to holders of a valid URL."""

    def __init__(self, world: World, invoice_faults: InvoiceFaults) -> None:
        self._world = world
        self._invoice_faults = invoice_faults
        self._presigner = Presigner(f"file host {world.seed}")

    def presigned_path(self, attachment: Attachment, now: datetime) -> str:
        """Return where the attachment can be fetched for half an hour, without the origin."""
        return self._presigner.sign(f"{_PREFIX}{attachment.id}/{quote(attachment.file_name, safe='')}", now)

    def answer(self, request: Request) -> Response:
        """Answer a request to the file host."""
        key = _KEY.fullmatch(request.path)
        if key is None:
            return no_such_key()
        if "authorization" in request.headers:
            return s3_error(400, "InvalidArgument", "Only one auth mechanism allowed")
        try:
            self._presigner.check(request.method, request.path, request.query, self._world.now())
            attachment = self._world.attachment(key[1])
        except PermissionDeniedError as error:
            return s3_error(403, error.code, str(error))
        except KeyError:
            return no_such_key()
        if self._invoice_faults.has_lost_file(attachment.printed.id):
            return no_such_key()
        return self._serve(attachment, request.headers.get("if-none-match", ""))

    def _serve(self, attachment: Attachment, if_none_match: str) -> Response:
        _, md5 = self._world.size_and_etag(attachment)
        etag = f'"{md5}"'
        modified = format_datetime(attachment.generated_at, usegmt=True)
        headers = (("ETag", etag), ("Last-Modified", modified), *_s3_headers())
        known = {each.strip().removeprefix("W/") for each in if_none_match.split(",")}
        if known & {etag, "*"}:
            return Response(304, headers=headers)
        return Response(200, self._world.content(attachment), attachment.content_type, headers)


def no_such_key() -> Response:
    """Return S3's response for an object that does not exist."""
    return s3_error(404, "NoSuchKey", "The specified key does not exist.")


def s3_error(status: int, code: str, message: str) -> Response:
    """Return an error in S3's form."""
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{escape(message)}</Message>"
        f"<RequestId>{new_trace_id()[:16].upper()}</RequestId></Error>"
    )
    return Response(status, body.encode(), XML, _s3_headers())


def _s3_headers() -> tuple[tuple[str, str], ...]:
    return (("Server", "AmazonS3"), ("x-amz-request-id", new_trace_id()[:16].upper()))
