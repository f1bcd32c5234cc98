"""Presigned URLs, valid for half an hour, in the form of S3's SigV4."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote, unquote, urlencode

LIFETIME = timedelta(minutes=30)
_STAMP = "%Y%m%dT%H%M%SZ"


class PermissionDeniedError(Exception):
    """The URL does not give access; `code` and the message are S3's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Presigner:
    """Signs and checks paths; only an unchanged URL of this signer is good, and only until it expires."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def sign(self, path: str, now: datetime) -> str:
        """Return the path with a query string that allows one `GET` for half an hour."""
        stamp = now.astimezone(UTC).strftime(_STAMP)
        parameters = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"ASIASIMULATOR/{stamp[:8]}/eu-central-1/s3/aws4_request",
            "X-Amz-Date": stamp,
            "X-Amz-Expires": str(int(LIFETIME.total_seconds())),
            "X-Amz-SignedHeaders": "host",
        }
        parameters["X-Amz-Signature"] = self._signature("GET", path, parameters)
        return f"{path}?{urlencode(parameters, quote_via=quote)}"

    def check(self, method: str, path: str, query: str, now: datetime) -> None:
        """Raise `PermissionDeniedError` unless this request may be answered now."""
        parameters = dict(parse_qsl(query, keep_blank_values=True))
        given = parameters.pop("X-Amz-Signature", None)
        if given is None:
            raise PermissionDeniedError("AccessDenied", "Access Denied")
        if not hmac.compare_digest(given, self._signature(method, path, parameters)):
            raise PermissionDeniedError(
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided.",
            )
        signed_at = datetime.strptime(parameters["X-Amz-Date"], _STAMP).replace(tzinfo=UTC)
        if now >= signed_at + timedelta(seconds=int(parameters["X-Amz-Expires"])):
            raise PermissionDeniedError("AccessDenied", "Request has expired")

    def _signature(self, method: str, path: str, parameters: dict[str, str]) -> str:
        # Clients may quote a path differently; the decoded path is signed.
        canonical = [method, unquote(path), urlencode(sorted(parameters.items()))]
        return hmac.new(self._secret, "\n".join(canonical).encode(), hashlib.sha256).hexdigest()
