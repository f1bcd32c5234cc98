"""RetryFunction on its queue."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from local.comparison import Comparison
from local.lambda_service import ExecutionEnvironment
from qonto_sync.aws.refresh_leases import DynamoDbRefreshLeases
from qonto_sync.aws.state_table import StateTable
from qonto_sync.domain.messages import RecoveryMessage, message_body
from qonto_sync.domain.secret import RefreshLease
from tests.fakes import CONNECTION

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Deployment

    type Deployed = Callable[..., Deployment]


def pending(deployment: Deployment) -> list[str]:
    """The reasons of all that is pending in the ledger."""
    items = deployment.client("dynamodb").scan(TableName=deployment.stack.resources["StateTable"])["Items"]
    return [item["reason"]["S"] for item in items if "reason" in item]


def dead_letters(deployment: Deployment) -> int:
    """How many messages the dead-letter queue has."""
    url = deployment.stack.queues["RetryDeadLetterQueue"].url
    name = "ApproximateNumberOfMessages"
    return int(deployment.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"][name])


def test_failures_are_retried_until_they_succeed(deployed: Deployed) -> None:
    """The file host is down during the run and up again later."""
    deployment = deployed(invoices=10)
    deployment.simulator.faults.install("503", "/production", times=10_000)
    result = deployment.sync()
    assert result["outcome"] == "committed"
    assert result["invoices"]["pending"] > 0
    assert set(pending(deployment)) == {"failed"}
    deployment.simulator.faults.clear()
    deployment.drain(seconds=900)
    assert pending(deployment) == []
    assert deployment.compare().different == ()


def test_a_long_outage_ends_by_itself(deployed: Deployed) -> None:
    """The ledger has the next attempt, so no message is a dead letter; the hourly run sends new ones."""
    deployment = deployed(invoices=4)
    deployment.simulator.faults.install("403", "/production", times=10_000)
    deployment.sync()
    deployment.drain(seconds=6 * 3_600)
    assert dead_letters(deployment) == 0
    assert set(pending(deployment)) == {"failed"}
    deployment.simulator.faults.clear()
    # A message is sent for what is due within 15 minutes. So the next attempt is due within an hour, or six after eight
    # short waits, and overdue 15 minutes later.
    deployment.pass_time(7 * 3_600)
    assert deployment.sync()["requeued"] == 4
    deployment.drain(seconds=60)
    assert pending(deployment) == []
    assert deployment.compare().different == ()


def test_a_pdf_that_comes_late_is_archived_when_it_is_there(deployed: Deployed) -> None:
    """Awaited after 15 s, a minute, ten minutes."""
    deployment = deployed()
    deployment.world.create(pdf_after=timedelta(minutes=5))
    deployment.pass_time(120)
    assert deployment.sync()["invoices"]["pending"] == 1
    deployment.drain(seconds=900)
    assert pending(deployment) == []
    assert deployment.compare() == Comparison(invoices=1, files=1, different=())


def test_a_malformed_message_harms_nobody(deployed: Deployed) -> None:
    """It moves to the dead-letter queue; the other messages are processed."""
    deployment = deployed(invoices=3)
    deployment.simulator.faults.install("503", "/production", times=10_000)
    deployment.sync()
    deployment.simulator.faults.clear()
    queue = deployment.stack.queues["RetryQueue"].url
    deployment.client("sqs").send_message(QueueUrl=queue, MessageBody="{broken")
    deployment.drain(seconds=6 * 3_600)
    assert pending(deployment) == []
    assert dead_letters(deployment) == 1


def test_the_answer_names_the_failed_messages_only(deployed: Deployed) -> None:
    """As SQS's partial batch response wants it."""
    deployment = deployed(invoices=1)
    retry = ExecutionEnvironment(deployment.stack.functions["RetryFunction"])
    records = [
        {
            "messageId": message_id,
            "receiptHandle": "r",
            "body": body,
            "attributes": {"ApproximateReceiveCount": "1"},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": deployment.stack.queues["RetryQueue"].arn,
            "awsRegion": "eu-central-1",
        }
        for message_id, body in (
            ("good", json.dumps({"version": 1, "connection": "default", "invoice_id": "x", "reason": "failed"})),
            ("bad", "{"),
        )
    ]
    assert retry.invoke({"Records": records}) == {"batchItemFailures": [{"itemIdentifier": "bad"}]}


def test_an_interrupted_refresh_is_recovered(deployed: Deployed) -> None:
    """A function crashed after it used the refresh token: the message finds its lease active, and renews the secret."""
    deployment = deployed(invoices=1)
    client = deployment.simulator.oauth_client
    fields = {name: getattr(client, name) for name in ("client_id", "client_secret", "refresh_token")}
    secrets = deployment.client("secretsmanager")
    secrets.put_secret_value(SecretId="qonto/default", SecretString=json.dumps(fields))
    lease = RefreshLease(
        0,
        "a function that died",
        hashlib.sha256(client.refresh_token.encode()).hexdigest()[:16],
        datetime.now(UTC) - timedelta(seconds=21),
        is_active=True,
    )
    table = deployment.stack.resources["StateTable"]
    leases = DynamoDbRefreshLeases(StateTable(deployment.client("dynamodb"), table))
    leases.write(CONNECTION, lease)
    deployment.client("sqs").send_message(
        QueueUrl=deployment.stack.queues["RetryQueue"].url, MessageBody=message_body(RecoveryMessage(CONNECTION))
    )
    (delivery,) = deployment.drain()
    assert (delivery.received, delivery.deleted) == (1, 1)
    stored = json.loads(secrets.get_secret_value(SecretId="qonto/default")["SecretString"])
    assert stored["refresh_token"] != client.refresh_token
    closed = leases.read(CONNECTION)
    assert closed
    assert not closed.is_active
