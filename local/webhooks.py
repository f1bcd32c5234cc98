"""What a local run does with webhooks: subscribe as an operator, edit as a user, and see when it is archived."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import boto3

from local.aws import session
from local.comparison import is_archived
from local.lambda_service import inside
from operations import webhooks
from operations.stack import find_stack
from qonto_sync.domain.ids import ConnectionName

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from local.event_source import EventSourceMapping
    from local.qonto_simulator import Simulator
    from local.stack import Stack

_BETWEEN_POLLS: Final = 0.25
"""Seconds. Lambda's own pollers wait at the queue, and have a message at once."""
_PATIENCE: Final = 600


class NotArchived(Exception):
    """The webhook was acknowledged, but its edit was not archived."""


@dataclass(frozen=True, slots=True)
class Edit:
    """An edit in Qonto's app."""

    invoice_id: str
    number: str
    at: datetime

    def seconds_until(self, moment: datetime) -> float:
        """From the edit on."""
        return (moment - self.at).total_seconds()


@dataclass(frozen=True, slots=True)
class WebhookSource:
    """A simulated organization that sends webhooks."""

    simulator: Simulator
    edits: list[dict[str, Any]] = field(default_factory=list)
    """Those made so far: a world that is made again has to have them, too."""

    @property
    def credentials(self) -> Mapping[str, str]:
        """Of the OAuth client: Qonto lets no API key subscribe."""
        client = self.simulator.oauth_client
        return {name: getattr(client, name) for name in ("client_id", "client_secret", "refresh_token")}

    def edit(self) -> Edit:
        """Edits the newest invoice with a PDF by Qonto, so that the PDF changes."""
        world = self.simulator.world
        documents = (json.loads(world.document(invoice_id)) for invoice_id in reversed(world.invoice_ids()))
        chosen = next(
            document
            for document in documents
            if document["attachment_id"] and document["status"] != "draft" and document["invoice_type"] != "imported"
        )
        fields: dict[str, Any] = {
            "terms_and_conditions": f"Payable within {30 + len(self.edits)} days, as agreed by telephone"
        }
        world.edit(chosen["id"], **fields)
        at = json.loads(world.document(chosen["id"]))["updated_at"]
        self.edits.append({"at": at, "invoice": chosen["id"], "fields": fields})
        return Edit(chosen["id"], chosen["number"], datetime.fromisoformat(at))

    def deliver(self, wait: Callable[[float], object]) -> datetime | None:
        """Delivers the webhook until it is acknowledged, and returns when that was; None if it never was."""
        queued = self.simulator.webhooks
        while at := queued.next_at():
            wait(max((at - self.simulator.world.now()).total_seconds(), 0))
            if queued.deliver():
                return self.simulator.world.now()
        return None

    def archive(self, edit: Edit, stack: Stack, queue: EventSourceMapping, wait: Callable[[float], object]) -> datetime:
        """Empties the queue until the archive has the edit, and returns when that was.

        Raises:
            NotArchived: it never was.
        """
        world = self.simulator.world
        while edit.seconds_until(world.now()) < _PATIENCE:
            if not queue.poll_once().received:
                wait(_BETWEEN_POLLS)
            elif is_archived(world, stack, edit.invoice_id):
                return world.now()
        raise NotArchived(f"the invoice {edit.invoice_id} is not archived {_PATIENCE} s after it was edited")


def subscribe(stack: Stack, connection: str, url: str, credentials: Mapping[str, str]) -> None:
    """Does what `qonto-sync webhook subscribe` does, for an endpoint here, with these credentials."""
    function = stack.functions["SyncFunction"]
    secrets = session().client("secretsmanager", endpoint_url=stack.endpoint_url)
    name = f"{function.environment['QONTO_SECRET_PREFIX']}{connection}"
    secrets.put_secret_value(SecretId=name, SecretString=json.dumps(dict(credentials)))
    with inside(function):
        operator = boto3.Session()
        deployed = replace(find_stack(operator, "local"), webhook_url=url)
        list(webhooks.subscribe(operator, deployed, ConnectionName(connection)))
