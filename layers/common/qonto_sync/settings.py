"""The functions' environment variables, all checked before anything else happens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from qonto_sync.domain.errors import InvalidSettings
from qonto_sync.domain.times import from_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class AttachmentOrigins:
    """Where files may be downloaded from, each as an origin such as `https://host`."""

    public: frozenset[str]
    """Named by host: downloads connect to public addresses only."""
    explicit: frozenset[str]
    """Named in full, with a scheme: downloads connect to any address, also in this network."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the template passes to the functions. docs/parameters.md describes each one."""

    api_url: str
    token_url: str
    secret_prefix: str
    stack: str
    """Identifies this deployment: `<account>/<region>/<name of the stack>`."""
    state_table: str
    archive_bucket: str
    retry_queue_url: str
    initial_sync_from: datetime
    attachment_origins: AttachmentOrigins
    overlap: timedelta
    lag: timedelta
    pages_per_slice: int
    workers: int
    max_file_bytes: int
    scrub_days: int
    requests_per_10_seconds: int
    requests_per_10_minutes: int

    @staticmethod
    def from_environment(environment: Mapping[str, str]) -> Settings:
        """Reads and checks everything.

        Raises:
            InvalidSettings: names every variable that is missing or malformed.
        """
        read = _Reader(environment)
        settings = Settings(
            api_url=read.required("QONTO_API_URL", _origin),
            token_url=read.required("QONTO_TOKEN_URL", _url),
            secret_prefix=read.required("QONTO_SECRET_PREFIX", str),
            stack=read.required("STACK", str),
            state_table=read.required("STATE_TABLE", str),
            archive_bucket=read.required("ARCHIVE_BUCKET", str),
            retry_queue_url=read.required("RETRY_QUEUE_URL", _url),
            initial_sync_from=read.required("INITIAL_SYNC_FROM", _instant),
            attachment_origins=read.required("ATTACHMENT_HOSTS", _origins),
            overlap=timedelta(seconds=read.number("OVERLAP_SECONDS", default=600, least=1, most=86_400)),
            lag=timedelta(seconds=read.number("LAG_SECONDS", default=60, least=10, most=3_600)),
            pages_per_slice=read.number("PAGES_PER_SLICE", default=20, least=1, most=1_000),
            workers=read.number("WORKERS", default=24, least=1, most=64),
            max_file_bytes=read.number("MAX_FILE_BYTES", default=100_000_000, least=1, most=5_000_000_000),
            scrub_days=read.number("SCRUB_DAYS", default=30, least=1, most=3_650),
            requests_per_10_seconds=read.number("REQUESTS_PER_10_SECONDS", default=1_000, least=1, most=1_000_000),
            requests_per_10_minutes=read.number("REQUESTS_PER_10_MINUTES", default=10_000, least=1, most=1_000_000),
        )
        read.check()
        return settings


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """What the template passes to WebhookFunction, as far as it needs it; see docs/parameters.md."""

    secret_prefix: str
    retry_queue_url: str
    tolerance: timedelta
    delay: timedelta
    max_body_bytes: int
    call_timeout: timedelta

    @staticmethod
    def from_environment(environment: Mapping[str, str]) -> WebhookSettings:
        """Reads and checks everything.

        Raises:
            InvalidSettings: names every variable that is missing or malformed.
        """
        read = _Reader(environment)
        settings = WebhookSettings(
            secret_prefix=read.required("QONTO_SECRET_PREFIX", str),
            retry_queue_url=read.required("RETRY_QUEUE_URL", _url),
            tolerance=timedelta(seconds=read.number("WEBHOOK_TOLERANCE_SECONDS", default=300, least=1, most=86_400)),
            delay=timedelta(seconds=read.number("WEBHOOK_DELAY_SECONDS", default=15, least=0, most=900)),
            max_body_bytes=read.number("WEBHOOK_MAX_BODY_BYTES", default=1_048_576, least=1, most=6_000_000),
            call_timeout=timedelta(
                milliseconds=read.number("WEBHOOK_CALL_MILLISECONDS", default=300, least=10, most=60_000)
            ),
        )
        read.check()
        return settings


class _Reader:
    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._problems: list[str] = []

    def check(self) -> None:
        if self._problems:
            raise InvalidSettings("Settings to correct: " + "; ".join(self._problems))

    def required[T](self, name: str, parse: Callable[[str], T]) -> T:
        text = self._environment.get(name, "").strip()
        try:
            if not text:
                raise ValueError("is missing")  # noqa: TRY301 - one place makes the sentence of every problem
            return parse(text)
        except ValueError as error:
            self._problems.append(f"{name} {error}")
            # No caller sees it: `check` raises when all variables were read.
            return None  # type: ignore[return-value]

    def number(self, name: str, *, default: int, least: int, most: int) -> int:
        text = self._environment.get(name, "").strip() or str(default)
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if not least <= number <= most:
            self._problems.append(f"{name} is {text!r}, but must be a whole number from {least} to {most}")
        return number


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
        raise ValueError(f"is {text!r}, but must be a URL such as https://host/path")
    return text


def _origin(text: str) -> str:
    parts = urlsplit(_url(text))
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(f"is {text!r}, but must be an origin such as https://host, without a path")
    return f"{parts.scheme}://{parts.netloc}"


def _origins(text: str) -> AttachmentOrigins:
    """A host name implies https; a full origin is used as it is."""
    entries = [entry.strip().lower() for entry in text.split(",") if entry.strip()]
    return AttachmentOrigins(
        public=frozenset(_file_origin(f"https://{entry}") for entry in entries if "://" not in entry),
        explicit=frozenset(_file_origin(entry) for entry in entries if "://" in entry),
    )


def _file_origin(text: str) -> str:
    """The origin in the form that attachment URLs are compared in: without the scheme's default port."""
    origin = _origin(text)
    return origin.removesuffix(":443" if origin.startswith("https:") else ":80")


def _instant(text: str) -> datetime:
    instant = from_text(text)
    if instant is None:
        raise ValueError(f"is {text!r}, but must be a time such as 2026-01-31T00:00:00Z")
    return instant
