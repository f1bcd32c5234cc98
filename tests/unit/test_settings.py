"""The environment, checked as a whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from qonto_sync.domain.errors import InvalidSettings
from qonto_sync.settings import AttachmentOrigins, Settings, WebhookSettings

GOOD = {
    "QONTO_API_URL": "https://thirdparty.qonto.com",
    "QONTO_TOKEN_URL": "https://oauth.qonto.com/oauth2/token",
    "QONTO_SECRET_PREFIX": "qonto/",
    "STACK": "123456789012/eu-central-1/qonto-sync",
    "STATE_TABLE": "state",
    "ARCHIVE_BUCKET": "archive",
    "RETRY_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/1/retry",
    "INITIAL_SYNC_FROM": "2026-01-01T00:00:00Z",
    "ATTACHMENT_HOSTS": "Files.example, http://127.0.0.1:9000, files.example:443, https://10.0.0.5:443",
}


def test_reads_everything() -> None:
    """Required settings as given, optional ones with their defaults."""
    settings = Settings.from_environment(GOOD)
    assert settings.initial_sync_from == datetime(2026, 1, 1, tzinfo=UTC)
    assert settings.attachment_origins == AttachmentOrigins(
        public=frozenset({"https://files.example"}),
        explicit=frozenset({"http://127.0.0.1:9000", "https://10.0.0.5"}),
    )
    assert (settings.overlap, settings.lag) == (timedelta(minutes=10), timedelta(minutes=1))
    assert (settings.requests_per_10_seconds, settings.requests_per_10_minutes) == (1_000, 10_000)
    assert (settings.workers, settings.pages_per_slice, settings.max_file_bytes) == (24, 20, 100_000_000)
    assert settings.scrub_days == 30


def test_names_all_problems_at_once() -> None:
    """One deployment mends them all."""
    broken = {
        **GOOD,
        "STATE_TABLE": " ",
        "QONTO_API_URL": "thirdparty.qonto.com",
        "INITIAL_SYNC_FROM": "yesterday",
        "WORKERS": "many",
        "LAG_SECONDS": "1",
    }
    del broken["ARCHIVE_BUCKET"]
    with pytest.raises(InvalidSettings) as error:
        Settings.from_environment(broken)
    assert str(error.value) == (
        "Settings to correct: QONTO_API_URL is 'thirdparty.qonto.com', but must be a URL such as https://host/path;"
        " STATE_TABLE is missing; ARCHIVE_BUCKET is missing;"
        " INITIAL_SYNC_FROM is 'yesterday', but must be a time such as 2026-01-31T00:00:00Z;"
        " LAG_SECONDS is '1', but must be a whole number from 10 to 3600;"
        " WORKERS is 'many', but must be a whole number from 1 to 64"
    )


@pytest.mark.parametrize("url", ["https://user:pw@host", "ftp://host", "https://host/v2", "https://"])
def test_refuses_what_is_no_origin(url: str) -> None:
    """The API's address has no path, no user and no other scheme."""
    with pytest.raises(InvalidSettings, match="QONTO_API_URL"):
        Settings.from_environment({**GOOD, "QONTO_API_URL": url})


def test_webhooks_need_two_settings_only() -> None:
    """The others have defaults; and all that are wrong are named at once."""
    names = ("QONTO_SECRET_PREFIX", "RETRY_QUEUE_URL")
    settings = WebhookSettings.from_environment({name: GOOD[name] for name in names})
    assert (settings.secret_prefix, settings.retry_queue_url) == tuple(GOOD[name] for name in names)
    assert (settings.tolerance, settings.delay) == (timedelta(minutes=5), timedelta(seconds=15))
    assert (settings.max_body_bytes, settings.call_timeout) == (1_048_576, timedelta(milliseconds=300))
    with pytest.raises(InvalidSettings) as error:
        WebhookSettings.from_environment({"RETRY_QUEUE_URL": "retry", "WEBHOOK_DELAY_SECONDS": "901"})
    assert str(error.value) == (
        "Settings to correct: QONTO_SECRET_PREFIX is missing;"
        " RETRY_QUEUE_URL is 'retry', but must be a URL such as https://host/path;"
        " WEBHOOK_DELAY_SECONDS is '901', but must be a whole number from 0 to 900"
    )
