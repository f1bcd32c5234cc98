"""Who may ask: API key, OAuth with rotating refresh tokens, the sandbox's staging token."""

import base64
from collections.abc import Mapping

import pytest

from local.qonto_simulator import World

from .conftest import Client, ManualClock, Serve

LIST = "/v2/client_invoices"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "acme-4217"},
        {"Authorization": "acme-4217:wrong"},
        {"Authorization": "Bearer acme-4217:simulator-secret-key"},
        {"Authorization": "Basic " + base64.b64encode(b"acme-4217:simulator-secret-key").decode()},
    ],
)
def test_the_api_key_goes_plain(client: Client, headers: dict[str, str]) -> None:
    """Anything but `login:secret_key` is a 401 in the envelope, before the path is even looked at."""
    for path in (LIST, "/v2/nothing"):
        response = client.get(path, headers)
        assert response.status == 401
        assert response.json()["errors"][0]["code"] == "unauthorized"


def test_an_access_token_lasts_an_hour(client: Client, clock: ManualClock) -> None:
    """A refresh gives an access token that reads for an hour."""
    answer = client.token().json()
    headers = {"Authorization": f"Bearer {answer['access_token']}"}
    assert (answer["expires_in"], answer["token_type"]) == (3600, "bearer")
    clock.move(3599)
    assert client.get(LIST, headers).status == 200
    clock.move(1)
    assert client.get(LIST, headers).status == 401


def test_refresh_tokens_rotate_with_a_grace_of_a_minute(client: Client, clock: ManualClock) -> None:
    """The old refresh token works for 60 s after its first use, then never again; the new one does."""
    first = client.token()
    clock.move(60)
    assert client.token().status == 200
    clock.move(1)
    refused = client.token()
    assert (refused.status, refused.json()["error"]) == (400, "invalid_grant")
    renewed = client.token(refresh_token=first.json()["refresh_token"])
    assert renewed.status == 200
    assert renewed.json()["access_token"] != first.json()["access_token"]


def test_a_refresh_token_dies_after_ninety_days(client: Client, clock: ManualClock) -> None:
    """An unused refresh token is good for 90 days."""
    clock.move(90 * 86_400)
    assert client.token().json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"refresh_token": "unknown"}, 400, "invalid_grant"),
        ({"refresh_token": ""}, 400, "invalid_grant"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": ""}, 401, "invalid_client"),
        ({"grant_type": "client_credentials"}, 400, "unsupported_grant_type"),
    ],
)
def test_refused_grants(client: Client, form: Mapping[str, str], status: int, error: str) -> None:
    """Errors are in the style of OAuth, not in the API's envelope."""
    response = client.token(**form)
    assert (response.status, response.json()["error"]) == (status, error)


def test_client_credentials_belong_into_the_body(client: Client) -> None:
    """HTTP Basic is refused, and so is anything but a form sent with POST."""
    url = client.simulator.token_url
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    basic = client.request("POST", url, form | {"Authorization": "Basic eDp5"}, b"grant_type=refresh_token")
    assert (basic.status, basic.json()["error"]) == (401, "invalid_client")
    assert "unsupported authentication method" in basic.json()["error_description"]
    assert client.request("POST", url, {"Content-Type": "application/json"}, b"{}").status == 400
    assert client.request("GET", url).status == 405


def test_the_sandbox_shows_a_login_page(world: World, serve: Serve) -> None:
    """Without the staging token every API request, the token endpoint too, gets OneLogin's HTML with 200."""
    client = serve(world, staging_token="let-me-in")
    for response in (client.get(LIST), client.token()):
        assert (response.status, response.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert b"OneLogin" in response.data
    admitted = client.get(LIST, client.credentials | {"X-Qonto-Staging-Token": "let-me-in"})
    assert admitted.json()["client_invoices"] == []


def test_no_credentials_in_the_log(client: Client, clock: ManualClock) -> None:
    """The log tells method, path, status; queries only of the API."""
    world = client.simulator.world
    world.create()
    clock.move(10)
    client.get(f"{LIST}?page=1")
    client.token()
    client.get(client.attachment(world.attachment_ids()[0])["url"])
    log = client.simulator.requests
    assert [(each.origin, each.method, each.status) for each in log] == [
        ("api", "GET", 200),
        ("api", "POST", 200),
        ("api", "GET", 200),
        ("files", "GET", 200),
    ]
    assert (log[0].path, log[0].query, log[3].query) == (LIST, "page=1", "")
    assert "secret" not in repr(log)
    assert "Signature" not in repr(log)
