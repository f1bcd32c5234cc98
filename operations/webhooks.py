"""The webhooks of a connection: `qonto-sync webhook subscribe`, `list`, `unsubscribe`.

Each has a secret of its own, which is stored before Qonto knows it and never shown. To rotate it, subscribe again and
end the older one: meanwhile both are accepted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from operations.arguments import any_connection_name
from operations.aws import OperationFailed, open_session
from operations.changes import check_secret
from operations.messages import subscribed, subscriptions_json, subscriptions_table, unsubscribed
from operations.options import STACK, JsonOption, NameArgument, StackOption, show, show_json
from operations.qonto import open_connection
from operations.resources import callback_url
from operations.stack import find_stack
from operations.webhook_secrets import fingerprint, new_secret
from qonto_sync.domain.errors import SyncError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import boto3

    from operations.qonto import QontoConnection
    from operations.stack import Stack
    from operations.subscriptions import Subscription
    from qonto_sync.domain.ids import ConnectionName

app = typer.Typer(no_args_is_help=True, help="Subscribe a deployed stack to a connection's webhooks.")


@app.command("subscribe")
def subscribe_command(name: NameArgument, stack: StackOption = STACK) -> None:
    """Have Qonto tell of every invoice that changes. Again: with a new secret.

    Example: `qonto-sync webhook subscribe acme`
    """
    show(subscribe(*_deployed(name, stack)))


@app.command("list")
def list_(name: NameArgument, stack: StackOption = STACK, *, as_json: JsonOption = False) -> None:
    """List the subscriptions, and whether their secrets are stored.

    Example: `qonto-sync webhook list acme`
    """
    qonto = open_connection(*_deployed(name, stack))
    found, stored = qonto.subscriptions.all(), qonto.secrets.fingerprints()
    if as_json:
        show_json(subscriptions_json(found, stored))
    else:
        show(subscriptions_table(found, stored))


@app.command()
def unsubscribe(
    name: NameArgument,
    wanted: Annotated[str, typer.Option("--id", metavar="ID", help="Which one, if there are several.")] = "",
    stack: StackOption = STACK,
) -> None:
    """End a subscription, and forget its secret.

    Example: `qonto-sync webhook unsubscribe acme --id 4f1c…`
    """
    session, deployed, connection = _deployed(name, stack)
    qonto = open_connection(session, deployed, connection)
    chosen = _chosen(qonto.subscriptions.all(), wanted)
    # The secret first, so that the command can be repeated whatever fails afterwards.
    forgotten = bool(chosen.fingerprint) and qonto.secrets.remove(chosen.fingerprint or "")
    qonto.subscriptions.delete(chosen.id)
    show(unsubscribed(deployed, connection, chosen, forgotten=forgotten))


def subscribe(session: boto3.Session, stack: Stack, connection: ConnectionName) -> Iterable[str]:
    """Subscribes the stack to the connection's invoices, and yields the output.

    Raises:
        OperationFailed, SyncError: there is no new subscription, or the error says that there may be one.
    """
    url = callback_url(stack, connection)
    qonto = open_connection(session, stack, connection)
    # A missing permission is reported before anything is stored.
    qonto.subscriptions.all()
    secret = new_secret()
    qonto.secrets.add(secret)
    created = _create(qonto, url, secret)
    others = [each for each in qonto.subscriptions.all() if each.callback_url == url and each.id != created.id]
    for twin in [each for each in others if each.fingerprint == fingerprint(secret)]:
        # The response to a first request was lost, and the request was repeated.
        qonto.subscriptions.delete(twin.id)
        others.remove(twin)
    return subscribed(stack, connection, created, others)


def _create(qonto: QontoConnection, url: str, secret: str) -> Subscription:
    try:
        return qonto.subscriptions.create(url, secret, fingerprint(secret))
    except OperationFailed:
        qonto.secrets.remove(fingerprint(secret))
        raise
    except SyncError as error:
        raise OperationFailed(
            f"{error}\nPerhaps Qonto made the subscription all the same. Its secret is stored, so its webhooks are"
            " accepted: see `qonto-sync webhook list`, and subscribe again if it is not there"
        ) from error


def _chosen(found: list[Subscription], wanted: str) -> Subscription:
    chosen = [each for each in found if not wanted or each.id == wanted]
    if len(chosen) == 1:
        return chosen[0]
    if not found:
        raise OperationFailed("There is no webhook subscription")
    listed = "\n".join(f"  --id {each.id}  {each.callback_url}" for each in found)
    problem = f"There is no subscription {wanted!r}" if wanted else "There are several"
    raise OperationFailed(f"{problem}: say which one, so far nothing was changed\n{listed}")


def _deployed(name: str, stack: str) -> tuple[boto3.Session, Stack, ConnectionName]:
    connection = any_connection_name(name)
    session = open_session()
    deployed = find_stack(session, stack)
    check_secret(session, deployed, connection)
    return session, deployed, connection
