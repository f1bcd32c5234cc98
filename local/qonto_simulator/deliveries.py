"""Delivery of webhooks: signed, acknowledged within a second, or retried with growing waits for three days."""

import hashlib
import heapq
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from threading import Lock
from typing import Final
from urllib.parse import urlsplit

import urllib3

from local.qonto_simulator.faults import FaultKind, Faults
from local.qonto_simulator.invoices import identifier
from local.qonto_simulator.messages import Request
from local.qonto_simulator.request_log import LoggedRequest, RequestLog
from local.qonto_simulator.subscriptions import CLIENT_INVOICES, Subscription, Subscriptions
from local.qonto_simulator.timestamps import zulu
from local.qonto_simulator.world import World

SIGNATURE: Final = "X-Qonto-Signature"
ACKNOWLEDGED_WITHIN: Final = 1.0
"""Seconds."""
_FIRST_WAIT = timedelta(seconds=10)
_GIVE_UP_AFTER = timedelta(days=3)
# Up to this long after the change. Webhooks of two changes can arrive in the other order.
_SLOWEST: Final = 1.0


@dataclass(frozen=True, slots=True)
class _Delivery:
    subscription_id: str
    body: bytes
    planned_at: datetime
    """For the first time."""
    attempts: int = 0


class Deliveries:
    """Sends webhooks for changes in the world; none for changes before the subscription.

    Nothing is sent by itself: `deliver` sends what is due. The same seed, and the same changes, give the same ids,
    bodies and delays.
    """

    def __init__(self, world: World, subscriptions: Subscriptions, faults: Faults, log: RequestLog) -> None:
        self._world = world
        self._subscriptions = subscriptions
        self._faults = faults
        self._log = log
        self._pool = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(total=ACKNOWLEDGED_WITHIN))
        self._lock = Lock()
        self._delivering = Lock()
        self._due: list[tuple[datetime, int, _Delivery]] = []
        self._events = 0
        self._planned = 0
        world.listen(self._tell)

    def next_at(self) -> datetime | None:
        """Return when the next webhook for a past change is due."""
        self._world.catch_up()
        with self._lock:
            return self._due[0][0] if self._due else None

    def deliver(self) -> int:
        """Send everything that is due, and return how many were acknowledged."""
        with self._delivering:
            now = self._world.catch_up()
            acknowledged = 0
            while (delivery := self._next(now)) is not None:
                acknowledged += self._send(delivery)
            return acknowledged

    def close(self) -> None:
        """Close the connections to the subscribers."""
        self._pool.clear()

    def _tell(self, event: str, at: datetime, document: Callable[[], bytes]) -> None:
        for subscription in self._subscriptions.live():
            if CLIENT_INVOICES in subscription.types:
                self._events += 1
                event_id = identifier(self._world.seed, "webhook", self._events)
                body = self._envelope(event_id, subscription, event, at, document())
                delay = Random(event_id).uniform(0, _SLOWEST)
                first = at + timedelta(seconds=delay)
                self._plan(first, _Delivery(subscription.id, body, first))

    def _envelope(self, event_id: str, subscription: Subscription, event: str, at: datetime, document: bytes) -> bytes:
        invoice = json.loads(document)
        # The documentation says that there are no webhooks for these.
        invoice.pop("einvoicing_lifecycle_events", None)
        envelope = {
            "id": event_id,
            "subscription_id": subscription.id,
            "organization_id": self._subscriptions.organization_id,
            "membership_id": self._subscriptions.membership_id,
            "type": CLIENT_INVOICES,
            "created_at": zulu(at),
            "data": {"event": event, **invoice},
        }
        # Bytes that no JSON encoder produces: a signature check must use the raw body.
        return json.dumps(envelope, ensure_ascii=False, indent=1).encode()

    def _plan(self, at: datetime, delivery: _Delivery) -> None:
        with self._lock:
            self._planned += 1
            heapq.heappush(self._due, (at, self._planned, delivery))

    def _next(self, now: datetime) -> _Delivery | None:
        with self._lock:
            return heapq.heappop(self._due)[2] if self._due and self._due[0][0] <= now else None

    def _send(self, delivery: _Delivery) -> bool:
        subscription = self._subscriptions.find(delivery.subscription_id)
        if subscription is None:
            return False
        target = urlsplit(subscription.callback_url).path
        fault = self._faults.draw("webhooks", Request("POST", target, {}, delivery.body, ""))
        kind = None if fault is None else fault.kind
        if kind is FaultKind.LOST:
            return False
        status = self._post(subscription, delivery.body)
        self._log.add(LoggedRequest("webhooks", "POST", target, "", status, kind))
        if kind is FaultKind.DUPLICATE:
            self._post(subscription, delivery.body)
        if status is not None and status // 100 == 2:  # noqa: PLR2004 - any 2xx
            return True
        self._try_again(delivery)
        return False

    def _post(self, subscription: Subscription, body: bytes) -> int | None:
        timestamp = int(self._world.now().timestamp())
        signature = f"t={timestamp},v1={signed(subscription.secret, timestamp, body)}"
        headers = {"Content-Type": "application/json", "User-Agent": "Qonto-Webhooks", SIGNATURE: signature}
        try:
            response = self._pool.request("POST", subscription.callback_url, body=body, headers=headers, redirect=False)
        except (urllib3.exceptions.HTTPError, OSError):
            return None
        return response.status

    def _try_again(self, delivery: _Delivery) -> None:
        attempts = delivery.attempts + 1
        at = self._world.now() + _FIRST_WAIT * 2**delivery.attempts
        if at - delivery.planned_at <= _GIVE_UP_AFTER:
            self._plan(at, _Delivery(delivery.subscription_id, delivery.body, delivery.planned_at, attempts))


def signed(secret: str, timestamp: int, body: bytes) -> str:
    """Return the signature of these bytes, in hexadecimal digits."""
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
