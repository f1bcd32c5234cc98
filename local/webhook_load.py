"""A burst of webhooks: `make webhook-load`. None may be lost, and Qonto waits one second for each acknowledgement.

WebhookFunction as template.yaml deploys it, in processes of its own behind the HTTP endpoint of `make local`. Requests
are sent at fixed times, whether or not earlier ones were acknowledged, and timed from then on. Its secret and its
queue are in `webhook_aws`, so that the function and its HTTP calls are measured, not AWS.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from io import StringIO
from statistics import quantiles
from typing import TYPE_CHECKING, Final, NamedTuple

import urllib3

from local.aws import moto_server
from local.qonto_simulator.deliveries import ACKNOWLEDGED_WITHIN, SIGNATURE, signed
from local.stack import deploy
from local.webhook_aws import WebhookAws
from local.webhook_endpoint import WebhookEndpoint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from multiprocessing.connection import Connection

    from local.stack import DeployedFunction

_SECRET: Final = "whsec_of_a_load_test_on_loopback_only"
_WARM_UP: Final = 200
"""Webhooks, within a second. Each process takes in several at once."""
_AT_ONCE: Final = 64
_ACKNOWLEDGED: Final = range(200, 300)


class Answer(NamedTuple):
    """One request's fate."""

    status: int | None
    seconds: float
    """Since the moment when it should have been sent."""


class Load:
    """Sends signed webhooks to several addresses in turn."""

    def __init__(self, urls: list[str]) -> None:
        self._urls = urls
        self._pool = urllib3.PoolManager(maxsize=_AT_ONCE, retries=False, timeout=10)

    def send(self, first: int, count: int, per_second: float) -> list[Answer]:
        """Webhooks for as many different invoices, at this rate."""
        begun = time.perf_counter()
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            answers = []
            for number in range(count):
                due = begun + number / per_second
                time.sleep(max(due - time.perf_counter(), 0))
                answers.append(threads.submit(self._send, first + number, due))
            return [answer.result() for answer in answers]

    def _send(self, number: int, due: float) -> Answer:
        data = {"event": "updated", "id": f"invoice-{number}", "number": f"F-2026-{number}", "status": "unpaid"}
        body = json.dumps({"id": f"event-{number}", "type": "v1/client-invoices", "data": data}).encode()
        now = int(time.time())
        headers = {"Content-Type": "application/json", SIGNATURE: f"t={now},v1={signed(_SECRET, now, body)}"}
        try:
            response = self._pool.request("POST", self._urls[number % len(self._urls)], body=body, headers=headers)
        except (urllib3.exceptions.HTTPError, OSError):
            return Answer(None, time.perf_counter() - due)
        return Answer(response.status, time.perf_counter() - due)


def main(arguments: Sequence[str] | None = None) -> int:
    """Send the webhooks, count the messages, and return the exit status: 1 if any was lost or slow."""
    options = _options(arguments)
    aws = WebhookAws(json.dumps({"webhook_secrets": [_SECRET]}))
    aws.start()
    with _endpoints(_deployed(aws.url), options.processes) as urls:
        load = Load(urls)
        load.send(0, _WARM_UP, _WARM_UP)
        aws.forget()
        count = options.per_second * options.seconds
        answers = load.send(_WARM_UP, count, options.per_second)
    invoices = {json.loads(body)["invoice_id"] for body in aws.bodies()}
    slowest = max(answer.seconds for answer in answers)
    acknowledged = sum(answer.status in _ACKNOWLEDGED for answer in answers)
    percentiles = quantiles((answer.seconds for answer in answers), n=100)
    print(
        f"{count} webhooks, {options.per_second} a second, {options.processes} processes of WebhookFunction\n"
        f"  acknowledged {acknowledged}; messages in the queue {len(aws.bodies())}, for {len(invoices)} invoices\n"
        f"  median {percentiles[49] * 1000:.0f} ms, 99 of 100 within {percentiles[98] * 1000:.0f} ms,"
        f" the slowest {slowest * 1000:.0f} ms (Qonto waits {ACKNOWLEDGED_WITHIN * 1000:.0f} ms)"
    )
    return 0 if acknowledged == len(invoices) == count and slowest < ACKNOWLEDGED_WITHIN else 1


def _deployed(aws_url: str) -> DeployedFunction:
    """The function of the template, with another AWS behind it than the one that it was read back from."""
    with moto_server() as endpoint_url:
        function = deploy(endpoint_url, parameters={"WebhookEnabled": "true"}).functions["WebhookFunction"]
    return replace(function, environment={**function.environment, "AWS_ENDPOINT_URL": aws_url})


@contextmanager
def _endpoints(function: DeployedFunction, processes: int) -> Iterator[list[str]]:
    """The addresses of so many processes with the function in each, as Lambda has one for each request at once."""
    context = multiprocessing.get_context("spawn")
    pipes = [context.Pipe() for _ in range(processes)]
    workers = [context.Process(target=_serve, args=(function, theirs), daemon=True) for _, theirs in pipes]
    for worker in workers:
        worker.start()
    try:
        yield [ours.recv().replace("<connection>", "default") for ours, _ in pipes]
    finally:
        for ours, _ in pipes:
            ours.send("stop")
        for worker in workers:
            worker.join()


def _serve(function: DeployedFunction, pipe: Connection) -> None:
    # Log and metrics are written as in Lambda, and discarded.
    with redirect_stdout(StringIO()), WebhookEndpoint(function, environments=4) as endpoint:
        pipe.send(endpoint.url)
        pipe.recv()


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.webhook_load", description=__doc__)
    parser.add_argument("--per-second", type=int, default=200, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=10, metavar="N", help="(default: %(default)s)")
    parser.add_argument("--processes", type=int, default=2, metavar="N", help="(default: %(default)s)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
