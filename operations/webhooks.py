"""The webhooks of a connection: `make webhook-subscribe`, `make webhook-list`, `make webhook-unsubscribe`.

Each has a secret of its own, which is stored before Qonto knows it and never shown. To rotate it, subscribe again and
end the older one: meanwhile both are accepted.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from operations.arguments import any_connection_name
from operations.aws import OperationFailed, open_session, report
from operations.changes import check_secret
from operations.messages import subscribed, subscriptions_table, unsubscribed
from operations.qonto import open_connection, sync_errors_explained
from operations.resources import callback_url
from operations.stack import find_stack
from operations.webhook_secrets import fingerprint, new_secret
from qonto_sync.domain.errors import SyncError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import boto3

    from operations.qonto import QontoConnection
    from operations.stack import Stack
    from operations.subscriptions import Subscription
    from qonto_sync.domain.ids import ConnectionName


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return the exit status."""
    options = _parser().parse_args(arguments)

    def operation() -> list[str]:
        with sync_errors_explained():
            return list(options.run(options))

    return report(operation)


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


def _subscribe(options: argparse.Namespace) -> Iterable[str]:
    return subscribe(*_deployed(options))


def _create(qonto: QontoConnection, url: str, secret: str) -> Subscription:
    try:
        return qonto.subscriptions.create(url, secret, fingerprint(secret))
    except OperationFailed:
        qonto.secrets.remove(fingerprint(secret))
        raise
    except SyncError as error:
        raise OperationFailed(
            f"{error}\nPerhaps Qonto made the subscription all the same. Its secret is stored, so its webhooks are"
            " accepted: see `make webhook-list`, and subscribe again if it is not there"
        ) from error


def _unsubscribe(options: argparse.Namespace) -> Iterable[str]:
    session, stack, connection = _deployed(options)
    qonto = open_connection(session, stack, connection)
    chosen = _chosen(qonto.subscriptions.all(), options.id)
    # The secret first, so that the command can be repeated whatever fails afterwards.
    forgotten = bool(chosen.fingerprint) and qonto.secrets.remove(chosen.fingerprint or "")
    qonto.subscriptions.delete(chosen.id)
    return unsubscribed(stack, connection, chosen, forgotten=forgotten)


def _chosen(found: list[Subscription], wanted: str) -> Subscription:
    chosen = [each for each in found if not wanted or each.id == wanted]
    if len(chosen) == 1:
        return chosen[0]
    if not found:
        raise OperationFailed("There is no webhook subscription")
    listed = "\n".join(f"  ID={each.id}  {each.callback_url}" for each in found)
    problem = f"There is no subscription {wanted!r}" if wanted else "There are several"
    raise OperationFailed(f"{problem}: say which one, so far nothing was changed\n{listed}")


def _list(options: argparse.Namespace) -> Iterable[str]:
    qonto = open_connection(*_deployed(options))
    return subscriptions_table(qonto.subscriptions.all(), qonto.secrets.fingerprints())


def _deployed(options: argparse.Namespace) -> tuple[boto3.Session, Stack, ConnectionName]:
    connection = any_connection_name(options.name)
    session = open_session()
    stack = find_stack(session, options.stack)
    check_secret(session, stack, connection)
    return session, stack, connection


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m operations.webhooks", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="subscribe | list | unsubscribe")
    for name, run, does in (
        ("subscribe", _subscribe, "have Qonto tell of every invoice that changes; again: with a new secret"),
        ("list", _list, "the subscriptions, and whether their secrets are stored"),
        ("unsubscribe", _unsubscribe, "end a subscription, and forget its secret"),
    ):
        command = commands.add_parser(name, help=does, description=does)
        command.set_defaults(run=run)
        command.add_argument("--stack", default="qonto-sync", help="name of the CloudFormation stack")
        command.add_argument("name", metavar="NAME", help="of the connection, such as acme")
        if run is _unsubscribe:
            command.add_argument("--id", default="", metavar="ID", help="which one, if there are several")
    return parser


if __name__ == "__main__":
    sys.exit(main())
