"""The output of the commands."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from operations.changes import Change
from operations.listing import columns
from operations.resources import alarm_name, latest_start, secret_name, sync_event, webhook_secret_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from operations.stack import Stack
    from operations.subscriptions import Subscription
    from qonto_sync.domain.ids import ConnectionName


def added(stack: Stack, connection: ConnectionName, expression: str, hours: int, change: Change) -> Iterator[str]:
    """What was done, when it runs, and how to run it at once."""
    yield f"Schedule {connection} {change}: {expression}, in the group {stack.schedule_group}"
    yield f"Reconciliation: {stack.reconcile_schedule}, within four hours of it"
    yield f"Alarm {alarm_name(stack, connection)} set: rings after {hours} hours in which no run caught up"
    if expression.startswith("cron("):
        yield f"  If {expression} pauses for longer, say how long with --stalled-after"
    yield _next_run(expression, change)
    yield "At once:"
    yield f"  {invoke_command(stack, connection)}"


def removed(stack: Stack, connection: ConnectionName, *, had_schedule: bool, had_alarm: bool) -> Iterator[str]:
    """What was taken away, what stays, and the way back."""
    yield f"Schedule {connection} {'deleted' if had_schedule else 'was not there'}, in the group {stack.schedule_group}"
    yield f"Alarm {alarm_name(stack, connection)} {'deleted' if had_alarm else 'was not there'}"
    yield "What stays, if it was there:"
    yield f"  archive     s3://{stack.archive_bucket}/{connection}/"
    yield f"  checkpoint  checkpoint#{connection} in the table {stack.state_table}"
    yield f"  ledger      invoice#{connection}#… in the same table"
    yield f"  secrets     {secret_name(stack, connection)}, {webhook_secret_name(stack, connection)}"
    yield "A run in progress ends by itself. To add it again, from where it stopped:"
    yield f"  qonto-sync connection add {connection} --stack {shlex.quote(stack.name)}"


def subscribed(
    stack: Stack, connection: ConnectionName, created: Subscription, older: list[Subscription]
) -> Iterator[str]:
    """The new subscription, and how to finish a rotation."""
    yield f"Webhook {created.id} subscribed: {', '.join(created.types)} to {created.callback_url}"
    yield f"Its secret is stored in {webhook_secret_name(stack, connection)}, and accepted within ten seconds"
    if older:
        yield "Accepted as before, until you end it:"
        for each in older:
            place = f"--stack {shlex.quote(stack.name)} --id {shlex.quote(each.id)}"
            yield f"  qonto-sync webhook unsubscribe {connection} {place}"


def unsubscribed(stack: Stack, connection: ConnectionName, ended: Subscription, *, forgotten: bool) -> Iterator[str]:
    """What ended, and what is left to do by hand."""
    yield f"Webhook {ended.id} unsubscribed: {ended.callback_url}"
    name = webhook_secret_name(stack, connection)
    if forgotten:
        yield f"Its secret is no longer in {name}, and accepted for five more minutes at most"
    else:
        yield f"Its secret was not found in {name}. If it was stored by hand, take it out of webhook_secrets"


def subscriptions_table(found: list[Subscription], stored: list[str]) -> list[str]:
    """The subscriptions as text, in columns."""
    rows = [
        (each.id, ",".join(each.types), each.status or "-", _secret_of(each, stored), each.callback_url)
        for each in found
    ]
    return columns([("id", "types", "status", "secret", "url"), *rows])


def subscriptions_json(found: list[Subscription], stored: list[str]) -> list[dict[str, object]]:
    """The subscriptions for a script."""
    return [
        {
            "id": each.id,
            "types": list(each.types),
            "status": each.status,
            "secret": _secret_of(each, stored),
            "callback_url": each.callback_url,
        }
        for each in found
    ]


def _secret_of(subscription: Subscription, stored: list[str]) -> str:
    if subscription.fingerprint is None:
        return "unknown"
    return "stored" if subscription.fingerprint in stored else "missing"


def invoke_command(stack: Stack, connection: ConnectionName) -> str:
    """Starts a run of the connection now; runs follow one another until it has caught up."""
    return (
        f"aws lambda invoke --region {stack.region} --function-name {stack.sync_function_arn}"
        " --invocation-type Event --cli-binary-format raw-in-base64-out"
        f" --payload {shlex.quote(sync_event(connection))} /dev/stdout"
    )


def _next_run(expression: str, change: Change) -> str:
    if change is Change.UNCHANGED:
        return "It goes on as before."
    if change is Change.UPDATED:
        return "It goes on by this schedule."
    delay = f"within {latest_start(expression) or 1} minutes"
    # Without a start date a rate begins at once.
    when = delay if expression.startswith("rate(") else f"{delay} of the first time that {expression} names, in UTC"
    return f"First run: {when}. The alarm may ring until a run has caught up."
